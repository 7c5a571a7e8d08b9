"""Adapting a start to a domain: an encoder trained further on unlabelled texts, written as a start of its own."""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from tithe.errors import ConfigError, DataError
from tithe.models import Tell, quiet
from tithe.models.encoder import Encoder, EncoderStart
from tithe.models.saving import check_free
from tithe.models.start_folder import check_whole, write_start
from tithe.models.starts import makers
from tithe.rng import stream
from tithe.types import Items
from tithe.views import ViewStore

if TYPE_CHECKING:
    from tithe.models.tuning.masked import Texts
    from tithe.models.tuning.programs import Program
    from tithe.models.tuning.training import Course, Trained

FEWEST = 100
"""Different texts below which there is no domain to learn."""

_HELD, _MOST_HELD = 0.05, 256
_HEAD_FIRST = 0.25  # of the steps, where the head is fresh
_OTHERWISE = ("ElectraForPreTraining", "FunnelForPreTraining")  # found replaced pieces; said no hidden ones
_RATES = {"masked": 2e-5, "simcse": 2e-5}  # masked with 5e-5 cost MiniLM a point of a probe, with 2e-5 nothing


@dataclass(frozen=True)
class Adaptation:
    """How an encoder is trained further on texts without labels.

    Attributes:
        objective: `masked`, hidden words are said; `simcse`, a text is known again among others; `auto` is masked for
            starts that come with a head for it, and simcse for others, sentence encoders above all, whose embeddings
            masked training can spoil (docs/transfer.md).
        steps: of the optimiser, of `batch` texts each; it ends sooner where held texts get no easier.
        rate: 0 for that of the objective.
        share: of the pieces that are hidden.
        words: whether the embeddings of word pieces are trained too. They are left as they are otherwise: pieces that
            the texts do not hold would stay behind while those that they do hold move away.
        every: steps between two checkpoints.
    """

    objective: Literal["auto", "masked", "simcse"] = "auto"
    steps: int = 300
    batch: int = 32
    rate: float = 0.0
    share: float = 0.15
    dropout: float = 0.1
    words: bool = False
    every: int = 100
    device: str = "auto"

    def __post_init__(self) -> None:
        if self.objective != "auto" and self.objective not in _RATES:
            raise ConfigError(f"unknown objective {self.objective!r}; give one of auto, {', '.join(_RATES)}")
        if self.batch < 2 or min(self.steps, self.every) < 1 or self.rate < 0:
            raise ConfigError(
                f"adapting needs a batch of 2 or more, steps and every of 1 or more, and no rate below 0; given "
                f"batch={self.batch}, steps={self.steps}, every={self.every}, rate={self.rate}"
            )
        if not 0 < self.share < 1 or not 0 <= self.dropout < 1:
            raise ConfigError(f"share and dropout are shares below 1; given {self.share} and {self.dropout}")
        if self.objective == "simcse" and not self.dropout:
            raise ConfigError("simcse tells a text read twice by what dropout drops; give a dropout above 0")

    def for_start(self, prepared: EncoderStart) -> Adaptation:
        """Itself with the objective that `auto` means for this start."""
        if self.objective != "auto":
            return self
        made_as = prepared.pretrained()[1].config.architectures or ()
        hidden = any(name.endswith(("ForMaskedLM", "ForPreTraining")) and name not in _OTHERWISE for name in made_as)
        return replace(self, objective="masked" if hidden else "simcse")

    def course(self, *, own_head: bool) -> Course:
        """The course of the training loop; a fresh head learns faster than one that knows its work."""
        from tithe.models.tuning.training import Course

        rate = self.rate or _RATES[self.objective]
        return Course(self.steps, self.batch, rate, rate if own_head else max(rate, 1e-3))


def adapt(
    items: Items,
    start: str,
    into: Path,
    how: Adaptation | None = None,
    *,
    seed: int = 0,
    tell: Tell = quiet,
) -> dict[str, Any]:
    """Trains the encoder of a start further on these texts and writes it as a start folder; what `tithe.json` says.

    Labels are not looked at. A twentieth of the texts is held out: the weights kept are those that do best on them.
    Killed, it goes on from its last checkpoint when it is called again; `into` is there whole or not at all.

    Raises:
        ConfigError: `into` exists, the start is no encoder or cannot be loaded, or its tokenizer does not fit.
        DataError: fewer than 100 different texts.
        TrainingError: the loss became no number (with the step and the ids of its batch), or memory is too small.

    Cost: with MiniLM and tweets about a second a step of 32 texts on two cores.
    """
    from tithe.models.tuning.checkpoints import Checkpoint
    from tithe.models.tuning.orders import Shuffled
    from tithe.models.tuning.training import NotANumberError, train

    how, into = how or Adaptation(), Path(into)
    check_free(into, "the start")
    maker = _encoder(start)
    prepared = maker.prepare(items, store=ViewStore(None), rng=stream(seed), tell=tell)
    how = how.for_start(prepared)
    texts, rows, kept = _texts(prepared, items, how, seed)
    model, program, own_head = _program(prepared, texts, how, seed)
    check_whole(model)
    course = how.course(own_head=own_head)
    key = hashlib.blake2b(
        repr((prepared.fingerprint, items.digest, asdict(how) | {"every": 0, "device": ""}, seed)).encode(),
        digest_size=16,
    ).hexdigest()
    checkpoint = Checkpoint(into.with_name(f".{into.name}.training"), key, how.every)
    before = program.held_losses(course)
    order = Shuffled(texts.feed.sizes, how.batch, seed=int(stream(seed, "adapt", "order").integers(2**31)))
    try:
        found = train(program, [order], course, tell=tell, checkpoint=checkpoint)[0]
    except NotANumberError as error:
        ids = [items.ids[rows[row]] for row in error.rows]
        where = f"the ids {', '.join(ids[:8])}; try a smaller --rate"  # of a precision there is no choice here
        raise NotANumberError(error.step, error.rows, error.loss, where) from None
    program.load(0, found.state)
    about = {
        "made": "adapt",
        "from": start,
        "fingerprint": prepared.fingerprint,
        "seed": seed,
        **asdict(how),
        "rate": course.rate,
        "texts": len(rows),
        "head": "none" if how.objective == "simcse" else "its own" if own_head else "fresh",
        **_story(found, before, kept),
    }
    write_start(into, model, prepared.reader()[0], about)
    shutil.rmtree(checkpoint.folder, ignore_errors=True)
    return about


def _story(found: Trained, before: list[float] | None, held: int) -> dict[str, Any]:
    return {
        "held": held,
        "steps_taken": found.steps,
        "best_step": found.best,
        "held_loss_before": round((before or [0.0])[0], 4),
        "held_losses": [[step, round(loss, 4)] for step, loss in found.held],
    }


def _encoder(start: str) -> Encoder:
    """The maker of the one encoder that a spec names."""
    found = makers(start)
    if len(found) != 1 or not isinstance(found[0][1], Encoder):
        raise ConfigError(
            f"the start {start!r} is not one encoder; only an encoder is adapted: minilm, a folder or a Hugging Face "
            f"name"
        )
    return found[0][1]


def _texts(prepared: EncoderStart, items: Items, how: Adaptation, seed: int) -> tuple[Texts, np.ndarray[Any, Any], int]:
    """The texts that train and those held out; the rows of the former among the items, and how many are the latter.

    Copies of a text, and texts without a piece, are left out: a copy would be a wrong negative, or leak.
    """
    from tithe.models.finetune_model import device_of
    from tithe.models.tuning.masked import Texts
    from tithe.models.tuning.pieces import Feed, Frame

    tokenizer, most = prepared.reader()
    pieces: Any = prepared.view("pieces", items)
    first = {text: row for row, text in reversed(list(enumerate(items.texts)))}
    rows = np.asarray(sorted(row for row in first.values() if pieces.lengths[row]), np.int64)
    if len(rows) < FEWEST:
        raise DataError(
            f"adapting needs at least {FEWEST} different texts, better thousands; {items.source} has {len(rows)}: "
            f"give more texts of this domain"
        )
    rng = stream(seed, "adapt")
    rows = rng.permutation(rows)
    count = min(_MOST_HELD, max(8, round(_HELD * len(rows))))
    held, rows = np.sort(rows[:count]), np.sort(rows[count:])
    frame, device = Frame.of(tokenizer, most), device_of(how.device)

    def feed(chosen: np.ndarray[Any, Any]) -> Feed:
        return Feed.of(pieces[chosen], frame, items.take(chosen), "items", device)

    texts = Texts(feed(rows), feed(held), how.dropout, int(rng.integers(2**31)), int(not how.words))
    return texts, rows, count


def _program(prepared: EncoderStart, texts: Texts, how: Adaptation, seed: int) -> tuple[Any, Program, bool]:
    """The model to be written, the program that trains it in place, and whether its head is the start's own."""
    tokenizer = prepared.reader()[0]
    if how.objective == "simcse":
        from tithe.models.tuning.twice import Twice

        encoder = prepared.pretrained()[1]
        return encoder, Twice(encoder, texts), True
    from tithe.models.tuning.masked import Blanks, Masked, masked_model

    if tokenizer.mask_token_id is None:
        raise ConfigError(
            f"the tokenizer of {prepared.source!r} has no piece that hides others (mask_token); use --objective simcse"
        )
    model, own_head = masked_model(prepared.source, stream(seed, "adapt", "head"))
    blanks = Blanks(tokenizer.mask_token_id, len(tokenizer), how.share)
    alone = 0 if own_head else round(_HEAD_FIRST * how.steps)
    return model, Masked(model, texts, blanks, alone=alone), own_head
