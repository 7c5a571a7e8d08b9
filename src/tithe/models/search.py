"""Chooses the settings of the trainer `linear` by cross-validation on labelled items alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tithe.models.blocks import Blocks
from tithe.models.softmax import Basis, fit_softmax, log_softmax

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray

    from tithe.types import Floats

_FOLDS = 5
_HEAD = 0.97  # the share of variance that the search works on: 3 to 10 times fewer axes, the same choice
_PENALTIES = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0)
_TOLERANCE = 0.1  # 50 times looser than the final fit's: enough to rank settings
_FIRST = 3  # where the search begins, and what is taken where nothing can be searched
FEWEST = 20
"""Below this many labels nothing is searched: the folds would be noise."""


@dataclass(frozen=True)
class Settings:
    """What a search chooses: a weight for each block of features, the L2 penalty, the softmax temperature.

    `loss` and `accuracy` are held out, on asked items: those are not the typical ones. nan where nothing was searched.
    """

    mix: tuple[float, ...]
    penalty: float
    temperature: float = 1.0
    loss: float = float("nan")
    accuracy: float = float("nan")


def folds_of(targets: NDArray[np.int64], rng: Generator) -> NDArray[np.int64]:
    """(n,) the fold of each row, classes spread evenly; -1 (always train) for the only row of its class."""
    fold = np.full(len(targets), -1)
    offset = 0
    for column in np.unique(targets):
        rows = rng.permutation(np.flatnonzero(targets == column))
        if len(rows) > 1:
            fold[rows] = (np.arange(len(rows)) + offset) % _FOLDS
            offset += len(rows)
    return fold


def temperature_of(logits: Floats, targets: NDArray[np.int64]) -> tuple[float, float]:
    """The temperature that makes held-out logits (n, K) honest, and the mean loss with it.

    A weak prior holds it near 1 while rows are few.
    Source: Guo et al. 2017, On Calibration of Modern Neural Networks.
    """
    from scipy.optimize import minimize_scalar

    rows = np.arange(len(targets))

    def loss(log_t: float) -> float:
        return -float(log_softmax(logits / np.float32(np.exp(log_t)))[rows, targets].mean())

    found = minimize_scalar(
        lambda t: loss(t) + 2.0 * t * t / len(targets), bounds=(-1.5, 1.5), method="bounded", options={"xatol": 0.01}
    )
    return float(np.exp(found.x)), loss(float(found.x))


def held_out(basis: Basis, targets: NDArray[np.int64], classes: int, fold: NDArray[np.int64], penalty: float) -> Floats:
    """(n, K) logits of each row from the fits that did not see it; rows of fold -1 stay zero."""
    logits = np.zeros((len(targets), classes), np.float32)
    for number in range(_FOLDS):
        test = np.flatnonzero(fold == number)
        if not len(test):
            continue
        train = np.flatnonzero(fold != number)
        fitted = fit_softmax(
            np.ascontiguousarray(basis.coordinates[train]),
            basis.spectrum * np.float32(len(train) / len(targets)),
            targets[train],
            classes,
            penalty=penalty,
            tolerance=_TOLERANCE,
        )
        logits[test] = fitted.logits(basis.coordinates[test])
    return logits


def search(
    blocks: Blocks,
    targets: NDArray[np.int64],
    classes: int,
    mixes: Sequence[tuple[float, ...]],
    rng: Generator,
) -> Settings:
    """The mix first, at a middling penalty, then the penalty for it; both by held-out loss after temperature.

    Judging by the loss after temperature keeps the choice of a penalty apart from calibration.

    Args:
        blocks: the features of n rows.
        targets: (n,) columns 0..classes-1.
        mixes: what to choose from; the first is the default.
    """
    fold = folds_of(targets, rng)
    judged = np.flatnonzero(fold >= 0)
    if len(targets) < FEWEST or len(judged) < FEWEST // 2:
        return Settings(mixes[0], _PENALTIES[_FIRST])

    def judge(basis: Basis, mix: tuple[float, ...], penalty: float) -> Settings:
        logits = held_out(basis, targets, classes, fold, penalty)
        temperature, loss = temperature_of(logits[judged], targets[judged])
        accuracy = float((logits[judged].argmax(axis=1) == targets[judged]).mean())
        return Settings(mix, penalty, temperature, loss, accuracy)

    bases = {mix: Basis.of(blocks.mixed(mix)).head(_HEAD) for mix in mixes}
    best = min((judge(bases[mix], mix, _PENALTIES[_FIRST]) for mix in mixes), key=lambda s: s.loss)
    # The loss has one valley along the penalty: walk down from the middle, first one way, then the other.
    for step in (1, -1):
        at = _FIRST + step
        while 0 <= at < len(_PENALTIES):
            tried = judge(bases[best.mix], best.mix, _PENALTIES[at])
            if tried.loss >= best.loss:
                break
            best, at = tried, at + step
        if best.penalty != _PENALTIES[_FIRST]:
            break
    return best
