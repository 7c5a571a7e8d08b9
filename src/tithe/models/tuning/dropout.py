"""Dropout whose masks are a pure function of where and when, so that they need no random state.

A unit is kept or dropped by a hash of the run's seed, the step, the place in the network, the row, the position in the
row and the channel. So a run that is resumed, padded otherwise or trained beside others in a stack drops the same
units as it does alone, on any device.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor, nn

from tithe.models.tuning.moving import moved

# Constants of the 32-bit mixer "lowbias32" (Ellis 2018, Prospecting for Hash Functions), as signed numbers.
_FIRST, _SECOND = 0x7FEB352D, 0x846CA68B - (1 << 32)
_ROW, _PLACE = 0x9E3779B1 - (1 << 32), 0x85EBCA77 - (1 << 32)

_UNITS = 1 << 23  # of masks made at once: by then a GPU takes longer for them than they take to launch

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
    masks: _Masks = field(default_factory=lambda: _Masks(), init=False, repr=False, compare=False)

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
    x = x ^ _logical(x, 16)
    x *= _FIRST
    x ^= _logical(x, 15)
    x *= _SECOND
    return x.bitwise_xor_(_logical(x, 16))


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
    return kept_of(places_of(keys[..., None, None], row[:, None], place), numbers_of(channels, device), share)


def places_of(keys: Tensor, row: Tensor, place: Tensor) -> Tensor:
    """(...,) int32: all that `kept_of` needs of states anywhere, given the key, the row and the place of each."""
    return mixed(keys ^ (row * _ROW + place * _PLACE))


@lru_cache(maxsize=64)
def numbers_of(channels: int, device: torch.device) -> Tensor:
    """(channels,) int32: all that `kept_of` needs of channels."""
    # Whoever asks first may be in inference mode, whose tensors a compiled training step cannot take.
    with torch.inference_mode(False):
        return mixed(torch.arange(1, channels + 1, dtype=torch.int32, device=device))


def kept_of(places: Tensor, numbers: Tensor, share: float) -> Tensor:
    """(..., channels) bool: `kept` for states whose `places_of` are (...,), with `numbers_of` their channels."""
    x = places[..., None] ^ numbers
    x *= _FIRST
    x ^= _logical(x, 15)
    x *= _SECOND
    return x >= round(share * 2**32) - 2**31


def at_once(units: int, device: torch.device) -> int:
    """For how many places of a network masks of so many units are made together.

    A GPU has done with a small one before the next is asked for. A CPU is faster with what its caches hold.
    """
    return 1 if device.type == "cpu" else max(1, _UNITS // max(1, units))


def dropped(x: Tensor, mask: Tensor, share: float) -> Tensor:
    """The states, those outside the mask 0 and the others scaled up."""
    scale = 1 / (1 - share)
    if x.dtype is torch.float32:
        return x * (mask * scale)  # a single product on the way back
    return x * mask * scale  # a scale kept as bfloat16 would be off by .2 %


def _logical(x: Tensor, bits: int) -> Tensor:
    """A shift to the right that brings in zeros; torch's own brings in the sign."""
    return (x >> bits).bitwise_and_((1 << (32 - bits)) - 1)


class _Masks:
    """The masks of a run, made for several places of its network at once, because each launch on a GPU takes its time.

    Which places ask for masks of the same shape is learned from the steps before. Only what was made last is held.
    """

    def __init__(self) -> None:
        self._alike: dict[int, tuple[object, ...]] = {}
        self._about: tuple[object, ...] = ()
        self._made: dict[int, Tensor] = {}

    def forget(self) -> None:
        """Gives the memory of the masks back."""
        self._about, self._made = (), {}

    def at(self, moment: Moment, site: int, x: Tensor, share: float) -> Tensor:
        """The mask of the states x at a place."""
        self._alike[site] = (x.ndim, x.shape[-1], share)
        first = moment.segments if x.ndim == 2 else moment.windows
        # What is made in inference mode cannot be trained with.
        about = (moment.seed, moment.step, first, x.shape, share, x.device, torch.is_inference_mode_enabled())
        if self._about != about or site not in self._made:
            after = [other for other, kind in self._alike.items() if other > site and kind == self._alike[site]]
            sites = [site, *sorted(after)][: at_once(x.numel(), x.device)]
            keys = torch.tensor([moment.key(one) for one in sites], dtype=torch.int32)
            (keys,) = moved([keys], x.device)
            masks = kept(keys, len(x), math.prod(x.shape[1:-1]), x.shape[-1], share, first=first)
            self._about, self._made = about, dict(zip(sites, masks.reshape(len(sites), *x.shape).unbind(), strict=True))
        return self._made[site]


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
        return dropped(x, self.moment.masks.at(self.moment, self.site, x, self.p), self.p)


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
