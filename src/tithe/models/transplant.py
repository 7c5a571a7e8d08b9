"""Heads on other encoders, and models on tasks that name their labels otherwise; neither trains anything."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from tithe import registry
from tithe.errors import ConfigError, LabelError, NeedsError
from tithe.models import Model, Start
from tithe.models.finetune_model import FinetuneModel
from tithe.models.starts import pretrained_of
from tithe.tasks import Task
from tithe.types import Floats, Items, Label, View


def transplant(model: Model, start: Start) -> FinetuneModel:
    """The head of a fine-tuned model on the encoder of a start, as it is: nothing is trained.

    Says how much of what a model knows lies in its encoder. The calibration goes along.

    Raises ConfigError for a model without such a head, or whose head also sees the forms of words, or where the
    encoder's states are not as wide as the head.
    """
    if not isinstance(model, FinetuneModel):
        raise ConfigError("only the head of a fine-tuned model can be moved; train with --trainer finetune")
    if model.sees_forms:
        raise ConfigError(
            "this head also reads the forms of words that its own start has learned, so it cannot be moved; train it "
            "with a start that is an encoder alone, such as minilm"
        )
    width, wanted = int(pretrained_of(start)[1].config.hidden_size), model.head["head.weight"].shape[1]
    if width != wanted:
        raise ConfigError(
            f"the head reads states of width {wanted}, and those of the other start have {width}; give a start of the "
            f"same width, such as one adapted or trained from the same encoder"
        )
    return FinetuneModel(model.task, start, model.head, model.calibration, model.facts | {"lora": 0}, model.device)


def renamed(model: Model, names: Mapping[str, str]) -> Renamed:
    """The model with other names for its labels, given as {its own: new}; labels that are not named keep their name.

    Labels of a choice may become one: their probabilities are added.

    Raises LabelError for a label that the model does not have, or where labels of sets, or all of a choice, become one;
    NeedsError for a model of spans.
    """
    if model.task.name == "spans":
        raise NeedsError("labels of spans cannot be renamed here; rename those of the file")
    unknown = sorted(set(names) - set(model.task.labels))
    if unknown:
        raise LabelError(
            f"the model has no label {', '.join(map(repr, unknown))}; it has {', '.join(map(repr, model.task.labels))}"
        )
    labels = tuple(dict.fromkeys(names.get(label, label) for label in model.task.labels))
    if len(labels) < len(model.task.labels) and model.task.name != "choice":
        raise LabelError(
            "labels of sets cannot become one: what decides on each was fitted to it; name them one to one"
        )
    if len(labels) < 2 and model.task.name == "choice":
        first, second = model.task.labels[:2]
        raise LabelError(
            f"under these names {', '.join(map(repr, model.task.labels))} all become {labels[0]!r}, and a choice needs "
            f"two labels; names say what the file calls a label of the model, such as {first}=new,{second}=other, and "
            f"may join some labels, but not all"
        )
    return Renamed(model, registry.build("tasks", model.task.name, labels=labels), dict(names))


@dataclass(frozen=True, eq=False)
class Renamed:
    """A model whose labels have other names; see `renamed`."""

    model: Model
    task: Task
    names: dict[str, str] = field(default_factory=dict)

    @property
    def provides(self) -> frozenset[View]:
        """`proba`."""
        return frozenset({"proba"})

    @cached_property
    def fingerprint(self) -> str:
        """That of the model, with the names."""
        return f"{self.model.fingerprint}-{'-'.join(f'{a}={b}' for a, b in sorted(self.names.items()))}"

    @property
    def settings(self) -> dict[str, Any]:
        """Those of the model, and the names."""
        return {**self.model.settings, "names": self.names}

    def view(self, name: View, items: Items) -> Floats:
        """`proba` (n, C), a column for each new name."""
        if name != "proba":
            raise NeedsError(f"a model with renamed labels gives proba; not {name!r}")
        proba: Floats = self.model.view("proba", items)
        out = np.zeros((len(proba), len(self.task.labels)), np.float32)
        for column, label in enumerate(self.model.task.labels):
            out[:, self.task.labels.index(self._new(label))] += proba[:, column]
        return out

    def decide(self, output: Floats) -> list[Label]:
        """The labels that it would give to rows with these probabilities (n, C)."""
        if len(self.task.labels) < len(self.model.task.labels):  # some became one: there is no going back
            return self.task.decode(output)
        return [
            frozenset(map(self._new, label)) if isinstance(label, frozenset) else self._new(str(label))
            for label in self.model.decide(output)
        ]

    def save(self, into: Path) -> None:
        """A renamed model is made where it is used, and not kept. Raises ConfigError."""
        raise ConfigError("a renamed model is not saved; save the model itself and keep the names")

    def _new(self, label: str) -> str:
        return self.names.get(label, label)
