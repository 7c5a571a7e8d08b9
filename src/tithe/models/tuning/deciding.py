"""From logits to honest probabilities and decisions, fitted on held rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tithe.models.rules import Rule, choose_rule
from tithe.types import Floats

_FOLDS = 5


@dataclass(frozen=True)
class Calibration:
    """Probabilities are softmax(scale * z), or for sets sigmoid(scale * z + shift); `rule` decides for sets."""

    kind: Literal["one", "set"]
    scale: float = 1.0
    shift: float = 0.0
    rule: Rule | None = None

    @classmethod
    def none(cls, kind: Literal["one", "set"]) -> Calibration:
        """Probabilities as they are, where nothing was held to fit on."""
        return cls(kind, rule=Rule() if kind == "set" else None)

    def proba(self, logits: Floats) -> Floats:
        """(n, K) probabilities."""
        z = np.asarray(logits, np.float64) * self.scale + self.shift
        if self.kind == "set":
            return np.asarray(1 / (1 + np.exp(-z)), np.float32)
        z = np.exp(z - z.max(axis=1, keepdims=True))
        return np.asarray(z / z.sum(axis=1, keepdims=True), np.float32)

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        rule = None if self.rule is None else [self.rule.kind, list(self.rule.values), self.rule.least]
        return {"kind": self.kind, "scale": self.scale, "shift": self.shift, "rule": rule}

    @classmethod
    def from_json(cls, said: dict[str, Any]) -> Calibration:
        """From such values."""
        rule = said["rule"] and Rule(said["rule"][0], tuple(said["rule"][1]), said["rule"][2])
        return cls(said["kind"], said["scale"], said["shift"], rule or None)


def calibrate(logits: Floats, truth: NDArray[Any]) -> Calibration:
    """The scale (and for sets the shift) with the least log-loss on held rows, and for sets the rule.

    Args:
        logits: (n, K).
        truth: (n,) columns, or (n, K) whether each label applies.
    """
    from scipy.optimize import minimize

    z = np.asarray(logits, np.float64)
    kind: Literal["one", "set"] = "set" if truth.ndim == 2 else "one"

    def loss(free: NDArray[np.float64]) -> float:
        scaled = z * np.exp(free[0])
        prior = 0.5 * float(free[0] ** 2) / len(z)
        if kind == "set":
            scaled = scaled + free[1]
            return float(np.mean(np.logaddexp(0, scaled) - truth * scaled)) + prior
        top = scaled.max(axis=1)
        total = top + np.log(np.exp(scaled - top[:, None]).sum(axis=1))
        return float(np.mean(total - scaled[np.arange(len(z)), truth])) + prior

    found = minimize(loss, np.zeros(2 if kind == "set" else 1), method="Nelder-Mead").x
    plain = Calibration(kind, float(np.exp(found[0])), float(found[1]) if kind == "set" else 0.0)
    if kind == "one":
        return plain
    fold = np.arange(len(z)) % _FOLDS
    return Calibration(kind, plain.scale, plain.shift, choose_rule(plain.proba(logits), truth.astype(bool), fold))
