"""The event log: all that ever happened to a project, in order; everything else is folded from it.

Events are frozen values. `Log` keeps them in memory (active learner, simulation); a store keeps them in a database
with the same four calls. A `Snapshot` is the log folded up to a position, so that resume, replay, undo, history and
late, noisy or repeated answers are all one thing: folding a list.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias

from tithe.errors import ConfigError, DataError, LabelError
from tithe.types import Items, Label

Action: TypeAlias = Literal["label", "skip", "reject"]


@dataclass(frozen=True, slots=True)
class Declared:
    """The task and its labels; a later one replaces the labels (labels may be added while labelling)."""

    task: str
    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Added:
    """A batch of items came in."""

    items: Items


@dataclass(frozen=True, slots=True)
class Asked:
    """A batch was proposed: enough to replay it (`position` is the snapshot's)."""

    ids: tuple[str, ...]
    strategy: str
    seed: int
    position: int


@dataclass(frozen=True, slots=True)
class Answered:
    """One annotator's answer to one item. `label` is None for skip and reject; `seconds` is the lead time.

    `replaces` and `proposal` are positions: of the answer that this one corrects, and of the `Asked` that it answers.
    Raises LabelError for the action "label" without a label: what cannot be folded is never in a log.
    """

    item: str
    label: Label | None
    annotator: str = "me"
    action: Action = "label"
    replaces: int | None = None
    seconds: float = 0.0
    flagged: bool = False
    comment: str = ""
    proposal: int | None = None

    def __post_init__(self) -> None:
        if self.action == "label" and self.label is None:
            raise LabelError(f"the answer to {self.item!r} has no label; use the action 'skip' for no answer")


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """An annotator took back an only answer, at position `replaces`: the item is as if they had never answered it."""

    item: str
    annotator: str
    replaces: int


@dataclass(frozen=True, slots=True)
class Published:
    """A model was trained and is in use from here on."""

    fingerprint: str
    labelled: int


@dataclass(frozen=True, slots=True)
class Drawn:
    """Audit items were drawn: they are scored on and never train."""

    ids: tuple[str, ...]


Event: TypeAlias = Declared | Added | Asked | Answered | Withdrawn | Published | Drawn


@dataclass(frozen=True)
class Snapshot:
    """The log up to `position`, folded.

    `labels` has the label of each answered item (with several annotators the most frequent answer, the earliest on a
    tie); `pending` the items asked and not answered yet; `closed` those that nobody should be asked again (skipped,
    rejected, drawn for the audit).
    """

    items: Items
    task: str = ""
    declared: tuple[str, ...] = ()
    labels: Mapping[str, Label] = field(default_factory=dict)
    answers: Mapping[str, Mapping[str, Answered]] = field(default_factory=dict, repr=False)
    pending: frozenset[str] = frozenset()
    closed: frozenset[str] = frozenset()
    audit: frozenset[str] = frozenset()
    models: tuple[str, ...] = ()
    round: int = 0
    position: int = 0

    @classmethod
    def empty(cls) -> Snapshot:
        """Before the first event."""
        return cls(Items([], []))

    def apply(self, events: Iterable[Event]) -> Snapshot:
        """This snapshot with more events folded in; `self` stays as it was. Cost: the labels so far plus the events."""
        fold = _Fold(self)
        for event in events:
            fold.add(event)
        return fold.frozen()


class _Fold:
    """The mutable inside of `Snapshot.apply`."""

    def __init__(self, start: Snapshot) -> None:
        self.start = start
        self.items, self.task, self.declared = start.items, start.task, start.declared
        self.labels = dict(start.labels)
        self.answers = dict(start.answers)
        self.pending, self.closed, self.audit = set(start.pending), set(start.closed), set(start.audit)
        self.models, self.round, self.position = list(start.models), start.round, start.position

    def add(self, event: Event) -> None:
        self.position += 1
        match event:
            case Declared():
                self.task, self.declared = event.task, event.labels
            case Added():
                self.items = joined([self.items, event.items])
            case Asked():
                self.pending.update(event.ids)
                self.round += 1
            case Answered():
                self._answer(event)
            case Withdrawn():
                self._withdraw(event)
            case Published():
                self.models.append(event.fingerprint)
            case Drawn():
                self.audit.update(event.ids)
                self.closed.update(event.ids)

    def _answer(self, event: Answered) -> None:
        self.pending.discard(event.item)
        # A later answer of the same annotator replaces the earlier; the log still has both.
        # It goes to the end, for a tie is settled by the answers that still stand, the earliest of them first.
        self.answers[event.item] = self._of_others(event) | {event.annotator: event}
        self._count(event.item)

    def _withdraw(self, event: Withdrawn) -> None:
        self.answers[event.item] = self._of_others(event)
        self._count(event.item)
        if not self.answers[event.item]:
            del self.answers[event.item]
            if event.item not in self.audit:
                self.closed.discard(event.item)  # nobody has closed it any more: it may be asked again

    def _of_others(self, event: Answered | Withdrawn) -> dict[str, Answered]:
        return {who: a for who, a in self.answers.get(event.item, {}).items() if who != event.annotator}

    def _count(self, item: str) -> None:
        """Settles the label of an item by the answers that stand."""
        current = self.answers[item]
        votes = Counter(a.label for a in current.values() if a.action == "label" and a.label is not None)
        if votes:
            self.labels[item] = votes.most_common(1)[0][0]
            if item not in self.audit:
                self.closed.discard(item)
        else:
            self.labels.pop(item, None)
            self.closed.add(item)

    def frozen(self) -> Snapshot:
        return replace(
            self.start,
            items=self.items,
            task=self.task,
            declared=self.declared,
            labels=self.labels,
            answers=self.answers,
            pending=frozenset(self.pending),
            closed=frozenset(self.closed),
            audit=frozenset(self.audit),
            models=tuple(self.models),
            round=self.round,
            position=self.position,
        )


def joined(batches: Sequence[Items]) -> Items:
    """Several batches as one; rows of a batch without labels of its own have None beside those that have.

    Raises:
        DataError: an id stands twice.
    """
    ids = [one for batch in batches for one in batch.ids]
    if len(set(ids)) < len(ids):
        double = next(one for one, count in Counter(ids).items() if count > 1)
        raise DataError(f"the id {double!r} is already in the project; give new items new ids")
    filled = [batch for batch in batches if len(batch)]
    if len(filled) == 1:
        return filled[0]  # with its link to the whole that it was cut from
    has_gold = any(batch.gold is not None for batch in filled)
    gold = [label for batch in filled for label in batch.gold or [None] * len(batch)] if has_gold else None
    texts = [text for batch in filled for text in batch.texts]
    has_tokens = bool(filled) and all(batch.tokens is not None for batch in filled)
    tokens = [one for batch in filled for one in batch.tokens or ()] if has_tokens else None
    return Items(ids, texts, gold, filled[0].source if filled else "memory", tokens=tokens)


class Log:
    """An event log in memory.

    >>> log = Log()
    >>> log.append(Added(Items(["a", "b"], ["one", "two"])), Declared("choice", ("x", "y")))
    2
    >>> log.append(Asked(("a",), "random", 0, 2), Answered("a", "x"))
    4
    >>> log.snapshot().labels, log.snapshot(at=3).pending
    ({'a': 'x'}, frozenset({'a'}))
    """

    def __init__(self, events: Iterable[Event] = ()) -> None:
        self._events: list[Event] = []
        self._latest = Snapshot.empty()
        self.append(*events)

    def append(self, *events: Event) -> int:
        """Adds events, all or none; the position after them."""
        self._latest = self._latest.apply(events)
        self._events.extend(events)
        return len(self._events)

    def events(self, after: int = 0) -> Sequence[Event]:
        """The events behind a position."""
        return self._events[after:]

    def snapshot(self, at: int | None = None) -> Snapshot:
        """The log folded up to `at` (default: all of it). Cost: nothing for the latest, else a fold from the start.

        Raises ConfigError for a position that the log does not have.
        """
        if at is not None and not 0 <= at <= len(self._events):
            raise ConfigError(f"the log has the positions 0 to {len(self._events)}; asked for {at}")
        if at is None or at == len(self._events):
            return self._latest
        return Snapshot.empty().apply(self._events[:at])

    def __len__(self) -> int:
        return len(self._events)
