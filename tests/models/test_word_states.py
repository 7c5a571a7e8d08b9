"""The states of words: pieces find their tokens, long texts are read to their end."""

from __future__ import annotations

import numpy as np
import pytest

from tithe.models.encoder import EncoderStart, minilm
from tithe.rng import stream
from tithe.tokens import joined
from tithe.types import Items
from tithe.views import ViewStore


@pytest.fixture(scope="module")
def start() -> EncoderStart:
    return minilm().prepare(Items([], []), store=ViewStore(None), rng=stream(0, "t"))


def test_a_token_is_the_mean_of_its_pieces(start: EncoderStart) -> None:
    import torch

    tokenizer, model = start._loaded
    text = "Aung San visited Kyzylorda"
    rows = start.view("tokens", Items(["1"], [text]))
    encoded = tokenizer(text, return_offsets_mapping=True, return_tensors="pt")
    offsets = encoded.pop("offset_mapping")[0].tolist()
    with torch.inference_mode():
        states = model(**encoded, output_hidden_states=True).hidden_states[3][0].numpy()
    begin = text.index("Kyzylorda")
    pieces = [at for at, (a, b) in enumerate(offsets) if b > a and a >= begin]
    assert len(pieces) > 1
    assert rows.lengths.tolist() == [4]
    np.testing.assert_allclose(rows.values[3], states[pieces].mean(axis=0), atol=5e-3)


def test_the_tokens_of_the_file_are_those_that_count(start: EncoderStart) -> None:
    text, places = joined(["U.S.-led", "forces"])
    rows = start.view("tokens", Items(["1"], [text], tokens=[places]))
    assert rows.lengths.tolist() == [2]
    assert rows.places is not None
    assert rows.places.tolist() == [[0, 8], [9, 15]]
    assert np.abs(rows.values).sum(axis=1).min() > 1


def test_a_long_text_is_read_in_windows_that_agree_with_the_whole(start: EncoderStart) -> None:
    """Every token has a state, also behind the limit; far from the cut it is the state of the text's own beginning."""
    words = [f"{name} lives in {where} ." for name in ("Ada", "Grace", "Emmy") for where in ("Oslo", "Rome")] * 25
    text = " ".join(words)
    both = Items(["long", "short", "empty"], [text, " ".join(words[:20]), ""])
    rows = start.view("tokens", both)
    assert rows.lengths.tolist() == [750, 100, 0]
    assert np.abs(rows.row(0)).sum(axis=1).min() > 1
    near, own = rows.row(0)[:60].astype(np.float32), rows.row(1)[:60].astype(np.float32)
    cosine = (near * own).sum(axis=1) / np.linalg.norm(near, axis=1) / np.linalg.norm(own, axis=1)
    assert cosine.min() > 0.8
    # "Oslo" in the fourth window is still more like the other "Oslo" than like "Rome".
    late, other, rome = (rows.row(0)[at].astype(np.float32) for at in (603, 3, 8))
    assert late @ other / np.linalg.norm(other) > late @ rome / np.linalg.norm(rome)


def test_a_character_without_a_piece_is_a_row_of_zeros(start: EncoderStart) -> None:
    text, places = joined(["Ada", "\u200b", "slept"])
    rows = start.view("tokens", Items(["1"], [text], tokens=[places]))
    assert [bool(row.any()) for row in rows.values] == [True, False, True]
