"""The training loop: one for every task, every program and every kind of start.

It reads from top to bottom: batches, warm-up, step, a look at the losses, judgement on held rows, the best weights
kept, an early stop. M models may go through it side by side (`Program`); for most it is one.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tithe.errors import TrainingError
from tithe.models import Tell, quiet
from tithe.models.tuning.checkpoints import Checkpoint
from tithe.models.tuning.orders import Order
from tithe.models.tuning.programs import Program
from tithe.types import Rows

log = logging.getLogger(__name__)

_LOOK = 20  # steps between two looks at the losses on a GPU, where each look waits for all that is under way


@dataclass(frozen=True)
class Course:
    """How long and how fast to train.

    Attributes:
        steps: of the optimiser.
        rate: of the topmost layer of the encoder; each layer below has `layer_decay` times that of the one above.
        head_rate: of the head.
        warmup: the share of the steps in which rates rise from 0; then they fall to 0 along a line.
        clip: the largest norm of a model's gradients.
        accumulate: parts that each batch is computed in, for less memory.
        judgements: how often held rows are looked at, evenly spread; 0 keeps the last weights, whatever is held.
        patience: judgements without a better one after which training ends.
        precision: `auto` is bf16 on a GPU and fp32 elsewhere.
    """

    steps: int
    batch: int = 32
    rate: float = 1e-4
    head_rate: float = 2e-3
    layer_decay: float = 1.0
    weight_decay: float = 0.01
    warmup: float = 0.1
    clip: float = 1.0
    accumulate: int = 1
    judgements: int = 10
    patience: int = 4
    precision: Literal["auto", "bf16", "fp32"] = "auto"

    def factor(self, step: int) -> float:
        """What rates are multiplied by at a step: up over the warm-up, then down to 0."""
        warm = max(1, round(self.warmup * self.steps))
        if step < warm:
            return (step + 1) / warm
        return max(0.0, (self.steps - step) / max(1, self.steps - warm))

    def judged(self, step: int) -> bool:
        """Whether held rows are looked at after this step."""
        if not self.judgements:
            return step + 1 == self.steps
        every = max(1, self.steps // self.judgements)
        return (step + 1) % every == 0 or step + 1 == self.steps


@dataclass
class Trained:
    """What came of one model: `state` are its best weights (its last, where nothing was held), the rest its story."""

    state: dict[str, Tensor] = field(default_factory=dict)
    losses: list[float] = field(default_factory=list)
    held: list[tuple[int, float]] = field(default_factory=list)
    best: int = 0
    waited: int = 0

    @property
    def steps(self) -> int:
        """How many steps it took."""
        return len(self.losses)

    @property
    def arrays(self) -> dict[str, NDArray[np.float32]]:
        """The weights as they are saved, float32."""
        return {name: np.ascontiguousarray(value.float().numpy()) for name, value in self.state.items()}


def train(
    program: Program,
    orders: Sequence[Order],
    course: Course,
    *,
    tell: Tell = quiet,
    checkpoint: Checkpoint | None = None,
) -> list[Trained]:
    """Trains all models of a program; what came of each, in their order.

    Args:
        orders: the rows of each step, one for each model.
        checkpoint: where the state is kept every now and then, and where training goes on if something is there; for
            programs of one model.

    Raises:
        TrainingError: a loss is no number (with the step and the rows of its batch), or memory is too small for half
            a batch too. Where it is too small for a whole one, batches are computed in two halves, and the log says so.
    """
    found = [Trained() for _ in orders]
    alive = list(range(len(orders)))
    groups = program.groups(course)
    rates = [group["lr"] for group in groups]
    # Rates as tensors on a GPU would allow graphs; as numbers they are exact on every device.
    optimizer = torch.optim.AdamW(groups, betas=(0.9, 0.999), eps=1e-8, fused=True)
    watch = _Watch(found)
    step = checkpoint.load(program, optimizer, found[0]) if checkpoint else 0
    parts = course.accumulate
    while step < course.steps and alive:
        for group, rate in zip(optimizer.param_groups, rates, strict=True):
            group["lr"] = rate * course.factor(step)
        rows = [orders[model].rows(step) for model in alive]

        try:
            losses = _backward(program, optimizer, rows, step=step, course=course, parts=parts)
        except (RuntimeError, MemoryError) as error:
            if not short_of_memory(error):
                raise
            losses = None
            if parts > course.accumulate:
                raise TrainingError(
                    f"memory is too small for half a batch of {course.batch} rows ({error}); give a smaller batch, or "
                    f"a smaller start"
                ) from None
        if losses is None:  # tried again outside of the handler, which holds on to what filled the memory
            parts *= 2
            log.warning("step %d: memory is too small for %d rows at once; halved from here on", step, course.batch)
            torch.cuda.empty_cache()
            continue

        program.scale((course.clip / program.norms().clamp(min=1e-12)).clamp(max=1.0))
        optimizer.step()
        watch.saw(step, alive, rows, losses)
        if course.judged(step):
            watch.look()
            held = program.held_losses(course) if course.judgements else None
            stay = [
                at
                for at, model in enumerate(alive)
                if not _judge(found[model], program, at, held, step=step, course=course)
            ]
            if len(stay) < len(alive):
                program.leave(stay, optimizer)
                alive = [alive[at] for at in stay]
        step += 1
        if checkpoint and alive and checkpoint.due(step):
            watch.look()
            checkpoint.save(program, optimizer, found[0], step)
        tell("training", step, course.steps)
    watch.look()
    return found


def short_of_memory(error: BaseException) -> bool:
    """Whether this says that memory is too small: that of a GPU, or of the CPU, for which torch has no error."""
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or "DefaultCPUAllocator" in str(error)


def _backward(
    program: Program,
    optimizer: torch.optim.Optimizer,
    rows: Sequence[Rows],
    *,
    step: int,
    course: Course,
    parts: int,
) -> Tensor:
    """(M,) the mean losses of the models on their rows, whose gradients are left in the parameters."""
    optimizer.zero_grad(set_to_none=True)
    total: Tensor | None = None
    many = min(parts, *(len(own) for own in rows))
    cuts = [[at * len(own) // many for at in range(many + 1)] for own in rows]
    whole = program.weights_of(rows) if many > 1 else []
    for at in range(many):
        part = [own[cut[at] : cut[at + 1]] for own, cut in zip(rows, cuts, strict=True)]
        before = [own[: cut[at]] for own, cut in zip(rows, cuts, strict=True)]
        losses = program.losses(part, step, course, before)
        if many > 1:
            shares = [a / max(b, 1e-12) for a, b in zip(program.weights_of(part), whole, strict=True)]
            losses = losses * torch.as_tensor(shares, dtype=losses.dtype, device=losses.device)
        losses.sum().backward()  # type: ignore[no-untyped-call]  # torch does not say
        total = losses.detach() if total is None else total + losses.detach()
    assert total is not None  # a batch has rows
    return total


def _judge(own: Trained, program: Program, at: int, held: Sequence[float] | None, *, step: int, course: Course) -> bool:
    """Keeps the weights of a model if they are its best so far; whether it is done."""
    last = step + 1 == course.steps
    if held is None:
        if last:
            own.state, own.best = program.state(at), step + 1
        return last
    loss = held[at]
    better = not own.held or loss < min(past for _, past in own.held)
    own.held.append((step + 1, loss))
    own.waited = 0 if better else own.waited + 1
    if better or not own.state:
        own.state, own.best = program.state(at), step + 1
    return last or own.waited >= course.patience


class _Watch:
    """Reads losses where that does not slow the device down, and stops at the first that is no number."""

    def __init__(self, found: Sequence[Trained]) -> None:
        self._found = found
        self._seen: list[tuple[int, list[int], Sequence[Rows], Tensor]] = []

    def saw(self, step: int, alive: Sequence[int], rows: Sequence[Rows], losses: Tensor) -> None:
        """Takes the losses of a step."""
        self._seen.append((step, list(alive), rows, losses))
        if losses.device.type == "cpu" or len(self._seen) >= _LOOK:
            self.look()

    def look(self) -> None:
        """Writes down what was seen. Raises TrainingError for a loss that is no number."""
        seen, self._seen = self._seen, []
        for step, alive, rows, losses in seen:
            for at, (model, loss) in enumerate(zip(alive, losses.tolist(), strict=True)):
                if not math.isfinite(loss):
                    raise NotANumberError(step, rows[at], loss, model=model)
                self._found[model].losses.append(loss)


class NotANumberError(TrainingError):
    """A loss that is no number; `rows` are those of its batch, which whoever knows their ids names in `where`."""

    def __init__(self, step: int, rows: Rows, loss: float, where: str = "", *, model: int = 0) -> None:
        """`model` is its position in the program."""
        self.step, self.rows, self.loss, self.model = step, rows, loss, model
        super().__init__(f"the loss is {loss} at step {step}, on {where or f'the rows {rows.tolist()}; {ADVICE}'}")


ADVICE = "try a smaller rate, or precision=fp32"
