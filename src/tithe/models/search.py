"""Chooses the settings of the trainer `linear` by cross-validation on labelled items alone."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from tithe.models.blocks import Blocks
from tithe.models.links import Link
from tithe.models.rules import Rule, choose_rule
from tithe.models.solver import Basis, fit_affine

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray

    from tithe.types import Examples, Floats, View

_FOLDS = 5
_LADDER = 1.1  # settings are searched anew when the labels have grown by a tenth
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

    def to_json(self) -> dict[str, Any]:
        """As JSON values, which have no NaN: what was not measured becomes null."""
        return {name: None if value != value else value for name, value in asdict(self).items()}

    @classmethod
    def from_json(cls, saved: dict[str, Any]) -> Settings:
        """The settings that `to_json` gave."""
        values: dict[str, Any] = {name: float("nan") if value is None else value for name, value in saved.items()}
        rule = None if saved["rule"] is None else Rule.from_json(saved["rule"])
        return cls(**{**values, "mix": tuple(saved["mix"]), "rule": rule})

    @classmethod
    def default(cls, mixes: Sequence[tuple[float, ...]]) -> Settings:
        """What is taken where nothing can be searched."""
        return cls(mixes[0], _PENALTIES[_FIRST])


def rung(most: int, count: int) -> int:
    """How many of the first `count` answers to search settings on: the largest of 20 x 1.1^i that is not above `most`.

    So a search depends on the labels alone, and yet most refits can take over the settings of the model before.
    """
    at = float(FEWEST)
    while at * _LADDER <= most:
        at *= _LADDER
    return min(count, int(at))


def search_key(examples: Examples, first: int, start: str, names: tuple[View, ...], folds: Generator) -> str:
    """A hash of all that a search depends on, the state of the folds' stream included."""
    state = hashlib.blake2b(digest_size=16)
    for one, label in zip(examples.items.ids[:first], examples.labels[:first], strict=True):
        state.update(f"{one}\0{label}\0".encode("utf-8", "surrogatepass"))
    state.update(repr((first, start, names, folds.bit_generator.state)).encode())
    return state.hexdigest()


def folds_of(strata: NDArray[np.int64], rng: Generator, folds: int = _FOLDS) -> NDArray[np.int64]:
    """(n,) the fold of each row, strata spread evenly; -1 (always train) for the only row of its stratum."""
    fold = np.full(len(strata), -1)
    offset = 0
    for code in np.unique(strata):
        rows = rng.permutation(np.flatnonzero(strata == code))
        if len(rows) > 1:
            fold[rows] = (np.arange(len(rows)) + offset) % folds
            offset += len(rows)
    return fold


def temperature_of(logits: Floats, targets: NDArray[Any], link: Link) -> tuple[float, float]:
    """The temperature that makes held-out logits (n, K) honest, and the mean loss with it."""
    return best_temperature(lambda t: link.mean_loss(logits / np.float32(t), targets), len(targets))


def best_temperature(loss: Callable[[float], float], count: int) -> tuple[float, float]:
    """The temperature with the least loss, and that loss.

    A weak prior holds it near 1 while rows are few.
    Source: Guo et al. 2017, On Calibration of Modern Neural Networks.

    Args:
        loss: the mean loss of `count` held-out rows at a temperature.
    """
    from scipy.optimize import minimize_scalar

    found = minimize_scalar(
        lambda t: loss(float(np.exp(t))) + 2.0 * t * t / count,
        bounds=(-1.5, 1.5),
        method="bounded",
        options={"xatol": 0.01},
    )
    best = float(np.exp(found.x))
    return best, loss(best)


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
    best = walk(lambda mix, penalty: judge(bases[mix], mix, penalty), mixes, _PENALTIES, _FIRST)
    if targets.ndim == 1:
        return best
    proba = link.proba(kept[best.mix, best.penalty] / np.float32(best.temperature))
    return replace(best, rule=choose_rule(proba, targets[judged] > 0, fold[judged]))


def walk(
    judge: Callable[[tuple[float, ...], float], Settings],
    mixes: Sequence[tuple[float, ...]],
    penalties: Sequence[float],
    first: int,
) -> Settings:
    """The best of these mixes at the penalty number `first`, then the best penalty for it.

    The loss has one valley along the penalty: from the first one down one way, then the other.
    """
    best = min((judge(mix, penalties[first]) for mix in mixes), key=lambda s: s.loss)
    for step in (1, -1):
        at = first + step
        while 0 <= at < len(penalties):
            tried = judge(best.mix, penalties[at])
            if tried.loss >= best.loss:
                break
            best, at = tried, at + step
        if best.penalty != penalties[first]:
            break
    return best
