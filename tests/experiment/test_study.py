"""Studies: plans of several data sets, there and back through TOML, and clear errors."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tithe.errors import ConfigError
from tithe.experiment.plan import Plan
from tithe.experiment.study import Study, read_plan

sys.path.insert(0, str(Path(__file__).parent))
from drawn import plans

THREE = """\
root = "data"
strategies = ["random", "auto"]
budgets = [10, 20]
seeds = 5

[[data]]
train = "atis/train.csv"
test = "atis/test.csv"

[[data]]
name = "fine"
train = "trec/train.csv"
test = "trec/test.csv"
label = "label_fine"
initial = 30
batches = [40]

[[data]]
train = "topics.jsonl"
test = "topics-test.jsonl"
task = "multilabel"
strategies = ["random", "cvirs"]
seeds = 3
"""


def written(folder: Path, text: str) -> Path:
    (folder / "plan.toml").write_text(text, "utf-8")
    return folder / "plan.toml"


def test_a_table_inherits_from_the_top_and_overrides_it(tmp_path: Path) -> None:
    study = read_plan(written(tmp_path, THREE))
    atis, fine, topics = study.parts
    assert [part.dataset for part in study.parts] == ["atis", "fine", "topics"]
    assert [part.seeds for part in study.parts] == [5, 5, 3]
    assert [part.strategies[1] for part in study.parts] == ["auto", "auto", "cvirs"]
    assert (atis.budgets, atis.initial) == ((10, 20), 0)
    assert (fine.budgets, fine.initial, fine.batches) == ((), 30, (40,)), "one way to say it replaces the other"
    assert (fine.label, atis.label, topics.task) == ("label_fine", None, "multilabel")
    assert [part.at(part.train) for part in study.parts] == [
        "data/atis/train.csv", "data/trec/train.csv", "data/topics.jsonl",
    ]  # fmt: skip


def test_a_root_given_by_hand_replaces_that_of_the_file(tmp_path: Path) -> None:
    path = written(tmp_path, THREE)
    moved = read_plan(path, root="/mine")
    assert {part.root for part in moved.parts} == {"/mine"}
    assert moved.digest == read_plan(path).digest


def test_one_table_is_a_plan_as_if_it_stood_at_the_top(tmp_path: Path) -> None:
    top = read_plan(written(tmp_path, 'seeds = 3\n[[data]]\ntrain = "a.csv"\ntest = "b.csv"\n'))
    assert top == Plan("a.csv", "b.csv", seeds=3)


@given(st.lists(plans, min_size=2, max_size=3), st.none() | st.just("root"))
@settings(max_examples=30, deadline=None)
def test_a_study_comes_back_from_its_toml_as_it_was(tmp_path_factory: Any, several: list[Plan], root: Any) -> None:
    study = Study(tuple(replace(plan, root=root, name=f"set {n}") for n, plan in enumerate(several)))
    path = tmp_path_factory.mktemp("study") / "plan.toml"
    path.write_bytes(study.to_toml().encode())
    again = read_plan(path)
    assert again == study
    assert again.digest == study.digest


def test_a_change_in_any_part_and_of_their_order_changes_the_digest() -> None:
    one, other = Plan("a.csv", "t.csv"), Plan("b.csv", "t.csv")
    studies = (one, other), (other, one), (one,), (one, replace(other, seeds=3)), (one, replace(other, name="c"))
    assert len({Study(parts).digest for parts in studies}) == 5


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[[data]]\ntrain = "a/x.csv"\ntest = "t"\n[[data]]\ntrain = "b/x.csv"\ntest = "t"', "two data sets are .* x;"),
        ('[[data]]\ntrain = "a"\ntest = "t"\n[[data]]\ntrain = "b"', "data set 2 of .*plan.toml lacks test"),
        ('[[data]]\ntrain = "a"\ntest = "t"\nsed = 3', "data set 1 of .* unknown setting 'sed'; did you mean 'seed"),
        ('sed = 3\n[[data]]\ntrain = "a"\ntest = "t"', "plan.toml has an unknown setting 'sed'; did you mean 'seed"),
        ('[[data]]\ntrain = "a"\ntest = "t"\nroot = "r"', "a root of its own"),
        ('[[data]]\ntrain = "a"\ntest = "t"\nseeds = 0', "a: a plan needs at least one seed"),
        ('data = "a.csv"', r"begin each with \[\[data\]\]"),
        ("data = []", r"begin each with \[\[data\]\]"),
    ],
)
def test_a_file_that_makes_no_sense_is_refused(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        read_plan(written(tmp_path, text))


def test_a_study_of_nothing_or_with_two_roots_is_refused() -> None:
    with pytest.raises(ConfigError, match="at least one data set"):
        Study(())
    with pytest.raises(ConfigError, match="share one root"):
        Study((Plan("a", "t", root="x"), Plan("b", "t")))


def test_only_some_data_sets_of_a_plan_are_read(tmp_path: Path) -> None:
    path = tmp_path / "plan.toml"
    tables = "".join(f'[[data]]\nname = "{one}"\ntrain = "{one}.csv"\n' for one in "abc")
    path.write_text(f'test = "t.csv"\nseeds = 2\n{tables}', "utf-8")
    assert [part.dataset for part in read_plan(path, only=["c", "a"]).parts] == ["a", "c"]
    assert read_plan(path, only=["b"]) == Plan("b.csv", "t.csv", seeds=2, name="b")
    assert read_plan(path, only=["a", "b", "c"]) == read_plan(path)
    with pytest.raises(ConfigError, match="no data set 'd'"):
        read_plan(path, only=["a", "d"])
