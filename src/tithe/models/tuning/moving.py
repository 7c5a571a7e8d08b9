"""What a step needs of the CPU, brought to a device in a single copy that nothing waits for."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def moved(parts: Sequence[Tensor], device: torch.device) -> list[Tensor]:
    """Tensors of the CPU on a device; on a CPU they stay what they are."""
    if device.type == "cpu":
        return list(parts)
    whole = packed(parts)
    quick = device.type == "cuda"
    if quick:
        whole = whole.pin_memory()  # or the copy would wait for all that is under way
    # Elsewhere (MPS) nothing keeps what is copied alive until it is there.
    return unpacked(whole.to(device, non_blocking=quick), parts)


def packed(parts: Sequence[Tensor]) -> Tensor:
    """(bytes,) uint8: tensors one behind the other, those of the widest numbers first."""
    return torch.cat([part.contiguous().reshape(-1).view(torch.uint8) for part in sorted(parts, key=_width)])


def unpacked(whole: Tensor, like: Sequence[Tensor]) -> list[Tensor]:
    """What was packed, as windows on it, in the order and the shapes of `like`.

    >>> parts = [torch.tensor([True, False]), torch.tensor([[1, 2]]), torch.tensor([3], dtype=torch.int32)]
    >>> unpacked(packed(parts), parts)
    [tensor([ True, False]), tensor([[1, 2]]), tensor([3], dtype=torch.int32)]
    """
    found: dict[int, Tensor] = {}
    begin = 0
    for at in sorted(range(len(like)), key=lambda at: _width(like[at])):
        part = like[at]
        end = begin + part.numel() * part.element_size()
        found[at] = whole[begin:end].view(part.dtype).view(part.shape)
        begin = end
    return [found[at] for at in range(len(like))]


def _width(part: Tensor) -> int:
    return -part.element_size()
