"""What a store is. `tithe.testing.check_store` says whether yours is one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

from tithe.log import Answered, Event, Snapshot
from tithe.store.answers import Annotation
from tithe.store.kept import Recorded
from tithe.store.leases import Lease
from tithe.types import Items


class Project(Protocol):
    """One project: a log, and who works on what. Every call is whole or has no effect; threads may share it."""

    id: str

    @property
    def name(self) -> str:
        """What people call it."""

    def append(self, *events: Event, expected: int | None = None) -> int:
        """Adds events; the position after them. ConflictError where the log is not at `expected`."""

    def events(self, after: int = 0) -> Sequence[Event]:
        """The events behind a position."""

    def snapshot(self, at: int | None = None) -> Snapshot:
        """The log folded up to `at` (default: all of it)."""

    def __len__(self) -> int: ...

    def recorded(
        self, after: int = 0, *, item: str | None = None, kinds: Sequence[type[Event]] | None = None
    ) -> Iterator[Recorded]:
        """The events behind a position, of one item or of all, of some kinds or of all, with position and time."""

    def add(
        self, parts: Iterable[Items], tell: Callable[[int], None] | None = None, *, then: Sequence[Event] = ()
    ) -> int:
        """Adds all parts as one event, with the events `then` behind it, or nothing. DataError for a double id."""

    def take(self, annotator: str, ids: Iterable[str], n: int, *, seconds: float, slots: int = 1) -> list[Lease]:
        """Leases on the first `n` of `ids` with a free slot that this annotator neither holds nor has answered."""

    def ask(
        self, annotator: str, ids: Iterable[str], asked: Callable[[str], Event], *, seconds: float, slots: int = 1
    ) -> tuple[Lease, int] | None:
        """`take` of the first free item and `append` of the event that it was asked, both or neither; its position."""

    def renew(self, annotator: str, ids: Sequence[str], *, seconds: float) -> list[Lease]:
        """The leases on these items that are still this annotator's, made longer."""

    def release(self, annotator: str, ids: Sequence[str] | None = None) -> None:
        """Gives items back (default: all)."""

    def held(self, annotator: str | None = None) -> list[Lease]:
        """The leases that hold now."""

    def submit(self, answer: Answered, key: str | None = None) -> int:
        """Keeps an answer once for each key; ConflictError where the key came with another, UnknownItemError."""

    def undo(self, annotation: int, annotator: str, key: str | None = None) -> int:
        """Takes back an answer that stands by a further event; ConflictError where there is nothing to take back."""

    def annotations(self, after: int = 0, *, standing_only: bool = False) -> Iterator[Annotation]:
        """All answers behind a position, one by one."""

    def settings(self) -> dict[str, Any]:
        """The project's settings."""

    def configure(self, settings: Mapping[str, Any]) -> None:
        """Replaces these of the settings."""

    def faults(self) -> list[str]:
        """What is wrong with what is stored, a sentence each."""


class Store(Protocol):
    """Projects that outlive the process."""

    def create(
        self, id: str, task: str, labels: tuple[str, ...], *, name: str = "", settings: Mapping[str, Any] | None = None
    ) -> Project:
        """A new project, whose log begins with `Declared`. ConflictError where the id is taken."""

    def project(self, id: str) -> Project:
        """The project with this id. UnknownNameError where there is none."""

    def projects(self) -> list[str]:
        """The ids of all projects, the oldest first."""

    def faults(self) -> list[str]:
        """What is wrong with what is stored, a sentence each."""

    def close(self) -> None:
        """Frees connections; the store is of no use afterwards."""
