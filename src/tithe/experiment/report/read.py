"""The files of one simulation, as far as a report needs them."""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Mapping, Sequence
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
    """One folder: what was run. `digests` are of its tables, so that a report can be matched with them."""

    name: str
    plan: Mapping[str, Any]
    plan_text: str
    environment: Mapping[str, Any]
    digests: Mapping[str, str]


@dataclass(frozen=True)
class Evidence:
    """What a report is about: the summary of all folders together, the rows that it is of, and each folder."""

    summary: Mapping[str, Any]
    rounds: Mapping[str, Sequence[Any]]
    runs: Sequence[Run]


def read_evidence(folders: Sequence[Path]) -> Evidence:
    """The evidence in these folders; of several, all rows together, summarised anew with seed 0.

    Of one folder the rows may be missing, or the summary, which is then made from them.

    Raises DataError where a folder holds neither, or two folders contradict each other.
    """
    runs = [_run(folder) for folder in folders]
    if len(folders) > 1:
        from tithe.experiment.report.merge import merged_rounds

        rounds = merged_rounds(folders)
        return Evidence(summarise(rounds, {}, seed=0), rounds, runs)
    (folder,) = folders
    there = folder / "rounds.parquet"
    rounds = table_of(there).to_pydict() if there.exists() else {}
    return Evidence(_summary(folder, runs[0].plan, rounds), rounds, runs)


def _run(folder: Path) -> Run:
    if not any((folder / name).exists() for name in ("summary.json", "rounds.parquet")):
        raise DataError(f"{folder} holds no simulation: neither summary.json nor rounds.parquet is there")
    plan_text = _text(folder / "plan.toml")
    return Run(
        folder.resolve().name,
        tomllib.loads(plan_text),
        plan_text,
        json_of(folder / "environment.json") if (folder / "environment.json").exists() else {},
        {name: _digest(folder / name) for name in FILES if (folder / name).exists()},
    )


def _summary(folder: Path, plan: Mapping[str, Any], rounds: Mapping[str, Sequence[Any]]) -> Mapping[str, Any]:
    if (folder / "summary.json").exists():
        summary = json_of(folder / "summary.json")
        if "groups" in summary:
            return summary
    return summarise(rounds, plan, seed=0)


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
