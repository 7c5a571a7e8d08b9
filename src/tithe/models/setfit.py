"""The trainer `setfit`: few labels teach the encoder what is alike, then a small head is fitted on its embeddings.

The first phase is contrastive: pairs of labelled items with a label in common are pulled together, others apart. Its
pairs are many more than the labels, which is what few labels need.

Source: Tunstall et al. 2022, Efficient Few-Shot Learning Without Prompts.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from tithe.errors import ConfigError
from tithe.models import Model, Start, Tell, quiet
from tithe.models.finetune import Finetune, draw, run_on
from tithe.models.finetune_model import FinetuneModel
from tithe.models.links import link_of
from tithe.models.rules import Rule, expected_threshold
from tithe.models.tuning.orders import Shuffled
from tithe.tasks import Task
from tithe.types import Examples, Items, View

if TYPE_CHECKING:  # what needs torch is loaded by a fit: a server lists trainers and checks settings without it
    from numpy.random import Generator

    from tithe.models.tuning.heads import Head
    from tithe.models.tuning.programs import Problem
    from tithe.models.tuning.training import Course

_ROUNDS = 20  # times that each item heads an alike pair, and as often another one, as in the paper
_FEWEST_STEPS, _MOST_STEPS = 40, 300
_END_TO_END_STEPS = 100


@dataclass(frozen=True)
class SetFit:
    """Contrastive training of the start's encoder and a head on its embeddings, for `choice` and `multilabel`.

    Attributes:
        head: `logistic` regression for a choice; for label sets `ovr` (one-vs-rest), `chain` (each label also sees
            those before it) or `differentiable` (for both: trained together with the encoder, after the pairs);
            `auto` is `logistic` or `ovr`.
        steps: of the contrastive phase; 0 for 20 rounds of all items within 40 to 300 steps.
        batch: pairs of a step, half of them alike.
        rate, dropout, freeze, lora, validation, precision, members, device: as in `finetune`.

    Cost: a step costs as much as one of `finetune` with twice the batch.
    """

    head: Literal["auto", "logistic", "ovr", "chain", "differentiable"] = "auto"
    steps: int = 0
    batch: int = 16
    rate: float = 5e-5
    dropout: float = 0.1
    freeze: int = 0
    lora: int = 0
    validation: float = 0.1
    precision: Literal["auto", "bf16", "fp32"] = "auto"
    members: int = 10
    device: str = "auto"

    def __post_init__(self) -> None:
        if self.head not in ("auto", "logistic", "ovr", "chain", "differentiable"):
            raise ConfigError(
                f"setfit has no head {self.head!r}; there are: logistic (choice), ovr, chain (multilabel), "
                f"differentiable (both), auto"
            )
        if self.steps < 0:
            raise ConfigError(f"steps is 0, for as many as the labels ask for, or more; given {self.steps}")
        if self.batch < 2:
            raise ConfigError(f"setfit needs batches of 2 pairs or more, one alike and one not; given {self.batch}")
        self._tuner()  # which checks the rest

    @property
    def tasks(self) -> frozenset[str]:
        """`choice` and `multilabel`."""
        return frozenset({"choice", "multilabel"})

    @property
    def needs_any(self) -> frozenset[View]:
        """`pieces`, which only starts with an encoder give."""
        return frozenset({"pieces"})

    @property
    def provides(self) -> frozenset[View]:
        """`proba`, `embeddings` of the trained encoder, and a `committee` of passes with dropout."""
        return frozenset({"proba", "embeddings", "committee"})

    @staticmethod
    def restore(task: Task, start: Start, arrays: dict[str, Any], facts: dict[str, Any]) -> FinetuneModel:
        """The model that `save` wrote."""
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
        """A model of these examples; with 200 labels or more it is calibrated on a tenth that trains nothing.

        Raises:
            LabelError: fewer than two different labels, or one that the task does not have.
            NeedsError: the start has no encoder.
            ConfigError: a head for the other task.
            TrainingError: as `Finetune.fit`.
        """
        from torch import nn

        from tithe.models.tuning.pairs import PairLoss, Pairs
        from tithe.models.tuning.programs import freeze

        head, tuner = self._head(task), self._tuner()
        train, held = tuner.split(examples, rng)
        problem = tuner.problem(task, train, held, start=start, rng=rng)
        targets = problem.targets.cpu().numpy()
        applies = targets > 0.5 if targets.ndim == 2 else targets[:, None] == np.arange(len(task.labels))
        pairs = Pairs(applies, self.batch, seed=draw(rng))
        contrast = replace(problem, head=nn.Identity(), loss=PairLoss(), held=None)
        freeze(contrast.encoder, contrast.frozen)
        if not any(one.requires_grad for one in contrast.encoder.parameters()):
            raise ConfigError(f"freeze={self.freeze} leaves nothing of this encoder to train; freeze fewer layers")
        trained = run_on(contrast, pairs, self._course(len(train)), items=train.items, tell=tell)
        kind: Head = "linear"
        if head == "differentiable":
            order = Shuffled(problem.feed.sizes, tuner.batch, seed=draw(rng))
            course = replace(tuner.course(len(train)), steps=_END_TO_END_STEPS)
            trained = run_on(problem, order, course, items=train.items, tell=tell)
        else:
            kind = "chain" if head == "chain" else "unit"
            trained.state |= self._fitted(task, problem, kind)
        facts = {
            "trainer": "setfit", "head": kind, "labelled": len(examples), "members": self.members,
            "frozen": problem.frozen, "lora": self.lora, "steps": trained.steps, "dropout": problem.dropout,
            "seed": problem.seed, "precision": self.precision, **tuner.unheld(train, held),
        }  # fmt: skip
        model = FinetuneModel.of(task, start, trained, problem.held, facts=facts, device=self.device)
        if targets.ndim == 1 or problem.held is not None:
            return model
        # Probabilities of rare labels stay below one half: the threshold that promises most looks at no label.
        threshold = expected_threshold(model.view("proba", train.items))
        rule = Rule("expected", (threshold,), least=int(applies.any(axis=1).all()))
        return replace(model, calibration=replace(model.calibration, rule=rule))

    def _fitted(self, task: Task, problem: Problem, kind: Head) -> dict[str, Any]:
        """The weights of a head on the embeddings of the rows that train."""
        import torch
        from torch import nn

        from tithe.models.tuning import heads
        from tithe.models.tuning.programs import Tuned, outputs

        module = Tuned(problem.encoder, nn.Identity(), nn.Identity())
        states = outputs(module, problem.feed, self.precision)[1].cpu().numpy()
        targets, weights = problem.targets.cpu().numpy(), problem.weights.cpu().numpy()
        found = (
            heads.fit_chain(states, targets, weights)
            if kind == "chain"
            else heads.fit_unit(states, targets, len(task.labels), link_of(task, "setfit"), weights=weights)
        )
        return {name: torch.as_tensor(array) for name, array in found.items()}

    def _head(self, task: Task) -> str:
        own = {"choice": ("logistic", "differentiable"), "multilabel": ("ovr", "chain", "differentiable")}
        if task.name not in own:
            raise ConfigError(f"the trainer 'setfit' is for choice and multilabel, and the task is {task.name}")
        if self.head == "auto":
            return own[task.name][0]
        if self.head not in own[task.name]:
            raise ConfigError(
                f"the head {self.head!r} is not for a {task.name} task; take one of: {', '.join(own[task.name])}"
            )
        return self.head

    def _tuner(self) -> Finetune:
        """The fine-tuning whose data and second phase this shares."""
        return Finetune(
            rate=self.rate, dropout=self.dropout, freeze=self.freeze, lora=self.lora, validation=self.validation,
            precision=self.precision, members=self.members, device=self.device,
        )  # fmt: skip

    def _course(self, count: int) -> Course:
        """That of the contrastive phase."""
        wanted = min(max(round(2 * _ROUNDS * count / self.batch), _FEWEST_STEPS), _MOST_STEPS)
        return replace(self._tuner().course(count), steps=self.steps or wanted, batch=self.batch)
