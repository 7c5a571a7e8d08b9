"""The trainer `linear`: multinomial logistic regression on frozen views, refitted in milliseconds.

It takes what the start gives of `embeddings`, `middle` and `lexical`, and lets cross-validation on the labelled items
decide how much of each and how much regularisation: with 50 labels the embedding alone is often best, with 500 the
words are worth points (docs/log.md has the tables).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tithe.errors import LabelError
from tithe.models import Model, Start, Tell, quiet
from tithe.models.blocks import NAMES, Blocks, mixes_of, views_of
from tithe.models.linear_model import LinearModel
from tithe.models.search import FEWEST, Settings, search
from tithe.models.softmax import Basis, Softmax, fit_softmax, log_softmax
from tithe.tasks import Task
from tithe.types import Examples, Floats, Items, View

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray

_LADDER = 1.1  # settings are searched anew when the labels have grown by a tenth
_MOST_ROWS = 600  # that a search looks at, or a third of the labels where that is more
_MOST_CELLS = 50_000  # rows x classes that a search looks at


@dataclass(frozen=True)
class Linear:
    """Logistic regression on frozen views; its settings come from cross-validation on the labelled items alone.

    Settings are chosen on the first k labels, k the largest rung of 20 x 1.1^i that is not above their number: so they
    depend on the labels alone, and yet most refits can take over those of the model before.

    Cost: 1,000 labels of 77 classes take under two seconds with the search and half of that without.
    """

    members: int = 10

    @property
    def needs_any(self) -> frozenset[View]:
        """Any of `embeddings`, `middle`, `lexical`."""
        return frozenset(NAMES)

    @property
    def provides(self) -> frozenset[View]:
        """`proba` and `committee`."""
        return frozenset({"proba", "committee"})

    @staticmethod
    def restore(task: Task, start: Start, arrays: dict[str, Any], facts: dict[str, Any]) -> LinearModel:
        """The model that `LinearModel.save` wrote."""
        return LinearModel.restore(task, start, arrays, facts)

    def fit(
        self,
        task: Task,
        examples: Examples,
        *,
        start: Start,
        rng: Generator,
        unlabelled: Items | None = None,
        tell: Tell = quiet,
        warm: Model | None = None,
    ) -> LinearModel:
        """A calibrated model of these examples.

        Args:
            examples: in the order of their answers; settings are searched on a beginning of them.
            warm: an earlier `LinearModel`: its settings are taken over where a search would find the same ones. Its
                weights are not: the result is the same to the last bit with and without, so rounds can be replayed.

        Raises:
            LabelError: fewer than two different labels, or one that the task does not have.
            NeedsError: the start gives none of the views.
        """
        from threadpoolctl import threadpool_limits

        columns = task.encode(examples.labels)
        if (columns < 0).any():
            task.check(examples.labels[int(np.flatnonzero(columns < 0)[0])])
        seen, targets = np.unique(columns, return_inverse=True)
        if len(seen) < 2:
            raise LabelError(f"a model needs answers of at least two labels; {len(examples)} answers have {len(seen)}")
        names, rows = views_of(start, examples.items)
        folds, draws = rng.spawn(2)
        with threadpool_limits(limits=1, user_api="blas"):  # the sums must not depend on the number of cores
            first = _rung(len(targets), len(seen))
            key = _search_key(examples, first, start.fingerprint, names, folds)
            if isinstance(warm, LinearModel) and warm.search_key == key:
                chosen = warm.chosen
            else:
                beginning = Blocks.of(names, [row[:first] for row in rows])
                known, codes = np.unique(targets[:first], return_inverse=True)
                chosen = search(beginning, codes, len(known), mixes_of(names), folds)
            blocks = Blocks.of(names, rows)
            weights = None if examples.weights is None else np.asarray(examples.weights, np.float32)
            maps, biases = self._solve(blocks, targets, len(seen), chosen, draws=draws, weights=weights)
        return LinearModel(
            task, start, blocks.kept(chosen.mix), maps, biases, seen, chosen, len(targets), key, members=self.members
        )

    def _solve(
        self,
        blocks: Blocks,
        targets: NDArray[np.int64],
        classes: int,
        chosen: Settings,
        *,
        draws: Generator,
        weights: Floats | None,
    ) -> tuple[tuple[Floats, ...], Floats]:
        """The optimum and `members` draws around it, as weights (1 + m, d_b, K) on the raw views and biases."""
        basis = Basis.of(blocks.mixed(chosen.mix))
        fitted = fit_softmax(
            basis.coordinates,
            basis.spectrum,
            targets,
            classes,
            penalty=chosen.penalty,
            weights=weights,
        )
        spread = _posterior_sd(basis, fitted, chosen.penalty)
        noise = draws.standard_normal((self.members, *spread.shape), dtype=np.float32) * spread
        stack = np.concatenate([fitted.weights[None], fitted.weights + noise])  # (1 + m, r, K)
        return blocks.to_raw(np.matmul(basis.axes, stack), fitted.bias, chosen.mix)


def _rung(count: int, classes: int) -> int:
    """How many of the first answers settings are searched on."""
    most = min(count, max(_MOST_ROWS, count // 3), max(400, _MOST_CELLS // classes))
    rung = float(FEWEST)
    while rung * _LADDER <= most:
        rung *= _LADDER
    return min(count, int(rung))


def _search_key(examples: Examples, first: int, start: str, names: tuple[View, ...], folds: Generator) -> str:
    """A hash of all that a search depends on, the state of the folds' stream included."""
    state = hashlib.blake2b(digest_size=16)
    for one, label in zip(examples.items.ids[:first], examples.labels[:first], strict=True):
        state.update(f"{one}\0{label}\0".encode("utf-8", "surrogatepass"))
    state.update(repr((first, start, names, folds.bit_generator.state)).encode())
    return state.hexdigest()


def _posterior_sd(basis: Basis, fitted: Softmax, penalty: float) -> Floats:
    """(r, K) the standard deviation of each weight, by a diagonal Laplace approximation in principal coordinates.

    Source: MacKay 1992, The Evidence Framework Applied to Classification Networks.
    """
    proba = np.exp(log_softmax(fitted.logits(basis.coordinates)))
    curvature = (basis.coordinates**2).T @ (proba * (1 - proba)) + penalty
    return np.asarray(1.0 / np.sqrt(curvature), dtype=np.float32)
