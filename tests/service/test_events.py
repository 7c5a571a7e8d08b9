"""Server-sent events: told to every page, by one thread, and ended with the page or the server."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import httpx

from tithe.service.updates import _ALIVE_S


def events(response: httpx.Response) -> Iterator[Any]:
    """The data of each event, as it comes."""
    for line in response.iter_lines():
        if line.startswith("data: "):
            yield json.loads(line.removeprefix("data: "))


def until(found: Iterator[Any], labelled: int) -> Any:
    return next(one for one in found if one["labelled"] >= labelled)


def test_the_status_comes_at_once_and_after_each_answer(serve_project: Any) -> None:
    served = serve_project()
    with served.script() as script, script.stream("GET", "/events") as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        assert stream.headers["cache-control"] == "no-store"
        found = events(stream)
        assert next(found)["labelled"] == 0
        for n in (1, 2):
            script.post("/annotations", json={"item": f"i{n}", "label": "tree"})
            said = until(found, n)
            assert said["items"] == 40


def test_many_open_pages_share_one_thread_and_leave_nothing(serve_project: Any) -> None:
    served = serve_project()
    updates = served.app.state.updates.of(served.live)
    with served.script() as script, served.script() as pages, ExitStack() as stack:
        streams = [stack.enter_context(pages.stream("GET", "/events")) for _ in range(30)]
        found = [events(one) for one in streams]
        for one in found:
            next(one)
        threads = threading.active_count()
        script.post("/annotations", json={"item": "i1", "label": "tree"})
        assert all(until(one, 1)["labelled"] == 1 for one in found)
        assert threading.active_count() < threads + 15  # some are of requests and children, none of the 30 pages
        assert len(updates._listeners) == 30
    deadline = time.monotonic() + 60
    while updates._listeners and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not updates._listeners


def test_an_open_page_does_not_keep_the_server_from_ending(serve_project: Any) -> None:
    served = serve_project()
    with served.script() as script, script.stream("GET", "/events") as stream:
        found = events(stream)
        next(found)
        begun = time.monotonic()
        served.stop()
        assert list(found) is not None
        assert time.monotonic() - begun < _ALIVE_S  # it did not wait for the next sign of life
