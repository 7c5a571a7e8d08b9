"""Chooses the settings of the trainer `linear` by cross-validation on labelled items alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from tithe.models.blocks import Blocks
from tithe.models.links import Link
from tithe.models.rules import Rule, choose_rule
from tithe.models.solver import Basis, fit_affine

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

    `loss` and `score` are held out, on asked items: those are not the typical ones. nan where nothing was searched.
    `rule` decides which labels apply, where an item may have several.
    """

    mix: tuple[float, ...]
    penalty: float
    temperature: float = 1.0
    loss: float = float("nan")
    score: float = float("nan")
    rule: Rule | None = None

    @classmethod
    def default(cls, mixes: Sequence[tuple[float, ...]]) -> Settings:
        """What is taken where nothing can be searched."""
        return cls(mixes[0], _PENALTIES[_FIRST])


def folds_of(strata: NDArray[np.int64], rng: Generator) -> NDArray[np.int64]:
    """(n,) the fold of each row, strata spread evenly; -1 (always train) for the only row of its stratum."""
    fold = np.full(len(strata), -1)
    offset = 0
    for code in np.unique(strata):
        rows = rng.permutation(np.flatnonzero(strata == code))
        if len(rows) > 1:
            fold[rows] = (np.arange(len(rows)) + offset) % _FOLDS
            offset += len(rows)
    return fold


def temperature_of(logits: Floats, targets: NDArray[Any], link: Link) -> tuple[float, float]:
    """The temperature that makes held-out logits (n, K) honest, and the mean loss with it.

    A weak prior holds it near 1 while rows are few.
    Source: Guo et al. 2017, On Calibration of Modern Neural Networks.
    """
    from scipy.optimize import minimize_scalar

    def loss(log_t: float) -> float:
        return link.mean_loss(logits / np.float32(np.exp(log_t)), targets)

    found = minimize_scalar(
        lambda t: loss(t) + 2.0 * t * t / len(targets), bounds=(-1.5, 1.5), method="bounded", options={"xatol": 0.01}
    )
    return float(np.exp(found.x)), loss(float(found.x))


def held_out(
    basis: Basis, targets: NDArray[Any], classes: int, fold: NDArray[np.int64], link: Link, *, penalty: float
) -> Floats:
    """(n, K) logits of each row from the fits that did not see it; rows of fold -1 stay zero."""
    logits = np.zeros((len(targets), classes), np.float32)
    for number in range(_FOLDS):
        test = np.flatnonzero(fold == number)
        if not len(test):
            continue
        train = np.flatnonzero(fold != number)
        fitted = fit_affine(
            np.ascontiguousarray(basis.coordinates[train]),
            basis.spectrum * np.float32(len(train) / len(targets)),
            targets[train],
            classes,
            link,
            penalty=penalty,
            tolerance=_TOLERANCE,
        )
        logits[test] = fitted.logits(basis.coordinates[test])
    return logits


def search(
    blocks: Blocks,
    targets: NDArray[Any],
    classes: int,
    mixes: Sequence[tuple[float, ...]],
    rng: Generator,
    *,
    link: Link,
) -> Settings:
    """The mix first, at a middling penalty, then the penalty for it; both by held-out loss after temperature.

    Judging by the loss after temperature keeps the choice of a penalty apart from calibration. Where items may have
    several labels, the decision rule is chosen last, on the held-out probabilities.

    Args:
        blocks: the features of n rows.
        targets: n of them, of the link's own kind, for `classes` columns.
        mixes: what to choose from; the first is the default.
    """
    fold = folds_of(link.strata(targets), rng)
    judged = np.flatnonzero(fold >= 0)
    if len(targets) < FEWEST or len(judged) < FEWEST // 2:
        return Settings.default(mixes)
    kept: dict[tuple[tuple[float, ...], float], Floats] = {}

    def judge(basis: Basis, mix: tuple[float, ...], penalty: float) -> Settings:
        logits = held_out(basis, targets, classes, fold, link, penalty=penalty)[judged]
        temperature, loss = temperature_of(logits, targets[judged], link)
        kept[mix, penalty] = logits
        return Settings(mix, penalty, temperature, loss, link.score(logits, targets[judged]))

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
    if targets.ndim == 1:
        return best
    proba = link.proba(kept[best.mix, best.penalty] / np.float32(best.temperature))
    return replace(best, rule=choose_rule(proba, targets[judged] > 0, fold[judged]))
