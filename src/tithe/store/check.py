"""Is what a database holds of a project sound: a log without gaps, and derived tables that equal its fold?"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from tithe.store.tables import batches, events, items, projects, standing

if TYPE_CHECKING:
    from sqlalchemy import Connection


def faults(connection: Connection, project: int) -> list[str]:
    """What is wrong, a sentence each. Cost: one pass over the log; memory for the answers that stand."""
    return [
        *_log_faults(connection, project),
        *_batch_faults(connection, project),
        *_standing_faults(connection, project),
    ]


def rebuild(connection: Connection, project: int) -> None:
    """Makes the derived table of standing answers anew from the log."""
    connection.execute(sa.delete(standing).where(standing.c.project == project))
    rows = [
        {"project": project, "item": item, "annotator": who, "position": position}
        for (item, who), position in _standing(_rows(connection, project)).items()
    ]
    if rows:
        connection.execute(sa.insert(standing), rows)


def _rows(connection: Connection, project: int) -> Iterator[Any]:
    query = sa.select(events.c.position, events.c.kind, events.c.item, events.c.annotator)
    found = connection.execute(query.where(events.c.project == project).order_by(events.c.position))
    return iter(found.yield_per(5_000))


def _standing(rows: Iterable[Any]) -> dict[tuple[str, str], int]:
    """The position of the answer of each annotator to each item that stands."""
    found: dict[tuple[str, str], int] = {}
    for row in rows:
        if row.kind == "answered":
            found[row.item, row.annotator] = row.position
        elif row.kind == "withdrawn":
            found.pop((row.item, row.annotator), None)
    return found


def _log_faults(connection: Connection, project: int) -> Iterator[str]:
    head = connection.execute(sa.select(projects).where(projects.c.key == project)).one()
    last, task = 0, ""
    for row in _rows(connection, project):
        if row.position != last + 1:
            yield f"the log jumps from position {last} to {row.position}"
        last = row.position
    if last != head.position:
        yield f"the log ends at position {last}, and the project says {head.position}"
    own = sa.select(events.c.payload).where(events.c.project == project, events.c.kind == "declared")
    for payload in connection.scalars(own.order_by(events.c.position)):
        task = json.loads(payload)["task"]
    if task != head.task:
        yield f"the task is {task!r} in the log, and the project says {head.task!r}"


def _batch_faults(connection: Connection, project: int) -> Iterator[str]:
    own = sa.select(events.c.position, events.c.payload).where(events.c.project == project, events.c.kind == "added")
    logged = {json.loads(payload)["batch"]: position for position, payload in connection.execute(own)}
    whole = sa.select(batches.c.batch, batches.c.position).where(
        batches.c.project == project, batches.c.position.is_not(None)
    )
    kept = {row.batch: row.position for row in connection.execute(whole)}
    if logged != kept:
        wrong = sorted(dict(logged.items() ^ kept.items()))
        yield f"the log and the table of batches disagree over the batches {wrong}"
    sizes = (
        sa.select(items.c.batch, sa.func.count(), sa.func.max(items.c.row))
        .where(items.c.project == project)
        .group_by(items.c.batch)
    )
    for batch, count, last in connection.execute(sizes):
        if batch in kept and count != last + 1:
            yield f"batch {batch} has {count} items, and its last is number {last + 1}"


def _standing_faults(connection: Connection, project: int) -> Iterator[str]:
    kept = sa.select(standing.c.item, standing.c.annotator, standing.c.position).where(standing.c.project == project)
    stored = {(item, who): position for item, who, position in connection.execute(kept)}
    folded = _standing(_rows(connection, project))
    for item, who in sorted(dict(stored.items() ^ folded.items()))[:5]:
        given, wanted = stored.get((item, who)), folded.get((item, who))
        yield f"the answer of {who!r} to {item!r} that stands is {wanted} in the log, and {given} in its table"
