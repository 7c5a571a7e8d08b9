"""Workbooks."""

from __future__ import annotations

import datetime
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tithe.data import format_for, write_rows
from tithe.data.reading import read_items
from tithe.errors import ConfigError, DataError, MissingExtraError

openpyxl: Any = pytest.importorskip("openpyxl", reason="openpyxl is not installed: pip install 'tithe[xlsx]'")

CELLS = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), min_size=1).filter(lambda one: one.strip())


def book(path: Path, *rows: list[object], **more: list[list[object]]) -> Path:
    made = openpyxl.Workbook()
    for row in rows:
        made.active.append(row)
    for name, content in more.items():
        sheet = made.create_sheet(name)
        for row in content:
            sheet.append(row)
    made.save(path)
    return path


@given(rows=st.lists(st.tuples(CELLS, CELLS), min_size=1, max_size=5))
@settings(max_examples=60, deadline=None)
def test_what_was_written_comes_back(rows: list[tuple[str, str]]) -> None:
    columns = {"text": [row[0] for row in rows], "label": [row[1] for row in rows]}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.xlsx"
        write_rows(path, columns)
        table = format_for(path).read(path, header=True, columns=None)
        assert {name: list(cells) for name, cells in table.columns.items()} == columns


@pytest.mark.parametrize(
    "text",
    [
        "=1+1",
        "_x000D_",
        "a\nb",
        "a\tb",
        "a\r\nb\rc",
        "a\0b",
        "\ufffe",
        "_x005F_x000D_",
        "_x",
        " a ",
        "#N/A",
        "'quoted",
        "1",
        "true",
    ],
)
def test_a_text_stays_the_text_it_is(tmp_path: Path, text: str) -> None:
    write_rows(tmp_path / "a.xlsx", {"text": [text, "other words"]})
    assert read_items(tmp_path / "a.xlsx").texts[0] == text


def test_numbers_days_and_blank_rows_are_read_as_a_person_sees_them(tmp_path: Path) -> None:
    day = datetime.datetime(2026, 3, 1)
    path = book(tmp_path / "a.xlsx", ["text", "label", None], ["one", 3, None], [None, None], ["two", day], ["three"])
    items = read_items(path)
    assert list(items.texts) == ["one", "two", "three"]
    assert list(items.gold or ()) == ["3", "2026-03-01", None]


def test_sheets_are_chosen_by_name_and_else_the_first(tmp_path: Path) -> None:
    path = book(tmp_path / "a.xlsx", ["text"], ["first"], more=[["text"], ["second"]])
    assert list(read_items(path).texts) == ["first"]
    assert list(read_items(path, format="xlsx(sheet='more')").texts) == ["second"]
    with pytest.raises(ConfigError, match="no sheet 'mor'; did you mean 'more'"):
        read_items(path, format="xlsx(sheet='mor')")


def test_a_sheet_without_a_header_needs_names(tmp_path: Path) -> None:
    path = book(tmp_path / "a.xlsx", ["x", "hello"], ["y", "bye"])
    assert list(read_items(path, header=False, columns=["label", "text"]).texts) == ["hello", "bye"]
    with pytest.raises(ConfigError, match="2 columns and no header"):
        read_items(path, header=False)
    with pytest.raises(ConfigError, match="its first row names them too"):
        read_items(path, columns=["label", "text"])
    assert list(read_items(book(tmp_path / "b.xlsx", ["hello"]), header=False).texts) == ["hello"]


def test_messages_speak_of_the_rows_of_the_sheet(tmp_path: Path) -> None:
    path = book(tmp_path / "a.xlsx", ["text", "label"], ["one", "a"], [None, None], [None, "b"])
    with pytest.raises(DataError, match="no text in column 'text' of row 4"):
        read_items(path)
    path = book(tmp_path / "b.xlsx", ["text", "label"], ["one", "a"], ["two", "b", "more"])
    with pytest.raises(DataError, match="row 3: 3 cells where 2 are expected"):
        read_items(path)


@pytest.mark.parametrize("content", [b"", b"text\nhello\n", b"PK\x03\x04 broken"])
def test_what_is_no_workbook_is_one_clear_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.xlsx").write_bytes(content)
    with pytest.raises(DataError, match=r"is not a whole \.xlsx workbook"):
        read_items(tmp_path / "a.xlsx")
    with pytest.raises(DataError, match="there is no file"):
        read_items(tmp_path / "b.xlsx")


@pytest.mark.parametrize(
    ("cell", "message"),
    [("a" * 32_768, "over 32767 characters"), ("a\ud800", "half a surrogate pair"), (b"a", "holds a bytes")],
)
def test_what_a_sheet_cannot_hold_is_refused_and_nothing_is_left(tmp_path: Path, cell: object, message: str) -> None:
    with pytest.raises(DataError, match=f"row 2.*{message}"):
        write_rows(tmp_path / "a.xlsx", {"text": ["fine", cell]})
    assert not list(tmp_path.iterdir())


def test_without_openpyxl_the_message_has_the_line_to_type(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    with pytest.raises(MissingExtraError, match=r"python -m pip install 'tithe\[xlsx\]'"):
        read_items(tmp_path / "a.xlsx")
