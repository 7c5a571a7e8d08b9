"""From texts to what an encoder reads: word pieces, windows over long texts, and batches of both.

The tokenizer always comes from the start. A text longer than the encoder is read in overlapping windows. For a token
each of its pieces counts in the one window where it stands farther from an end; an item is the mean of its windows.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tithe.errors import ConfigError
from tithe.models.tuning.moving import moved
from tithe.models.word_states import token_of_piece
from tithe.ragged import Ragged
from tithe.tokens import places
from tithe.types import Floats, Items, Rows

Segments: TypeAlias = Literal["items", "tokens"]
"""What gets one output each: an item, or a token of `tithe.tokens.places`."""

_OVERLAP = 64
_PART = 4096  # texts tokenised at a time


def split_texts(tokenizer: Any, items: Items, name: str) -> Ragged:
    """The word pieces of whole texts without special ones: rows of (t,) int32, with their places in code points.

    Raises ConfigError where the tokenizer cannot tell places (one written in Python).
    """
    if not tokenizer.is_fast:
        raise ConfigError(f"the tokenizer of {name!r} cannot say where a piece stands; it needs a tokenizer.json")
    values, where, lengths = list[NDArray[np.int32]](), list[NDArray[np.int64]](), list[int]()
    for at in range(0, len(items), _PART):
        batch = tokenizer(
            list(items.texts[at : at + _PART]),
            add_special_tokens=False,
            return_offsets_mapping=True,
            return_attention_mask=False,
            verbose=False,
        )
        for pieces, offsets in zip(batch["input_ids"], batch["offset_mapping"], strict=True):
            values.append(np.asarray(pieces, np.int32))
            where.append(np.asarray(offsets, np.int64).reshape(-1, 2))
            lengths.append(len(pieces))
    splits = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    empty = np.empty(0, np.int32)
    return Ragged(np.concatenate([empty, *values]), splits, np.concatenate([np.empty((0, 2), np.int64), *where]))


@dataclass(frozen=True)
class Frame:
    """What stands around the pieces of a window, and how many fit in."""

    before: tuple[int, ...]
    after: tuple[int, ...]
    pad: int
    most: int
    """Pieces of a window, the special ones included."""

    @classmethod
    def of(cls, tokenizer: Any, most: int) -> Frame:
        """The special pieces that this tokenizer puts around a text."""
        whole = tokenizer("a", return_special_tokens_mask=True)
        ids, special = whole["input_ids"], whole["special_tokens_mask"]
        inner = [at for at, mark in enumerate(special) if not mark] or [len(ids)]
        pad = tokenizer.pad_token_id
        return cls(tuple(ids[: inner[0]]), tuple(ids[inner[-1] + 1 :]), 0 if pad is None else int(pad), most)

    @property
    def room(self) -> int:
        """Pieces of the text that fit into a window."""
        return max(1, self.most - len(self.before) - len(self.after))


@dataclass(frozen=True, eq=False)
class Batch:
    """Some rows as an encoder reads them: w windows of t places, and the s segments that their pieces belong to."""

    ids: Tensor  # (w, t) int64
    mask: Tensor  # (w, t) bool
    segment: Tensor  # (w, t) int64 in [0, s]; s is the bin of what belongs to none
    which: Tensor  # (s,) int64: the number of each segment in the feed
    beside: Tensor | None = None  # (s, f), see `Feed`

    @property
    def count(self) -> int:
        """How many segments there are."""
        return len(self.which)

    def read(self, encoder: torch.nn.Module) -> Tensor:
        """(s, width) the mean of an encoder's last states over each segment, and what the feed has `beside`."""
        states: Tensor = encoder(input_ids=self.ids, attention_mask=self.mask.long()).last_hidden_state
        return self.pooled(states)

    def pooled(self, states: Tensor) -> Tensor:
        """(s, width + f): the mean of the states (w, t, width) over the pieces of each segment; 0 where it has none."""
        width = states.shape[-1]
        flat, segment = states.reshape(-1, width), self.segment.reshape(-1)
        total = flat.new_zeros(self.count + 1, width).index_add(0, segment, flat)
        pieces = flat.new_zeros(self.count + 1).index_add(0, segment, torch.ones_like(flat[:, 0]))
        mean = total[:-1] / pieces[:-1].clamp(min=1)[:, None]
        return mean if self.beside is None else torch.cat([mean, self.beside.to(mean.dtype)], dim=1)


@dataclass(frozen=True, eq=False)
class Feed:
    """Items as an encoder reads them: their pieces on a device, cut into windows, each piece with its segment.

    Made by `Feed.of`. Rows are positions among the items; segments are numbered through all rows.
    """

    pieces: Tensor  # (P,) int32
    segment: Tensor  # (P,) int64, -1 for none
    frame: Frame
    segments: Segments
    begin: NDArray[np.int64]  # (W,) the first piece of each window
    length: NDArray[np.int64]  # (W,)
    counted: NDArray[np.int64]  # (W, 2) the pieces of a window that count, from and to
    windows: NDArray[np.int64]  # (n + 1,) which windows are those of a row
    splits: NDArray[np.int64]  # (n + 1,) which segments are those of a row
    beside: Tensor | None = None  # (S, f) float32: what else a head sees of each segment than the encoder's states

    def __len__(self) -> int:
        return len(self.windows) - 1

    @property
    def device(self) -> torch.device:
        """Where its tensors are."""
        return self.pieces.device

    @cached_property
    def sizes(self) -> NDArray[np.int64]:
        """(n,) the places that each row takes in a batch: its windows times the longest of them."""
        longest = np.maximum.reduceat(self.length, self.windows[:-1]) if len(self) else np.empty(0, np.int64)
        return np.diff(self.windows) * (longest + len(self.frame.before) + len(self.frame.after))

    @classmethod
    def of(
        cls,
        pieces: Ragged,
        frame: Frame,
        items: Items,
        segments: Segments,
        device: torch.device | str,
        *,
        beside: Floats | None = None,
    ) -> Feed:
        """The feed of these items, whose `pieces` the start gave."""
        lengths = pieces.lengths
        windows, begin, length, counted = _windows(lengths, pieces.splits[:-1], frame.room)
        if segments == "items":
            segment = np.repeat(np.arange(len(items)), lengths)
            splits = np.arange(len(items) + 1)
        else:
            tokens = places(items)
            segment, splits = _tokens(pieces, tokens), tokens.splits
        return cls(
            torch.as_tensor(np.ascontiguousarray(pieces.values), device=device),
            torch.as_tensor(segment.astype(np.int64), device=device),
            frame,
            segments,
            begin,
            length,
            counted,
            windows,
            splits,
            None if beside is None else torch.as_tensor(beside, dtype=torch.float32, device=device),
        )

    def batch(self, rows: Rows) -> Batch:
        """These rows, in this order, padded to the longest of their windows; pairs (b, 2) one behind the other."""
        rows = np.asarray(rows, dtype=np.int64).ravel()
        many = np.diff(self.windows)[rows]
        owner = np.repeat(np.arange(len(rows)), many)
        window = ranges(self.windows[:-1][rows], many)
        before = len(self.frame.before)
        pieces, segment_of = self._on_cpu

        length = self.length[window]
        around = before + len(self.frame.after)
        # An empty text without special pieces is one of padding: nothing to look at at all would be NaN.
        longest = max(int(length.max(initial=0)), 1 - around)
        place = np.arange(-before, longest + len(self.frame.after))
        begins, ends = self.begin[window][:, None], length[:, None]
        inside = (place >= 0) & (place < ends)
        source = np.minimum(begins + np.maximum(place, 0), max(0, len(pieces) - 1))
        ids = np.full(source.shape, self.frame.pad, np.int64)
        if len(pieces):
            ids = np.where(inside, pieces[source], ids)
        ids[:, :before] = self.frame.before
        for at, special in enumerate(self.frame.after):
            ids[place == ends + at] = special
        mask = place < np.maximum(ends + len(self.frame.after), 1 - before)

        counts = np.diff(self.splits)[rows]
        which = ranges(self.splits[:-1][rows], counts)
        if self.segments == "items":  # special pieces belong to the item too, as they did when it was pretrained
            segment = np.where(mask, owner[:, None], len(rows))
        else:
            first, offset = self.splits[:-1][rows][owner], (np.cumsum(counts) - counts)[owner]
            counted = self.counted[window]
            segment = np.full(source.shape, len(which))
            if len(pieces):
                found = segment_of[source]
                counts_here = inside & (place >= counted[:, :1]) & (place < counted[:, 1:]) & (found >= 0)
                segment = np.where(counts_here, found + (offset - first)[:, None], segment)
        parts = [torch.from_numpy(part) for part in (ids, segment, which, mask)]
        ids_there, segment_there, which_there, mask_there = moved(parts, self.device)
        beside = None if self.beside is None else self.beside[which_there]
        return Batch(ids_there, mask_there, segment_there, which_there, beside)

    @cached_property
    def _on_cpu(self) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        """Pieces and their segments, where batches are put together: so that one copy brings a batch to the device."""
        return self.pieces.cpu().numpy(), self.segment.cpu().numpy()


def _windows(
    lengths: NDArray[np.int64], starts: NDArray[np.int64], room: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """The windows of each row (n + 1,), and of each window its first piece, its length and the pieces that count.

    Only texts longer than `room` have more than one.
    """
    overlap = min(_OVERLAP, room // 4)
    step = room - overlap
    many = np.where(lengths <= room, 1, 1 + -(-(lengths - room) // step))
    windows = np.concatenate([[0], np.cumsum(many)]).astype(np.int64)
    owner = np.repeat(np.arange(len(lengths)), many)
    number = np.arange(len(owner)) - windows[:-1][owner]
    whole = lengths[owner]
    offset = np.minimum(number * step, np.maximum(0, whole - room))
    length = np.minimum(whole, room)
    last = number == many[owner] - 1
    following = np.minimum((number + 1) * step, np.maximum(0, whole - room))
    end = np.where(last, length, (offset + length + following) // 2 - offset)
    before = np.minimum((number - 1) * step, np.maximum(0, whole - room))
    begin = np.where(number == 0, 0, (before + length + offset) // 2 - offset)
    return windows, starts[owner] + offset, length, np.stack([begin, end], axis=1)


def _tokens(pieces: Ragged, tokens: Ragged) -> NDArray[np.int64]:
    """(P,) the token, numbered through all rows, that each piece is part of; -1 for none."""
    assert pieces.places is not None  # split_texts gives them
    out = np.full(len(pieces.values), -1, np.int64)
    for row in range(len(pieces)):
        a, b = pieces.splits[row : row + 2]
        first, last = tokens.splits[row : row + 2]
        found = token_of_piece(pieces.places[a:b], tokens.values[first:last])
        out[a:b] = np.where(found < last - first, found + first, -1)
    return out


def ranges(starts: NDArray[np.int64], counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """start, start + 1, ... of each, one behind the other.

    >>> ranges(np.array([5, 0]), np.array([2, 3])).tolist()
    [5, 6, 0, 1, 2]
    """
    ends = np.cumsum(counts)
    return np.repeat(starts - (ends - counts), counts) + np.arange(int(ends[-1]) if len(ends) else 0)
