"""What bytes become: encodings, gzip, and bytes that are not text."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from tithe.data import write_rows
from tithe.data.reading import read_items
from tithe.errors import DataError

TEXTS = ["naïve café – “quoted”", "plain"]
CONTENT = "text\n" + "\n".join(TEXTS) + "\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.txt"])
def test_unicode_files_are_read_without_a_note(tmp_path: Path, encoding: str, name: str) -> None:
    content = CONTENT if name != "a.txt" else "\n".join(TEXTS)
    (tmp_path / name).write_bytes(content.encode(encoding))
    items = read_items(tmp_path / name)
    assert list(items.texts) == TEXTS
    assert items.notes == ()


def test_other_bytes_are_read_as_cp1252_with_a_note(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(CONTENT.encode("cp1252"))
    items = read_items(tmp_path / "a.csv")
    assert list(items.texts) == TEXTS
    assert items.notes == ("decoded as cp1252, as it is not UTF-8; check the accents",)


def test_utf8_with_a_damaged_line_is_refused_rather_than_garbled(tmp_path: Path) -> None:
    lines = [text.encode() for text in ("text", "café", "naïve", "日本語")]
    (tmp_path / "a.csv").write_bytes(b"\n".join([*lines, b"broken \xe9 here", b"fine"]))
    with pytest.raises(DataError, match=r"is UTF-8 but for bytes in line 5 \(1 such lines"):
        read_items(tmp_path / "a.csv")


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes("text\nhello\n".encode("utf-16-le"))
    with pytest.raises(DataError, match="UTF-16 without a byte order mark"):
        read_items(tmp_path / "a.csv")
    (tmp_path / "a.csv").write_bytes(b"text\n\x81\x8d\n")
    with pytest.raises(DataError, match="neither UTF-8 nor cp1252"):
        read_items(tmp_path / "a.csv")
    (tmp_path / "a.csv").write_bytes("text\nhello\n".encode("utf-16")[:-1])
    with pytest.raises(DataError, match="begins as utf-16 and is damaged"):
        read_items(tmp_path / "a.csv")


@pytest.mark.parametrize("name", ["a.csv.gz", "a.tsv.gz", "a.jsonl.gz", "a.txt.gz"])
def test_packed_text_files_are_read_and_written(tmp_path: Path, name: str) -> None:
    write_rows(tmp_path / name, {"text": TEXTS})
    assert gzip.decompress((tmp_path / name).read_bytes()).decode()
    assert list(read_items(tmp_path / name).texts) == TEXTS
    first = (tmp_path / name).read_bytes()
    write_rows(tmp_path / name, {"text": TEXTS})
    assert (tmp_path / name).read_bytes() == first, "the same content gives the same bytes"


def test_a_truncated_gzip_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress(CONTENT.encode() * 100)[:-20])
    with pytest.raises(DataError, match="is not a whole gzip file"):
        read_items(path)
    path.write_bytes(b"text\nhello\n")
    with pytest.raises(DataError, match="is not a whole gzip file"):
        read_items(path)


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    write_rows(path, {"text": ["old"]})
    with pytest.raises(DataError, match=r"cannot write .* surrogates not allowed"):
        write_rows(path, {"text": ["fine", "half \ud83d"]})
    assert list(read_items(path).texts) == ["old"]
    assert [found.name for found in tmp_path.iterdir()] == ["a.csv"]


def test_writing_into_a_folder_that_is_not_there_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there is no file"):
        write_rows(tmp_path / "no" / "a.csv", {"text": ["x"]})
