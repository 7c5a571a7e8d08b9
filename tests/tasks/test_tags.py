"""Tags and spans: round trips, and every reading against an oracle written here from the rules of conlleval."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tithe.errors import ConfigError, DataError
from tithe.tasks.tags import SCHEMES, Scheme, detect, faults, fit_spans, spans_to_tags, tags_to_spans
from tithe.tokens import Tokens, joined
from tithe.types import Span


def tokens_of(count: int) -> Tokens:
    return joined(["ab"] * count)[1]


def conlleval(tags: list[str]) -> list[tuple[str, int, int]]:
    """(type, first, last) as seqeval's get_entities gives them, from its tables of where chunks begin and end."""
    ends = {"EE", "EI", "EO", "SE", "SI", "SO", "BB", "BS", "BO", "IB", "IS", "IO", "EB", "ES", "SB", "SS"}
    begins = {"EE", "EI", "SE", "SI", "OE", "OI"}
    chunks: list[tuple[str, int, int]] = []
    first, last_letter, last_type = 0, "O", ""
    for at, tag in enumerate([*tags, "O"]):
        letter, kind = tag[0], tag[2:]
        letter = {"L": "E", "U": "S"}.get(letter, letter)
        if last_letter != "O" and (last_letter + letter in ends or last_type != kind):
            chunks.append((last_type, first, at - 1))
        if letter in "BS" or last_letter + letter in begins or (letter != "O" and last_type != kind):
            first = at
        last_letter, last_type = letter, kind
    return chunks


ANY_TAG = st.one_of(st.just("O"), st.builds("{}-{}".format, st.sampled_from("BIESLU"), st.sampled_from(["X", "Y-Z"])))


@given(st.lists(ANY_TAG, max_size=12))
@settings(max_examples=500, deadline=None)
def test_any_tags_mean_what_conlleval_says(tags: list[str]) -> None:
    tokens = tokens_of(len(tags))
    expected = [Span(tokens[first][0], tokens[last][1], kind) for kind, first, last in conlleval(tags)]
    assert list(tags_to_spans(tokens, tags)) == expected


@given(
    scheme=st.sampled_from(SCHEMES),
    cuts=st.lists(st.tuples(st.integers(1, 3), st.sampled_from(["", "PER", "LOC"])), max_size=8),
)
@settings(max_examples=300, deadline=None)
def test_spans_come_back_from_the_tags_of_every_scheme(scheme: Scheme, cuts: list[tuple[int, str]]) -> None:
    tokens = tokens_of(sum(length for length, _ in cuts))
    spans, at = [], 0
    for length, label in cuts:
        if label:
            spans.append(Span(tokens[at][0], tokens[at + length - 1][1], label))
        at += length
    tags = spans_to_tags(tokens, spans, scheme)
    assert list(tags_to_spans(tokens, tags, scheme)) == spans
    assert faults(tags, scheme) == []


def test_each_scheme_writes_as_its_authors_did() -> None:
    tokens = tokens_of(6)
    spans = [Span(0, 5, "A"), Span(6, 8, "A"), Span(12, 17, "B")]
    assert spans_to_tags(tokens, spans, "IOB1") == ["I-A", "I-A", "B-A", "O", "I-B", "I-B"]
    assert spans_to_tags(tokens, spans, "IOB2") == ["B-A", "I-A", "B-A", "O", "B-B", "I-B"]
    assert spans_to_tags(tokens, spans, "BIOES") == ["B-A", "E-A", "S-A", "O", "B-B", "E-B"]
    assert spans_to_tags(tokens, spans, "BILOU") == ["B-A", "L-A", "U-A", "O", "B-B", "L-B"]
    with pytest.raises(ConfigError, match="unknown scheme 'IOB3'"):
        spans_to_tags(tokens, spans, "IOB3")  # type: ignore[arg-type]


@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_scheme_is_found_from_the_tags(scheme: Scheme) -> None:
    tokens = tokens_of(4)
    spans = [Span(0, 2, "A"), Span(3, 5, "A"), Span(9, 11, "B")]
    assert detect([["O"], spans_to_tags(tokens, spans, scheme)]) == scheme


def test_tags_that_break_a_named_scheme_are_an_error() -> None:
    with pytest.raises(DataError, match="the tag 'I-A' of token 2 breaks the rules of IOB2"):
        tags_to_spans(tokens_of(2), ["O", "I-A"], "IOB2")
    with pytest.raises(DataError, match="2 tokens and 1 tags"):
        tags_to_spans(tokens_of(2), ["O"])


@pytest.mark.parametrize("tag", ["PER", "B-", "X-PER", "o", "", "-", "B_PER"])
def test_what_is_no_tag_is_an_error(tag: str) -> None:
    with pytest.raises(DataError, match="is not a tag; write O"):
        tags_to_spans(tokens_of(1), [tag])


def test_spans_that_tags_cannot_hold_are_refused_left_out_or_widened_and_counted() -> None:
    tokens = tokens_of(4)  # 0-2 3-5 6-8 9-11
    cut, inside, blank, good = Span(4, 8, "A"), Span(3, 5, "B"), Span(5, 6, "C"), Span(9, 11, "D")
    for span, reason in ((cut, "begins or ends inside a token"), (blank, "covers no token")):
        with pytest.raises(DataError, match=reason):
            spans_to_tags(tokens, [span])
    with pytest.raises(DataError, match="overlaps another one"):
        spans_to_tags(tokens, [Span(3, 8, "A"), inside])
    skipped = fit_spans(tokens, [cut, blank, good], "skip")
    assert skipped == (((3, 3, "D"),), (cut, blank), ())
    widened = fit_spans(tokens, [cut, inside, good], "expand")
    assert widened == (((1, 2, "A"), (3, 3, "D")), (inside,), (cut,))
    assert spans_to_tags(tokens, [cut, inside, good], misfit="expand") == ["O", "B-A", "I-A", "B-D"]
