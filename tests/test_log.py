"""The event log and its snapshots."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tithe.errors import ConfigError, DataError, LabelError
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
    joined,
)
from tithe.store.names import NamesOfNow
from tithe.types import Items, Label, Span

IDS = ("a", "b", "c", "d")
START: tuple[Event, ...] = (Added(Items(list(IDS), [one * 3 for one in IDS])), Declared("choice", ("x", "y", "z")))

some_ids = st.lists(st.sampled_from(IDS), min_size=1, max_size=3, unique=True).map(tuple)
answers = st.builds(
    lambda item, label, who: Answered(item, label, who, "label" if label else "skip"),
    st.sampled_from(IDS),
    st.sampled_from(["x", "y", "z", None]),
    st.sampled_from(["ann", "bob", "cyd"]),
)
events: st.SearchStrategy[Event] = st.one_of(
    answers,
    st.builds(Asked, some_ids, st.just("margin"), st.just(1), st.just(2)),
    st.builds(Withdrawn, st.sampled_from(IDS), st.sampled_from(["ann", "bob", "cyd"]), st.just(3)),
    st.builds(Drawn, some_ids),
    st.builds(Published, st.text(max_size=3), st.integers(0, 4)),
    st.builds(Embedded, some_ids, st.sampled_from(["", "", "minilm"])),
    st.sampled_from([Renamed(old, new) for old in "xyz" for new in "xyzw" if old != new]),
    st.builds(lambda labels: Declared("choice", tuple(labels)), st.sets(st.sampled_from("xyzw")).map(sorted)),
    st.builds(Begun, st.just("linear"), st.just("slow"), st.just("minilm"), st.integers(0, 1)),
    st.builds(Compared, st.integers(3, 9), st.booleans(), st.just(20)),
)
histories = st.lists(events, max_size=25)


def log_of(*more: Event) -> Log:
    return Log([*START, *more])


def state(snapshot: Snapshot) -> dict[str, object]:
    """All of a snapshot as values that compare."""
    told = {field.name: getattr(snapshot, field.name) for field in fields(snapshot)}
    # The order of the answers counts: a tie goes to the earliest.
    told["answers"] = {item: list(by.items()) for item, by in snapshot.answers.items()}
    told["items"] = (list(snapshot.items.ids), list(snapshot.items.texts))
    for name in ("begun", "slow"):
        learning = getattr(snapshot, name)
        told[name] = learning and (learning.begun, state(learning.at))
    return told


@given(histories, st.data())
def test_a_snapshot_at_a_position_is_the_fold_of_the_events_before_it(
    history: list[Event], data: st.DataObject
) -> None:
    log = log_of(*history)
    at = data.draw(st.integers(0, len(log)))
    assert state(log.snapshot(at)) == state(Snapshot.empty().apply(log.events()[:at]))
    assert log.snapshot(at).position == at
    assert state(log.snapshot(at).apply(log.events(after=at))) == state(log.snapshot())


@given(histories)
def test_appending_one_by_one_or_at_once_gives_the_same_snapshot(history: list[Event]) -> None:
    single = log_of()
    for event in history:
        single.append(event)
    assert state(single.snapshot()) == state(log_of(*history).snapshot())


@given(histories, events)
def test_folding_more_events_leaves_the_earlier_snapshot_as_it_was(history: list[Event], event: Event) -> None:
    earlier = log_of(*history).snapshot()
    before = state(earlier)
    later = earlier.apply([event])
    assert state(earlier) == before
    assert later.position == earlier.position + 1


@given(histories)
def test_an_item_is_never_both_labelled_and_pending_after_its_answer(history: list[Event]) -> None:
    for item in IDS:
        snapshot = log_of(*history, Answered(item, "x")).snapshot()
        assert item not in snapshot.pending
        assert item in snapshot.labels


@given(histories)
def test_the_label_is_one_of_the_most_frequent_standing_answers(history: list[Event]) -> None:
    snapshot = log_of(*history).snapshot()
    for item, label in snapshot.labels.items():
        votes = [one.label for one in snapshot.answers[item].values() if one.label is not None]
        assert votes.count(label) == max(map(votes.count, votes))


@given(histories)
def test_audit_items_stay_closed_whatever_happens(history: list[Event]) -> None:
    snapshot = log_of(*history).snapshot()
    assert snapshot.audit <= snapshot.closed
    drawn = {one for event in history if isinstance(event, Drawn) for one in event.ids}
    assert snapshot.audit == drawn


def test_an_asked_item_is_pending_until_it_is_answered() -> None:
    log = log_of(Asked(("a", "b"), "margin", 0, 2), Answered("a", "x"))
    assert log.snapshot(at=3).pending == {"a", "b"}
    assert log.snapshot().pending == {"b"}
    assert log.snapshot().round == 1


def test_a_later_answer_of_the_same_annotator_replaces_the_earlier() -> None:
    log = log_of(Answered("a", "x", "ann"), Answered("a", "y", "ann", replaces=3))
    assert log.snapshot().labels == {"a": "y"}
    assert log.snapshot(at=3).labels == {"a": "x"}
    assert [event.label for event in log.events(after=2) if isinstance(event, Answered)] == ["x", "y"]


def test_the_majority_of_several_annotators_decides() -> None:
    log = log_of(Answered("a", "x", "ann"), Answered("a", "y", "bob"), Answered("a", "y", "cyd"))
    assert [log.snapshot(at=at).labels["a"] for at in (3, 4, 5)] == ["x", "x", "y"]


def test_on_a_tie_the_earliest_answer_that_still_stands_decides() -> None:
    log = log_of(Answered("a", "x", "ann"), Answered("a", "y", "bob"), Answered("a", "z", "ann"))
    assert log.snapshot().labels == {"a": "y"}


def test_a_person_corrects_a_label_of_the_file_and_takes_that_back() -> None:
    log = log_of(Answered("a", "x", "file"), Answered("a", "y", "ann"))
    assert log.snapshot().labels == {"a": "y"}
    log.append(Answered("a", None, "bob", "skip"), Withdrawn("a", "ann", 4))
    assert log.snapshot().labels == {"a": "x"}


def test_a_skipped_item_is_closed_and_a_later_label_opens_it() -> None:
    log = log_of(Asked(("a",), "margin", 0, 2), Answered("a", None, action="skip"), Answered("a", "x"))
    assert (log.snapshot(at=4).closed, log.snapshot(at=4).pending, log.snapshot(at=4).labels) == ({"a"}, set(), {})
    assert (log.snapshot().closed, log.snapshot().labels) == (set(), {"a": "x"})


def test_a_label_taken_back_by_a_rejection_is_gone_and_the_item_closed() -> None:
    snapshot = log_of(Answered("a", "x"), Answered("a", None, action="reject")).snapshot()
    assert (snapshot.labels, snapshot.closed) == ({}, {"a"})


def test_a_skip_of_one_annotator_leaves_the_label_of_another() -> None:
    snapshot = log_of(Answered("a", "x", "ann"), Answered("a", None, "bob", "skip")).snapshot()
    assert (snapshot.labels, snapshot.closed) == ({"a": "x"}, set())


def test_a_withdrawn_answer_leaves_those_of_the_others_and_the_only_one_leaves_the_item_open() -> None:
    log = log_of(
        Answered("a", "x", "ann"), Answered("a", "y", "bob"), Withdrawn("a", "ann", 3), Withdrawn("a", "bob", 4)
    )
    assert [log.snapshot(at=at).labels for at in (4, 5, 6)] == [{"a": "x"}, {"a": "y"}, {}]
    assert (log.snapshot().answers, log.snapshot().closed) == ({}, frozenset())
    skipped = log_of(Answered("a", None, "ann", "skip"), Withdrawn("a", "ann", 3))
    assert [skipped.snapshot(at=at).closed for at in (3, 4)] == [{"a"}, set()]
    assert log_of(Drawn(("a",)), Answered("a", "x", "ann"), Withdrawn("a", "ann", 4)).snapshot().closed == {"a"}


def test_an_answered_audit_item_has_its_label_and_stays_closed() -> None:
    snapshot = log_of(Drawn(("a",)), Answered("a", "x")).snapshot()
    assert (snapshot.labels, snapshot.closed, snapshot.audit) == ({"a": "x"}, {"a"}, {"a"})


def test_a_later_declaration_replaces_the_labels() -> None:
    log = log_of(Declared("choice", ("x", "y", "z", "new")))
    assert log.snapshot().declared == ("x", "y", "z", "new")
    assert log.snapshot(at=2).declared == ("x", "y", "z")


def test_a_label_answer_without_a_label_is_refused_and_nothing_of_its_batch_is_kept() -> None:
    log = log_of()
    with pytest.raises(LabelError, match="'a' has no label"):
        log.append(Answered("b", "x"), Answered("a", None))
    assert len(log) == 2
    assert log.snapshot().labels == {}


@pytest.mark.parametrize("at", [-1, 4])
def test_a_position_that_the_log_does_not_have_is_refused(at: int) -> None:
    with pytest.raises(ConfigError, match="positions 0 to 2"):
        log_of().snapshot(at)


def test_an_empty_log_has_an_empty_snapshot() -> None:
    assert state(Log().snapshot()) == state(Snapshot.empty())
    assert len(Log().snapshot().items) == 0


def test_models_are_kept_in_the_order_of_their_publication() -> None:
    assert log_of(Published("m1", 3), Published("m2", 9)).snapshot().models == ("m1", "m2")


def test_a_renamed_label_has_its_new_name_in_labels_answers_and_declaration() -> None:
    log = log_of(Answered("a", "x", "ann"), Renamed("x", "new"))
    now = log.snapshot()
    assert (now.labels, now.declared, now.answers["a"]["ann"].label) == ({"a": "new"}, ("new", "y", "z"), "new")
    assert log.snapshot(at=3).labels == {"a": "x"}
    assert [event.label for event in log.events() if isinstance(event, Answered)] == ["x"]


def test_a_label_renamed_to_another_is_merged_with_it_and_the_votes_are_counted_again() -> None:
    votes = [Answered("a", label, who) for label, who in (("x", "ann"), ("y", "bob"), ("z", "cyd"))]
    assert log_of(*votes).snapshot().labels == {"a": "x"}
    merged = log_of(*votes, Renamed("z", "y")).snapshot()
    assert (merged.labels, merged.declared) == ({"a": "y"}, ("x", "y"))


@pytest.mark.parametrize(
    ("given", "now"),
    [
        (frozenset({"x", "y"}), frozenset({"y"})),
        (frozenset({"z"}), frozenset({"z"})),
        ((Span(0, 2, "x"), Span(0, 2, "y"), Span(2, 3, "x")), (Span(0, 2, "y"), Span(2, 3, "y"))),
        ((Span(0, 1, "x"), Span(0, 1, "xx")), (Span(0, 1, "xx"), Span(0, 1, "y"))),
        ((), ()),
    ],
)
def test_sets_shrink_and_equal_spans_become_one_when_labels_are_merged(given: Label, now: Label) -> None:
    assert log_of(Answered("a", given), Renamed("x", "y")).snapshot().labels == {"a": now}


def test_a_late_answer_under_an_old_name_counts_for_the_name_at_the_end_of_the_chain() -> None:
    log = log_of(Renamed("x", "new"), Renamed("new", "newer"), Answered("a", "x"), Answered("b", "new"))
    assert log.snapshot().labels == {"a": "newer", "b": "newer"}
    assert log.snapshot().renames == {"x": "newer", "new": "newer"}


def test_a_name_declared_again_is_a_label_of_its_own_from_there_on() -> None:
    before = (Answered("a", "x"), Renamed("x", "new"), Answered("b", "x"))
    log = log_of(*before, Declared("choice", ("new", "x")), Answered("c", "x"))
    assert log.snapshot().labels == {"a": "new", "b": "new", "c": "x"}
    assert log_of(*before, Declared("choice", ("new", "y")), Answered("c", "x")).snapshot().labels["c"] == "new"


def test_a_name_given_back_is_in_use_again() -> None:
    log = log_of(Answered("a", "x"), Renamed("x", "new"), Renamed("new", "x"), Answered("b", "new"), Answered("c", "x"))
    assert log.snapshot().labels == dict.fromkeys("abc", "x")
    assert log.snapshot().declared == ("x", "y", "z")


@given(histories)
def test_what_the_store_calls_an_answer_is_what_the_fold_calls_it(history: list[Event]) -> None:
    log = log_of(*history)
    placed = list(enumerate(log.events(), 1))
    names = NamesOfNow((at, event) for at, event in placed if isinstance(event, Declared | Renamed))
    last: dict[tuple[str, str], Label | None] = {}
    for at, event in placed:
        if isinstance(event, Answered):
            last[event.item, event.annotator] = names.of(event.label, at)
        elif isinstance(event, Withdrawn):
            last.pop((event.item, event.annotator), None)
    folded = {(item, who): one.label for item, by in log.snapshot().answers.items() for who, one in by.items()}
    assert folded == last


@pytest.mark.parametrize(("old", "new"), [("x", "x"), ("", "x"), ("x", "")])
def test_a_rename_to_nothing_or_to_the_same_name_is_refused(old: str, new: str) -> None:
    with pytest.raises(LabelError, match="renamed to another name"):
        Renamed(old, new)


def test_stages_follow_one_another_until_they_begin_anew_for_another_start() -> None:
    log = log_of(
        Embedded((), "minilm"), Embedded(("b", "a")), Embedded(("c", "a")), Embedded((), "lexical"), Embedded(("d",))
    )
    told = [(log.snapshot(at).stages, log.snapshot(at).start) for at in range(2, 8)]
    assert told == [
        (None, ""),
        ((), "minilm"),
        ((("b", "a"),), "minilm"),
        ((("b", "a"), ("c",)), "minilm"),
        ((), "lexical"),
        ((("d",),), "lexical"),
    ]


def test_an_answer_copies_no_stage_and_no_set_that_it_leaves_as_it_is() -> None:
    before = log_of(Drawn(("d",)), Embedded(("a", "b", "c"))).snapshot()
    after = before.apply([Answered("a", "x")])
    for name in ("stages", "audit", "closed", "pending", "items"):
        assert getattr(after, name) is getattr(before, name)


def test_later_batches_of_items_follow_the_earlier() -> None:
    log = log_of(Added(Items(["e"], ["eee"], gold=["x"])), Added(Items([], [])))
    assert list(log.snapshot().items.ids) == [*IDS, "e"]
    assert log.snapshot().items.gold == [None] * 4 + ["x"]


@pytest.mark.parametrize("batches", [[["a", "a"]], [["a"], ["b", "a"]]])
def test_an_id_that_stands_twice_is_refused(batches: list[list[str]]) -> None:
    with pytest.raises(DataError, match="'a' is already"):
        Log([Added(Items(batch, batch)) for batch in batches])


def test_one_batch_keeps_its_link_to_the_whole_that_it_was_cut_from() -> None:
    whole = Items(["a", "b", "c"], ["1", "2", "3"])
    part = whole.take(np.array([2, 0]))
    assert Log([Added(part)]).snapshot().items.base is whole
    assert joined([part, Items([], [])]).rows is part.rows


BEGUN = Begun("linear", "slow", "minilm", 0)


def test_a_slow_model_asks_from_the_comparison_that_it_wins_to_the_one_that_it_loses() -> None:
    log = log_of(Answered("a", "x"), BEGUN, Answered("b", "y"), Compared(4, True, 20))
    found = log.snapshot().slow
    assert found is not None
    assert found.begun == BEGUN
    assert (found.at.position, dict(found.at.labels)) == (4, {"a": "x"})  # what came later it has not learned from
    assert dict(log.snapshot().labels) == {"a": "x", "b": "y"}
    log.append(BEGUN, Compared(7, False, 20))
    assert log.snapshot().slow is None
    assert log.snapshot().compared == Compared(7, False, 20)


def test_a_comparison_of_another_slow_model_than_the_last_says_nothing() -> None:
    log = log_of(BEGUN, BEGUN, Compared(3, True, 20))
    assert log.snapshot().slow is None
    assert log.snapshot().compared is None


@pytest.mark.parametrize(
    "event", [Renamed("x", "w"), Declared("choice", ("x", "y", "z", "w")), Embedded((), "lexical")]
)
def test_a_slow_model_of_other_labels_or_another_start_asks_no_more(event: Event) -> None:
    log = log_of(BEGUN, Compared(3, True, 20))
    assert log.snapshot().slow is not None
    log.append(event)
    assert log.snapshot().slow is None
    assert log.snapshot().begun is None
    log.append(Compared(3, True, 20))  # it was on its way when the labels changed
    assert log.snapshot().slow is None


def test_declaring_the_same_labels_again_leaves_the_slow_model_in_force() -> None:
    log = log_of(BEGUN, Compared(3, True, 20), Declared("choice", ("x", "y", "z")), Embedded(("a",)))
    assert log.snapshot().slow is not None
