"""A real server over a real project, and clients of it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from tithe import registry
from tithe.service import founding, serving
from tithe.service.access import Access, secret_of
from tithe.service.house import House
from tithe.service.live import Live
from tithe.store import open_store
from tithe.types import Items

TOKEN = "a-token-for-the-tests"
TEXTS = [f"{word} number {n}" for n in range(10) for word in ("apple", "pear", "plum", "fig")]


@dataclass(frozen=True)
class Served:
    """A running server."""

    url: str
    link: str
    live: Live
    folder: Path
    access: Access
    server: serving.Server

    @property
    def app(self) -> FastAPI:
        return self.server.app

    def stop(self) -> None:
        """Ends the server; the fixture waits for it."""
        self.server.stop()

    @property
    def api(self) -> str:
        return f"{self.url}/api/v1/projects/{self.live.info()['id']}"

    def script(self) -> httpx.Client:
        """A client with the bearer token."""
        return httpx.Client(base_url=self.api, headers={"Authorization": f"Bearer {TOKEN}"}, timeout=120, verify=False)

    def browser(self) -> httpx.Client:
        """A client that opened the link, as a browser does: a cookie, an origin, the page's CSRF token."""
        opened = httpx.get(f"{self.url}/open", params={"token": self.access.link()})
        assert opened.status_code == 200
        session = self.access.session(opened.cookies[self.access.cookie], None)
        assert session is not None
        headers = {"Origin": self.url, "Sec-Fetch-Site": "same-origin", "X-CSRF-Token": session.csrf}
        return httpx.Client(base_url=self.api, headers=headers, cookies=dict(opened.cookies), timeout=120, verify=False)


Serve = Callable[..., Served]


@pytest.fixture(scope="session")
def serve_project(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Iterator[Serve]:
    """Serves a new project: texts, labels, task."""
    with ExitStack() as stack:

        def serve(
            texts: list[str] | Items = TEXTS,
            labels: tuple[str, ...] = ("fruit", "tree"),
            task: str = "choice",
            name: str = "",
            **settings: Any,
        ) -> Served:
            folder = tmp_path_factory.mktemp("project")
            url = f"sqlite:///{folder}/tithe.sqlite"
            store = stack.enter_context(closing(open_store(url)))
            items = texts if isinstance(texts, Items) else Items([f"i{n}" for n in range(len(texts))], texts)
            kind = registry.build("tasks", task, labels=labels)
            chosen = {"start": "lexical", **settings}
            project = founding.found(store, "fruits", kind, items, name=name, settings=chosen)
            house = House(store, url=url, folder=folder, cache=cache)
            access = Access(secret_of(folder), token=TOKEN)
            return run(house, project.id, folder, access)

        def run(house: House, id: str, folder: Path, access: Access) -> Served:
            links = list[str]()
            ready = threading.Event()

            def began(link: str) -> None:
                links.append(link)
                ready.set()

            server = serving.Server(house, serving.claimed("127.0.0.1", 0), access)
            thread = threading.Thread(target=server.run, args=(began,), daemon=True)
            thread.start()
            assert ready.wait(120)
            stack.callback(thread.join, 60)
            stack.callback(server.stop)
            return Served(server.url, links[0], house.live(id), folder, access, server)

        yield serve


@pytest.fixture(scope="session")
def fruits(serve_project: Serve) -> Served:
    """One server that tests share; they leave it able to go on."""
    return serve_project()
