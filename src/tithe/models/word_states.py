"""What an encoder says of each word in its sentence: the states of its word pieces, half way up, averaged.

Of MiniLM's six layers the third was the best one alone for the entities of CoNLL-2003, by far better than the last, and
others beside it added nothing (docs/log.md).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tithe.ragged import Ragged
from tithe.tokens import places
from tithe.types import Items

RECIPE = "tokens: mean of pieces half way up, windows, float16, v1"
"""Part of the name that the view is stored under: another recipe is another view."""

_BATCH = 32
_OVERLAP = 64  # pieces; in a window's half of an overlap its own state stands, seen with enough context


def word_states(tokenizer: Any, model: Any, items: Items, most: int) -> Ragged:
    """(T, width) float16: the mean state of the pieces that overlap each token of `tithe.tokens.places(items)`.

    A text with more than `most` pieces, the special ones included, is read in overlapping windows; each piece counts in
    the window where it stands farthest from an end. A token without a piece (an odd character) is a row of zeros.
    """
    import torch

    where = places(items)
    total: NDArray[np.float32] | None = None
    count = np.zeros(len(where.values), np.float32)
    with torch.inference_mode():
        for start in range(0, len(items), _BATCH):
            batch = tokenizer(
                list(items.texts[start : start + _BATCH]),
                padding=True,
                truncation=True,
                max_length=most,
                stride=min(_OVERLAP, most // 4),
                return_overflowing_tokens=True,
                return_offsets_mapping=True,
                return_tensors="pt",
            )
            owner = batch.pop("overflow_to_sample_mapping").numpy() + start
            offsets = batch.pop("offset_mapping").numpy()
            for window in range(0, len(owner), _BATCH):  # a few long texts may be many windows
                part = slice(window, window + _BATCH)
                fed = {name: tensor[part] for name, tensor in batch.items()}
                layers = model(**fed, output_hidden_states=True).hidden_states
                states = layers[len(layers) // 2].numpy()
                if total is None:
                    total = np.zeros((len(where.values), states.shape[2]), np.float32)
                for number, row in enumerate(states, start=window):
                    used = _used(offsets, owner, number)
                    text = int(owner[number])
                    begin, end = where.splits[text : text + 2]
                    token = begin + token_of_piece(offsets[number][used], where.values[begin:end])
                    fits = token < end
                    np.add.at(total, token[fits], row[used][fits])
                    np.add.at(count, token[fits], 1)
    assert total is not None  # the store asks for some items at a time, never for none
    total /= np.maximum(count, 1)[:, None]
    return where.with_values(total.astype(np.float16))


def _used(offsets: NDArray[np.int64], owner: NDArray[np.int64], window: int) -> NDArray[np.int64]:
    """The positions in a window that count: real pieces, and of an overlap with a neighbour its own half."""
    own = np.flatnonzero(offsets[window, :, 1] > offsets[window, :, 0])
    if not len(own):
        return own
    first, last = offsets[window, own[0], 0], offsets[window, own[-1], 1]
    if window and owner[window - 1] == owner[window]:
        before = offsets[window - 1, :, 1].max()  # where the window before ends
        own = own[offsets[window, own, 0] >= (first + before) // 2] if before > first else own
    if window + 1 < len(owner) and owner[window + 1] == owner[window]:
        following = offsets[window + 1]
        begins = following[following[:, 1] > following[:, 0], 0].min()
        own = own[offsets[window, own, 0] < (begins + last) // 2] if last > begins else own
    return own


def token_of_piece(pieces: NDArray[np.int64], tokens: NDArray[np.int64]) -> NDArray[np.int64]:
    """(p,) the token in which each piece begins, or the next where it begins between two and reaches into it.

    The number of tokens stands for none.
    """
    found = np.searchsorted(tokens[:, 1], pieces[:, 0], side="right")
    reaches = np.append(tokens[:, 0], np.iinfo(np.int64).max)[found] < pieces[:, 1]
    return np.where(reaches, found, len(tokens))
