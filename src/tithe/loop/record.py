"""The record of a round: what stop rules and people see of it, the same in a simulation and in a live loop."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tithe.log import Snapshot
from tithe.loop.propose import Round, task_of
from tithe.models import Model
from tithe.pool import Pool
from tithe.rng import stream
from tithe.stopping import Record
from tithe.tasks.spans import Spans

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tithe.tasks import Task
    from tithe.types import Label, Rows

_STOP_SET = 2000  # Bloodgood and Vijay-Shanker found 2,000 enough for a stable agreement


def record_of(found: Round, snapshot: Snapshot, seed: int, *, watched: bool) -> Record:
    """The record of a round that was proposed from this snapshot.

    `watched`: a stop rule will look, so what the model says of the stop set is worth computing.
    """
    record = Record(
        found.number,
        len(snapshot.labels),
        spent(found.pool, snapshot),
        asked_scores(found.model),
        reason=found.cold or found.selection.reason,
        fit_s=found.fit_s,
        view_s=found.view_s,
        select_s=found.select_s,
    )
    if not watched or found.asking is None or found.cold:  # no rule stops by what a prior guesses
        return record
    stop_set = "" if snapshot.stages is None else found.pool.items.digest
    return _watched(replace(record, stop_set=stop_set), found, found.asking, seed)


def spent(pool: Pool, snapshot: Snapshot) -> float:
    """The cost of all labels given, in the task's unit: that of each item times the annotators who labelled it.

    All labels count, also those of items that `pool`, the window of a round, does not hold yet.
    """
    task = task_of(snapshot)
    ids = list(snapshot.labels)
    if any(one not in pool for one in ids):
        pool = Pool(snapshot.items)
    given = (sum(answer.action == "label" for answer in snapshot.answers[one].values()) for one in ids)
    items = (pool.items[int(row)] for row in pool.rows(ids))
    return sum(task.cost(item) * count for item, count in zip(items, given, strict=True))


def asked_scores(model: Model | None) -> Mapping[str, float]:
    """Scores on asked items that the fit found by cross-validation; empty where there are none."""
    if model is None:
        return {}
    found = {
        name.removesuffix("_on_asked"): float(value)
        for name, value in model.settings.items()
        if name.endswith("_on_asked")
    }
    return {name: value for name, value in found.items() if value == value}


def _watched(record: Record, found: Round, model: Model, seed: int) -> Record:
    """The record with what the model says of the stop set."""
    import numpy as np

    rows = _stop_set(found.pool, seed)
    output = found.pool.view("proba")[rows]
    guesses = _encoded(model.task, model.decide(output), output)
    unlabelled = np.flatnonzero(~np.isin(rows, found.pool.labelled))
    if not len(unlabelled):
        return replace(record, guesses=guesses)
    left = float(model.task.uncertainty(output[unlabelled], "entropy").mean())
    return replace(record, guesses=guesses, uncertainty=left)


def _encoded(task: Task, decided: Sequence[Label], output: Any) -> NDArray[Any]:
    """Decisions as an array that two models' are compared by: of spans the tag of each token."""
    import numpy as np

    return task.tag(decided, output).values if isinstance(task, Spans) else np.asarray(task.encode(decided))


def _stop_set(pool: Pool, seed: int) -> Rows:
    """The rows of the stop set: a draw of the pool that a seed fixes, whatever the order of the file."""
    everyone = pool.items.by_id
    rows: Rows = stream(seed, "stop set").choice(everyone, min(_STOP_SET, len(everyone)), replace=False)
    return rows
