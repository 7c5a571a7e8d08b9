"""The prior `names`: guesses from the labels' names and descriptions alone, before anything is labelled."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from tithe.errors import NeedsError
from tithe.models import Start, Tell, quiet
from tithe.models.given import GivenStart
from tithe.models.links import link_of
from tithe.models.transfer.label_texts import descriptions_in, texts_of
from tithe.models.transfer.likeness import (
    by_embeddings,
    by_entailment,
    by_generation,
    embedded_labels,
    kind_of,
)
from tithe.tasks import Task
from tithe.types import Floats, Items, Label, View

if TYPE_CHECKING:
    from numpy.random import Generator

_DRAWN = 1_000  # items that the level of each label is measured on
_TEMPERATURES = {"embeddings": 0.07, "classifier": 1.0, "generator": 1.0}  # of cosines (docs/starts.md), of logs


@dataclass(frozen=True, eq=False)
class Names:
    """Guesses from what the labels are called. No label of any item is looked at.

    Args:
        descriptions: a text for some labels, used in place of the name; a mapping, or a JSON or TOML file of one.
        by: a folder with an entailment model or a causal language model, which then judges in place of the start's
            embeddings.
        level: whether the mean score of each label over the pool is taken off, so that a name that is near all texts
            (COVID, where all items are on it) does not win everywhere. It takes classes to be about as frequent as each
            other; where one has most of the items, False guesses it more often.
    """

    descriptions: Mapping[str, str] | str | None = None
    by: str | None = None
    level: bool = True

    needs: ClassVar[frozenset[View]] = frozenset({"embeddings"})
    provides: ClassVar[frozenset[View]] = frozenset({"proba"})
    tasks: ClassVar[frozenset[str]] = frozenset({"choice", "multilabel"})

    def model(self, task: Task, items: Items, *, start: Start, rng: Generator, tell: Tell = quiet) -> NamesModel:
        """The model of the labels' names; of `items`, without labels, a draw says how near each name is to all of them.

        Raises:
            ConfigError: descriptions that fit no label, or a folder in `by` that is no model of these kinds.
            NeedsError: the start gives no embeddings, or those of your own, which know no names.
        """
        texts = tuple(texts_of(task.labels, descriptions_in(self.descriptions, task.labels)))
        if self.by is None and isinstance(start, GivenStart):
            raise NeedsError(
                "the prior 'names' embeds the names of the labels, for which embeddings of your own have no rows; "
                "leave them out (--embeddings), so that a start embeds names and texts"
            )
        kind = "embeddings" if self.by is None else kind_of(self.by)
        rows = embedded_labels(start, texts) if self.by is None else np.zeros((len(texts), 0), np.float32)
        plain = NamesModel(task, start, texts, rows, np.zeros(len(texts), np.float32), kind=kind, by=self.by or "")
        if not self.level or not len(items):
            return plain
        drawn = items.by_id
        if len(drawn) > _DRAWN:
            drawn = np.sort(rng.choice(drawn, _DRAWN, replace=False))
        level = plain.scores(items.take(drawn)).mean(axis=0)
        return NamesModel(task, start, texts, rows, level, kind=kind, by=self.by or "")

    @staticmethod
    def restore(task: Task, start: Start, arrays: dict[str, Any], facts: dict[str, Any]) -> NamesModel:
        """The model that `save` wrote."""
        texts = tuple(facts["texts"])
        if facts["by"]:
            kind_of(facts["by"])  # told at once where the folder is gone
        return NamesModel(task, start, texts, arrays["rows"], arrays["level"], kind=facts["kind"], by=facts["by"])


@dataclass(frozen=True, eq=False)
class NamesModel:
    """What `Names` makes: `rows` (C, d) embed the labels, `level` (C,) is taken off their scores.

    Probabilities are a rough softmax of scores; of label sets a sigmoid around the middle between the best and the mean
    score of a row, so that the best label always applies.
    """

    task: Task
    start: Start
    texts: tuple[str, ...]
    rows: Floats
    level: Floats
    kind: str = "embeddings"
    by: str = ""

    @property
    def provides(self) -> frozenset[View]:
        """`proba`."""
        return frozenset({"proba"})

    @property
    def settings(self) -> dict[str, Any]:
        """Where the guesses come from."""
        return {"from": "the labels' names", "by": self.by or "embeddings", "labelled": 0}

    @cached_property
    def fingerprint(self) -> str:
        """A hash of the labels' texts, of what judges and of the start."""
        known = (self.task.labels, self.task.name, self.texts, self.kind, self.by, self.start.fingerprint)
        state = hashlib.blake2b(repr(known).encode(), digest_size=16)
        for array in (self.rows, self.level):
            state.update(np.ascontiguousarray(array, np.float32).tobytes())
        return state.hexdigest()

    def scores(self, items: Items) -> Floats:
        """(n, C) how well each item fits each label's text, before the level is taken off: cosines or log odds."""
        if self.kind == "embeddings":
            return by_embeddings(self.start, items, self.rows)
        return (by_entailment if self.kind == "classifier" else by_generation)(self.by, items, self.texts)

    def view(self, name: View, items: Items) -> Floats:
        """`proba` (n, C). Raises NeedsError for any other view."""
        if name != "proba":
            raise NeedsError(f"a prior from names gives proba; not {name!r}")
        logits = (self.scores(items) - self.level) / np.float32(_TEMPERATURES[self.kind])
        link = link_of(self.task, "names")
        if not link.exclusive:
            logits = logits - (logits.max(axis=1, keepdims=True) + logits.mean(axis=1, keepdims=True)) / 2
        return np.asarray(link.proba(logits), np.float32)

    def decide(self, output: Floats) -> list[Label]:
        """The most probable label of each row, or those of at least one half."""
        return self.task.decode(output)

    def save(self, into: Path) -> None:
        """`model.safetensors` and `model.json` in a new folder."""
        from tithe.models.saving import write_model

        by = str(Path(self.by).resolve()) if self.by else ""  # whoever loads it may stand in another folder
        facts = {"texts": list(self.texts), "kind": self.kind, "by": by}
        arrays = {"rows": self.rows, "level": self.level}
        write_model(into, "names", self.task, self.start, arrays=arrays, facts=facts, kind="priors")
