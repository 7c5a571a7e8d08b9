"""A real `tithe label` in a process of its own, a real browser, and pages in it that must not complain."""

from __future__ import annotations

import importlib.util
import shutil
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest
from tests.browser import chaos
from tests.browser.desk import SCRIPTS, TOKEN, Desk, ready

from tithe import registry
from tithe.service import founding
from tithe.store import open_store
from tithe.store.folder import ProjectFolder
from tithe.types import Items

WAIT_MS = 60_000
"""Only what is broken is waited for so long: a busy machine is ten times as slow as an idle one."""

Make = Callable[..., Desk]


@pytest.fixture(scope="session")
def make_desk(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Iterator[Make]:
    """Makes a project and serves it: texts or items, labels, task, settings."""
    with ExitStack() as stack:

        def make(
            name: str, texts: Sequence[str] | Items, labels: Sequence[str], task: str = "choice", **settings: Any
        ) -> Desk:
            path = tmp_path_factory.mktemp("desk") / name
            items = texts if isinstance(texts, Items) else Items([f"i{n}" for n in range(len(texts))], list(texts))
            kind = registry.build("tasks", task, labels=tuple(labels))
            # The lexical start: nothing of these tests depends on the encoder, which takes seconds to load.
            with ProjectFolder.making(path) as folder, closing(open_store(folder.url)) as store:
                founding.found(store, name, kind, items, name=name, settings={"start": "lexical", **settings})
            desk = Desk(path, cache)
            desk.start()
            stack.callback(lambda: desk.process is not None and desk.process.poll() is None and desk.end())
            return desk

        yield make


@pytest.fixture(scope="session")
def plants(make_desk: Make) -> Desk:
    """A choice that a model learns from a word. Shared, as are the next two: a server takes seconds to start."""
    return make_desk(
        "plants",
        [f"{word} number {n}" for n in range(50) for word in ("apple", "pear", "beech", "oak")],
        ("fruit", "tree", "stone"),
        audit=0.0,
        refit_every=3,
        threshold=0.0,
        guidelines="# Names\n\n- of *people*\n- of [places](https://example.org)",
    )


@pytest.fixture(scope="session")
def topics(make_desk: Make) -> Desk:
    """Label sets of 31 labels; one has a key that the project chose."""
    texts = [f"text {n} of {'art' if n % 2 else 'law'}" for n in range(60)]
    labels = [*(f"topic {a}{b}" for a in "abcdef" for b in "uvwxy"), "rare"]
    return make_desk("topics", texts, labels, "multilabel", audit=0.0, suggestions=False, keys={"rare": "k"})


@pytest.fixture(scope="session")
def sentences(make_desk: Make) -> Desk:
    """Spans in many scripts, without suggestions and without overlaps."""
    texts = [*SCRIPTS, *(f"Ann met Bob in Rome on day {n}" for n in range(30))]
    return make_desk("sentences", texts, ("PER", "LOC"), "spans", audit=0.0, suggestions=False)


@pytest.fixture(scope="session", autouse=bool(chaos.SEED))
def weather() -> Iterator[None]:
    """Processes that stop for a moment, where `TITHE_TEST_CHAOS` asks for it."""
    ended = threading.Event()
    thread = threading.Thread(target=chaos.stop_and_go, args=(ended,))
    thread.start()
    yield
    ended.set()
    thread.join()


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """The browser; tests skip where there is none."""
    if importlib.util.find_spec("playwright") is None:
        pytest.skip("needs playwright: pip install -e '.[dev]'")
    path = shutil.which("chromium") or shutil.which("google-chrome")
    if path is None:
        pytest.skip("needs a chromium on the path: apt-get install chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"], timeout=3 * WAIT_MS)
        yield browser
        browser.close()


Open = Callable[..., Any]


@pytest.fixture
def opened(chromium: Any) -> Iterator[Open]:
    """Opens a page of a desk in a browser of its own. A message of error in its console fails the test.

    `offline=True` where the test takes the network away: then complaints of lost connections are expected.
    """
    complaints: list[str] = []
    contexts: list[Any] = []

    def page(
        desk: Desk, name: str = "label", *, offline: bool = False, beside: Any = None, **context: Mapping[str, Any]
    ) -> Any:
        if beside is None:
            contexts.append(chromium.new_context(**({"viewport": {"width": 1280, "height": 800}} | context)))
            contexts[-1].set_default_timeout(WAIT_MS)
            if chaos.SEED:
                contexts[-1].add_init_script(chaos.PAGE)
            assert contexts[-1].request.post(f"{desk.url}/open", form={"token": TOKEN}).ok
        page = (beside.context if beside else contexts[-1]).new_page()

        def heard(message: Any) -> None:
            lost = offline and "Failed to load resource" in message.text
            if message.type in ("error", "warning") and not lost:
                complaints.append(f"{message.text} ({message.location})")

        page.on("console", heard)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(f"{desk.url}/p/{desk.project}/{name}")
        if name.startswith("label"):
            ready(page)
        return page

    yield page
    for context in contexts:
        context.close()
    assert not complaints, "the browser complained:\n" + "\n".join(complaints)
