"""Server-sent events: one thread waits for changes, however many pages are open, and tells them all."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from anyio.to_thread import run_sync

from tithe.errors import TitheError

if TYPE_CHECKING:
    from tithe.service.live import Live

_WAIT_S = 1.0
"""How long the thread waits at a time: so long may the server's end take."""

_ALIVE_S = 15.0
"""A page hears something this often, so that a connection that broke is noticed."""

_PAUSE_S = 0.2
"""Between two messages: what changes faster is told together."""


class Channels:
    """The updates of each project, made when somebody first listens."""

    def __init__(self) -> None:
        self._known: dict[str, Updates] = {}

    def of(self, live: Live) -> Updates:
        """Those of one project."""
        return self._known.setdefault(live.project.id, Updates(live))

    def close(self) -> None:
        """Ends all streams; the server would wait for them for ever."""
        for one in self._known.values():
            one.close()


class Updates:
    """The status of a live project, told as it changes."""

    def __init__(self, live: Live) -> None:
        """Nothing runs until somebody listens."""
        self._live = live
        self._listeners: set[asyncio.Event] = set()
        self._watch: asyncio.Task[None] | None = None
        self._latest = b""
        self._closed = False

    async def stream(self) -> AsyncIterator[bytes]:
        """The status now and at each change, as events; ends when the server does."""
        changed = asyncio.Event()
        self._listeners.add(changed)
        if self._watch is None or self._watch.done():
            self._watch = asyncio.create_task(self._watching())
        try:
            yield b"retry: 2000\n\n" + await run_sync(self._message)
            while not self._closed:
                try:
                    await asyncio.wait_for(changed.wait(), _ALIVE_S)
                except TimeoutError:
                    yield b": still here\n\n"
                    continue
                changed.clear()
                if not self._closed:
                    yield self._latest
                    await asyncio.sleep(_PAUSE_S)
        finally:
            self._listeners.discard(changed)
            if not self._listeners and self._watch is not None:
                self._watch.cancel()
                self._watch = None

    async def _watching(self) -> None:
        seen = 0
        while not self._closed:
            now = await run_sync(self._live.wait, seen, _WAIT_S)
            if now > seen:
                seen = now
                self._latest = await run_sync(self._message)
                self._wake()

    def _message(self) -> bytes:
        try:
            said = json.dumps(self._live.status())
        except TitheError as error:
            return f"event: trouble\ndata: {json.dumps(str(error))}\n\n".encode()
        return f"event: status\ndata: {said}\n\n".encode()

    def _wake(self) -> None:
        for one in self._listeners:
            one.set()

    def close(self) -> None:
        """Ends all streams of this project."""
        self._closed = True
        self._wake()
