"""The trainer `linear` for spans: a linear-chain CRF on frozen views of tokens, refitted in seconds.

It takes what the start gives of `tokens` (an encoder's states) and `word_forms` (forms and company of words learned
from the pool), the latter of the neighbours as well. Sentences are the units of cross-validation and of weights.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from tithe.errors import LabelError
from tithe.models import Model, Start, Tell, quiet
from tithe.models.blocks import TOKEN_NAMES, Blocks, token_views_of
from tithe.models.chain import Chain, fit_chain
from tithe.models.links import Encoded
from tithe.models.search import FEWEST, Settings, best_temperature, folds_of, rung, search_key, walk
from tithe.models.solver import Basis
from tithe.models.tagger_model import BESIDE, TaggerModel, beside
from tithe.ragged import Ragged
from tithe.tasks import Task
from tithe.types import Examples, Floats, Items, Label, View

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.random import Generator
    from numpy.typing import NDArray

_WEIGHTS: dict[View, float] = {"tokens": 1.0, "word_forms": 0.7, BESIDE: 0.5}
_PENALTIES = (0.01, 0.03, 0.1, 0.3, 1.0)
_FIRST = 2
_FOLDS = 3
_MOST_SENTENCES = 250  # that a search looks at
_HEAD = 0.99  # the share of variance that fits work on; the rest costs as much time again and changes nothing
_SEARCH_HEAD = 0.95
_TOLERANCE = 5e-3
_SEARCH_TOLERANCE = 3e-2


@dataclass(frozen=True)
class Tagger:
    """A CRF on frozen views of tokens; its penalty and temperature come from cross-validation on labelled sentences.

    Cost: O(tokens x tags x (features + tags)) a step; some seconds for 1,000 sentences of nine tags, search included.
    """

    @property
    def needs_any(self) -> frozenset[View]:
        """Any of `tokens`, `word_forms`."""
        return frozenset(TOKEN_NAMES)

    @property
    def provides(self) -> frozenset[View]:
        """`proba`."""
        return frozenset({"proba"})

    @staticmethod
    def restore(task: Task, start: Start, arrays: dict[str, Any], facts: dict[str, Any]) -> TaggerModel:
        """The model that `TaggerModel.save` wrote."""
        return TaggerModel.restore(task, start, arrays, facts)

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
    ) -> TaggerModel:
        """A calibrated model of these examples.

        Args:
            examples: in the order of their answers; the penalty is searched on a beginning of them.
            warm: an earlier `TaggerModel`: its settings are taken over where a search would find the same ones.

        Raises:
            LabelError: all tokens have the same tag, or a label is not the task's.
            NeedsError: the start gives no view of tokens.
        """
        from threadpoolctl import threadpool_limits

        names, rows = token_views_of(start, examples.items)
        tags = _tagged(task, examples.labels, rows[0])
        encoded, targets = _encoded(task, tags)
        views, count = _with_neighbours(names, rows), len(examples)
        token_sample = np.repeat(examples.sample, tags.lengths).astype(np.float32)
        first = rung(min(count, _MOST_SENTENCES), count)
        key = search_key(examples, first, start.fingerprint, names, rng)
        mix = tuple(_WEIGHTS[name] for name in views)
        with threadpool_limits(limits=1, user_api="blas"):  # the sums must not depend on the number of cores
            if isinstance(warm, TaggerModel) and warm.search_key == key:
                chosen = warm.chosen
            else:
                strata = _strata(task.encode(examples.labels[:first]))
                chosen = _searched(views, targets, mix, folds_of(strata, rng, _FOLDS))
            blocks = Blocks.of(list(views), list(views.values()))
            basis = Basis.of(blocks.mixed(mix)).head(_HEAD)
            fitted, pairs = fit_chain(
                basis.coordinates,
                basis.spectrum,
                targets,
                len(encoded.seen),
                penalty=chosen.penalty,
                sample=token_sample,
                tolerance=_TOLERANCE,
            )
            maps, biases = blocks.to_raw((basis.axes @ fitted.weights)[None], fitted.bias, mix)
        weights = tuple(one[0] for one in maps)
        return TaggerModel(task, start, tuple(views), weights, biases[0], pairs, encoded, chosen, count, key)


def _tagged(task: Any, labels: Sequence[Label], places: Ragged) -> Ragged:
    """The columns of tags. Raises LabelError for a label that the task does not have."""
    tags: Ragged = task.tag([task.check(label) for label in labels], places)
    return tags


def _encoded(task: Any, tags: Ragged) -> tuple[Encoded, Ragged]:
    """The tags seen, the share of those that were not, and ragged targets among those seen."""
    seen, targets = np.unique(tags.values, return_inverse=True)
    if len(seen) < 2:
        have = f"only the tag {task.tags[seen[0]]}" if len(seen) else "no token"
        raise LabelError(
            f"a tagger needs answers with at least two different tags; {len(tags)} answers have {have}; "
            f"label a text with an entity in it"
        )
    floor = 0.5 / (len(targets) + len(task.tags))  # no declared label is impossible
    rest = np.full(len(task.tags), floor, np.float32)
    return Encoded(targets, seen, rest), tags.with_values(targets.reshape(-1))


def _with_neighbours(names: Sequence[View], rows: Sequence[Ragged]) -> dict[View, Floats]:
    """(T, d) float32 blocks: the views, and the word forms of the tokens before and behind."""
    views = {name: np.asarray(row.values, np.float32) for name, row in zip(names, rows, strict=True)}
    if "word_forms" in views:
        both = [beside(views["word_forms"], rows[0].splits, step) for step in (-1, 1)]
        views[BESIDE] = np.concatenate(both, axis=1)
    return views


def _strata(occurs: NDArray[np.bool_]) -> NDArray[np.int64]:
    """(n,) the rarest label of each sentence; those without one are one stratum."""
    order = np.argsort(occurs.sum(axis=0), kind="stable")
    return np.where(occurs.any(axis=1), order[occurs[:, order].argmax(axis=1)], -1)


def _searched(views: dict[View, Floats], targets: Ragged, mix: tuple[float, ...], fold: NDArray[np.int64]) -> Settings:
    """The penalty with the least held-out loss after temperature, on the first sentences, as many as `fold` has."""
    first = targets[np.arange(len(fold))]
    judged = np.flatnonzero(fold >= 0)
    default = Settings(mix, _PENALTIES[_FIRST])
    if len(fold) < FEWEST or len(judged) < FEWEST // 2 or len(np.unique(first.values)) < 2:
        return default
    seen, codes = np.unique(first.values, return_inverse=True)
    first = first.with_values(codes.reshape(-1))
    blocks = Blocks.of(list(views), [view[: len(codes)] for view in views.values()])
    basis = Basis.of(blocks.mixed(mix)).head(_SEARCH_HEAD)

    def judge(mix: tuple[float, ...], penalty: float) -> Settings:
        held = [_held_out(basis, first, len(seen), fold == number, penalty) for number in range(_FOLDS)]
        count = sum(len(one.logits) for one in held)
        temperature, loss = best_temperature(lambda t: sum(one.loss(t) for one in held) / count, count)
        right = sum(one.right(temperature) for one in held)
        return replace(default, penalty=penalty, temperature=temperature, loss=loss, score=right / count)

    return walk(judge, [mix], _PENALTIES, _FIRST)


@dataclass(frozen=True, eq=False)
class _Held:
    """Sentences that a fit did not see, with what it says of them."""

    chain: Chain
    targets: NDArray[np.int64]
    logits: Floats
    pairs: Floats

    def loss(self, temperature: float) -> float:
        """Minus the log-likelihood of their tags, summed."""
        heat, ones = np.float32(temperature), np.ones(len(self.logits), np.float32)
        return self.chain.loss(self.logits / heat, self.pairs / heat, self.targets, ones)[0]

    def right(self, temperature: float) -> int:
        """Tokens whose likeliest tag is their own."""
        heat = np.float32(temperature)
        return int((self.chain.marginals(self.logits / heat, self.pairs / heat).argmax(axis=1) == self.targets).sum())


def _held_out(basis: Basis, targets: Ragged, classes: int, test: NDArray[np.bool_], penalty: float) -> _Held:
    """What the other sentences say of these."""
    numbers = targets.with_values(np.arange(len(targets.values)))
    rows, others = (numbers[np.flatnonzero(which)] for which in (test, ~test))
    train = np.asarray(others.values)
    fitted, pairs = fit_chain(
        np.ascontiguousarray(basis.coordinates[train]),
        basis.spectrum * np.float32(len(train) / len(targets.values)),
        others.with_values(targets.values[train]),
        classes,
        penalty=penalty,
        sample=np.ones(len(train), np.float32),
        tolerance=_SEARCH_TOLERANCE,
    )
    return _Held(Chain.of(rows), targets.values[rows.values], fitted.logits(basis.coordinates[rows.values]), pairs)
