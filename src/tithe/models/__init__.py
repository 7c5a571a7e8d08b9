"""Starts, trainers and models.

A *start* knows things without this task's labels (an encoder, a vocabulary); a *trainer* is a configuration that fits;
a *model* is the immutable result. Fitting changes none of them.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from tithe.registry import check_part
from tithe.tasks import Task, check_fits
from tithe.types import Examples, Items, Label, View

if TYPE_CHECKING:
    from numpy.random import Generator

    from tithe.views import ViewStore

Tell: TypeAlias = Callable[[str, int, int], None]
"""Hears of progress: what is being done, how much of it is done, how much there is."""


def quiet(what: str, done: int, total: int) -> None:
    """A `Tell` that tells nobody."""


class Start(Protocol):
    """What is known before labels: gives views of items. Immutable once prepared."""

    @property
    def provides(self) -> frozenset[View]:
        """The views that it can give."""

    @property
    def fingerprint(self) -> str:
        """A hash of all that its views depend on beside the items; half of their key in the view store."""

    def view(self, name: View, items: Items) -> Any:
        """(n, d) float32, a row an item; or ragged rows of (t, d) float32 or float16, a row a token.

        The tokens are those of `tithe.tokens.places(items)`. Raises NeedsError for a view that is not in `provides`.
        """

    def save(self, into: Path) -> dict[str, Any]:
        """Writes what cannot be had again by name; returns what `load_start` needs, as JSON values."""


class StartMaker(Protocol):
    """A start that has not seen the pool yet; what the entry points of `tithe.starts` make."""

    def prepare(self, items: Items, *, store: ViewStore, rng: Generator, tell: Tell = quiet) -> Start:
        """Learns from unlabelled items what there is to learn (an encoder: nothing)."""

    def load(self, folder: Path, settings: dict[str, Any], *, store: ViewStore, tell: Tell = quiet) -> Start:
        """The start that `save` described."""


class Model(Protocol):
    """The immutable result of a fit."""

    @property
    def provides(self) -> frozenset[View]: ...

    @property
    def task(self) -> Task: ...

    @property
    def fingerprint(self) -> str: ...

    @property
    def settings(self) -> dict[str, Any]:
        """What the fit chose, for people to read: penalty, mix, temperature, ..."""

    def view(self, name: View, items: Items) -> Any:
        """`proba` (n, C) or `committee` (m, n, C), float32; for spans `proba` is ragged rows of (t, C), with places."""

    def decide(self, output: Any) -> list[Label]:
        """The labels that it would give to rows with these probabilities (n, C)."""

    def save(self, into: Path) -> None:
        """Writes weights (safetensors) and one JSON into a folder that does not exist yet."""


def for_task(trainer: Trainer, task: Task, name: str = "the trainer") -> Trainer:
    """The trainer that fits this task: what its `for_task(task)` says where it has one, else itself.

    For a trainer whose views are others for some tasks, as those of `linear` for spans are. Raises ConfigError where
    the trainer is none, or is for other tasks: it may name them in an attribute `tasks`, as a strategy may, or refuse
    in `for_task`.
    """
    check_part(trainer, Trainer, name)
    check_fits(trainer, task.name, name, instead="linear fits every task")
    choose: Callable[[Task], Trainer] | None = getattr(trainer, "for_task", None)
    return trainer if choose is None else choose(task)


def reads_unlabelled(trainer: Trainer) -> bool:
    """Whether a trainer wants unlabelled items: what its attribute `reads_unlabelled` says, else not."""
    return bool(getattr(trainer, "reads_unlabelled", False))


class Trainer(Protocol):
    """A configuration that fits. Immutable: `fit` changes nothing but its result.

    One that fits some tasks only may name them in a further attribute `tasks`; see `tithe.tasks.tasks_of`.
    """

    @property
    def needs_any(self) -> frozenset[View]:
        """Views of a start of which it can use each, and needs at least one."""

    @property
    def provides(self) -> frozenset[View]:
        """The views that its models give."""

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
    ) -> Model:
        """A model of these examples.

        `unlabelled` are items without a label that it may learn from; never test or audit items. They are given where
        its attribute `reads_unlabelled` is true. `warm`, an earlier model of the same trainer, only makes it faster.
        Raises LabelError where the examples hold fewer than two classes.
        """


class Prior(Protocol):
    """Guesses before there is a label, from what a start knows and what the labels are called.

    Entry points of `tithe.priors` make them. One that fits some tasks only names them in `tasks`, as a strategy does.
    """

    @property
    def needs(self) -> frozenset[View]:
        """Views of a start that it reads."""

    @property
    def provides(self) -> frozenset[View]:
        """The views that its models give."""

    def model(self, task: Task, items: Items, *, start: Start, rng: Generator, tell: Tell = quiet) -> Model:
        """A model without labels; of `items` it may read texts and views."""
