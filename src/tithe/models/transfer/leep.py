"""LEEP: how well the classes that a start was trained on before tell the classes of this task. No training.

Source: Nguyen et al. 2020, LEEP: A New Measure to Evaluate Transferability of Learned Representations.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tithe.errors import DataError
from tithe.models.encoder import loaded
from tithe.models.start_folder import has_head, head_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tithe.models.finetune_model import FinetuneModel
    from tithe.types import Floats, Items

_BATCH = 32
_TINY = 1e-300


def leep(source: NDArray[Any], targets: NDArray[Any]) -> float:
    """The mean log probability of the targets under the "expected empirical predictor", at most 0; larger is better.

    That predictor draws a source class from the head's probabilities, then a target from how targets and that source
    class went together in these same rows.

    Args:
        source: (n, Z) probabilities of the Z source classes, rows adding up to 1.
        targets: (n,) columns of a choice; or (n, L) zeros and ones, of which the mean over the labels is taken, each a
            choice of two (the paper has single labels alone).

    Raises DataError where there are not as many rows of both.

    >>> leep(np.array([[1.0, 0.0], [0.0, 1.0]]), np.array([0, 1]))
    0.0
    """
    source, targets = np.asarray(source, np.float64), np.asarray(targets)
    if source.ndim != 2 or len(source) != len(targets) or not len(targets):
        raise DataError(f"LEEP takes source (n, Z) and n targets; given {source.shape} and {targets.shape}")
    if targets.ndim == 2:
        return float(np.mean([leep(source, column.astype(np.int64)) for column in targets.T]))
    classes, columns = np.unique(targets, return_inverse=True)
    joint = np.zeros((len(classes), source.shape[1]))  # P(target, source class)
    np.add.at(joint, columns, source / len(source))
    given = joint / np.maximum(joint.sum(axis=0), _TINY)  # P(target | source class)
    return float(np.log(np.maximum((given[columns] * source).sum(axis=1), _TINY)).mean())


def head_classes(source: str | Path) -> tuple[str, ...]:
    """The classes of the classification head that a folder of weights has; empty where it has none.

    A head counts where the folder's config names an architecture "...ForSequenceClassification" and several classes,
    or where `tithe train --save-start` kept that of a choice.
    A name that is no folder here has none: reading its config could mean fetching it.
    """
    if own := _kept(source):
        return own.task.labels
    path = Path(source) / "config.json"
    if not path.is_file():
        return ()
    try:
        said = json.loads(path.read_text("utf-8"))
        heads = [name for name in said.get("architectures") or () if str(name).endswith("ForSequenceClassification")]
        named = said.get("id2label") or {str(one): f"LABEL_{one}" for one in range(said.get("num_labels", 2))}
        return tuple(str(named[one]) for one in sorted(named, key=int)) if heads and len(named) > 1 else ()
    except (ValueError, AttributeError, TypeError) as error:
        raise DataError(f"cannot read {path} ({error}); give a folder that `save_pretrained` wrote") from None


def head_probabilities(source: str | Path, items: Items) -> Floats:
    """(n, Z) what the head of a start says of items: rows adding up to 1.

    Raises ConfigError where the folder cannot be loaded.

    Cost: one pass of the encoder over the items.
    """
    import torch

    if own := _kept(source):
        found: Floats = own.view("proba", items)
        return found
    tokenizer, model = loaded(str(source), "classifier")
    most = int(min(tokenizer.model_max_length, getattr(model.config, "max_position_embeddings", 0) or 512, 512))
    parts = []
    with torch.inference_mode():
        for at in range(0, len(items), _BATCH):
            texts = list(items.texts[at : at + _BATCH])
            batch = tokenizer(texts, padding=True, truncation=True, max_length=most, return_tensors="pt")
            parts.append(torch.softmax(model(**batch).logits.float(), dim=1))
    return np.asarray(torch.cat(parts).numpy(), np.float32)


def _kept(source: str | Path) -> FinetuneModel | None:
    """The model that a start of tithe's own was trained as, where it was a choice."""
    model = head_of(source) if has_head(source) else None
    return model if model is not None and model.task.name == "choice" else None
