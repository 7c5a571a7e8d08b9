"""What the trainer `finetune` makes: the trained weights of an encoder and its head, with a calibration."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from tithe.errors import ConfigError, NeedsError
from tithe.models import Start
from tithe.models.rules import micro_f1
from tithe.models.starts import pretrained_of, reader_of
from tithe.models.tuned import TunedModel
from tithe.models.tuning.deciding import Calibration, calibrate
from tithe.models.tuning.joint import accelerator, processes
from tithe.tasks import Task
from tithe.tokens import places
from tithe.types import Floats, Items, View

if TYPE_CHECKING:
    import torch

    from tithe.models.tuning.programs import Held, Tuned
    from tithe.models.tuning.training import Trained

_BUILT_KEPT, _OUTPUTS_KEPT = 2, 3
_FORMS = 10
_BLANK = Items(["blank"], [" "])


def device_of(name: str) -> torch.device:
    """The device of this name; `auto` is the current GPU, or else the CPU.

    Raises ConfigError where there is no such device here.
    """
    import torch

    if processes() > 1 and name == "auto":
        found: torch.device = accelerator().device
        return found
    if name == "auto":
        return torch.device("cuda", torch.cuda.current_device()) if torch.cuda.is_available() else torch.device("cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise ConfigError(
            f"there is no device {name!r} here ({str(error).splitlines()[0]}); leave device out"
        ) from None
    return device


def sees_forms(task: Task, start: Start) -> bool:
    """Whether the head also sees the forms of words: for spans, where the start gives them."""
    return task.name == "spans" and "word_forms" in start.provides


def forms_of(start: Start, items: Items) -> Floats:
    """(T, f) the forms of the words of these items, about as long as an encoder's states, so that both are learned."""
    seen = items if len(items) else _BLANK  # a view of nothing is refused, and has the same width
    return np.asarray(start.view("word_forms", seen).values, np.float32) * np.float32(_FORMS)


@dataclass(frozen=True, eq=False, repr=False)
class FinetuneModel(TunedModel):
    """The result of a `Finetune` fit, or of a `SetFit`: an encoder and its head."""

    trainer = "finetune"

    _outputs: OrderedDict[str, tuple[Floats, Floats]] = field(default_factory=OrderedDict)

    @classmethod
    def of(
        cls,
        task: Task,
        start: Start,
        trained: Trained,
        held: Held | None,
        *,
        facts: dict[str, Any],
        device: str,
    ) -> FinetuneModel:
        """The model of a finished fit, calibrated on its held rows."""
        arrays = trained.arrays
        kind: Literal["one", "set"] = "set" if task.name == "multilabel" else "one"
        plain = cls(task, start, arrays, Calibration.none(kind), facts, device)
        if held is None:
            return plain
        from tithe.models.tuning.programs import outputs

        logits = outputs(plain._module, held.feed, facts["precision"])[0].cpu().numpy()
        truth, weights = held.targets.cpu().numpy(), held.weights.cpu().numpy()
        found = calibrate(logits, truth > 0.5 if kind == "set" else truth, weights)
        scores = {}
        if kind == "set" and found.rule is not None:
            scores["f1_micro_on_asked"] = micro_f1(found.rule.apply(found.proba(logits)), truth > 0.5)
        elif weights.sum() > 0:  # held texts may have no tokens
            name = "token_accuracy_on_asked" if task.name == "spans" else "accuracy_on_asked"
            scores[name] = float(np.average(logits.argmax(axis=1) == truth, weights=weights))
        scores = {name: round(score, 4) for name, score in scores.items()}
        return cls(task, start, arrays, found, facts | {"scores": scores, "held": len(held.feed)}, device)

    @property
    def provides(self) -> frozenset[View]:
        """`proba`; but for spans also `embeddings` and `committee`."""
        return frozenset({"proba"} if self.task.name == "spans" else {"proba", "embeddings", "committee"})

    @property
    def _telling(self) -> list[Any]:
        return [self.facts[name] for name in ("members", "dropout", "seed")]  # what a committee depends on

    @property
    def sees_forms(self) -> bool:
        """Whether the head sees the forms of words beside the encoder's states."""
        return bool(self.facts.get("forms"))

    @property
    def encoder(self) -> Any:
        """The trained encoder, a module of transformers; not to be changed."""
        return self._module.encoder

    @property
    def head(self) -> dict[str, Any]:
        """The arrays of the head alone."""
        return {name: array for name, array in self.arrays.items() if name.startswith("head.")}

    def view(self, name: View, items: Items) -> Any:
        """`proba` (n, C), for spans ragged rows of (t, C) with places; `embeddings` (n, d) of length 1; `committee`.

        Cost: about 400 short texts a second on two cores, once for `proba` and `embeddings` together, and once for
        each member of a committee.
        """
        if name not in self.provides:
            raise NeedsError(
                f"a fine-tuned model of {self.task.name} gives {', '.join(sorted(self.provides))}; not {name!r}"
            )
        if name == "committee":
            return np.stack([self._proba(logits) for logits in self._members(items)])
        logits, embeddings = self._both(items)
        if name == "embeddings":
            return embeddings
        proba = self._proba(logits)
        if self.task.name == "spans":
            return places(items).with_values(proba)
        return proba

    def _proba(self, logits: Floats) -> Floats:
        return np.asarray(self.calibration.proba(logits), np.float32)

    def _both(self, items: Items) -> tuple[Floats, Floats]:
        """Logits and embeddings of all segments; those of the last few wholes are kept."""
        whole = items.base
        if whole is not None and items.rows is not None and whole.digest in self._outputs and self.task.name != "spans":
            logits, embeddings = self._outputs[whole.digest]
            return logits[items.rows], embeddings[items.rows]
        if items.digest not in self._outputs:
            self._outputs[items.digest] = self._computed(items)
            while len(self._outputs) > _OUTPUTS_KEPT:
                self._outputs.popitem(last=False)
        return self._outputs[items.digest]

    def _computed(self, items: Items) -> tuple[Floats, Floats]:
        from tithe.models.tuning.programs import outputs

        logits, states = outputs(self._module, self._feed(items), self.facts["precision"])
        if self.task.name == "spans":
            return logits.cpu().numpy(), np.empty((0, 0), np.float32)
        return logits.cpu().numpy(), _unit(states.cpu().numpy())

    def _members(self, items: Items) -> list[Floats]:
        """Logits of passes with dropout, a mask of its own for each member.

        Source: Gal and Ghahramani 2016, Dropout as a Bayesian Approximation.
        """
        from tithe.models.tuning.programs import outputs

        module, feed, precision = self._module, self._feed(items), self.facts["precision"]
        members = range(self.facts["members"])
        return [outputs(module, feed, precision, member=member)[0].cpu().numpy() for member in members]

    def _feed(self, items: Items) -> Any:
        from tithe.models.tuning.pieces import Feed, Frame

        tokenizer, most = reader_of(self.start)
        return Feed.of(
            self.start.view("pieces", items),
            Frame.of(tokenizer, most),
            items,
            "tokens" if self.task.name == "spans" else "items",
            device_of(self.device),
            beside=forms_of(self.start, items) if self.sees_forms else None,
        )

    @property
    def _module(self) -> Tuned:
        """The network with these weights; the last few are kept on the device."""
        with _BUILDING:
            key = f"{self.fingerprint} {device_of(self.device)}"
            if key not in _BUILT:
                _BUILT[key] = self._built()
                while len(_BUILT) > _BUILT_KEPT:
                    _BUILT.popitem(last=False)
            _BUILT.move_to_end(key)
            return _BUILT[key]

    def _built(self) -> Tuned:
        import torch

        from tithe.models.tuning import adapters, heads
        from tithe.models.tuning.dropout import HashDropout, Moment, install
        from tithe.models.tuning.programs import Tuned

        _, encoder, _ = pretrained_of(self.start)
        if self.facts.get("lora"):
            adapters.inject(encoder, self.facts["lora"], frozen=self.facts["frozen"])
        moment = Moment(self.facts["seed"])
        sites = install(encoder, self.facts["dropout"], moment)
        head = heads.build(self.facts.get("head", "linear"), *self.arrays["head.weight"].shape)
        module = Tuned(encoder, head, HashDropout(self.facts["dropout"], sites, moment))
        own = dict(module.named_parameters())
        with torch.no_grad():
            for name, array in self.arrays.items():
                own[name].copy_(torch.as_tensor(np.array(array)))
        return module.to(device_of(self.device)).eval().requires_grad_(False)


_BUILT: OrderedDict[str, Tuned] = OrderedDict()
_BUILDING = threading.RLock()


def _unit(rows: Floats) -> Floats:
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12), np.float32)
