"""How well texts fit the words of labels, in three ways: by embeddings, by entailment, by the next words."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from tithe.errors import ConfigError
from tithe.models.encoder import loaded
from tithe.models.transfer.label_texts import TEMPLATES
from tithe.models.transfer.leep import head_classes
from tithe.types import Floats, Items

if TYPE_CHECKING:
    from tithe.models import Start

Kind = Literal["classifier", "generator"]

_BATCH = 32
_MOST_TOKENS = 256
_BEFORE_NAME = "\nThis text is about"


def embedded_labels(start: Start, texts: Sequence[str]) -> Floats:
    """(C, d) rows of length 1: for each label's text the mean of its embeddings in all templates."""
    total = np.zeros(0, np.float64)
    for template in TEMPLATES:
        filled = [template.format(text) for text in texts]
        rows = np.asarray(start.view("embeddings", Items([str(n) for n in range(len(filled))], filled)), np.float64)
        total = total + _unit(rows) if total.size else _unit(rows)
    return np.asarray(_unit(total), np.float32)


def by_embeddings(start: Start, items: Items, rows: Floats) -> Floats:
    """(n, C) cosines between items and the rows (C, d) of labels."""
    view = start.view("embeddings", items)
    out = np.empty((len(items), len(rows)), np.float32)
    for at in range(0, len(items), 16_384):
        block = np.asarray(view[at : at + 16_384], np.float32)
        out[at : at + 16_384] = _unit(block) @ rows.T
    return out


def kind_of(source: str) -> Kind:
    """Whether a folder holds an entailment model or a causal language model.

    Raises ConfigError for any other: what a model is for stands in its config.
    """
    path = Path(source) / "config.json"
    if not path.is_file():
        raise ConfigError(f"{source} is no folder of a model (no config.json); fetch the model and give its folder")
    if any(map(_entails, head_classes(source))):
        return "classifier"
    names = json.loads(path.read_text("utf-8")).get("architectures") or []
    if any(str(name).endswith(("ForCausalLM", "LMHeadModel")) for name in names):
        return "generator"
    raise ConfigError(
        f"{source} is neither an entailment model (a classification head with a label 'entailment') nor a causal "
        f"language model; leave it out, and the start's embeddings judge"
    )


def by_entailment(source: str, items: Items, texts: Sequence[str]) -> Floats:
    """(n, C) log probability that an item entails "This text is about LABEL.", the mean over the templates.

    Source: Yin, Hay and Roth 2019, Benchmarking Zero-shot Text Classification.

    Cost: n C passes of the model for each of the two templates that are sentences.
    """
    import torch

    tokenizer, model = loaded(source, "classifier")
    column = next(n for n, name in enumerate(head_classes(source)) if _entails(name))
    most = _most(tokenizer, model)
    hypotheses = [template.format(text) for template in TEMPLATES[1:] for text in texts]
    pairs = [(text, one) for text in items.texts for one in hypotheses]
    found = []
    with torch.inference_mode():
        for at in range(0, len(pairs), _BATCH):
            premises, guesses = (list(side) for side in zip(*pairs[at : at + _BATCH], strict=True))
            batch = tokenizer(
                premises, guesses, padding=True, truncation="only_first", max_length=most, return_tensors="pt"
            )
            found.append(torch.log_softmax(model(**batch).logits.float(), dim=1)[:, column])
    logs = torch.cat(found).numpy() if found else np.zeros(0)
    return np.asarray(logs.reshape(len(items), len(TEMPLATES) - 1, len(texts)).mean(axis=1), np.float32)


def by_generation(source: str, items: Items, texts: Sequence[str]) -> Floats:
    """(n, C) mean log probability of the tokens of a label's text behind "TEXT This text is about".

    The mean, not the sum: a long name is not less probable for its length. A long item loses its end, never the words
    behind it.

    Source: Brown et al. 2020, Language Models are Few-Shot Learners, section 2.4 (length-normalised choices).

    Cost: n C passes of the model.
    """
    import torch

    tokenizer, model = loaded(source, "generator")
    most = _most(tokenizer, model)
    first = [] if tokenizer.bos_token_id is None else [tokenizer.bos_token_id]
    between = _ids(tokenizer, _BEFORE_NAME)
    names = [_ids(tokenizer, f" {text}") for text in texts]
    room = most - len(first) - len(between) - max(map(len, names))
    if room < 1:
        raise ConfigError(f"{source} reads {most} tokens, too few for the labels' texts; shorten the descriptions")
    rows = [[*first, *_ids(tokenizer, text)[:room], *between, *name] for text in items.texts for name in names]
    ends = [len(name) for _ in items.texts for name in names]
    out = np.empty(len(rows), np.float32)
    with torch.inference_mode():
        for at in range(0, len(rows), _BATCH):
            part = rows[at : at + _BATCH]
            ids = torch.nn.utils.rnn.pad_sequence([torch.tensor(row) for row in part], batch_first=True)
            mask = torch.arange(ids.shape[1]) < torch.tensor([[len(row)] for row in part])
            logs = torch.log_softmax(model(input_ids=ids, attention_mask=mask.long()).logits.float(), dim=-1)
            for n, row in enumerate(part):  # the logits at a place are of the token behind it
                places = torch.arange(len(row) - ends[at + n], len(row))
                out[at + n] = float(logs[n, places - 1, ids[n, places]].mean())
    return out.reshape(len(items), len(texts))


def _entails(name: str) -> bool:
    return name.lower().startswith("entail")


def _ids(tokenizer: Any, text: str) -> list[int]:
    return list(tokenizer(text, add_special_tokens=False)["input_ids"])


def _most(tokenizer: Any, model: Any) -> int:
    places = getattr(model.config, "max_position_embeddings", 0) or _MOST_TOKENS
    return int(min(_MOST_TOKENS, tokenizer.model_max_length, places))


def _unit(rows: Any) -> Any:
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
