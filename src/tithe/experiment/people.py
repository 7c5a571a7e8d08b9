"""Simulated people: who answers in a simulation, how often rightly, how slowly, and how many for each item.

What a person says is a function of the run's seed, the person's name and the item alone, so a killed simulation goes on
with the same answers, and a strategy that asks an item sooner hears the same of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np

from tithe import registry
from tithe.log import Answered
from tithe.rng import stream
from tithe.tokens import Tokens, tokenise
from tithe.types import Item, Items, Label, names_in

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray

    from tithe.tasks import Task


class Answer(NamedTuple):
    """What a person says of an item, and after how many seconds."""

    label: Label
    seconds: float = 0.0


class Person(Protocol):
    """Someone who answers. Entry points of `tithe.people` make them: `maker(known, **settings)`."""

    def answer(self, item: Item, true: Label, rng: Generator) -> Answer:
        """The answer to an item whose true label is `true`; `rng` belongs to this person and this item."""


@dataclass(frozen=True, eq=False)
class Known:
    """What a maker of people may know: the task and the pool with its true labels."""

    task: Task
    items: Items

    @cached_property
    def counts(self) -> NDArray[np.int64]:
        """(L,) in how many items of the pool each declared label stands."""
        at = {label: column for column, label in enumerate(self.task.labels)}
        found = [at[name] for label in self.items.gold or () if label is not None for name in names_in(label)]
        return np.bincount(np.asarray(found, np.int64), minlength=len(at))

    @cached_property
    def alike(self) -> NDArray[np.float64]:
        """(L, L) in [0, 1] the cosine between the mean TF-IDF rows of the items of two labels of a choice."""
        from scipy.sparse import csr_matrix
        from sklearn.feature_extraction.text import TfidfVectorizer

        rows = TfidfVectorizer(token_pattern=r"(?u)\b\w+\b|\S").fit_transform(self.items.texts)
        columns = self.task.encode([label for label in self.items.gold or () if label is not None])
        ones = (np.ones(len(columns)), (columns, np.arange(len(columns))))
        sums = (csr_matrix(ones, shape=(len(self.task.labels), rows.shape[0])) @ rows).toarray()
        sums /= np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-12)
        return np.asarray(np.clip(sums @ sums.T, 0.0, 1.0))

    @cached_property
    def _rows(self) -> Mapping[str, int]:
        return {one: row for row, one in enumerate(self.items.ids)}

    def tokens(self, item: Item) -> Tokens:
        """Where spans of this item may begin and end: the file's own tokens, else its words."""
        if self.items.tokens is None:
            return tokenise(item.text)
        return self.items.tokens[self._rows[item.id]]


@dataclass(frozen=True)
class Crowd:
    """The people of a plan. Without any, an oracle answers at once with the file's own labels.

    `answers` of them, drawn for each item, answer it, in an order drawn too: the earliest answer settles a tie.
    `late` is after how many further rounds the answers to a batch arrive.
    """

    people: Mapping[str, Person]
    answers: int = 1
    late: int = 0

    def answered(self, item: Item, true: Label, seed: int) -> list[Answered]:
        """The answers to an item, in the order in which they come in."""
        if not self.people:
            return [Answered(item.id, true, "oracle")]
        names = list(self.people)
        if len(names) > 1:
            order = stream(seed, "people", item.id).permutation(len(names))[: self.answers]
            names = [names[int(one)] for one in order]
        said = [(name, self.people[name].answer(item, true, stream(seed, "people", item.id, name))) for name in names]
        return [Answered(item.id, one.label, name, seconds=one.seconds) for name, one in said]


def crowd_of(specs: Iterable[str], answers: int, late: int, known: Known) -> Crowd:
    """The crowd of these specs, such as `noisy(accuracy=0.8)`; a spec that stands twice is two people.

    Raises:
        UnknownNameError: there is no such kind of person.
        ConfigError: settings do not fit the task, or there are fewer people than answers to each item.
    """
    people: dict[str, Person] = {}
    for spec in specs:
        number = sum(name.partition(" #")[0] == spec for name in people) + 1
        people[spec if number == 1 else f"{spec} #{number}"] = registry.build("people", spec, known=known)
    return Crowd(people, answers, late)


def in_words(plan: Mapping[str, Any]) -> str:
    """Who answers in a plan, for a reader of its results; empty for the oracle alone.

    >>> in_words({"people": ["noisy"], "late": 1})
    'labels came from simulated people, noisy; answers came 1 round late; test labels are clean'
    >>> in_words({"people": []})
    ''
    """
    specs, answers, late = list(plan.get("people") or ()), plan.get("answers", 1), plan.get("late", 0)
    parts = []
    if specs:
        times = {spec: specs.count(spec) for spec in specs}
        who = " and ".join(f"{count} x {spec}" if count > 1 else spec for spec, count in times.items())
        parts.append(f"labels came from simulated people, {who}")
    if answers > 1:
        parts.append(
            f"each item was answered by {answers} of them (the most frequent answer counts, the earliest on a tie), "
            f"so 100 labels are {100 * answers} answers to pay for"
        )
    if late:
        parts.append(f"answers came {late} {'round' if late == 1 else 'rounds'} late")
    return "; ".join([*parts, "test labels are clean"]) if parts else ""
