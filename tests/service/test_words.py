"""Labels as JSON, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from tithe.errors import LabelError
from tithe.service.words import label_in, label_out
from tithe.tasks.choice import Choice
from tithe.tasks.multilabel import MultiLabel
from tithe.tasks.spans import Spans
from tithe.types import Label, Span

CHOICE, SETS, SPANS = Choice(("a", "b")), MultiLabel(("a", "b")), Spans(("a", "b"))


@pytest.mark.parametrize(
    ("task", "label"),
    [(CHOICE, "a"), (SETS, frozenset({"a", "b"})), (SETS, frozenset()), (SPANS, (Span(0, 2, "a"),)), (SPANS, ())],
)
def test_a_label_survives_json(task: Any, label: Label) -> None:
    assert label_in(task, label_out(label)) == label


@pytest.mark.parametrize(
    ("task", "said"),
    [
        (CHOICE, ["a"]),
        (CHOICE, "c"),
        (CHOICE, None),
        (CHOICE, 1),
        (SETS, "a"),
        (SETS, ["c"]),
        (SETS, [1]),
        (SETS, {"a": 1}),
        (SPANS, "a"),
        (SPANS, ["a"]),
        (SPANS, [{"start": 0, "end": 2}]),
        (SPANS, [{"start": 0.0, "end": 2, "label": "a"}]),
        (SPANS, [{"start": True, "end": 2, "label": "a"}]),
        (SPANS, [{"start": 2, "end": 2, "label": "a"}]),
        (SPANS, [{"start": -1, "end": 2, "label": "a"}]),
        (SPANS, [{"start": 0, "end": 2, "label": "c"}]),
    ],
)
def test_what_is_no_label_of_the_task_is_refused(task: Any, said: Any) -> None:
    with pytest.raises(LabelError):
        label_in(task, said)


def test_a_name_that_was_given_up_means_the_one_of_now() -> None:
    assert label_in(CHOICE, "old", {"old": "a"}) == "a"
    assert label_in(SETS, ["old", "a"], {"old": "a"}) == frozenset({"a"})
