"""Names, settings and the entry points behind them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tithe import registry
from tithe.data.reading import read_items
from tithe.errors import ConfigError, UnknownNameError
from tithe.registry import build, find, names, origin, parse, split_list
from tithe.tasks.choice import Choice


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("", []),
        ("a", ["a"]),
        (" a , b,, ", ["a", "b"]),
        ("mix(auto=0.9, random=0.1),margin", ["mix(auto=0.9, random=0.1)", "margin"]),
        ("f(x=[1, 2], y={3, 4}),g", ["f(x=[1, 2], y={3, 4})", "g"]),
    ],
)
def test_a_list_is_split_at_commas_outside_brackets(text: str, parts: list[str]) -> None:
    assert split_list(text) == parts


@given(st.lists(st.from_regex(r"\A[a-z_]+(\([a-z]=[0-9](,[a-z]=[0-9])?\))?\Z"), max_size=5))
def test_splitting_undoes_joining(parts: list[str]) -> None:
    assert split_list(", ".join(parts)) == parts


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("margin", ("margin", {})),
        (" margin ( ) ", ("margin", {})),
        ("power_bald(beta=2)", ("power_bald", {"beta": 2})),
        ("f(a=0.5, b=[1, 2], c=None, d='x y')", ("f", {"a": 0.5, "b": [1, 2], "c": None, "d": "x y"})),
        ("f(kind=euclidean)", ("f", {"kind": "euclidean"})),
        ("f(start=/models/e5 small)", ("f", {"start": "/models/e5 small"})),
    ],
)
def test_a_spec_is_a_name_with_settings(spec: str, expected: tuple[str, dict[str, object]]) -> None:
    assert parse(spec) == expected


@pytest.mark.parametrize("spec", ["", "()", "f(", "f(a=1", "f(a=1)b", "f)"])
def test_a_spec_that_cannot_be_read_is_an_error_that_shows_the_form(spec: str) -> None:
    with pytest.raises(ConfigError, match=r"cannot read .*name\(key=1\)"):
        parse(spec)


@pytest.mark.parametrize("spec", ["f(1)", "f(a b=1)", "f(=1)", "f(a)"])
def test_a_setting_that_cannot_be_read_is_an_error_that_names_it(spec: str) -> None:
    with pytest.raises(ConfigError, match=r"cannot read the setting .* write key=value"):
        parse(spec)


def test_a_setting_that_stands_twice_is_refused() -> None:
    with pytest.raises(ConfigError, match="'a' stands twice"):
        parse("f(a=1, a=2)")


def test_the_built_in_names_come_from_entry_points() -> None:
    assert {"random", "margin", "auto"} <= set(names("strategies"))
    assert names("strategies") == tuple(sorted(names("strategies")))
    assert origin("tasks", "choice").startswith("tithe ")


def test_a_found_factory_is_the_object_itself() -> None:
    assert find("tasks", "choice") is Choice


@pytest.mark.parametrize(
    ("kind", "name", "words"),
    [
        ("strategies", "margn", "unknown strategy 'margn'; did you mean 'margin'"),
        ("tasks", "zzz", "unknown task 'zzz'; there are: choice"),
        ("stores", "zzz", "unknown store 'zzz'; there are: postgresql, sqlite"),
        ("engines", "inlin", "unknown engine 'inlin'; did you mean 'inline'"),
    ],
)
def test_an_unknown_name_is_an_error_that_lists_what_is_near(kind: registry.Kind, name: str, words: str) -> None:
    for ask in (find, origin):
        with pytest.raises(UnknownNameError, match=words):
            ask(kind, name)


def test_build_calls_the_factory_with_the_settings_and_what_is_given() -> None:
    task = build("tasks", "choice(name=sort)", labels=("a", "b"))
    assert task == Choice(("a", "b"), name="sort")


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("choice(nam=sort)", "the task 'choice' has no setting 'nam'; did you mean 'name'"),
        ("choice(colour=1)", "the task 'choice' has no setting 'colour'; there are: name"),
        ("choice(labels=[1])", "the task 'choice' has no setting 'labels'; there are: name"),
    ],
)
def test_an_unknown_setting_is_an_error_that_lists_what_is_near(spec: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        build("tasks", spec, labels=("a", "b"))


def test_a_setting_that_is_missing_is_an_error_that_shows_what_fits_without_types(install) -> None:
    install("one", "module_one", "def mine(share: float, *, most: int = 3): ...", strategies="mine = module_one:mine")
    with pytest.raises(ConfigError, match=r"missing a required argument: 'share'; it takes \(share, most=3\)$"):
        build("strategies", "mine(most=2)")


def test_an_error_inside_a_factory_is_not_mistaken_for_bad_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    def factory(size: int) -> int:
        return len(size)  # type: ignore[arg-type]

    monkeypatch.setattr(registry, "find", lambda kind, name: factory)
    with pytest.raises(TypeError, match="has no len"):
        build("strategies", "x(size=3)")


@pytest.mark.parametrize("spec", ["auto(per_class=many)", "auto(per_class=1.5)", "auto(share=True)"])
def test_a_setting_of_the_wrong_kind_is_one_clear_line(spec):
    with pytest.raises(ConfigError, match=r"of 'auto\(.* must be (int|float); given"):
        registry.build("strategies", spec)


PLAIN = """
class Mine:
    needs, cold = frozenset(), None
    def __init__(self, share: float = 1.0, most: int | None = None):
        self.share, self.most = share, most
"""


@pytest.mark.parametrize("spec", ["mine(share=a)", "mine(share=None)", "mine(most=1.5)", "mine(most=True)"])
def test_settings_of_plugins_are_checked_whose_types_are_no_strings(spec, install) -> None:
    install("one", "module_one", PLAIN, strategies="mine = module_one:Mine")
    with pytest.raises(ConfigError, match=r"of 'mine\(.*\)' must be (float|int \| None); given"):
        build("strategies", spec)
    assert build("strategies", "mine(share=2, most=None)").share == 2


@pytest.mark.parametrize("source", ["import nothing_of_this_name", "1 / 0", "", "def broken(:"])
def test_a_plugin_that_cannot_be_loaded_is_one_line_that_names_its_package(source, install) -> None:
    install(
        "broken-one", "module_broken", source, strategies="mine = module_broken:Mine", formats="odd = module_broken:X"
    )
    with pytest.raises(ConfigError) as caught:
        build("strategies", "mine")
    said = str(caught.value)
    assert "'mine' of the package broken-one 1.0 cannot be loaded from module_broken:Mine" in said
    assert said.endswith("pip uninstall broken-one")
    assert "\n" not in said
    assert build("strategies", "margin").needs == {"proba"}


def test_a_broken_format_does_not_keep_other_files_from_being_read(install, tmp_path) -> None:
    install("broken-one", "module_broken", "1 / 0", formats="aaa = module_broken:X")
    (tmp_path / "a.csv").write_text("text,label\ngood,a\n")
    assert list(read_items(tmp_path / "a.csv").texts) == ["good"]


def test_a_built_in_name_stays_ours_whoever_claims_it(install) -> None:
    install("one", "module_one", PLAIN, strategies="margin = module_one:Mine")
    assert type(build("strategies", "margin")).__module__.startswith("tithe.")
    assert origin("strategies", "margin").startswith("tithe ")
    assert registry.passed_over("strategies", "margin") == ("one 1.0",)
    assert registry.passed_over("strategies", "random") == registry.passed_over("strategies", "zzz") == ()


def test_a_name_that_two_strangers_claim_is_refused_and_both_are_named(install) -> None:
    install("two", "module_two", PLAIN, strategies="mine = module_two:Mine")
    install("one", "module_one", PLAIN, strategies="mine = module_one:Mine")
    for ask in (find, origin):
        with pytest.raises(
            ConfigError, match=r"'mine' is claimed by several packages, one 1\.0 and two 1\.0; uninstall"
        ):
            ask("strategies", "mine")
    assert registry.passed_over("strategies", "mine") == ()
