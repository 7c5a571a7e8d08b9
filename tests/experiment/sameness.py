"""What the design calls *Sameness*: which bytes and values of two folders of results must be equal."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

FILES = {"plan.toml", "environment.json", "rounds.parquet", "selections.parquet", "summary.json", "report.html"}


def timeless(value: Any) -> Any:
    """A JSON value without the keys that end in `_s`."""
    if isinstance(value, dict):
        return {key: timeless(one) for key, one in value.items() if not key.endswith("_s")}
    return [timeless(one) for one in value] if isinstance(value, list) else value


def assert_same(one: Path, other: Path) -> None:
    """Fails where two folders differ in more than times, and where one holds more or less than the promised files."""
    for folder in (one, other):
        assert {path.name for path in folder.iterdir()} == FILES
    assert (one / "selections.parquet").read_bytes() == (other / "selections.parquet").read_bytes()
    assert (one / "plan.toml").read_bytes() == (other / "plan.toml").read_bytes()
    tables = [pq.read_table(folder / "rounds.parquet") for folder in (one, other)]
    kept = [table.select([name for name in table.column_names if not name.endswith("_s")]) for table in tables]
    assert kept[0].equals(kept[1])
    summaries = [json.loads((folder / "summary.json").read_text()) for folder in (one, other)]
    assert timeless(summaries[0]) == timeless(summaries[1])
