"""Contrastive training without labels: a text read twice, with other units dropped, is nearer to itself than to others.

Source: Gao et al. 2021, SimCSE: Simple Contrastive Learning of Sentence Embeddings. Departs: the mean of the last
states is compared, as it is this mean that tithe uses, and without a further layer.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from tithe.models.tuning.dropout import Moment, install
from tithe.models.tuning.masked import Texts
from tithe.models.tuning.pieces import Feed
from tithe.models.tuning.programs import Alone, autocast, freeze
from tithe.types import Rows

if TYPE_CHECKING:
    from tithe.models.tuning.training import Course

_TEMPERATURE = 0.05


class Twice(Alone):
    """One encoder trained to know a text again among those of its batch, although other units are dropped."""

    module: nn.ModuleDict

    def __init__(self, encoder: nn.Module, texts: Texts) -> None:
        self.texts = texts
        self.moment = Moment(texts.seed)
        install(encoder, texts.dropout, self.moment)
        freeze(encoder, texts.frozen)
        self.module = nn.ModuleDict({"encoder": encoder})
        self.module.to(texts.feed.device)

    def losses(self, rows: Sequence[Rows], step: int, course: Course, before: Sequence[Rows] | None = None) -> Tensor:
        """See `Program`; masks are drawn anew in each part."""
        self.module.train()
        self.moment.step = step
        return self._loss(self.texts.feed, rows[0], course)[None]

    def held_losses(self, course: Course) -> list[float]:
        """See `Program`; here dropout is what is asked for, and it is the same at each look."""
        self.module.train()
        self.moment.step = -1
        with torch.inference_mode():
            parts = [(float(self._loss(self.texts.held, rows, course)), len(rows)) for rows in self.texts.held_rows()]
        return [sum(loss * count for loss, count in parts) / max(1, sum(count for _, count in parts))]

    def _loss(self, feed: Feed, rows: Rows, course: Course) -> Tensor:
        batch = feed.batch(np.concatenate([rows, rows]))  # other rows of a batch, so other units are dropped
        with autocast(course.precision, feed.device):
            states = self.module["encoder"](input_ids=batch.ids, attention_mask=batch.mask.long()).last_hidden_state
        first, second = functional.normalize(batch.pooled(states.float()), dim=1).chunk(2)
        here = torch.arange(len(rows), device=first.device)
        return functional.cross_entropy(first @ second.T / _TEMPERATURE, here)
