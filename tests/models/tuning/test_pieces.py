"""From texts to batches: every piece counts once, wherever windows end; places in code points; odd tokenizers."""

import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch

from tithe import Items
from tithe.models.tuning.pieces import Feed, Frame, _windows, split_texts
from tithe.models.word_states import word_states
from tithe.ragged import Ragged
from tithe.rng import stream
from tithe.tokens import places

FRAME = Frame((2,), (3,), 0, 10)  # room for 8


def feed_of(lengths, segments="items", frame=FRAME):
    """Rows of so many pieces, numbered from 10 on; each stands for a token of its own."""
    total = int(sum(lengths))
    splits = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    texts = [" ".join("x" * int(n)) for n in lengths]
    where = np.concatenate(
        [
            np.empty((0, 2), np.int64),
            *(np.array([[2 * at, 2 * at + 1] for at in range(n)]).reshape(-1, 2) for n in lengths),
        ]
    )
    pieces = Ragged(np.arange(10, 10 + total, dtype=np.int32), splits, where)
    return Feed.of(pieces, frame, Items([str(row) for row in range(len(lengths))], texts), segments, "cpu")


@pytest.mark.parametrize("room", [1, 2, 3, 8, 62, 254])
def test_each_piece_counts_in_exactly_one_window(room):
    lengths = np.arange(0, 700)
    starts = np.concatenate([[0], np.cumsum(lengths)[:-1]])
    windows, begin, length, counted = _windows(lengths, starts, room)
    seen = np.zeros(int(lengths.sum()), int)
    for row, (first, last) in enumerate(pairwise(windows)):
        for window in range(first, last):
            low, high = begin[window] + counted[window]
            seen[low:high] += 1
            assert starts[row] <= begin[window] <= begin[window] + length[window] <= starts[row] + lengths[row]
            assert 0 <= counted[window, 0] <= counted[window, 1] <= length[window] <= room
    assert (seen == 1).all()
    assert (np.diff(windows)[lengths <= room] == 1).all()  # the empty text too: its special pieces


def test_a_piece_counts_where_it_stands_farther_from_an_end():
    _, begin, length, counted = _windows(np.array([20]), np.array([0]), 8)
    for one in range(1, len(begin)):
        middle = (begin[one - 1] + length[one - 1] + begin[one]) / 2
        assert abs(begin[one] + counted[one, 0] - middle) <= 0.5


def test_a_batch_is_the_rows_with_their_special_pieces_padded_to_the_longest():
    batch = feed_of([3, 0, 5]).batch(np.array([2, 1, 0]))
    assert batch.ids.tolist() == [[2, 13, 14, 15, 16, 17, 3], [2, 3, 0, 0, 0, 0, 0], [2, 10, 11, 12, 3, 0, 0]]
    assert batch.mask.sum(dim=1).tolist() == [7, 2, 5]
    assert batch.which.tolist() == [2, 1, 0]
    assert [sorted(set(row.tolist()) - {3}) for row in batch.segment] == [[0], [1], [2]]


def test_an_item_is_the_mean_of_all_that_is_read_of_it():
    feed = feed_of([3, 20, 0])
    batch = feed.batch(np.array([1, 2, 0]))
    assert len(batch.ids) == 3 + 2
    states = torch.as_tensor(stream(0, "states").standard_normal((*batch.ids.shape, 4)))
    pooled = batch.pooled(states)
    expected = [states[:3][batch.mask[:3]].mean(dim=0), states[3][:2].mean(dim=0), states[4][:5].mean(dim=0)]
    assert torch.allclose(pooled, torch.stack(expected))


def test_tokens_of_long_texts_are_pooled_over_each_piece_once_and_no_special_ones():
    lengths = [3, 21, 0, 9]
    feed = feed_of(lengths, "tokens")
    assert feed.splits.tolist() == [0, 3, 24, 24, 33]
    rows = np.array([3, 1, 2, 0])
    batch = feed.batch(rows)
    assert batch.which.tolist() == [*range(24, 33), *range(3, 24), *range(0, 3)]
    inside = batch.segment < batch.count
    assert sorted(batch.ids[inside].tolist()) == list(range(10, 10 + 33))
    assert torch.equal(batch.ids[inside], 10 + batch.which[batch.segment[inside]])


def test_batches_of_texts_without_tokens_have_no_segments():
    batch = feed_of([0, 0], "tokens").batch(np.array([1, 0]))
    assert batch.count == 0
    assert batch.pooled(torch.ones(*batch.ids.shape, 4)).shape == (0, 4)


def test_an_empty_text_without_special_pieces_is_one_of_padding():
    bare = Frame((), (), 7, 8)
    batch = feed_of([0, 2], frame=bare).batch(np.array([0, 1]))
    assert batch.ids[0].tolist() == [7, 7]
    assert batch.mask.tolist() == [[True, False], [True, True]]
    alone = feed_of([0], frame=bare).batch(np.array([0]))
    assert alone.ids.tolist() == [[7]]
    assert alone.mask.all()


def test_sizes_are_the_places_that_a_row_takes():
    feed = feed_of([3, 20, 0])
    assert feed.sizes.tolist() == [feed.batch(np.array([row])).ids.numel() for row in range(3)]


def test_places_count_code_points(tiny):
    texts = ["Zürich 日本語 👍🏿 bikes", "", "e\u0301te\u0301 bank", "a\n\tb", "👩‍👩‍👧 of"]
    pieces = tiny.view("pieces", Items([str(row) for row in range(len(texts))], texts))
    assert pieces.values.dtype == np.int32
    for row, text in enumerate(texts):
        where = pieces.places[slice(*pieces.splits[row : row + 2])]
        covered = {at for a, b in where for at in range(a, b)}
        seen = {at for at, one in enumerate(text) if not one.isspace()}
        assert {text[at] for at in seen - covered} <= {"\u0301", "\ufe0f", "\u200d"}  # marks that normalising drops
        assert covered <= seen
    words = [texts[0][a:b] for a, b in pieces.places[: pieces.splits[1]]]
    assert [word for word in words if not word.isascii()] == ["ü", "日", "本", "語", "👍🏿"]


def test_no_special_piece_is_among_those_of_a_text(tiny):
    pieces = tiny.view("pieces", Items(["1", "2"], ["[CLS] bike [SEP]", "a " * 300]))
    assert pieces.lengths[1] == 300  # whole texts, whatever the encoder reads at once


def test_the_feed_of_tokens_agrees_with_the_view_of_tokens(tiny):
    """The states half way up, pooled by a feed, are those of `word_states`: another path over the same pieces."""
    texts = ["my bikes are new", "", "open 日本 my bank-account 👍", " ".join(["anchor", "river"] * 60)]
    items = Items([str(row) for row in range(4)], texts)
    tokenizer, encoder, most = tiny.pretrained()
    feed = Feed.of(tiny.view("pieces", items), Frame.of(tokenizer, most), items, "tokens", "cpu")
    expected = word_states(tokenizer, encoder, items, most)
    with torch.no_grad():
        for row in range(len(items)):
            batch = feed.batch(np.array([row]))
            layers = encoder(input_ids=batch.ids, attention_mask=batch.mask.long(), output_hidden_states=True)
            states = layers.hidden_states
            given = batch.pooled(states[len(states) // 2]).numpy()
            own = slice(*expected.splits[row : row + 2])
            # Windows overlap otherwise there, so that in long texts alone a state differs by its company.
            close = np.isclose(given, expected.values[own].astype(np.float32), atol=5e-3).all(axis=1)
            assert close.all() if row < 3 else len(close) == 120


def byte_level(folder: Path, *, trim: bool):
    """A tokenizer as RoBERTa (trim) or GPT-2 has them: bytes, and blanks as part of the word behind."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    if trim:
        trainer = trainers.BpeTrainer(
            vocab_size=300,
            special_tokens=["<s>", "<pad>", "</s>"],
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        )
        tokenizer.train_from_iterator(["the red bike the red boat"] * 5, trainer)
        tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), trim_offsets=True)
    else:
        trainer = trainers.BpeTrainer(
            vocab_size=300,
            special_tokens=["<end>"],
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        )
        tokenizer.train_from_iterator(["the red bike the red boat"] * 5, trainer)
        tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    folder.mkdir()
    tokenizer.save(str(folder / "tokenizer.json"))
    names = {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>"} if trim else {"eos_token": "<end>"}
    (folder / "tokenizer_config.json").write_text(
        json.dumps(names | {"tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": 64})
    )
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(folder)


@pytest.mark.parametrize("trim", [True, False])
def test_bytes_with_leading_blanks_find_their_tokens(tmp_path, trim):
    tokenizer = byte_level(tmp_path / "tokenizer", trim=trim)
    text = "the red  bike, 日本 👍 boat "
    items = Items(["1"], [text])
    pieces = split_texts(tokenizer, items, "bytes")
    frame = Frame.of(tokenizer, 64)
    assert (len(frame.before), len(frame.after)) == ((1, 1) if trim else (0, 0))
    batch = Feed.of(pieces, frame, items, "tokens", "cpu").batch(np.array([0]))
    tokens = [text[a:b] for a, b in places(items).values]
    assert tokens == ["the", "red", "bike", ",", "日", "本", "👍", "boat"]
    owned = {
        token: tokenizer.decode(batch.ids[batch.segment == at].tolist()).strip() for at, token in enumerate(tokens)
    }
    assert owned == {token: token for token in tokens}


def test_the_frame_of_a_tokenizer_is_what_it_puts_around_a_text(tiny):
    tokenizer, _, most = tiny.pretrained()
    frame = Frame.of(tokenizer, most)
    assert (frame.before, frame.after, frame.pad) == ((2,), (3,), 0)
    assert frame.room == most - 2
    feed = Feed.of(items := tiny.view("pieces", some := Items(["1"], ["my red bike"])), frame, some, "items", "cpu")
    assert feed.batch(np.array([0])).ids[0].tolist() == tokenizer("my red bike")["input_ids"]
    assert len(items) == 1
