"""Many alike models trained as one: a `Program` whose parameters have a leading model axis.

Each model has its own data, order, dropout and loss, and learns what it would learn alone. A step costs the launches
of one model and the arithmetic of all, which is what a large GPU is good at: one MiniLM leaves it idle.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from tithe.models.tuning.dropout import Moment
from tithe.models.tuning.heads import Linked, linked_losses, log_marginals
from tithe.models.tuning.moving import moved
from tithe.models.tuning.packing import Packed, Packer
from tithe.models.tuning.pieces import Feed, ranges
from tithe.models.tuning.programs import Problem, autocast, freeze, rates, rows_at_once, weight_of
from tithe.models.tuning.stacked_bert import ACTIVATIONS, Shape, drop_rows, linear, states
from tithe.types import Rows

if TYPE_CHECKING:
    from tithe.models.tuning.losses import Loss
    from tithe.models.tuning.training import Course

_JOINED = ("query", "key", "value")
"""Matrices of a layer that are kept as one: a single product for all three."""


def why_not(problem: Problem) -> str:
    """Why a problem cannot be trained in a stack, in words; empty where it can."""
    config: Any = problem.encoder.config
    if type(problem.encoder).__name__ != "BertModel" or config.is_decoder:
        return f"only encoders of the BERT kind are stacked, and this is a {type(problem.encoder).__name__}"
    if getattr(config, "position_embedding_type", "absolute") != "absolute":
        return "only absolute positions are stacked"
    if config.hidden_act not in ACTIVATIONS:
        return f"the activation {config.hidden_act!r} is not known to stacks"
    return ""


def can_stack(problems: Sequence[Problem]) -> bool:
    """Whether these problems can be trained as one stack: alike encoders, heads and losses, the same frozen tables."""
    first = problems[0]
    return not why_not(first) and all(_alike(first, other) for other in problems[1:])


def _alike(one: Problem, other: Problem) -> bool:
    """Whether two problems differ in nothing but data, trained weights, seeds and class weights."""
    if why_not(other) or _kind(one) != _kind(other):
        return False
    return all(a is b or torch.equal(a, b) for (name, a), (_, b) in zip(_shared(one), _shared(other), strict=True))


def _kind(problem: Problem) -> tuple[object, ...]:
    """What must agree in a stack and is quickly compared."""
    config: Any = problem.encoder.config
    return (
        Shape.of(config), config.vocab_size, type(problem.head), problem.head.weight.shape, problem.frozen,
        problem.dropout, problem.feed.frame, problem.feed.segments, problem.feed.beside is None,
        problem.feed.device, problem.targets.ndim, problem.held is None, type(problem.loss),
        repr(_without_weights(problem.loss)),
        # Of starts that are alike otherwise, inner layers may be wider or more places known.
        tuple(one.shape for name, one in problem.encoder.named_parameters() if not name.startswith("pooler.")),
    )  # fmt: skip


def _shared(problem: Problem) -> list[tuple[str, Tensor]]:
    """The tables of pieces, places and types that are frozen: a stack has them once."""
    freeze(problem.encoder, problem.frozen)
    named = problem.encoder.named_parameters()
    return [(name, one) for name, one in named if name.endswith("_embeddings.weight") and not one.requires_grad]


def _beside(feeds: Sequence[Feed]) -> Tensor | None:
    """(S, f) what the feeds have beside the encoder, one feed behind the other; None where they have nothing."""
    found = [feed.beside for feed in feeds if feed.beside is not None]
    return torch.cat(found) if found else None


def _without_weights(loss: Loss) -> Loss:
    if getattr(loss, "class_weights", None) is None:
        return loss
    return dataclasses.replace(loss, class_weights=None)  # type: ignore[type-var]  # what has class weights is one


def _loss_of_all(losses: Sequence[Loss]) -> Loss:
    """One loss over the model axis, each model with its own class weights."""
    weights = [getattr(loss, "class_weights", None) for loss in losses]
    present = [one for one in weights if one is not None]
    if not present:
        return losses[0]
    rows = [torch.ones_like(present[0]) if one is None else one for one in weights]
    return dataclasses.replace(losses[0], class_weights=torch.stack(rows))  # type: ignore[type-var]  # as above


class Stack:
    """Several problems as one program; their encoders and heads are read, and left as they are.

    Raises ValueError where `can_stack` says no.
    """

    def __init__(self, problems: Sequence[Problem], *, compiled: bool = False) -> None:
        """`compiled` fuses the layers with torch.compile: up to 20 seconds more at the beginning, less at each step."""
        if not can_stack(problems):
            raise ValueError(f"these problems cannot be stacked; {why_not(problems[0]) or 'they are not alike'}")
        self.problems = list(problems)
        first = problems[0]
        self.device = first.feed.device
        self.shape = Shape.of(first.encoder.config)
        self.moments = [Moment(problem.seed) for problem in problems]
        self.models = list(range(len(problems)))
        """The positions in `problems` of those that are still trained."""
        self._compiled = compiled
        self._linked = isinstance(first.head, Linked)
        self._packer = Packer([problem.feed for problem in problems])
        self._beside = _beside([problem.feed for problem in problems])
        self._targets = torch.cat([problem.targets for problem in problems])
        self._segment_weights = torch.cat([problem.weights for problem in problems])
        self._held = _HeldRows(problems) if first.held is not None else None
        self.fixed, self.weights = self._stacked()
        self._losses = [problem.loss for problem in problems]
        self._loss = _loss_of_all(self._losses)

    def _stacked(self) -> tuple[dict[str, Tensor], dict[str, nn.Parameter]]:
        """The shared frozen tables, and all else with a leading model axis."""
        shared = {name: one.detach().to(self.device) for name, one in _shared(self.problems[0])}
        named = [dict(problem.encoder.named_parameters()) for problem in self.problems]
        weights = dict[str, nn.Parameter]()
        for name, like in named[0].items():
            if name in shared or name.startswith("pooler."):
                continue
            joined = _parts(name)
            if joined and joined[0] != name:
                continue  # came with the first of its three
            rows = [torch.cat([own[part] for part in joined or [name]]).detach() for own in named]
            weights[_joined(name)] = nn.Parameter(torch.stack(rows).to(self.device), like.requires_grad)
        for part, _ in self.problems[0].head.named_parameters():
            rows = [problem.head.get_parameter(part).detach() for problem in self.problems]
            weights[f"head.{part}"] = nn.Parameter(torch.stack(rows).to(self.device))
        return shared, weights

    @property
    def size(self) -> int:
        """How many models are still trained."""
        return len(self.models)

    @property
    def _trained(self) -> list[nn.Parameter]:
        return [one for one in self.weights.values() if one.requires_grad]

    def groups(self, course: Course) -> list[dict[str, Any]]:
        """See `Program`."""
        inside = [
            (name, one) for name, one in self.weights.items() if one.requires_grad and not name.startswith("head.")
        ]
        head = [one for name, one in self.weights.items() if name.startswith("head.")]
        return rates(inside, head, course, stacked=True)

    def losses(self, rows: Sequence[Rows], step: int, course: Course, before: Sequence[Rows] | None = None) -> Tensor:
        """See `Program`."""
        for moment in self.moments:
            moment.step = step
        sites = range(2 + 2 * self.shape.layers)
        keys = torch.tensor([[self.moments[m].key(site) for m in self.models] for site in sites], dtype=torch.int32)
        packed = self._packer.pack(self.models, rows)
        batch = packed.to(self.device)
        logits = self._logits(batch, moved([keys], self.device)[0], course, self._beside)
        if self._linked:
            return self._linked_losses(logits, packed, rows)
        return self._loss(logits, self._targets[batch.which], self._segment_weights[batch.which] * batch.counts)

    def _linked_losses(self, logits: Tensor, packed: Packed, rows: Sequence[Rows]) -> Tensor:
        """(M,) the losses of heads that link the tags of a row."""
        real = packed.counts.flatten().nonzero()[:, 0]  # found on the CPU, so that nothing waits
        which = packed.which.flatten()[real]
        lengths = [np.diff(self.problems[m].feed.splits)[own] for m, own in zip(self.models, rows, strict=True)]
        owner = np.repeat(np.arange(self.size), [len(own) for own in rows])
        real, which = moved([real, which], self.device)
        return linked_losses(
            logits.flatten(0, 1)[real],
            self.weights["head.pairs"],
            self._targets[which],
            self._segment_weights[which],
            lengths=torch.from_numpy(np.concatenate(lengths)),
            owner=torch.from_numpy(owner),
        )

    def _logits(self, batch: Packed, keys: Tensor | None, course: Course, beside: Tensor | None) -> Tensor:
        """(M, s, K); without `keys` nothing is dropped. `beside` is what the feeds have beside the encoder."""
        share = self.problems[0].dropout
        drop = None if keys is None or not share else (keys, share)
        with autocast(course.precision, self.device):
            pooled = states(self.fixed, self.weights, self.shape, batch, drop, compiled=self._compiled)
            if beside is not None:
                pooled = torch.cat([pooled, beside[batch.which].to(pooled.dtype)], dim=-1)
            if drop:
                pooled = drop_rows(pooled, drop[0][-1], share)
            logits: Tensor = linear(pooled, self.weights["head.weight"], self.weights["head.bias"])
        return logits

    def weights_of(self, rows: Sequence[Rows]) -> list[float]:
        """See `Program`."""
        return [weight_of(self.problems[m], own) for m, own in zip(self.models, rows, strict=True)]

    def norms(self) -> Tensor:
        """See `Program`."""
        gradients = [one.grad.flatten(1) for one in self._trained if one.grad is not None]
        norms: Tensor = torch.linalg.vector_norm(
            torch.stack([torch.linalg.vector_norm(one, dim=1) for one in gradients]), dim=0
        )
        return norms

    def scale(self, factors: Tensor) -> None:
        """See `Program`."""
        for one in self._trained:
            if one.grad is not None:
                one.grad.mul_(factors.reshape(-1, *[1] * (one.ndim - 1)))

    def held_losses(self, course: Course) -> list[float] | None:
        """See `Program`."""
        if self._held is None:
            return None
        with torch.inference_mode():
            found: list[list[Tensor]] = [[] for _ in self.models]
            for models_rows, batch in self._held.batches(self.models, self.device):
                logits = self._logits(batch, None, course, self._held.beside).float()
                for at, count in enumerate(models_rows):
                    found[at].append(logits[at, :count])
            judged = []
            for at, (m, own) in enumerate(zip(self.models, found, strict=True)):
                logits = torch.cat(own)[self._held.back(m)]
                if self._linked:
                    logits = log_marginals(logits, self.weights["head.pairs"][at], self._held.lengths(m))
                judged.append(float(self._losses[m](logits, self._held.targets[m], self._held.weights[m])))
            return judged

    def state(self, model: int) -> dict[str, Tensor]:
        """See `Program`; `model` counts those that are still trained."""
        return {name: part.detach().to("cpu", copy=True) for name, part in self._named(model)}

    def load(self, model: int, state: dict[str, Tensor]) -> None:
        """See `Program`."""
        with torch.no_grad():
            for name, part in self._named(model):
                part.copy_(state[name])

    def _named(self, model: int) -> list[tuple[str, Tensor]]:
        """The trained weights of one model under the names of `Single`, as windows on those of all."""
        found = list[tuple[str, Tensor]]()
        for name, one in self.weights.items():
            if not one.requires_grad:
                continue
            own = one.detach()[model]
            if ".joined." in name:
                parts = zip(_JOINED, own.chunk(len(_JOINED)), strict=True)
                found += [(f"encoder.{name.replace('joined', part)}", value) for part, value in parts]
            else:
                found.append((name if name.startswith("head.") else f"encoder.{name}", own))
        return found

    def leave(self, stay: Sequence[int], optimizer: torch.optim.Optimizer) -> None:
        """See `Program`."""
        index = torch.as_tensor(list(stay), dtype=torch.int64, device=self.device)
        for one in self.weights.values():
            one.grad = None
            size = len(one)
            for name, value in optimizer.state.get(one, {}).items():
                if value.ndim and len(value) == size and value.shape == one.shape:
                    optimizer.state[one][name] = value[index]
            one.data = one.data[index]
        self.models = [self.models[at] for at in stay]
        if self.models:
            self._loss = _loss_of_all([self._losses[m] for m in self.models])


class _HeldRows:
    """The validation rows of all models, longest first, in batches that fit."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        held = [problem.held for problem in problems if problem.held is not None]
        self._feeds = [one.feed for one in held]
        self._packer = Packer(self._feeds)
        self.beside = _beside(self._feeds)
        self.targets = [one.targets for one in held]
        self.weights = [one.weights for one in held]
        self._orders = [np.argsort(-feed.sizes, kind="stable") for feed in self._feeds]

    def batches(self, models: Sequence[int], device: torch.device) -> list[tuple[list[int], Packed]]:
        """Batches, and for each how many segments each of these models has in it."""
        found = list[tuple[list[int], Packed]]()
        at, most = 0, max(len(self._orders[m]) for m in models)
        while at < most:
            longest = max(int(self._feeds[m].sizes[self._orders[m][at]]) for m in models if at < len(self._orders[m]))
            size = rows_at_once(longest * len(models), device)
            rows = [self._orders[m][at : at + size] for m in models]
            counts = [int(np.diff(self._feeds[m].splits)[own].sum()) for m, own in zip(models, rows, strict=True)]
            found.append((counts, self._packer.pack(models, rows).to(device)))
            at += size
        return found

    def lengths(self, model: int) -> Tensor:
        """(n,) the segments of each row of a model's feed, on the CPU."""
        return torch.from_numpy(np.diff(self._feeds[model].splits))

    def back(self, model: int) -> Tensor:
        """(S,) where each segment of a model's feed stands among the outputs of its batches."""
        feed, order = self._feeds[model], self._orders[model]
        which = ranges(feed.splits[:-1][order], np.diff(feed.splits)[order])
        return torch.as_tensor(np.argsort(which, kind="stable"), device=feed.device)


def _parts(name: str) -> list[str]:
    """The names of the matrices that are kept as one with this; none where it stands alone.

    >>> _parts("encoder.layer.0.attention.self.key.bias")[0]
    'encoder.layer.0.attention.self.query.bias'
    """
    head, _, kind = name.rpartition(".")
    before, _, last = head.rpartition(".")
    return [f"{before}.{one}.{kind}" for one in _JOINED] if last in _JOINED else []


def _joined(name: str) -> str:
    """The name under which a matrix is kept.

    >>> _joined("encoder.layer.0.attention.self.query.bias"), _joined("embeddings.LayerNorm.bias")
    ('encoder.layer.0.attention.self.joined.bias', 'embeddings.LayerNorm.bias')
    """
    return name.replace(".query.", ".joined.") if _parts(name) else name
