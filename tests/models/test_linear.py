"""The trainer `linear`: honest probabilities, the same bits every time, settings from labelled items alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tithe import Choice, Items, load_model
from tithe.errors import CacheError, ConfigError, LabelError, NeedsError
from tithe.models.linear import Linear
from tithe.models.linear_model import LinearModel
from tithe.models.starts import prepare_start
from tithe.rng import stream
from tithe.types import Examples
from tithe.views import ViewStore


def start_of(example: Any, cache: Path, spec: str = "lexical") -> Any:
    return prepare_start(spec, example.pool, store=ViewStore(cache))


def examples_of(example: Any, rows: Any) -> Examples:
    items = example.pool.take(np.asarray(list(rows)))
    return Examples(items, list(items.gold))


def fit(example: Any, cache: Path, count: int = 120, *, seed: int = 0, **more: Any) -> LinearModel:
    how = {"start": start_of(example, cache), "rng": stream(seed, "fit")} | more
    return Linear().fit(how.pop("task", example.task), examples_of(example, range(count)), **how)


@pytest.fixture(scope="module")
def model(example: Any, cache: Path) -> LinearModel:
    return fit(example, cache)


def test_probabilities_add_up_to_one_and_beat_chance_on_new_texts(model: LinearModel, example: Any) -> None:
    proba = model.view("proba", example.held)
    assert proba.shape == (len(example.held), 8)
    assert proba.dtype == np.float32
    np.testing.assert_allclose(proba.sum(axis=1), 1, atol=1e-5)
    assert example.task.score(example.held.gold, proba)["accuracy"] > 0.4


def test_the_temperature_makes_probabilities_honest(model: LinearModel, example: Any) -> None:
    proba = model.view("proba", example.held)
    right = np.asarray(example.task.decode(proba)) == np.asarray(example.held.gold)
    # 80 test items: the mean confidence and the accuracy differ by less than 3 standard errors of .055.
    assert abs(proba.max(axis=1).mean() - right.mean()) < 0.165
    rows, codes = np.arange(len(right)), example.task.encode(example.held.gold)

    def loss(temperature: float) -> float:
        logs = np.log(proba) / temperature
        logs -= np.log(np.exp(logs).sum(axis=1, keepdims=True))
        return float(-logs[rows, codes].mean())

    assert loss(1.0) < min(loss(0.33), loss(3.0))


def test_declared_labels_without_an_answer_get_a_small_probability_each(example: Any, cache: Path) -> None:
    task = Choice((*example.task.labels, "never", "neither"))
    found = fit(example, cache, 60, task=task)
    proba = found.view("proba", example.pool)
    np.testing.assert_allclose(proba.sum(axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(proba[:, -2:], 0.5 / (60 + 10), rtol=1e-5)
    assert (proba > 0).all()


def test_fewer_than_two_classes_are_an_error(example: Any, cache: Path) -> None:
    first = example.pool.gold[0]
    rows = [row for row, label in enumerate(example.pool.gold) if label == first]
    with pytest.raises(LabelError, match=r"at least two labels; .* have 1"):
        Linear().fit(example.task, examples_of(example, rows), start=start_of(example, cache), rng=stream(0))


def test_a_label_that_the_task_does_not_have_is_named(example: Any, cache: Path) -> None:
    with pytest.raises(LabelError, match="is not a label of this task"):
        fit(example, cache, task=Choice(("damage", "billing")))


@pytest.mark.parametrize("earlier", [40, 119])
def test_a_warm_fit_is_the_cold_one_to_the_last_bit(
    model: LinearModel, example: Any, cache: Path, earlier: int
) -> None:
    warm = fit(example, cache, warm=fit(example, cache, earlier))
    assert warm.fingerprint == model.fingerprint
    np.testing.assert_array_equal(warm.view("proba", example.held), model.view("proba", example.held))


def test_a_warm_model_of_another_seed_or_start_changes_nothing(model: LinearModel, example: Any, cache: Path) -> None:
    other_seed = fit(example, cache, seed=5)
    other_start = fit(example, cache, start=start_of(example, cache, "lexical(dims=20)"))
    for warm in (other_seed, other_start):
        assert fit(example, cache, warm=warm).fingerprint == model.fingerprint


def test_a_warm_model_spares_the_search(example: Any, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    searched = []
    from tithe.models import linear

    search = linear.search
    monkeypatch.setattr(linear, "search", lambda *given: searched.append(1) or search(*given))
    first = fit(example, cache, 119)
    fit(example, cache, 120, warm=first)
    assert len(searched) == 1


def test_settings_depend_on_labelled_items_alone(model: LinearModel, example: Any, cache: Path) -> None:
    # The start is the same; what is unlabelled is other items, with other labels of their own.
    others = Items(["x1", "x2"], ["one", "two"], ["damage", "billing"])
    for unlabelled in (None, example.pool, others):
        assert fit(example, cache, unlabelled=unlabelled).settings == model.settings
    swapped = [f"{label}" for label in example.pool.gold]
    assert swapped[120:] != swapped[119:-1], "labels beyond the examples differ from one another"
    hidden = Items(example.pool.ids, example.pool.texts, [*example.pool.gold[:120], *[None] * 120])
    again = Linear().fit(
        example.task,
        Examples(hidden.take(np.arange(120)), list(hidden.gold[:120])),
        start=prepare_start("lexical", hidden, store=ViewStore(cache)),
        rng=stream(0, "fit"),
    )
    assert again.settings == model.settings


def test_settings_change_with_the_labels(model: LinearModel, example: Any, cache: Path) -> None:
    shuffled = stream(3).permutation(np.asarray(example.pool.gold[:120]))
    noise = Linear().fit(
        example.task,
        Examples(example.pool.take(np.arange(120)), [str(label) for label in shuffled]),
        start=start_of(example, cache),
        rng=stream(0, "fit"),
    )
    assert noise.settings["accuracy_on_asked"] < 0.3 < model.settings["accuracy_on_asked"]
    assert noise.settings["penalty"] > model.settings["penalty"], "labels of pure noise want more regularisation"


def test_the_same_seed_gives_the_same_bits_and_another_one_other_committees(
    model: LinearModel, example: Any, cache: Path
) -> None:
    again, other = fit(example, cache), fit(example, cache, seed=1)
    for name in ("proba", "committee"):
        assert again.view(name, example.held).tobytes() == model.view(name, example.held).tobytes()
    assert other.view("committee", example.held).tobytes() != model.view("committee", example.held).tobytes()


def test_a_fit_changes_none_of_its_inputs(example: Any, cache: Path) -> None:
    start = start_of(example, cache)
    examples = Examples(example.pool.take(np.arange(60)), list(example.pool.gold[:60]), [0.5] * 60)
    before = (examples.digest, example.pool.digest, start.view("lexical", example.pool).tobytes())
    trainer = Linear()
    first = trainer.fit(example.task, examples, start=start, rng=stream(0))
    kept = first.fingerprint
    trainer.fit(example.task, examples, start=start, rng=stream(1), warm=first)
    assert (examples.digest, example.pool.digest, start.view("lexical", example.pool).tobytes()) == before
    assert first.fingerprint == kept
    assert trainer == Linear()


def test_weights_of_examples_count(example: Any, cache: Path) -> None:
    items = example.pool.take(np.arange(60))
    start = start_of(example, cache)

    def proba(weights: list[float] | None) -> np.ndarray:
        examples = Examples(items, list(items.gold), weights)
        return Linear().fit(example.task, examples, start=start, rng=stream(0)).view("proba", items)

    np.testing.assert_array_equal(proba([1.0] * 60), proba(None))
    half = proba([0.05] * 30 + [1.0] * 30)
    codes = example.task.encode(items.gold)
    sure = [float(p[np.arange(30), codes[:30]].mean()) for p in (half[:30], proba(None)[:30])]
    assert sure[0] < sure[1] - 0.1, "items of little weight are believed less"


def test_a_committee_spreads_around_the_model(model: LinearModel, example: Any) -> None:
    committee = model.view("committee", example.held)
    proba = model.view("proba", example.held)
    assert committee.shape == (10, len(example.held), 8)
    np.testing.assert_allclose(committee.sum(axis=2), 1, atol=1e-5)
    spread = committee.std(axis=0).mean()
    assert 0.01 < spread < 0.3
    assert abs(committee.mean(axis=0) - proba).mean() < spread


def test_few_and_one_sided_labels_are_fitted(example: Any, cache: Path) -> None:
    gold = list(example.pool.gold)
    first = [row for row, label in enumerate(gold) if label == gold[0]][:22]
    rows = [*first, next(row for row, label in enumerate(gold) if label != gold[0])]
    for some in (rows[-2:], rows):  # two labels; and a first rung of one class alone
        found = Linear().fit(example.task, examples_of(example, some), start=start_of(example, cache), rng=stream(0))
        assert np.isfinite(found.view("proba", example.held)).all()


def test_a_view_that_it_does_not_give_is_an_error(model: LinearModel, example: Any) -> None:
    with pytest.raises(NeedsError, match="gives committee, proba; not 'votes'"):
        model.view("votes", example.held)


# --- on disk


@pytest.fixture
def folder(model: LinearModel, tmp_path: Path) -> Path:
    model.save(tmp_path / "model")
    return tmp_path / "model"


def test_a_saved_model_comes_back_the_same(model: LinearModel, folder: Path, example: Any) -> None:
    loaded = load_model(folder, store=ViewStore(None))
    assert loaded.fingerprint == model.fingerprint
    assert loaded.settings == model.settings
    for name in ("proba", "committee"):
        # The lexical axes are stored, so a new text has the same bits too.
        np.testing.assert_array_equal(loaded.view(name, example.held), model.view(name, example.held))


def test_nothing_is_pickled_and_nothing_half_written_is_left(folder: Path) -> None:
    there = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert there == {"model.json", "model.safetensors", "start-0/lexical.safetensors", "start-0/vocabulary.json"}
    assert {path.name for path in folder.parent.iterdir()} == {"model"}
    json.loads((folder / "model.json").read_text(), parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))


@pytest.mark.parametrize("name", ["model.safetensors", "start-0/lexical.safetensors", "start-0/vocabulary.json"])
@pytest.mark.parametrize("where", [0.02, 0.5, 0.99])
def test_a_flipped_byte_is_a_cache_error(folder: Path, name: str, where: float) -> None:
    raw = bytearray((folder / name).read_bytes())
    raw[int(len(raw) * where)] ^= 1
    (folder / name).write_bytes(bytes(raw))
    with pytest.raises(CacheError, match=r"is damaged .* train .* again"):
        load_model(folder)


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"format": 1}', '{"format": 1, "files_crc32": {}}'])
def test_a_damaged_record_is_a_cache_error(folder: Path, text: str) -> None:
    (folder / "model.json").write_text(text)
    with pytest.raises(CacheError, match="is damaged"):
        load_model(folder)


@pytest.mark.parametrize("share", [0.3, 0.9])
def test_a_truncated_record_is_a_cache_error(folder: Path, share: float) -> None:
    text = (folder / "model.json").read_text()
    (folder / "model.json").write_text(text[: int(len(text) * share)])
    with pytest.raises(CacheError, match="is damaged"):
        load_model(folder)


def test_a_missing_weight_file_is_a_cache_error(folder: Path) -> None:
    (folder / "start-0" / "lexical.safetensors").unlink()
    with pytest.raises(CacheError, match="is damaged"):
        load_model(folder)


def test_a_model_of_a_newer_tithe_says_so(folder: Path) -> None:
    record = json.loads((folder / "model.json").read_text())
    (folder / "model.json").write_text(json.dumps(record | {"format": 99}))
    with pytest.raises(ConfigError, match=r"newer tithe \(format 99\); update"):
        load_model(folder)


def test_a_folder_that_is_there_is_not_written_over(model: LinearModel, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    with pytest.raises(ConfigError, match="exists already"):
        model.save(tmp_path / "mine")
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["letter.txt"]


def test_a_folder_without_a_model_says_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="holds no model"):
        load_model(tmp_path)


PROGRAM = """
import hashlib, sys
import numpy as np
from tithe import Items
from tithe.models.given import GivenStart
from tithe.models.linear import Linear
from tithe.models.starts import prepare_start
from tithe.data.reading import read_items
from tithe.pool import declared_task
from tithe.rng import stream
from tithe.types import Examples
from tithe.views import ViewStore
items = read_items(sys.argv[1])
some = items.take(np.arange(150))
given = GivenStart({items.digest: stream(0).normal(size=(len(items), 384))})
model = Linear().fit(declared_task("choice", items), Examples(some, list(some.gold)), start=given, rng=stream(0))
print(hashlib.md5(model.view("committee", items).tobytes()).hexdigest())
lexical = prepare_start("lexical", items, store=ViewStore(None))
print(hashlib.md5(lexical.view("lexical", items).tobytes()).hexdigest())
"""


@pytest.fixture(scope="module")
def with_threads(example: Any) -> dict[str, list[str]]:
    """Hashes of what a fit and a start give, in processes of one and of two threads."""
    said = {}
    for threads in ("1", "2"):
        set_to = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), threads)
        run = [sys.executable, "-c", PROGRAM, str(example.train)]
        done = subprocess.run(run, env={**os.environ, **set_to}, capture_output=True, text=True, check=True)
        said[threads] = done.stdout.split()
    return said


def test_the_bits_of_a_fit_do_not_depend_on_the_number_of_threads(with_threads: dict[str, list[str]]) -> None:
    assert with_threads["1"][0] == with_threads["2"][0]


def test_the_bits_of_the_lexical_start_do_not_depend_on_the_number_of_threads(
    with_threads: dict[str, list[str]],
) -> None:
    assert with_threads["1"][1] == with_threads["2"][1]
