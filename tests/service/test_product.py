"""What goes out: every answer, or every item once, marked and readable again."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from tithe.data.reading import read_items
from tithe.errors import DataError
from tithe.log import Answered
from tithe.service.product import export
from tithe.store.answers import Annotation
from tithe.types import Items, Label, Span

TEXTS = ["=1+1 is two", "two  blanks 👍🏿", "שלום, world", "e\u0301te\u0301"]
ITEMS = Items(list("abcd"), TEXTS)
TABLES = ("csv", "tsv", "jsonl", "parquet", "xlsx")


def answers(*given: Answered, replaced: tuple[int, ...] = ()) -> list[Annotation]:
    """The annotations of these answers, at positions from 10 on."""
    return [
        Annotation(at, 1_700_000_000.0 + at, one, ITEMS.texts["abcd".index(one.item)], at not in replaced)
        for at, one in enumerate(given, 10)
    ]


def rows_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


GIVEN = answers(
    Answered("a", "x", "anna", seconds=1.5),
    Answered("a", "y", "anna", replaces=10, flagged=True, comment="@home"),
    Answered("b", None, "ben", "skip"),
    Answered("c", "y", "anna"),
    Answered("c", "x", "ben"),
    replaced=(10,),
)


def test_a_row_of_jsonl_is_an_annotation(tmp_path: Path) -> None:
    done = export(GIVEN, ITEMS, "choice", into=tmp_path / "a.jsonl", audit=["b"])
    rows = rows_of(done.path)
    assert done.rows == len(rows) == 5
    assert rows[1] == {
        "id": "a",
        "text": "=1+1 is two",
        "label": "y",
        "by": "person",
        "confidence": 1.0,
        "annotator": "anna",
        "action": "label",
        "at": "2023-11-14T22:13:31.000Z",
        "seconds": 0.0,
        "flagged": True,
        "comment": "@home",
        "audit": False,
        "standing": True,
        "replaces": 10,
        "number": 11,
    }
    assert [row["standing"] for row in rows] == [False, True, True, True, True]
    assert [row["audit"] for row in rows] == [False, False, True, False, False]


@pytest.mark.parametrize("suffix", TABLES)
def test_the_answers_come_back_as_items_with_the_label_that_stands(tmp_path: Path, suffix: str) -> None:
    done = export(GIVEN, ITEMS, "choice", into=tmp_path / f"a.{suffix}")
    items = read_items(done.path)
    assert (list(items.ids), list(items.texts)) == (list("abc"), TEXTS[:3])
    assert items.gold == ["y", None, "y"], "the earliest of two that are equally frequent"


@pytest.mark.parametrize("suffix", TABLES)
@pytest.mark.parametrize(
    ("task", "labels"),
    [
        ("choice", ["x", "=x", "a;b", "-1"]),
        ("multilabel", [frozenset({"x", "a;b"}), frozenset(), frozenset({"[x]"}), frozenset({"y"})]),
        ("spans", [(Span(0, 1, "A"), Span(0, 4, "B;C")), (), (Span(9, 11, "A"),), (Span(2, 4, "=A"),)]),
    ],
)
def test_labels_of_each_task_come_back(tmp_path: Path, suffix: str, task: str, labels: list[Label]) -> None:
    given = answers(*(Answered(one, label) for one, label in zip("abcd", labels, strict=True)))
    items = read_items(export(given, ITEMS, task, into=tmp_path / f"a.{suffix}").path, task=task)
    assert items.gold == labels
    assert list(items.texts) == TEXTS


def test_with_predictions_every_item_stands_once_and_says_who_labelled_it(tmp_path: Path) -> None:
    guess: dict[str, tuple[Label, float]] = {"a": ("x", 0.9), "b": ("x", 0.75)}
    done = export(GIVEN, ITEMS, "choice", into=tmp_path / "a.jsonl", predictions=guess)
    rows = [(row["id"], row["label"], row["by"], row["confidence"], row["annotator"]) for row in rows_of(done.path)]
    assert rows == [
        ("a", "y", "person", 1.0, "anna"),
        ("b", "x", "model", 0.75, "ben"),
        ("c", "y", "person", 1.0, "anna"),
        ("d", None, None, None, ""),
    ]
    assert done.notes[0] == "labels by people: 2, by the model: 1 (column 'by')"
    assert done.notes[1].startswith("items without a label: 1")
    assert "1 of 4 labels are a model's" in " ".join(read_items(done.path).notes)


def test_a_vote_of_three_gives_the_label(tmp_path: Path) -> None:
    given = answers(Answered("a", "x", "1"), Answered("a", "y", "2"), Answered("a", "y", "3"))
    done = export(given, ITEMS, "choice", into=tmp_path / "a.jsonl", predictions={})
    assert (rows_of(done.path)[0]["label"], rows_of(done.path)[0]["annotator"]) == ("y", "2")


def test_a_person_corrects_a_label_of_the_file(tmp_path: Path) -> None:
    given = answers(Answered("a", "x", "file"), Answered("a", "y", "me"), Answered("b", "x", "file"))
    done = export(given, ITEMS, "choice", into=tmp_path / "whole.jsonl", predictions={})
    whole = [(row["label"], row["annotator"]) for row in rows_of(done.path)[:2]]
    assert whole == [("y", "me"), ("x", "file")]
    every = export(given, ITEMS, "choice", into=tmp_path / "every.jsonl").path
    assert read_items(every).gold == ["y", "x"]


def test_what_a_spreadsheet_would_run_is_behind_an_apostrophe_and_comes_back(tmp_path: Path) -> None:
    evil = ["=1+1", "+1", "-1", "@x", "\tx", "\rx", "\nx", "  =1", "\u3000＝1", "\ufeff=1", "'=1", "＠x", "plain"]
    items = Items([f"={at}" for at in range(len(evil))], evil)
    given = [Annotation(at, 0.0, Answered(items.ids[at], "x"), text, True) for at, text in enumerate(evil)]
    for suffix in ("csv", "tsv"):
        done = export(given, items, "choice", into=tmp_path / f"a.{suffix}")
        with done.path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file, delimiter="," if suffix == "csv" else "\t"))
        for name in ("id", "text"):
            assert not any(row[name].lstrip()[:1] in ("=", "+", "-", "@", "＝", "＠") for row in rows)
            assert not any(row[name][:1] in ("\t", "\r", "\n", "\ufeff") for row in rows)
        assert "apostrophe" in " ".join(done.notes)
        back = read_items(done.path)
        assert (list(back.texts), list(back.ids)) == (evil, list(items.ids))


def test_a_sheet_marks_what_begins_as_a_formula_as_text(tmp_path: Path) -> None:
    import openpyxl

    done = export(GIVEN, ITEMS, "choice", into=tmp_path / "a.xlsx")
    cell = openpyxl.load_workbook(done.path).active["B2"]
    assert (cell.value, cell.data_type, cell.quotePrefix) == (TEXTS[0], "s", True)
    assert "marked as text" in " ".join(done.notes)


def test_apostrophes_of_other_files_stay(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("text\n'=1\n'@x\n")
    assert list(read_items(tmp_path / "a.csv").texts) == ["'=1", "'@x"]


def test_nothing_is_left_of_an_export_that_fails(tmp_path: Path) -> None:
    half = [Annotation(1, 0.0, Answered("a", "x"), "half \ud800", True)]
    (tmp_path / "a.jsonl").write_text("before")
    with pytest.raises(DataError, match="cannot write"):
        export(half, ITEMS, "choice", into=tmp_path / "a.jsonl")
    assert [(one.name, one.read_text()) for one in tmp_path.iterdir()] == [("a.jsonl", "before")]


def test_a_project_without_answers_gives_an_empty_file(tmp_path: Path) -> None:
    for suffix in TABLES:
        done = export([], ITEMS, "choice", into=tmp_path / f"a.{suffix}")
        assert done.rows == 0
        assert done.path.exists()


def test_an_id_with_two_texts_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id,text,label,annotator\n1,one,x,a\n1,two,x,b\n")
    with pytest.raises(DataError, match="the id '1' stands in line 2 and again, with another text, in line 3"):
        read_items(tmp_path / "a.csv")


def test_items_nobody_labelled_are_left_out_where_labels_are_needed(tmp_path: Path) -> None:
    done = export(GIVEN, ITEMS, "choice", into=tmp_path / "a.csv")
    items = read_items(done.path, require_label=True)
    assert list(items.ids) == ["a", "c"]
    assert "1 of 3 items have no label and are left out" in items.notes
