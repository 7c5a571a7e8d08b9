"""An import: many batches in short transactions, then one that makes all of them part of the project."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from threading import Lock

import numpy as np
from sqlalchemy.exc import IntegrityError

from tithe.log import Event
from tithe.store import items as item_rows
from tithe.store.database import Database
from tithe.store.kept import locked, record, write
from tithe.types import Items

Tell = Callable[[int], None]
"""Called with the number of rows so far."""


class Importer:
    """Adds items to one project. One import at a time: a second one of this process waits.

    Where another process begins an import, the earlier one is refused at its next batch: so nothing that a killed
    process left behind can block the next.
    """

    def __init__(self, database: Database, project: int) -> None:
        """For the project with this key."""
        self._database, self._key = database, project
        self._one = Lock()

    def add(self, parts: Iterable[Items], tell: Tell | None = None, then: Sequence[Event] = ()) -> int:
        """Adds all parts as one `Added` event, with what follows from it, or nothing; the position after them.

        Answers go on meanwhile: they wait for one chunk of rows at the most, and at the end for the events `then`.

        Raises:
            DataError: an id stands twice, or a text cannot be stored; nothing was added.
        """
        with self._one:
            with self._database.writing() as connection:
                locked(connection, self._key)
                batch = item_rows.begin(connection, self._key)
            try:
                return self._fill(batch, parts, tell, then)
            except BaseException:  # Ctrl-C too: the rows must go
                with self._database.writing() as connection:
                    item_rows.drop(connection, self._key, batch)
                raise

    def _fill(self, batch: int, parts: Iterable[Items], tell: Tell | None, then: Sequence[Event]) -> int:
        done, about = 0, item_rows.About()
        for part in parts:
            about.add(part)
            for chunk in _chunks(part):
                self._insert(batch, done, chunk)
                done += len(chunk)
                if tell is not None:
                    tell(done)
        with self._database.writing() as connection:
            here = locked(connection, self._key)
            item_rows.insert(connection, self._key, batch, done, Items([], []))  # is it still ours?
            row, at = item_rows.publish(connection, self._key, batch, here + 1, about), self._database.now(connection)
            return record(connection, self._key, write(connection, self._key, here, [row], at), then, at)

    def _insert(self, batch: int, start: int, chunk: Items) -> None:
        try:
            with self._database.writing() as connection:
                locked(connection, self._key)
                item_rows.insert(connection, self._key, batch, start, chunk)
        except IntegrityError:
            with self._database.reading() as connection:
                item_rows.refuse_double(connection, self._key, chunk.ids)
            raise


def _chunks(part: Items) -> Iterator[Items]:
    if len(part) <= item_rows.CHUNK:
        yield part
        return
    for start in range(0, len(part), item_rows.CHUNK):
        yield part.take(np.arange(start, min(start + item_rows.CHUNK, len(part))))
