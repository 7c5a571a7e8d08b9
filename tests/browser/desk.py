"""A desk: one project and its `tithe label` in a process of its own; and what a person does at its page."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from tests.browser import chaos

TOKEN = "a-token-for-the-browser-tests"

FAMILY, THUMB = "👨‍👩‍👧‍👦", "👍🏿"
SCRIPTS = {  # text: what is marked in it
    f"{FAMILY} met Zoë": "Zoë",
    f"{THUMB}{THUMB} thanks Ann now": "Ann",
    f"hello {FAMILY} there": FAMILY,
    "昨日 李雷 来 了": "李雷",
    "cafe\u0301 Ame\u0301lie ici": "Ame\u0301lie",
    "ذهب محمد إلى القاهرة": "محمد",
    "𝒜 plain 𝔘nicode word": "𝔘nicode",
}


@dataclass
class Desk:
    """One project, and the server at it; `start` again after `kill` it is at the same port."""

    folder: Path
    cache: Path
    port: int = 0
    process: subprocess.Popen[str] | None = None
    said: list[str] = field(default_factory=list)
    reader: threading.Thread | None = None

    def start(self) -> None:
        """Returns when the server answers."""
        tithe = [chaos.__file__] if chaos.SEED else ["-c", "from tithe.cli import main; main()"]
        command = [sys.executable, *tithe, "label", "--project", str(self.folder), "--no-browser"]
        env = {**os.environ, "TITHE_CACHE": str(self.cache), "OMP_NUM_THREADS": "1", "TITHE_TOKEN": TOKEN}
        self.process = subprocess.Popen(
            [*command, "--port", str(self.port)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=env
        )
        out = self.process.stdout
        assert out is not None
        for line in out:
            self.said.append(line)
            if found := re.search(r"http://127\.0\.0\.1:(\d+)/", line):
                self.port = int(found[1])
                # The pipe is read on, or the server would stop when it is full.
                self.reader = threading.Thread(target=self.said.extend, args=(out,), daemon=True)
                self.reader.start()
                return
        raise AssertionError("the server did not start:\n" + "".join(self.said))

    def end(self, how: signal.Signals = signal.SIGTERM) -> None:
        """Ends the server and waits for it."""
        assert self.process is not None
        self.process.send_signal(how)
        self.process.wait(60)
        assert self.reader is not None
        assert self.process.stdout is not None
        self.reader.join(60)  # its children hold the pipe until they notice
        self.process.stdout.close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def project(self) -> str:
        return self.folder.name

    def ask(self, method: str, path: str, **more: Any) -> Any:
        """What the API says to a script with the token."""
        headers = {"Authorization": f"Bearer {TOKEN}"}
        answer = httpx.request(
            method, f"{self.url}/api/v1/projects/{self.project}{path}", headers=headers, timeout=120, **more
        )
        assert answer.is_success, answer.text
        return answer.json() if answer.content else None

    def answers(self) -> list[dict[str, Any]]:
        """The answers that stand, the newest first."""
        return [one for one in self.ask("GET", "/annotations?limit=1000") if one["standing"]]

    def until(self, true: Callable[[], Any], what: str, wait_s: float = 60) -> Any:
        """The first true answer of a question that is asked again and again."""
        end = time.monotonic() + wait_s
        while time.monotonic() < end:
            if found := true():
                return found
            time.sleep(0.1)
        raise AssertionError(f"waited {wait_s} s for {what}")


def text_of(page: Any) -> str:
    """The text that is shown."""
    return str(page.locator(".text").text_content())


def until(page: Any, expression: str, arg: Any = None, wait_s: float = 60) -> None:
    """Waits until a function of the page is true. Playwright's own needs eval, which the page's policy forbids."""
    end = time.monotonic() + wait_s
    while not page.evaluate(expression, arg):
        if time.monotonic() > end:
            raise AssertionError(
                f"waited {wait_s} s for {expression} ({arg!r}); the page shows:\n{page.inner_text('main')}"
            )
        page.wait_for_timeout(15)


def heard(page: Any, true: Callable[[], Any], wait_s: float = 60) -> None:
    """Waits until this is true of what handlers of the page's requests have kept: they run meanwhile."""
    end = time.monotonic() + wait_s
    while not true():
        assert time.monotonic() < end, f"waited {wait_s} s for a request; the page shows:\n{page.inner_text('main')}"
        page.wait_for_timeout(15)


def ready(page: Any) -> None:
    """Waits until there is an item, or the reason why there is none."""
    until(page, "() => document.querySelector('.text')?.textContent || !document.getElementById('empty').hidden")


def shows(page: Any, text: str) -> None:
    """Waits until this text is shown."""
    until(page, "text => document.querySelector('.text').textContent === text", text)


def reserved(page: Any, answered: int) -> None:
    """Waits until the next item is there too. The only page has answered so many, and holds those for a while."""
    code = """async ({project, count}) => (await navigator.locks.query()).held
        .filter((one) => one.name.startsWith(`tithe-item:/api/v1/projects/${project}:`)).length === count"""
    project = page.evaluate("document.querySelector('meta[name=project]').content")
    until(page, code, {"project": project, "count": answered + 2})


def saved(page: Any) -> None:
    """Waits until all is saved."""
    until(page, "() => document.getElementById('saved').textContent === 'Saved'")


def press(page: Any, *keys: str) -> None:
    """Presses keys, one after the other."""
    for key in keys:
        page.keyboard.press(key)


PRESS = """keys => keys.map(key => {
  const answers = document.getElementById('answers');
  const shown = () => answers.hidden ? null : document.getElementById('question').dataset.item;
  const value = document.querySelector('choice-field, multilabel-field, span-field').value;
  const [before, again] = [shown(), document.querySelectorAll('#recent li button')];
  if (key.startsWith('again')) {
    again[Number(key.slice(5)) % again.length]?.click();
  } else {
    const said = {key: key.replace('Ctrl+', ''), ctrlKey: key.startsWith('Ctrl+'), bubbles: true};
    document.activeElement.dispatchEvent(new KeyboardEvent('keydown', said));
  }
  return {key, before, value: structuredClone(value), after: shown()};
})"""
"""Presses keys in one turn of the page, faster than any hand; what was shown before and after each, and how it was
marked. `again3` opens the fourth of the recent answers.
"""


def answer(page: Any, *keys: str) -> str:
    """Answers the shown item by these keys; its text. Returns when another item is shown."""
    before = text_of(page)
    item = page.locator("#question").get_attribute("data-item")
    press(page, *keys)
    gone = (
        "item => document.querySelector('#question').dataset.item !== item || !document.getElementById('empty').hidden"
    )
    until(page, gone, item)
    return before
