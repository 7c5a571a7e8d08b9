"""Self-training: what a model is sure of on unlabelled items becomes labels for its successor.

Published studies and ours (docs/training.md) say that with few labels this is worth more than the choice of a query
strategy. Source: Lee 2013, Pseudo-Label; the augmentation: Wei and Zou 2019, EDA.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tithe.types import Examples, Items

if TYPE_CHECKING:
    from numpy.random import Generator

    from tithe.models import Model

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
    guesses = model.decide(output)
    sure = model.task.confidence(output, guesses)
    count = int(np.clip((sure >= SURE).sum(), min(labelled, len(sure)), max(1, round(MOST * len(sure)))))
    rows = np.sort(np.argsort(-sure, kind="stable")[:count])
    items = unlabelled.take(rows)
    if augment and items.tokens is None and model.task.name != "spans":
        items = Items(items.ids, [shaken(text, augment, rng) for text in items.texts])
    return Examples(items, [guesses[row] for row in rows])


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
