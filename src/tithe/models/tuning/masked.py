"""Masked-language training: some pieces of each text are hidden, and the model says which they were.

Which pieces are hidden is a hash of the run's seed, the step, the window and the place, so that a resumed run hides the
same ones, whatever is trained beside them and however batches are padded.

Source: Devlin et al. 2019, BERT: Pre-training of Deep Bidirectional Transformers for Language Understanding.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from tithe.data import hub
from tithe.errors import ConfigError
from tithe.models.tuning.dropout import Moment, install, mixed
from tithe.models.tuning.pieces import Feed
from tithe.models.tuning.programs import Alone, autocast, freeze
from tithe.types import Rows

if TYPE_CHECKING:
    from numpy.random import Generator

    from tithe.models.tuning.training import Course

_SITE = 1 << 20  # beyond the sites of dropout
_HELD_ROWS = 64
_MASKED, _RANDOM = 0.8, 0.1  # of the chosen pieces: shown as the mask, as any other piece; the rest as they are
_HEADS = (  # where the classes of transformers keep what turns states into pieces
    ("cls",),
    ("lm_head",),
    ("vocab_transform", "activation", "vocab_layer_norm", "vocab_projector"),
    ("head", "decoder"),
    ("predictions",),
    ("generator_predictions", "generator_lm_head"),
)


@dataclass(frozen=True, eq=False)
class Texts:
    """Unlabelled texts that an encoder is trained on, and those that say how well it does."""

    feed: Feed
    held: Feed
    dropout: float = 0.1
    seed: int = 0
    frozen: int = 1  # as in `Problem`

    def held_rows(self) -> Iterator[Rows]:
        """The held rows in batches."""
        for at in range(0, len(self.held), _HELD_ROWS):
            yield np.arange(at, min(at + _HELD_ROWS, len(self.held)))


def drawn(key: int, windows: Tensor, places: int) -> Tensor:
    """(w, places) int32 numbers spread evenly over all of int32, each a function of key, window and place.

    Args:
        windows: (w,) int64, the number of each window in its feed.
    """
    place = mixed(torch.arange(1, places + 1, dtype=torch.int32, device=windows.device))
    return mixed(mixed(windows.to(torch.int32) ^ key)[:, None] ^ place)


@dataclass(frozen=True)
class Blanks:
    """How pieces are hidden: `piece` is the mask's number, `vocabulary` how many pieces there are."""

    piece: int
    vocabulary: int
    share: float = 0.15

    def hide(self, feed: Feed, rows: Rows, moment: Moment) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """What the model sees (w, t), what was there, which pieces it is asked for, and which are text at all."""
        batch = feed.batch(rows)
        ids, device = batch.ids, batch.ids.device
        windows = torch.as_tensor(
            np.concatenate([np.arange(feed.windows[row], feed.windows[row + 1]) for row in rows]), device=device
        )
        place = torch.arange(ids.shape[1], device=device)
        ends = batch.mask.sum(dim=1, keepdim=True) - len(feed.frame.after)
        text = (place >= len(feed.frame.before)) & (place < ends)
        asked = text & _below(drawn(moment.key(_SITE), windows, len(place)), self.share)
        how = drawn(moment.key(_SITE + 1), windows, len(place))
        other = drawn(moment.key(_SITE + 2), windows, len(place)).long() % self.vocabulary
        shown = torch.where(_below(how, _MASKED + _RANDOM), other, ids)
        shown = torch.where(_below(how, _MASKED), self.piece, shown)
        return torch.where(asked, shown, ids), ids, asked, batch.mask


class MaskedModel(nn.Module):
    """An encoder and the head that turns its states into pieces; their shared weights stay shared."""

    def __init__(self, encoder: nn.Module, head: nn.Module) -> None:
        super().__init__()
        self.encoder, self.head = encoder, head

    def forward(self, shown: Tensor, asked: Tensor, mask: Tensor, *, alone: bool) -> Tensor:
        """(n, vocabulary) logits of the pieces asked for alone: the head is most of the work where all are scored.

        `alone`: the head learns and the encoder does not.
        """
        with torch.set_grad_enabled(torch.is_grad_enabled() and not alone):
            states = self.encoder(input_ids=shown, attention_mask=mask.long()).last_hidden_state
        logits: Tensor = self.head(states[asked][None])[0]
        return logits


class Masked(Alone):
    """One model trained to say hidden pieces. `model` is one of transformers with a masked-language head.

    In the first `alone` steps only the head is trained: one that is fresh would move the encoder about while it knows
    nothing itself.

    Source: Kumar et al. 2022, Fine-Tuning can Distort Pretrained Features and Underperform Out-of-Distribution.
    """

    module: MaskedModel

    def __init__(self, model: Any, texts: Texts, blanks: Blanks, *, alone: int = 0) -> None:
        self.texts, self.blanks, self.alone = texts, blanks, alone
        self.moment = Moment(texts.seed)
        encoder = model.base_model
        install(encoder, texts.dropout, self.moment)
        freeze(encoder, texts.frozen)
        self.module = MaskedModel(encoder, masked_head(model))
        self.module.to(texts.feed.device)

    def losses(self, rows: Sequence[Rows], step: int, course: Course, before: Sequence[Rows] | None = None) -> Tensor:
        """See `Program`; masks are drawn anew in each part."""
        self.module.train()
        self.moment.step = step
        loss, count = self._summed(self.texts.feed, rows[0], course, alone=step < self.alone)
        return (loss / max(1, count))[None]

    def held_losses(self, course: Course) -> list[float]:
        """See `Program`; the same pieces are hidden at each look."""
        self.module.eval()
        self.moment.step = -1
        with torch.inference_mode():
            parts = [self._summed(self.texts.held, rows, course) for rows in self.texts.held_rows()]
        return [sum(float(loss) for loss, _ in parts) / max(1, sum(count for _, count in parts))]

    def _summed(self, feed: Feed, rows: Rows, course: Course, *, alone: bool = False) -> tuple[Tensor, int]:
        shown, ids, asked, mask = self.blanks.hide(feed, rows, self.moment)
        with autocast(course.precision, feed.device):
            logits = self.module(shown, asked, mask, alone=alone)
        return functional.cross_entropy(logits.float(), ids[asked], reduction="sum"), len(logits)


def masked_head(model: Any) -> nn.Module:
    """What turns the states of a model of transformers into pieces. Raises ConfigError where we do not find it."""
    for names in _HEADS:
        if all(isinstance(getattr(model, name, None), nn.Module) for name in names):
            parts = [getattr(model, name) for name in names]
            return parts[0] if len(parts) == 1 else nn.Sequential(*parts)
    raise ConfigError(f"we do not know the masked-language head of {type(model).__name__}; use --objective simcse")


def masked_model(source: str, rng: Generator) -> tuple[Any, bool]:
    """The model of a start with its masked-language head, and whether the head is the start's own.

    Where the weights have none, as those of sentence encoders, the head is fresh: drawn from `rng`, its last layer tied
    to the embeddings of pieces as the architecture says.

    Raises ConfigError where the architecture has no such head.
    """
    from transformers import AutoModelForMaskedLM

    try:
        model, info = AutoModelForMaskedLM.from_pretrained(
            source, local_files_only=hub.only_here(source), output_loading_info=True, dtype=torch.float32
        )
    except ValueError:
        raise ConfigError(
            f"the start {source!r} is not one that says hidden words (it has no masked-language head); "
            f"use --objective simcse"
        ) from None
    inside = {f"{model.base_model_prefix}.{name}" for name, _ in model.base_model.named_parameters()}
    fresh = set(info["missing_keys"]) - inside
    tied = {id(one) for one in model.base_model.parameters()}
    with torch.no_grad():
        for name, one in model.named_parameters():
            if name in fresh and id(one) not in tied:
                if one.ndim > 1:
                    one.copy_(torch.as_tensor(rng.normal(0, 0.02, tuple(one.shape)).astype(np.float32)))
                else:
                    one.fill_(float(name.lower().endswith("norm.weight")))
    return model, not any(id(one) not in tied for name, one in model.named_parameters() if name in fresh)


def _below(draws: Tensor, share: float) -> Tensor:
    return draws < round(share * 2**32) - 2**31
