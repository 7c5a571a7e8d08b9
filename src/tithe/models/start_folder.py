"""Starts of one's own on disk: a folder with weights, tokenizer and config that `--start FOLDER` takes anywhere.

Beside what transformers writes stands `tithe.json`, which says how the start was made. A start that was trained on a
task keeps its head: `head.safetensors`, with the labels in `tithe.json` and in the config.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tithe import registry
from tithe.errors import CacheError, ConfigError
from tithe.models import Model, Tell, Trainer, quiet
from tithe.models.encoder import Encoder
from tithe.models.finetune import Finetune
from tithe.models.finetune_model import FinetuneModel
from tithe.models.proxy import Proxy
from tithe.models.saving import new_folder
from tithe.models.starts import Together, pretrained_of, reader_of
from tithe.models.tuning.deciding import Calibration
from tithe.rng import stream
from tithe.types import Items

if TYPE_CHECKING:
    from tithe.views import ViewStore

_ABOUT, _HEAD = "tithe.json", "head.safetensors"


def write_start(
    into: Path, model: Any, tokenizer: Any, about: dict[str, Any], *, head: dict[str, Any] | None = None
) -> None:
    """Writes a start folder, whole or not at all.

    Args:
        model: of transformers, with what head its class has.
        about: what `tithe.json` says.
        head: arrays of a head of tithe's own.

    Raises ConfigError where `into` exists already, or the model is one half of two and could not be read again;
    CacheError where the disk is full.
    """
    from safetensors.numpy import save_file

    from tithe import __version__

    check_whole(model)
    with new_folder(into, "the start") as partial:
        model.save_pretrained(partial)
        tokenizer.save_pretrained(partial)
        if head is not None:
            save_file(head, partial / _HEAD)
        record = {"tithe": __version__, **about}
        (partial / _ABOUT).write_text(json.dumps(record, indent=1, ensure_ascii=False), "utf-8")


def check_whole(model: Any) -> None:
    """Raises ConfigError for a model of encoder and decoder, of which tithe trains the encoder alone."""
    if model.config.is_encoder_decoder:
        raise ConfigError(
            f"{type(model).__name__} is half of a model of encoder and decoder, which alone is no start; "
            f"give a start that is an encoder"
        )


def save_start(model: Model, into: Path) -> None:
    """Writes the encoder of a fine-tuned model as a start folder, with its head beside it.

    The head scores the mean of the last states, which no class of transformers does for BERT. So the weights are those
    of the plain encoder, its config names the labels, and `head_of` reads the head. A head that sees the forms of words
    too belongs to the start that has learned them, and stays with the model.

    Raises as `write_start` does, and ConfigError for a model that has no encoder of its own.
    """
    if not isinstance(model, FinetuneModel):
        raise ConfigError("only a fine-tuned model has an encoder of its own; train with --trainer finetune")
    tokenizer = reader_of(model.start)[0]
    encoder = plain_encoder(model)
    if (model.arrays["head.weight"].shape[0]) == len(model.task.labels):  # of spans they are tags
        encoder.config.id2label = dict(enumerate(model.task.labels))
        encoder.config.label2id = {label: at for at, label in enumerate(model.task.labels)}
    about = {
        "made": "train",
        "from": getattr(model.start, "spec", type(model.start).__name__),
        "task": model.task.name,
        "labels": list(model.task.labels),
    }
    if model.sees_forms:
        write_start(into, encoder, tokenizer, about)
        return
    about |= {"calibration": model.calibration.to_json(), "facts": model.facts | {"lora": 0}}
    write_start(into, encoder, tokenizer, about, head=model.head)


def plain_encoder(model: FinetuneModel) -> Any:
    """The trained encoder as a module of transformers of the caller's own; what LoRA adds is added to its weights."""
    import torch

    from tithe.models.tuning.programs import ADAPTED

    _, fresh, _ = pretrained_of(model.start)
    own = dict(fresh.named_parameters())
    with torch.no_grad():
        for name, one in model.encoder.named_parameters():
            if ADAPTED not in name:
                own[name.replace(".base_layer.", ".")].copy_(one)
        for name, module in model.encoder.named_modules():
            if hasattr(module, "get_delta_weight"):
                own[f"{name}.weight"] += module.get_delta_weight("default").to(own[f"{name}.weight"].device)
    return fresh


def check_tunes(trainer: Trainer, name: str) -> None:
    """Raises ConfigError, before any work, for a trainer whose models have no encoder that is a start."""
    if isinstance(trainer, Finetune):
        return
    if isinstance(trainer, Proxy) or "pieces" in trainer.needs_any:  # it may well train an encoder, in its own way
        raise ConfigError(
            f"a start cannot be saved from the trainer {name!r}; only --trainer finetune can make one: use that, or "
            f"leave --save-start out"
        )
    raise ConfigError(f"the trainer {name!r} leaves the start as it is; only --trainer finetune makes a new one")


def has_head(folder: str | Path) -> bool:
    """Whether this is the folder of a start with a head beside it."""
    return (Path(folder) / _HEAD).is_file()


def head_of(folder: str | Path, *, store: ViewStore | None = None, tell: Tell = quiet) -> FinetuneModel:
    """The model that a saved start was trained as: its encoder with the head that is kept beside it.

    Raises ConfigError where the folder has no such head, CacheError where it is damaged.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    from tithe.views import ViewStore, default_root

    folder = Path(folder)
    if not has_head(folder):
        raise ConfigError(
            f"{folder} has no head; give a folder that `tithe train --save-start` wrote, for spans with a start that "
            f"is an encoder alone"
        )
    try:
        said = json.loads((folder / _ABOUT).read_text("utf-8"))
        task = registry.build("tasks", said["task"], labels=tuple(said["labels"]))
        calibration = Calibration.from_json(said["calibration"])
        arrays = load((folder / _HEAD).read_bytes())
        facts = dict(said["facts"])
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
        raise CacheError(f"the head in {folder} is damaged ({error}); train it again") from None
    store = store or ViewStore(default_root())
    name = str(folder.resolve())  # whole, so that a folder called minilm is not taken for the packaged one
    start = Encoder(name).prepare(Items([], []), store=store, rng=stream(0), tell=tell)
    # As a recipe would name it: a model is saved with the spec of its start.
    return FinetuneModel(task, Together(name, (start,), (name,)), arrays, calibration, facts)
