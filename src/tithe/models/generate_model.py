"""What the trainer `generate` makes: a language model, the script of its prompts and answers, and a calibration."""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from tithe.errors import NeedsError
from tithe.models import Start
from tithe.models.finetune_model import device_of
from tithe.models.language import Language, language_of
from tithe.models.tuned import TunedModel
from tithe.models.tuning import adapters
from tithe.models.tuning.deciding import Calibration, calibrate
from tithe.models.tuning.exchanges import Exchanges, padded
from tithe.models.tuning.programs import Tuned, autocast, outputs
from tithe.models.tuning.script import Pieces, Script
from tithe.tasks import Task
from tithe.tasks.multilabel import anls
from tithe.types import Examples, Floats, Items, Label, View

if TYPE_CHECKING:
    from tithe.models.tuning.training import Trained

log = logging.getLogger(__name__)

_BUILT_KEPT = 1  # language models are large
_TOGETHER = 16  # texts whose answers are written at a time
_NEVER = -1e8  # the score of a beam for which no answer was left
_LEAST = 1e-6


def script_of(task: Task, language: Language, facts: dict[str, Any]) -> Script:
    """The script that the settings of a trainer describe."""
    return Script.of(
        task,
        language.tokenizer,
        language.most,
        template=facts["template"],
        separator=facts["separator"],
        apart=language.apart,
    )


def longest_answer(script: Script, labels: Sequence[Label]) -> int:
    """Pieces that an answer may have: twice the longest that people gave, and any single label."""
    given = max(len(script.answer(label)) for label in labels)
    single = max(map(len, script.labels)) + 1
    return max(2 * given, single) if script.many else single


def prompts_of(script: Script, language: Language, items: Items, facts: dict[str, Any]) -> list[Pieces]:
    """The prompt of each item; a warning counts the texts that lost their ends."""
    texts = language.tokenizer(list(items.texts), add_special_tokens=False, verbose=False)["input_ids"]
    prompts, cut = script.prompts(texts, facts["longest"])
    if cut:
        log.warning(
            "%d of %d texts are longer than the %d pieces that are read with the instruction; their ends were not seen",
            *(cut, len(items), language.most),
        )
    return prompts


def exchanges_of(
    script: Script, language: Language, examples: Examples, facts: dict[str, Any], device: torch.device
) -> Any:
    """The feed of labelled items: each prompt with its answer."""
    answers = [script.answer(label) for label in examples.labels]
    return Exchanges(
        prompts_of(script, language, examples.items, facts), answers, script.apart, script.frame.pad, device
    )


@dataclass(frozen=True, eq=False, repr=False)
class GenerateModel(TunedModel):
    """The result of a `Generate` fit: a language model that writes labels."""

    trainer = "generate"

    @classmethod
    def of(
        cls,
        task: Task,
        start: Start,
        trained: Trained,
        held: Examples | None,
        *,
        facts: dict[str, Any],
        device: str,
    ) -> GenerateModel:
        """The model of a finished fit, calibrated on held examples; these say how often it is wholly right, too."""
        arrays = trained.arrays
        plain = cls(task, start, arrays, Calibration.none("set" if task.name == "multilabel" else "one"), facts, device)
        if held is None:
            return plain
        encoded = task.encode(held.labels)
        found = replace(plain, calibration=calibrate(plain._logits(held.items), encoded))
        said = found.answers(held.items)
        scores = {
            "exact_match_on_asked": round(float(np.mean([a == b for a, b in zip(held.labels, said, strict=True)])), 4),
            "anls_on_asked": round(anls([_names(one) for one in held.labels], [_names(one) for one in said]), 4),
        }
        return replace(found, facts=facts | {"held": len(held), "scores": scores})

    @property
    def provides(self) -> frozenset[View]:
        """`proba`."""
        return frozenset({"proba"})

    def view(self, name: View, items: Items) -> Floats:
        """`proba` (n, C).

        Of a choice: the likelihood of each label as an answer, rows adding up to 1. Of sets: the share of the answers
        with each label among the `beams` most likely ones, by likelihood; the answers beyond these count as they
        came in training.
        """
        if name not in self.provides:
            raise NeedsError(f"a model of the trainer 'generate' gives proba; not {name!r}")
        return self.calibration.proba(self._logits(items))

    def answers(self, items: Items) -> list[Label]:
        """The label, or the label set, of the most likely answer to each item."""
        return [max(found, key=lambda one: one[1])[0] for found in self._beams(items)]

    def written(self, items: Items) -> list[list[str]]:
        """What it writes if nothing holds it to declared labels, split at the separator; for `anls` to judge."""
        language, _ = self._built
        sign = self.facts["separator"].strip()
        found = [batch[0][0] for batch in self._generated(items, beams=1, held=False)]
        texts = [language.tokenizer.decode(pieces, skip_special_tokens=True) for pieces in found]
        return [[part.strip() for part in text.split(sign) if part.strip()] for text in texts]

    def _logits(self, items: Items) -> Floats:
        """(n, C) log-likelihoods of labels, or log-odds of labels in sets."""
        if not len(items):
            return np.empty((0, len(self.task.labels)), np.float32)
        if self.task.name == "choice":
            return self._likelihoods(items)
        often = np.array(self.facts["often"])
        proba = np.empty((len(items), len(self.task.labels)))
        for row, found in enumerate(self._beams(items)):
            covered = sum(likelihood for _, likelihood in found)
            sets = self.task.encode([label for label, _ in found])
            shares = np.array([likelihood for _, likelihood in found])
            proba[row] = shares @ sets + max(0.0, 1 - covered) * often
        proba = np.clip(proba, _LEAST, 1 - _LEAST)
        return np.asarray(np.log(proba) - np.log1p(-proba), np.float32)

    def _likelihoods(self, items: Items) -> Floats:
        """(n, C) of each label as the answer to each item."""
        language, script = self._built
        prompts = prompts_of(script, language, items, self.facts)
        answers = [script.answer(label) for label in self.task.labels]
        device = device_of(self.device)
        feed: Any = Exchanges(
            [prompt for prompt in prompts for _ in answers],
            answers * len(prompts),
            script.apart,
            script.frame.pad,
            device,
        )
        module = Tuned(language.model, nn.Identity(), nn.Identity())
        found = outputs(module, feed, self.facts["precision"])[0].cpu().numpy()
        return np.asarray(found.reshape(len(items), len(answers)), np.float32)

    def _beams(self, items: Items) -> list[list[tuple[Label, float]]]:
        """The most likely answers to each item, with their likelihoods among all answers of the script."""
        _, script = self._built
        rows = []
        for batch in self._generated(items, beams=self.facts["beams"], held=True):
            found: dict[Label, float] = {}
            for own, score in batch:
                label = script.heard(own)
                if score > _NEVER or not found:
                    found[label] = max(found.get(label, 0.0), float(np.exp(min(0.0, score))))
            rows.append(list(found.items()))
        return rows

    def _generated(self, items: Items, *, beams: int, held: bool) -> list[list[tuple[Pieces, float]]]:
        """For each item the pieces of its answers and their log-likelihoods; `held` to the script or not."""
        language, script = self._built
        if not len(items):
            return []
        prompts = prompts_of(script, language, items, self.facts)
        order = np.argsort([-len(prompt) for prompt in prompts], kind="stable")
        device, model = device_of(self.device), language.model
        out: list[list[tuple[Pieces, float]]] = [[] for _ in prompts]
        for at in range(0, len(order), _TOGETHER):
            rows = order[at : at + _TOGETHER]
            ids, mask = padded([prompts[row] for row in rows], script.frame.pad, left=not script.apart)
            skip = 1 if script.apart else ids.shape[1]

            def allowed(_: int, said: Any, skip: int = skip) -> list[int]:
                return script.allowed(tuple(said[skip:].tolist()))

            with torch.inference_mode(), autocast(self.facts["precision"], device):
                found = model.generate(
                    input_ids=ids.to(device), attention_mask=mask.long().to(device), do_sample=False, num_beams=beams,
                    num_return_sequences=beams, max_new_tokens=self.facts["longest"], length_penalty=0.0,
                    prefix_allowed_tokens_fn=allowed if held else None, renormalize_logits=True,
                    eos_token_id=script.end, pad_token_id=script.frame.pad, return_dict_in_generate=True,
                    output_scores=True,
                )  # fmt: skip
            written = found.sequences[:, skip:]
            scores = (
                found.sequences_scores if beams > 1 else _greedy_scores(written, found.scores, script.end)
            ).tolist()
            said = written.tolist()
            for place, row in enumerate(rows):
                own = slice(place * beams, (place + 1) * beams)
                out[row] = [(tuple(pieces), score) for pieces, score in zip(said[own], scores[own], strict=True)]
        return out

    @property
    def _built(self) -> tuple[Language, Script]:
        """The language model with these weights, and its script; the last one is kept on the device."""
        with _BUILDING:
            key = f"{self.fingerprint} {device_of(self.device)}"
            if key not in _BUILT:
                _BUILT.clear()
                _BUILT[key] = self._made()
            return _BUILT[key]

    def _made(self) -> tuple[Language, Script]:
        language = language_of(self.start, self.facts["most"])
        if self.facts["lora"]:
            adapters.inject(language.model, self.facts["lora"])
        own = {f"encoder.{name}": one for name, one in language.model.named_parameters()}
        with torch.no_grad():
            for name, array in self.arrays.items():
                own[name].copy_(torch.as_tensor(np.array(array)))
        language.model.to(device_of(self.device)).eval().requires_grad_(False)
        return language, script_of(self.task, language, self.facts)


_BUILT: OrderedDict[str, tuple[Language, Script]] = OrderedDict()
_BUILDING = threading.RLock()


def _greedy_scores(said: torch.Tensor, steps: Sequence[torch.Tensor], end: int) -> torch.Tensor:
    """(n,) log-likelihoods of answers (n, t), as beams have them; `steps` are t log-probabilities (n, V) each.

    `compute_transition_scores` of transformers comes to the same, but stacks all steps, and counts the padding.
    """
    own = torch.stack([step.gather(1, said[:, [at]]).squeeze(1) for at, step in enumerate(steps)], dim=1)
    ends = (said == end).long()
    return own.masked_fill(ends.cumsum(1) > ends, 0.0).sum(1)  # nothing behind the first end counts


def _names(label: Label) -> list[str]:
    return sorted(label) if isinstance(label, frozenset) else [str(label)]
