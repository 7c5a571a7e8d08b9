"""The tables of each round, as the notebook of S4 had them: train, pool and test with predictions and entropy."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tithe.data import write_rows
from tithe.experiment.runs import Run, test_output
from tithe.ragged import Ragged
from tithe.types import Items, in_words

if TYPE_CHECKING:
    from tithe.experiment.world import World
    from tithe.loop import Round


def export_round(folder: Path, world: World, run: Run, found: Round, *, number: int) -> None:
    """Writes `train.csv`, `pool.csv` and `test.csv` of one round below `folder/config/seed-S/round-R`.

    Columns: id, text, label (the file's own), prediction, p_<label> for each label (not for spans), entropy in [0, 1].
    """
    into = folder / re.sub(r"[^\w.+=-]+", "_", run.config) / f"seed-{run.seed}" / f"round-{number}"
    into.mkdir(parents=True, exist_ok=True)
    items = found.pool.items
    proba = found.pool.view("proba") if found.model is not None else None
    labelled = np.isin(np.arange(len(items)), found.pool.labelled)
    for name, rows in (("train", np.flatnonzero(labelled)), ("pool", np.flatnonzero(~labelled))):
        _write(into / f"{name}.csv", items.take(rows), None if proba is None else proba[rows], world)
    _write(into / "test.csv", world.test, test_output(world, found), world)


def _write(path: Path, items: Items, proba: Any, world: World) -> None:
    columns: dict[str, Any] = {
        "id": list(items.ids),
        "text": list(items.texts),
        "label": [in_words(label) for label in items.gold or ()],
    }
    if proba is not None:
        columns["prediction"] = [in_words(label) for label in world.task.decode(proba)]
        for column, label in enumerate(() if isinstance(proba, Ragged) else world.task.labels):
            columns[f"p_{label}"] = [f"{value:.6f}" for value in proba[:, column]]
        columns["entropy"] = [f"{value:.6f}" for value in world.task.uncertainty(proba, "entropy")]
    write_rows(path, columns)
