"""LoRA: small trained matrices beside the frozen ones of a network, put there by peft.

Source: Hu et al. 2022, LoRA: Low-Rank Adaptation of Large Language Models.
"""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from tithe.errors import ConfigError, MissingExtraError
from tithe.models.tuning.programs import ADAPTED, depth_of

if TYPE_CHECKING:
    from numpy.random import Generator

_ALPHA = 2.0  # times the rank: what the adapters say is scaled by 2, whatever the rank


def inject(network: nn.Module, rank: int, *, frozen: int = 0) -> None:
    """Puts adapters of this rank beside every linear map of attention and feed-forward; they add nothing yet.

    Layers that are frozen (see `Problem.frozen`) get none.

    Raises:
        MissingExtraError: peft is not installed.
        ConfigError: the network has no layers with linear maps.
    """
    try:
        from peft import LoraConfig, inject_adapter_in_model
    except ImportError:
        raise MissingExtraError("LoRA needs peft: python -m pip install 'tithe[peft]'") from None

    first = frozen if frozen >= 2 else 1
    linear = {name: module for name, module in network.named_modules() if _is_linear(module)}
    targets = [name for name in linear if first <= depth_of(f"{name}.") < 1000]
    if not targets:
        raise ConfigError("LoRA found no linear maps in the layers that train; freeze fewer, or leave lora out")
    flipped = not any(isinstance(linear[name], nn.Linear) for name in targets)
    settings: Any = LoraConfig(
        r=rank, lora_alpha=round(_ALPHA * rank), target_modules=targets, fan_in_fan_out=flipped, lora_dropout=0.0
    )
    with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that maps which lie on their side are turned, where a network has both
        inject_adapter_in_model(settings, network)
    with torch.no_grad():
        for _, one in _adapters(network):
            one.zero_()


def draw(network: nn.Module, rng: Generator) -> None:
    """Draws the first of each pair of adapters, as peft does but from a stream; the second stays 0."""
    with torch.no_grad():
        for name, one in sorted(_adapters(network)):
            if f"{ADAPTED}A." in name:
                bound = 1 / math.sqrt(one.shape[1])
                one.copy_(torch.as_tensor(rng.uniform(-bound, bound, tuple(one.shape))))


def _adapters(network: nn.Module) -> list[tuple[str, nn.Parameter]]:
    return [(name, one) for name, one in network.named_parameters() if ADAPTED in name]


def _is_linear(module: nn.Module) -> bool:
    return isinstance(module, nn.Linear) or type(module).__name__ == "Conv1D"  # GPT-2's, a linear map on its side
