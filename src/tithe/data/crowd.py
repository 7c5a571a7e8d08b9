"""Crowd tables: who said what of which task, as crowd-kit and the published data sets of votes have them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

from tithe.data import Format, Table, format_for
from tithe.data.annotations import for_people
from tithe.data.answers import Losses, answers_in, kind_of
from tithe.data.columns import check_named
from tithe.data.delimited import CSV, Delimited
from tithe.errors import UnknownNameError


@dataclass(frozen=True)
class Crowd:
    """The columns `task`, `worker` and `label`, one row a vote, in a table of any format (CSV where none is told).

    `task`, `worker` and `label` may name other columns. Such a table has no texts as a rule: what a task is called
    then stands for its text.
    """

    task: str = "task"
    worker: str = "worker"
    label: str = "label"
    neutral: bool = True
    """For CSV and TSV: see `Delimited`."""
    suffixes: tuple[str, ...] = (".crowd.csv",)
    annotations: ClassVar[bool] = True

    def read(self, path: Path, *, header: bool = True, columns: Sequence[str] | None = None) -> Table:
        """The votes, with a column `text`."""
        found = self._table(path).read(path, header=header, columns=columns)
        check_named(found, str(path), task=self.task, worker=self.worker, label=self.label)
        names = {self.task: "id", self.worker: "annotator", self.label: "label"}
        taken = set(names.values())
        out = {
            names.get(name, f"data.{name}" if name in taken else name): cells for name, cells in found.columns.items()
        }
        notes = found.notes
        if "text" not in out:
            out["text"] = [None if one is None else str(one) for one in out["id"]]
            notes = (*notes, "a crowd table has no texts; what each task is called stands for its text")
        return Table(out, found.lines, ("text",), found.unit, notes)

    def write(self, path: Path, table: Table) -> tuple[str, ...]:
        """Writes one row a vote. The model's labels are votes of the worker `model`, with a note.

        Sets and spans stand as JSON, which tools for votes take for one label each; spans have their text beside them.
        """
        losses = Losses()
        kind = kind_of(table)
        spans = kind == "spans"
        columns: dict[str, list[Any]] = {name: [] for name in (self.task, self.worker, self.label, *["text"] * spans)}
        for one in answers_in(table):
            if one.labels is None and one.spans is None:
                losses.add("answers without a label, left out")
                continue
            model = one.by == "model"
            losses.add("labels of the model, as votes of the worker 'model'", model)
            losses.add("comments, left out", bool(one.comment))
            losses.add("flags, left out", one.flagged)
            label: Any = one.spans if one.labels is None else one.labels
            if spans:
                label = [span._asdict() for span in one.spans or ()]
                columns["text"].append(one.text)
            single = kind == "choice" and len(label) == 1
            columns[self.task].append(one.id if one.id is not None else str(one.line))
            columns[self.worker].append("model" if model else one.annotator)
            columns[self.label].append(label[0] if single else json.dumps(label, ensure_ascii=False))
        rows = range(1, len(columns[self.task]) + 1)
        return (*losses.notes, *self._table(path).write(path, Table(columns, rows)))

    def _table(self, path: Path) -> Format:
        try:
            table = format_for(path)
        except UnknownNameError:
            table = CSV
        if for_people(table):
            table = CSV  # as in votes.json
        return replace(table, neutral=self.neutral) if isinstance(table, Delimited) else table


CROWD = Crowd()
