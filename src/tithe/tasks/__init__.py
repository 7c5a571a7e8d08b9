"""What a label means. One file a task: `choice` (one label of many); multilabel and spans follow.

A task is the only place that knows how labels become arrays, how sure an output is, and how a guess is scored.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, Protocol

from tithe.errors import ConfigError, LabelError
from tithe.types import Item, Label

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Measure = Literal["least_confidence", "margin", "entropy"]


class Task(Protocol):
    """The meaning of a label. Immutable."""

    @property
    def name(self) -> str: ...

    @property
    def labels(self) -> tuple[str, ...]:
        """The declared labels, in the order of the columns of an output."""

    def check(self, label: Label) -> Label:
        """The label in its own form. Raises LabelError where it is not one of the task's."""

    def encode(self, labels: Sequence[Label]) -> NDArray[Any]:
        """Labels as an array: (n,) columns for choice, -1 for a label never declared; (n, L) whether each applies."""

    def decode(self, output: NDArray[np.floating[Any]]) -> list[Label]:
        """The most probable label for each row of an output (n, C)."""

    def uncertainty(self, output: NDArray[np.floating[Any]], measure: Measure) -> NDArray[np.float64]:
        """How unsure each row of an output is, (n,); larger is less sure."""

    def confidence(self, output: NDArray[np.floating[Any]], labels: Sequence[Label]) -> NDArray[np.float64]:
        """How probable each label is as the whole answer to its row, (n,) in [0, 1]: that all of it is right.

        The one meaning of "97 % sure" everywhere: in files, on pages and in self-training (decision 0014).
        """

    def score(
        self, truth: Sequence[Label], output: NDArray[np.floating[Any]], guess: Sequence[Label] | None = None
    ) -> dict[str, float]:
        """The task's metrics for rows whose true labels are `truth`; `guess` is by default `decode(output)`."""

    def per_class(self, truth: Sequence[Label], guess: Sequence[Label]) -> dict[str, tuple[int, int, int]]:
        """For each label that occurs or is declared: how often it was rightly guessed, guessed, and true."""

    def distance(self, a: Label, b: Label) -> float:
        """0 for equal labels, up to 1."""

    def cost(self, item: Item) -> float:
        """What labelling this item costs, in the task's unit."""


def tasks_of(part: object) -> frozenset[str] | None:
    """The names of the tasks that a strategy or a trainer is for: its attribute `tasks`.

    None where it does not say, which means any.
    """
    said: frozenset[str] | None = getattr(part, "tasks", None)
    return said


def check_fits(part: object, task: str, name: str, *, instead: str) -> None:
    """Raises ConfigError, before any work, where a strategy or a trainer is not for tasks of this name.

    `name` says in words what it is, `instead` what fits.
    """
    fitting = tasks_of(part)
    if fitting is not None and task not in fitting:
        meant = f"for {' and '.join(sorted(fitting))} only" if fitting else "for no task at all"
        raise ConfigError(f"{name} is {meant}, and the task is {task}; {instead}")


def declared(labels: Sequence[str]) -> tuple[str, ...]:
    """Declared labels as a tuple. Raises LabelError where one string was given, whose letters are no labels.

    >>> declared(["a", "b"])
    ('a', 'b')
    """
    if isinstance(labels, str):
        raise LabelError(f"labels are a list of words, such as ['a', 'b']; given the string {labels!r}")
    return tuple(labels)


def refuse_doubles(labels: Sequence[str]) -> None:
    """Raises LabelError where a label is declared twice."""
    if doubles := sorted({label for label in labels if labels.count(label) > 1}):
        raise LabelError(f"labels are declared twice: {', '.join(doubles)}; give each once")


def check_inside(label: Label, item: Item) -> Label:
    """The label. Raises LabelError where it has a span that ends behind the text of its item, if there is a text.

    >>> check_inside("a", Item("1", "some text"))
    'a'
    """
    for span in label if isinstance(label, tuple) else ():
        if item.text and span.end > len(item.text):
            raise LabelError(
                f"the span {tuple(span)} ends behind the text of {item.id!r}, which has {len(item.text)} characters; "
                f"offsets count code points, end exclusive"
            )
    return label
