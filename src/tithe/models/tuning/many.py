"""One model on several GPUs: `accelerate launch --num_processes 2 -m tithe train ... --trainer finetune`.

Each process takes its share of every batch, and gradients are averaged while they are computed. What is random is the
same in all processes, and each drops the units that one alone would drop in its rows: but for rounding, the weights do
not depend on how many there are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from torch import Tensor

from tithe.models.tuning.joint import accelerator, processes
from tithe.models.tuning.pieces import Batch
from tithe.models.tuning.programs import Problem, Single, weight_of
from tithe.types import Rows

if TYPE_CHECKING:
    from tithe.models.tuning.training import Course


class Spread(Single):
    """A `Single` whose batches are shared out among processes; all of them come to the same weights."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem)
        self._joint = accelerator()
        self._rank = self._joint.process_index
        self._spread = self._joint.prepare(self.module)

    def forward(self, batch: Batch) -> Tensor:
        """(s, K) logits; the gradients of what is made of them are averaged over the processes."""
        logits: Tensor = self._spread(batch)
        return logits

    def losses(self, rows: Sequence[Rows], step: int, course: Course, before: Sequence[Rows] | None = None) -> Tensor:
        """See `Program`: the loss of all rows; its gradients are those of this process's share, to be averaged."""
        whole, size = rows[0], len(rows[0])
        first, last = (size * at // processes() for at in (self._rank, self._rank + 1))
        own = whole[first:last]
        share = weight_of(self.problem, own) * processes() / max(weight_of(self.problem, whole), 1e-12)
        earlier = [whole[:first] if before is None else np.concatenate([before[0], whole[:first]])]
        # A process without rows computes one for nothing: all must take part in the average.
        loss = super().losses([own if len(own) else whole[:1]], step, course, earlier) * share
        mean: Tensor = self._joint.reduce(loss.detach().clone(), "mean")  # all see the same, and stop together
        return loss + (mean - loss.detach())

    def held_losses(self, course: Course) -> list[float] | None:
        """See `Program`; what the first process finds holds for all, so that all stop at the same step."""
        from accelerate.utils import broadcast_object_list

        found = [super().held_losses(course)]
        broadcast_object_list(found)
        return found[0]
