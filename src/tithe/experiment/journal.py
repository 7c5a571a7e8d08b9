"""What a simulation has done so far, on disk: a line for each finished step, so that a killed one goes on.

The journal lives in a hidden folder of the results and goes when they are complete.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import zlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tithe.data.files import replacing
from tithe.errors import CacheError, ConfigError
from tithe.experiment.runs import Step
from tithe.stopping import Record

if TYPE_CHECKING:
    from numpy.typing import NDArray

_BYTES = ("test_correct", "class_counts")
"""The columns of a row that JSON cannot hold as they are."""


class Journal:
    """An append-only file of steps; the last line may be torn by a kill and is then dropped."""

    def __init__(self, folder: Path, digest: str) -> None:
        """The journal below a results folder; nothing is written before `begin`. `digest` is of plan and data.

        Raises ConfigError where the folder holds rounds of another plan. One that never got to a model has nothing to
        lose, and gives way.
        """
        self.results = folder
        self.digest = digest
        self.folder = folder / ".unfinished"
        self.path = self.folder / "steps.jsonl"
        self._stamp = self.folder / "plan-digest"
        self._made: list[Path] = []
        if self._is_foreign() and self._has_rounds():
            raise ConfigError(
                f"{folder} holds an unfinished run of another plan or of other data; give another --out, or remove "
                f"{folder}"
            )

    def _is_foreign(self) -> bool:
        """Whether the steps here are another plan's."""
        return self._stamp.exists() and self._stamp.read_text() != self.digest

    def _has_rounds(self) -> bool:
        """Whether a step came to a model; those before only say what was asked, and are quick to do again."""
        return any(step.row is not None for _, _, step in self.steps())

    def begin(self) -> None:
        """Makes the folder. Raises CacheError where it cannot be written, and leaves nothing behind then."""
        self._made = [one for one in (self.folder, *self.folder.parents) if not one.exists()]
        if self._is_foreign():
            self.path.unlink(missing_ok=True)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with replacing(self._stamp) as file:
                file.write(self.digest.encode())
        except OSError as error:
            self.forget_if_empty()
            raise self._cannot_write(error) from None

    def forget_if_empty(self) -> None:
        """Where no model was trained yet, leaves nothing behind: neither the journal nor folders made for it."""
        if self._has_rounds():
            return
        self.path.unlink(missing_ok=True)
        self._stamp.unlink(missing_ok=True)
        with suppress(OSError):  # a folder that holds something else stays
            for one in self._made:
                one.rmdir()

    def _cannot_write(self, error: OSError) -> CacheError:
        return CacheError(
            f"cannot write to {self.results}: {error.strerror or error}; free some space and run the same command "
            f"again, it goes on from here"
        )

    def steps(self) -> Iterator[tuple[str, int, Step]]:
        """The steps written so far: run key, number, step. Cuts off a torn last line."""
        if not self.path.exists():
            return
        good = 0
        with self.path.open("rb") as file:
            for line in file:
                try:
                    raw = json.loads(line) if line.endswith(b"\n") else None
                except ValueError:
                    raw = None
                if raw is None:
                    break
                good += len(line)
                yield raw["run"], raw["number"], _step(raw["step"])
        if good < self.path.stat().st_size:
            with self.path.open("r+b") as file:
                file.truncate(good)

    def cut(self, number: int) -> None:
        """Forgets all steps from this number on."""
        kept = [line for line in self.path.read_bytes().splitlines(keepends=True) if _is_before(line, number)]
        with replacing(self.path) as file:
            file.writelines(kept)

    def add(self, run: str, number: int, step: Step) -> None:
        """Writes a step and waits until it is on the disk. Raises CacheError where the disk is full."""
        raw = asdict(step)
        if raw["row"]:
            raw["row"] = {**raw["row"], **{name: base64.b64encode(raw["row"][name]).decode() for name in _BYTES}}
        if raw["record"]:
            raw["record"]["guesses"] = _packed(raw["record"]["guesses"])
        line = json.dumps({"run": run, "number": number, "step": raw}) + "\n"
        try:
            with self.path.open("a", encoding="utf-8") as file:
                file.write(line)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise self._cannot_write(error) from None

    def remove(self) -> None:
        """Deletes the journal, once the results are complete; the steps first, so that none is left unstamped."""
        self.path.unlink(missing_ok=True)
        shutil.rmtree(self.folder, ignore_errors=True)


def _is_before(line: bytes, number: int) -> bool:
    """Whether a line is whole, and of a step before this one."""
    try:
        return line.endswith(b"\n") and int(json.loads(line)["number"]) < number
    except ValueError:
        return False


def _step(raw: dict[str, Any]) -> Step:
    row = raw["row"]
    if row:
        row = {**row, **{name: base64.b64decode(row[name]) for name in _BYTES}}
    record = raw["record"]
    if record:
        record = Record(**{**record, "guesses": _unpacked(record["guesses"])})
    return Step(row, tuple(raw["asked"]), tuple(raw["scores"]), record, raw["ahead"])


def _packed(array: NDArray[Any] | None) -> dict[str, Any] | None:
    """An array as JSON; small, since the guesses of a stop set are of few values."""
    if array is None:
        return None
    data = base64.b64encode(zlib.compress(array.tobytes())).decode()
    return {"dtype": array.dtype.str, "shape": array.shape, "data": data}


def _unpacked(raw: dict[str, Any] | None) -> NDArray[Any] | None:
    import numpy as np

    if raw is None:
        return None
    flat: NDArray[Any] = np.frombuffer(zlib.decompress(base64.b64decode(raw["data"])), raw["dtype"])
    return flat.reshape(raw["shape"])
