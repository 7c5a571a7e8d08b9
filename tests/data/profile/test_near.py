"""Near duplicates against brute force, and what must not be called near."""

from __future__ import annotations

from itertools import combinations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tithe.data.example import path
from tithe.data.profile.near import groups, near_across, near_pairs
from tithe.data.profile.words import pairs, scan, similarity, words
from tithe.data.reading import read_items
from tithe.rng import stream


def brute_groups(texts: list[str], threshold: float) -> set[frozenset[int]]:
    """Connected components over every pair, by the definition."""
    shingles = [pairs(text) for text in texts]
    whole = {row: {row} for row in range(len(texts))}
    for a, b in combinations(range(len(texts)), 2):
        if len(shingles[a] & shingles[b]) >= threshold * len(shingles[a] | shingles[b]) and whole[a] is not whole[b]:
            merged = whole[a] | whole[b]
            for row in merged:
                whole[row] = merged
    return {frozenset(rows) for rows in whole.values() if len(rows) > 1}


def found_groups(texts: list[str], threshold: float) -> set[frozenset[int]]:
    scanned = scan(texts)
    found = near_pairs(texts, scanned, threshold)
    assert found.is_whole
    assert all(pair.similarity == similarity(texts[pair.a], texts[pair.b]) >= threshold for pair in found.pairs)
    return {frozenset(rows) for rows in groups(len(texts), scanned.first, found.pairs).values()}


def edited(count: int, seed: int) -> list[str]:
    """Texts of 12 to 40 words, a third of them copies of another with one to three words changed."""
    rng = stream(seed, "edited")
    vocabulary = [f"word{n}" for n in range(400)]
    texts: list[list[str]] = []
    for _ in range(count):
        if texts and rng.random() < 0.35:
            copy = list(texts[int(rng.integers(len(texts)))])
            for _ in range(int(rng.integers(1, 4))):
                copy[int(rng.integers(len(copy)))] = vocabulary[int(rng.integers(400))]
            texts.append(copy)
        else:
            texts.append([vocabulary[n] for n in rng.integers(400, size=int(rng.integers(12, 41)))])
    return [" ".join(text) for text in texts]


def test_groups_are_those_of_brute_force() -> None:
    # At .8 a pair is missed with probability 4e-6; 250 texts have some 80 such pairs.
    for seed in range(3):
        texts = edited(250, seed)
        assert found_groups(texts, 0.8) == brute_groups(texts, 0.8)


def test_nearly_all_is_found_at_the_default_threshold() -> None:
    missed = total = 0
    for seed in range(3, 7):
        texts = edited(250, seed)
        exact, found = brute_groups(texts, 0.7), found_groups(texts, 0.7)
        total += sum(len(group) - 1 for group in exact)
        missed += sum(len(group) - 1 for group in exact) - sum(len(group) - 1 for group in found)
        assert all(any(group <= whole for whole in exact) for group in found), "nothing is near that is not"
    assert total > 200
    assert missed <= 0.02 * total


def test_groups_of_the_bundled_messages_are_those_of_brute_force() -> None:
    texts = list(read_items(path("train")).texts)[:500]
    exact, found = brute_groups(texts, 0.7), found_groups(texts, 0.7)
    assert sum(map(len, found)) >= 0.98 * sum(map(len, exact))
    assert all(any(group <= whole for whole in exact) for group in found)


def test_many_copies_of_one_template_are_one_group() -> None:
    texts = [f"please confirm the order number {n} that you placed with our shop on monday morning" for n in range(400)]
    assert found_groups(texts, 0.7) == {frozenset(range(400))}


def test_texts_without_words_are_alike_only_if_they_are_the_same() -> None:
    texts = [":-)", "!!!", "***", " !!! ", "---", "👍"]
    scanned = scan(texts)
    assert scanned.first.tolist() == [0, 1, 2, 1, 4, 5]
    assert found_groups(texts, 0.7) == {frozenset({1, 3})}


def test_case_punctuation_and_forms_of_a_character_do_not_part_texts() -> None:
    texts = ["Don't shout!", "don t SHOUT", "ﬁne", "FINE.", "caf\u00e9", "cafe\u0301", "你好", "你 好"]
    assert scan(texts).first.tolist() == [0, 0, 2, 2, 4, 4, 6, 6]
    assert words("你好吗 ok") == ["你", "好", "吗", "ok"]


@given(st.lists(st.text(max_size=30), max_size=30))
@settings(max_examples=60, deadline=None)
def test_any_texts_can_be_scanned(texts: list[str]) -> None:
    scanned = scan(texts)
    assert len(scanned.signatures) == len(scanned.distinct) == len(scanned.keys)
    assert scanned.characters.tolist() == [len(text) for text in texts]
    found_groups(texts, 0.7)


def test_the_scan_does_not_depend_on_its_blocks() -> None:
    texts = edited(120, 9)
    whole = scan(texts)
    parts = [scan([text]) for text in texts]
    np.testing.assert_array_equal(whole.signatures, np.concatenate([p.signatures for p in parts])[whole.distinct])


def test_across_two_files_each_test_text_gets_its_most_similar_training_text() -> None:
    texts = edited(300, 5)
    train, test = texts[:200], [*texts[200:], texts[0]]
    found = near_across((train, scan(train)), (test, scan(test)), 0.8)
    expected = {}
    for row, text in enumerate(test):
        best = max(range(len(train)), key=lambda at: (similarity(train[at], text), -at))
        alike = similarity(train[best], text)
        if 0.8 <= alike < 1:
            expected[row] = alike
    assert {pair.b: pair.similarity for pair in found.pairs} == expected
