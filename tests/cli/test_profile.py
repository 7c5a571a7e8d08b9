"""`tithe profile`, as a person types it."""

from __future__ import annotations

import re
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tithe.cli import main
from tithe.data import write_rows
from tithe.data.example import path


def run(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    monkeypatch.setattr(sys, "argv", ["tithe", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


class Checked(HTMLParser):
    """Every element that is opened is closed; nothing is fetched from elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.words = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in ("meta", "line", "rect"):
            self.open.append(tag)
        assert tag not in ("script", "link", "img")
        assert not any(name in ("src", "href", "onclick") for name, _ in attrs)

    def handle_endtag(self, tag: str) -> None:
        if tag not in ("line", "rect"):
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words += data


def checked(page: Path) -> str:
    parser = Checked()
    parser.feed(page.read_text("utf-8"))
    assert parser.open == []
    return re.sub(r"\s+", " ", parser.words)


def test_the_bundled_example_in_the_terminal_and_on_a_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "deep" / "p.html"
    assert run(monkeypatch, "profile", path("train"), "--test", path("test"), "--out", page) == 0
    said = capsys.readouterr().out
    for part in ("1,500 texts, 8 labels", "Labels (imbalance", "Lengths", "Copies", "Leakage into the test", str(page)):
        assert part in said
    words = checked(page)
    for part in ("1,500 texts, 8 labels", "How often each label occurs", "Percentiles", "Languages", "How this was"):
        assert part in words
    before = page.read_bytes()
    assert run(monkeypatch, "profile", path("train"), "--test", path("test"), "--out", page) == 0
    assert page.read_bytes() == before, "the same file gives the same page"


def test_what_stands_in_the_texts_and_labels_is_escaped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = {
        "text": ["<script>alert(1)</script> a", "[red]b[/red] &amp;", "x\u202ey"],
        "label": ["<b>", '"onclick="', "[c"],
    }
    write_rows(tmp_path / "in.csv", rows)
    assert run(monkeypatch, "profile", tmp_path / "in.csv", "--out", tmp_path / "p.html") == 0
    page = (tmp_path / "p.html").read_text("utf-8")
    assert "<script>" not in page
    assert "&lt;b&gt;" in page
    assert "<202E>" in checked(tmp_path / "p.html"), "invisible characters are spelt out"
    assert "[c" in capsys.readouterr().out, "brackets are no markup of the terminal"


@pytest.mark.parametrize("task", ["multilabel", "spans"])
def test_sets_and_spans_have_a_page_too(
    task: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    if task == "multilabel":
        rows = {"text": ["one two", "three four", "five"], "labels": [["b", "a"], ["a"], []]}
    else:
        rows = {"tokens": [["in", "Bonn"], ["no"], ["Bonn"]], "tags": [["O", "B-LOC"], ["O"], ["B-LOC"]]}
    write_rows(tmp_path / "in.parquet", rows)
    assert run(monkeypatch, "profile", tmp_path / "in.parquet", "--task", task, "--out", tmp_path / "p.html") == 0
    said, words = capsys.readouterr().out, checked(tmp_path / "p.html")
    if task == "multilabel":
        assert "most often first label and another: b + a (1)" in said
        assert "First label and the others" in words
    else:
        assert "2 entities of 1 kinds" in said or "2 entities of 1 kind" in said
        assert "Bonn (2)" in words


def test_rows_without_a_text_are_counted_rather_than_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "in.csv").write_text("text,label\nhello,a\n,b\nbye,\n")
    assert run(monkeypatch, "profile", tmp_path / "in.csv", "--out", tmp_path / "p.html") == 0
    said = capsys.readouterr().out
    assert "1 row has no text (line 3) and is left out" in said
    assert "1 item has no label yet" in said


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nothing.csv"], "there is no file"),
        (["--task", "chose"], "the task 'chose' has no profile"),
        (["--near", "7"], "--near is a similarity from 0.5 to 1"),
        (["--out", "."], "is a folder"),
    ],
)
def test_an_error_is_one_line_and_exit_2(
    arguments: list[str], message: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = [] if arguments[0].endswith(".csv") else [path("test")]
    assert run(monkeypatch, "profile", *file, *arguments) == 2
    said = capsys.readouterr().err
    assert message in said
    assert said.count("\n") == 1
