"""Who gets which item next, and the answers that come back."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import chain
from typing import Any, NamedTuple

from tithe.errors import UnknownItemError
from tithe.log import Answered, Asked, Drawn, Snapshot
from tithe.loop.audit import audit_due
from tithe.loop.propose import propose, task_of
from tithe.loop.workshop import Workshop
from tithe.naming import called
from tithe.service.bell import Bell
from tithe.service.queue import Queue
from tithe.service.settings import Settings
from tithe.service.versions import recipe_out
from tithe.service.words import label_out, renamed
from tithe.store import Project
from tithe.store.answers import Annotation
from tithe.store.leases import Lease
from tithe.tasks import Task, check_inside
from tithe.tasks.spans import Spans
from tithe.tokens import tokenise
from tithe.types import FILE, Item, Items, Label, names_in
from tithe.views import ViewStore

LEASE_S = 600.0
"""How long an item is kept for somebody; an open page renews it."""

DRAWN = 50
"""Questions drawn at random while nothing is embedded."""

AUDIT, CHOSEN = "audit", "chosen"
"""What stands in `Asked.strategy` where no strategy asked: an audit item, and one that a person picked."""


class Shown(NamedTuple):
    """That an item was shown: the position of its `Asked`, and whether as an audit item."""

    position: int
    is_audit: bool


class Desk:
    """The counter of one project. Threads may share it."""

    def __init__(self, project: Project, bell: Bell, refill: Callable[[], None]) -> None:
        """`refill` has a new queue made and waits for it, but not for ever."""
        self.project, self.bell = project, bell
        self.queue: Queue | None = None
        self._refill = refill
        self._guard = threading.Lock()
        self._shown: dict[str, int] = {}
        self.drawn: list[str] = []
        self._read = 0
        self.count = 0  # items, when it was last looked
        self._rows: tuple[Items, dict[str, int]] | None = None
        self._from_file = (0, 0)  # items, and how many of them came with an answer
        self._workshop = Workshop(ViewStore())  # for draws alone: it keeps the index of ids
        self.settings_changed()

    # --- what is known

    def settings_changed(self) -> None:
        """Reads the settings again."""
        with self._guard:  # or what one thread has read before the other's change would stand after it
            self.settings = Settings.of(self.project.settings())

    def snapshot(self) -> Snapshot:
        """The log folded up to now; keeps in mind which items were shown."""
        snapshot = self.project.snapshot()
        self.count = len(snapshot.items)
        with self._guard:
            if snapshot.position > self._read:
                for place, _, event in self.project.recorded(self._read, kinds=(Asked, Drawn)):
                    if isinstance(event, Asked):
                        self._shown |= dict.fromkeys(event.ids, place)
                    elif isinstance(event, Drawn):
                        self.drawn += event.ids
                    self._read = place
                self._read = max(self._read, snapshot.position)
        return snapshot

    def task(self, snapshot: Snapshot) -> Task:
        """The task with the labels of now; whether spans may overlap is a setting."""
        task = task_of(snapshot)
        return replace(task, overlaps=self.settings.overlap) if isinstance(task, Spans) else task

    def row(self, items: Items, id: str) -> int:
        """The row of an item. Raises UnknownItemError where there is none with this id."""
        try:
            return self._rows_of(items)[id]
        except KeyError:
            raise UnknownItemError(f"no item has the id {id!r} in this project; ask for the next items again") from None

    def _rows_of(self, items: Items) -> Mapping[str, int]:
        known = self._rows
        if known is None or known[0] is not items:
            self._rows = known = (items, {one: row for row, one in enumerate(items.ids)})
        return known[1]  # not what stands there by now: another thread may have put other items

    # --- items out

    def next(self, annotator: str, n: int = 1, item: str | None = None) -> dict[str, Any]:
        """The n items that this annotator works on: those held already, then new ones; or the one that they chose."""
        snapshot = self.snapshot()
        held = self.project.held()
        if item is not None:
            leases, reason = self._chosen(annotator, item, snapshot, held), None
        else:
            leases, reason = self._some(annotator, n, snapshot, held)
        return {"items": [self._offer(snapshot, lease) for lease in leases], "reason": None if leases else reason}

    def _some(
        self, annotator: str, n: int, snapshot: Snapshot, held: Sequence[Lease]
    ) -> tuple[list[Lease], str | None]:
        own = [one.item for one in held if one.annotator == annotator]
        own.sort(key=lambda one: self._shown.get(one, 0))
        kept = {one.item: one for one in self.project.renew(annotator, own[:n], seconds=LEASE_S)} if own else {}
        leases = [kept[one] for one in own if one in kept]
        while len(leases) < n:
            if reason := self._spent(snapshot, len(held) + len(leases)):
                return leases, reason
            lease = self._take(annotator, snapshot, [*held, *leases])
            if lease is None:
                return leases, self._why_empty(snapshot, held, annotator)
            leases.append(lease)
        return leases, None

    def _chosen(self, annotator: str, item: str, snapshot: Snapshot, held: Sequence[Lease]) -> list[Lease]:
        """A lease on the item that a person picked; answered items may be picked as well, to answer them again."""
        self.row(snapshot.items, item)
        leases = self.project.renew(annotator, [item], seconds=LEASE_S)
        if not leases:
            is_asked = item in snapshot.labels or item in snapshot.pending
            lease = self._lease(annotator, [item], None if is_asked else partial(self._asked, CHOSEN, snapshot))
            leases = [] if lease is None else [lease]
        others = [one for one in held if one.item == item and one.annotator != annotator]
        if not leases and others:
            return []
        return leases or [Lease(item, 0, annotator, time.time() + LEASE_S)]  # answered by them: an edit needs no lease

    def _take(self, annotator: str, snapshot: Snapshot, held: Sequence[Lease]) -> Lease | None:
        """A lease on the next item, whoever proposed it; the log says that it was shown."""
        taken = {one.item for one in held}
        for ids, event in self._sources(snapshot, taken):
            open_ids = (one for one in ids if one not in taken and self._is_open(snapshot, one))
            first = next(open_ids, None)
            lease = None if first is None else self._lease(annotator, chain((first,), open_ids), event)
            if lease is not None:
                return lease
        return None

    def _lease(self, annotator: str, ids: Iterable[str], event: Callable[[str], Asked] | None) -> Lease | None:
        """A lease on the first of these items that is free. With an event, the log says in the same breath why."""
        slots = self.settings.slots
        if event is None:
            return next(iter(self.project.take(annotator, ids, 1, seconds=LEASE_S, slots=slots)), None)
        found = self.project.ask(annotator, ids, event, seconds=LEASE_S, slots=slots)
        if found is None:
            return None
        lease, self._shown[found[0].item] = found
        return lease

    def _sources(
        self, snapshot: Snapshot, taken: set[str]
    ) -> Iterator[tuple[Sequence[str], Callable[[str], Asked] | None]]:
        """Where the next item may come from, the best first, with the event that says so."""
        again = [one for one in snapshot.pending if one not in taken]
        yield sorted(again, key=lambda one: self._shown.get(one, 0)), None  # shown, left, and free again
        if self.settings.slots > 1:
            yield self._half_answered(snapshot), None
        audit = [one for one in self.drawn if one not in snapshot.answers]
        shown = len(self.drawn) - len(audit) + sum(one in snapshot.audit for one in taken)
        asked = len(snapshot.answers) - self._filed(snapshot) + len(taken)
        if audit and audit_due(asked, shown, self.settings.audit):
            yield audit, partial(self._asked, AUDIT, snapshot)
        if not snapshot.stages and not self._has_queued(snapshot, taken):
            self._draw(snapshot)
        for refilled in (False, True):
            if (refilled or self.queue is None) and self.left(snapshot) > len(taken):
                self._refill()
            if self.queue is not None:
                yield self.queue.ids, self.queue.asked
        if self.settings.audit:
            yield audit, partial(self._asked, AUDIT, snapshot)

    def _filed(self, snapshot: Snapshot) -> int:
        """How many items came with an answer in their file: nobody was asked these. They come with imports alone."""
        if self._from_file[0] != len(snapshot.items):
            self._from_file = (len(snapshot.items), sum(FILE in by for by in snapshot.answers.values()))
        return self._from_file[1]

    def left(self, snapshot: Snapshot) -> int:
        """How many items nobody has answered, but for audit items."""
        unanswered_audit = sum(one not in snapshot.answers for one in snapshot.audit)
        return len(snapshot.items) - len(snapshot.answers) - unanswered_audit

    def _asked(self, why: str, snapshot: Snapshot, item: str) -> Asked:
        return Asked((item,), why, self.settings.seed, snapshot.position)

    def _has_queued(self, snapshot: Snapshot, taken: set[str]) -> bool:
        ids = () if self.queue is None else self.queue.ids
        return any(one not in taken and self._is_open(snapshot, one) for one in ids)

    def _draw(self, snapshot: Snapshot) -> None:
        """Questions while nothing is embedded: the round needs no model, so it is made here and now."""
        found = propose(snapshot, self.settings.recipe, seed=self.settings.seed, n=DRAWN, workshop=self._workshop)
        self.queue = Queue(
            snapshot.position,
            DRAWN,
            self.settings.seed,
            recipe_out(self.settings.recipe),
            found.selection.ids,
            found.selection.reason,
            found.cold,
        )

    def _half_answered(self, snapshot: Snapshot) -> list[str]:
        return [one for one, by in snapshot.answers.items() if len(by) < self.settings.slots]

    def _is_open(self, snapshot: Snapshot, item: str) -> bool:
        return len(snapshot.answers.get(item, ())) < self.settings.slots

    def _spent(self, snapshot: Snapshot, more: int) -> str | None:
        budget, labelled = self.settings.budget, len(snapshot.labels)
        if budget is not None and labelled + more >= budget:
            return f"the budget of {budget} labels is spent ({labelled} given); raise it in the settings to go on"
        return None

    def _why_empty(self, snapshot: Snapshot, held: Sequence[Lease], annotator: str) -> str:
        others = [one for one in held if one.annotator != annotator]
        total = len(snapshot.items)
        if not total:
            return "the project has no items yet; add some in the settings"
        if others:
            until = time.strftime("%H:%M", time.localtime(max(one.until for one in others)))
            return f"the last {len(others)} items are with others until {until}"
        left = self.left(snapshot)
        kept = sum(one not in snapshot.answers for one in snapshot.audit)
        if left <= 0 and kept:
            return (
                f"{total - kept} of {total} items are answered; the other {kept} are kept for the audit, and the "
                "settings ask for none of them: raise the share of audit items to label them"
            )
        if left <= 0:
            skipped = len(snapshot.closed - snapshot.audit)
            also = f", {skipped} of them skipped" if skipped else ""
            return f"all {total} items are answered{also}"
        if snapshot.stages is not None and sum(map(len, snapshot.stages)) < total:
            return f"{left} items are left and are still being embedded; the next question comes in a moment"
        return f"{left} items are left, and the model that orders them is being fitted; the next comes in a moment"

    def _offer(self, snapshot: Snapshot, lease: Lease) -> dict[str, Any]:
        item = snapshot.items[self.row(snapshot.items, lease.item)]
        said: dict[str, Any] = {
            "id": item.id,
            "text": item.text,
            "proposal": self._shown.get(item.id),
            "suggestion": None if item.id in snapshot.audit else self.suggestion(item.id, snapshot.renames),
            "lease_until": lease.until,
            "audit": item.id in snapshot.audit,
        }
        if snapshot.task == "spans":
            said["tokens"] = [list(place) for place in item.tokens or tokenise(item.text)]
        return said

    def suggestion(self, item: str, renames: Mapping[str, str]) -> dict[str, Any] | None:
        """What the model suggests, as labels are called now; None where it says nothing, or shall not."""
        queue = self.queue
        if queue is None or not self.settings.suggestions or item not in queue.suggestions:
            return None
        label, confidence = queue.suggestions[item]
        label = renamed(label, renames)
        return {"label": label, "confidence": confidence, "shown": confidence >= self.settings.threshold}

    # --- answers in

    def submit(self, answer: Answered, key: str | None = None) -> int:
        """Keeps an answer, whoever holds the item by now; its number.

        Raises:
            LabelError: a label that the task does not have, a span outside of the text, or overlapping spans in a
                project that refuses them.
            UnknownItemError: no item has this id.
            ConflictError: the key came with another answer.
        """
        snapshot = self.snapshot()
        item = snapshot.items[self.row(snapshot.items, answer.item)]
        if answer.label is not None:
            answer = replace(answer, label=self._said(answer.label, snapshot, item))
        number = self.project.submit(answer, key)
        self.bell.ring()
        return number

    def _said(self, label: Label, snapshot: Snapshot, item: Item) -> Label:
        """A label in its own form, once it is checked. Names given up stay: the log knows what they are called now.

        So an answer that is sent again, after a rename and with the same key, is the same answer.
        """
        now = called(label, snapshot.renames)
        checked = check_inside(self.task(snapshot).check(label if now is None else now), item)
        if not names_in(label) & snapshot.renames.keys():
            return checked
        return tuple(sorted(label)) if isinstance(label, tuple) else label

    def undo(self, annotation: int, annotator: str, key: str | None = None) -> int:
        """Takes an answer back; the number of the event that says so. Raises ConflictError where it does not stand."""
        number = self.project.undo(annotation, annotator, key)
        self.bell.ring()
        return number

    def renew(self, annotator: str, ids: Sequence[str]) -> list[dict[str, Any]]:
        """The leases on these items made longer; one that was over, or ended by an answer that was taken back since,
        is taken again unless others work on the item by now. Left out is what cannot be held any more.
        """
        found = self.project.renew(annotator, ids, seconds=LEASE_S)
        ours, known = {one.item for one in found}, self._rows_of(self.snapshot().items)
        gone = [one for one in ids if one not in ours and one in known]
        if gone:
            self.project.take(annotator, gone, len(gone), seconds=LEASE_S, slots=self.settings.slots)
            found += self.project.renew(annotator, gone, seconds=LEASE_S)  # another call may just have taken them
        return [{"item": one.item, "until": one.until} for one in found]

    def release(self, annotator: str, ids: Sequence[str] | None = None) -> None:
        """Gives items back."""
        self.project.release(annotator, ids)

    def history(self, annotator: str, limit: int = 50) -> list[dict[str, Any]]:
        """The last answers of an annotator, the newest first. Cost: grows with how far back they lie."""
        last = len(self.project)
        reach = 4 * limit
        while True:
            found = [one for one in self.project.annotations(max(0, last - reach)) if one.answer.annotator == annotator]
            if len(found) >= limit or reach >= last:
                return [_entry(one) for one in found[-limit:][::-1]]
            reach *= 4


def _entry(one: Annotation) -> dict[str, Any]:
    return {
        "annotation": one.position,
        "item": one.answer.item,
        "text": one.text,
        "action": one.answer.action,
        "label": label_out(one.answer.label),
        "flagged": one.answer.flagged,
        "comment": one.answer.comment,
        "seconds": one.answer.seconds,
        "at": one.at,
        "standing": one.stands,
    }
