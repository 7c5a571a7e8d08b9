"""Records: what stop rules see, computed once for learner and simulation alike."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tithe import ActiveLearner, Items, Pool, Recipe
from tithe.tasks.multilabel import MultiLabel


def answered(example: Any, many: int, **more: Any) -> ActiveLearner:
    learner = ActiveLearner(example.fresh(), example.task, Recipe(start="lexical", strategy="random", **more))
    for _ in range(2):
        learner.tell({item.id: example.gold[item.id] for item in learner.ask(many)})
    learner.ask(1)
    return learner


def test_uncertainty_is_the_mean_entropy_of_the_items_without_a_label(example: Any) -> None:
    learner = answered(example, 30, stop=("budget(labels=999)",))
    record = learner.history[-1]
    pool = example.fresh()
    answered_ids = set(learner.log.snapshot().labels)
    rest = [row for row, one in enumerate(pool.ids) if one not in answered_ids]
    proba = learner.model.view("proba", pool.items)[rest].astype(float)
    entropy = -(proba * np.log(proba)).sum(axis=1) / np.log(proba.shape[1])
    assert record.uncertainty == pytest.approx(entropy.mean(), abs=1e-6), "the stop set is the whole of a small pool"
    assert record.guesses is not None
    assert record.guesses.shape == (240,)
    assert learner.history[0].uncertainty is None, "there was no model"


def test_nothing_is_looked_at_where_no_rule_asks(example: Any) -> None:
    record = answered(example, 30).history[-1]
    assert (record.uncertainty, record.guesses) == (None, None)


def test_a_pool_that_is_all_labelled_has_no_uncertainty(example: Any) -> None:
    record = answered(example, 120, stop=("overall_uncertainty",)).history[-1]
    assert record.labelled == 240
    assert record.uncertainty is None


def test_each_annotator_of_an_item_is_paid_for(example: Any) -> None:
    learner = ActiveLearner(example.fresh(), example.task, Recipe(start="lexical", strategy="random"))
    batch = {item.id: example.gold[item.id] for item in learner.ask(20)}
    learner.tell(batch, annotator="ann")
    learner.tell(dict(list(batch.items())[:5]), annotator="bob")
    learner.tell(batch, annotator="ann")  # replaces her answers
    learner.tell(dict.fromkeys(list(batch)[:2]), annotator="cho")  # skips
    learner.ask(1)
    assert (learner.history[-1].labelled, learner.history[-1].cost) == (20, 25)


def test_label_sets_are_guessed_as_cells_and_settle() -> None:
    words = ["red", "green", "blue"]
    texts = [f"{a} {b} thing {n}" for n in range(20) for a in words for b in words]
    gold = {str(row): frozenset(w for w in words if w in text) for row, text in enumerate(texts)}
    pool = Pool(Items(list(gold), texts))
    recipe = Recipe(start="lexical", strategy="random", stop=("stabilising(threshold=0.9, window=2)",))
    learner = ActiveLearner(pool, MultiLabel(tuple(words)), recipe)
    while batch := learner.ask(20):
        learner.tell({item.id: gold[item.id] for item in batch})
    assert learner.history[-1].guesses is not None
    assert learner.history[-1].guesses.shape == (180, 3)
    assert learner.history[-1].guesses.dtype == bool
    assert "predictions have settled" in str(learner.stopped)
    assert learner.history[-1].labelled < 180
