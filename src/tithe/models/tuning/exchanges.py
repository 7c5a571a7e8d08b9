"""Language models as a run trains them: prompts with answers, and the likelihood of each answer.

An exchange is a row, and its one output the log-likelihood of its answer. So a language model goes through the same
program and the same loop as an encoder with a head.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from tithe.types import Rows

_UNSAID = -100  # no piece is expected here


@dataclass(frozen=True, eq=False)
class Said:
    """Some exchanges as a language model reads them."""

    ids: Tensor  # (b, t) int64: prompt and answer; the prompt alone where a decoder writes the answer
    mask: Tensor  # (b, t) bool
    answers: Tensor  # (b, t), or (b, a) where a decoder writes them: int64, -100 where no piece is expected
    which: Tensor  # (b,) int64: the number of each in its feed
    apart: bool

    def read(self, model: nn.Module) -> Tensor:
        """(b, 1) the log-likelihood of each answer, its end included."""
        inputs = {"input_ids": self.ids, "attention_mask": self.mask.long()}
        if self.apart:
            given, wanted = model(**inputs, labels=self.answers).logits, self.answers
        else:
            given, wanted = model(**inputs).logits[:, :-1], self.answers[:, 1:]
        lost = functional.cross_entropy(given.float().transpose(1, 2), wanted, ignore_index=_UNSAID, reduction="none")
        return -lost.sum(dim=1, keepdim=True)


@dataclass(frozen=True, eq=False)
class Exchanges:
    """Prompts and answers as pieces: a feed with a segment a row.

    `apart` says that a decoder writes the answer (T5, BART); otherwise it goes on where the prompt ends (GPT, Llama).
    """

    prompts: Sequence[Sequence[int]]
    answers: Sequence[Sequence[int]]
    apart: bool
    pad: int
    device: torch.device

    def __len__(self) -> int:
        return len(self.prompts)

    @cached_property
    def sizes(self) -> NDArray[np.int64]:
        """(n,) the places that each row takes in a batch."""
        pairs = zip(self.prompts, self.answers, strict=True)
        return np.array([len(prompt) + len(answer) for prompt, answer in pairs], np.int64)

    @cached_property
    def windows(self) -> NDArray[np.int64]:
        """(n + 1,) the windows of each row: one."""
        return np.arange(len(self) + 1)

    @property
    def splits(self) -> NDArray[np.int64]:
        """(n + 1,) the segments of each row: one."""
        return self.windows

    def batch(self, rows: Rows) -> Said:
        """These rows, in this order, padded at the end."""
        rows = np.asarray(rows, np.int64)
        prompts = [list(self.prompts[row]) for row in rows]
        answers = [list(self.answers[row]) for row in rows]
        if not self.apart:
            pairs = list(zip(prompts, answers, strict=True))
            prompts = [prompt + answer for prompt, answer in pairs]
            answers = [[_UNSAID] * len(prompt) + answer for prompt, answer in pairs]
        ids, mask = padded(prompts, self.pad)
        wanted, _ = padded(answers, _UNSAID)
        put = self.device
        return Said(ids.to(put), mask.to(put), wanted.to(put), torch.as_tensor(rows, device=put), self.apart)


def padded(lists: Sequence[Sequence[int]], fill: int, *, left: bool = False) -> tuple[Tensor, Tensor]:
    """(n, longest) int64 and where there is something, (n, longest) bool.

    >>> padded([[1, 2], [3]], 0)[0].tolist(), padded([[1, 2], [3]], 0, left=True)[0].tolist()
    ([[1, 2], [3, 0]], [[1, 2], [0, 3]])
    """
    longest = max(1, *map(len, lists))
    ids = np.full((len(lists), longest), fill, np.int64)
    mask = np.zeros((len(lists), longest), bool)
    for row, one in enumerate(lists):
        place = slice(longest - len(one), longest) if left else slice(0, len(one))
        ids[row, place], mask[row, place] = one, True
    return torch.as_tensor(ids), torch.as_tensor(mask)


@dataclass(frozen=True)
class AnswerLoss:
    """A `Loss` whose "logits" (b, 1) are the log-likelihoods of answers: minus their mean, by weight."""

    def __call__(self, logits: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
        """() the mean."""
        return -(logits[..., 0].float() * weights).sum() / weights.sum().clamp(min=1e-12)
