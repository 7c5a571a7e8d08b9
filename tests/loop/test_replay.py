"""A log as a service writes it, made again: its proposals hold what was shown, and a changed log is told."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tithe import Items, Recipe, propose
from tithe.log import Added, Answered, Asked, Declared, Drawn, Embedded, Event, Log, Published, Renamed
from tithe.loop import Workshop
from tithe.loop.replay import Replayed, replay
from tithe.store.sql import SQLStore, opened
from tithe.views import ViewStore

LATE = 3
"""Answers come this many questions late."""


class Service:
    """Asks as the service does: a queue by a round, each item logged when it is shown, answers behind it."""

    def __init__(self, project: Any, example: Any, workshop: Workshop) -> None:
        self.project, self.example, self.workshop = project, example, workshop
        self.names: dict[str, str] = {}
        self.open: list[tuple[str, int]] = []

    def asks(self, recipe: Recipe, many: int, *, seed: int = 0, n: int = 12) -> None:
        """Shows so many of a queue of n."""
        snapshot = self.project.snapshot()
        found = propose(snapshot, recipe, seed=seed, n=n, workshop=self.workshop)
        names = {"start": recipe.start, "trainer": str(recipe.trainer), "initial": str(recipe.initial_strategy)}
        for one in found.selection.ids[1 : many + 1]:  # the first is at somebody else's
            event = Asked((one,), str(recipe.strategy), seed, snapshot.position, n=n, **names)
            self.open.append((one, self.project.append(event)))
            if len(self.open) > LATE:
                self.answer(*self.open.pop(0))

    def answer(self, item: str, proposal: int) -> None:
        said = str(self.example.gold[item])
        self.project.append(Answered(item, self.names.get(said, said), proposal=proposal))


def recorded(project: Any, example: Any, workshop: Workshop) -> None:
    """A session of labelling: stages, changed settings, audit items, a picked item, a rename, late answers, undo."""
    ids = list(example.pool.ids)
    margin = Recipe(start="lexical", strategy="margin")
    project.append(Drawn(tuple(ids[:20])), Embedded((), start="lexical"))
    service = Service(project, example, workshop)
    service.asks(margin, 8, n=50)
    project.append(Asked((ids[0],), "audit", 0, len(project)), Answered(ids[0], example.gold[ids[0]]))
    project.append(Asked((ids[100],), "chosen", 0, len(project)), Answered(ids[100], example.gold[ids[100]]))
    project.append(Embedded(tuple(ids[::2])))
    service.asks(margin, 10)
    service.asks(replace(margin, strategy="auto"), 8, seed=4)
    project.append(Embedded(tuple(ids[1::2])))
    first, second, *_ = example.task.labels
    project.append(Renamed(first, "renamed"))  # answers go on under the old name
    service.asks(margin, 8)
    project.append(Renamed("renamed", second))
    service.names = {first: second}
    service.asks(replace(margin, trainer="sklearn(GaussianNB)", strategy="entropy"), 8)
    project.append(Published("f00d", 30, position=len(project), score=0.5))
    project.append(Declared("choice", (*project.snapshot().declared, "new")), Embedded((), start="lexical+minilm"))
    service.asks(replace(margin, start="lexical+minilm"), 5)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SQLStore]:
    with opened(f"sqlite:///{tmp_path}/tithe.sqlite") as store:
        yield store


@pytest.fixture
def project(store: SQLStore, example: Any, cache: Path) -> Any:
    project = store.create("p", "choice", example.task.labels)
    project.add([Items(list(example.pool.ids), list(example.pool.texts))])
    recorded(project, example, Workshop(ViewStore(cache)))
    return project


def strangers(found: Sequence[Replayed]) -> list[tuple[str, int]]:
    return [one for proposal in found for one in proposal.strangers]


def test_a_recorded_project_gives_the_same_questions_again(project: Any, cache: Path) -> None:
    for workshop in (Workshop(ViewStore(cache)), Workshop(ViewStore(None), warm=False)):
        found = replay(project, workshop=workshop)
        assert [(len(one.shown), one.n, one.recipe.strategy, one.seed) for one in found] == [
            (8, 50, "margin", 0),
            (10, 12, "margin", 0),
            (8, 12, "auto", 4),
            (8, 12, "margin", 0),
            (8, 12, "entropy", 0),
            (5, 12, "margin", 0),
        ]
        assert strangers(found) == []
    in_memory = Log(project.events())
    assert [one.proposed for one in replay(in_memory, workshop=Workshop(ViewStore(cache)))] == [
        one.proposed for one in found
    ]


def changed(events: Sequence[Event], kind: type[Event], number: int, **more: Any) -> Log:
    """The log with the event of this kind and number changed."""
    at = [place for place, event in enumerate(events) if isinstance(event, kind)][number]
    return Log([*events[:at], replace(events[at], **more), *events[at + 1 :]])


def test_a_log_that_was_changed_is_told(project: Any, example: Any, cache: Path) -> None:
    events = project.events()
    one = example.pool.ids[30]
    tampered = {
        "another item shown": changed(events, Asked, 12, ids=(example.pool.ids[3],)),
        "another seed": changed(events, Asked, 2, seed=99),
        "another recipe": changed(events, Asked, 22, strategy="random"),
        "another answer": changed(events, Answered, 4, label="new"),
        "an answer more": Log([*events[:10], Answered(one, example.gold[one]), *events[10:]]),
        "another stage": changed(events, Embedded, 1, ids=tuple(example.pool.ids[::3])),
    }
    for what, log in tampered.items():
        assert strangers(replay(log, workshop=Workshop(ViewStore(cache)))), what


def test_what_cannot_be_made_again_is_told_with_the_reason(project: Any, cache: Path) -> None:
    events = project.events()
    unknown = replay(changed(events, Asked, 2, strategy="margn"), workshop=Workshop(ViewStore(cache)))
    (wrong,) = (one for one in unknown if one.strangers)
    assert "did you mean 'margin'" in wrong.trouble
    moved = replay(changed(events, Asked, 2, position=999), workshop=Workshop(ViewStore(cache)))
    (wrong,) = (one for one in moved if one.trouble)
    assert "position 999, which is not before it was shown" in wrong.trouble


def test_questions_logged_without_their_number_are_left_out(example: Any) -> None:
    ids = list(example.pool.ids)
    log = Log([Declared("choice", example.task.labels), Added(Items(ids, ids)), Asked((ids[0],), "random", 0, 2)])
    assert replay(log) == []
