"""The results of a simulation: tables in memory, and the files that hold them."""

from __future__ import annotations

import json
import os
import platform
import shutil
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from tithe.errors import CacheError, ConfigError, DataError
from tithe.experiment.plan import Plan
from tithe.experiment.report import write_report
from tithe.experiment.report.read import json_of, table_of
from tithe.experiment.study import Study, read_plan
from tithe.experiment.summary import summarise
from tithe.experiment.world import Facts, file_digests

if TYPE_CHECKING:
    from tithe.experiment.simulate import Progress

_FILES = ("plan.toml", "environment.json", "rounds.parquet", "selections.parquet", "summary.json", "report.html")
_LIBRARIES = ("tithe", "numpy", "scipy", "scikit-learn", "torch", "transformers", "tokenizers", "pyarrow")


@dataclass(frozen=True, eq=False)
class Results:
    """What a simulation came to. `rounds` and `selections` are pyarrow tables, as in the design's *Files*."""

    plan: Plan | Study
    environment: dict[str, Any]
    rounds: pa.Table
    selections: pa.Table

    @cached_property
    def summary(self) -> dict[str, Any]:
        """Curves, areas, labels to a target, gains and tests; see `tithe.experiment.summary`."""
        return summarise(self.rounds, {}, seed=self.plan.seed)

    @classmethod
    def of(cls, plan: Plan | Study, facts: Sequence[Facts], states: Sequence[Progress]) -> Results:
        """The results of finished runs, in an order that does not depend on who finished first."""
        ordered = sorted(states, key=lambda state: (state.run.config, state.run.seed))
        rows = [row for state in ordered for row in state.rows]
        picks: dict[str, list[Any]] = {k: [] for k in ("config", "seed", "round", "item", "rank", "score")}
        for state in ordered:
            for number, (batch, scores) in enumerate(zip(state.batches, state.scores, strict=True)):
                for rank, (item, score) in enumerate(zip(batch, scores, strict=True)):
                    values = (state.run.config, state.run.seed, number, item, rank, score)
                    for column, value in zip(picks.values(), values, strict=True):
                        column.append(value)
        stopped = {state.run.key: state.stopped for state in ordered if state.stopped}
        columns = columns_of(rows)
        table = pa.table({name: [row.get(name) for row in rows] for name in columns})
        return cls(plan, environment(plan, facts, stopped), table, pa.table(picks))

    @classmethod
    def read(cls, folder: Path) -> Results:
        """The results in a folder. Raises DataError where it holds none."""
        folder = Path(folder)
        missing = [name for name in _FILES if not (folder / name).is_file()]
        if missing:
            raise DataError(f"{folder} holds no complete simulation: {', '.join(missing)} is not there")
        found = cls(
            read_plan(folder / "plan.toml"),
            json_of(folder / "environment.json"),
            table_of(folder / "rounds.parquet"),
            table_of(folder / "selections.parquet"),
        )
        found.__dict__["summary"] = json_of(folder / "summary.json")  # made already, and bootstraps take a while
        return found


def columns_of(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """The columns that any of the rows has: those that only some have stand where those have them.

    >>> columns_of([{"seed": 0, "accuracy": 1.0, "fit_s": 0.1}, {"seed": 0, "f1": 0.5, "fit_s": 0.1}])
    ['seed', 'f1', 'accuracy', 'fit_s']
    """
    found: list[str] = []
    for names in dict.fromkeys(tuple(row) for row in rows):
        before = 0
        for name in names:
            if name not in found:
                found.insert(before, name)
            before = found.index(name) + 1
    return found


def environment(plan: Plan | Study, facts: Sequence[Facts], stopped: dict[str, str]) -> dict[str, Any]:
    """What the results depend on beside the plan: versions, machine, the files' digests, notes on the data.

    What is said of the data stands under `data` and its name where there are several.
    """
    said = [{"pool": one.pool, "test": one.test, "labels": list(one.labels), "notes": list(one.notes)} for one in facts]
    names = [part.dataset for part in plan.parts]
    return {
        "python": platform.python_version(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, {platform.system()}",
        "libraries": {name: version(name) for name in _LIBRARIES},
        "files_sha256": file_digests(plan),
        **(said[0] if len(said) == 1 else {"data": dict(zip(names, said, strict=True))}),
        "stopped": stopped,
        "command": " ".join(["tithe", *sys.argv[1:]]) if Path(sys.argv[0]).name == "tithe" else "tithe.simulate",
        "finished_s": round(time.time()),
    }


def is_complete(folder: Path, plan: Plan | Study) -> bool:
    """Whether a folder holds the finished results of this plan.

    Raises ConfigError where it holds those of another plan, or files that are not ours.
    """
    if not folder.exists() or not any(folder.iterdir()):
        return False
    there = {path.name for path in folder.iterdir()}
    if ".unfinished" in there:
        return False
    if not there >= set(_FILES):
        raise ConfigError(f"{folder} is not empty and holds no simulation; give a new folder with --out")
    if read_plan(folder / "plan.toml").digest != plan.digest:
        raise ConfigError(f"{folder} holds the results of another plan; give another --out, or remove that folder")
    now = file_digests(plan)
    for path, digest in json_of(folder / "environment.json")["files_sha256"].items():
        if now.get(path, digest) != digest:
            raise ConfigError(
                f"{folder} holds the results of this plan on other data: {path} has changed since; "
                f"give another --out, or remove that folder"
            )
    return True


def write_results(folder: Path, results: Results) -> None:
    """Writes all files, each whole or not at all, the report last. Raises CacheError where the disk is full."""
    staged = folder / ".unfinished" / "staged"
    shutil.rmtree(staged, ignore_errors=True)
    try:
        staged.mkdir(parents=True)
        (staged / "plan.toml").write_text(results.plan.to_toml(), "utf-8")
        (staged / "environment.json").write_text(json.dumps(results.environment, indent=1) + "\n", "utf-8")
        pq.write_table(results.rounds, staged / "rounds.parquet", compression="zstd")
        pq.write_table(results.selections, staged / "selections.parquet", compression="zstd")
        (staged / "summary.json").write_text(json.dumps(results.summary, indent=1, allow_nan=False) + "\n", "utf-8")
        write_report([staged], staged)
        for name in _FILES:
            (staged / name).replace(folder / name)
        staged.rmdir()
    except OSError as error:
        raise CacheError(
            f"cannot write the results to {folder}: {error.strerror or error}; free some space and run the same "
            f"command again, it goes on from here"
        ) from None
