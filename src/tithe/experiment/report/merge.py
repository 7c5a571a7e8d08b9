"""Several folders as one set of results: the rows of all, each once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tithe.errors import DataError
from tithe.experiment.report.read import table_of


def merged_rounds(folders: Sequence[Path]) -> dict[str, list[Any]]:
    """The columns of `rounds.parquet` of all folders together; what a folder lacks is null.

    The same run in two folders counts once. A name of a data set before its config goes, so that a folder of several
    data sets and one of a single one agree on what a run is called.

    Raises:
        DataError: a folder without rounds, or the same run in two folders with different scores.
    """
    runs: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    origin: dict[tuple[Any, ...], Path] = {}
    names: list[str] = []
    for folder in folders:
        if not (folder / "rounds.parquet").exists():
            raise DataError(f"{folder} holds no rounds.parquet, so it cannot be reported with others; run it again")
        table = table_of(folder / "rounds.parquet")
        names += [name for name in table.column_names if name not in names]
        here: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
        for row in table.to_pylist():
            row["config"] = row["config"].removeprefix(f"{row['dataset']}/")
            here.setdefault((row["dataset"], row["config"], row["seed"]), []).append(row)
        for run, rows in here.items():
            if run not in runs:
                runs[run], origin[run] = rows, folder
            elif list(map(_timeless, runs[run])) != list(map(_timeless, rows)):
                raise DataError(
                    f"{origin[run]} and {folder} both hold {run[1]} with seed {run[2]} on {run[0]}, with different "
                    f"results; report them apart, or give the data set of one plan another name"
                )
    return {name: [row.get(name) for rows in runs.values() for row in rows] for name in names}


def _timeless(row: dict[str, Any]) -> dict[str, Any]:
    """What two runs of the same must agree on; a column of null is as good as none."""
    return {name: value for name, value in row.items() if not name.endswith("_s") and value is not None}
