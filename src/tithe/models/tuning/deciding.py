"""From logits of a fine-tuned model to probabilities and decisions, fitted on validation rows.

The logits of some losses are no log-odds: those of two-way rank labels and have no zero, those of asymmetric lie high.
So p >= 1/2 says nothing there before scale and shift were fitted.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from tithe.errors import DataError
from tithe.models.rules import Rule, choose_rule
from tithe.models.search import best_temperature

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tithe.types import Floats

    _Doubles = NDArray[np.float64]

_FOLDS = 5
_PRIOR = 2.0  # of the squared logarithm of the scale, in nats: the same as that of a temperature
_WIDEST = 10.0  # the scale of sets lies between exp(-10) and exp(10)


@dataclass(frozen=True)
class Calibration:
    """What makes probabilities of logits z (n, K): softmax(scale z), or sigmoid(scale z + shift) for sets of labels.

    `kind` is "one" label of many or a "set"; `rule` decides by these probabilities which labels of a set apply.

    >>> Calibration("set", scale=2.0, shift=1.0).proba(np.array([[-0.5, 1000.0]])).tolist()
    [[0.5, 1.0]]
    """

    kind: Literal["one", "set"]
    scale: float = 1.0
    shift: float = 0.0
    rule: Rule | None = None

    @classmethod
    def none(cls, kind: Literal["one", "set"]) -> Calibration:
        """Logits as they are, sets decided at 1/2: where nothing was held out to fit on."""
        return cls(kind, rule=Rule() if kind == "set" else None)

    def proba(self, logits: NDArray[np.floating[Any]]) -> Floats:
        """(n, K) float32 probabilities; rows add up to 1 where labels exclude each other."""
        from scipy.special import expit, softmax

        scores = self.scale * np.asarray(logits, np.float64) + self.shift
        return np.asarray(softmax(scores, axis=1) if self.kind == "one" else expit(scores), np.float32)

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, saved: dict[str, Any]) -> Calibration:
        """What `to_json` gave."""
        return cls(**{**saved, "rule": None if saved["rule"] is None else Rule.from_json(saved["rule"])})


def calibrate(
    logits: NDArray[np.floating[Any]], truth: NDArray[Any], weights: NDArray[np.floating[Any]] | None = None
) -> Calibration:
    """Scale, for sets also shift and decision rule, that fit validation rows best.

    One scale (the inverse of a temperature) and one shift serve all labels; weak priors hold them where rows are few or
    part without an error. The rule is `choose_rule`'s on these probabilities, over five folds: row i is in the fold
    i mod 5, so that nothing is drawn. Without any row nothing is changed, and sets are decided at 1/2.

    Args:
        logits: (n, K), of rows that the model was not fitted on.
        truth: (n,) columns, or (n, K) bool for sets.
        weights: (n,) of the rows, for scale and shift.

    Raises:
        DataError: the shapes do not fit, or a logit is not finite.

    Cost: O(n K) for each of some twenty steps; a second for 10,000 rows of 150 labels.

    Source: Guo et al. 2017, On Calibration of Modern Neural Networks (the scale); Platt 1999, Probabilistic Outputs for
    Support Vector Machines (scale and shift, with targets pulled off 0 and 1).
    """
    z = np.asarray(logits, np.float64)
    sample = np.ones(len(z)) if weights is None else np.asarray(weights, np.float64)
    if z.ndim != 2 or truth.shape != (z.shape if truth.ndim == 2 else z.shape[:1]) or sample.shape != z.shape[:1]:
        raise DataError(
            f"calibration needs logits (n, K), truth (n,) or (n, K) and weights (n,); given {z.shape}, {truth.shape} "
            f"and {sample.shape}"
        )
    if not np.isfinite(z).all():
        raise DataError(f"{(~np.isfinite(z)).any(axis=1).sum()} of {len(z)} rows have logits that are not finite")
    if not sample.sum() > 0:
        return Calibration.none("one" if truth.ndim == 1 else "set")
    if truth.ndim == 1:
        return Calibration("one", _scale(z, truth, sample))
    truth = truth.astype(bool)
    plain = Calibration("set", *_scale_and_shift(z, truth, sample))
    return replace(plain, rule=choose_rule(plain.proba(z), truth, np.arange(len(z)) % _FOLDS))


def _scale(z: _Doubles, truth: NDArray[Any], sample: _Doubles) -> float:
    from scipy.special import log_softmax

    total, rows = float(sample.sum()), np.arange(len(z))

    def loss(temperature: float) -> float:
        return -float(sample @ log_softmax(z / temperature, axis=1)[rows, truth]) / total

    return 1.0 / best_temperature(loss, max(1, round(total)))[0]


def _scale_and_shift(z: _Doubles, truth: NDArray[np.bool_], sample: _Doubles) -> tuple[float, float]:
    from scipy.optimize import minimize
    from scipy.special import expit

    total = float(sample.sum())
    yes = float(sample @ truth.sum(axis=1))
    no = total * truth.shape[1] - yes
    targets = np.where(truth, (yes + 1) / (yes + 2), 1 / (no + 2))
    middle = float(sample @ z.mean(axis=1)) / total
    around = z - middle  # so that scale and shift hardly pull at each other

    def loss(free: _Doubles) -> tuple[float, _Doubles]:
        scale = float(np.exp(free[0]))
        scores = scale * around + free[1]
        value = float(sample @ (np.logaddexp(0, scores) - targets * scores).sum(axis=1)) + _PRIOR * free[0] ** 2
        slope = (expit(scores) - targets) * sample[:, None]
        by_scale = scale * float(np.vdot(slope, around)) + 2 * _PRIOR * free[0]
        return value / total, np.array([by_scale, float(slope.sum())]) / total

    first, bounds = np.array([0.0, np.log((yes + 1) / (no + 1))]), [(-_WIDEST, _WIDEST), (None, None)]
    found = minimize(loss, first, jac=True, method="L-BFGS-B", bounds=bounds, options={"ftol": 1e-14})
    scale = float(np.exp(found.x[0]))
    return scale, float(found.x[1] - scale * middle)
