"""Items in and out: batches of rows, seen by nobody before the event that adds them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from tithe.errors import DataError
from tithe.store.rows import EventRow, label_from_json, label_to_json, storable, to_json
from tithe.store.tables import batches, items, projects
from tithe.types import Items

if TYPE_CHECKING:
    from sqlalchemy import Connection

CHUNK = 2_000
"""Rows of a transaction of an import: about 50 ms, so that answers hardly wait."""


def begin(connection: Connection, project: int) -> int:
    """The number of a new batch that nobody sees yet. What a killed or overtaken import left is cleared away."""
    left = sa.select(batches.c.batch).where(batches.c.project == project, batches.c.position.is_(None))
    for batch in connection.scalars(left).all():
        drop(connection, project, batch)
    batch = connection.scalar(
        sa.update(projects)
        .where(projects.c.key == project)
        .values(batches=projects.c.batches + 1)
        .returning(projects.c.batches)
    )
    connection.execute(sa.insert(batches).values(project=project, batch=batch, about="{}"))
    return int(batch or 0)


def drop(connection: Connection, project: int, batch: int) -> None:
    """Removes a batch that was never added."""
    for table in (items, batches):
        connection.execute(sa.delete(table).where(table.c.project == project, table.c.batch == batch))


def insert(connection: Connection, project: int, batch: int, start: int, part: Items) -> None:
    """Writes rows from `start` on.

    Raises:
        DataError: an id is empty, a text cannot be stored, or another import has begun since.
        IntegrityError: an id stands twice; `refuse_double` finds it.
    """
    if not connection.scalar(sa.select(batches.c.batch).where(batches.c.project == project, batches.c.batch == batch)):
        raise DataError(
            "another import into this project began before this one was whole; nothing was added, try again"
        )
    if rows := _rows(project, batch, start, part):
        connection.execute(sa.insert(items), rows)


def _rows(project: int, batch: int, start: int, part: Items) -> list[dict[str, Any]]:
    for one, text in zip(part.ids, part.texts, strict=True):
        if not one:
            raise DataError("an item has an empty id; give every item one")
        storable(one)
        storable(text)
    tokens: Iterable[str | None] = [None] * len(part) if part.tokens is None else map(to_json, part.tokens)
    gold: Iterable[str | None] = (
        [None] * len(part) if part.gold is None else (to_json(label_to_json(label)) for label in part.gold)
    )
    return [
        {"project": project, "batch": batch, "row": row, "id": one, "text": text, "tokens": tokens_, "gold": gold_}
        for row, (one, text, tokens_, gold_) in enumerate(zip(part.ids, part.texts, tokens, gold, strict=True), start)
    ]


def refuse_double(connection: Connection, project: int, ids: Sequence[str]) -> None:
    """Raises DataError where an id stands twice in `ids`, or in them and in the project."""
    double = _first_double(connection, project, ids)
    if double is not None:
        raise DataError(f"the id {double!r} is already in the project; give new items new ids")


def _first_double(connection: Connection, project: int, ids: Sequence[str]) -> str | None:
    seen: set[str] = set()
    for one in ids:
        if one in seen:
            return one
        seen.add(one)
    for start in range(0, len(ids), 500):
        some = items.c.id.in_(ids[start : start + 500])
        found = connection.scalar(sa.select(items.c.id).where(items.c.project == project, some).limit(1))
        if found is not None:
            return str(found)
    return None


@dataclass
class About:
    """What `Items` says of a whole, gathered part by part as `tithe.log.joined` has it for several batches."""

    source: str | None = None
    notes: tuple[str, ...] = ()
    repeats: int = 0
    gold: bool = False
    tokens: bool = True

    def add(self, part: Items) -> None:
        """Takes a part into account."""
        if len(part):
            self.source = self.source or part.source
            self.notes += part.notes
            self.repeats += part.repeats
            self.gold |= part.gold is not None
            self.tokens &= part.tokens is not None


def publish(connection: Connection, project: int, batch: int, position: int, said: About) -> EventRow:
    """Makes a batch part of the project, once the row of its event, which is returned, is at `position`."""
    connection.execute(
        sa.update(batches)
        .where(batches.c.project == project, batches.c.batch == batch)
        .values(position=position, about=to_json(asdict(said)))
    )
    return EventRow("added", None, None, to_json({"batch": batch}))


def read(connection: Connection, project: int, batch: int) -> Items:
    """A batch as it came in."""
    own = sa.select(batches.c.about).where(batches.c.project == project, batches.c.batch == batch)
    said = About(**json.loads(connection.scalar(own) or "{}"))
    ids: list[str] = []
    texts: list[str] = []
    tokens: list[Any] = []
    gold: list[Any] = []
    for part in _columns(connection, project, batch, said):
        ids += part[0]
        texts += part[1]
        if said.tokens:
            tokens += [tuple((start, end) for start, end in json.loads(one or "[]")) for one in part[2]]
        if said.gold:
            gold += [label_from_json(json.loads(one or "null")) for one in part[-1]]
    return Items(
        ids,
        texts,
        gold if said.gold else None,
        said.source or "memory",
        said.repeats,
        notes=tuple(said.notes),
        tokens=tokens if said.tokens and ids else None,
    )


def _columns(connection: Connection, project: int, batch: int, said: About) -> Iterator[tuple[Any, ...]]:
    """Parts of the rows, each as its columns: id, text, tokens if there are any, gold if there is any.

    Whole columns take half the time that attributes of rows do, and every start of a server waits for this.
    """
    wanted = [items.c.id, items.c.text] + [items.c.tokens] * said.tokens + [items.c.gold] * said.gold
    query = sa.select(*wanted).where(items.c.project == project, items.c.batch == batch).order_by(items.c.row)
    for rows in connection.execution_options(yield_per=5_000).execute(query).partitions():
        yield tuple(zip(*rows, strict=True))
