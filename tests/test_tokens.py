"""Tokens: every character once, whole graphemes, offsets in code points."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tithe.tokens import joined, tokenise

EMOJI = ["👩🏽‍🚀", "👨‍👩‍👧", "🇩🇪", "1️⃣", "❤️", "☎️", "🏴󠁧󠁢󠁥󠁮󠁧󠁿", "👍🏿", "🏳️‍🌈", "e\u0301", "न्म", "가", "각"]


def words(text: str) -> list[str]:
    return [text[start:end] for start, end in tokenise(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("EU rejects German call.", ["EU", "rejects", "German", "call", "."]),
        ("1,000.50 3.5kg 10k B2B x_1", ["1,000.50", "3.5", "kg", "10k", "B2B", "x_1"]),
        ("Merkel's covid-19", ["Merkel", "'", "s", "covid", "-", "19"]),
        ("#tag @user ...", ["#", "tag", "@", "user", ".", ".", "."]),
        ("你好 world, カタカナ한국", ["你", "好", "world", ",", "カ", "タ", "カ", "ナ", "한", "국"]),
        ("สวัสดี", ["ส", "วั", "ส", "ดี"]),
        ("می\u200cخواهم نامه", ["می\u200cخواهم", "نامه"]),
        ("re\u0301sume\u0301 soft\u00adhyphen", ["re\u0301sume\u0301", "soft\u00adhyphen"]),
        ("a\u200bb", ["a", "\u200b", "b"]),
        ("👩🏽‍🚀👨‍👩‍👧 🇩🇪🇫🇷1️⃣", ["👩🏽‍🚀", "👨‍👩‍👧", "🇩🇪", "🇫🇷", "1️⃣"]),
        ("  \t\n", []),
        ("", []),
    ],
)
def test_words_numbers_marks_and_emoji_are_told_apart(text: str, expected: list[str]) -> None:
    assert words(text) == expected


@given(st.lists(st.one_of(st.text(max_size=4), st.sampled_from([*EMOJI, " ", "\n", "a", "1", "漢"]))).map("".join))
@settings(max_examples=300, deadline=None)
def test_every_character_but_blanks_is_in_exactly_one_token(text: str) -> None:
    at = 0
    for start, end in tokenise(text):
        assert at <= start < end
        assert not text[at:start].strip()
        assert not any(char.isspace() for char in text[start:end])
        at = end
    assert not text[at:].strip()


@given(st.lists(st.sampled_from([*EMOJI, " ", "a", "12", "漢", "!", "é"]), max_size=12).map("".join))
@settings(max_examples=300, deadline=None)
def test_no_token_ends_inside_a_grapheme_cluster(text: str) -> None:
    regex = pytest.importorskip("regex", reason="the oracle for grapheme clusters, which comes with transformers")
    ends = {match.end() for match in regex.finditer(r"\X", text)}
    assert {end for _, end in tokenise(text)} <= ends


def test_tokens_joined_by_blanks_know_where_they_are() -> None:
    text, offsets = joined(["EU", "👩🏽‍🚀", "two words", "."])
    assert [text[start:end] for start, end in offsets] == ["EU", "👩🏽‍🚀", "two words", "."]
    assert joined([]) == ("", ())
