"""Label Studio's JSON: what its offsets count, who answered, and what is left out is told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tithe.data import format_for, write_rows
from tithe.data.reading import read_answers, read_items
from tithe.errors import ConfigError, DataError
from tithe.types import Span

Row = dict[str, Any]


def region(start: int, end: int, text: str | None, *labels: str, name: str = "label") -> Row:
    said = {"start": start, "end": end, "labels": list(labels or ("LOC",))}
    value = said if text is None else said | {"text": text}
    return {"id": "a", "from_name": name, "to_name": "text", "type": "labels", "origin": "manual", "value": value}


def choice(*labels: str, name: str = "topic") -> Row:
    return {"id": "b", "from_name": name, "to_name": "text", "type": "choices", "value": {"choices": list(labels)}}


def task(text: str, *results: Row, **more: Any) -> Row:
    annotation = {"id": 1, "completed_by": 7, "result": list(results), "was_cancelled": False, "lead_time": 4.5}
    return {"id": 1, "data": {"text": text}, "annotations": [annotation], **more}


def written(folder: Path, *tasks: Row) -> Path:
    for number, one in enumerate(tasks, 1):
        one["id"] = number
    (folder / "in.json").write_text(json.dumps(list(tasks)), encoding="utf-8")
    return folder / "in.json"


def spans(path: Path, **options: Any) -> tuple[list[Any], str]:
    items = read_items(path, task="spans", **options)
    return list(items.gold or []), "; ".join(items.notes)


def test_a_json_file_is_found_by_its_content(tmp_path: Path) -> None:
    path = written(tmp_path, task("A trip to Berlin", choice("travel")), task("Cheap loans", choice("spam")))
    items = read_items(path)
    assert (list(items.ids), items.gold) == (["1", "2"], ["travel", "spam"])
    assert read_items(path, task="multilabel").gold == [frozenset({"travel"}), frozenset({"spam"})]
    (tmp_path / "other.json").write_text('[{"text": "a", "label": "b"}]')
    with pytest.raises(DataError, match=r"entry 1: not a task of Label Studio.*name the file's format with --format"):
        read_items(tmp_path / "other.json")


def test_offsets_are_code_points_where_the_texts_say_so(tmp_path: Path) -> None:
    path = written(tmp_path, task("👍🏿 Berlin", region(3, 9, "Berlin", "CITY")))
    assert spans(path) == ([(Span(3, 9, "CITY"),)], "")


def test_offsets_are_utf16_units_where_the_texts_say_so(tmp_path: Path) -> None:
    path = written(tmp_path, task("👍🏿 Berlin", region(5, 11, "Berlin")), task("Rome", region(0, 4, "Rome")))
    gold, notes = spans(path)
    assert gold == [(Span(3, 9, "LOC"),), (Span(0, 4, "LOC"),)]
    assert "offsets of 1 regions count UTF-16 units" in notes


@pytest.mark.parametrize(("known", "expected"), [((5, 11), Span(3, 7, "LOC")), ((3, 9), Span(5, 9, "LOC"))])
def test_a_region_without_a_text_counts_as_the_others_do(
    tmp_path: Path, known: tuple[int, int], expected: Span
) -> None:
    path = written(tmp_path, task("👍🏿 Berlin", region(*known, "Berlin")), task("👍🏿 Rome, too", region(5, 9, None)))
    gold, notes = spans(path)
    assert gold[1] == (expected,)
    assert "1 regions have no text to compare the offsets with" in notes
    assert "1 regions behind emoji or the like fit both ways of counting" in notes
    assert "as the other regions show" in notes


def test_without_any_evidence_offsets_are_code_points_and_that_is_told(tmp_path: Path) -> None:
    gold, notes = spans(written(tmp_path, task("👍🏿 Rome, too", region(5, 9, None))))
    assert gold == [(Span(5, 9, "LOC"),)]
    assert "taken as code points, which nothing in the file shows" in notes


@pytest.mark.parametrize(
    ("text", "start", "end", "said"),
    [
        ("New  York is big", 0, 9, "New York"),
        ("New\nYork is big", 0, 8, "New\\nYork"),
        ("Zoe\u0308 lives", 0, 4, "Zo\xeb"),
    ],
)
def test_blanks_and_composed_characters_may_differ(tmp_path: Path, text: str, start: int, end: int, said: str) -> None:
    gold, notes = spans(written(tmp_path, task(text, region(start, end, said))))
    assert gold == [(Span(start, end, "LOC"),)]
    assert "but for blanks or composed characters" in notes


@pytest.mark.parametrize(("start", "end"), [(1, 7), (0, 99), (6, 6), (9, 3), (-1, 5)])
def test_a_region_that_is_not_its_text_is_an_error_or_left_out_by_flag(tmp_path: Path, start: int, end: int) -> None:
    path = written(tmp_path, task("Berlin, city", region(start, end, "Berlin"), region(8, 12, "city")))
    with pytest.raises(DataError, match=rf"entry 1: the region {start} to {end} says 'Berlin'.*misfit=skip"):
        spans(path)
    gold, notes = spans(path, format="label-studio(misfit=skip)")
    assert gold == [(Span(8, 12, "LOC"),)]
    assert "1 regions are left out: their text is not that of their offsets" in notes


def test_right_to_left_and_cjk_texts(tmp_path: Path) -> None:
    path = written(tmp_path, task("שלום עולם", region(5, 9, "עולם")), task("我爱北京", region(2, 4, "北京")))
    assert spans(path)[0] == [(Span(5, 9, "LOC"),), (Span(2, 4, "LOC"),)]


def test_a_cancelled_annotation_is_a_skip_and_several_people_vote(tmp_path: Path) -> None:
    one = task("A trip", choice("travel"))
    one["annotations"] += [
        {"completed_by": {"id": 8, "email": "ben@x.org"}, "result": [choice("spam")]},
        {"completed_by": 9, "result": [choice("spam")], "created_at": "2026-01-02T03:04:05Z"},
        {"completed_by": 10, "result": [], "was_cancelled": True},
    ]
    path = written(tmp_path, one, task("untouched", annotations=[]))
    items, given = read_answers(path, task="choice")
    assert items.gold == ["spam", None]
    assert [(one.annotator, one.action, one.label) for one in given] == [
        ("7", "label", "travel"),
        ("ben@x.org", "label", "spam"),
        ("9", "label", "spam"),
        ("10", "skip", None),
    ]
    assert (given[0].seconds, given[2].at) == (4.5, "2026-01-02T03:04:05Z")
    assert list(read_items(path, require_label=True).ids) == ["1"]


def test_an_empty_result_says_that_nothing_applies(tmp_path: Path) -> None:
    path = written(tmp_path, task("Berlin", region(0, 6, "Berlin")), task("nothing"), task("new", annotations=[]))
    assert spans(path)[0] == [(Span(0, 6, "LOC"),), (), None]


def test_predictions_drafts_and_other_types_are_counted_not_read(tmp_path: Path) -> None:
    other = {"type": "relation", "value": {}, "from_name": "r"}
    more = {"predictions": [{"result": [choice("spam")]}], "drafts": [{"result": []}]}
    items = read_items(written(tmp_path, task("a", choice("x"), other, {"type": "choices"}, **more)))
    assert items.gold == ["x"]
    notes = "; ".join(items.notes)
    for said in (
        "1 predictions are a model's",
        "1 drafts",
        "1 results of the type 'relation'",
        "1 results have no value",
    ):
        assert said in notes


def test_several_questions_need_a_name(tmp_path: Path) -> None:
    path = written(tmp_path, task("a", choice("x"), choice("y", name="tone")))
    with pytest.raises(ConfigError, match=r"several questions of the type 'choices': tone, topic.*label-studio\(name="):
        read_items(path)
    assert read_items(path, format="label-studio(name=tone)").gold == ["y"]
    with pytest.raises(ConfigError, match="did you mean 'tone'"):
        read_items(path, format="label-studio(name=ton)")


def test_the_text_may_have_another_name(tmp_path: Path) -> None:
    one = {"data": {"review": "in Berlin"}, "annotations": [{"result": [region(3, 9, "Berlin")]}]}
    assert spans(written(tmp_path, one))[0] == [(Span(3, 9, "LOC"),)]
    one["data"] |= {"title": "Berlin in"}
    with pytest.raises(DataError, match=r"which data is the text is not clear.*label-studio\(text=KEY\)"):
        spans(written(tmp_path, one))
    assert spans(written(tmp_path, one), format="label-studio(text=review)")[0] == [(Span(3, 9, "LOC"),)]
    one["annotations"][0]["result"] = [choice("x")]
    assert list(read_items(written(tmp_path, one), text="title").texts) == ["Berlin in"]


def test_an_id_in_the_data_is_kept_where_all_have_their_own(tmp_path: Path) -> None:
    tasks = [task("a", choice("x")), task("b", choice("y"))]
    for one, id in zip(tasks, ("k1", "k2"), strict=True):
        one["data"]["id"] = id
    assert list(read_items(written(tmp_path, *tasks)).ids) == ["k1", "k2"]
    tasks[1]["data"]["id"] = "k1"
    assert list(read_items(written(tmp_path, *tasks)).ids) == ["1", "2"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[{", "line 1: not JSON"),
        ("[1]", "entry 1: a int, not an object"),
        ("[]", "has no rows"),
        ('[{"data": {"text": "a"}, "annotations": [3]}]', "the annotation 3 is no object"),
        ('[{"data": {"text": "a"}, "annotations": [{"result": "x"}]}]', "is 'x', not a list"),
        ('[{"data": {"text": "a"}, "annotations": {"a": 1}}]', "not a task of Label Studio"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "in.json").write_text(content)
    with pytest.raises(DataError, match=message):
        read_items(tmp_path / "in.json")


def test_what_is_written_is_a_task_as_label_studio_imports_it(tmp_path: Path) -> None:
    rows = {
        "id": ["x", "x", "y"],
        "text": ["in 👍🏿 Berlin", "in 👍🏿 Berlin", "no"],
        "spans": [[{"start": 6, "end": 12, "label": "LOC"}], [], None],
        "annotator": ["5", "anna", "anna"],
        "action": ["label", "label", "reject"],
    }
    notes = write_rows(tmp_path / "out.json", rows)
    tasks = json.loads((tmp_path / "out.json").read_text("utf-8"))
    assert [one["data"] for one in tasks] == [{"text": "in 👍🏿 Berlin", "id": "x"}, {"text": "no", "id": "y"}]
    first = tasks[0]["annotations"]
    assert first[0]["completed_by"] == 5
    assert "completed_by" not in first[1], "Label Studio refuses users that it does not know"
    value = first[0]["result"][0]["value"]
    assert value == {"start": 6, "end": 12, "text": "Berlin", "labels": ["LOC"]}
    assert tasks[1]["annotations"][0]["was_cancelled"] is True
    assert "rejected items, written as skipped (Label Studio has no rejection): 1" in notes


def test_the_format_of_a_name(tmp_path: Path) -> None:
    assert format_for(tmp_path / "a.json") is format_for(tmp_path, "label-studio")
