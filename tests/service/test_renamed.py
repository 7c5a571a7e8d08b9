"""Answers from pages that were open while a label was renamed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tithe.errors import ConflictError, LabelError
from tithe.log import Answered
from tithe.service import founding
from tithe.service.live import Live
from tithe.store import open_store
from tithe.tasks import Task
from tithe.tasks.choice import Choice
from tithe.tasks.spans import Spans
from tithe.types import Items, Span


@pytest.fixture
def serve(tmp_path: Path) -> Callable[[Task], Live]:
    """A project of two items; its background work is not started."""

    def made(task: Task) -> Live:
        url = f"sqlite:///{tmp_path}/tithe.sqlite"
        project = founding.found(open_store(url), "p", task, Items(["a", "b"], ["one two", "three"]))
        return Live(project, url=url, folder=tmp_path, cache=tmp_path / "cache")

    return made


def test_an_answer_sent_again_after_a_rename_is_the_same_answer(serve: Callable[[Task], Live]) -> None:
    live = serve(Choice(("x", "y")))
    number = live.submit(Answered("a", "x", "me"), "k")
    live.rename("x", "z")
    assert live.submit(Answered("a", "x", "me"), "k") == number
    with pytest.raises(ConflictError):
        live.submit(Answered("a", "y", "me"), "k")
    live.submit(Answered("b", "x", "me"), "late")
    assert live.project.snapshot().labels == {"a": "z", "b": "z"}
    with pytest.raises(LabelError):
        live.submit(Answered("b", "never", "me"))


def test_spans_of_a_renamed_label_are_checked_and_kept(serve: Callable[[Task], Live]) -> None:
    live = serve(Spans(("x", "y")))
    spans = (Span(4, 7, "x"), Span(0, 3, "y"))
    number = live.submit(Answered("a", spans, "me"), "k")
    live.rename("x", "z")
    assert live.submit(Answered("a", spans, "me"), "k") == number
    assert live.project.snapshot().labels == {"a": (Span(0, 3, "y"), Span(4, 7, "z"))}
    with pytest.raises(LabelError):
        live.submit(Answered("a", (Span(4, 99, "x"),), "me"))
