"""The forward pass of M encoders of the BERT kind at once, over packed batches.

Weights have a leading model axis; states are (M, p, width), a line of p places for each model (see `Packed`).

Source: Devlin et al. 2019, BERT; the arithmetic is that of transformers' BertModel.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, partial
from typing import Any, TypeAlias

import torch
from torch import Tensor
from torch.nn import functional

from tithe.models.tuning.dropout import at_once, dropped, kept, kept_of, numbers_of, places_of
from tithe.models.tuning.packing import Packed

_Mask: TypeAlias = Tensor | tuple[Tensor, Tensor]
"""(M, p, width) bool, or `places_of` and `numbers_of`, of which a compiled layer makes it as it goes."""


@dataclass(frozen=True)
class Shape:
    """What the arithmetic of an encoder depends on beside its weights."""

    layers: int
    heads: int
    width: int
    norm_eps: float
    activation: str

    @classmethod
    def of(cls, config: Any) -> Shape:
        """That of a configuration of transformers."""
        return cls(
            config.num_hidden_layers,
            config.num_attention_heads,
            config.hidden_size,
            config.layer_norm_eps,
            config.hidden_act,
        )


class _Moved(torch.autograd.Function):
    """Rows of `x` (M, a, width) put where `there` (M, b) in [0, M a) says, whose way back is `back` (M, a).

    Both ways are a plain lookup, so gradients are neither summed in an undetermined order nor slow. `own` (M, a) says
    which rows went anywhere at all.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, there: Tensor, back: Tensor, own: Tensor | None) -> Tensor:
        ctx.save_for_backward(back, own)
        return _looked_up(x, there)

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor | None, ...]:
        back, own = ctx.saved_tensors
        found = _looked_up(slope, back)
        return (found if own is None else found * own[..., None]), None, None, None


def _looked_up(x: Tensor, index: Tensor) -> Tensor:
    """(M, b, width): the rows of x (M, a, width), counted through all models, at index (M, b)."""
    return x.flatten(0, 1).index_select(0, index.flatten()).reshape(*index.shape, -1)


def linear(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """(M, p, out) of x (M, p, in), weight (M, out, in), bias (M, out)."""
    return torch.baddbmm(bias[:, None], x, weight.transpose(1, 2))


def _normed(x: Tensor, weight: Tensor, bias: Tensor, eps: float) -> Tensor:
    """Layer norm, each model with its own weight and bias (M, width)."""
    return functional.layer_norm(x, x.shape[-1:], eps=eps) * weight[:, None] + bias[:, None]


def drop_rows(x: Tensor, key: Tensor, share: float) -> Tensor:
    """Dropout of (M, s, width), as that of (s, width) of each model alone."""
    return dropped(x, kept(key, x.shape[1], 1, x.shape[-1], share)[:, :, 0], share)


def states(
    fixed: Mapping[str, Tensor],
    weights: Mapping[str, Tensor],
    shape: Shape,
    batch: Packed,
    drop: tuple[Tensor, float] | None,
    *,
    compiled: bool = False,
) -> Tensor:
    """(M, s, width) the mean state of each segment.

    Args:
        fixed: the tables of pieces, places and types, where all models have the same.
        weights: all else, with a leading model axis, named as in BertModel; query, key and value are one (`joined`).
        drop: (sites, M) keys of `places_of`, the last that of the head, and the share of units dropped; None drops
            nothing.
    """
    masks = _masks(batch, drop[0][:-1], drop[1], shape.width, made=not compiled) if drop else None
    share = drop[1] if drop else 0.0
    x = _embedded(fixed, weights, batch)
    x = _normed(x, weights["embeddings.LayerNorm.weight"], weights["embeddings.LayerNorm.bias"], shape.norm_eps)
    if masks:
        x = dropped(x, _mask(next(masks), share), share)
    rest = _compiled() if compiled else _rest
    for number in range(shape.layers):
        head = f"encoder.layer.{number}."
        own = {name.removeprefix(head): one for name, one in weights.items() if name.startswith(head)}
        of_layer = (next(masks), next(masks)) if masks else None
        x = rest(x, _attention(x, own, shape, batch), own, shape, drop=of_layer, share=share)
    return _means(x, batch)


def _embedded(fixed: Mapping[str, Tensor], weights: Mapping[str, Tensor], batch: Packed) -> Tensor:
    """(M, p, width) the sum of the embeddings of piece, type and place."""

    def found(kind: str, index: Tensor) -> Tensor:
        name = f"embeddings.{kind}_embeddings.weight"
        if name in fixed:
            return functional.embedding(index, fixed[name])
        table = weights[name]  # (M, rows, width)
        first = torch.arange(len(table), device=table.device)[:, None] * table.shape[1]
        return functional.embedding(index + first, table.flatten(0, 1))

    kind = "embeddings.token_type_embeddings.weight"  # all pieces are of the first type
    of_type = fixed[kind][:1] if kind in fixed else weights[kind][:, :1]
    return found("word", batch.ids) + of_type + found("position", batch.place)


def _attention(x: Tensor, own: Mapping[str, Tensor], shape: Shape, batch: Packed) -> Tensor:
    """(M, p, width) what each place gathers from its window, before the product that ends it."""
    size, _, width = x.shape
    joined = linear(x, own["attention.self.joined.weight"], own["attention.self.joined.bias"])
    slots = _Moved.apply(joined, batch.at, batch.slot, batch.own)  # type: ignore[no-untyped-call]  # torch does not say
    windows = slots.reshape(-1, batch.slots, 3, shape.heads, width // shape.heads)
    query, key, value = windows.permute(2, 0, 3, 1, 4).unbind(0)  # (windows, heads, t, d) each
    seen = batch.seen.reshape(-1, 1, 1, batch.slots)
    mixed = functional.scaled_dot_product_attention(query, key, value, attn_mask=seen)
    heads = mixed.transpose(1, 2).reshape(size, -1, width)
    found: Tensor = _Moved.apply(heads, batch.slot, batch.at, batch.filled)  # type: ignore[no-untyped-call]  # torch does not say
    return found


def _rest(
    x: Tensor, mixed: Tensor, own: Mapping[str, Tensor], shape: Shape, *, drop: tuple[_Mask, _Mask] | None, share: float
) -> Tensor:
    """What a layer does after attention. `drop` are the masks of its two places that drop; or None."""
    out = linear(mixed, own["attention.output.dense.weight"], own["attention.output.dense.bias"])
    if drop:
        out = dropped(out, _mask(drop[0], share), share)
    norm = "attention.output.LayerNorm"
    x = _normed(out + x, own[f"{norm}.weight"], own[f"{norm}.bias"], shape.norm_eps)
    inner = linear(x, own["intermediate.dense.weight"], own["intermediate.dense.bias"])
    out = linear(ACTIVATIONS[shape.activation](inner), own["output.dense.weight"], own["output.dense.bias"])
    if drop:
        out = dropped(out, _mask(drop[1], share), share)
    return _normed(out + x, own["output.LayerNorm.weight"], own["output.LayerNorm.bias"], shape.norm_eps)


def _masks(batch: Packed, keys: Tensor, share: float, width: int, *, made: bool) -> Iterator[_Mask]:
    """The mask of each place of the network that drops states: by their windows and places, and the keys of the models.

    Args:
        keys: (sites, M).
        made: whether masks are made, several at once; or left to who takes them.
    """
    places, numbers = places_of(keys[..., None], batch.window.int(), batch.place.int()), numbers_of(width, keys.device)
    if made:
        for some in torch.split(places, at_once(places[0].numel() * width, keys.device)):
            yield from kept_of(some, numbers, share)
    else:
        for one in places:
            yield one, numbers


def _mask(mask: _Mask, share: float) -> Tensor:
    """(M, p, width), made here if it is not yet."""
    return mask if isinstance(mask, Tensor) else kept_of(*mask, share)


def _means(x: Tensor, batch: Packed) -> Tensor:
    """(M, s, width) the mean over the places of each segment; 0 where it has none."""
    # A product with a matrix of ones: summed in a fixed order, which atomic additions on a GPU are not.
    numbers = torch.arange(batch.which.shape[1], device=x.device)
    belongs = (batch.segment[:, None, :] == numbers[:, None]).to(x.dtype)
    return torch.bmm(belongs, x) / belongs.sum(dim=2).clamp(min=1)[..., None]


ACTIVATIONS: Mapping[str, Callable[[Tensor], Tensor]] = {
    "gelu": functional.gelu,
    "gelu_new": partial(functional.gelu, approximate="tanh"),
    "gelu_pytorch_tanh": partial(functional.gelu, approximate="tanh"),
    "relu": functional.relu,
    "silu": functional.silu,
}
"""The activations that are known here, by their names in transformers."""


@cache
def _compiled() -> Callable[..., Tensor]:
    """`_rest`, fused for shapes that vary. Attention is fused already, and its lookups are not for the compiler."""
    made: Callable[..., Tensor] = torch.compile(_rest, dynamic=True)
    return made
