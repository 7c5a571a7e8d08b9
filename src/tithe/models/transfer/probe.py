"""The few-label probe: what the trainer `linear` gets out of a start on few labels, judged on those it did not see."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tithe.errors import ConfigError, LabelError
from tithe.models.linear import Linear
from tithe.models.links import link_of
from tithe.models.search import folds_of
from tithe.rng import stream
from tithe.types import Examples, Rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from tithe.models import Start, Trainer
    from tithe.tasks import Task
    from tithe.types import Label

FEWEST = 10
"""Labels below which a fold holds so few items that its score says nothing."""

FOLDS = 5
METRICS = {"choice": "accuracy", "multilabel": "f1_micro", "spans": "entity_f1"}
"""What a probe scores by task."""


@dataclass(frozen=True, eq=False)
class Probe:
    """Scores of each held-out fold, (J,), in an order that is the same for all starts; and their mean losses, or nan.

    `share` is the size of a held-out fold over that of the rest.
    """

    metric: str
    scores: NDArray[np.float64]
    losses: NDArray[np.float64]
    share: float

    @property
    def score(self) -> float:
        """The mean of the folds."""
        return float(self.scores.mean())

    @property
    def loss(self) -> float:
        """The mean log loss of the folds in nats; nan for spans."""
        return float(self.losses.mean())

    @property
    def error(self) -> float:
        """The standard error of `score`; see `standard_error`."""
        return standard_error(self.scores, self.share)

    def lead(self, other: Probe, *, level: float = 0.95) -> tuple[float, float, float]:
        """How far it is ahead of another start's probe of the same folds: the mean, and both ends of its interval."""
        from scipy.stats import t

        away = self.scores - other.scores
        half = float(t.ppf((1 + level) / 2, len(away) - 1)) * standard_error(away, self.share)
        return float(away.mean()), float(away.mean()) - half, float(away.mean()) + half


def standard_error(scores: NDArray[np.float64], share: float) -> float:
    """The standard error of the mean of repeated k-fold scores (J,), or of their differences between two starts.

    Folds share most of what they train on, so they are less independent than they look: the usual variance / J is too
    small, and `share`, test size over training size, is added to 1 / J. It also speaks of other draws of as many
    labels, not of these labels alone.

    Source: Nadeau and Bengio 2003, Inference for the Generalization Error; for repeated folds Bouckaert and Frank 2004,
    Evaluating the Replicability of Significance Tests for Comparing Learning Algorithms.

    >>> round(standard_error(np.array([0.8, 0.9, 0.7, 0.8, 0.8]), 0.25), 4)
    0.0474
    """
    return float(np.sqrt((1 / len(scores) + share) * scores.var(ddof=1)))


def held_out_folds(task: Task, labels: Sequence[Label], *, seed: int, repeats: int) -> list[Rows]:
    """The held-out rows of each fold, `repeats` times over: stratified, drawn by the seed, the same for every start.

    The only row of a class is always trained on.

    Raises LabelError where there are fewer than ten labels.
    """
    if len(labels) < FEWEST:
        raise LabelError(
            f"a probe of starts needs at least {FEWEST} labels; there are {len(labels)}. Label some more first: "
            f"tithe rank FILE --n 50 --out first.csv says which"
        )
    if task.name == "spans":
        strata = np.asarray([len(label) > 0 for label in labels], np.int64)
    else:
        link = link_of(task, "the probe")
        strata = link.strata(link.encode(task, labels).targets)
    found: list[Rows] = []
    for repeat in range(repeats):
        fold = folds_of(strata, stream(seed, "probe", repeat), FOLDS)
        found += [np.flatnonzero(fold == number) for number in range(FOLDS)]
    return [rows for rows in found if len(rows)]


def probe(
    task: Task, examples: Examples, start: Start, folds: Sequence[Rows], *, seed: int = 0, metric: str | None = None
) -> Probe:
    """The scores of a start on these folds of labelled items.

    Each fold is one fit of the trainer `linear` with its own search for settings, so the probe says what a first round
    would reach with these labels.

    Raises:
        LabelError: the rest of a fold leaves nothing to learn.
        ConfigError: the task has no such metric.

    Cost: a fit for each fold, together a few seconds for 100 labels.
    """
    trainer: Trainer = Linear().for_task(task)
    metric = metric or METRICS[task.name]
    scores, losses = [], []
    everyone = np.arange(len(examples))
    for number, held in enumerate(folds):
        rest = np.setdiff1d(everyone, held)
        truth = [examples.labels[row] for row in held]
        known = Examples(examples.items.take(rest), [examples.labels[row] for row in rest])
        items = examples.items.take(held)
        model = trainer.fit(task, known, start=start, rng=stream(seed, "probe fit", number), unlabelled=examples.items)
        output = model.view("proba", items)
        found = task.score(truth, output, model.decide(output))
        if metric not in found:
            raise ConfigError(f"the task {task.name} has no metric {metric!r}; it has {', '.join(found)}")
        scores.append(found[metric])
        losses.append(_loss(task, truth, output))
    share = float(np.mean([len(held) / (len(examples) - len(held)) for held in folds]))
    return Probe(metric, np.asarray(scores), np.asarray(losses), share)


def _loss(task: Task, truth: Sequence[Label], output: Any) -> float:
    """The mean log loss of an output (n, C) in nats, of sets summed over the labels; nan for spans."""
    if task.name == "spans":
        return float("nan")
    coded, p = task.encode(truth), np.clip(np.asarray(output, np.float64), 1e-12, 1.0)
    if coded.ndim == 1:
        return -float(np.log(p[np.arange(len(p)), coded]).mean())
    q = np.clip(1.0 - np.asarray(output, np.float64), 1e-12, 1.0)
    return -float(np.where(coded, np.log(p), np.log(q)).sum(axis=1).mean())
