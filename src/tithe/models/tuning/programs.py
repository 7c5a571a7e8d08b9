"""What a run learns (`Problem`), and the programs that compute its losses.

A program holds M models side by side; the training loop sees no more of them than this. `Single` is one model of any
architecture that transformers knows; `tithe.models.tuning.stacked.Stack` is many alike in one batched computation.
"""

from __future__ import annotations

import re
import threading
from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tithe.models.tuning.dropout import HashDropout, Moment, install
from tithe.models.tuning.heads import Linked, log_marginals
from tithe.models.tuning.pieces import Batch, Feed, ranges
from tithe.types import Rows

if TYPE_CHECKING:
    from tithe.models.tuning.losses import Loss
    from tithe.models.tuning.training import Course

_LAYER = re.compile(r"\.?(?:layer|layers|h|block|blocks)\.(\d+)\.")
_PLACES = {"cpu": 8192}  # of a batch without gradients; a GPU is idle with so few
_MOST_PLACES = 65536

ADAPTED = ".lora_"
"""What the names of adapters hold (`tithe.models.tuning.adapters`)."""


@dataclass(frozen=True, eq=False)
class Held:
    """Labelled rows that do not train: they say when to stop, and calibrate."""

    feed: Feed
    targets: Tensor  # (S,) int64 or (S, K) float, as those of the training rows
    weights: Tensor  # (S,) float32


@dataclass(frozen=True, eq=False)
class Problem:
    """What one run learns. The encoder and the head are its own, and are trained in place.

    Attributes:
        encoder: an encoder of transformers; `Single` puts `HashDropout` in the place of its dropout.
        head: a linear map (width -> K), initialised from the run's stream; or whatever else takes an embedding. A
            `Linked` one has a loss of its own, and `loss` then judges its marginals on held rows.
        feed: the training rows.
        targets: for each segment of the feed: (S,) int64, or (S, K) float 0 or 1.
        weights: (S,) float32.
        loss: of the segments of a batch.
        held: validation rows; None where there are too few labels for them.
        dropout: the share of units dropped.
        seed: of the dropout.
        frozen: 0 trains all, 1 all but the embeddings of word pieces, 1 + k neither embeddings nor the first k layers.
    """

    encoder: nn.Module
    head: nn.Module
    feed: Feed
    targets: Tensor
    weights: Tensor
    loss: Loss
    held: Held | None = None
    dropout: float = 0.1
    seed: int = 0
    frozen: int = 1

    @property
    def plain(self) -> bool:
        """Whether it is what a stack can hold: an encoder's own weights and a linear or a linked head."""
        return isinstance(self.head, nn.Linear | Linked) and not has_adapters(self.encoder)


class Program(Protocol):
    """M models, trained side by side."""

    @property
    def size(self) -> int:
        """M, which falls when models leave."""

    def groups(self, course: Course) -> list[dict[str, Any]]:
        """The parameter groups of the optimiser, with `lr` and `weight_decay`."""

    def losses(self, rows: Sequence[Rows], step: int, course: Course, before: Sequence[Rows] | None = None) -> Tensor:
        """(M,) the mean loss of each model on its own rows, with dropout, differentiable.

        `before` are the rows that stand before these in a batch that is computed in parts: a single model drops what
        it drops in the whole batch; a stack draws its masks anew in each part.
        """

    def weights_of(self, rows: Sequence[Rows]) -> list[float]:
        """How much these rows weigh in the mean loss of each model: the weights of their segments, added up."""

    def norms(self) -> Tensor:
        """(M,) the norm of each model's gradients."""

    def scale(self, factors: Tensor) -> None:
        """Multiplies each model's gradients by its factor (M,)."""

    def held_losses(self, course: Course) -> list[float] | None:
        """The mean held-out loss of each model, without dropout; None where there are no held rows."""

    def state(self, model: int) -> dict[str, Tensor]:
        """A copy of all that is trained of one model, on the CPU, by names that are the same in every program."""

    def load(self, model: int, state: dict[str, Tensor]) -> None:
        """Puts such a copy back."""

    def leave(self, stay: Sequence[int], optimizer: torch.optim.Optimizer) -> None:
        """Lets go of all models but these, with what the optimiser knows of them."""


class Tuned(nn.Module):
    """An encoder with a head on the mean state of each segment."""

    def __init__(self, encoder: nn.Module, head: nn.Module, dropout: nn.Module) -> None:
        super().__init__()
        self.encoder, self.head, self.dropout = encoder, head, dropout
        self.busy = threading.Lock()
        """Held by `outputs`: threads may ask one module for different things."""

    def embed(self, batch: Batch) -> Tensor:
        """(s, width) the mean state of each segment, or whatever else the batch reads off the encoder."""
        return batch.read(self.encoder)

    def forward(self, batch: Batch) -> Tensor:
        """(s, K) logits."""
        logits: Tensor = self.head(self.dropout(self.embed(batch)))
        return logits

    def settled(self, logits: Tensor, lengths: NDArray[np.int64]) -> Tensor:
        """(s, K) the logits of whole rows with so many segments: as they are, or for linked tags log-marginals."""
        if isinstance(self.head, Linked):
            return log_marginals(logits, self.head.pairs, torch.from_numpy(lengths))
        return logits


def autocast(course_precision: str, device: torch.device) -> AbstractContextManager[Any]:
    """bf16 where a GPU has it, unless the course says fp32."""
    half = course_precision == "bf16" or (course_precision == "auto" and device.type == "cuda")
    return torch.autocast(device.type, torch.bfloat16) if half else nullcontext()


def freeze(encoder: nn.Module, frozen: int) -> None:
    """Leaves the first parts of an encoder as they are; see `Problem.frozen`. Beside adapters all stays as it is."""
    adapted = has_adapters(encoder)
    words = getattr(encoder.get_input_embeddings(), "weight", None)  # type: ignore[operator]  # of every encoder
    for name, parameter in encoder.named_parameters():
        idle = name.startswith("pooler.")  # a head of its pretraining, which nothing here reads
        still = (frozen >= 1 and parameter is words) or (frozen >= 2 and depth_of(name) < frozen)
        parameter.requires_grad_(not idle and not still and (ADAPTED in name or not adapted))


def layers_of(encoder: nn.Module) -> int:
    """How many layers of an encoder can be frozen one by one: those that `depth_of` knows by their names."""
    depths = (depth_of(name) for name, _ in encoder.named_parameters())
    return max((depth for depth in depths if depth < 1000), default=0)


def has_adapters(encoder: nn.Module) -> bool:
    """Whether LoRA's adapters train in the place of the encoder's own weights."""
    return any(ADAPTED in name for name, _ in encoder.named_parameters())


def depth_of(name: str) -> int:
    """0 for embeddings, 1 + k for the layer k, and a large number above the layers.

    >>> depth_of("embeddings.word_embeddings.weight"), depth_of("encoder.layer.3.output.dense.bias"), depth_of("norm")
    (0, 4, 1000)
    """
    found = _LAYER.search(name)
    if found:
        return 1 + int(found[1])
    return 0 if "embed" in name or name.startswith(("wte", "wpe", "shared")) else 1000


def rates(
    named: Sequence[tuple[str, nn.Parameter]], head: Sequence[nn.Parameter], course: Course, *, stacked: bool = False
) -> list[dict[str, Any]]:
    """Parameter groups: a rate for each depth, falling by `layer_decay` from the top, and no decay of vectors.

    `stacked` parameters have a model axis before their own.
    """
    depths = sorted({min(depth_of(name), 999) for name, _ in named})
    top = max((depth for depth in depths if depth < 999), default=0)  # what stands above the layers counts as the top
    groups: dict[tuple[float, bool], list[nn.Parameter]] = {}
    for name, parameter in named:
        below = max(0, top - depth_of(name))
        groups.setdefault((course.rate * course.layer_decay**below, parameter.ndim > 1 + stacked), []).append(parameter)
    for parameter in head:
        groups.setdefault((course.head_rate, parameter.ndim > 1 + stacked), []).append(parameter)
    return [
        {"params": params, "lr": rate, "weight_decay": course.weight_decay if matrix else 0.0}
        for (rate, matrix), params in groups.items()
    ]


def weight_of(problem: Problem, rows: Rows) -> float:
    """The weights of the segments of some rows, or pairs of rows, added up."""
    rows, splits = np.asarray(rows, np.int64).ravel(), problem.feed.splits
    which = ranges(splits[:-1][rows], np.diff(splits)[rows])
    return float(problem.weights[torch.as_tensor(which, device=problem.weights.device)].sum())


class Alone(ABC):
    """What programs of a single model share. `module` is trained in place; its part `encoder` has rates by depth."""

    size = 1
    module: nn.Module

    @abstractmethod
    def losses(self, rows: Sequence[Rows], step: int, course: Course, before: Sequence[Rows] | None = None) -> Tensor:
        """See `Program`."""

    def weights_of(self, rows: Sequence[Rows]) -> list[float]:
        """See `Program`; each row weighs the same, unless a program says otherwise."""
        return [float(len(rows[0]))]

    @abstractmethod
    def held_losses(self, course: Course) -> list[float] | None:
        """See `Program`."""

    @cached_property
    def trained(self) -> list[tuple[str, nn.Parameter]]:
        """What the optimiser moves, by name. Listed once: a walk through all modules at each step takes its time."""
        return [(name, one) for name, one in self.module.named_parameters() if one.requires_grad]

    def groups(self, course: Course) -> list[dict[str, Any]]:
        """See `Program`."""
        inside = [(name.removeprefix("encoder."), one) for name, one in self.trained if name.startswith("encoder.")]
        return rates(inside, [one for name, one in self.trained if not name.startswith("encoder.")], course)

    def norms(self) -> Tensor:
        """See `Program`."""
        gradients = [one.grad for _, one in self.trained if one.grad is not None]
        norm: Tensor = torch.stack(torch._foreach_norm(gradients)).norm()
        return norm[None]

    def scale(self, factors: Tensor) -> None:
        """See `Program`."""
        torch._foreach_mul_([one.grad for _, one in self.trained if one.grad is not None], factors[0])

    def state(self, model: int) -> dict[str, Tensor]:
        """See `Program`."""
        return {name: one.detach().to("cpu", copy=True) for name, one in self.trained}

    def load(self, model: int, state: dict[str, Tensor]) -> None:
        """See `Program`."""
        with torch.no_grad():
            for name, one in self.trained:
                one.copy_(state[name])

    def leave(self, stay: Sequence[int], optimizer: torch.optim.Optimizer) -> None:  # noqa: B027  # one stays, or none
        """See `Program`."""


class Single(Alone):
    """One model of any architecture, with a linear head."""

    module: Tuned

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.moment = Moment(problem.seed)
        sites = install(problem.encoder, problem.dropout, self.moment)
        freeze(problem.encoder, problem.frozen)
        self.module = Tuned(problem.encoder, problem.head, HashDropout(problem.dropout, sites, self.moment))
        self.module.to(problem.feed.device)

    def forward(self, batch: Batch) -> Tensor:
        """(s, K) logits of a batch."""
        logits: Tensor = self.module(batch)
        return logits

    def losses(self, rows: Sequence[Rows], step: int, course: Course, before: Sequence[Rows] | None = None) -> Tensor:
        """See `Program`."""
        self.module.train()
        problem, moment = self.problem, self.moment
        earlier = np.empty(0, np.int64) if before is None else before[0]
        moment.step = step
        moment.windows, moment.segments = (
            int(np.diff(splits)[earlier].sum()) for splits in (problem.feed.windows, problem.feed.splits)
        )
        batch = problem.feed.batch(rows[0])
        with autocast(course.precision, problem.feed.device):
            logits = self.forward(batch)
        targets, weights = problem.targets[batch.which], problem.weights[batch.which]
        if isinstance(problem.head, Linked):
            lengths = torch.from_numpy(np.diff(problem.feed.splits)[rows[0]])
            return problem.head.loss(logits, targets, weights, lengths)[None]
        loss: Tensor = problem.loss(logits, targets, weights)
        return loss[None]

    def weights_of(self, rows: Sequence[Rows]) -> list[float]:
        """See `Program`."""
        return [weight_of(self.problem, rows[0])]

    def held_losses(self, course: Course) -> list[float] | None:
        """See `Program`."""
        held = self.problem.held
        if held is None:
            return None
        logits, _ = outputs(self.module, held.feed, course.precision)
        with torch.no_grad():
            return [float(self.problem.loss(logits, held.targets, held.weights))]


def rows_at_once(longest: int, device: torch.device) -> int:
    """How many rows of at most so many places go through a model together, without gradients."""
    return max(1, _PLACES.get(device.type, _MOST_PLACES) // max(1, longest))


def _no_states(module: Tuned, feed: Feed) -> Tensor:
    """(0, 0, width): what an encoder, which may refuse to read nothing, would say of no rows."""
    config: Any = module.encoder.config
    return torch.empty(0, 0, int(config.hidden_size), device=feed.device)


def outputs(module: Tuned, feed: Feed, precision: str = "auto", *, member: int | None = None) -> tuple[Tensor, Tensor]:
    """(S, K) float32 settled logits and (S, width) embeddings of all segments of a feed, without gradients.

    `member` leaves dropout on, for that member of a committee. Rows go by length, so that little is padded.
    """
    order = np.argsort(-feed.sizes, kind="stable")
    logits, states, which = list[Tensor](), list[Tensor](), list[Tensor]()
    at = 0
    with module.busy, torch.inference_mode(), autocast(precision, feed.device):
        module.train(member is not None)
        if member is not None:
            module.dropout.moment.step = -1 - member  # type: ignore[union-attr]  # only hashed dropout has members
        while at < len(order) or not which:  # a feed without rows is one batch of none, which knows the widths
            size = rows_at_once(int(feed.sizes[order[at]]), feed.device) if len(order) else 1
            batch = feed.batch(order[at : at + size])
            embedded = module.embed(batch) if len(order) else batch.pooled(_no_states(module, feed))
            raw = module.head(module.dropout(embedded)).float()
            logits.append(module.settled(raw, np.diff(feed.splits)[order[at : at + size]]))
            states.append(embedded.float())
            which.append(batch.which)
            at += size
        if member is not None:  # models that answer are kept, and would keep their masks too
            module.dropout.moment.masks.forget()  # type: ignore[union-attr, operator]  # only hashed dropout has members
    back = torch.argsort(torch.cat(which))
    return torch.cat(logits)[back].clone(), torch.cat(states)[back].clone()
