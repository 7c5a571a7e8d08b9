"""Where a training run stands, on disk: weights, optimiser and one JSON, in a folder that is whole or not there."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from tithe.errors import CacheError, ConfigError

if TYPE_CHECKING:
    from tithe.models.tuning.programs import Program
    from tithe.models.tuning.training import Trained


class Checkpoint:
    """The state of a run of one model, written every `every` steps; a run that is started again goes on from it.

    `key` says what is trained: a folder of another run is not gone on with.
    """

    def __init__(self, folder: Path, key: str, every: int = 100) -> None:
        self.folder, self.key, self.every = Path(folder), key, every

    def load(self, program: Program, optimizer: torch.optim.Optimizer, found: Trained) -> int:
        """Puts back what is there; the step to go on with, 0 where nothing is.

        Raises:
            ConfigError: the folder holds another run, or the program has several models.
            CacheError: its files are damaged.
        """
        from safetensors.torch import load_file

        if program.size != 1:
            raise ConfigError("checkpoints are for one model at a time; runs side by side begin their round again")
        if not self.folder.is_dir():
            return 0
        try:
            record: dict[str, Any] = json.loads((self.folder / "training.json").read_text("utf-8"))
            if record["key"] != self.key:
                raise ConfigError(
                    f"{self.folder} holds the checkpoint of another run; remove it, or give another folder"
                )
            arrays = load_file(self.folder / "training.safetensors")
        except (OSError, ValueError, KeyError) as error:
            if isinstance(error, ConfigError):
                raise
            raise CacheError(f"the checkpoint in {self.folder} is damaged ({error}); remove that folder") from None
        program.load(0, _below(arrays, "now/"))
        found.state = _below(arrays, "best/")
        found.losses, found.best, found.waited = record["losses"], record["best"], record["waited"]
        found.held = [(step, loss) for step, loss in record["held"]]
        for at, one in enumerate(_moved(optimizer)):
            own = _below(arrays, f"optimizer/{at}/")
            if own:
                optimizer.state[one] = {
                    name: value if name == "step" else value.to(one.device) for name, value in own.items()
                }
        return int(record["step"])

    def save(
        self, program: Program, optimizer: torch.optim.Optimizer, found: Trained, step: int, *, last: bool
    ) -> None:
        """Writes the state after `step` steps, if it is time; after the last one the folder is removed."""
        from safetensors.torch import save_file

        if last:
            shutil.rmtree(self.folder, ignore_errors=True)
            return
        if step % self.every:
            return
        arrays = {f"now/{name}": value for name, value in program.state(0).items()}
        arrays |= {f"best/{name}": value for name, value in found.state.items()}
        for at, one in enumerate(_moved(optimizer)):
            for name, value in optimizer.state.get(one, {}).items():
                arrays[f"optimizer/{at}/{name}"] = value.detach().cpu().contiguous()
        partial = self.folder.with_name(f".{self.folder.name}.partial")
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        save_file({name: value.contiguous() for name, value in arrays.items()}, partial / "training.safetensors")
        record = {
            "key": self.key,
            "step": step,
            "losses": found.losses,
            "held": found.held,
            "best": found.best,
            "waited": found.waited,
        }
        (partial / "training.json").write_text(json.dumps(record), "utf-8")
        old = self.folder.with_name(f".{self.folder.name}.old")
        shutil.rmtree(old, ignore_errors=True)
        if self.folder.exists():
            self.folder.rename(old)
        partial.rename(self.folder)
        shutil.rmtree(old, ignore_errors=True)


def _moved(optimizer: torch.optim.Optimizer) -> list[torch.nn.Parameter]:
    return [one for group in optimizer.param_groups for one in group["params"]]


def _below(arrays: dict[str, torch.Tensor], head: str) -> dict[str, torch.Tensor]:
    return {name.removeprefix(head): value for name, value in arrays.items() if name.startswith(head)}
