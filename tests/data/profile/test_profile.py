"""The numbers of a profile against counts made another way."""

from __future__ import annotations

import os
from collections import Counter
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tithe.data.profile import profile
from tithe.data.profile.characters import odd_characters
from tithe.data.profile.labels import label_facts
from tithe.data.profile.language import STOP_WORDS, guess, languages
from tithe.data.profile.lengths import spread
from tithe.data.reading import first_labels, read_items
from tithe.types import Items, Span

DATA = Path(os.environ.get("TITHE_DATA") or Path(__file__).resolve().parents[4] / "shared" / "data")
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason=f"no data sets in {DATA}; name their folder in TITHE_DATA")


@given(st.lists(st.integers(0, 5000), min_size=1, max_size=200))
@settings(max_examples=150, deadline=None)
def test_bins_hold_every_value_once_and_percentiles_are_numpys(values: list[int]) -> None:
    found = spread("words", values)
    assert sum(number for _, _, number in found.bins) == len(values)
    assert all(number == sum(low <= value <= high for value in values) for low, high, number in found.bins)
    assert all(a[1] + 1 == b[0] for a, b in zip(found.bins, found.bins[1:], strict=False))
    assert len(found.bins) <= 62
    assert found.percentiles[50] == np.median(values)
    assert (found.least, found.most) == (min(values), max(values))


def test_label_counts_of_choices() -> None:
    facts = label_facts(Items(list("abcde"), ["x"] * 5, ["p", "q", "p", None, "p"]))
    assert facts is not None
    assert (facts.labelled, facts.unlabelled) == (4, 1)
    assert facts.counts == (("p", 3), ("q", 1))
    assert facts.imbalance == 3
    assert facts.per_item is None
    assert label_facts(Items(["a"], ["x"])) is None
    assert label_facts(Items(["a"], ["x"], [None])) is None


def test_sets_of_labels_are_counted_alone_and_together() -> None:
    gold = [frozenset(one) for one in ("ab", "ab", "abc", "c", "")]
    facts = label_facts(Items(list("12345"), ["x"] * 5, [*gold]), firsts=["b", "a", "b", "c", None])
    assert facts is not None
    assert facts.counts == (("a", 3), ("b", 3), ("c", 2))
    assert facts.empty == 1
    assert facts.combinations[0] == ("a; b", 2)
    assert facts.distinct_combinations == 4
    together = facts.together
    assert together is not None
    assert together.is_ordered
    cell = {
        (row, column): number
        for row, numbers in zip(together.rows, together.counts, strict=True)
        for column, number in zip(together.columns, numbers, strict=True)
    }
    assert cell["b", "a"] == 2
    assert cell["a", "b"] == 1
    assert dict(zip(together.rows, together.totals, strict=True)) == {"a": 1, "b": 2, "c": 1}
    unordered = label_facts(Items(list("12345"), ["x"] * 5, [*gold]), firsts=["a", "a", "a", "c", None])
    assert unordered is not None
    assert unordered.together is not None
    assert not unordered.together.is_ordered, "sorted lists say nothing of a primary label"


def test_spans_are_counted_by_label_with_their_texts() -> None:
    texts = ["in Bonn and Bonn", "New York Times", "none"]
    gold = [(Span(3, 7, "LOC"), Span(12, 16, "LOC")), (Span(0, 8, "LOC"), Span(0, 14, "ORG")), ()]
    facts = label_facts(Items(["1", "2", "3"], texts, gold))
    assert facts is not None
    assert facts.counts == (("LOC", 3), ("ORG", 1))
    assert facts.surfaces[0] == ("LOC", (("Bonn", 2), ("New York", 1)))
    assert (facts.overlapping, facts.empty) == (1, 1)
    assert facts.span_words is not None
    assert facts.span_words.most == 3


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("caf\u00c3\u00a9", "mojibake"),
        ("it\u00e2\u20ac\u2122s", "mojibake"),
        ("lost \ufffd here", "replacement character"),
        ("a\x00b", "control character"),
        ("a\x07b", "control character"),
        ("pay\u200bpal", "zero-width character"),
        ("a\u202egnp", "direction mark"),
        ("10\u00a0km", "unusual blank"),
        ("p\u0430ypal", "mixed scripts"),
        ("AT&amp;T", "HTML"),
        ("one<br/>two", "HTML"),
        ("one_x000D_two", "spreadsheet escape"),
        ("\ue000", "private or unassigned"),
        ("half \ud83d", "half a surrogate pair"),
    ],
)
def test_odd_characters_are_found(text: str, kind: str) -> None:
    assert kind in [one.kind for one in odd_characters(["fine", text])]


@pytest.mark.parametrize(
    "text",
    [
        "plain text\twith a tab\nand two lines",
        "Café, naïve, Ångström, 10 €, “quotes” – dashes…",
        "👩🏽‍🚀 family 👨‍👩‍👧 flags 🇩🇪",
        "Привет, мир",
        "می‌خواهم",
        "नमस्ते",
        "日本語の本",
        "a < b and c > d, R&D; x&y",
        "São Paulo, Â la carte",
        "angle 5 Ω, 10 μm",
    ],
)
def test_ordinary_texts_of_many_languages_are_not_odd(text: str) -> None:
    assert odd_characters([text]) == ()


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("What is the best way to get from here to the station?", "English"),
        ("Ich weiß nicht, was das für ein Tier ist und wie es heißt.", "German"),
        ("Le chat est sur la table et il ne veut pas descendre dans la rue.", "French"),
        ("No sé por qué el tren no está en la estación, pero es muy tarde.", "Spanish"),
        ("Non so che cosa sia, ma è più bello della casa di mio padre.", "Italian"),
        ("Não sei como é que uma coisa dessas aconteceu, mas foi ao mesmo tempo.", "Portuguese"),
        ("Het is niet de bedoeling dat je met een fiets naar het werk gaat.", "Dutch"),
        ("Det är inte för att jag har en bil som jag kör till jobbet.", "Swedish"),
        ("Nie wiem, czy to jest dobry pomysł, ale już się za to zabrałem.", "Polish"),
        ("Bu çok güzel bir gün ve ben ne kadar mutlu olduğumu bilmiyorum.", "Turkish"),
        ("Привет, как дела?", "Cyrillic"),
        ("これは日本語の文です。", "Japanese"),
        ("这是一个中文句子。", "Chinese characters"),
        ("안녕하세요 세계", "Korean"),
        ("show flights boston denver", "unclear"),
        ("", "unclear"),
    ],
)
def test_languages_are_guessed_by_alphabet_and_small_words(text: str, language: str) -> None:
    assert guess(text) == language


def test_links_and_names_have_no_vote() -> None:
    assert guess("@de @la #que https://t.co/ab https://t.co/de") == "unclear"
    assert len(STOP_WORDS) == 10


def test_a_few_foreign_texts_are_pointed_out() -> None:
    texts = ["what is the price of it"] * 50 + ["Ich weiß nicht, was das für ein Tier ist"] + ["flights only"] * 3
    found = languages(texts)
    assert found.counts == (("English", 50), ("German", 1), ("unclear", 3))
    assert found.others == ((50, "German"),)
    assert languages(["the of and"] * 95, most=10).looked_at == 10


def test_copies_conflicts_and_leaks_are_counted() -> None:
    base = "please tell me where the next train to the airport leaves and how much it costs today"
    texts = [base, base, base.upper() + "!", base.replace("today", "now"), "something else entirely", "x y z"]
    train = Items([f"t{n}" for n in range(6)], texts, ["a", "b", "a", "c", "d", "d"])
    test = Items(
        [f"s{n}" for n in range(5)],
        [base, "Something else, entirely", base.replace("please", "kindly"), "new words here", "new words too"],
        ["a", "x", "a", "a", "x"],
    )
    found = profile(train, test=test)
    assert (found.copies.identical, found.copies.same_words, found.copies.near) == (1, 1, 1)
    assert found.copies.conflicting == 1
    assert found.copies.conflicts[0].labels == (("a", 2), ("b", 1))
    assert found.copies.near_conflicting == 1
    leak = found.leakage
    assert leak is not None
    assert (leak.test, leak.identical, leak.same_words, leak.near) == (5, 1, 1, 1)
    assert leak.other_label == 1
    assert leak.undeclared == (("x", 2),)


def test_one_text_is_enough() -> None:
    found = profile(Items(["1"], ["hello"]), test=Items(["2"], ["hello"]))
    assert found.items == 1
    assert found.labels is None
    assert found.copies.groups == 0
    assert found.leakage is not None
    assert found.leakage.identical == 1


@needs_data
@pytest.mark.data
def test_atis_as_its_readme_counts_it() -> None:
    train, test = (read_items(DATA / "atis8" / f"{name}.parquet") for name in ("train", "test"))
    found = profile(train, test=test)
    assert found.labels is not None
    assert found.labels.counts[:2] == (("atis_flight", 3666), ("atis_airfare", 423))
    assert found.copies.identical == 335
    assert found.leakage is not None
    assert found.leakage.identical == 17
    assert found.words.most == max(len(text.replace("'", " ").replace(".", " ").split()) for text in train.texts)


@needs_data
@pytest.mark.data
def test_arxiv_titles_label_counts_and_pairs_against_plain_counting() -> None:
    path = DATA / "arxiv_titles" / "train.parquet"
    items = read_items(path, task="multilabel").take(np.arange(5000))
    firsts = first_labels(path)
    assert firsts is not None
    facts = label_facts(items, firsts[:5000])
    assert facts is not None
    assert dict(facts.counts) == Counter(name for label in items.gold or () for name in label)  # type: ignore[union-attr]
    unordered = label_facts(items)
    assert unordered is not None
    assert unordered.together is not None
    both = Counter(pair for label in items.gold or () for pair in combinations(sorted(map(str, label)), 2))  # type: ignore[arg-type]
    rows = unordered.together.rows
    for a, numbers in zip(rows, unordered.together.counts, strict=True):
        for b, number in zip(rows, numbers, strict=True):
            assert number == both[min(a, b), max(a, b)] or a == b


@needs_data
@pytest.mark.data
def test_conll_as_its_readme_counts_it() -> None:
    items = read_items(DATA / "conll2003" / "train.parquet", task="spans")
    facts = label_facts(items)
    assert facts is not None
    assert facts.counts == (("LOC", 7140), ("PER", 6600), ("ORG", 6321), ("MISC", 3438))
    assert sum(len(tokens) for tokens in items.tokens or ()) == 203621
