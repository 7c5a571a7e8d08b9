"""The trainer `generate`: a language model that reads an instruction with the text and writes its labels.

Source: Hu et al. 2022, LoRA: Low-Rank Adaptation of Large Language Models; Raffel et al. 2020, Exploring the Limits of
Transfer Learning with a Unified Text-to-Text Transformer (labels as text).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from tithe.errors import ConfigError
from tithe.models import Model, Start, Tell, quiet
from tithe.models.finetune import Finetune, check_classes, draw, run_on, targets_of
from tithe.models.finetune_model import device_of
from tithe.models.language import language_of
from tithe.models.tuning.orders import Shuffled
from tithe.tasks import Task
from tithe.types import Examples, Items, View

if TYPE_CHECKING:  # what needs torch is loaded by a fit: a server lists trainers and checks settings without it
    from numpy.random import Generator

    from tithe.models.generate_model import GenerateModel

TEMPLATE = "Label the text. Several labels are separated by ';'.\n\nText: {text}\n\nLabels:"


@dataclass(frozen=True)
class Generate:
    """Fine-tuning of a causal or sequence-to-sequence language model on instructions, for `choice` and `multilabel`.

    Attributes:
        template: the instruction, with {text} where the text goes; the answer goes behind it.
        separator: between the labels of an answer; no label may hold it.
        lora: the rank of adapters (extra `[peft]`), at ten times the rate; 0 trains all weights.
        beams: answers that are looked at for each text of a label set (see `GenerateModel.view`).
        most: pieces that are read at once; longer texts lose their ends, and a warning counts them.
        steps, batch, rate, accumulate, validation, precision, device: as in `finetune`.

    Cost: training as `finetune` of a model of that size; probabilities of a choice a pass for each text and label,
    those of sets a beam search.
    """

    template: str = TEMPLATE
    separator: str = ";"
    lora: int = 16
    beams: int = 4
    most: int = 512
    steps: int = 0
    batch: int = 8
    rate: float = 2e-5
    accumulate: int = 1
    validation: float = 0.1
    precision: Literal["auto", "bf16", "fp32"] = "auto"
    device: str = "auto"

    def __post_init__(self) -> None:
        if self.beams < 1 or not self.separator.strip():
            raise ConfigError(
                f"generate needs 1 beam or more and a separator that shows; given beams={self.beams}, "
                f"separator={self.separator!r}"
            )
        self._tuner()  # which checks the rest

    @property
    def tasks(self) -> frozenset[str]:
        """`choice` and `multilabel`."""
        return frozenset({"choice", "multilabel"})

    @property
    def needs_any(self) -> frozenset[View]:
        """`pieces`, which only starts with an encoder or a language model give."""
        return frozenset({"pieces"})

    @property
    def provides(self) -> frozenset[View]:
        """`proba`."""
        return frozenset({"proba"})

    @staticmethod
    def restore(task: Task, start: Start, arrays: dict[str, Any], facts: dict[str, Any]) -> GenerateModel:
        """The model that `save` wrote."""
        from tithe.models.generate_model import GenerateModel

        return GenerateModel.restore(task, start, arrays, facts)

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
    ) -> GenerateModel:
        """A model of these examples; with 200 labels or more it is calibrated on a tenth that trains nothing.

        Raises:
            LabelError: fewer than two different labels, or one that the task does not have.
            ConfigError: the start has no head that writes text, or labels that the tokenizer or the separator confuses.
            TrainingError: as `Finetune.fit`.
        """
        import torch
        from torch import nn

        from tithe.models.generate_model import GenerateModel, exchanges_of, longest_answer, script_of
        from tithe.models.tuning import adapters
        from tithe.models.tuning.exchanges import AnswerLoss
        from tithe.models.tuning.programs import Held, Problem

        if task.name not in self.tasks:
            raise ConfigError(f"the trainer 'generate' is for choice and multilabel, and the task is {task.name}")
        tuner = self._tuner()
        check_classes(targets_of(task, examples.labels, examples.items), len(examples))
        train, held = tuner.split(examples, rng)
        facts: dict[str, Any] = {
            "template": self.template, "separator": self.separator, "lora": self.lora, "beams": self.beams,
            "most": self.most, "precision": self.precision, "labelled": len(examples),
            **tuner.unheld(train, held),
        }  # fmt: skip
        language, device = language_of(start, self.most), device_of(self.device)
        if self.lora:
            adapters.inject(language.model, self.lora)
            adapters.draw(language.model, rng)
        script = script_of(task, language, facts)
        facts["longest"] = longest_answer(script, train.labels)
        feed, count = exchanges_of(script, language, train, facts, device), len(train)

        def nothing_of(part: Examples) -> tuple[torch.Tensor, torch.Tensor]:
            """Targets, which an exchange holds itself, and weights."""
            weights = torch.as_tensor(part.sample.astype(np.float32), device=device)
            return torch.zeros(len(part), device=device), weights

        problem = Problem(
            language.model,
            nn.Identity(),
            feed,
            *nothing_of(train),
            AnswerLoss(),
            None if held is None else Held(exchanges_of(script, language, held, facts, device), *nothing_of(held)),
            dropout=0.0,
            frozen=0,
        )
        order = Shuffled(feed.sizes, self.batch, seed=draw(rng))
        trained = run_on(
            problem, order, tuner.course(count, 0 if held is None else len(held)), items=train.items, tell=tell
        )
        facts |= {"steps": trained.steps, "often": _often(task, train)}
        return GenerateModel.of(task, start, trained, held, facts=facts, device=self.device)

    def _tuner(self) -> Finetune:
        """The fine-tuning whose split and course this shares."""
        return Finetune(
            steps=self.steps, batch=self.batch, rate=self.rate, accumulate=self.accumulate, lora=self.lora,
            validation=self.validation, precision=self.precision, layer_decay=1.0, device=self.device,
        )  # fmt: skip


def _often(task: Task, train: Examples) -> list[float]:
    """(K,) the share of the answers that hold each label, pulled off 0 and 1."""
    encoded = task.encode(train.labels)
    applies = encoded if encoded.ndim == 2 else encoded[:, None] == np.arange(len(task.labels))
    return [float(one) for one in (applies.sum(axis=0) + 0.5) / (len(train) + 1)]
