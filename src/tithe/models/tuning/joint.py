"""Several processes that train one model together: how many, which one speaks, and what joins them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from tithe.errors import MissingExtraError

if TYPE_CHECKING:
    from accelerate import Accelerator


def processes() -> int:
    """How many processes train together; 1 unless `accelerate launch` or `torchrun` started more."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def leads() -> bool:
    """Whether this is the process that writes files and speaks: the only one, or the first of several."""
    return processes() == 1 or os.environ.get("RANK", "0") == "0"


def accelerator() -> Accelerator:
    """What joins the processes. Raises MissingExtraError where accelerate is not installed."""
    try:
        from accelerate import Accelerator
    except ImportError:
        raise MissingExtraError(
            "training on several GPUs needs accelerate; run: pip install 'tithe[multi-gpu]'"
        ) from None
    return Accelerator()
