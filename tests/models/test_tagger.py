"""`linear` for spans: the same with and without a model before, honest about tags unseen, and a model on disk."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tithe import Items, Span, Spans, load_model
from tithe.errors import LabelError, NeedsError
from tithe.models.given import GivenStart
from tithe.models.linear import Linear
from tithe.models.starts import Together, prepare_start
from tithe.models.tagger import Tagger
from tithe.rng import stream
from tithe.types import Examples
from tithe.views import ViewStore

NAMES = {"PER": ("Ada", "Grace", "Emmy", "Alan"), "LOC": ("Oslo", "Paris", "Rome", "Lima")}
TASK = Spans(("PER", "LOC", "ORG"))


@pytest.fixture(scope="module")
def items() -> Items:
    rng, texts, gold = stream(0, "tagger"), [], []
    for number in range(80):
        who, where = (NAMES[kind][int(rng.integers(4))] for kind in ("PER", "LOC"))
        texts.append(f"{number} : {who} walked to {where} ." if number % 4 else f"{number} : it rained .")
        begin = texts[-1].index(where) if number % 4 else 0
        first = len(f"{number} : ")
        gold.append(
            (Span(first, first + len(who), "PER"), Span(begin, begin + len(where), "LOC")) if number % 4 else ()
        )
    return Items([str(n) for n in range(len(texts))], texts, gold)


@pytest.fixture(scope="module")
def start(items: Items) -> Together:
    return prepare_start("lexical", items, store=ViewStore(None))


def examples(items: Items, count: int) -> Examples:
    assert items.gold is not None
    return Examples(items.take(np.arange(count)), [one or () for one in items.gold[:count]])


def test_it_learns_and_is_the_same_with_and_without_a_model_before(items: Items, start: Together) -> None:
    fit = Linear().for_task(TASK).fit
    before = fit(TASK, examples(items, 41), start=start, rng=stream(0, "fit"))
    cold = fit(TASK, examples(items, 42), start=start, rng=stream(0, "fit"))
    warm = fit(TASK, examples(items, 42), start=start, rng=stream(0, "fit"), warm=before)
    assert cold.fingerprint == warm.fingerprint
    held = items.take(np.arange(42, 80))
    proba = cold.view("proba", held)
    assert TASK.score([one or () for one in held.gold or ()], proba)["entity_f1"] > 0.95
    np.testing.assert_allclose(proba.values.sum(axis=1), 1, atol=1e-5)
    assert (proba.values[:, TASK.tags.index("B-ORG")] > 0).all()  # never seen, not impossible


def test_a_part_of_the_pool_has_the_rows_of_the_whole(items: Items, start: Together) -> None:
    model = Tagger().fit(TASK, examples(items, 30), start=start, rng=stream(0, "fit"))
    rows = np.array([5, 3, 8])
    part, whole = model.view("proba", items.take(rows)), model.view("proba", items)[rows]
    np.testing.assert_allclose(part.values, whole.values, atol=1e-5)


def test_a_model_comes_back_from_disk_for_texts_that_it_never_saw(
    items: Items, start: Together, tmp_path: Path
) -> None:
    model = Tagger().fit(TASK, examples(items, 30), start=start, rng=stream(0, "fit"))
    model.save(tmp_path / "model")
    new = Items(["a", "b"], ["Ada walked to Quito .", ""])
    loaded = load_model(tmp_path / "model", store=ViewStore(None))
    assert np.array_equal(loaded.view("proba", new).values, model.view("proba", new).values)


def test_sentences_without_an_entity_teach_nothing(items: Items, start: Together) -> None:
    silent = items.take(np.array([0, 4, 8]))
    with pytest.raises(LabelError, match="at least two different tags"):
        Tagger().fit(TASK, Examples(silent, [(), (), ()]), start=start, rng=stream(0, "fit"))


def test_a_start_without_views_of_tokens_is_refused(items: Items) -> None:
    given = GivenStart({items.digest: np.zeros((len(items), 2), np.float32)})
    with pytest.raises(NeedsError, match="tokens, word_forms"):
        Tagger().fit(TASK, examples(items, 30), start=given, rng=stream(0, "fit"))
