"""What the pages show of labels and scores, before it is HTML."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tithe.service.pages.export import formats
from tithe.service.pages.models import comparison_judgement
from tithe.service.pages.try_out import curl, texts_in
from tithe.service.showing import COLOURS, between, colour_of, minutes, names_of, shortened, stretches

LABELS = ["PER", "LOC", "ORG"]
TEXT = "👍🏿 Zoë met 李雷 in São Paulo"


@st.composite
def marked(draw: st.DrawFn) -> tuple[str, list[dict[str, Any]]]:
    text = draw(st.text(max_size=30))
    place = st.integers(0, len(text) + 3)
    pairs = draw(st.lists(st.tuples(place, place, st.sampled_from(LABELS)), max_size=6))
    return text, [{"start": min(a, b), "end": max(a, b), "label": label} for a, b, label in pairs]


@settings(deadline=None)
@given(marked())
def test_stretches_are_the_text_and_each_character_has_the_labels_of_its_spans(given: Any) -> None:
    text, spans = given
    pieces = stretches(text, spans, LABELS)
    assert "".join(one.text for one in pieces) == text
    place = 0
    for one in pieces:
        for _ in one.text:
            over = sorted(span["label"] for span in spans if span["start"] <= place < span["end"])
            assert sorted(one.labels) == over
            place += 1


@settings(deadline=None)
@given(marked())
def test_every_span_that_holds_a_character_is_named_once(given: Any) -> None:
    text, spans = given
    named = sorted(name for one in stretches(text, spans, LABELS) for name in one.begins)
    assert named == sorted(one["label"] for one in spans if one["start"] < min(one["end"], len(text)))


def test_offsets_count_code_points_whatever_the_script() -> None:
    spans = [{"start": 3, "end": 6, "label": "PER"}, {"start": 11, "end": 13, "label": "PER"}]
    assert [one.text for one in stretches(TEXT, spans, LABELS) if one.labels] == ["Zoë", "李雷"]


def test_colours_come_round_again() -> None:
    labels = [str(number) for number in range(COLOURS + 1)]
    assert colour_of(labels[-1], labels) == colour_of(labels[0], labels) == 0


def test_a_long_text_without_blanks_is_cut_as_well() -> None:
    assert shortened("x" * 50, 10) == "x" * 9 + " …"


def test_names_of_each_kind_of_label() -> None:
    assert names_of("a") == ["a"]
    assert names_of(["b", "a"]) == ["b", "a"]
    assert names_of([{"start": 0, "end": 1, "label": "x"}, {"start": 2, "end": 3, "label": "x"}]) == ["x"]


@pytest.mark.parametrize(("seconds", "words"), [(0.4, "0 s"), (59, "59 s"), (61, "1 min"), (3599, "1 h")])
def test_minutes_of_short_times(seconds: float, words: str) -> None:
    assert minutes(seconds) == words


def test_an_interval_is_told_in_per_cent() -> None:
    assert between(0.4472, 0.91) == "44.7 % to 91.0 %"


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (0.01, 0.2, "version 2 is the better one"),
        (-0.2, -0.01, "version 1 is the better one"),
        (-0.1, 0.1, "cannot be"),
    ],
)
def test_a_comparison_says_no_more_than_its_interval(low: float, high: float, said: str) -> None:
    found = {"a": 1, "b": 2, "measure": "accuracy", "difference": (low + high) / 2, "low": low, "high": high, "p": None}
    assert said in comparison_judgement(found)


def test_a_shell_reads_the_call_as_it_was_meant() -> None:
    import json
    import shlex

    texts = ["it's", '$(rm -rf /) `id` "quoted"', "two\nlines", "👍🏿"]
    words = shlex.split(curl("http://127.0.0.1:1/predict", {"texts": texts, "model": None}).replace("\\\n", ""))
    assert json.loads(words[words.index("-d") + 1]) == {"texts": texts}
    assert words[-1] == "http://127.0.0.1:1/predict"


def test_each_line_with_words_is_a_text() -> None:
    assert texts_in("one\n\n  \r\ntwo\n", lines=True) == ["one", "two"]


def test_formats_that_cannot_hold_a_task_are_not_offered() -> None:
    assert "conll" in {one["name"] for one in formats("spans")}
    assert "conll" not in {one["name"] for one in formats("choice")}
    assert not {"huggingface", "txt"} & {one["name"] for one in formats("choice")}
    assert {"csv", "jsonl", "label-studio", "doccano", "prodigy", "crowd"} <= {one["name"] for one in formats("choice")}
    assert all(one["title"] for one in formats("choice"))
