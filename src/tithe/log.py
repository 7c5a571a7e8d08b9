"""The event log: all that ever happened to a project, in order; everything else is folded from it.

Events are frozen values. `Log` keeps them in memory (active learner, simulation); a store keeps them in a database
with the same four calls. A `Snapshot` is the log folded up to a position, so that resume, replay, undo, history and
late, noisy or repeated answers are all one thing: folding a list.

Labels of a snapshot have the names of now (`tithe.naming`): an `Answered` that still has a name given up by an earlier
`Renamed`, or by a chain of them, counts for the name in use. The log itself keeps what was said.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from typing import Literal, NamedTuple, TypeAlias

from tithe.errors import ConfigError, DataError, LabelError
from tithe.naming import Names, called
from tithe.types import FILE, Items, Label

Action: TypeAlias = Literal["label", "skip", "reject"]


@dataclass(frozen=True, slots=True)
class Declared:
    """The task and its labels; a later one replaces the labels (labels may be added while labelling)."""

    task: str
    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Renamed:
    """The label `old` is called `new` from here on; where `new` is a label already, the two are merged.

    All answers follow, earlier ones and those that come later under the old name. Raises LabelError for a name that is
    empty, or the same as before.
    """

    old: str
    new: str

    def __post_init__(self) -> None:
        if not self.old or not self.new or self.old == self.new:
            raise LabelError(f"a label is renamed to another name; given {self.old!r} and {self.new!r}")


@dataclass(frozen=True, slots=True, eq=False)
class Added:
    """A batch of items came in."""

    items: Items


@dataclass(frozen=True, slots=True)
class Asked:
    """Items were asked: enough to replay the proposal that they come from.

    They are `propose(snapshot(at=position), recipe, seed=seed, n=n).ids`, with the recipe of these names, or some of
    them: a service logs each item when it is shown. With `n` = 0 only ids, strategy, seed and position are known. The
    strategies "audit" (asked as an audit item) and "chosen" (a person picked it) are no proposals.
    """

    ids: tuple[str, ...]
    strategy: str
    seed: int
    position: int
    n: int = 0
    start: str = ""
    trainer: str = ""
    initial: str = ""
    slow: str = ""


@dataclass(frozen=True, slots=True)
class Answered:
    """One annotator's answer to one item. `label` is None for skip and reject; `seconds` is the lead time.

    `replaces` and `proposal` are positions: of the answer that this one corrects, and of the `Asked` that it answers.
    With `restores` it is the answer at that position standing again, since the one that replaced it was taken back.
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
    restores: int | None = None

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
    """A model was trained and is in use from here on.

    `position` is that of the snapshot it was fitted at, and its version number; `score` its first score on asked items.
    """

    fingerprint: str
    labelled: int
    position: int = 0
    score: float | None = None


@dataclass(frozen=True, slots=True)
class Drawn:
    """Audit items were drawn: they are scored on and never train."""

    ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Embedded:
    """A stage: the views of these items, too, are ready from here on.

    With a `start`, stages begin anew: nothing but `ids` is ready for it yet.
    """

    ids: tuple[str, ...]
    start: str = ""


@dataclass(frozen=True, slots=True)
class Begun:
    """A slow model begins to learn: that of the trainer `slow`, from the answers up to here.

    It is `propose(snapshot, Recipe(start, slow), seed=seed).model` of the snapshot that ends with this event. `fast` is
    the trainer that it will be compared with.
    """

    fast: str
    slow: str
    start: str
    seed: int


@dataclass(frozen=True, slots=True)
class Compared:
    """What the slow model begun at `position` came to, beside the fast one, on answers that neither had learned from.

    Of `held` answers each had so many right, and `fast` and `slow` are their mean scores (1 - distance). With `better`
    the slow model asks from here on; else the fast one does.
    """

    position: int
    better: bool
    held: int
    fast: float = 0.0
    slow: float = 0.0
    fast_right: int = 0
    slow_right: int = 0


Event: TypeAlias = (
    Declared | Renamed | Added | Asked | Answered | Withdrawn | Published | Drawn | Embedded | Begun | Compared
)


class Learning(NamedTuple):
    """A slow model as the log knows it: how it was begun, and the snapshot that it learns from."""

    begun: Begun
    at: Snapshot


@dataclass(frozen=True)
class Snapshot:
    """The log up to `position`, folded.

    `labels` has the label of each answered item (with several annotators the most frequent answer, the earliest on a
    tie; that of the annotator "file" where no person gave one); `pending` the items asked and not answered yet;
    `closed` those that nobody should be asked again (skipped, rejected, drawn for the audit). Labels and answers have
    the names of now; `renames` has them for those given up.

    `stages` are the ids whose views are ready, in the order in which they became so, for the start `start`; None, where
    the log says nothing of it, stands for all items.

    `begun` is the slow model that began to learn last, `compared` the last comparison of one of its trainer, and `slow`
    the one that asks; all are None where there is none, and again when the labels or the start have become others.
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
    renames: Mapping[str, str] = field(default_factory=dict)
    stages: tuple[tuple[str, ...], ...] | None = field(default=None, repr=False)
    start: str = ""
    begun: Learning | None = field(default=None, repr=False)
    compared: Compared | None = None
    slow: Learning | None = field(default=None, repr=False)

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


class _Ids:
    """A set of ids that is copied at its first change: most events leave most sets as they are."""

    def __init__(self, start: frozenset[str]) -> None:
        self.now: AbstractSet[str] = start

    def _own(self) -> set[str]:
        if not isinstance(self.now, set):
            self.now = set(self.now)
        return self.now

    def update(self, ids: Iterable[str]) -> None:
        self._own().update(ids)

    def discard(self, one: str) -> None:
        if one in self.now:
            self._own().discard(one)

    def frozen(self) -> frozenset[str]:
        return frozenset(self.now)  # of a frozenset it is the same one


class _Fold:
    """The mutable inside of `Snapshot.apply`."""

    def __init__(self, start: Snapshot) -> None:
        self.start = start
        self.items, self.task = start.items, start.task
        self.names = Names(start.declared, start.renames)
        self.labels = dict(start.labels)
        self.answers = dict(start.answers)
        self.pending, self.closed, self.audit = _Ids(start.pending), _Ids(start.closed), _Ids(start.audit)
        self.models, self.round, self.position = list(start.models), start.round, start.position
        self.stages, self.prepared = start.stages, start.start
        self.begun, self.compared, self.slow = start.begun, start.compared, start.slow

    def add(self, event: Event) -> None:
        self.position += 1
        match event:
            case Declared():
                self.task, self.names = event.task, self.names.with_declared(event.labels)
                if self.begun and self.names.declared != self.begun.at.declared:
                    self._forget_slow()
            case Renamed():
                self._rename(event)
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
            case Embedded():
                self._stage(event)
            case Begun():
                at = replace(self.frozen(), labels=dict(self.labels), answers=dict(self.answers))
                # What stands before it is not needed to learn, and would keep every slow model's snapshot for ever.
                if self.begun is not None and replace(event, seed=0) != replace(self.begun.begun, seed=0):
                    self.compared = None  # it was of other trainers
                self.begun = Learning(event, replace(at, begun=None, compared=None, slow=None))
            case Compared():
                self._compare(event)

    def _compare(self, event: Compared) -> None:
        """The slow model asks, or the fast one; a comparison of any but the last one begun says nothing."""
        if self.begun is not None and self.begun.at.position == event.position:
            self.compared, self.slow = event, self.begun if event.better else None

    def _forget_slow(self) -> None:
        """Its labels are not those of now: the fast model asks until another slow one is better."""
        self.begun = self.compared = self.slow = None

    def _stage(self, event: Embedded) -> None:
        if event.start:
            self.stages, self.prepared = (), event.start
            self._forget_slow()
        before = self.stages or ()
        ready = {one for stage in before for one in stage}
        # A stage that was logged twice, by a process that was killed in between, is one.
        ids = tuple(one for one in event.ids if one not in ready) if ready else event.ids
        self.stages = (*before, ids) if ids else before

    def _rename(self, event: Renamed) -> None:
        self._forget_slow()
        self.names = self.names.after(event.old, event.new)
        names = {event.old: event.new}
        for item, by in self.answers.items():
            changed = {who: _called(answer, names) for who, answer in by.items()}
            if any(changed[who] is not answer for who, answer in by.items()):
                self.answers[item] = changed
                self._count(item)

    def _answer(self, event: Answered) -> None:
        self.pending.discard(event.item)
        # A later answer of the same annotator replaces the earlier; the log still has both.
        # It goes to the end, for a tie is settled by the answers that still stand, the earliest of them first.
        self.answers[event.item] = self._of_others(event) | {event.annotator: _called(event, self.names.retired)}
        self._count(event.item)

    def _withdraw(self, event: Withdrawn) -> None:
        self.answers[event.item] = self._of_others(event)
        self._count(event.item)
        if not self.answers[event.item]:
            del self.answers[event.item]
            if event.item not in self.audit.now:
                self.closed.discard(event.item)  # nobody has closed it any more: it may be asked again

    def _of_others(self, event: Answered | Withdrawn) -> dict[str, Answered]:
        return {who: a for who, a in self.answers.get(event.item, {}).items() if who != event.annotator}

    def _count(self, item: str) -> None:
        """Settles the label of an item by the answers that stand."""
        current = self.answers[item]
        given = {who: a.label for who, a in current.items() if a.action == "label" and a.label is not None}
        # Who labels an item of the file anew corrects it: one vote against one would leave it as it was.
        votes = Counter(label for who, label in given.items() if who != FILE or len(given) == 1)
        if votes:
            self.labels[item] = votes.most_common(1)[0][0]
            if item not in self.audit.now:
                self.closed.discard(item)
        else:
            self.labels.pop(item, None)
            self.closed.update([item])

    def frozen(self) -> Snapshot:
        return replace(
            self.start,
            items=self.items,
            task=self.task,
            declared=self.names.declared,
            labels=self.labels,
            answers=self.answers,
            pending=self.pending.frozen(),
            closed=self.closed.frozen(),
            audit=self.audit.frozen(),
            models=tuple(self.models),
            round=self.round,
            position=self.position,
            renames=self.names.retired,
            stages=self.stages,
            start=self.prepared,
            begun=self.begun,
            compared=self.compared,
            slow=self.slow,
        )


def _called(answer: Answered, names: Mapping[str, str]) -> Answered:
    """The answer with other names; the same one where none of them stands in it."""
    label = called(answer.label, names)
    return answer if label == answer.label else replace(answer, label=label)


def joined(batches: Sequence[Items]) -> Items:
    """Several batches as one; rows of a batch without labels of its own have None beside those that have.

    The whole knows its `parts`: the batches, or the parts of those that were joined before.

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
    parts = tuple(_as_part(part, has_tokens) for batch in filled for part in batch.parts or (batch,))
    return Items(ids, texts, gold, filled[0].source if filled else "memory", tokens=tokens, parts=parts or None)


def _as_part(batch: Items, has_tokens: bool) -> Items:
    """The batch, without tokens where the whole has none: views of tokens must agree with those of the whole."""
    return batch if has_tokens or batch.tokens is None else Items(batch.ids, batch.texts, source=batch.source)


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
