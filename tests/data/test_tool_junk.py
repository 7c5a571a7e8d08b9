"""Files of annotation tools with anything in any place: read, or refused in one line, never a traceback."""

from __future__ import annotations

import copy
import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tithe.data.reading import read_answers
from tithe.errors import TitheError

JUNK = st.sampled_from(
    [None, True, 3, -1, 1.5, "", "x", "👍🏿", [], {}, [[1]], [None], ["a", 2], {"start": 0}, {"text": "a"}, "\ud83d"]
)
SPAN = {"start": 0, "end": 2, "text": "ab", "labels": ["X"], "label": "X"}
WHOLE: dict[str, list[dict[str, Any]]] = {
    "label-studio": [
        {
            "id": 1,
            "data": {"text": "ab 👍🏿 c", "id": "k"},
            "annotations": [
                {
                    "completed_by": {"id": 2},
                    "was_cancelled": False,
                    "lead_time": 2.5,
                    "created_at": "2026-01-01T00:00:00Z",
                    "result": [
                        {"type": "labels", "from_name": "label", "value": SPAN},
                        {"type": "choices", "from_name": "choice", "value": {"choices": ["a"]}},
                    ],
                }
            ],
            "predictions": [{"result": []}],
        },
        {"id": 2, "data": {"text": "two"}, "annotations": []},
    ],
    "doccano": [
        {"id": 1, "text": "ab c", "label": [[0, 2, "X"]], "Comments": ["why"], "annotator": "anna"},
        {"id": 2, "text": "ab", "entities": [{"start_offset": 0, "end_offset": 1, "label": "X"}], "cats": ["a"]},
    ],
    "prodigy": [
        {"text": "ab c", "spans": [SPAN], "tokens": [{"start": 0, "end": 2}], "answer": "accept", "_session_id": "a"},
        {"text": "ab c", "options": [{"id": "a"}], "accept": ["a"], "answer": "accept", "_timestamp": 1_700_000_000},
        {"text": "d", "label": "X", "answer": "reject"},
    ],
    "crowd": [{"task": "1", "worker": "w", "label": "a", "text": "ab"}, {"task": "1", "worker": "v", "label": "b"}],
}


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The paths of all that is inside a value."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [place for key, one in inside for place in [(*path, key), *places(one, (*path, key))]]


@pytest.mark.parametrize("format", WHOLE)
@given(data=st.data(), task=st.sampled_from(["choice", "multilabel", "spans"]))
@settings(max_examples=120, deadline=None)
def test_anything_is_read_or_refused_in_a_line(format: str, data: st.DataObject, task: str) -> None:
    rows = copy.deepcopy(WHOLE[format])
    for _ in range(data.draw(st.integers(1, 2))):
        *way, last = data.draw(st.sampled_from(places(rows)))
        inside: Any = rows
        for step in way:
            inside = inside[step]
        if isinstance(inside, dict) and data.draw(st.booleans()):
            del inside[last]
        else:
            inside[last] = copy.deepcopy(data.draw(JUNK))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "in.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        try:
            items, given = read_answers(path, task=task, format=format)
        except TitheError as error:
            said = str(error)
        else:
            assert {one.item for one in given} <= set(items.ids)
            said = ""
    assert "\n" not in said
