"""Writes made-up rounds as a simulation's folder."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import made
import pyarrow as pa
import pyarrow.parquet as pq

from tithe.experiment.summary import summarise

PLAN = """\
task = "choice"
train = "atis8/train.csv"
test = "atis8/test.csv"
strategies = ["auto", "margin", "random"]
trainers = ["linear"]
starts = ["minilm"]
budgets = [48, 97, 145, 193, 242, 338, 483, 702, 1116]
seeds = 10
seed = 7
"""

ENVIRONMENT = {
    "command": "tithe simulate plan.toml --out runs/atis",
    "versions": {"tithe": "0.1.0", "python": "3.11.2", "numpy": "2.4.6", "torch": "2.13.0"},
    "machine": {"processor": "x86_64", "cores": 2},
    "data": {"train": {"rows": 4834, "sha256": "9f1c" * 16}, "test": {"rows": 800, "sha256": "02ab" * 16}},
}


def write(into: Path, speed: Mapping[str, float] = made.SPEED, **how: Any) -> Path:
    """A folder with all files of a simulation but the report."""
    into.mkdir(parents=True)
    rows = made.rounds(speed, **how)
    pq.write_table(pa.table(rows), into / "rounds.parquet")
    pq.write_table(pa.table({"config": ["a"], "seed": [0]}), into / "selections.parquet")
    (into / "plan.toml").write_text(PLAN)
    (into / "environment.json").write_text(json.dumps(ENVIRONMENT))
    (into / "summary.json").write_text(json.dumps(summarise(rows, {}, seed=7)))
    return into
