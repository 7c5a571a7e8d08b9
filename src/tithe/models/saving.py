"""Models on disk: weights as safetensors, the rest as one JSON; a folder appears whole or not at all."""

from __future__ import annotations

import json
import shutil
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tithe import registry
from tithe.errors import CacheError, ConfigError, TitheError
from tithe.models import Model, Start, Tell, quiet
from tithe.models.starts import load_start
from tithe.tasks import Task

if TYPE_CHECKING:
    from tithe.views import ViewStore

_FORMAT = 1


@contextmanager
def new_folder(into: Path, what: str) -> Iterator[Path]:
    """A folder to write into that takes the name `into` once all of it is there; after a failure nothing is left.

    Raises ConfigError where `into` exists already, CacheError where the disk is full. `what` is told: "the model".
    """
    from safetensors import SafetensorError

    into = Path(into)
    check_free(into, what)
    partial = into.with_name(f".{into.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        partial.mkdir(parents=True)
        yield partial
        _open_to_umask(partial)
        partial.rename(into)
    except (OSError, SafetensorError) as error:  # safetensors does not say "disk full" as an OSError
        shutil.rmtree(partial, ignore_errors=True)
        if isinstance(error, TitheError):
            raise
        raise CacheError(f"cannot write {what} to {into} ({error}); make room, or give another folder") from None
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise


def _open_to_umask(folder: Path) -> None:
    """Gives all files of a folder the mode that new ones get: safetensors lets the owner alone read what it writes.

    The folder was made in this process, so its own mode tells the umask, which cannot be read without setting it.
    """
    mode = folder.stat().st_mode & 0o666
    for path in folder.rglob("*"):
        if path.is_file():
            path.chmod(mode)


def check_free(into: Path, what: str) -> None:
    """Raises ConfigError where this folder exists already: told before the work, not after it."""
    if into.exists():
        raise ConfigError(f"{into} exists already; give a new folder for {what}, or remove that one")


def write_model(
    into: Path,
    trainer: str,
    task: Task,
    start: Start,
    *,
    arrays: dict[str, Any],
    facts: dict[str, Any],
    kind: registry.Kind = "trainers",
) -> None:
    """Writes a model folder; `trainer` is the name of what made it, `kind` what that is registered as.

    Raises ConfigError where `into` exists already, CacheError where the disk is full.
    """
    import numpy as np
    from safetensors.numpy import save_file

    with new_folder(into, "the model") as partial:
        saved_start = start.save(partial)
        # safetensors writes the memory as it lies, columns first where an array has them so
        save_file({name: np.ascontiguousarray(array) for name, array in arrays.items()}, partial / "model.safetensors")
        files = sorted(path for path in partial.rglob("*") if path.is_file())
        record = {
            "format": _FORMAT,
            "trainer": trainer,
            **({} if kind == "trainers" else {"made_by": kind}),
            "task": task.name,
            "labels": list(task.labels),
            "start": saved_start,
            "files_crc32": {path.relative_to(partial).as_posix(): zlib.crc32(path.read_bytes()) for path in files},
            **facts,
        }
        (partial / "model.json").write_text(json.dumps(record, indent=1, ensure_ascii=False), "utf-8")


def load_model(
    folder: str | Path, *, store: ViewStore | None = None, tell: Tell = quiet, start: Start | None = None
) -> Model:
    """The model in a folder that `Model.save` wrote.

    `start` is for a model on embeddings of your own: `given_start(items, "X.npy")` of those that it shall judge.

    Raises:
        ConfigError: the folder holds no model, or one of a newer tithe.
        CacheError: its files are damaged.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    from tithe.views import ViewStore, default_root

    folder = Path(folder)
    record = read_record(folder)
    try:
        for name, checksum in record["files_crc32"].items():
            if zlib.crc32((folder / name).read_bytes()) != checksum:
                raise CacheError(f"{folder / name} is damaged (checksum differs); train the model again")
        task = registry.build("tasks", record["task"], labels=tuple(record["labels"]))
        prepared = load_start(folder, record["start"], store=store or ViewStore(default_root()), tell=tell, own=start)
        trainer = registry.find(record.get("made_by", "trainers"), record["trainer"])
        model: Model = trainer.restore(task, prepared, load((folder / "model.safetensors").read_bytes()), record)
    except TitheError:
        raise
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
        raise CacheError(f"the model in {folder} is damaged ({error}); train it again") from None
    return model


def read_record(folder: Path) -> dict[str, Any]:
    """What `model.json` says: the trainer, the task and its labels, the start. Raises as `load_model` does."""
    if not (folder / "model.json").is_file():
        raise ConfigError(f"{folder} holds no model (no model.json); give a folder that `tithe train` wrote")
    try:
        record: dict[str, Any] = json.loads((folder / "model.json").read_text("utf-8"))
        if record["format"] > _FORMAT:
            raise ConfigError(f"{folder} was written by a newer tithe (format {record['format']}); update tithe")
        if not {"task", "start"} <= record.keys():
            raise KeyError("task")
    except TitheError:
        raise
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CacheError(f"the model in {folder} is damaged ({error}); train it again") from None
    return record
