"""Dropout whose masks are a pure function of where and when, so that they need no random state.

A unit is kept or dropped by a hash of the run's seed, the step, the place in the network, the row, the position in the
row and the channel. So a run that is resumed, padded otherwise or trained beside others in a stack drops the same
units as it does alone, on any device.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

# Constants of the 32-bit mixer "lowbias32" (Ellis 2018, Prospecting for Hash Functions), as signed numbers.
_FIRST, _SECOND = 0x7FEB352D, 0x846CA68B - (1 << 32)
_ROW, _PLACE = 0x9E3779B1 - (1 << 32), 0x85EBCA77 - (1 << 32)

_ATTENTION = re.compile(r"(attention|attn|self)\.dropout$|(attention|attn)_dropout$")
_NUMBERS = ("dropout", "attention_dropout", "activation_dropout", "hidden_dropout", "dropout_rate", "dropout_prob")


@dataclass
class Moment:
    """What the masks of one run depend on beside the unit itself: its seed and the step it is at.

    Where a batch is computed in parts, `windows` and `segments` say how many stand in the parts before, so that a unit
    is dropped or kept as in the whole batch.
    """

    seed: int
    step: int = 0
    windows: int = 0
    segments: int = 0

    def key(self, site: int) -> int:
        """A 32-bit number for this moment at one place of the network, as a signed integer."""
        mixed = (self.seed * 0x9E3779B97F4A7C15 + self.step * 0xBF58476D1CE4E5B9 + site * 0x94D049BB133111EB) % (
            1 << 64
        )
        mixed = ((mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9) % (1 << 64)
        mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) % (1 << 64)
        return (mixed >> 32) - (1 << 31)


def mixed(x: Tensor) -> Tensor:
    """int32 numbers spread over all of int32; equal ones stay equal."""
    x = (x ^ _logical(x, 16)) * _FIRST
    x = (x ^ _logical(x, 15)) * _SECOND
    return x ^ _logical(x, 16)


def kept(keys: Tensor, rows: int, places: int, channels: int, share: float, *, first: int = 0) -> Tensor:
    """(..., rows, places, channels) bool: which units are kept, each with the probability 1 - `share`.

    Args:
        keys: (...,) int32, one for each run, from `Moment.key`.
        first: the number of the first row.

    >>> masks = kept(torch.tensor([1, 2], dtype=torch.int32), 40, 10, 64, 0.1)
    >>> masks.shape, bool(abs(masks.float().mean() - 0.9) < 0.01), bool((masks[0] == masks[1]).all())
    (torch.Size([2, 40, 10, 64]), True, False)
    """
    device = keys.device
    row = torch.arange(first, first + rows, dtype=torch.int32, device=device)
    place = torch.arange(places, dtype=torch.int32, device=device)
    return kept_at(keys[..., None, None], row[:, None], place, channels, share)


def kept_at(keys: Tensor, row: Tensor, place: Tensor, channels: int, share: float) -> Tensor:
    """(..., channels) bool: `kept` for states anywhere, given the key, the row and the place of each (...,) int32."""
    where = mixed(keys ^ (row * _ROW + place * _PLACE))
    channel = mixed(torch.arange(1, channels + 1, dtype=torch.int32, device=keys.device))
    x = (where[..., None] ^ channel) * _FIRST
    x = (x ^ _logical(x, 15)) * _SECOND
    return x >= round(share * 2**32) - 2**31


def dropped(x: Tensor, mask: Tensor, share: float) -> Tensor:
    """The states, those outside the mask 0 and the others scaled up."""
    return x * mask.to(x.dtype) * (1 / (1 - share))


def _logical(x: Tensor, bits: int) -> Tensor:
    """A shift to the right that brings in zeros; torch's own brings in the sign."""
    return (x >> bits) & ((1 << (32 - bits)) - 1)


class HashDropout(nn.Module):
    """Dropout of states (windows, ..., channels) or (segments, channels) by `kept`."""

    def __init__(self, p: float, site: int, moment: Moment) -> None:
        """`site` numbers the places of a network that drop."""
        super().__init__()
        self.p, self.site, self.moment = p, site, moment

    def forward(self, x: Tensor) -> Tensor:
        """The states, each unit dropped or scaled up."""
        if not self.training or not self.p:
            return x
        key = torch.tensor(self.moment.key(self.site), dtype=torch.int32, device=x.device)
        first = self.moment.segments if x.ndim == 2 else self.moment.windows
        mask = kept(key, len(x), math.prod(x.shape[1:-1]), x.shape[-1], self.p, first=first)
        return dropped(x, mask.reshape(x.shape), self.p)


def install(encoder: nn.Module, share: float, moment: Moment) -> int:
    """Puts `HashDropout` in the place of all dropout of an encoder; the number of sites.

    Dropout of attention weights is taken out: it lies inside fused kernels, which draw from a global state.
    """
    sites = 0
    found: list[tuple[nn.Module, str, str]] = [
        (parent, name, f"{path}.{name}" if path else name)
        for path, parent in encoder.named_modules()
        for name, child in parent.named_children()
        if isinstance(child, nn.Dropout | HashDropout) or type(child).__name__ == "StableDropout"
    ]
    for parent, name, path in found:
        inside = bool(_ATTENTION.search(path))
        setattr(parent, name, HashDropout(0.0 if inside else share, sites, moment))
        sites += not inside
    for module in encoder.modules():
        for name in _NUMBERS:
            value: Any = getattr(module, name, None)
            if isinstance(value, float):
                setattr(module, name, 0.0)
    return sites
