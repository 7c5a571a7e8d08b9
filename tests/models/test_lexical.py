"""The start `lexical`: punctuation counts, tiny pools work, and what was saved comes back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tithe import Items
from tithe.errors import DataError, NeedsError
from tithe.models.lexical import Lexical, LexicalStart
from tithe.models.starts import prepare_start
from tithe.rng import stream
from tithe.views import ViewStore


def items_of(*texts: str) -> Items:
    return Items([f"{number}" for number in range(len(texts))], texts)


def prepared(items: Items, dims: int = 512) -> LexicalStart:
    return Lexical(dims).prepare(items, store=ViewStore(None), rng=stream(0))


def test_a_question_mark_is_a_word() -> None:
    questions = items_of("you went home?", "you went home", "you ran away?", "you ran away", "we ate?", "we ate")
    start = prepared(questions)
    rows = start.view("lexical", questions)
    assert abs(rows[0] - rows[1]).max() > 0.05
    assert "?" in start._fitted.words


def test_rows_have_length_one_and_a_text_without_a_known_word_is_zero() -> None:
    start = prepared(items_of("red bike", "blue bike", "red boat", "blue boat"))
    rows = start.view("lexical", items_of("bike boat", "Zebra!", "red"))
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), [1, 0, 1], atol=1e-5)


@pytest.mark.parametrize(
    "texts",
    [
        ("a",),
        ("a b",),
        ("x",) * 5,
        ("a", "b"),
        ("one two", "three four", "five"),
    ],
)
def test_tiny_pools_have_a_view(texts: tuple[str, ...]) -> None:
    rows = prepared(items_of(*texts)).view("lexical", items_of(*texts))
    assert len(rows) == len(texts)
    assert np.isfinite(rows).all()
    assert rows.shape[1] >= 1


def test_a_pool_without_words_or_texts_is_an_error() -> None:
    with pytest.raises(DataError, match="no text of the pool has a word"):
        prepared(items_of(" ", "\t")).view("lexical", items_of("a"))
    with pytest.raises(DataError, match="no texts to learn words from"):
        prepared(items_of()).view("lexical", items_of("a"))


def test_it_stands_in_for_an_embedding_and_gives_nothing_else(example: Any) -> None:
    start = prepared(example.pool)
    np.testing.assert_array_equal(start.view("embeddings", example.pool), start.view("lexical", example.pool))
    with pytest.raises(NeedsError, match="gives embeddings, lexical, word_forms; not 'middle'"):
        start.view("middle", example.pool)


def test_like_texts_lie_close(example: Any) -> None:
    start = prepared(example.pool)
    rows = start.view("lexical", items_of("My bike has a flat tyre", "my bike has a flat tyre!!", "delete my account"))
    assert rows[0] @ rows[1] > rows[0] @ rows[2] + 0.3


def test_what_was_saved_comes_back_the_same(example: Any, tmp_path: Path) -> None:
    start = prepared(example.pool, 40)
    loaded = Lexical().load(tmp_path, start.save(tmp_path), store=ViewStore(None))
    assert loaded.fingerprint == start.fingerprint
    np.testing.assert_array_equal(loaded.view("lexical", example.held), start.view("lexical", example.held))


def test_other_texts_and_other_dims_have_other_fingerprints(example: Any) -> None:
    prints = {prepared(items, dims).fingerprint for items in (example.pool, example.held) for dims in (40, 41)}
    assert len(prints) == 4


def test_alone_or_beside_an_encoder_it_is_the_same_start(example: Any) -> None:
    # A shared cache holds the pool's view of the one, and a later test view comes from the other: they must agree.
    alone = prepare_start("lexical", example.pool, store=ViewStore(None))
    beside = prepare_start("minilm+lexical", example.pool, store=ViewStore(None))
    np.testing.assert_array_equal(alone.view("lexical", example.held), beside.view("lexical", example.held))
