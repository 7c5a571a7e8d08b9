"""Batches of many models as one: the pieces of each model's rows in one line, without padding between the rows.

Lines differ in length by little even where rows differ by much, so that hardly anything is padded. Attention alone
needs rows side by side; `Packed.at` and `Packed.slot` lead there and back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tithe.models.tuning.moving import moved
from tithe.models.tuning.pieces import Feed, ranges
from tithe.types import Rows

_LINE, _ROW = 16, 8
"""Lines and rows are padded to multiples of these: tensor cores and attention kernels want it, shapes repeat more."""


@dataclass(frozen=True, eq=False)
class Packed:
    """Rows of M models: lines of p places, w windows of t slots each for attention, and s segments a model.

    A place beyond a model's own pieces is padding: it belongs to no segment (`segment` is s) and to no slot.
    """

    ids: Tensor  # (M, p) int64 word pieces
    place: Tensor  # (M, p) int64 the position in the window
    window: Tensor  # (M, p) int64 the window
    segment: Tensor  # (M, p) int64 in [0, s]
    slot: Tensor  # (M, p) int64 in [0, M w t): where attention finds it, counted through all models
    own: Tensor  # (M, p) bool: it is no padding
    at: Tensor  # (M, w t) int64 in [0, M p): the place of each slot, counted so too; for padding a model's first
    filled: Tensor  # (M, w t) bool: the slot is no padding
    seen: Tensor  # (M, w t) bool: the slot may be looked at: those filled, and the first of a window that has none
    which: Tensor  # (M, s) int64: the number of each segment among all; 0 for padding
    counts: Tensor  # (M, s) bool: the segment is no padding
    slots: int  # t

    def to(self, device: torch.device) -> Packed:
        """The same on a device."""
        parts = {field.name: getattr(self, field.name) for field in fields(self) if field.name != "slots"}
        return Packed(**dict(zip(parts, moved(list(parts.values()), device), strict=True)), slots=self.slots)


class Packer:
    """Makes packed batches of rows of several feeds, on the CPU: one pass over all of them."""

    def __init__(self, feeds: Sequence[Feed]) -> None:
        self.by_item = feeds[0].segments == "items"
        self.frame = feeds[0].frame
        pieces = np.cumsum([0, *(len(feed.pieces) for feed in feeds)])
        windows = np.cumsum([0, *(len(feed.begin) for feed in feeds)])
        self.first = np.cumsum([0, *(int(feed.splits[-1]) for feed in feeds)])
        """(M + 1,) the segments of each feed among those of all."""
        self.row = np.cumsum([0, *(len(feed) for feed in feeds)])
        """(M + 1,) the rows of each feed among those of all."""
        self.pieces = np.concatenate([feed.pieces.cpu().numpy() for feed in feeds])
        shifted = [
            np.where((own := feed.segment.cpu().numpy()) < 0, -1, own + at)
            for feed, at in self._with(feeds, self.first)
        ]
        self.segment = np.concatenate(shifted)
        self.begin = np.concatenate([feed.begin + at for feed, at in self._with(feeds, pieces)])
        self.length = np.concatenate([feed.length for feed in feeds])
        self.counted = np.concatenate([feed.counted for feed in feeds])
        self.windows = np.concatenate(
            [*(feed.windows[:-1] + at for feed, at in self._with(feeds, windows)), windows[-1:]]
        )
        self.splits = np.concatenate(
            [*(feed.splits[:-1] + at for feed, at in self._with(feeds, self.first)), self.first[-1:]]
        )

    @staticmethod
    def _with(feeds: Sequence[Feed], starts: NDArray[np.int64]) -> list[tuple[Feed, int]]:
        return [(feed, int(at)) for feed, at in zip(feeds, starts, strict=False)]

    def pack(self, models: Sequence[int], rows: Sequence[Rows]) -> Packed:
        """These rows of these models (positions in their feeds); places and windows are as in `Feed.batch`."""
        size = len(models)
        chosen = np.concatenate([np.asarray(own, np.int64) + self.row[m] for m, own in zip(models, rows, strict=True)])
        of_row = np.repeat(np.arange(size), [len(own) for own in rows])
        many = np.diff(self.windows)[chosen]
        window, of_window = ranges(self.windows[:-1][chosen], many), np.repeat(of_row, many)
        number, most_windows = _within(of_window, size)
        before, after = len(self.frame.before), len(self.frame.after)
        length = self.length[window] + before + after

        owner, place = np.repeat(np.arange(len(window)), length), ranges(np.zeros_like(length), length)
        of_piece = of_window[owner]
        inner = place - before
        inside = (inner >= 0) & (inner < self.length[window][owner])
        source = np.where(inside, self.begin[window][owner] + inner, 0)
        ids = self.pieces[source].astype(np.int64) if len(self.pieces) else np.zeros_like(source)
        special = np.asarray([*self.frame.before, *self.frame.after], np.int64)
        if len(special):
            behind = inner - self.length[window][owner] + before
            ids = np.where(inside, ids, special[np.where(inside, 0, np.where(inner < 0, place, behind))])

        segments = np.diff(self.splits)[chosen]
        which, of_segment = ranges(self.splits[:-1][chosen], segments), np.repeat(of_row, segments)
        local, most_segments = _within(of_segment, size)
        starts = np.cumsum(segments) - segments  # where the segments of each chosen row begin in `which`
        row_of_window = np.repeat(np.arange(len(chosen)), many)
        if self.by_item:
            segment = local[row_of_window[owner]]
        else:
            counted = self.counted[window][owner]
            found = self.segment[source] if len(self.segment) else np.full(len(source), -1)
            counts = inside & (inner >= counted[:, 0]) & (inner < counted[:, 1]) & (found >= 0)
            row = row_of_window[owner]
            index = np.where(counts, found - self.splits[:-1][chosen][row] + starts[row], 0)
            segment = np.where(counts, local[index] if len(local) else 0, most_segments)

        along, line = _within(of_piece, size)
        line, slots = -(-line // _LINE) * _LINE, -(-int(length.max(initial=1)) // _ROW) * _ROW
        slot = number[owner] * slots + place

        def lined(values: NDArray[np.int64], rest: int = 0) -> Tensor:
            out = np.full((size, line), rest, np.int64)
            out[of_piece, along] = values
            return torch.from_numpy(out)

        own, of_model = np.zeros((size, line), bool), np.arange(size)[:, None]
        at = np.zeros((size, most_windows * slots), np.int64)
        filled = np.zeros(at.shape, bool)
        own[of_piece, along], at[of_piece, slot], filled[of_piece, slot] = True, along, True
        for_each = np.zeros((size, most_segments), np.int64)
        real = np.zeros_like(for_each, bool)
        for_each[of_segment, local], real[of_segment, local] = which, True
        # A window without pieces would have nothing to look at, and its softmax would be NaN.
        seen = filled.reshape(size, most_windows, slots).copy()
        seen[..., 0] |= ~seen.any(axis=2)
        return Packed(
            lined(ids, self.frame.pad),
            lined(place),
            lined(number[owner]),
            lined(segment, most_segments),
            lined(slot) + torch.from_numpy(of_model * at.shape[1]),
            torch.from_numpy(own),
            torch.from_numpy(at + of_model * line),
            torch.from_numpy(filled),
            torch.from_numpy(seen.reshape(size, -1)),
            torch.from_numpy(for_each),
            torch.from_numpy(real),
            slots,
        )


def _within(owner: NDArray[np.int64], size: int) -> tuple[NDArray[np.int64], int]:
    """The number of each entry among those of its owner (owners in order), and the most that one has (at least 1).

    >>> _within(np.array([0, 0, 1]), 2)
    (array([0, 1, 0]), 2)
    """
    counts = np.bincount(owner, minlength=size)
    return ranges(np.zeros_like(counts), counts), int(counts.max(initial=1))
