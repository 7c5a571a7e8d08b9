"""Rounds of a project whose views become ready in stages: each sees the items of the stages so far, and no others."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tithe import Items, Recipe, propose
from tithe.errors import UnknownItemError
from tithe.log import Added, Answered, Asked, Declared, Drawn, Embedded, Event, Log, Snapshot
from tithe.loop import Workshop
from tithe.loop import workshop as workshop_module
from tithe.loop.record import record_of
from tithe.loop.workshop import stage_of
from tithe.stopping import Record
from tithe.stopping.settling import Stabilising
from tithe.views import ViewStore

LEXICAL = Recipe(start="lexical", strategy="margin")
BEGIN = Embedded((), start="lexical")


def log_of(example: Any, *more: Event, labelled: int = 0) -> Log:
    ids = list(example.pool.ids)
    answers = [Answered(one, example.gold[one]) for one in ids[:labelled]]
    return Log([Declared("choice", example.task.labels), Added(Items(ids, example.pool.texts)), *answers, *more])


def ids(snapshot: Snapshot, recipe: Recipe = LEXICAL, n: int = 7, **more: Any) -> tuple[str, ...]:
    return propose(snapshot, recipe, seed=0, n=n, **more).selection.ids


def halves(example: Any) -> tuple[tuple[str, ...], tuple[str, ...]]:
    everyone = tuple(example.pool.ids)
    return everyone[::2], everyone[1::2]


@pytest.mark.parametrize("labelled", [0, 60])
def test_one_stage_of_all_items_is_a_round_without_stages(example: Any, labelled: int) -> None:
    plain, staged = (
        propose(log_of(example, *more, labelled=labelled).snapshot(), LEXICAL, seed=3, n=9)
        for more in ((), (BEGIN, Embedded(tuple(example.pool.ids))))
    )
    assert staged.selection == plain.selection
    assert (staged.model and staged.model.fingerprint) == (plain.model and plain.model.fingerprint)


def test_a_round_asks_of_the_stages_so_far_alone_and_trains_on_their_labels(example: Any) -> None:
    first, second = halves(example)
    log = log_of(example, BEGIN, Embedded(first), labelled=80)
    found = propose(log.snapshot(), LEXICAL, seed=0, n=500)
    assert list(found.pool.ids) == list(first)
    assert found.pool.answers.keys() == {*first} & {*example.pool.ids[:80]}
    assert {*found.selection.ids} == {*first} - {*example.pool.ids[:80]}
    log.append(Embedded(second))
    found = propose(log.snapshot(), LEXICAL, seed=0, n=500)
    assert list(found.pool.ids) == [*first, *second]
    assert found.pool.answers == {one: example.gold[one] for one in example.pool.ids[:80]}
    assert {*found.selection.ids} == {*example.pool.ids[80:]}, "labelled items are never asked again"


def test_pending_closed_and_audit_items_outside_of_the_window_are_no_obstacle(example: Any) -> None:
    first, second = halves(example)
    log = log_of(
        example,
        Drawn((*second[:5], *first[-5:])),
        BEGIN,
        Asked((second[10], first[40]), "random", 0, 2),
        Answered(second[20], None, action="skip"),
        Answered(first[41], None, action="reject"),
        Answered(second[0], example.gold[second[0]]),
    )
    gone = {*second[:5], *first[-5:], second[10], first[40], second[20], first[41]}
    assert {*ids(log.snapshot(), n=500)} == {*example.pool.ids} - gone
    log.append(Embedded(first))
    assert {*ids(log.snapshot(), n=500)} == {*first} - gone
    log.append(Embedded(second))
    assert {*ids(log.snapshot(), n=500)} == {*example.pool.ids} - gone


def test_the_same_window_gives_the_same_ids_whatever_the_caches(example: Any, cache: Path) -> None:
    first, second = halves(example)
    log = log_of(example, BEGIN, Embedded(first), Embedded(second), labelled=50)
    recipe = Recipe(start="lexical", strategy="auto")
    used = Workshop(ViewStore(cache))
    seen = {at: ids(log.snapshot(at), recipe, workshop=used) for at in (len(log) - 2, len(log) - 1, len(log), 40)}
    for at, wanted in seen.items():
        assert ids(log.snapshot(at), recipe, workshop=Workshop(ViewStore(None))) == wanted
        assert ids(log.snapshot(at), recipe, workshop=used) == wanted


class Counting:
    """A start whose rows are the lengths of the texts, and which counts what it computes."""

    provides = frozenset({"embeddings"})
    fingerprint = "lengths"

    def __init__(self, store: ViewStore) -> None:
        self.store, self.computed = store, list[str]()

    def view(self, name: str, items: Items) -> Any:
        return self.store.get(items, self.fingerprint, name, self._rows)

    def save(self, into: Path) -> dict[str, Any]:
        return {}

    def _rows(self, items: Items) -> Any:
        self.computed.extend(items.ids)
        return np.array([[len(text), len(text) % 7] for text in items.texts], np.float32)


def test_a_further_stage_and_further_items_compute_only_what_is_new(example: Any, tmp_path: Path) -> None:
    first, second = halves(example)
    workshop = Workshop(ViewStore(tmp_path))
    start = workshop.given["counting"] = Counting(workshop.store)
    recipe = Recipe(start="counting", strategy="k_center", initial_strategy="k_center")
    log = log_of(example, BEGIN, Embedded(first))
    start.view("embeddings", stage_of(log.snapshot().items, second))  # what the service's embedder does ahead
    for more in ((), (Embedded(second),), (Added(Items(["new"], ["a new one"])),), (Embedded(("new",)),)):
        log.append(*more)
        ids(log.snapshot(), recipe, workshop=workshop)
    assert sorted(start.computed) == sorted([*example.pool.ids, "new"])


def test_a_start_learns_from_the_first_stages_so_that_a_later_one_costs_its_own_items(
    example: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workshop_module, "ENOUGH", 100)
    told: list[tuple[int, int]] = []
    workshop = Workshop(ViewStore(None), tell=lambda what, done, total: told.append((done, total)))
    everyone, log, starts = tuple(example.pool.ids), log_of(example, BEGIN, labelled=40), []
    for stage, rows in ((slice(0, 60), [60]), (slice(60, 120), [60, 120]), (slice(120, 240), [240])):
        log.append(Embedded(everyone[stage]))
        told.clear()
        found = propose(log.snapshot(), LEXICAL, seed=0, n=5, workshop=workshop)
        assert found.model is not None
        starts.append(found.model.start.fingerprint)
        assert [done for done, _ in told] == rows, "the third stage alone is counted"
    assert starts[0] != starts[1] == starts[2]
    assert [one for one, _ in workshop._starts] == ["lexical"], "earlier starts are gone"


def test_an_unknown_id_in_a_stage_is_told(example: Any) -> None:
    with pytest.raises(UnknownItemError, match="no item 'nowhere'"):
        ids(log_of(example, BEGIN, Embedded(("nowhere",))).snapshot())


# --- before the first stage


@pytest.mark.parametrize(
    ("initial", "said"),
    [
        ("random", "a random draw"),
        ("typiclust", "a random draw"),
        ("mix(random=1.0)", r"'mix\(random=1.0\)' chooses"),
    ],
)
def test_before_the_first_stage_all_items_are_drawn_from(example: Any, initial: str, said: str) -> None:
    log = log_of(example, BEGIN, labelled=60)
    recipe = Recipe(start="lexical", strategy="margin", initial_strategy=initial)
    found = propose(log.snapshot(), recipe, seed=0, n=500)
    assert found.model is None
    assert {*found.selection.ids} == {*example.pool.ids[60:]}
    assert re.search(said, found.cold)


def test_stages_that_begin_anew_leave_a_draw_until_the_first_is_ready(example: Any) -> None:
    log = log_of(example, BEGIN, Embedded(tuple(example.pool.ids)), Embedded((), start="minilm"), labelled=60)
    assert "nothing is embedded yet" in propose(log.snapshot(), LEXICAL, seed=0, n=5).cold
    assert propose(log.snapshot(len(log) - 1), LEXICAL, seed=0, n=5).cold == ""


def test_labels_that_wait_for_their_stage_are_told(example: Any) -> None:
    first, _ = halves(example)
    log = log_of(example, BEGIN, Embedded(first), Answered(example.pool.ids[1], "x"))
    cold = propose(log.snapshot(), LEXICAL, seed=0).cold
    assert cold.endswith("there are none; 1 of the labelled items are not embedded yet")


def test_the_first_question_needs_neither_torch_nor_sklearn() -> None:
    source = """
import sys
from tithe.log import Added, Declared, Embedded, Log
from tithe.loop.propose import Recipe, propose
from tithe.types import Items
ids = [str(n) for n in range(500)]
log = Log([Declared("choice", ("a", "b")), Added(Items(ids, ids)), Embedded((), start="minilm+lexical")])
assert len(propose(log.snapshot(), Recipe(), seed=0, n=50).selection) == 50
print(sorted({"torch", "sklearn", "scipy", "transformers"} & {*sys.modules}))
"""
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=False)
    assert (done.stdout.strip(), done.stderr) == ("[]", "")


# --- records


def test_all_labels_are_paid_for_and_not_those_of_the_window_alone(example: Any) -> None:
    first, _ = halves(example)
    log = log_of(example, BEGIN, Embedded(first), labelled=80)
    log.append(Answered(example.pool.ids[1], example.gold[example.pool.ids[1]], "bob"))
    for snapshot in (log.snapshot(), log.snapshot(len(log) - 2)):  # with a stage, and before the first
        found = propose(snapshot, LEXICAL, seed=0)
        assert record_of(found, snapshot, 0, watched=True).labelled == 80
    assert record_of(propose(log.snapshot(), LEXICAL, seed=0), log.snapshot(), 0, watched=True).cost == 81


def test_predictions_on_stop_sets_of_different_windows_are_not_compared(example: Any) -> None:
    first, second = halves(example)
    log = log_of(example, BEGIN, Embedded(first), labelled=100)
    records: list[Record] = []
    for more in ((), (), (Embedded(second),), (), ()):
        log.append(*more)
        snapshot = log.snapshot()
        records.append(record_of(propose(snapshot, LEXICAL, seed=0), snapshot, 0, watched=True))
    rule = Stabilising(window=1)
    told = [rule(records[: end + 1]) is not None for end in range(len(records))]
    assert told == [False, True, False, True, True], "a window that grew says nothing of how settled they are"
