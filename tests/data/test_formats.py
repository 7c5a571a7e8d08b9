"""Each format: malformed files, and what was written comes back."""

from __future__ import annotations

import csv
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tithe.data import format_for, write_rows
from tithe.data.reading import read_items
from tithe.errors import DataError

WORDS = st.text(
    alphabet=st.one_of(st.sampled_from("a\"',;\t\n\r\0 #é漢👍🏿\u2028\ufeff"), st.characters(codec="utf-8"))
)


def file(folder: Path, content: str, name: str = "in.csv") -> Path:
    (folder / name).write_bytes(content.encode())
    return folder / name


@pytest.mark.parametrize("suffix", ["csv", "tsv", "jsonl", "parquet"])
@given(rows=st.lists(st.tuples(WORDS, WORDS), min_size=1, max_size=8))
@settings(max_examples=60, deadline=None)
def test_what_was_written_comes_back(suffix: str, rows: list[tuple[str, str]]) -> None:
    columns = {"text": [row[0] for row in rows], "label": [row[1] for row in rows]}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"a.{suffix}"
        write_rows(path, columns)
        table = format_for(path).read(path, header=True, columns=None)
        assert {name: list(cells) for name, cells in table.columns.items()} == columns


@given(texts=st.lists(WORDS, min_size=1, max_size=8))
@settings(max_examples=60, deadline=None)
def test_a_single_column_comes_back(texts: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for name in ("a.csv", "a.tsv"):
            path = Path(folder) / name
            write_rows(path, {"text": texts})
            assert list(format_for(path).read(path, header=True, columns=None).columns["text"]) == texts


def test_lines_are_those_of_the_file_even_after_line_breaks_in_cells(tmp_path: Path) -> None:
    content = 'text,label\n"one\r\ntwo\n\nthree",a\n\n"x, ""y""",b\n'
    with pytest.raises(DataError, match="line 8: 3 cells where 2 are expected"):
        read_items(file(tmp_path, content + "last,c,d\n"))
    items = read_items(file(tmp_path, content))
    assert list(items.texts) == ["one\r\ntwo\n\nthree", 'x, "y"']


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_all_line_ends_and_trailing_blank_lines_are_fine(tmp_path: Path, end: str) -> None:
    items = read_items(file(tmp_path, end.join(["text,label", "hello,a", "bye,b", "", "", "  ", ""])))
    assert list(items.texts) == ["hello", "bye"]


def test_an_unclosed_quote_is_an_error_at_its_line(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="line 3: a quote is opened here and never closed"):
        read_items(file(tmp_path, 'text,label\nhello,a\n"bye,b\nmore,c\n'))


def test_a_bare_quote_in_a_quoted_cell_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="line 2: a quote inside a quoted cell"):
        read_items(file(tmp_path, 'text,label\n"he said "hi" to me",a\n'))


def test_texts_are_kept_as_they_stand(tmp_path: Path) -> None:
    text = "  two  spaces\t, a NUL \0 and 👍🏿 " + "long " * 100_000
    items = read_items(file(tmp_path, f'text,label\n"{text}",a\n'))
    assert items.texts[0] == text


def test_a_csv_split_at_semicolons_is_read_with_a_note(tmp_path: Path) -> None:
    items = read_items(file(tmp_path, 'text;label\nhello, you;a\n"bye; now";b\n'))
    assert list(items.texts) == ["hello, you", "bye; now"]
    assert items.notes == ("split at ';'",)


def test_the_delimiter_that_excel_writes_down_is_used(tmp_path: Path) -> None:
    path = file(tmp_path, "sep=;\r\ntext;label\r\nhello, you;a\r\n")
    assert list(read_items(path).texts) == ["hello, you"]
    with pytest.raises(DataError, match="line 4: 1 cells where 2 are expected"):
        read_items(file(tmp_path, path.read_text() + "bye\n"))


def test_columns_of_one_name_are_an_error_and_unnamed_ones_get_a_number(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="several columns named text"):
        read_items(file(tmp_path, "text,text\na,b\n"))
    assert list(read_items(file(tmp_path, ",text,\n0,hello,\n")).texts) == ["hello"]


def test_bare_quotes_in_a_tsv_lose_no_rows(tmp_path: Path) -> None:
    rows = [('"hello he said', "a"), ("bye", "b"), ('"again', "c"), ('end"', "d")]
    items = read_items(file(tmp_path, "text\tlabel\n" + "".join(f"{t}\t{x}\n" for t, x in rows), "in.tsv"))
    assert list(items.texts) == [text for text, _ in rows]
    assert items.notes[0].startswith("quotes are read as characters")


def test_a_tsv_quoted_as_spreadsheets_do_is_unquoted(tmp_path: Path) -> None:
    with (tmp_path / "in.tsv").open("w", newline="") as out:
        csv.writer(out, delimiter="\t").writerows([["text", "label"], ['a "b"\nc\td', "x"], ["plain", "y"]])
    items = read_items(tmp_path / "in.tsv")
    assert list(items.texts) == ['a "b"\nc\td', "plain"]
    assert items.notes == ()


def test_a_tsv_wrong_either_way_tells_the_line(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="line 3: 3 cells where 2 are expected"):
        read_items(file(tmp_path, "text\tlabel\nhello\ta\nbye\tb\tc\n", "in.tsv"))


def test_jsonl_rows_may_differ_in_keys_and_characters(tmp_path: Path) -> None:
    lines = r"""{"text": "one", "meta": {"a": 1}}

{"label": "x", "text": "pair \ud83d\udc4d, NUL \u0000, line\u2028end"}
{"text": "half \ud83d here", "label": null}
"""
    items = read_items(file(tmp_path, lines, "in.jsonl"))
    assert list(items.texts) == ["one", "pair 👍, NUL \0, line\u2028end", "half � here"]
    assert list(items.gold or ()) == [None, "x", None]
    assert items.notes == ("1 cells held half a surrogate pair, replaced by �",)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('{"text": "a"', "not JSON"),
        ('["a"]', "a list, not an object"),
        ("12", "a int, not an object"),
        ('{"text": ' + "[" * 100_000, "not JSON"),
        ('{"text": 1' + "0" * 5000 + "}", "not JSON"),
    ],
)
def test_a_bad_jsonl_line_is_named_with_the_reason(tmp_path: Path, line: str, reason: str) -> None:
    with pytest.raises(DataError, match=f"line 3: {reason}"):
        read_items(file(tmp_path, '{"text": "x"}\n\n' + line + "\n", "in.jsonl"))


def test_endless_new_keys_in_jsonl_are_refused(tmp_path: Path) -> None:
    lines = "".join(f'{{"text": "x", "key{n}": 1}}\n' for n in range(2100))
    with pytest.raises(DataError, match="more than 2000 different keys"):
        read_items(file(tmp_path, lines, "in.jsonl"))


def test_plain_text_has_an_item_a_line(tmp_path: Path) -> None:
    items = read_items(file(tmp_path, "one \r\n\r\n two\n   \nthree", "in.txt"))
    assert list(items.texts) == ["one ", " two", "three"]
    assert items.gold is None


def test_plain_text_cannot_hold_line_breaks_or_other_columns(tmp_path: Path) -> None:
    write_rows(tmp_path / "a.txt", {"text": ["one", "two"], "label": ["x", "y"]})
    assert (tmp_path / "a.txt").read_text() == "one\ntwo\n"
    with pytest.raises(DataError, match="a text holds a line break"):
        write_rows(tmp_path / "a.txt", {"text": ["one\ntwo"]})
    with pytest.raises(DataError, match="the column 'text' alone"):
        write_rows(tmp_path / "a.txt", {"sentence": ["one"]})


def test_a_parquet_column_of_mixed_cells_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cells of several kinds"):
        write_rows(tmp_path / "a.parquet", {"text": ["one", 2]})
    assert not list(tmp_path.iterdir())
