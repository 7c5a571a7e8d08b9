"""A view is computed once for the same items by the same producer, wherever and how often it is asked for."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from tithe.errors import ConfigError, DataError
from tithe.ragged import Ragged
from tithe.tokens import places
from tithe.types import Items, View
from tithe.views.disk import locked
from tithe.views.folder import lock_of, stored
from tithe.views.job import Array, Compute, Job, Tell

KEEP = 512 << 20
"""Bytes of loaded views that a store with a disk keeps in memory."""


def default_root() -> Path:
    """Where views are kept unless someone says otherwise: `$TITHE_CACHE`, else `tithe` in the user's cache folder."""
    if named := os.environ.get("TITHE_CACHE"):
        return Path(named).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "tithe"


class ViewStore:
    """Views below a folder, or in memory where there is none. Safe to share between threads and processes."""

    def __init__(self, root: Path | None = None) -> None:
        """A store; the folder is made at the first write. In memory, views are kept as long as the store."""
        self.root = None if root is None else Path(root)
        self._kept: OrderedDict[str, Array] = OrderedDict()
        self._last_places: tuple[Items, Ragged] | None = None  # several views of one pool follow one another
        self._guard = threading.RLock()

    def __repr__(self) -> str:
        return f"ViewStore({str(self.root)!r})" if self.root else "ViewStore(in memory)"

    def get(
        self,
        items: Items,
        producer: str,
        view: View,
        compute: Compute,
        *,
        shard_rows: int = 4096,
        tell: Tell | None = None,
    ) -> Array:
        """(N, ...) the rows of a view in the order of `items`, read-only; computed where it is not there yet.

        For items cut out of others, the view of the whole is computed and indexed; for a whole joined of parts, those
        of the parts are put together. A view of more than 64 MB on disk comes memory-mapped, but not a joined one.

        Args:
            items: N > 0 items.
            producer: the fingerprint of the start or model: all that the numbers depend on but the items.
            view: its name.
            compute: gives (n, ...) finite numbers for n items; called for at most `shard_rows` items at a time.
            shard_rows: items in a shard. Shards in the middle of being computed are used again only at the same size.
            tell: called with (rows done, rows in all) after each shard.

        Raises:
            CacheError: a stored file is damaged, or the folder cannot be written.
            ConfigError: `compute` gives something else than a row of numbers for each item.
            DataError: no items, or NaN or infinity for one of them, which is named.

        >>> store = ViewStore()
        >>> items = Items(["1", "2"], ["a", "bcd"])
        >>> store.get(items, "lengths", "size", lambda some: np.array([[len(t)] for t in some.texts]))
        array([[1],
               [3]])
        """
        if items.base is not None and items.rows is not None:
            whole = self.get(items.base, producer, view, compute, shard_rows=shard_rows, tell=tell)
            return _frozen(whole[items.rows])
        if items.parts is not None:

            def of_part(part: Items, tell: Tell) -> Array:
                return self.get(part, producer, view, compute, shard_rows=shard_rows, tell=tell)

            named = _named(items.parts, producer, view)
            return self._joined(items.parts, named, of_part, len(items), tell or _silent)
        return self._get(Job(items, producer, view, compute, shard_rows, tell or _silent))

    def get_tokens(
        self,
        items: Items,
        producer: str,
        view: View,
        compute: Compute,
        *,
        shard_rows: int = 4096,
        tell: Tell | None = None,
    ) -> Ragged:
        """The rows of a view with a row for each token of `tithe.tokens.places(items)`, kept like any other view.

        `compute` gives a `Ragged` of (T, ...) finite numbers for n items. Otherwise as `get`.
        """
        if items.base is not None and items.rows is not None:
            whole = self.get_tokens(items.base, producer, view, compute, shard_rows=shard_rows, tell=tell)
            return whole[items.rows]
        if items.parts is not None:

            def of_part(part: Items, tell: Tell) -> Array:
                return self.get_tokens(part, producer, view, compute, shard_rows=shard_rows, tell=tell).values

            tokens = self._places(items)
            named = _named(items.parts, producer, view)
            return tokens.with_values(self._joined(items.parts, named, of_part, len(tokens.values), tell or _silent))
        tokens = self._places(items)
        job = Job(items, producer, view, compute, shard_rows, tell or _silent, tokens)
        return tokens.with_values(self._get(job))

    def _joined(
        self, parts: Sequence[Items], key: str, get: Callable[[Items, Tell], Array], rows: int, tell: Tell
    ) -> Array:
        """(rows, ...) the views of the parts, one behind the other; in memory is the whole, and one part at a time."""
        with self._guard:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
            before = set(self._kept)
        done, total, at, out = 0, sum(map(len, parts)), 0, None
        for part in parts:
            array = get(part, partial(_further, tell, done, total))
            if out is None:
                out = np.empty((rows, *array.shape[1:]), array.dtype)
            out[at : at + len(array)] = array
            done, at = done + len(part), at + len(array)
            self._forget_all_but(before)
        assert out is not None  # a whole has parts
        return self._keep(key, _frozen(out))

    def _forget_all_but(self, keys: set[str]) -> None:
        """Lets go of parts that were loaded to be put together: the whole has their rows, and the disk keeps them."""
        with self._guard:
            for key in [] if self.root is None else [key for key in self._kept if key not in keys]:
                del self._kept[key]

    def _places(self, items: Items) -> Ragged:
        with self._guard:
            if self._last_places is None or self._last_places[0] is not items:
                self._last_places = (items, places(items))
            return self._last_places[1]

    def _get(self, job: Job) -> Array:
        if len(job.items) == 0:
            raise DataError(f"no items to compute the view {job.view!r} of; give at least one")
        if job.shard_rows < 1:
            raise ConfigError(f"shard_rows must be at least 1; given {job.shard_rows}")
        with self._guard:
            if job.key in self._kept:
                self._kept.move_to_end(job.key)
                return self._kept[job.key]
            if self.root is None:
                return self._keep(job.key, _in_memory(job))
        return self._keep(job.key, stored(job, self.root))

    def size(self) -> int:
        """The bytes below the root, or in memory where there is none."""
        if self.root is None:
            return sum(array.nbytes for array in self._kept.values())
        return sum(path.stat().st_size for path in self.root.rglob("*") if path.is_file())

    def clear(self, *, older_than_days: float = 0) -> int:
        """Deletes the stored views not used for so many days; returns how many.

        What is left of a view that was never finished goes after a day: it may be in the making.
        """
        with self._guard:
            self._kept.clear()
        if self.root is None or not self.root.is_dir():
            return 0
        now_s, count = time.time(), 0
        for mark in [*self.root.glob("*/view.json"), *self.root.glob("*/shards-*")]:
            days = older_than_days if mark.is_file() else max(older_than_days, 1)
            if mark.exists() and mark.stat().st_mtime <= now_s - days * 86400:
                with locked(lock_of(mark.parent)):
                    shutil.rmtree(mark.parent, ignore_errors=True)
                count += 1
        return count

    def _keep(self, key: str, array: Array) -> Array:
        with self._guard:
            self._kept[key] = array
            while self.root and len(self._kept) > 1 and sum(map(_loaded, self._kept.values())) > KEEP:
                self._kept.popitem(last=False)
        return array


def _named(parts: Sequence[Items], producer: str, view: View) -> str:
    """The key of a view of a whole that was joined of these parts."""
    named = json.dumps([[part.digest for part in parts], producer, view])
    return hashlib.blake2b(named.encode(), digest_size=16).hexdigest()


def _silent(done: int, total: int) -> None:
    pass


def _further(tell: Tell, before: int, total: int, done: int, _: int) -> None:
    """Tells of a part as of the whole."""
    tell(before + done, total)


def _loaded(array: Array) -> int:
    return 0 if isinstance(array, np.memmap) else array.nbytes


def _frozen(array: Array) -> Array:
    array.flags.writeable = False
    return array


def _in_memory(job: Job) -> Array:
    out: Array | None = None
    done = 0
    for rows in job.shards():
        shard = job.run(rows)
        if out is None:
            out = np.empty((job.count, *shard.shape[1:]), shard.dtype)
        job.expect(out, shard)
        out[job.at(rows)] = shard
        done += len(rows)
        job.tell(done, len(job.items))
    assert out is not None  # get() refuses to start without items
    return _frozen(out)
