"""What stands between linear scores and labels: softmax for one label of many, sigmoids for any number of labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from tithe.errors import ConfigError, LabelError
from tithe.tasks import Task
from tithe.types import Floats, Label

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Link(Protocol):
    """Turns labels into targets, and logits (n, K) into losses and probabilities; K counts the labels fitted."""

    score_name: str
    exclusive: bool
    """Whether the probabilities of a row add up to 1."""

    def encode(self, task: Task, labels: Sequence[Label]) -> Encoded:
        """Targets of labels. Raises LabelError where they leave nothing to learn."""

    def loss(self, logits: Floats, targets: NDArray[Any], sample: Floats) -> tuple[float, Floats]:
        """The summed loss with a weight (n,) a row, and its slope (n, K) by the logits."""

    def mean_loss(self, logits: Floats, targets: NDArray[Any]) -> float:
        """The mean loss of a row."""

    def proba(self, logits: Floats) -> Floats:
        """(n, K) probabilities."""

    def score(self, logits: Floats, targets: NDArray[Any]) -> float:
        """The score named `score_name` of the plainest guess."""

    def strata(self, targets: NDArray[Any]) -> NDArray[np.int64]:
        """(n,) a code a row; folds spread rows of the same code evenly."""


@dataclass(frozen=True, eq=False)
class Encoded:
    """`targets` of the link's own kind; `seen` (K,) the columns that are fitted; `rest` (C,) what the others get."""

    targets: NDArray[Any]
    seen: NDArray[np.int64]
    rest: Floats

    def widen(self, proba: Floats, link: Link) -> Floats:
        """(n, C) for the probabilities (n, K) of the labels seen: the others get what `rest` leaves them.

        Where probabilities add up to 1, the labels seen share what the others leave.
        """
        out = np.tile(self.rest, (len(proba), 1))
        others = np.setdiff1d(np.arange(len(self.rest)), self.seen)
        left = np.float32(1 - self.rest[others].sum()) if link.exclusive else np.float32(1)
        out[:, self.seen] = proba * left
        return out


def log_softmax(logits: Floats) -> Floats:
    """Log probabilities (n, K) of logits (n, K), without overflow."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True)))


class Softmax:
    """One label of many; targets are columns (n,)."""

    score_name = "accuracy"
    exclusive = True

    def encode(self, task: Task, labels: Sequence[Label]) -> Encoded:
        """Columns among the labels seen; labels without an answer share a small probability."""
        columns = task.encode(labels)
        if (columns < 0).any():
            task.check(labels[int(np.flatnonzero(columns < 0)[0])])
        seen, targets = np.unique(columns, return_inverse=True)
        if len(seen) < 2:
            raise LabelError(f"a model needs answers of at least two labels; {len(labels)} answers have {len(seen)}")
        floor = 0.5 / (len(labels) + len(task.labels))  # no declared label is impossible
        return Encoded(targets, seen, np.full(len(task.labels), floor, np.float32))

    def loss(self, logits: Floats, targets: NDArray[Any], sample: Floats) -> tuple[float, Floats]:
        """Cross-entropy."""
        logs, rows = log_softmax(logits), np.arange(len(logits))
        value = -float(np.dot(sample, logs[rows, targets]))
        slope = np.exp(logs)
        slope[rows, targets] -= 1.0
        slope *= sample[:, None]
        return value, slope

    def mean_loss(self, logits: Floats, targets: NDArray[Any]) -> float:
        """Cross-entropy in nats."""
        return -float(log_softmax(logits)[np.arange(len(logits)), targets].mean())

    def proba(self, logits: Floats) -> Floats:
        """Rows adding up to 1."""
        return np.exp(log_softmax(logits))

    def score(self, logits: Floats, targets: NDArray[Any]) -> float:
        """The share of rows whose largest logit is the target."""
        return float((logits.argmax(axis=1) == targets).mean())

    def strata(self, targets: NDArray[Any]) -> NDArray[np.int64]:
        """The target itself."""
        return np.asarray(targets)


class Sigmoid:
    """Any number of labels, each by itself (one-vs-rest); targets are zeros and ones (n, K)."""

    score_name = "f1_micro"
    exclusive = False

    def encode(self, task: Task, labels: Sequence[Label]) -> Encoded:
        """Columns of labels that some but not all rows have; the others get their rate, pulled off 0 and 1."""
        applies = task.encode([task.check(label) for label in labels])
        counts = applies.sum(axis=0)
        seen = np.flatnonzero((counts > 0) & (counts < len(labels)))
        if not len(seen):
            raise LabelError(
                f"a model needs at least one label that some answers have and others have not; {len(labels)} answers "
                f"leave none"
            )
        rest = (counts + 0.5) / (len(labels) + 1)
        return Encoded(applies[:, seen].astype(np.float32), seen, rest.astype(np.float32))

    def loss(self, logits: Floats, targets: NDArray[Any], sample: Floats) -> tuple[float, Floats]:
        """Binary cross-entropy, summed over the labels."""
        value = np.logaddexp(0, logits) - targets * logits
        slope = (self.proba(logits) - targets) * sample[:, None]
        return float(np.dot(sample, value.sum(axis=1))), slope

    def mean_loss(self, logits: Floats, targets: NDArray[Any]) -> float:
        """Binary cross-entropy in nats, summed over the labels."""
        return float((np.logaddexp(0, logits) - targets * logits).sum(axis=1).mean())

    def proba(self, logits: Floats) -> Floats:
        """Each by itself; rows do not add up to 1."""
        return np.asarray(1.0 / (1.0 + np.exp(-np.clip(logits, -60, 60))), dtype=logits.dtype)

    def score(self, logits: Floats, targets: NDArray[Any]) -> float:
        """Micro F1 of the labels with a probability above one half."""
        guess = logits > 0
        whole = float(guess.sum() + targets.sum())
        return float(2 * (guess * targets).sum() / whole) if whole else 0.0

    def strata(self, targets: NDArray[Any]) -> NDArray[np.int64]:
        """The rarest label of the row; rows without a label are one stratum."""
        order = np.argsort(targets.sum(axis=0), kind="stable")
        first = targets[:, order].argmax(axis=1)
        return np.where(targets.any(axis=1), order[first], -1)


def link_of(task: Task, trainer: str = "linear") -> Link:
    """The link of a task. Raises ConfigError, in the trainer's name, for a task that has none."""
    links: dict[str, Link] = {"choice": Softmax(), "multilabel": Sigmoid()}
    if task.name not in links:
        raise ConfigError(f"the trainer {trainer!r} does not know the task {task.name!r}; it knows {', '.join(links)}")
    return links[task.name]
