"""The trainer `linear`: multinomial logistic regression on frozen views, refitted in milliseconds.

It takes what the start gives of `embeddings`, `middle` and `lexical`, and lets cross-validation on the labelled items
decide how much of each and how much regularisation: with 50 labels the embedding alone is often best, with 500 the
words are worth points (docs/log.md has the tables).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from tithe.errors import LabelError
from tithe.models import Model, Start, Tell, quiet
from tithe.models.blocks import NAMES, Blocks, mixes_of, views_of
from tithe.models.linear_model import LinearModel
from tithe.models.links import Encoded, Link, link_of
from tithe.models.search import Settings, rung, search, search_key
from tithe.models.solver import Basis, fit_affine
from tithe.models.tagger import Tagger
from tithe.models.tagger_model import TaggerModel
from tithe.tasks import Task
from tithe.types import Examples, Floats, Items, Label, View

if TYPE_CHECKING:
    from numpy.random import Generator

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

    def for_task(self, task: Task) -> Linear | Tagger:
        """Itself, or the tagger for a task of spans, whose views are of tokens."""
        return Tagger() if task.name == "spans" else self

    @staticmethod
    def restore(task: Task, start: Start, arrays: dict[str, Any], facts: dict[str, Any]) -> LinearModel | TaggerModel:
        """The model that `save` wrote."""
        kind = TaggerModel if task.name == "spans" else LinearModel
        return kind.restore(task, start, arrays, facts)

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

        link = link_of(task)
        encoded = link.encode(task, examples.labels)
        count, classes = len(examples), len(encoded.seen)
        names, rows = views_of(start, examples.items)
        folds, draws = rng.spawn(2)
        with threadpool_limits(limits=1, user_api="blas"):  # the sums must not depend on the number of cores
            first = rung(_most(count, classes), count)
            key = search_key(examples, first, start.fingerprint, names, folds)
            if isinstance(warm, LinearModel) and warm.search_key == key:
                chosen = warm.chosen
            else:
                beginning = Blocks.of(names, [row[:first] for row in rows])
                chosen = _searched(beginning, task, examples.labels[:first], link, folds)
            blocks = Blocks.of(names, rows)
            weights = None if examples.weights is None else np.asarray(examples.weights, np.float32)
            maps, biases = self._solve(blocks, encoded, link, chosen, draws=draws, weights=weights)
        return LinearModel(
            task, start, blocks.kept(chosen.mix), maps, biases, encoded, chosen, count, key, members=self.members
        )

    def _solve(
        self,
        blocks: Blocks,
        encoded: Encoded,
        link: Link,
        chosen: Settings,
        *,
        draws: Generator,
        weights: Floats | None,
    ) -> tuple[tuple[Floats, ...], Floats]:
        """The optimum and `members` draws around it, as weights (1 + m, d_b, K) on the raw views and biases."""
        basis = Basis.of(blocks.mixed(chosen.mix))
        fitted = fit_affine(
            basis.coordinates,
            basis.spectrum,
            encoded.targets,
            len(encoded.seen),
            link,
            penalty=chosen.penalty,
            weights=weights,
        )
        spread = _posterior_sd(basis, link.proba(fitted.logits(basis.coordinates)), chosen.penalty)
        noise = draws.standard_normal((self.members, *spread.shape), dtype=np.float32) * spread
        stack = np.concatenate([fitted.weights[None], fitted.weights + noise])  # (1 + m, r, K)
        return blocks.to_raw(np.matmul(basis.axes, stack), fitted.bias, chosen.mix)


def _most(count: int, classes: int) -> int:
    """How many of the first answers a search may look at."""
    return min(count, max(_MOST_ROWS, count // 3), max(400, _MOST_CELLS // classes))


def _searched(blocks: Blocks, task: Task, labels: Sequence[Label], link: Link, folds: Generator) -> Settings:
    """The settings for these rows; the default ones where they leave nothing to learn."""
    mixes = mixes_of(blocks.names)
    try:
        encoded = link.encode(task, labels)
    except LabelError:  # the first answers may all be alike, though all answers are not
        return Settings.default(mixes)
    found = search(blocks, encoded.targets, len(encoded.seen), mixes, folds, link=link)
    if found.rule is None or found.rule.kind != "per_class":
        return found
    values = np.full(len(task.labels), 0.5)  # for labels that the search did not see
    values[encoded.seen] = found.rule.values
    return replace(found, rule=replace(found.rule, values=tuple(values.tolist())))


def _posterior_sd(basis: Basis, proba: Floats, penalty: float) -> Floats:
    """(r, K) the standard deviation of each weight, by a diagonal Laplace approximation in principal coordinates.

    Source: MacKay 1992, The Evidence Framework Applied to Classification Networks.
    """
    curvature = (basis.coordinates**2).T @ (proba * (1 - proba)) + penalty
    return np.asarray(1.0 / np.sqrt(curvature), dtype=np.float32)
