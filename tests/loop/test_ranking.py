"""`rank` and `train`: before the first label, and outside the loop."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tithe import Choice, Items, Pool, rank, train
from tithe.errors import LabelError, NeedsError
from tithe.rng import stream
from tithe.views import ViewStore


@pytest.mark.parametrize("strategy", ["typiclust", "k_center", "random", "auto"])
def test_an_order_without_labels_holds_each_id_once_and_is_the_same_again(
    example: Any, cache: Path, strategy: str
) -> None:
    first, again = (
        rank(example.fresh(), strategy, 40, 3, start="lexical", store=ViewStore(root)) for root in (cache, None)
    )
    assert first == again
    assert len(set(first.ids)) == 40
    assert set(first.ids) <= set(example.pool.ids)
    assert len(first.scores) == 40


@pytest.mark.parametrize("strategy", ["margin", "entropy", "badge"])
def test_a_strategy_that_needs_a_model_is_refused(example: Any, cache: Path, strategy: str) -> None:
    with pytest.raises(NeedsError, match="needs the view proba, which only a trained model gives"):
        rank(example.fresh(), strategy, 5, start="lexical", store=ViewStore(cache))


def test_views_of_ones_own_are_enough() -> None:
    centres = np.repeat(np.eye(4) * 9, 10, axis=0) + 0.1 * stream(0).normal(size=(40, 4))
    pool = Pool.from_views([f"{row}" for row in range(40)], embeddings=centres)
    found = rank(pool, "typiclust", 4)
    assert {int(one) // 10 for one in found.ids} == {0, 1, 2, 3}, "one of each cluster"


def test_more_than_there_is_gives_all(example: Any, cache: Path) -> None:
    assert len(rank(example.fresh(), "random", 999, store=ViewStore(cache), start="lexical")) == 240


def test_items_without_a_label_are_left_out_of_training(example: Any, cache: Path) -> None:
    gold = [label if row < 100 else None for row, label in enumerate(example.pool.gold)]
    pool = Pool(Items(example.pool.ids, example.pool.texts, gold))
    model = train(pool, example.task, start="lexical", store=ViewStore(cache))
    assert model.settings["labelled"] == 100


def test_training_without_labels_or_on_wrong_ones_is_an_error(example: Any, cache: Path) -> None:
    with pytest.raises(LabelError, match="at least two labels"):
        train(example.fresh(), example.task, start="lexical", store=ViewStore(cache))
    with pytest.raises(LabelError, match="is not a label of this task"):
        train(Pool(example.pool), Choice(("x", "y")), start="lexical", store=ViewStore(cache))
