"""Static files. All are read when the server starts: a request never touches the disk, so no path can escape."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from typing import NamedTuple

from fastapi import APIRouter, Response

from tithe.errors import UnknownItemError

_FOLDER = Path(__file__).parent / "static"
_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".woff2": "font/woff2",
}

router = APIRouter(include_in_schema=False)


class _Files(NamedTuple):
    version: str
    bodies: dict[str, bytes]


@cache
def _files() -> _Files:
    bodies = {
        path.relative_to(_FOLDER).as_posix(): path.read_bytes()
        for path in sorted(_FOLDER.rglob("*"))
        if path.suffix in _TYPES and path.is_file()
    }
    state = hashlib.blake2b(digest_size=8)
    for name, body in bodies.items():
        state.update(f"{name}:{len(body)}:".encode() + body)
    return _Files(state.hexdigest(), bodies)


def url(path: str) -> str:
    """Where a file is served. One hash for all: modules that import their neighbours get those of their own version.

    Raises UnknownItemError for a file that is not there, so that no page can name one.
    """
    files = _files()
    if path not in files.bodies:
        raise UnknownItemError(f"there is no static file {path!r}; there are: {', '.join(files.bodies)}")
    return f"/static/{files.version}/{path}"


@router.get("/static/{version}/{path:path}")
async def static_file(version: str, path: str) -> Response:
    """A file, to be kept for ever under its own version; under another one it is the newest, for this once."""
    files = _files()
    if path not in files.bodies:
        raise UnknownItemError(f"there is no static file {path!r}; load the page again")
    keep = "public, max-age=31536000, immutable" if version == files.version else "no-cache"
    return Response(files.bodies[path], headers={"Cache-Control": keep, "Content-Type": _TYPES[Path(path).suffix]})


@router.get("/favicon.ico")
async def favicon() -> Response:
    """None: browsers ask for one unless a page names another."""
    return Response(status_code=204)
