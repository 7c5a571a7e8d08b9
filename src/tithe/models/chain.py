"""A linear-chain conditional random field over dense features: tags of neighbouring tokens go together.

The score of a path is the sum of its tokens' logits and of a learned number for each pair of neighbouring tags. Sums
over all paths go by the forward-backward algorithm, scaled at each position, over all sentences at once.

Source: Lafferty, McCallum and Pereira 2001, Conditional Random Fields; Rabiner 1989, for the scaling.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from tithe.models.solver import Affine, fit_with
from tithe.tasks.paths import positions

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tithe.ragged import Ragged
    from tithe.types import Floats, Rows

PAIR_PENALTY = 1.0
"""The L2 penalty of the transitions; it only matters for pairs of tags that hardly occur."""

_CURVATURE = 0.1  # as in the solver


@dataclass(frozen=True, eq=False)
class Chain:
    """How the tokens of n sentences follow one another; `steps` are the tokens at each position, longest rows first."""

    steps: tuple[Rows, ...]
    before: Rows  # (T - n,) the first token of each pair of neighbours
    after: Rows

    @classmethod
    def of(cls, rows: Ragged) -> Chain:
        """The chain of ragged rows."""
        steps = tuple(positions(rows, np.argsort(-rows.lengths, kind="stable")))
        if len(steps) < 2:
            none = np.empty(0, np.int64)
            return cls(steps, none, none)
        before = np.concatenate([one[: len(two)] for one, two in pairwise(steps)])
        return cls(steps, before, np.concatenate(steps[1:]))

    def marginals(self, logits: Floats, pairs: Floats) -> Floats:
        """(T, K) the probability of each tag at each token, rows adding up to 1."""
        return self._sums(logits, pairs, None)[1]

    def loss(
        self, logits: Floats, pairs: Floats, targets: NDArray[np.int64], sample: Floats
    ) -> tuple[float, Floats, Floats]:
        """Minus the log-likelihood of the paths `targets`, and its slopes by logits (T, K) and pairs (K, K).

        Args:
            sample: (T,) weights, alike for all tokens of a sentence.
        """
        logs, slope, expected = self._sums(logits, pairs, sample)
        rows = np.arange(len(logits))
        counts = pair_counts(self, targets, len(pairs), sample)
        value = float(sample @ (logs - logits[rows, targets]).astype(np.float64)) - float(np.vdot(counts, pairs))
        slope[rows, targets] -= 1.0
        slope *= sample[:, None]
        return value, slope, (expected - counts).astype(np.float32)

    def _sums(self, logits: Floats, pairs: Floats, sample: Floats | None) -> tuple[Floats, Floats, Floats]:
        """(T,) parts of log Z, (T, K) marginals and, with weights, (K, K) expected counts of pairs of tags."""
        peak = logits.max(axis=1, keepdims=True)
        local, link = np.exp(logits - peak), np.exp(pairs)
        ahead, scale = np.empty_like(local), np.empty(len(local), local.dtype)
        for at, tokens in enumerate(self.steps):
            came = local[tokens] if not at else (ahead[self.steps[at - 1][: len(tokens)]] @ link) * local[tokens]
            total = came.sum(axis=1)
            scale[tokens] = total
            ahead[tokens] = came / total[:, None]
        behind = np.ones_like(local)
        expected = np.zeros_like(link)
        for tokens, last in zip(self.steps[:0:-1], self.steps[-2::-1], strict=True):
            coming = local[tokens] * behind[tokens] / scale[tokens][:, None]
            one_before = last[: len(tokens)]
            behind[one_before] = coming @ link.T
            if sample is not None:
                expected += (ahead[one_before] * sample[one_before][:, None]).T @ coming
        marginals = ahead * behind
        marginals /= marginals.sum(axis=1, keepdims=True)
        return np.log(scale) + peak[:, 0], marginals, expected * link


def pair_counts(chain: Chain, targets: NDArray[np.int64], classes: int, sample: Floats) -> Floats:
    """(K, K) how often each tag follows each, by weight."""
    codes = targets[chain.before] * classes + targets[chain.after]
    counts = np.bincount(codes, weights=sample[chain.before], minlength=classes * classes)
    return counts.reshape(classes, classes).astype(np.float32)


def fit_chain(
    coordinates: Floats,
    spectrum: Floats,
    targets: Ragged,
    classes: int,
    *,
    penalty: float,
    sample: Floats,
    tolerance: float,
) -> tuple[Affine, Floats]:
    """The emissions, as a map of the coordinates, and the transitions (K, K) from a row's tag to a column's.

    Minimises the weighted loss of `Chain` + penalty/2 ||W||^2 + 1/2 ||pairs||^2, the bias unpenalised.

    Args:
        coordinates: (T, r), with their `spectrum` (r,), as `Basis` gives them.
        targets: ragged rows of (t,) tags below `classes`.
        sample: (T,) weights, alike for all tokens of a sentence.
    """
    chain, tags = Chain.of(targets), targets.values
    counts = pair_counts(chain, tags, classes, sample)

    def loss(logits: Floats, free: Floats) -> tuple[float, Floats, Floats]:
        pairs = free.reshape(classes, classes)
        value, slope, pair_slope = chain.loss(logits, pairs, tags, sample)
        value += 0.5 * PAIR_PENALTY * float(np.vdot(pairs, pairs))
        return value, slope, (pair_slope + np.float32(PAIR_PENALTY) * pairs).ravel()

    curvature = (_CURVATURE * np.maximum(counts, 1) + PAIR_PENALTY).ravel().astype(np.float32)
    fitted, free = fit_with(loss, coordinates, spectrum, curvature, classes, penalty=penalty, tolerance=tolerance)
    return fitted, free.reshape(classes, classes)
