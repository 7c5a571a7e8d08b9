"""Labels beyond one word a row: what each form of set and span means, and messages for those that are malformed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tithe.data import write_rows
from tithe.data.reading import read_items, read_texts
from tithe.errors import ColumnError, ConfigError, DataError
from tithe.log import Added, Log
from tithe.pool import declared_labels, declared_task
from tithe.types import Items, Span, in_words


def jsonl(folder: Path, *rows: dict[str, Any]) -> Path:
    path = folder / "in.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


def csv(folder: Path, content: str) -> Path:
    path = folder / "in.csv"
    path.write_text(content, "utf-8")
    return path


class TestSets:
    def test_lists_and_strings_at_semicolons_mean_the_same(self, tmp_path: Path) -> None:
        lists = read_items(
            jsonl(tmp_path, {"text": "a", "labels": ["x", " y "]}, {"text": "b", "labels": []}), task="multilabel"
        )
        strings = read_items(csv(tmp_path, "text,labels\na,x; y\nb,[]\n"), task="multilabel")
        write_rows(tmp_path / "in.parquet", {"text": ["a", "b"], "labels": [["x", "y"], []]})
        parquet = read_items(tmp_path / "in.parquet", task="multilabel")
        for items in (lists, strings, parquet):
            assert list(items.gold or ()) == [frozenset({"x", "y"}), frozenset()]

    def test_an_empty_list_is_an_answer_and_a_missing_one_is_unknown(self, tmp_path: Path) -> None:
        path = jsonl(tmp_path, {"text": "a", "labels": []}, {"text": "b", "labels": None}, {"text": "c"})
        assert list(read_items(path, task="multilabel").gold or ()) == [frozenset(), None, None]
        with pytest.raises(DataError, match=r"no labels in lines 2, 3; write \[\] where none applies"):
            read_items(path, task="multilabel", require_label=True)

    def test_a_blank_cell_is_unknown_and_a_note_says_how_to_write_none(self, tmp_path: Path) -> None:
        path = csv(tmp_path, 'text,labels\na,x\nb,\nc," "\nd,[]\n')
        items = read_items(path, task="multilabel")
        assert list(items.gold or ()) == [frozenset({"x"}), None, None, frozenset()]
        assert items.notes == (
            "2 rows have a blank cell in 'labels' (lines 3, 4) and count as not labelled; write [] where no label "
            "applies",
        )
        with pytest.raises(DataError, match=r"no labels in lines 3, 4; write \[\] where none applies"):
            read_items(path, task="multilabel", require_label=True)

    def test_lists_that_are_read_as_words_are_noted(self, tmp_path: Path) -> None:
        path = csv(tmp_path, 'text,label\na,"[""x""]"\nb,"[""x"", ""y""]"\nc,z\nd,\n')
        (note,) = read_items(path).notes
        assert note.startswith("most labels in 'label' are lists such as [\"x\"], each taken for one word; ")
        assert note.endswith("did you mean --task multilabel?")
        assert read_items(path, task="multilabel").notes[0].startswith("1 row has a blank cell")
        spans = csv(tmp_path, 'text,label\na b,"[{""start"": 0, ""end"": 1, ""label"": ""x""}]"\n')
        assert read_items(spans).notes[0].endswith("did you mean --task spans?")
        for plain in ("[x]", "x", "[", ""):
            assert read_items(csv(tmp_path, f"text,label\na,{plain}\n")).notes == ()

    def test_a_list_where_a_word_is_needed_says_which_task_takes_it(self, tmp_path: Path) -> None:
        path = jsonl(tmp_path, {"text": "a b", "label": [{"start": 0, "end": 1, "label": "x"}]})
        with pytest.raises(DataError, match="holds a list; text or a number is needed; for spans say --task spans"):
            read_items(path)
        assert (read_texts(path).texts, read_texts(path).gold) == (["a b"], None)
        people = csv(tmp_path, "id,text,label,annotator\n1,a,x,ann\n1,a,y,bob\n2,b,x,ann\n")
        assert (read_texts(people).ids, read_texts(people).gold) == (["1", "2"], None)
        with pytest.raises(DataError, match=r"holds a list; text or a number is needed$"):
            read_items(jsonl(tmp_path, {"text": ["a"], "label": "x"}))

    def test_an_exported_cell_reads_back_as_the_same_label(self, tmp_path: Path) -> None:
        labels = [frozenset({"x", "y"}), frozenset(), None]
        write_rows(tmp_path / "in.csv", {"text": list("abc"), "labels": [in_words(label) for label in labels]})
        assert read_items(tmp_path / "in.csv", task="multilabel").gold == labels

    def test_the_column_is_labels_else_label_else_the_one_named(self, tmp_path: Path) -> None:
        both = csv(tmp_path, "text,label,labels,more\na,q,x;y,z|w\n")
        assert read_items(both, task="multilabel").gold == [frozenset({"x", "y"})]
        assert read_items(both, task="multilabel", label="more", separator="|").gold == [frozenset({"z", "w"})]
        assert read_items(csv(tmp_path, "text,label\na,x;y\n"), task="multilabel").gold == [frozenset({"x", "y"})]
        bare = csv(tmp_path, "text\na\n")
        assert read_items(bare, task="multilabel").gold is None
        with pytest.raises(ColumnError, match="no column 'labels' and labels are needed"):
            read_items(bare, task="multilabel", require_label=True)

    def test_a_json_list_in_a_cell_and_numbers_are_understood(self, tmp_path: Path) -> None:
        path = csv(tmp_path, 'text,labels\na,"[""x"", ""y;z""]"\nb,3\nc,[odd\n')
        assert read_items(path, task="multilabel").gold == [
            frozenset({"x", "y;z"}),
            frozenset({"3"}),
            frozenset({"[odd"}),
        ]

    @pytest.mark.parametrize("cell", [{"a": 1}, True, [["x"]], [None]])
    def test_other_cells_are_refused_with_their_line(self, tmp_path: Path, cell: object) -> None:
        with pytest.raises(DataError, match="line 2: the column 'labels' holds a"):
            read_items(
                jsonl(tmp_path, {"text": "a", "labels": ["x"]}, {"text": "b", "labels": cell}), task="multilabel"
            )

    def test_an_empty_separator_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match="separator"):
            read_items(csv(tmp_path, "text,labels\na,x\n"), task="multilabel", separator="")

    def test_repeated_texts_with_other_sets_disagree(self, tmp_path: Path) -> None:
        path = csv(tmp_path, "text,labels\na,x;y\na,y;x\na,x\n")
        items = read_items(path, task="multilabel", dedupe=True)
        assert items.gold == [frozenset({"x", "y"})]
        assert items.notes[1].startswith("1 of the repeated texts have labels that disagree")


class TestTaggedTokens:
    def test_tags_of_every_scheme_give_the_same_spans(self, tmp_path: Path) -> None:
        schemes = {
            "IOB2": ["B-ORG", "I-ORG", "O", "B-LOC", "B-LOC"],
            "IOB1": ["I-ORG", "I-ORG", "O", "I-LOC", "B-LOC"],
            "BIOES": ["B-ORG", "E-ORG", "O", "S-LOC", "S-LOC"],
            "BILOU": ["B-ORG", "L-ORG", "O", "U-LOC", "U-LOC"],
        }
        for scheme, tags in schemes.items():
            path = jsonl(tmp_path, {"tokens": ["EU", "👍🏿Bank", "in", "Bonn", "Köln"], "tags": tags})
            items = read_items(path, task="spans")
            assert items.texts == ["EU 👍🏿Bank in Bonn Köln"]
            assert items.gold == [(Span(0, 9, "ORG"), Span(13, 17, "LOC"), Span(18, 22, "LOC"))]
            assert items.tokens == [((0, 2), (3, 9), (10, 12), (13, 17), (18, 22))]
            assert items.notes == (() if scheme == "IOB2" else (f"tags are in the scheme {scheme}",))

    def test_tags_that_break_their_scheme_are_counted(self, tmp_path: Path) -> None:
        rows = [{"tokens": ["a", "b"], "tags": ["B-X", "O"]}] * 3 + [{"tokens": ["c", "d"], "tags": ["O", "I-X"]}]
        items = read_items(jsonl(tmp_path, *rows), task="spans")
        assert "1 tags in 1 rows break the rules of IOB2; read as conlleval reads them" in items.notes
        assert (items.gold or ())[3] == (Span(2, 3, "X"),)

    def test_a_row_without_tags_is_unknown_and_one_without_entities_is_empty(self, tmp_path: Path) -> None:
        path = jsonl(tmp_path, {"tokens": ["a"], "tags": ["O"]}, {"tokens": ["b"], "tags": None})
        assert read_items(path, task="spans").gold == [(), None]
        with pytest.raises(DataError, match="no tags in line 2"):
            read_items(path, task="spans", require_label=True)
        with pytest.raises(ColumnError, match="no column 'tags' and labels are needed"):
            read_items(jsonl(tmp_path, {"tokens": ["a"]}), task="spans", require_label=True)

    @pytest.mark.parametrize(
        ("row", "message"),
        [
            ({"tokens": ["a", "b"], "tags": ["O"]}, "line 2: 2 tokens and 1 tags"),
            ({"tokens": ["a"], "tags": ["PER"]}, "line 2: 'PER' is not a tag"),
            ({"tokens": ["a"], "tags": [3]}, "line 2: the column 'tags' holds numbers"),
            ({"tokens": ["a"], "tags": "B-X"}, "line 2: the column 'tags' holds a str; a list of tags"),
            ({"tokens": [], "tags": []}, "line 2: the column 'tokens' holds no words"),
            ({"tokens": ["a", ""], "tags": ["O", "O"]}, "line 2: the column 'tokens' holds no words, or an empty one"),
            ({"tokens": "a b", "tags": ["O"]}, "line 2: the column 'tokens' holds a str; a list of words"),
        ],
    )
    def test_a_malformed_row_is_named(self, tmp_path: Path, row: dict[str, Any], message: str) -> None:
        with pytest.raises(DataError, match=message):
            read_items(jsonl(tmp_path, {"tokens": ["a"], "tags": ["O"]}, row), task="spans")

    def test_columns_can_be_named_and_lists_may_stand_as_json_in_a_csv(self, tmp_path: Path) -> None:
        path = jsonl(tmp_path, {"words": ["a", "b"], "ner": ["O", "B-X"], "id": "7"})
        items = read_items(path, task="spans", text="words", label="ner")
        assert (items.ids, items.gold) == (["7"], [(Span(2, 3, "X"),)])
        path = csv(tmp_path, 'tokens,tags\n"[""a"", ""b""]","[""O"", ""B-X""]"\n')
        assert read_items(path, task="spans").gold == [(Span(2, 3, "X"),)]


class TestSpansInTexts:
    def test_offsets_count_code_points_and_spans_are_sorted(self, tmp_path: Path) -> None:
        spans = [{"start": 9, "end": 13, "label": "LOC"}, {"start": 0, "end": 5, "label": " EMO ", "text": "👩🏽‍🚀é"}]
        path = jsonl(tmp_path, {"text": "👩🏽‍🚀é in Bonn", "spans": spans})
        items = read_items(path, task="spans")
        assert items.gold == [(Span(0, 5, "EMO"), Span(9, 13, "LOC"))]
        assert items.texts[0][9:13] == "Bonn"
        assert items.tokens is None
        assert items.notes == ()

    def test_overlapping_spans_are_kept_with_a_note(self, tmp_path: Path) -> None:
        path = jsonl(tmp_path, {"text": "New York Times", "spans": [[0, 14, "ORG"], [0, 8, "LOC"], [0, 8, "LOC"]]})
        items = read_items(path, task="spans")
        assert items.gold == [(Span(0, 8, "LOC"), Span(0, 14, "ORG"))]
        assert items.notes == ("1 of 1 texts have spans that overlap; tags cannot say these",)

    def test_spans_may_be_a_json_string_and_absent_ones_are_unknown(self, tmp_path: Path) -> None:
        path = csv(
            tmp_path, 'text,spans\nin Bonn,"[{""start"": 3, ""end"": 7, ""label"": ""LOC""}]"\nnothing,[]\nlater,\n'
        )
        assert read_items(path, task="spans").gold == [(Span(3, 7, "LOC"),), (), None]
        with pytest.raises(DataError, match="no spans in line 4"):
            read_items(path, task="spans", require_label=True)

    @pytest.mark.parametrize(
        ("span", "message"),
        [
            ({"start": 3, "end": 8, "label": "X"}, "line 1: the span 3 to 8 .* is not inside the text of 7 characters"),
            ({"start": 3, "end": 3, "label": "X"}, "is not inside the text"),
            ({"start": -1, "end": 3, "label": "X"}, "is not inside the text"),
            ({"start": 3, "end": 7}, "needs whole numbers"),
            ({"start": 3.5, "end": 7, "label": "X"}, "needs whole numbers"),
            ({"start": 3, "end": 7, "label": "X", "text": "Rome"}, "says 'Rome' and the text there is 'Bonn'"),
            (["a"], "is no {"),
            (7, "is no {"),
        ],
    )
    def test_a_span_that_is_not_in_the_text_is_an_error(self, tmp_path: Path, span: object, message: str) -> None:
        with pytest.raises(DataError, match=message):
            read_items(jsonl(tmp_path, {"text": "in Bonn", "spans": [span]}), task="spans")

    @pytest.mark.parametrize(
        "tokens", [["in", "Bonn"], [[0, 2], [3, 7]], [{"start": 0, "end": 2}, {"start": 3, "end": 7}]]
    )
    def test_tokens_beside_a_text_become_offsets(self, tmp_path: Path, tokens: list[Any]) -> None:
        row = {"text": "in Bonn", "spans": [[3, 7, "LOC"]], "tokens": tokens}
        items = read_items(jsonl(tmp_path, row), task="spans")
        assert items.texts == ["in Bonn"]
        assert items.tokens == [((0, 2), (3, 7))]
        with pytest.raises(DataError, match="is not in the text behind the one before"):
            read_items(jsonl(tmp_path, {**row, "tokens": tokens[::-1]}), task="spans")

    def test_a_file_without_either_form_lists_its_columns(self, tmp_path: Path) -> None:
        with pytest.raises(ColumnError, match=r"neither 'tokens' nor 'text'.* it has 'a', 'b'"):
            read_items(jsonl(tmp_path, {"a": "x y", "b": "z"}), task="spans")
        with pytest.raises(ColumnError, match="no column 'txt' for the text"):
            read_items(jsonl(tmp_path, {"text": "x y"}), task="spans", text="txt")


def test_words_where_spans_are_wanted_are_called_words(tmp_path: Path) -> None:
    path = csv(tmp_path, "text,label\na b,\nc d,billing\n")
    items = read_items(path, task="spans")
    said = "the column 'label' holds words such as 'billing', not spans; docs/formats.md says how spans are written"
    assert (items.gold, items.notes) == (None, (said,))
    with pytest.raises(ConfigError, match=f"the task 'spans' has no labels: in {path} {said}"):
        declared_task("spans", items)
    assert declared_task("spans", items, ["X"]).labels == ("X",)
    with pytest.raises(ColumnError, match=f"{path}: {said}"):
        read_items(path, task="spans", require_label=True)
    with pytest.raises(DataError, match=f"line 3: {said}"):
        read_items(path, task="spans", label="label")
    bare = read_items(csv(tmp_path, "text,label\na b,\n"), task="spans")
    with pytest.raises(ConfigError, match=r"in Python with Spans\(\['a', 'b', 'c'\]\)"):
        declared_task("spans", bare)


def test_tokens_go_with_their_items_into_parts_and_logs(tmp_path: Path) -> None:
    rows = [{"id": str(n), "tokens": ["a"] * (n + 1), "tags": ["O"] * (n + 1)} for n in range(4)]
    items = read_items(jsonl(tmp_path, *rows), task="spans")
    part = items.take(np.array([3, 1]))
    assert [len(tokens) for tokens in part.tokens or ()] == [4, 2]
    assert [len(tokens) for tokens in part.take(np.array([1])).tokens or ()] == [2]
    assert items.digest != Items(items.ids, items.texts).digest, "views of tokens depend on the tokens"
    log = Log()
    log.append(Added(items.take(np.array([0, 1]))), Added(items.take(np.array([2, 3]))))
    assert log.snapshot().items.tokens == list(items.tokens or ())


def test_dedupe_keeps_the_tokens_of_the_first(tmp_path: Path) -> None:
    row = {"tokens": ["a", "b"], "tags": ["O", "B-X"]}
    items = read_items(jsonl(tmp_path, row, row, {"tokens": ["c"], "tags": ["O"]}), task="spans", dedupe=True)
    assert items.tokens == [((0, 1), (2, 3)), ((0, 1),)]


def test_blank_rows_can_be_left_out_with_a_note(tmp_path: Path) -> None:
    path = csv(tmp_path, "text,label\na,x\n ,y\nb,z\n,w\n")
    items = read_items(path, drop_blank=True)
    assert (list(items.texts), list(items.gold or ())) == (["a", "b"], ["x", "z"])
    assert items.notes == ("2 rows have no text (lines 3, 5) and are left out",)
    rows = [{"tokens": [], "tags": []}, {"tokens": ["a"], "tags": ["O"]}]
    assert read_items(jsonl(tmp_path, *rows), task="spans", drop_blank=True).texts == ["a"]


def test_declared_labels_are_all_those_in_a_file() -> None:
    spans = Items(["1", "2"], ["ab", "cd"], [(Span(0, 1, "Y"), Span(1, 2, "X")), ()])
    assert declared_labels(spans) == ["X", "Y"]
    assert declared_labels(Items(["1", "2"], ["a", "b"], [frozenset({"q"}), None])) == ["q"]
    assert declared_labels(Items(["1"], ["a"])) == []
