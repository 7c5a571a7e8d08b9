"""The trainer `finetune`: a pretrained encoder and a linear head, trained together on the labelled items.

One program serves all tasks: the encoder's states are averaged over each segment (an item, or a token of a tagged
text), and a linear head scores them. Its defaults need no tuning from 20 to 20,000 labels (docs/training.md has the
experiments).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from tithe.errors import ConfigError, LabelError
from tithe.models import Model, Start, Tell, quiet
from tithe.models.finetune_model import FinetuneModel, device_of
from tithe.models.starts import pretrained_of
from tithe.tasks import Task
from tithe.types import Examples, Items, Label, View

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray

    from tithe.models.tuning.programs import Problem
    from tithe.models.tuning.training import Course

FEWEST_HELD = 200
"""Labels from which on a tenth of them is held out; below, training takes a fixed number of steps."""

_MOST_HELD = 1000
_FEW_STEPS, _FEW = 300, 250  # so many steps up to so many labels
_GROWTH = 0.55  # and then steps ~ labels to this power: 700 at 1,116, 1,600 at 5,000, 3,300 at 20,000


def steps_for(labels: int) -> int:
    """The steps of 32 rows for so many labels.

    >>> [steps_for(n) for n in (20, 250, 1116, 5000)]
    [300, 300, 683, 1558]
    """
    return round(_FEW_STEPS * math.pow(max(labels, _FEW) / _FEW, _GROWTH))


@dataclass(frozen=True)
class Finetune:
    """Fine-tuning of the start's encoder. The same settings do for 20 labels and for 20,000.

    Attributes:
        steps: 0 for as many as the number of labels asks for (`steps_for`).
        batch: rows of a step.
        rate: of the topmost layer, `head_rate` of the head; `layer_decay` as in `Course`.
        dropout: the share of units dropped.
        freeze: layers from the bottom that are left as they are, with all embeddings; the embeddings of word pieces
            are left anyway unless `words` is true.
        loss: by name, see `tithe.models.tuning.losses`; `auto` is cross-entropy, or binary cross-entropy for sets.
        smoothing: of the labels, a share. class_weights: rare classes weigh more, by one over their frequency.
        validation: the share of labels held out from 200 labels on.
        members: of the committee: passes with dropout.
        device: `auto`, `cpu`, `cuda` or `cuda:1`.

    Cost: on two cores about a minute for 300 steps of 32 short texts with MiniLM.
    """

    steps: int = 0
    batch: int = 32
    rate: float = 1e-4
    head_rate: float = 2e-3
    layer_decay: float = 1.0
    dropout: float = 0.1
    freeze: int = 0
    words: bool = False
    loss: str = "auto"
    smoothing: float = 0.0
    class_weights: bool = False
    validation: float = 0.1
    accumulate: int = 1
    precision: Literal["auto", "bf16", "fp32"] = "auto"
    members: int = 10
    device: str = "auto"

    def __post_init__(self) -> None:
        if self.batch < 1 or self.steps < 0 or self.accumulate < 1 or not self.rate > 0:
            raise ConfigError(
                f"finetune needs batch and accumulate of 1 or more, steps of 0 or more and a rate above 0; given "
                f"batch={self.batch}, accumulate={self.accumulate}, steps={self.steps}, rate={self.rate}"
            )
        if not 0 <= self.dropout < 1 or not 0 <= self.validation < 1:
            raise ConfigError(
                f"dropout and validation are shares from 0 to below 1; given {self.dropout} and {self.validation}"
            )

    @property
    def needs_any(self) -> frozenset[View]:
        """`pieces`, which only starts with an encoder give."""
        return frozenset({"pieces"})

    @property
    def provides(self) -> frozenset[View]:
        """`proba`; for labels of items also `embeddings`, those of the fine-tuned encoder, and a `committee`."""
        return frozenset({"proba", "embeddings", "committee"})

    def for_task(self, task: Task) -> Finetune:
        """Itself, or the one for spans, which gives `proba` alone."""
        return FinetuneSpans(**vars(self)) if task.name == "spans" else self

    @staticmethod
    def restore(task: Task, start: Start, arrays: dict[str, Any], facts: dict[str, Any]) -> FinetuneModel:
        """The model that `FinetuneModel.save` wrote."""
        return FinetuneModel.restore(task, start, arrays, facts)

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
    ) -> FinetuneModel:
        """A calibrated model of these examples.

        Raises:
            LabelError: fewer than two different labels, or one that the task does not have.
            NeedsError: the start has no encoder.
            TrainingError: the loss became no number (with the step and the ids of its batch), or memory is too small.
        """
        from tithe.models.tuning.gathering import run
        from tithe.models.tuning.orders import Shuffled
        from tithe.models.tuning.training import ADVICE, NotANumberError

        train, held = self._split(len(examples), rng)
        problem = self._problem(task, examples, start, train, held, seed=int(rng.integers(2**31)), rng=rng)
        course = self._course(len(train))
        order = Shuffled(problem.feed.sizes, self.batch, seed=int(rng.integers(2**31)))
        try:
            trained = run(problem, order, course, tell=tell)
        except NotANumberError as error:
            ids = [examples.items.ids[train[row]] for row in error.rows]
            raise NotANumberError(
                error.step, error.rows, error.loss, f"the ids {', '.join(ids[:8])}; {ADVICE}"
            ) from None
        return FinetuneModel.of(
            task,
            start,
            trained,
            held=problem.held,
            facts={
                "labelled": len(examples),
                "frozen": problem.frozen,
                "members": self.members,
                "steps": trained.steps,
            },
            dropout=self.dropout,
            seed=problem.seed,
            precision=self.precision,
            device=self.device,
        )

    def _split(self, count: int, rng: Generator) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The rows that train and those held out, ascending."""
        order = rng.permutation(count)
        held = min(_MOST_HELD, round(count * self.validation)) if count >= FEWEST_HELD else 0
        return np.sort(order[held:]), np.sort(order[:held])

    def _course(self, count: int) -> Course:
        from tithe.models.tuning.training import Course

        return Course(
            self.steps or steps_for(count),
            self.batch,
            self.rate,
            self.head_rate,
            self.layer_decay,
            accumulate=self.accumulate,
            precision=self.precision,
        )

    def _problem(
        self,
        task: Task,
        examples: Examples,
        start: Start,
        train: NDArray[np.int64],
        held: NDArray[np.int64],
        *,
        seed: int,
        rng: Generator,
    ) -> Problem:
        """What is to be learned: the rows that train, and those that judge."""
        import torch

        from tithe.models.tuning import losses
        from tithe.models.tuning.pieces import Feed, Frame
        from tithe.models.tuning.programs import Held, Problem

        tokenizer, encoder, most = pretrained_of(start)
        device = device_of(self.device)
        frame = Frame.of(tokenizer, most)

        def feed(items: Items) -> Feed:
            segments: Literal["items", "tokens"] = "tokens" if task.name == "spans" else "items"
            return Feed.of(start.view("pieces", items), frame, items, segments, device)

        def part(rows: NDArray[np.int64]) -> tuple[Feed, torch.Tensor]:
            items = examples.items.take(rows)
            return feed(items), torch.as_tensor(_targets(task, [examples.labels[row] for row in rows], items)).to(
                device
            )

        rows, targets = part(train)
        classes = columns_of(task)
        kind: Literal["one", "set"] = "set" if task.name == "multilabel" else "one"
        _check_classes(task, targets.cpu().numpy(), len(train))
        weights = None
        if self.class_weights:
            weights = torch.as_tensor(_class_weights(targets.cpu().numpy(), classes), device=device)
        sample = np.ones(len(train)) if examples.weights is None else np.asarray(examples.weights)[train]
        per_segment = np.repeat(sample, np.diff(rows.splits)).astype(np.float32)
        width = int(encoder.config.hidden_size)
        head = torch.nn.Linear(width, classes)
        with torch.no_grad():
            head.weight.copy_(torch.as_tensor(rng.normal(0, 0.02, (classes, width)).astype(np.float32)))
            head.bias.zero_()
        return Problem(
            encoder,
            head,
            rows,
            targets,
            torch.as_tensor(per_segment, device=device),
            losses.build(self.loss, kind, class_weights=weights, smoothing=self.smoothing),
            Held(*part(held)) if len(held) else None,
            self.dropout,
            seed,
            1 + self.freeze if self.freeze else int(not self.words),
        )


class FinetuneSpans(Finetune):
    """`finetune` for spans: its models give the probabilities of the tags of each token, and nothing else."""

    @property
    def provides(self) -> frozenset[View]:
        """`proba`."""
        return frozenset({"proba"})


def columns_of(task: Task) -> int:
    """The columns of the task's outputs."""
    tags: Sequence[str] | None = getattr(task, "tags", None)
    return len(tags) if tags is not None else len(task.labels)


def _targets(task: Any, labels: Sequence[Label], items: Items) -> NDArray[Any]:
    """(S,) int64 columns, or (S, K) float32. Raises LabelError for a label that the task does not have."""
    from tithe.tokens import places

    labels = [task.check(label) for label in labels]
    if task.name == "spans":
        return np.asarray(task.tag(labels, places(items)).values, np.int64)
    encoded = task.encode(labels)
    return np.asarray(encoded, np.float32 if encoded.ndim == 2 else np.int64)


def _check_classes(task: Task, targets: NDArray[Any], count: int) -> None:
    seen = len(np.unique(targets)) if targets.ndim == 1 else len(np.unique(targets, axis=0))
    if seen < 2:
        raise LabelError(
            f"a model needs answers of at least two labels; {count} answers have {seen}: label items of another one"
        )


def _class_weights(targets: NDArray[Any], classes: int) -> NDArray[np.float32]:
    """(K,) one over the frequency of each class, of mean 1 over the rows; 1 for a class without rows."""
    if targets.ndim == 2:
        positive = targets.mean(axis=0)
        return np.where(positive > 0, 0.5 / np.maximum(positive, 1e-6), 1.0).astype(np.float32)
    counts = np.bincount(targets, minlength=classes)
    weights = np.where(counts > 0, len(targets) / (np.maximum(counts, 1) * max(1, (counts > 0).sum())), 1.0)
    return weights.astype(np.float32)
