"""A view as a folder: `view.json` says what it is, `view.npy` holds the rows.

While it is being computed the folder holds shards instead, each whole or absent, so that a killed process loses one
shard at most. `view.json` is written last: a folder that has it is whole.
"""

from __future__ import annotations

import json
import math
import os
import shutil
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from tithe.data.files import replacing
from tithe.errors import CacheError
from tithe.types import Rows, View
from tithe.views.disk import check_space, checksum, load_shards, locked, mapped, remove_parts, save_shard, writing
from tithe.views.job import Array, Job

MAP_ABOVE = 64 << 20
"""Bytes; a stored view larger than this is mapped, not loaded."""

_VERIFIED: set[tuple[str, int, int]] = set()
"""Path, size and time of the files whose checksum this process has seen to be right."""


@dataclass(frozen=True)
class Record:
    """The content of `view.json`."""

    items: str
    producer: str
    view: View
    shape: tuple[int, ...]
    dtype: str
    crc32: int
    shard_rows: int


def lock_of(folder: Path) -> Path:
    """The lock of a view: beside its folder, so that deleting the folder does not split the lock in two."""
    return folder.with_name(f"{folder.name}.lock")


def stored(job: Job, root: Path) -> Array:
    """(job.count, ...) the view of a job, read-only, from the folder below `root`; computed where it is not there.

    Raises:
        CacheError: a stored file is damaged, or the folder cannot be written.
    """
    folder = root / job.key
    if not _is_whole(folder) or any(folder.glob("shards-*")):
        with locked(lock_of(folder)):
            if not _is_whole(folder):
                _make(job, folder)
            for left in folder.glob("shards-*"):
                shutil.rmtree(left)
    return _opened(job, folder)


def _row_bytes(array: Array) -> int:
    """The bytes of a row; an array of tokens may have none."""
    return array.itemsize * math.prod(array.shape[1:])


def _is_whole(folder: Path) -> bool:
    return (folder / "view.json").is_file()


def _make(job: Job, folder: Path) -> None:
    """Computes the shards that are missing and puts all of them together."""
    shards = folder / f"shards-{job.shard_rows}"
    with writing(folder.parent, 0):
        shards.mkdir(parents=True, exist_ok=True)
        remove_parts(folder)
    try:
        found, done, made, checked = load_shards(shards, folder), 0, 0, False
        cuts = list(job.shards())
        for number, rows in enumerate(cuts):
            if number not in found:
                array = job.run(rows)
                # The shards to come, and the whole.
                needed = _row_bytes(array) * (2 * job.count - made)
                with writing(folder, needed):
                    if not checked:
                        check_space(folder, needed)
                    checked = True
                    found[number] = save_shard(shards, number, array)
            done, made = done + len(rows), made + len(job.at(rows))
            job.tell(done, len(job.items))
        _assemble(job, folder, [(rows, found[number]) for number, rows in enumerate(cuts)])
    except BaseException:
        with suppress(OSError):  # both fail where something is in them, which is meant
            shards.rmdir()
            folder.rmdir()
        raise


def _assemble(job: Job, folder: Path, shards: list[tuple[Rows, Path]]) -> None:
    """Brings the shards into the order of the items, one at a time, and writes the record."""
    first = np.load(shards[0][1], allow_pickle=False)
    shape, target = (job.count, *first.shape[1:]), folder / "view.npy"
    needed = _row_bytes(first) * job.count
    with writing(folder, needed):
        check_space(folder, needed)
        with mapped(target, first.dtype, shape) as whole:
            for rows, path in shards:
                shard = np.load(path, allow_pickle=False)
                job.expect(first, shard)
                whole[job.at(rows)] = shard
        crc = checksum(target)
        record = Record(job.items.digest, job.producer, job.view, shape, first.dtype.str, crc, job.shard_rows)
        with replacing(folder / "view.json") as file:
            file.write(json.dumps(asdict(record), indent=1).encode())


def _opened(job: Job, folder: Path) -> Array:
    record = _record(folder)
    advice = f"delete {folder} to compute it again"
    if (record.items, record.producer, record.view) != (job.items.digest, job.producer, job.view):
        raise CacheError(f"{folder} holds the view {record.view!r} of {record.producer} for other items; {advice}")
    path = folder / "view.npy"
    try:
        _verify(path, record.crc32)
        size = path.stat().st_size
        array: Array = np.load(path, allow_pickle=False, mmap_mode="r" if size > MAP_ABOVE else None)
    except (OSError, ValueError) as error:
        raise CacheError(f"{path} cannot be read ({error}); {advice}") from None
    if array.shape != record.shape or array.dtype.str != record.dtype:
        raise CacheError(f"{path} has the shape {array.shape} where {record.shape} is recorded; {advice}")
    with suppress(OSError):
        os.utime(folder / "view.json")  # the time of the last use; a folder of someone else is used all the same
    array.flags.writeable = False
    return array


def _record(folder: Path) -> Record:
    try:
        fields = json.loads((folder / "view.json").read_bytes())
        return Record(**{**fields, "shape": tuple(fields["shape"])})
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise CacheError(f"{folder / 'view.json'} is damaged ({error}); delete {folder} to compute it again") from None


def _verify(path: Path, crc: int) -> None:
    """Raises CacheError where a file does not have its checksum; reads it once in a process."""
    state = path.stat()
    seen = (str(path.absolute()), state.st_size, state.st_mtime_ns)
    if seen in _VERIFIED:
        return
    if checksum(path) != crc:
        raise CacheError(
            f"{path} is damaged: its checksum is not the recorded one; delete {path.parent} to compute it again"
        )
    _VERIFIED.add(seen)
