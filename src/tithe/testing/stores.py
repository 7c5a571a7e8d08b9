"""The conformance kit for stores: they fold as the log in memory does, and lose and show nothing twice."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import fields, replace
from functools import partial
from typing import Any

from tithe.errors import ConfigError, ConflictError, DataError, TitheError, UnknownItemError, UnknownNameError
from tithe.log import (
    Added,
    Answered,
    Asked,
    Begun,
    Compared,
    Declared,
    Drawn,
    Embedded,
    Event,
    Log,
    Published,
    Renamed,
    Snapshot,
    Withdrawn,
)
from tithe.store import Project, Store, open_store
from tithe.testing.conformance import expect, run_checks
from tithe.types import Items, Span

IDS = tuple("abcdefgh")


def check_store(store: str | Callable[[], Store] | Callable[[], Log]) -> list[str]:
    """The names of the checks that the store passed.

    Args:
        store: a URL, or what opens the store: each call the same one, so that what one wrote the next must read.
            Projects are made in it. Of what makes a log alone (`append`, `events`, `snapshot`, `len`), each time a new
            one, only those four calls are checked.

    Raises:
        ConformanceError: at the first check that fails; says what was expected and given.

    >>> "gives back each event" in check_store(Log)
    True
    """
    if isinstance(store, str):
        url = store
        return check_store(lambda: open_store(url))
    part: Any = store()
    if not hasattr(part, "create"):
        return run_checks(part, LOG_CHECKS, store)
    open_it: Callable[[], Any] = store
    try:
        run_checks(part, LOG_CHECKS, lambda: _fresh(part))
        run_checks(part, PROJECT_CHECKS, lambda: _fresh(part))
        run_checks(part, STORE_CHECKS, open_it)
        return [*LOG_CHECKS, *PROJECT_CHECKS, *STORE_CHECKS]
    finally:
        with suppress(Exception):
            part.close()


def _fresh(store: Store) -> Project:
    return store.create(f"check-{len(store.projects())}", "choice", ("x", "y"))


def _filled(make: Callable[[], Any]) -> Any:
    project = make()
    project.append(Added(Items(list(IDS), [f"text {one}" for one in IDS])))
    return project


def state(snapshot: Snapshot) -> dict[str, object]:
    """All of a snapshot as values that compare; answers in their order, for a tie goes to the earliest."""
    told = {field.name: getattr(snapshot, field.name) for field in fields(snapshot)}
    told["answers"] = {item: list(by.items()) for item, by in snapshot.answers.items()}
    one = snapshot.items
    told["items"] = (list(one.ids), list(one.texts), one.gold and list(one.gold), one.tokens and list(one.tokens))
    for name, learning in (("begun", snapshot.begun), ("slow", snapshot.slow)):
        told[name] = learning and (learning.begun, state(learning.at))
    return told


EVENTS: tuple[Event, ...] = (
    Declared("choice", ("x", "y", "ü;,")),
    Added(Items(["a", "b"], ["one\n", "👍🏿 两"], ["x", None], tokens=[((0, 3),), ()])),
    Added(Items(["c", "d", "e"], ["", " ", "e"])),
    Asked(("a", "c"), "mix(auto=0.9, random=0.1)", 3, 3),
    Answered("a", "x", "ann", seconds=2.25, flagged=True, comment="a\x00 \ud800 ?", proposal=4),
    Answered("a", "ü;,", "bob"),
    Answered("a", "y", "ann", replaces=5),
    Answered("b", frozenset({"y", "x"}), "ann"),
    Answered("c", (Span(0, 1, "x"), Span(0, 2, "y")), "ann"),
    Answered("c", frozenset(), "bob"),
    Answered("c", (), "cyd"),
    Answered("d", None, "ann", "skip"),
    Answered("d", None, "bob", "reject"),
    Withdrawn("d", "ann", 12),
    Withdrawn("a", "bob", 6),
    Drawn(("e",)),
    Answered("e", "x", "ann"),
    Published("f00d", 3),
    Embedded((), "minilm"),
    Embedded(("c", "a")),
    Asked(("b",), "auto", 1, 20, n=9, start="minilm", trainer="linear", initial="random"),
    Published("beef", 4, position=20, score=0.625),
    Renamed("ü;,", "y"),
    Answered("b", "ü;,", "bob"),
    Declared("choice", ("x", "y", "ü;,")),
    Answered("d", "ü;,", "bob"),
    Renamed("x", "z"),
    Begun("linear", "finetune(steps=30)", "minilm", 7),
    Compared(28, True, 20, 0.5, 0.75, 10, 15),
    Asked(("c",), "auto", 1, 29, n=9, start="minilm", trainer="linear", initial="random", slow="finetune(steps=30)"),
)
"""Every kind of event and of label."""


def _same_events(make: Callable[[], Any]) -> None:
    log = make()
    start = len(log)
    for count, event in enumerate(EVENTS, 1):
        given = log.append(event)
        expect(given == start + count, f"position {start + count} after {type(event).__name__}", given)
    for wanted, given in zip(EVENTS, log.events(start), strict=True):
        if isinstance(wanted, Added):
            expect(list(wanted.items) == list(given.items), f"the items {list(wanted.items)}", list(given.items))
        else:
            expect(wanted == given, repr(wanted), given)
    expect(len(log) == start + len(EVENTS), "the number of events as length", len(log))


def _same_fold(make: Callable[[], Any]) -> None:
    log = make()
    memory = Log(log.events())
    for begin, end in ((0, 3), (3, 4), (4, 12), (12, len(EVENTS))):
        memory.append(*EVENTS[begin:end])
        log.append(*EVENTS[begin:end])
        _equal(log.snapshot(), memory.snapshot())
    for at in range(len(memory) + 1):
        _equal(log.snapshot(at), memory.snapshot(at))
    _equal(log.snapshot(), memory.snapshot())


def _equal(given: Snapshot, wanted: Snapshot) -> None:
    for name, value in state(wanted).items():
        there = state(given)[name]
        expect(there == value, f"{name} as the log in memory has it at {wanted.position}: {value}", there)


def _all_or_none(make: Callable[[], Any]) -> None:
    log = _filled(make)
    before = len(log)
    for ids in (["n", "a"], ["n", "n"]):
        refused = (Answered("a", "x"), Added(Items(ids, ids)))
        _refused(DataError, partial(log.append, *refused), "an id twice")
        expect(len(log) == before and not log.snapshot().labels, "nothing kept of events that are refused", len(log))


def _no_position(make: Callable[[], Any]) -> None:
    log = make()
    for at in (-1, len(log) + 1):
        _refused(ConfigError, partial(log.snapshot, at), f"the position {at} of {len(log)}")


def _refused(error: type[TitheError], call: Callable[[], object], what: str) -> None:
    try:
        given: object = call()
    except error:
        return
    expect(False, f"a {error.__name__} for {what}", given)


def _expected_position(make: Callable[[], Project]) -> None:
    project = _filled(make)
    here = project.append(Published("1", 0), expected=len(project))
    _refused(ConflictError, lambda: project.append(Published("2", 0), expected=here - 1), "a position that is taken")
    expect(len(project) == here, "no event behind a position that is taken", len(project))


def _imports(make: Callable[[], Project]) -> None:
    project = _filled(make)
    rows: list[int] = []
    parts = [Items([f"{part}-{row}" for row in range(2_100)], ["t"] * 2_100) for part in range(2)]
    here = len(project)

    def broken(last: Items) -> Iterator[Items]:
        yield from parts
        yield last

    _refused(DataError, lambda: project.add(broken(Items(["n", "a"], ["", ""]))), "an id that is there")
    _refused(DataError, lambda: project.add(broken(Items(["0-7"], [""]))), "an id twice in an import")
    _refused(DataError, lambda: project.add(broken(Items(["n"], ["\0"]))), "a text with NUL")
    _refused(DataError, lambda: project.add(broken(Items(["n"], ["\ud800"]))), "a text with half a surrogate pair")
    bad = [Answered("n", "x", "\0")]
    _refused(DataError, lambda: project.add([Items(["n"], ["t"])], then=bad), "an event with NUL behind an import")
    expect(
        len(project) == here and len(project.snapshot().items) == len(IDS), "nothing of a broken import", len(project)
    )
    _refused(UnknownItemError, lambda: project.submit(Answered("0-7", "x")), "an answer to an item that was not added")
    then = [Answered("0-1", "x", "file"), Drawn(("0-2",))]
    after = project.add(parts, rows.append, then=then)
    expect(after == here + 3, "one event for an import, and two that follow from it", after - here)
    found = (project.snapshot().labels, project.snapshot().audit)
    expect(found == ({"0-1": "x"}, {"0-2"}), "a label and an audit item that came with the import", found)
    wanted = [*IDS, *parts[0].ids, *parts[1].ids]
    expect(list(project.snapshot().items.ids) == wanted, "the items in their order", len(project.snapshot().items))
    expect(rows == sorted(rows) and rows[-1] == 4_200, "progress up to 4200 rows", rows)


def _leases(make: Callable[[], Project]) -> None:
    project = _filled(make)
    took = [one.item for one in project.take("ann", ["c", "a", "c", "b"], 2, seconds=60)]
    expect(took == ["c", "a"], "the first two free items, c and a", took)
    took = [one.item for one in project.take("bob", ["c", "a", "b", "d"], 2, seconds=60)]
    expect(took == ["b", "d"], "b and d, where ann holds c and a", took)
    expect(not project.take("ann", ["c", "a"], 2, seconds=60), "nothing that one holds oneself", took)
    second = project.take("bob", ["c", "a"], 1, seconds=60, slots=2)
    expect([(one.item, one.slot) for one in second] == [("c", 1)], "the second slot of c", second)
    project.submit(Answered("c", "x", "ann"))
    expect([one.item for one in project.held("ann")] == ["a"], "no lease on what was answered", project.held("ann"))
    expect(not project.take("cyd", ["c"], 1, seconds=60, slots=2), "nothing where answer and lease fill both slots", 1)
    project.release("bob")
    took = [one.item for one in project.take("cyd", ["c", "b"], 5, seconds=60)]
    expect(took == ["b"], "b alone: c is answered and bob gave b back", took)
    _refused(ConfigError, lambda: project.take("cyd", ["e"], 1, seconds=1e9), "a lease of years")


def _asks(make: Callable[[], Project]) -> None:
    project = _filled(make)

    def event(item: str) -> Asked:
        return Asked((item,), "auto", 0, 1)

    here = len(project)
    project.take("ann", ["a"], 1, seconds=60)
    found = project.ask("bob", ["a", "c", "b"], event, seconds=60)
    lease, position = found or (None, 0)
    expect(lease is not None and lease[::2] == ("c", "bob"), "the first free item leased to the one who asked", lease)
    expect(position == len(project) == here + 1, f"its event at position {here + 1}", position)
    expect(project.events(here)[0] == event("c"), repr(event("c")), project.events(here))
    expect(project.ask("cyd", ["a", "c"], event, seconds=60) is None, "None where nothing is free", project.held())
    expect(len(project) == here + 1, "no event without a lease", len(project))


def _lapse(make: Callable[[], Project]) -> None:
    project = _filled(make)
    project.take("ann", ["a", "b"], 2, seconds=0.3)
    kept = project.renew("ann", ["a", "h"], seconds=600)
    expect([one.item for one in kept] == ["a"], "a renewed, h not held", kept)
    deadline = time.monotonic() + 10
    while len(project.held()) > 1 and time.monotonic() < deadline:
        time.sleep(0.02)
    took = [one.item for one in project.take("bob", ["a", "b"], 2, seconds=60)]
    expect(took == ["b"], "b, whose lease is over, and not a, which was renewed", took)
    lost = project.renew("ann", ["b"], seconds=60)
    expect(not lost, "no renewal of what another holds", lost)
    number = project.submit(Answered("b", "y", "ann"))
    expect(project.snapshot(number).labels == {"b": "y"}, "an answer without a lease kept", project.snapshot().labels)


def _once(make: Callable[[], Project]) -> None:
    project = _filled(make)
    first = project.submit(Answered("a", "x", "ann"), "k")
    project.submit(Answered("a", "y", "bob"), "k")  # another annotator's key is another key
    again = project.submit(Answered("a", "x", "ann"), "k")
    expect(again == first, f"the number {first} again", again)
    _refused(ConflictError, lambda: project.submit(Answered("a", "y", "ann"), "k"), "a key with another answer")
    _refused(UnknownItemError, lambda: project.submit(Answered("nowhere", "x")), "an unknown item")
    expect(len(project) == 4, "two answers in a log of four events", len(project))


def _undo(make: Callable[[], Project]) -> None:
    project = _filled(make)
    first = project.submit(Answered("a", "x", "ann"))
    second = project.submit(Answered("a", "y", "ann", replaces=first))
    _refused(ConflictError, lambda: project.undo(first, "ann"), "an answer that stands no more")
    _refused(ConflictError, lambda: project.undo(second, "bob"), "another's answer")
    back = project.undo(second, "ann", "k")
    expect(project.snapshot().labels == {"a": "x"}, "the answer before it", project.snapshot().labels)
    expect(project.undo(second, "ann", "k") == back, "an undo sent twice done once", len(project))
    third = project.submit(Answered("b", "x", "ann"))
    project.undo(third, "ann")
    expect(project.snapshot().labels == {"a": "x"}, "no label of b", project.snapshot().labels)
    _refused(ConflictError, lambda: project.undo(third, "ann"), "an answer that was taken back")
    expect([one.item for one in project.take("ann", ["b"], 1, seconds=9)] == ["b"], "b free again", project.held())
    history = [one.position for one in project.recorded(item="a")]
    expect(history == [first, second, back], "three events of a in its history", history)


def _undo_step_by_step(make: Callable[[], Project]) -> None:
    project = _filled(make)
    first = project.submit(Answered("a", "x", "ann"))
    project.submit(Answered("a", "y", "bob"))
    second = project.submit(Answered("a", "y", "ann", replaces=77))
    third = project.submit(Answered("a", "x", "ann", flagged=True))
    said = [one.answer.replaces for one in project.annotations()]
    expect(said == [None, None, first, second], "what each replaced of the same annotator", said)
    for number, left in ((third, "y"), (second, "x"), (first, None)):
        again = project.undo(number, "ann")
        mine = [one for one in project.annotations(standing_only=True) if one.answer.annotator == "ann"]
        expect([one.answer.label for one in mine] == [left] * len(mine), f"{left} after undo of {number}", mine)
        expect([one.position for one in mine] == [again] * bool(left), "standing by the last event", mine)
    _refused(ConflictError, lambda: project.undo(first, "ann"), "an answer that was taken back")
    first = project.submit(Answered("a", "x", "ann"))
    second = project.submit(Answered("a", "y", "ann"))
    again = project.undo(second, "ann")
    project.undo(again, "ann")  # the first answer, by the number under which it stands now
    left_by = [one.answer.annotator for one in project.annotations(standing_only=True)]
    expect(left_by == ["bob"], "only bob's answer", left_by)


def _out(make: Callable[[], Project]) -> None:
    project = _filled(make)
    first = project.submit(Answered("a", "x", "ann"))
    second = project.submit(Answered("a", "y", "ann", replaces=first))
    given = [(one.position, one.answer.label, one.text, one.stands) for one in project.annotations()]
    wanted = [(first, "x", "text a", False), (second, "y", "text a", True)]
    expect(given == wanted, str(wanted), given)
    given = [(one.position, one.answer.label, one.text, one.stands) for one in project.annotations(standing_only=True)]
    expect(given == wanted[1:], str(wanted[1:]), given)
    project.configure({"strategy": "margin", "share": 0.1})
    project.configure({"share": 0.2})
    expect(project.settings() == {"strategy": "margin", "share": 0.2}, "the settings merged", project.settings())


def _out_while_answers_come(make: Callable[[], Project]) -> None:
    project = _filled(make)
    ids = [f"i{n}" for n in range(2_500)]
    project.add([Items(ids, ids)], then=[Answered(one, "x", "ann") for one in ids])
    first = project.annotations()
    found = [next(first)]
    second = project.submit(Answered("i0", "y", "ann"))
    project.undo(project.submit(Answered("i1", "y", "ann")), "ann")
    found += first
    once = [one.answer.item for one in found if one.stands]
    expect(once == ids, "each answer once, as they stood at first", len(once))
    stands = {one.answer.item: one.answer.label for one in project.annotations(standing_only=True)}
    expect((stands["i0"], stands["i1"], len(stands)) == ("y", "x", 2_500), "what stands then", len(stands))
    behind = [one.answer.item for one in project.annotations(second - 1, standing_only=True)]
    expect(behind == ["i0", "i1"], "what stands behind a position", behind)


def _renames(make: Callable[[], Project]) -> None:
    project = _filled(make)
    first = project.submit(Answered("a", "x", "ann"))
    project.append(Renamed("x", "new"))
    late = project.submit(Answered("b", "x", "ann"))
    project.append(Declared("choice", ("new", "y", "x")))
    project.submit(Answered("c", "x", "ann"))
    edit = project.submit(Answered("a", "y", "ann", replaces=first))
    back = project.undo(edit, "ann")
    given = {one.answer.item: one.answer.label for one in project.annotations(standing_only=True)}
    wanted = {"a": "new", "b": "new", "c": "x"}
    expect(given == wanted, f"the labels that go out as they are called now: {wanted}", given)
    expect(project.snapshot().labels == wanted, f"the same in the snapshot: {wanted}", project.snapshot().labels)
    said = [one.event.label for one in project.recorded(first - 1) if isinstance(one.event, Answered)]
    expect(said == ["x", "x", "x", "y", "new"], "the log as it was said, but for what undo says now", said)
    numbers = [one.position for one in project.annotations()]
    expect({first, late, edit, back} <= {*numbers}, "each annotation", numbers)


def _together(make: Callable[[], Project]) -> None:
    """Six threads take and answer until nothing is left."""
    project = make()
    ids = [str(row) for row in range(90)]
    project.add([Items(ids, ids)])
    start = len(project)

    def work(who: str) -> list[tuple[str, int]]:
        done = []
        while took := project.take(who, ids, 2, seconds=60):
            done += [(one.item, project.submit(Answered(one.item, "x", who), one.item)) for one in took]
        return done

    with ThreadPoolExecutor(6) as pool:
        done = [one for each in pool.map(work, [f"person {n}" for n in range(6)]) for one in each]
    expect(sorted(item for item, _ in done) == sorted(ids), "each item shown once", len(done))
    numbers = sorted(number for _, number in done)
    expect(numbers == list(range(start + 1, start + 91)), "positions without a gap", numbers)
    expect(project.snapshot().labels == dict.fromkeys(ids, "x"), "all answers kept", len(project.snapshot().labels))
    expect(not project.faults(), "no faults", project.faults())


def _opened_again(store: Callable[[], Store]) -> None:
    one, other = store(), store()
    try:
        project = _fresh(one)
        _refused(ConflictError, lambda: one.create(project.id, "choice", ("x",)), "a taken id")
        _refused(UnknownNameError, lambda: other.project("no such project"), "an unknown project")
        project.append(*EVENTS)
        _equal(other.project(project.id).snapshot(), project.snapshot())
        more = Answered("b", "x", "dan")
        number = other.project(project.id).submit(more)
        expect(project.events(number - 1) == [more], "what the other wrote", project.events(number - 1))
        wanted = replace(project.snapshot(), labels=other.project(project.id).snapshot().labels)
        _equal(project.snapshot(), wanted)
        expect(not other.faults(), "no faults", other.faults())
    finally:
        one.close()
        other.close()


LOG_CHECKS: Mapping[str, Callable[[Callable[[], Any]], None]] = {
    "gives back each event": _same_events,
    "folds as the log in memory does": _same_fold,
    "keeps all events or none": _all_or_none,
    "refuses a position that it does not have": _no_position,
}
PROJECT_CHECKS: Mapping[str, Callable[[Callable[[], Project]], None]] = {
    "appends only behind the expected position": _expected_position,
    "adds all items of an import or none": _imports,
    "leases an item to one annotator a slot": _leases,
    "leases an item and logs that it was asked, or neither": _asks,
    "lets leases lapse and keeps late answers": _lapse,
    "answers once for each key": _once,
    "takes answers back by a further event": _undo,
    "takes one answer back after the other": _undo_step_by_step,
    "gives all annotations and settings out": _out,
    "gives annotations out as they stood while more come": _out_while_answers_come,
    "gives labels out as they are called now": _renames,
    "serves threads without showing an item twice": _together,
}
STORE_CHECKS: Mapping[str, Callable[[Callable[[], Store]], None]] = {
    "holds what another opening of it wrote": _opened_again,
}
