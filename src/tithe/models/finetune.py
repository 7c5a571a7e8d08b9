"""The trainer `finetune`: a pretrained encoder and a linear head, trained together on the labelled items.

One program serves all tasks: the encoder's states are averaged over each segment (an item, or a token of a tagged
text), and a linear head scores them. For spans it also sees the forms of words where the start gives them, as
`minilm+lexical` does: an encoder that knows no upper case misses names without them. Its defaults need no tuning from
20 to 20,000 labels (docs/training.md has the experiments).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from tithe import registry
from tithe.errors import ConfigError, LabelError, TrainingError
from tithe.log import joined
from tithe.models import Model, Start, Tell, quiet
from tithe.models.finetune_model import FinetuneModel, device_of, forms_of, sees_forms
from tithe.models.starts import pretrained_of
from tithe.models.tuning.checkpoints import Checkpoint, checkpoint_of
from tithe.models.tuning.orders import Beside, Order, Shuffled
from tithe.models.tuning.pseudo import pseudo_labelled
from tithe.tasks import Task
from tithe.tokens import places
from tithe.types import Examples, Items, Label, View, names_in

if TYPE_CHECKING:  # what needs torch is loaded by a fit: a server lists trainers and checks settings without it
    import torch
    from numpy.random import Generator
    from numpy.typing import NDArray

    from tithe.models.tuning.heads import Head
    from tithe.models.tuning.pieces import Feed, Segments
    from tithe.models.tuning.programs import Problem
    from tithe.models.tuning.training import Course, Trained

FEWEST_HELD = 200
"""Labels from which on a tenth of them is held out; below, training takes a fixed number of steps."""

_MOST_HELD = 1000
_LEAST = {"steps": 0, "batch": 1, "accumulate": 1, "freeze": 0, "judges": 1, "patience": 1, "members": 1}
_SMOOTHING = 0.1
_JUDGEMENTS = 10
_ADAPTERS_RATE = 10  # adapters begin at 0 and are few: they want larger steps (docs/fewshot.md)
_FEW_STEPS, _FEW = 300, 250  # so many steps up to so many labels
_GROWTH = 0.55  # and then steps ~ labels to this power: 700 at 1,116, 1,600 at 5,000, 3,300 at 20,000


def steps_for(labels: int) -> int:
    """The steps of 32 rows for so many labels that train; whole hundreds, so that alike runs can train side by side.

    >>> [steps_for(n) for n in (20, 250, 1116, 5000, 20000)]
    [300, 300, 700, 1600, 3300]
    """
    return 100 * round(_FEW_STEPS / 100 * math.pow(max(labels, _FEW) / _FEW, _GROWTH))


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
        lora: the rank of adapters, which then train in the place of the encoder's weights, at ten times the rate
            (extra `[peft]`); 0 for none.
        loss: by name, see `tithe.models.tuning.losses`; `auto` is cross-entropy, or binary cross-entropy for sets.
        smoothing: of the labels, a share; by default a tenth for a choice of which labels are held out, since what is
            held then judges better, and else none. class_weights: rare classes weigh more, by one over their frequency.
        semi: self-training: a second fit learns from its own guesses on unlabelled items beside the labels
            (`tithe.models.tuning.pseudo`); `augment` is the share of their words that is left out or moved.
        validation: the share of labels held out from 200 labels on, to calibrate by. From `judges` of them on they also
            choose the best weights, and training ends once `patience` of ten looks in a row have brought nothing
            better; fewer would choose by luck (docs/training.md).
        crf: for spans: tags next to each other are scored too, by a linear-chain CRF on the head, with a loss of its
            own. On by default, but where a loss, smoothing or class weights are named.
        members: of the committee: passes with dropout.
        device: `auto`, `cpu`, `cuda` or `cuda:1`.

    Cost: on two cores about a minute for 300 steps of 32 short texts with MiniLM.
    """

    steps: int = 0
    batch: int = 32
    rate: float = 8e-5
    head_rate: float = 2e-3
    layer_decay: float = 0.8
    dropout: float = 0.1
    freeze: int = 0
    words: bool = False
    lora: int = 0
    loss: str = "auto"
    smoothing: float | None = None
    class_weights: bool = False
    semi: bool = False
    augment: float = 0.0
    validation: float = 0.1
    judges: int = 100
    patience: int = 4
    accumulate: int = 1
    precision: Literal["auto", "bf16", "fp32"] = "auto"
    crf: bool | None = None
    members: int = 10
    device: str = "auto"

    def __post_init__(self) -> None:
        for name, least in _LEAST.items():
            if getattr(self, name) < least:
                raise ConfigError(f"{name} is {least} or more; given {getattr(self, name)}")
        for name in ("rate", "head_rate", "layer_decay"):
            if not 0 < getattr(self, name) < math.inf:
                raise ConfigError(f"{name} is a number above 0; given {getattr(self, name)}")
        for name in ("dropout", "validation", "augment"):
            if not 0 <= getattr(self, name) < 1:
                raise ConfigError(f"{name} is a share from 0 to below 1; given {getattr(self, name)}")
        if self.precision not in ("auto", "bf16", "fp32"):
            raise ConfigError(f"there is no precision {self.precision!r}; there are: auto, bf16, fp32")
        if self.augment and not self.semi:
            raise ConfigError(f"augment shakes what self-training guessed: say semi=true too; given {self.augment}")
        if self.crf and self._own_loss:
            raise ConfigError(
                f"the CRF over tags has a loss of its own: leave loss, smoothing and class_weights out, or crf; given "
                f"loss={self.loss}, smoothing={self.smoothing}, class_weights={self.class_weights}"
            )
        if self.lora < 0 or (self.lora and self.words):
            raise ConfigError(
                f"lora is the rank of adapters, 1 or more, beside which word pieces do not train, or 0; "
                f"given lora={self.lora}, words={self.words}"
            )

    @property
    def needs_any(self) -> frozenset[View]:
        """`pieces`, which only starts with an encoder give."""
        return frozenset({"pieces"})

    @property
    def provides(self) -> frozenset[View]:
        """`proba`; for labels of items also `embeddings`, those of the fine-tuned encoder, and a `committee`."""
        return frozenset({"proba", "embeddings", "committee"})

    @property
    def _own_loss(self) -> bool:
        return self.loss != "auto" or bool(self.smoothing) or self.class_weights

    def _head(self, task: Task) -> Head:
        linked = not self._own_loss if self.crf is None else self.crf
        return "linked" if task.name == "spans" and linked else "linear"

    @property
    def reads_unlabelled(self) -> bool:
        """Whether it learns from unlabelled items too."""
        return self.semi

    def for_task(self, task: Task) -> Finetune:
        """Itself, or the one for spans, which gives `proba` alone. Raises ConfigError for a setting of other tasks."""
        if task.name != "spans":
            if self.crf:
                raise ConfigError(f"crf scores neighbouring tags of spans, and the task is {task.name}; leave it out")
            return self
        if self.augment:
            raise ConfigError(
                f"augment leaves words out or moves them, and spans would lie elsewhere then; leave it out for spans; "
                f"given {self.augment}"
            )
        return FinetuneSpans(**vars(self))

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
            ConfigError: the encoder has fewer layers than `freeze`.
            TrainingError: the loss became no number (with the step and the ids of its batch), or memory is too small.
        """
        about = (self, task, start.fingerprint, examples.digest, rng.bit_generator.state)
        train, held = self.split(examples, rng)
        problem = self.problem(task, train, held, start=start, rng=rng)
        order = Shuffled(problem.feed.sizes, self.batch, seed=draw(rng))
        course = self.course(len(train), len(held or ()))
        facts = {
            "labelled": len(examples),
            "members": self.members,
            "frozen": problem.frozen,
            "lora": self.lora,
            "head": self._head(task),
            "forms": sees_forms(task, start),
            **self.unheld(train, held),
        }

        def model(problem: Problem, order: Order, course: Course, items: Items) -> FinetuneModel:
            kept = checkpoint_of(*about, items.digest)
            trained = run_on(problem, order, course, items=items, tell=tell, checkpoint=kept)
            return FinetuneModel.of(
                task,
                start,
                trained,
                held=problem.held,
                device=self.device,
                facts=facts
                | {
                    "steps": trained.steps,
                    "dropout": problem.dropout,
                    "seed": problem.seed,
                    "precision": self.precision,
                },
            )

        found = model(problem, order, course, train.items)
        if not self.semi or unlabelled is None or not len(unlabelled):
            return found
        guessed = pseudo_labelled(found, unlabelled, len(train), augment=self.augment, rng=rng)
        both = _joined(train, guessed)
        facts["pseudo"] = len(guessed)
        problem = self.problem(task, both, held, start=start, rng=rng)
        sizes, half = problem.feed.sizes, max(1, self.batch // 2)
        halves = [Shuffled(part, half, seed=draw(rng)) for part in (sizes[: len(train)], sizes[len(train) :])]
        longer = replace(course, steps=2 * course.steps)
        return model(problem, Beside(halves, [0, len(train)]), longer, both.items)

    def split(self, examples: Examples, rng: Generator) -> tuple[Examples, Examples | None]:
        """The examples that train and those held out, each in the order of the answers; without those of weight 0."""
        if examples.weights is not None:
            examples = _part(examples, np.flatnonzero(np.asarray(examples.weights)))
        count = len(examples)
        order = rng.permutation(count)
        held = min(_MOST_HELD, round(count * self.validation)) if count >= FEWEST_HELD else 0
        if not held:
            return _part(examples, np.sort(order)), None
        # The first row of each label trains, or a rare one might be held out whole.
        first = {name: row for row in reversed(order.tolist()) for name in names_in(examples.labels[row])}
        judge = np.sort(order[~np.isin(order, list(first.values()))][:held])
        return _part(examples, np.setdiff1d(order, judge)), _part(examples, judge) if len(judge) else None

    def unheld(self, train: Examples, held: Examples | None) -> dict[str, str]:
        """Why `split`, which gave these two, held nothing out, as a fact of the model; nothing where it did."""
        if held is not None:
            return {}
        if not self.validation:
            return {"unheld": "validation is 0"}
        if len(train) < FEWEST_HELD:
            return {"unheld": f"there are fewer than {FEWEST_HELD} labels"}
        few = not round(len(train) * self.validation)
        return {"unheld": "validation is too small a share" if few else "no label has a second item"}

    def course(self, count: int, held: int = 0) -> Course:
        """How long and how fast to train with so many labels, beside so many held out."""
        from tithe.models.tuning.training import Course

        return Course(
            self.steps or steps_for(count),
            self.batch,
            self.rate * (_ADAPTERS_RATE if self.lora else 1),
            self.head_rate,
            self.layer_decay,
            accumulate=self.accumulate,
            judgements=_JUDGEMENTS if held >= self.judges else 0,
            patience=self.patience,
            precision=self.precision,
        )

    def _smoothing(self, task: Task, held: Examples | None) -> float:
        if self.smoothing is not None:
            return self.smoothing
        usual = task.name == "choice" and registry.name_of(self.loss) in ("auto", "cross_entropy")
        return _SMOOTHING if usual and held is not None else 0.0

    def problem(self, task: Task, train: Examples, held: Examples | None, *, start: Start, rng: Generator) -> Problem:
        """What is to be learned: the rows that train, and those that judge."""
        import torch

        from tithe.models.tuning import adapters, losses
        from tithe.models.tuning.pieces import Feed, Frame
        from tithe.models.tuning.programs import Held, Problem, layers_of

        kind: Literal["one", "set"] = "set" if task.name == "multilabel" else "one"
        losses.build(self.loss, kind)  # what is wrong with it is told before an encoder is loaded
        tokenizer, encoder, most = pretrained_of(start)
        frame, device = Frame.of(tokenizer, most), device_of(self.device)
        layers, run = layers_of(encoder), getattr(encoder.config, "num_hidden_layers", 0)
        if self.freeze and 0 < layers < run:
            raise ConfigError(
                f"freeze={self.freeze}: the {run} layers of this encoder ({encoder.config.model_type}) share their "
                f"weights, so that they cannot be frozen one by one; leave freeze out"
            )
        if self.freeze > layers:
            raise ConfigError(f"freeze={self.freeze} is more layers than this encoder has; freeze at most {layers}")
        frozen = 1 + self.freeze if self.freeze else int(not self.words)
        if self.lora:
            adapters.inject(encoder, self.lora, frozen=frozen)
            adapters.draw(encoder, rng)

        def fed(part: Examples) -> tuple[Feed, torch.Tensor, torch.Tensor]:
            pieces = start.view("pieces", part.items)
            beside = forms_of(start, part.items) if sees_forms(task, start) else None
            segments: Segments = "tokens" if task.name == "spans" else "items"
            feed = Feed.of(pieces, frame, part.items, segments, device, beside=beside)
            weights = np.repeat(part.sample, np.diff(feed.splits)).astype(np.float32)
            targets = torch.as_tensor(targets_of(task, part.labels, part.items), device=device)
            return feed, targets, torch.as_tensor(weights, device=device)

        feed, targets, weights = fed(train)
        width = int(encoder.config.hidden_size) + (0 if feed.beside is None else feed.beside.shape[1])
        array = targets.cpu().numpy()
        check_classes(array, len(train))
        classes = columns_of(task)
        weighted = torch.as_tensor(_class_weights(array, classes), device=device) if self.class_weights else None
        return Problem(
            encoder,
            _new_head(self._head(task), width, classes, rng),
            feed,
            targets,
            weights,
            losses.build(self.loss, kind, class_weights=weighted, smoothing=self._smoothing(task, held)),
            None if held is None else Held(*fed(held)),
            self.dropout,
            draw(rng),
            frozen,
        )


class FinetuneSpans(Finetune):
    """`finetune` for spans: its models give the probabilities of the tags of each token, and nothing else."""

    @property
    def provides(self) -> frozenset[View]:
        """`proba`."""
        return frozenset({"proba"})


def run_on(
    problem: Problem, order: Order, course: Course, *, items: Items, tell: Tell, checkpoint: Checkpoint | None = None
) -> Trained:
    """Trains; a loss that is no number is told with the ids of its batch, and too little memory in one line."""
    from tithe.models.tuning.gathering import run
    from tithe.models.tuning.training import ADVICE, NotANumberError, short_of_memory

    try:
        return run(problem, order, course, tell=tell, checkpoint=checkpoint)
    except NotANumberError as error:
        ids = ", ".join([items.ids[row] for row in error.rows.ravel()[:8]])
        raise NotANumberError(error.step, error.rows, error.loss, f"the items {ids}; {ADVICE}") from None
    except (RuntimeError, MemoryError) as error:  # outside of a batch: the optimiser's state, or held rows
        if not short_of_memory(error):
            raise
        raise TrainingError(
            f"memory is too small for this start ({str(error).splitlines()[0]}); give a smaller one, or lora=8"
        ) from None


def _part(examples: Examples, rows: NDArray[np.int64]) -> Examples:
    weights = None if examples.weights is None else [examples.weights[row] for row in rows]
    return Examples(examples.items.take(rows), [examples.labels[row] for row in rows], weights)


def _joined(one: Examples, other: Examples) -> Examples:
    weights = [*(one.weights or [1.0] * len(one)), *(other.weights or [1.0] * len(other))]
    return Examples(joined([one.items, other.items]), [*one.labels, *other.labels], weights)


def draw(rng: Generator) -> int:
    """A seed."""
    return int(rng.integers(2**31))


def _new_head(kind: Head, width: int, classes: int, rng: Generator) -> torch.nn.Module:
    import torch

    from tithe.models.tuning import heads

    head = heads.build(kind, classes, width)
    with torch.no_grad():
        for name, own in head.named_parameters():
            drawn = rng.normal(0, 0.02, (classes, width)) if name == "weight" else np.zeros(own.shape)
            own.copy_(torch.as_tensor(drawn.astype(np.float32)))
    return head


def columns_of(task: Task) -> int:
    """The columns of the task's outputs."""
    tags: Sequence[str] | None = getattr(task, "tags", None)
    return len(tags) if tags is not None else len(task.labels)


def targets_of(task: Any, labels: Sequence[Label], items: Items) -> NDArray[Any]:
    """(S,) int64 columns, or (S, K) float32. Raises LabelError for a label that the task does not have."""
    labels = [task.check(label) for label in labels]
    if task.name == "spans":
        return np.asarray(task.tag(labels, places(items)).values, np.int64)
    encoded = task.encode(labels)
    return np.asarray(encoded, np.float32 if encoded.ndim == 2 else np.int64)


def check_classes(targets: NDArray[Any], count: int) -> None:
    """Raises LabelError where all answers are the same; `targets` are those of `count` items."""
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
