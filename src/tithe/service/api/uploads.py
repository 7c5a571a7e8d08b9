"""A file in a request: to the disk as it comes, then read as any other file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from anyio.to_thread import run_sync

from tithe.data.reading import read_items
from tithe.errors import ConfigError, DataError, TitheError

if TYPE_CHECKING:
    from fastapi import Request

    from tithe.service.live import Live

Format = Literal["csv", "tsv", "jsonl", "parquet", "txt", "conll"]
"""Those of the formats that cannot hide another file inside: no archives, nothing compressed but Parquet."""

TYPES: dict[str, Format] = {
    "text/csv": "csv",
    "text/tab-separated-values": "tsv",
    "application/jsonl": "jsonl",
    "application/x-ndjson": "jsonl",
    "application/vnd.apache.parquet": "parquet",
    "text/plain": "txt",
}

_UNPACKED_MOST = 4 << 30
"""Bytes of a Parquet file once it is unpacked: a small file can hold a thousand times its size."""

_CHUNK = 1 << 20


def format_of(content_type: str, format: Format | None) -> Format:
    """The format that a request names, or that of its `Content-Type`. Raises ConfigError where neither tells."""
    kind = content_type.partition(";")[0].strip().lower()
    if format is None and kind not in TYPES:
        given = repr(kind) if kind else "no Content-Type"
        raise ConfigError(f"cannot tell the format from {given}; add ?format=csv, or send one of: {', '.join(TYPES)}")
    return format or TYPES[kind]


async def stored(request: Request, into: Path) -> None:
    """Writes a body into a file; memory holds a megabyte of it."""
    with into.open("wb") as file:
        held = bytearray()
        async for chunk in request.stream():
            held += chunk
            if len(held) >= _CHUNK:
                await run_sync(file.write, bytes(held))
                held.clear()
        await run_sync(file.write, bytes(held))


class Columns(NamedTuple):
    """The columns that a request names."""

    text: str | None
    id: str | None


def added(live: Live, path: Path, columns: Columns) -> dict[str, Any]:
    """Adds the items of a file; how many, and what a person should know of it.

    Raises DataError where it cannot be read or an id is there already: nothing was added then.
    """
    if path.suffix == ".parquet":
        check_unpacked(path)
    try:
        items = read_items(path, task=live.info()["task"], text=columns.text, id=columns.id)
    except TitheError as error:  # the file's name is ours and says nothing to who sent it
        raise type(error)(str(error).replace(str(path), "the body")) from None
    live.add(replace(items, source="upload"))
    return {"added": len(items), "notes": list(items.notes)}


def check_unpacked(path: Path, most: int = _UNPACKED_MOST) -> None:
    """Raises DataError for a Parquet file that would fill the memory; reads it through, a few rows at a time."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    seen = 0
    try:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=1_000):
                seen += batch.nbytes
                if seen > most:
                    raise DataError(f"the file holds more than {most:,} bytes once it is unpacked; split it")
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"the body is no Parquet file ({' '.join(str(error).split())[:200]})") from None
