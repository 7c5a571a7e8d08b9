"""doccano, Prodigy and crowd tables: each shape that their tools write, and the traps in them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tithe.data import format_for, write_rows
from tithe.data.reading import first_labels, read_answers, read_items
from tithe.errors import ColumnError, ConfigError, DataError
from tithe.types import Span


def lines(folder: Path, *rows: dict[str, Any], name: str = "in.jsonl") -> Path:
    (folder / name).write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return folder / name


def test_doccano_classification(tmp_path: Path) -> None:
    path = lines(
        tmp_path, {"text": "Really great.", "label": ["positive"], "meta": {"k": 1}}, {"text": "b", "label": []}
    )
    items = read_items(path, format="doccano")
    assert items.gold == ["positive", None]
    assert read_items(path, task="multilabel", format="doccano").gold == [frozenset({"positive"}), frozenset()]
    assert "1 empty lists of labels, read as 'none applies'" in "; ".join(items.notes)


def test_doccano_spans_count_code_points(tmp_path: Path) -> None:
    rows = [
        {"text": "👨‍👩‍👧‍👦 EU rejects", "label": [[8, 10, "ORG"], [8, 10, "ORG"]]},
        {"text": "Google was founded", "entities": [{"id": 0, "start_offset": 0, "end_offset": 6, "label": "ORG"}]},
        {"text": "Find a flight", "entities": [[0, 4, "V"]], "cats": ["flight"], "relations": [{"from_id": 0}]},
        {"text": "none", "label": []},
    ]
    items = read_items(lines(tmp_path, *rows), task="spans", format="doccano")
    assert items.gold == [(Span(8, 10, "ORG"),), (Span(0, 6, "ORG"),), (Span(0, 4, "V"),), ()]
    assert "relations of 1 texts are not read" in "; ".join(items.notes)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"text": "abc", "label": [[0, 9, "X"]]}, "line 1: the span 0 to 9 .* is not inside the text of 3 characters"),
        ({"text": "abc", "label": [[2, 2, "X"]]}, "line 1: the span 2 to 2"),
        ({"text": "abc", "label": [[2, "X"]]}, "line 1: .* is no entity; write"),
        ({"text": "abc", "label": [["0", 2, "X"]]}, "line 1: .* is no entity; write"),
        ({"text": "abc", "label": {"a": 1}}, "line 1: .* is no list of labels"),
        ({"label": [[0, 1, "X"]]}, "no text in column 'text' of line 1"),
    ],
)
def test_a_bad_line_of_doccano_is_named(tmp_path: Path, row: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_items(lines(tmp_path, row), task="spans", format="doccano")


def test_doccano_reads_a_json_list_and_older_keys(tmp_path: Path) -> None:
    (tmp_path / "in.json").write_text(json.dumps([{"id": 3, "data": "one", "label": ["x"], "Comments": ["why?"]}]))
    items = read_items(tmp_path / "in.json", format="doccano")
    assert (list(items.ids), list(items.texts), items.gold) == (["3"], ["one"], ["x"])


def test_doccano_is_told_by_the_end_of_a_name(tmp_path: Path) -> None:
    path = tmp_path / "a.doccano.jsonl"
    notes = write_rows(path, {"text": ["a b", "c"], "spans": [[{"start": 0, "end": 1, "label": "X"}], None]})
    assert json.loads(path.read_text().splitlines()[0]) == {"text": "a b", "label": [[0, 1, "X"]]}
    assert notes == ("items skipped, rejected or without a label, left out (doccano has no such mark): 1",)
    assert read_items(path, task="spans").gold == [(Span(0, 1, "X"),)]
    assert type(format_for(Path("a.jsonl"))).__name__ == "JsonLines"


def test_prodigy_choices_with_each_answer(tmp_path: Path) -> None:
    options = [{"id": "a", "text": "A"}, {"id": "b", "text": "B"}]
    rows = [
        {"text": "one", "options": options, "accept": ["a"], "answer": "accept", "_session_id": "anna"},
        {"text": "one", "options": options, "accept": ["b"], "answer": "accept", "_session_id": "ben"},
        {"text": "one", "options": options, "accept": ["b"], "answer": "accept", "_session_id": "cleo"},
        {"text": "two", "options": options, "accept": [], "answer": "ignore", "_session_id": "anna"},
        {"text": "three", "options": options, "accept": ["a"], "answer": "reject", "_session_id": "anna"},
        {"text": "four", "options": options, "accept": ["a", "b"], "answer": "accept", "_session_id": "anna"},
    ]
    items, given = read_answers(lines(tmp_path, *rows), task="multilabel", format="prodigy")
    assert items.gold == [frozenset("b"), None, None, frozenset("ab")]
    assert [one.action for one in given] == ["label", "label", "label", "skip", "reject", "label"]
    assert given[0].item == given[1].item == given[2].item
    assert first_labels(lines(tmp_path, *rows), format="prodigy") == ["b", None, None, "a"]


def test_prodigy_spans_with_tokens(tmp_path: Path) -> None:
    tokens = [
        {"text": "👍🏿", "start": 0, "end": 2, "id": 0, "ws": True},
        {"text": "Apple", "start": 3, "end": 8, "id": 1, "ws": False},
    ]
    span = {"start": 3, "end": 8, "label": "ORG", "token_start": 1, "token_end": 1}
    rows = [
        {"text": "👍🏿 Apple", "tokens": tokens, "spans": [span, span], "answer": "accept", "_view_id": "ner_manual"},
        {"text": "x", "tokens": [{"start": 0, "end": 1}], "spans": [], "answer": "accept", "_view_id": "ner_manual"},
    ]
    items = read_items(lines(tmp_path, *rows), task="spans", format="prodigy")
    assert items.gold == [(Span(3, 8, "ORG"),), ()]
    assert items.tokens == [((0, 2), (3, 8)), ((0, 1),)]


def test_yes_and_no_to_the_only_label_is_whole(tmp_path: Path) -> None:
    rows = [{"text": f"t{at}", "label": "TECH", "answer": say} for at, say in enumerate(("accept", "reject", "ignore"))]
    path = lines(tmp_path, *rows)
    assert read_items(path, task="multilabel", format="prodigy").gold == [frozenset({"TECH"}), frozenset(), None]
    assert read_items(path, format="prodigy").gold == ["TECH", None, None], "no is never the label itself"
    assert [one.action for one in read_answers(path, task="multilabel", format="prodigy")[1]] == [
        "label",
        "label",
        "skip",
    ]


def test_yes_and_no_to_some_labels_is_sparse(tmp_path: Path) -> None:
    rows = [
        {"text": "both", "label": "TECH", "answer": "accept"},
        {"text": "both", "label": "SPORT", "answer": "reject"},
        {"text": "one", "label": "SPORT", "answer": "accept"},
        {"text": "no", "label": "SPORT", "answer": "reject"},
    ]
    path = lines(tmp_path, *rows)
    items = read_items(path, task="multilabel", format="prodigy")
    assert items.gold == [frozenset({"TECH"}), None, None]
    assert "2 items were not asked about each label" in "; ".join(items.notes)
    assert read_items(path, format="prodigy").gold == ["TECH", "SPORT", None]


@pytest.mark.parametrize(
    "more",
    [{"_view_id": "ner"}, {}],
    ids=["the view says so", "a text stands twice"],
)
def test_yes_and_no_to_single_spans_are_no_labels(tmp_path: Path, more: dict[str, str]) -> None:
    def ask(start: int, answer: str) -> dict[str, Any]:
        span = {"start": start, "end": start + 5, "label": "ORG"}
        return {"text": "Apple sues Apple", "spans": [span], "answer": answer, **more}

    path = lines(tmp_path, ask(0, "accept"), ask(11, "reject"))
    items = read_items(path, task="spans", format="prodigy")
    assert items.gold in (None, [None])
    assert "2 rows say yes or no to single spans: what else is in their texts is unknown" in "; ".join(items.notes)
    assert read_answers(path, task="spans", format="prodigy")[1] == []
    whole = read_items(path, task="spans", format="prodigy(sparse=false)")
    assert whole.gold == [(Span(0, 5, "ORG"),)]


def test_spans_without_tokens_that_nobody_rejected_are_whole(tmp_path: Path) -> None:
    row = {"text": "Apple", "spans": [{"start": 0, "end": 5, "label": "ORG"}], "answer": "accept"}
    assert read_items(lines(tmp_path, row), task="spans", format="prodigy").gold == [(Span(0, 5, "ORG"),)]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"text": "a", "answer": "maybe"}, "line 1: the answer is 'maybe'"),
        ({"text": "a", "spans": [{"start": 0}], "answer": "accept"}, "line 1: .* is no span with start, end and label"),
        ({"text": "a", "tokens": [3], "answer": "accept"}, "line 1: the token 3 has no start and end"),
        ({"text": "a", "accept": [{}], "answer": "accept"}, "line 1: .* is no list of labels"),
    ],
)
def test_a_bad_line_of_prodigy_is_named(tmp_path: Path, row: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_items(lines(tmp_path, row), task="spans", format="prodigy")


def test_what_prodigy_gets(tmp_path: Path) -> None:
    rows = {
        "id": ["1", "2", "3"],
        "text": ["Don't", "so", "no"],
        "spans": [[{"start": 0, "end": 3, "label": "X"}, {"start": 4, "end": 5, "label": "Y"}], None, None],
        "annotator": ["anna", "anna", ""],
        "action": ["label", "skip", ""],
        "by": ["person", "person", None],
    }
    notes = write_rows(tmp_path / "a.prodigy.jsonl", rows)
    first, second, third = map(json.loads, (tmp_path / "a.prodigy.jsonl").read_text().splitlines())
    assert [(token["text"], token["ws"]) for token in first["tokens"]] == [("Don", False), ("'", False), ("t", False)]
    assert first["spans"][0] == {"start": 0, "end": 3, "label": "X", "token_start": 0, "token_end": 0}
    assert (first["answer"], second["answer"], "answer" in third) == ("accept", "ignore", False)
    assert notes == ("items without an answer: 1",)


def test_a_crowd_table(tmp_path: Path) -> None:
    (tmp_path / "votes.csv").write_text("task,worker,label\nt1,w1,1\nt1,w2,0\nt1,w3,0\nt2,w1,1\n")
    items, given = read_answers(tmp_path / "votes.csv", task="choice", format="crowd")
    assert (list(items.ids), items.gold) == (["t1", "t2"], ["0", "1"])
    assert "a crowd table has no texts" in "; ".join(items.notes)
    assert [(one.item, one.annotator, one.label) for one in given][:2] == [("t1", "w1", "1"), ("t1", "w2", "0")]
    (tmp_path / "a.csv").write_text("task,label\na,b\n")
    with pytest.raises(ColumnError, match="no column 'worker'"):
        read_items(tmp_path / "a.csv", format="crowd")
    (tmp_path / "b.csv").write_text("question,who,answer,text\nq,w,yes,Is it?\n")
    named = read_items(tmp_path / "b.csv", format="crowd(task=question, worker=who, label=answer)")
    assert (list(named.texts), named.gold) == (["Is it?"], ["yes"])


@pytest.mark.parametrize("name", ["a.crowd.csv", "a.csv", "a.tsv", "a.parquet", "a.jsonl", "a.json", "a"])
def test_a_crowd_table_may_be_of_any_format(tmp_path: Path, name: str) -> None:
    rows = {"id": ["1", "1"], "text": ["a", "a"], "label": ["x", "y"], "annotator": ["anna", "ben"]}
    write_rows(tmp_path / name, rows, format="crowd")
    table = format_for(tmp_path / name, "crowd").read(tmp_path / name, header=True, columns=None)
    assert [list(table.columns[one]) for one in ("id", "annotator", "label")] == [
        ["1"] * 2,
        ["anna", "ben"],
        ["x", "y"],
    ]


def test_conll_says_what_it_lost(tmp_path: Path) -> None:
    text = "Mr. O'Neil left"
    spans = [
        {"start": 0, "end": 2, "label": "T"},
        {"start": 1, "end": 10, "label": "P"},
        {"start": 12, "end": 15, "label": "Z"},
    ]
    rows = {"id": ["7"], "text": [text], "spans": [spans], "comment": ["hm"]}
    with pytest.raises(
        DataError, match=r"row 1 \(id '7'\): the span .* conll\(misfit=expand\) or conll\(misfit=skip\)"
    ):
        write_rows(tmp_path / "a.conll", rows)
    assert not list(tmp_path.iterdir())
    wide = write_rows(tmp_path / "a.conll", rows, format="conll(misfit=expand)")
    assert (tmp_path / "a.conll").read_text().split("\n")[:6] == [
        "Mr B-P",
        ". I-P",
        "O I-P",
        "' I-P",
        "Neil I-P",
        "left B-Z",
    ]
    assert "spans widened to whole tokens: 2" in wide
    assert "spans left out, as they overlap a longer one, cut a token or cover none: 1" in wide
    assert "comments, left out: 1" in wide
    cut = write_rows(tmp_path / "a.conll", rows, format="conll(misfit=skip)")
    assert (tmp_path / "a.conll").read_text().split("\n")[0] == "Mr B-T"
    assert "spans left out, as they overlap a longer one, cut a token or cover none: 2" in cut
    with pytest.raises(ConfigError, match="misfit='drop' is unknown"):
        write_rows(tmp_path / "a.conll", rows, format="conll(misfit=drop)")
    with pytest.raises(DataError, match="these are labels of whole texts"):
        write_rows(tmp_path / "a.conll", {"text": ["a"], "label": ["b"]})


def test_conll_keeps_the_tokens_of_the_file(tmp_path: Path) -> None:
    rows = {"text": ["U.S. team"], "spans": [[{"start": 0, "end": 4, "label": "LOC"}]], "tokens": [[[0, 4], [5, 9]]]}
    write_rows(tmp_path / "a.conll", rows)
    assert (tmp_path / "a.conll").read_text() == "U.S. B-LOC\nteam O\n\n"
