"""Where a training run stands, on disk: weights, optimiser and one JSON, in a folder that is whole or not there."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tithe.errors import CacheError, ConfigError

if TYPE_CHECKING:
    import torch

    from tithe.models.tuning.programs import Program
    from tithe.models.tuning.training import Trained

log = logging.getLogger(__name__)

_FOLDER: ContextVar[Path | None] = ContextVar("_FOLDER", default=None)


@contextmanager
def kept_in(folder: Path) -> Iterator[None]:
    """Fits in this context keep checkpoints below a folder, and go on from those that are there.

    The folder is removed at the end, but not where the context is left by an error or Ctrl-C.
    """
    token = _FOLDER.set(folder)
    try:
        yield
    finally:
        _FOLDER.reset(token)
    shutil.rmtree(folder, ignore_errors=True)


def checkpoint_of(*about: object) -> Checkpoint | None:
    """The checkpoint of a fit of this and nothing else; None where no folder is set.

    `about` is all that the fit depends on, as values with a telling repr. Other fits in the same folder, such as those
    of an earlier version of the data, are not gone on with.
    """
    folder = _FOLDER.get()
    if folder is None:
        return None
    key = hashlib.blake2b(repr(about).encode(), digest_size=16).hexdigest()
    return Checkpoint(folder / key, key)


class Checkpoint:
    """The state of a run of one model, written every `every` steps; a run that is started again goes on from it.

    Each state is a folder of its own, `0000300` after 300 steps, renamed when it is whole; earlier ones are removed
    only then. So a kill at any moment leaves a state. `key` says what is trained.
    """

    def __init__(self, folder: Path, key: str, every: int = 100) -> None:
        self.folder, self.key, self.every = Path(folder), key, every

    def load(self, program: Program, optimizer: torch.optim.Optimizer, found: Trained) -> int:
        """Puts back the last state that is there; the step to go on with, 0 where nothing is.

        Raises:
            ConfigError: the folder holds another run, or the program has several models.
            CacheError: the files are damaged.
        """
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        if program.size != 1:
            raise ConfigError("checkpoints are for one model at a time; runs side by side begin their round again")
        states = self._states()
        if not states:
            return 0
        try:
            record: dict[str, Any] = json.loads((states[-1] / "training.json").read_text("utf-8"))
            if record["key"] != self.key:
                raise ConfigError(
                    f"{self.folder} holds the checkpoint of another run; remove it, or give another folder"
                )
            arrays = load_file(states[-1] / "training.safetensors")
            program.load(0, _below(arrays, "now/"))
            found.state = _below(arrays, "best/")
            found.losses, found.best, found.waited = record["losses"], record["best"], record["waited"]
            found.held = [(step, loss) for step, loss in record["held"]]
        except ConfigError:
            raise
        except (OSError, ValueError, KeyError, SafetensorError) as error:
            raise CacheError(f"the checkpoint in {states[-1]} is damaged ({error}); remove that folder") from None
        for at, one in enumerate(_moved(optimizer)):
            own = _below(arrays, f"optimizer/{at}/")
            if own:
                optimizer.state[one] = {name: value.to(one.device) for name, value in own.items()}
        log.warning("an earlier training broke off; going on from step %d", len(found.losses))
        return len(found.losses)

    def due(self, step: int) -> bool:
        """Whether the state after so many steps is one to write."""
        return step % self.every == 0

    def save(self, program: Program, optimizer: torch.optim.Optimizer, found: Trained, step: int) -> None:
        """Writes the state after `step` steps, whose losses are all in `found`."""
        from safetensors.torch import save_file

        arrays = {f"now/{name}": value for name, value in program.state(0).items()}
        arrays |= {f"best/{name}": value for name, value in found.state.items()}
        for at, one in enumerate(_moved(optimizer)):
            for name, value in optimizer.state.get(one, {}).items():
                arrays[f"optimizer/{at}/{name}"] = value.detach().cpu()
        partial = self.folder / "partial"
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        save_file({name: value.contiguous() for name, value in arrays.items()}, partial / "training.safetensors")
        record = {
            "key": self.key,
            "losses": found.losses,
            "held": found.held,
            "best": found.best,
            "waited": found.waited,
        }
        (partial / "training.json").write_text(json.dumps(record), "utf-8")
        for file in partial.iterdir():  # on the disk before it has its name, also where the power fails
            with file.open("rb") as written:
                os.fsync(written.fileno())
        earlier = self._states()
        shutil.rmtree(self.folder / f"{step:07d}", ignore_errors=True)
        partial.rename(self.folder / f"{step:07d}")
        for state in earlier:
            shutil.rmtree(state, ignore_errors=True)

    def _states(self) -> list[Path]:
        """Whole states, the last one last."""
        return sorted(state for state in self.folder.glob("[0-9]*") if state.is_dir())


def _moved(optimizer: torch.optim.Optimizer) -> list[torch.nn.Parameter]:
    return [one for group in optimizer.param_groups for one in group["params"]]


def _below(arrays: dict[str, torch.Tensor], head: str) -> dict[str, torch.Tensor]:
    return {name.removeprefix(head): value for name, value in arrays.items() if name.startswith(head)}
