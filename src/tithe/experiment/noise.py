"""The built-in kinds of people: exact ones and noisy ones, both as slow as you like."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from tithe.errors import ConfigError, near
from tithe.experiment.people import Answer, Known
from tithe.types import Item, Label, Span

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray

    from tithe.tokens import Tokens

Towards = Literal["any", "frequent", "similar"]


@dataclass(frozen=True)
class Exact:
    """Always right. Takes `seconds` in the median, log-normal with a standard deviation of `spread` on the log."""

    known: Known
    seconds: float = 0.0
    spread: float = 0.5

    def __post_init__(self) -> None:
        _check_pace(self.seconds, self.spread)

    def answer(self, item: Item, true: Label, rng: Generator) -> Answer:
        """The true label."""
        return Answer(true, _pace(self.seconds, self.spread, rng))


@dataclass(frozen=True)
class Noisy:
    """Right with probability `accuracy` in each decision: in a choice, a label of a set, a span.

    A wrong choice goes to another label: `towards` any of them alike, `frequent` ones in proportion to their items, or
    `similar` ones in proportion to the cosine between the classes' mean TF-IDF rows. `confusion` gives the whole matrix
    instead, by name: {'true': {'said': share}}; what a row leaves is answered rightly, as are labels without a row.
    In label sets each declared label is flipped. A wrong span is dropped, moved by a token at one end, or given another
    label, as likely one as the other; it is dropped where the text leaves no room.

    `seconds` and `spread`: as for `Exact`.
    """

    known: Known
    accuracy: float = 0.8
    towards: str = "any"
    confusion: Mapping[str, Mapping[str, float]] | None = None
    seconds: float = 0.0
    spread: float = 0.5

    def __post_init__(self) -> None:
        _check_pace(self.seconds, self.spread)
        if not 0 <= self.accuracy <= 1:
            raise ConfigError(f"the accuracy of noisy people is between 0 and 1; given {self.accuracy}")
        if self.towards not in get_args(Towards):
            raise ConfigError(f"noisy people err towards any, frequent or similar labels; given {self.towards!r}")
        if self.known.task.name != "choice" and (self.towards != "any" or self.confusion is not None):
            raise ConfigError(
                f"towards and confusion of noisy people are for a choice, and the task is {self.known.task.name}; "
                f"give their accuracy alone"
            )
        if self.known.task.name == "choice":
            self.matrix  # noqa: B018  # computed now, so that what is wrong with it is told before any work

    def answer(self, item: Item, true: Label, rng: Generator) -> Answer:
        """The true label, or what a slip makes of it."""
        seconds = _pace(self.seconds, self.spread, rng)
        if isinstance(true, str):
            row = np.cumsum(self.matrix[self.known.task.labels.index(true)])
            column = int(np.searchsorted(row, rng.random() * row[-1], side="right"))
            return Answer(self.known.task.labels[column], seconds)
        if isinstance(true, frozenset):
            slips = rng.random(len(self.known.task.labels)) >= self.accuracy
            wrong = {label for label, slip in zip(self.known.task.labels, slips, strict=True) if slip}
            return Answer(true ^ wrong, seconds)
        return Answer(self._spans(item, true, rng), seconds)

    @cached_property
    def matrix(self) -> NDArray[np.float64]:
        """(L, L) of a choice: the probability of each answer (column) to items of each true label (row)."""
        labels = self.known.task.labels
        if self.confusion is not None:
            return _named(self.confusion, labels)
        weights = np.ones((len(labels), len(labels)))
        if self.towards == "frequent":
            weights = np.tile(self.known.counts.astype(np.float64), (len(labels), 1))
        elif self.towards == "similar":
            weights = self.known.alike.copy()
        np.fill_diagonal(weights, 0.0)
        empty = weights.sum(axis=1) == 0  # similar to nothing: to any then
        weights[empty] = 1.0 - np.eye(len(labels))[empty]
        wrong = (1 - self.accuracy) * weights / np.maximum(weights.sum(axis=1, keepdims=True), 1e-300)
        return np.asarray(wrong + np.diag(1.0 - wrong.sum(axis=1)))

    def _spans(self, item: Item, true: tuple[Span, ...], rng: Generator) -> tuple[Span, ...]:
        """The spans, each kept with probability `accuracy`."""
        out: list[Span] = []
        tokens = self.known.tokens(item)
        ordered = sorted(true)
        for number, span in enumerate(ordered):
            if rng.random() < self.accuracy:
                out.append(span)
                continue
            slip = ("drop", "move", "relabel")[int(rng.integers(3))]
            room = (out[-1].end if out else 0, ordered[number + 1].start if number + 1 < len(ordered) else None)
            others = [label for label in self.known.task.labels if label != span.label]
            moved = _moved(span, tokens, room)
            if slip == "move" and moved:
                out.append(moved[int(rng.integers(len(moved)))])
            elif slip == "relabel" and others:
                out.append(span._replace(label=others[int(rng.integers(len(others)))]))
        return tuple(out)


def _moved(span: Span, tokens: Tokens, room: tuple[int, int | None]) -> list[Span]:
    """The span with one end a token further in or out, inside the room between its neighbours."""
    inside = [token for token in tokens if span.start <= token[0] and token[1] <= span.end]
    before = [start for start, end in tokens if end <= span.start and start >= room[0]]
    after = [end for start, end in tokens if start >= span.end and (room[1] is None or end <= room[1])]
    out = [span._replace(start=before[-1])] if before else []
    out += [span._replace(end=after[0])] if after else []
    if len(inside) > 1:
        out += [span._replace(start=inside[1][0]), span._replace(end=inside[-2][1])]
    return out


def _named(confusion: Mapping[str, Mapping[str, float]], labels: tuple[str, ...]) -> NDArray[np.float64]:
    """The matrix of named shares. Raises ConfigError for a name that was not declared or shares above 1."""
    matrix = np.eye(len(labels))
    shape = "write it {'true': {'said': share}}"
    if not isinstance(confusion, Mapping):
        raise ConfigError(f"a confusion is a table of shares, and {confusion!r} was given; {shape}")
    for true, row in confusion.items():
        if not isinstance(row, Mapping) or not all(isinstance(share, int | float) for share in row.values()):
            raise ConfigError(f"the row {true!r} of a confusion is {row!r}; {shape}")
        for name in (true, *row):
            if name not in labels:
                raise ConfigError(f"the confusion names {name!r}, which is no label of this task; {near(name, labels)}")
        wrong = {said: share for said, share in row.items() if said != true}
        total = sum(wrong.values())
        if min(wrong.values(), default=0) < 0 or not total <= 1 or abs(row.get(true, 1 - total) - 1 + total) > 1e-6:
            raise ConfigError(f"the shares of a row of a confusion are 0 or more and add up to 1; {true!r} has {row}")
        for said, share in wrong.items():
            matrix[labels.index(true), labels.index(said)] = share
        matrix[labels.index(true), labels.index(true)] = 1 - total
    return matrix


def _check_pace(seconds: Any, spread: Any) -> None:
    if not 0 <= seconds < float("inf") or not 0 <= spread < float("inf"):
        raise ConfigError(f"seconds and spread of people are numbers of 0 or more; given {seconds} and {spread}")


def _pace(seconds: float, spread: float, rng: Generator) -> float:
    """Log-normal seconds with this median."""
    return float(seconds * np.exp(spread * rng.standard_normal()))
