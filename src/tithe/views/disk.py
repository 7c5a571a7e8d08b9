"""Files of a stored view: whole or absent, checksummed, and locked while they are made."""

from __future__ import annotations

import errno
import fcntl
import logging
import os
import shutil
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from tithe.data.files import replacing, sync_folder
from tithe.errors import CacheError

log = logging.getLogger(__name__)

_BLOCK = 1 << 20
_GUARD = threading.Lock()
_THREADS: dict[Path, threading.RLock] = {}
# A forked child has none of the threads that hold these locks, and would wait for them for ever.
os.register_at_fork(before=_GUARD.acquire, after_in_parent=_GUARD.release, after_in_child=lambda: _after_fork())


def _after_fork() -> None:
    _THREADS.clear()
    _GUARD.release()


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Holds a lock file against all other threads and processes; it is free again once its holder is dead.

    `lockf` and not `flock`: a worker that the holder forked does not inherit it, so an orphan cannot keep it. It knows
    no threads, so each path has a lock of this process as well.
    """
    with _GUARD:
        inner = _THREADS.setdefault(path.absolute(), threading.RLock())
    with inner, _lock_file(path) as file:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in (errno.EACCES, errno.EAGAIN):
                raise
            log.info("event=wait_for_view lock=%s", path.name)
            fcntl.lockf(file, fcntl.LOCK_EX)
        yield


def _lock_file(path: Path) -> BinaryIO:
    with writing(path.parent, 0):
        path.parent.mkdir(parents=True, exist_ok=True)
        return path.open("ab")


@contextmanager
def writing(folder: Path, needed: int) -> Iterator[None]:
    """Turns what the system says while writing below `folder` into a CacheError that says what to do."""
    try:
        yield
    except CacheError:
        raise
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise _full(folder, needed) from None
        raise CacheError(
            f"cannot write to the cache {folder} ({error.strerror or error}); name another folder in TITHE_CACHE"
        ) from None


def check_space(folder: Path, needed: int) -> None:
    """Raises CacheError where the disk of `folder` has fewer than `needed` bytes free."""
    if shutil.disk_usage(folder).free < needed:
        raise _full(folder, needed)


def _full(folder: Path, needed: int) -> CacheError:
    free = shutil.disk_usage(folder if folder.exists() else folder.parent).free
    return CacheError(
        f"the disk of the cache {folder} is full: {needed / 1e6:.1f} MB are needed, {free / 1e6:.1f} MB are free; "
        "make room, or name another folder in TITHE_CACHE"
    )


def checksum(path: Path) -> int:
    """The CRC-32 of a file, read in blocks."""
    value = 0
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            value = zlib.crc32(block, value)
    return value


def save_shard(folder: Path, number: int, array: NDArray[Any]) -> Path:
    """The path of a new `NUMBER-CHECKSUM.npy`, written in whole or not at all; the name carries the checksum."""
    part = folder / f"{number:06d}.npy"
    with replacing(part) as file:
        np.lib.format.write_array(file, array, allow_pickle=False)
    return part.rename(folder / f"{number:06d}-{checksum(part):08x}.npy")


def load_shards(folder: Path, view: Path) -> dict[int, Path]:
    """The whole shards of a folder; anything that a killed process left half-done is removed.

    Raises:
        CacheError: a shard does not have its checksum.
    """
    shards = {}
    for path in folder.iterdir():
        number, dash, crc = path.stem.partition("-")
        if not dash or path.suffix != ".npy":
            path.unlink()
            continue
        if f"{checksum(path):08x}" != crc:
            raise CacheError(f"{path} is damaged: its checksum is not {crc}; delete {view} to compute it again")
        shards[int(number)] = path
    return shards


@contextmanager
def mapped(path: Path, dtype: np.dtype[Any], shape: tuple[int, ...]) -> Iterator[NDArray[Any]]:
    """A memory-mapped `.npy` to fill, which takes the place of `path` once it is whole; nothing is left otherwise."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        array = np.lib.format.open_memmap(part, mode="w+", dtype=dtype, shape=shape)
        with part.open("r+b") as file:
            # All blocks now: on a full disk, a later write into the map would kill the process (SIGBUS).
            os.posix_fallocate(file.fileno(), 0, part.stat().st_size)
            yield array
            array.flush()
            os.fsync(file.fileno())
        part.replace(path)
        sync_folder(path.parent)
    finally:
        part.unlink(missing_ok=True)


def remove_parts(folder: Path) -> None:
    """Removes the files that a killed process was writing."""
    for part in folder.glob(".*.part"):
        part.unlink(missing_ok=True)
