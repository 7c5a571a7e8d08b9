"""The files of one simulation, as far as a report needs them."""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tithe.errors import DataError
from tithe.experiment.summary import summarise

if TYPE_CHECKING:
    import pyarrow as pa

FILES = ("rounds.parquet", "selections.parquet")


@dataclass(frozen=True)
class Run:
    """One folder. `digests` are of its tables, so that a report can be matched with them."""

    name: str
    plan: Mapping[str, Any]
    plan_text: str
    environment: Mapping[str, Any]
    summary: Mapping[str, Any]
    digests: Mapping[str, str]


def read_run(folder: Path) -> Run:
    """The run in this folder. Without a `summary.json` it is made from `rounds.parquet`, with seed 0.

    Raises DataError where the folder holds neither.
    """
    plan_text = _text(folder / "plan.toml")
    plan = tomllib.loads(plan_text)
    return Run(
        folder.resolve().name,
        plan,
        plan_text,
        json_of(folder / "environment.json") if (folder / "environment.json").exists() else {},
        _summary(folder, plan),
        {name: _digest(folder / name) for name in FILES if (folder / name).exists()},
    )


def _summary(folder: Path, plan: Mapping[str, Any]) -> Mapping[str, Any]:
    if (folder / "summary.json").exists():
        summary = json_of(folder / "summary.json")
        if "groups" in summary:
            return summary
    if not (folder / "rounds.parquet").exists():
        raise DataError(f"{folder} holds no simulation: neither summary.json nor rounds.parquet is there")
    return summarise(table_of(folder / "rounds.parquet"), plan, seed=0)


def json_of(path: Path) -> dict[str, Any]:
    """A JSON file of results. Raises DataError where it is damaged."""
    try:
        found: dict[str, Any] = json.loads(path.read_text("utf-8"))
    except ValueError as error:
        raise DataError(f"{path} is damaged ({error}); remove {path.parent} and run it again") from None
    return found


def table_of(path: Path) -> pa.Table:
    """A table of results. Raises DataError where it is damaged."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return pq.read_table(path)
    except (OSError, ValueError, pa.ArrowException) as error:
        said = str(error).splitlines()[0]
        raise DataError(f"{path} is damaged ({said}); remove {path.parent} and run it again") from None


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
