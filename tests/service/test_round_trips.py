"""What goes out in any format and is read again gives the same items with the same labels."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tithe.data.reading import read_items
from tithe.log import Answered
from tithe.service.product import export
from tithe.store.answers import Annotation
from tithe.tasks.tags import fit_spans
from tithe.tokens import tokenise, tokens_of
from tithe.types import Items, Label, Span

SHARED = Path(__file__).parents[3] / "shared" / "data"
FORMATS = ("csv", "tsv", "jsonl", "parquet", "label-studio", "doccano", "prodigy")

NASTY = st.text(
    st.one_of(
        st.sampled_from("a=+-@\"',;\t\n\r #|{}[]\\é漢字שלוםह्ि👍🏿👩‍🚀\u0301\u200b\u2028\ufeff\xa0＝<&"),
        st.characters(codec="utf-8", exclude_characters="\0"),
    ),
    min_size=1,
    max_size=30,
).filter(lambda text: bool(text.strip()))
NAMES = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=5)


def spans_in(text: str) -> st.SearchStrategy[Label]:
    """Any spans inside a text."""
    places = st.tuples(st.integers(0, len(text) - 1), st.integers(1, 8), NAMES)
    return st.lists(places, max_size=4).map(
        lambda all_: tuple(sorted({Span(start, min(start + size, len(text)), name) for start, size, name in all_}))
    )


@st.composite
def labelled(draw: st.DrawFn, task: str) -> tuple[list[str], list[Label]]:
    """Texts that differ, each with a label of the task."""
    texts = draw(st.lists(NASTY, min_size=1, max_size=6, unique=True))
    if task == "choice":
        return texts, [draw(NAMES) for _ in texts]
    if task == "multilabel":
        return texts, [draw(st.frozensets(NAMES, max_size=3)) for _ in texts]
    return texts, [draw(spans_in(text)) for text in texts]


def sent(folder: str | Path, items: Items, labels: Sequence[Label], task: str, format: str) -> Items:
    """The items that are read from an export of these answers."""
    answers = [
        Annotation(at, 1.7e9 + at, Answered(id, label, "anna", seconds=2.5), text, True)
        for at, (id, text, label) in enumerate(zip(items.ids, items.texts, labels, strict=True), 1)
    ]
    done = export(answers, items, task, format=format, into=Path(folder) / "out")
    return read_items(done.path, task=task, format=format)


@pytest.mark.parametrize("task", ["choice", "multilabel", "spans"])
@pytest.mark.parametrize("format", FORMATS)
@given(data=st.data())
@settings(max_examples=40, deadline=None)
def test_any_text_and_label_comes_back(format: str, task: str, data: st.DataObject) -> None:
    texts, labels = data.draw(labelled(task))
    items = Items([f"={at}" for at in range(len(texts))], texts)
    with tempfile.TemporaryDirectory() as folder:
        back = sent(folder, items, labels, task, format)
    assert (list(back.ids), list(back.texts)) == (list(items.ids), texts)
    assert back.gold == labels


@pytest.mark.parametrize("task", ["choice", "multilabel", "spans"])
@given(data=st.data())
@settings(max_examples=40, deadline=None)
def test_a_crowd_table_keeps_ids_and_labels(task: str, data: st.DataObject) -> None:
    texts, labels = data.draw(labelled(task))
    items = Items([f"={at}" for at in range(len(texts))], texts)
    with tempfile.TemporaryDirectory() as folder:
        back = sent(folder, items, labels, task, "crowd")
    assert list(back.ids) == list(items.ids)
    assert back.gold == labels


@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_conll_keeps_each_token_and_each_span_that_tags_can_hold(data: st.DataObject) -> None:
    texts, labels = data.draw(labelled("spans"))
    items = Items([str(at) for at in range(len(texts))], texts)
    with tempfile.TemporaryDirectory() as folder:
        back = sent(folder, items, labels, "spans", "conll(misfit=expand)")
    rows = []
    for text, spans in zip(texts, labels, strict=True):
        places = [place for place in tokenise(text) if text[slice(*place)].strip("\ufeff")]
        if places:
            words = [text[slice(*place)].strip("\ufeff") for place in places]
            rows.append((words, fit_spans(tuple(places), spans, "expand").ranges))
    assert len(back) == len(rows)
    for item, gold, (words, ranges) in zip(back, back.gold or (), rows, strict=True):
        assert [item.text[slice(*place)] for place in tokens_of(item)] == words
        assert fit_spans(tokens_of(item), gold).ranges == ranges


def real(name: str, file: str, task: str, **options: str) -> Items:
    path = SHARED / name / file
    if not path.exists():
        pytest.skip(f"{path} is not there")
    items = read_items(path, task=task, require_label=True, dedupe=True, **options)
    return Items(
        items.ids[:2000], items.texts[:2000], (items.gold or [])[:2000], tokens=items.tokens and items.tokens[:2000]
    )


@pytest.mark.data
@pytest.mark.parametrize("format", [*FORMATS, "xlsx", "conll"])
@pytest.mark.parametrize(
    ("name", "file", "task"),
    [
        ("trec", "train.parquet", "choice"),
        ("arxiv_titles", "train.parquet", "multilabel"),
        ("conll2003", "train.parquet", "spans"),
    ],
)
def test_real_data_comes_back(tmp_path: Path, name: str, file: str, task: str, format: str) -> None:
    if format == "conll" and task != "spans":
        pytest.skip("CoNLL holds spans alone")
    items = real(name, file, task)
    labels = [label for label in items.gold or () if label is not None]
    back = sent(tmp_path, items, labels, task, format)
    assert list(back.texts) == list(items.texts)
    assert back.gold == labels
    if format in ("conll", "prodigy") and task == "spans":
        assert [tuple(map(tuple, one)) for one in back.tokens or ()] == [
            tuple(map(tuple, one)) for one in items.tokens or ()
        ]
