"""CoNLL columns, as they come in the wild."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tithe.data import format_for, write_rows
from tithe.data.reading import read_items
from tithe.errors import ColumnError, ConfigError, DataError
from tithe.types import Span

SHARED = """-DOCSTART- -X- -X- O

EU NNP I-NP I-ORG
rejects VBZ I-VP O
German JJ I-NP I-MISC
call NN I-NP O

Peter NNP I-NP I-PER
Blackburn NNP I-NP I-PER


-DOCSTART- -X- -X- O
\t
BRUSSELS\tNNP\tI-NP\tI-LOC
1996-08-22 CD I-NP O
"""


def file(folder: Path, content: str, name: str = "in.conll") -> Path:
    (folder / name).write_bytes(content.encode())
    return folder / name


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_the_shared_task_is_read_with_its_documents_and_scheme(tmp_path: Path, end: str) -> None:
    path = file(tmp_path, SHARED.replace("\n", end))
    items = read_items(path, task="spans")
    assert items.texts == ["EU rejects German call", "Peter Blackburn", "BRUSSELS 1996-08-22"]
    assert items.gold == [
        (Span(0, 2, "ORG"), Span(11, 17, "MISC")),
        (Span(0, 15, "PER"),),
        (Span(0, 8, "LOC"),),
    ]
    assert items.notes == ("tags are in the scheme IOB1",)
    table = format_for(path).read(path, header=True, columns=None)
    assert list(table.columns) == ["tokens", "column 2", "column 3", "tags", "doc"]
    assert table.columns["doc"] == ["1", "1", "2"]
    assert list(table.lines) == [3, 8, 14]


def test_columns_can_be_chosen_by_settings_or_by_names(tmp_path: Path) -> None:
    path = file(tmp_path, "1 EU B-ORG NNP\n2 bans O VBZ\n")
    assert read_items(path, task="spans", format="conll(token=1, tag=2)").gold == [(Span(0, 2, "ORG"),)]
    assert read_items(path, task="spans", columns=["n", "tokens", "tags", "pos"]).texts == ["EU bans"]
    with pytest.raises(ConfigError, match="4 columns, and tag=7 is none of them"):
        read_items(path, task="spans", format="conll(tag=7)")
    with pytest.raises(ConfigError, match="'conll' has no setting 'tags'; did you mean 'tag'"):
        read_items(path, task="spans", format="conll(tags=2)")
    with pytest.raises(ConfigError, match="none is 'tokens'"):
        read_items(path, task="spans", columns=["a", "b", "c", "d"])
    with pytest.raises(ConfigError, match="4 columns; give each its own name"):
        read_items(path, task="spans", columns=["tokens", "tags"])


def test_a_line_of_another_number_of_columns_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="line 2: 3 columns where 2 are expected"):
        read_items(file(tmp_path, "EU B-ORG\nrejects it O\n"), task="spans")


def test_tabs_let_a_token_hold_blanks(tmp_path: Path) -> None:
    items = read_items(file(tmp_path, "New York\tB-LOC\nis\tO\n"), task="spans")
    assert items.texts == ["New York is"]
    assert items.gold == [(Span(0, 8, "LOC"),)]


def test_tokens_alone_have_no_labels(tmp_path: Path) -> None:
    items = read_items(file(tmp_path, "EU\nrejects\n\n\n\nPeter"), task="spans")
    assert (items.texts, items.gold) == (["EU rejects", "Peter"], None)


@pytest.mark.parametrize("content", ["", "\n\n", "-DOCSTART- -X- O O\n\n"])
def test_a_file_without_sentences_has_no_rows(tmp_path: Path, content: str) -> None:
    with pytest.raises(DataError, match="has no rows"):
        read_items(file(tmp_path, content), task="spans")


def test_a_conll_file_for_another_task_says_what_it_holds(tmp_path: Path) -> None:
    with pytest.raises((ColumnError, DataError), match="tokens"):
        read_items(file(tmp_path, SHARED))


CELL = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"], exclude_characters=" \ufeff"), min_size=1, max_size=4
).filter(lambda text: not text.startswith("-DOCSTART-"))
TOKEN = st.one_of(CELL, st.tuples(CELL, CELL).map(" ".join))


@given(st.lists(st.lists(st.tuples(TOKEN, CELL, CELL), min_size=1, max_size=4), min_size=1, max_size=4))
@settings(max_examples=150, deadline=None)
def test_what_was_written_comes_back(sentences: list[list[tuple[str, str, str]]]) -> None:
    columns: dict[str, list[object]] = {
        name: [[row[at] for row in rows] for rows in sentences]
        for at, name in enumerate(("tokens", "column 2", "tags"))
    }
    columns["doc"] = [str(at // 2 + 1) for at in range(len(sentences))]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.conll"
        write_rows(path, columns)
        assert dict(format_for(path).read(path, header=True, columns=None).columns) == columns


@pytest.mark.parametrize("token", ["a\tb", "", "a\nb", " a", "-DOCSTART-"])
def test_a_token_that_no_line_can_hold_is_refused(tmp_path: Path, token: str) -> None:
    with pytest.raises(DataError, match="row 1 has"):
        write_rows(tmp_path / "a.conll", {"tokens": [[token]], "tags": [["O"]]})
    assert not list(tmp_path.iterdir())


def test_columns_that_do_not_fit_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="not one cell for each token"):
        write_rows(tmp_path / "a.conll", {"tokens": [["a", "b"]], "tags": [["O"]]})
    with pytest.raises(DataError, match="needs a column 'tokens'"):
        write_rows(tmp_path / "a.conll", {"text": ["a"]})
