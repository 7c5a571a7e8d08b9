"""Starts by name and side by side, and embeddings that the user has already."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tithe import Choice, Items, load_model
from tithe.errors import CacheError, ConfigError, DataError, NeedsError
from tithe.loop.training import train
from tithe.models.given import GivenStart, given_start
from tithe.models.linear import Linear
from tithe.models.starts import prepare_start
from tithe.pool import Pool
from tithe.rng import stream
from tithe.testing.tiny import write_tiny_encoder
from tithe.types import Examples
from tithe.views import ViewStore


def test_starts_side_by_side_give_the_views_of_both(example: Any, cache: Path) -> None:
    store = ViewStore(cache)
    both = prepare_start("minilm + lexical", example.pool, store=store)
    parts = {name: prepare_start(name, example.pool, store=store) for name in ("minilm", "lexical")}
    assert both.provides == {"embeddings", "middle", "tokens", "lexical", "word_forms", "pieces"}
    for view, part in (("embeddings", "minilm"), ("middle", "minilm"), ("lexical", "lexical")):
        np.testing.assert_array_equal(both.view(view, example.held), parts[part].view(view, example.held))
    assert len({both.fingerprint, *(part.fingerprint for part in parts.values())}) == 3


def test_a_view_that_no_part_gives_is_an_error_that_lists_them(example: Any, cache: Path) -> None:
    start = prepare_start("minilm+lexical", example.pool, store=ViewStore(cache))
    with pytest.raises(
        NeedsError,
        match=r"'minilm\+lexical' gives embeddings, lexical, middle, pieces, tokens, word_forms; not 'proba'",
    ):
        start.view("proba", example.pool)


@pytest.mark.parametrize("spec", ["", "minilm+", "lexical(dims", "lexical(width=3)"])
def test_a_spec_that_cannot_be_read_is_an_error(spec: str, example: Any) -> None:
    with pytest.raises(ConfigError, match=r"cannot read|no setting"):
        prepare_start(spec, example.pool, store=ViewStore(None))


def test_a_model_on_several_starts_comes_back_the_same(example: Any, cache: Path, tmp_path: Path) -> None:
    store = ViewStore(cache)
    start = prepare_start("minilm+lexical", example.pool, store=store)
    some = example.pool.take(np.arange(60))
    model = Linear().fit(example.task, Examples(some, list(some.gold)), start=start, rng=stream(0))
    model.save(tmp_path / "model")
    loaded = load_model(tmp_path / "model", store=store)
    assert loaded.fingerprint == model.fingerprint
    np.testing.assert_array_equal(loaded.view("proba", example.held), model.view("proba", example.held))


# --- an encoder in a folder that a relative path names


@pytest.fixture
def at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with an encoder in `tiny` and in `c++ (mine)`; beside it stands `elsewhere`."""
    home = tmp_path / "home"
    for name in ("tiny", "c++ (mine)"):
        write_tiny_encoder(home / name, ["bike", "bank"])
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(home)
    return home


def saved_model(spec: str, into: Path) -> Any:
    items = Items([str(row) for row in range(12)], [("bike", "bank")[row % 2] for row in range(12)])
    start = prepare_start(spec, items, store=ViewStore(None))
    labels = [("a", "b")[row % 2] for row in range(12)]
    model = Linear(members=2).fit(Choice(("a", "b")), Examples(items, labels), start=start, rng=stream(0))
    model.save(into)
    return model


@pytest.mark.parametrize("spec", ["./tiny", "tiny+lexical", "lexical + ./c++ (mine)", "./c++ (mine)+lexical"])
def test_a_model_finds_its_encoder_from_another_working_directory(
    spec: str, at_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, items = saved_model(spec, tmp_path / "model"), Items(["x", "y"], ["a bike", "bank"])
    expected = model.view("proba", items)
    (tmp_path / "elsewhere" / "tiny").mkdir()  # another folder of this name
    monkeypatch.chdir(tmp_path / "elsewhere")
    again = load_model(tmp_path / "model", store=ViewStore(None))
    assert again.fingerprint == model.fingerprint
    np.testing.assert_array_equal(again.view("proba", items), expected)


def test_a_project_that_was_moved_with_its_encoder_finds_it_by_the_relative_path(
    at_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = saved_model("tiny+lexical", at_home / "model")
    at_home.rename(tmp_path / "moved")
    monkeypatch.chdir(tmp_path / "moved")
    assert load_model("model", store=ViewStore(None)).fingerprint == model.fingerprint


def test_fingerprints_do_not_depend_on_the_path(at_home: Path, tmp_path: Path) -> None:
    specs = ["./tiny", "../home/tiny", str(at_home / "tiny")]
    assert len({saved_model(spec, tmp_path / f"model-{at}").fingerprint for at, spec in enumerate(specs)}) == 1


@pytest.mark.parametrize(("name", "older"), [("tiny", False), ("c++ (mine)", False), ("tiny", True)])
def test_a_missing_folder_is_told_in_one_line(
    name: str, older: bool, at_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved_model(f"./{name}", tmp_path / "model")
    expected = f"there is no folder {at_home / name}, "
    if older:  # as models were saved before paths were kept
        about = json.loads((tmp_path / "model" / "model.json").read_text())
        about["start"].pop("names", None)
        about["start"]["parts"][0]["source"] = f"./{name}"
        (tmp_path / "model" / "model.json").write_text(json.dumps(about))
        expected = f"there is no folder {name} in {tmp_path / 'elsewhere'}, "
    shutil.rmtree(at_home / name)
    monkeypatch.chdir(tmp_path / "elsewhere")
    with pytest.raises(CacheError) as caught:
        load_model(tmp_path / "model", store=ViewStore(None))
    assert str(caught.value).startswith(expected)
    assert "another hash" not in str(caught.value)
    assert "\n" not in str(caught.value)


# --- given embeddings

ITEMS = Items([f"i{row}" for row in range(40)], ["same text"] * 40)


def rows_of(kind: str = "f4") -> np.ndarray:
    centres = np.array([[6, 0, 0, 1], [0, 6, 0, 1], [0, 0, 6, 1]])
    return (centres[np.arange(40) % 3] + stream(4).normal(size=(40, 4))).astype(kind)


@pytest.mark.parametrize("kind", ["f2", "f4", "f8", "i4"])
def test_given_embeddings_of_any_number_type_can_be_learned_from(kind: str) -> None:
    start = GivenStart({ITEMS.digest: rows_of(kind)})
    some = ITEMS.take(np.arange(20))
    labels = [("a", "b", "c")[row % 3] for row in range(20)]
    model = Linear().fit(Choice(("a", "b", "c")), Examples(some, labels), start=start, rng=stream(0))
    proba = model.view("proba", ITEMS)
    assert (proba.argmax(axis=1) == np.arange(40) % 3).mean() > 0.9
    assert start.view("embeddings", ITEMS).dtype == np.float32


def test_given_embeddings_follow_parts_of_their_items() -> None:
    start = GivenStart({ITEMS.digest: rows_of()})
    part = ITEMS.take(np.array([5, 2])).take(np.array([1]))
    np.testing.assert_array_equal(start.view("embeddings", part), rows_of()[[2]])


def test_given_embeddings_know_no_other_items_and_no_other_view() -> None:
    start = GivenStart({ITEMS.digest: rows_of()})
    with pytest.raises(NeedsError, match="no embeddings were given for these 1 items"):
        start.view("embeddings", Items(["x"], ["y"]))
    with pytest.raises(NeedsError, match="'lexical' was asked for"):
        start.view("lexical", ITEMS)


def test_large_files_of_halves_stay_mapped_and_teach_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    np.save(tmp_path / "x.npy", rows_of("f2"))
    small = given_start(ITEMS, tmp_path / "x.npy")
    monkeypatch.setattr("tithe.models.given._MAPPED", 0)
    large = given_start(ITEMS, tmp_path / "x.npy")
    assert [start.view("embeddings", ITEMS).flags.writeable for start in (small, large)] == [True, False], "a map"
    assert large.view("embeddings", ITEMS).dtype == np.float16
    some, task = ITEMS.take(np.arange(20)), Choice(("a", "b", "c"))
    assert large.view("embeddings", some).dtype == np.float32
    examples = Examples(some, [("a", "b", "c")[row % 3] for row in range(20)])
    one, other = (Linear().fit(task, examples, start=start, rng=stream(0)) for start in (small, large))
    np.testing.assert_allclose(one.view("proba", ITEMS), other.view("proba", ITEMS), atol=1e-5)


def test_a_model_on_given_embeddings_is_saved_and_judges_items_that_bring_theirs(tmp_path: Path) -> None:
    pool = Pool(Items(ITEMS.ids, ITEMS.texts, [("a", "b", "c")[row % 3] for row in range(40)]))
    np.save(tmp_path / "x.npy", rows_of())
    start = given_start(pool.items, tmp_path / "x.npy")
    model = train(pool, Choice(("a", "b", "c")), start=start)
    model.save(tmp_path / "model")
    again = load_model(tmp_path / "model", start=start)
    assert again.fingerprint == model.fingerprint
    np.testing.assert_array_equal(again.view("proba", pool.items), model.view("proba", pool.items))
    with pytest.raises(NeedsError, match="no embeddings were given for these 40 items"):
        load_model(tmp_path / "model").view("proba", pool.items)
    with pytest.raises(DataError, match="rows of 4 numbers; the model was trained on rows of 7"):
        given_start(pool.items, tmp_path / "x.npy", 7)


def test_other_embeddings_have_another_fingerprint() -> None:
    nudged = rows_of()
    nudged[7, 1] += 1e-3
    prints = [GivenStart({ITEMS.digest: rows}).fingerprint for rows in (rows_of(), rows_of(), nudged)]
    assert prints[0] == prints[1] != prints[2]
