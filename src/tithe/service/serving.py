"""The server: a port, a link, and an end that waits for nobody."""

from __future__ import annotations

import errno
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import uvicorn

from tithe.errors import ConfigError
from tithe.service.access import Access, secret_of
from tithe.service.app import create_app
from tithe.service.house import House
from tithe.service.making import only_project
from tithe.service.security import is_loopback
from tithe.store import Project, open_store
from tithe.store.folder import ProjectFolder

__all__ = ["Server", "claimed", "is_loopback", "opened"]

if TYPE_CHECKING:
    from types import FrameType

PORT = 8765
"""The first port that is tried where none is named, and so many after it."""

_TRIES = 50
_GRACE_S = 3


def claimed(host: str, port: int | None) -> socket.socket:
    """A socket at this port, or at the next free one where None is named; nobody else can take it from here on.

    Raises ConfigError where the port is taken, may not be used, or the host is none of this machine.
    """
    for candidate in range(PORT, PORT + _TRIES) if port is None else (port,):
        try:
            return _bound(host, candidate)
        except OSError as error:
            if error.errno == errno.EADDRINUSE and port is None:
                continue
            raise ConfigError(_why(error, host, candidate)) from None
    raise ConfigError(f"the ports {PORT} to {PORT + _TRIES - 1} of {host} are all taken; name a free one with --port")


def _bound(host: str, port: int) -> socket.socket:
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    made = socket.socket(family, kind, protocol)
    try:
        # A port that this server left a moment ago may be used again; one with a server at it may not.
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind(address)
        made.listen(128)  # two may bind a port until one listens
    except BaseException:
        made.close()
        raise
    return made


def _why(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"the port {port} is taken by another program; name another with --port, or leave it out for a free one"
    if error.errno == errno.EACCES:
        return f"the port {port} needs the rights of an administrator; name one above 1023 with --port"
    return f"cannot listen at {host}:{port} ({error.strerror or error}); 127.0.0.1 always works"


class _Uvicorn(uvicorn.Server):
    """Uvicorn that says when it listens, ends open event streams, and leaves what to do after a signal to us."""

    ready: Callable[[], None]
    ending: Callable[[], None]

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self.ending()
        await super().shutdown(sockets)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        # Uvicorn's own sends the signal again at the end, which would end the process before its children.
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        wanted = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        before = {one: signal.signal(one, self._stop) for one in wanted}
        try:
            yield
        finally:
            for one, handler in before.items():
                signal.signal(one, handler)

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self.handle_exit(number, frame)


class Server:
    """Projects at a port. Made, it holds the port; run, it serves until Ctrl-C, SIGTERM or `stop`.

    Raises ConfigError where the address is public and has no token.
    """

    def __init__(self, house: House, at: socket.socket, access: Access) -> None:
        """At a `claimed` socket."""
        host, self.port = at.getsockname()[:2]
        self.house, self._at, self._access = house, at, access
        shown = "127.0.0.1" if host == "0.0.0.0" else f"[{host}]" if ":" in host else host
        self.url = f"http://{shown}:{self.port}"
        self.app = create_app(house, access=access, host=host)
        config = uvicorn.Config(
            self.app,
            log_config=None,
            log_level="warning",
            access_log=False,  # the link's token stands in a path
            lifespan="off",
            proxy_headers=False,
            server_header=False,
            timeout_graceful_shutdown=_GRACE_S,
            timeout_keep_alive=75,
        )
        self._server = _Uvicorn(config)

    def run(self, ready: Callable[[str], None]) -> None:
        """Serves, then ends what runs in the background. `ready` is told the address to open, once it answers."""

        def began() -> None:
            # Children start once the port answers, so that the page never waits for them.
            threading.Thread(target=self.house.start, name="start", daemon=True).start()
            ready(f"{self.url}/open?token={self._access.link()}")

        self._server.ready, self._server.ending = began, self.app.state.updates.close
        try:
            self._server.run(sockets=[self._at])
        finally:
            self.house.close()

    def stop(self) -> None:
        """Ends `run`, which is in another thread."""
        self._server.should_exit = True


@contextmanager
def opened(
    folder: ProjectFolder,
    at: socket.socket,
    *,
    token: str | None = None,
    prepare: Callable[[Project], None] | None = None,
    cache: Path | None = None,
) -> Iterator[Server]:
    """A server of the project in a folder that the caller has locked; `prepare` sees the project before.

    Raises StoreError where its database cannot be opened, belongs to a newer tithe or holds no project.
    """
    with closing(open_store(folder.url, fresh=False)) as store:
        project = only_project(store, folder)
        if prepare is not None:
            prepare(project)
        house = House(store, url=folder.url, folder=folder.path, cache=cache)
        yield Server(house, at, Access(secret_of(folder.path), token=token))
