"""Where a fit meets others: alone unless an engine gathers alike fits and trains them side by side."""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, Protocol

from tithe.models import Tell, quiet
from tithe.models.tuning.joint import processes
from tithe.models.tuning.many import Spread
from tithe.models.tuning.programs import Single
from tithe.models.tuning.training import train

if TYPE_CHECKING:
    from tithe.models.tuning.checkpoints import Checkpoint
    from tithe.models.tuning.orders import Order
    from tithe.models.tuning.programs import Problem
    from tithe.models.tuning.training import Course, Trained


class Gatherer(Protocol):
    """What an engine puts in the place of training alone."""

    def __call__(self, problem: Problem, order: Order, course: Course, tell: Tell) -> Trained: ...


GATHERER: ContextVar[Gatherer | None] = ContextVar("GATHERER", default=None)


def run(
    problem: Problem, order: Order, course: Course, *, tell: Tell = quiet, checkpoint: Checkpoint | None = None
) -> Trained:
    """Trains what a problem says: alone, or where an engine gathers, with others that are plain."""
    gatherer = GATHERER.get()
    if gatherer is not None and checkpoint is None and problem.plain:
        return gatherer(problem, order, course, tell)
    if processes() > 1:  # without a checkpoint: they would write to the same folder
        return train(Spread(problem), [order], course, tell=tell)[0]
    return train(Single(problem), [order], course, tell=tell, checkpoint=checkpoint)[0]
