"""Self-training: what a model is sure of on unlabelled items becomes labels for its successor.

Published studies and ours (docs/training.md) say that with few labels this is worth more than the choice of a query
strategy. Source: Lee 2013, Pseudo-Label; the augmentation: Wei and Zou 2019, EDA.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tithe.tasks.paths import best_paths
from tithe.tasks.spans import logs
from tithe.types import Examples, Items

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray

    from tithe.models import Model
    from tithe.tasks import Task

SURE, MOST = 0.9, 0.7
"""Guesses count from this confidence on, and no more than the surest of this share of the items."""


def pseudo_labelled(
    model: Model, unlabelled: Items, labelled: int, *, augment: float = 0.0, rng: Generator
) -> Examples:
    """The unlabelled items that the model is surest of, with its guesses as labels.

    Args:
        model: gives guesses and how sure it is.
        unlabelled: items without labels; never test or audit items.
        labelled: how many labels there are: as many guesses are taken, sure or not, where there are items enough.
        augment: the share of words left out or moved in each text; for items without tokens of their own.
    """
    output = model.view("proba", unlabelled)
    sure = confidence(model.task, output)
    count = int(np.clip((sure >= SURE).sum(), min(labelled, len(sure)), max(1, round(MOST * len(sure)))))
    rows = np.sort(np.argsort(-sure, kind="stable")[:count])
    guesses = model.decide(output)
    items = unlabelled.take(rows)
    if augment and items.tokens is None and model.task.name != "spans":
        items = Items(items.ids, [shaken(text, augment, rng) for text in items.texts])
    return Examples(items, [guesses[row] for row in rows])


def confidence(task: Task, output: Any) -> NDArray[np.float64]:
    """(n,) how probable a whole answer is: the label, all labels of a set, or all tags of a text.

    A mean over labels or tokens would nearly always be sure, for nearly all of them do not apply.

    >>> from tithe.tasks.multilabel import MultiLabel
    >>> confidence(MultiLabel(("a", "b")), np.array([[0.9, 0.2]])).round(2).tolist()
    [0.72]
    """
    if task.name == "spans":
        return np.asarray(np.exp(best_paths(logs(output))[1]), np.float64)
    likely = np.asarray(output, np.float64)
    if task.name == "multilabel":
        return np.asarray(np.maximum(likely, 1 - likely).prod(axis=1), np.float64)
    return np.asarray(likely.max(axis=1), np.float64)


def shaken(text: str, share: float, rng: Generator) -> str:
    """The text with some words left out and some neighbours changed, a share of its words in all.

    >>> from tithe.rng import stream
    >>> shaken("what is the capital of France ?", 0.0, stream(0, "x"))
    'what is the capital of France ?'
    """
    words = text.split()
    lost = rng.random(len(words)) < share / 2
    kept = [word for word, gone in zip(words, lost.tolist(), strict=True) if not gone] or words
    for at in np.flatnonzero(rng.random(max(0, len(kept) - 1)) < share / 2).tolist():
        kept[at], kept[at + 1] = kept[at + 1], kept[at]
    return " ".join(kept)
