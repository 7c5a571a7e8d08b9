"""Takes the screenshots of the labelling page: real data, a real server, a real browser.

    python bench/screenshots.py [--data ../shared/data] [--out docs/screens]

Each data set is served by `tithe label`, some items are answered through the API with the labels of the file, and when
the model is there the page is taken at two widths in light and dark. Pictures are reduced to 200 colours.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from tithe.data import write_rows
from tithe.data.reading import read_items
from tithe.service.words import label_out
from tithe.types import Items, Span

TOKEN = "a-token-for-screenshots"
SIZES = {"desktop": (1280, 800), "phone": (390, 844)}
ROWS = 1_500


@dataclass(frozen=True)
class Show:
    """One data set: its folder, how it is read, how many items are answered, and the guidelines beside it."""

    name: str
    folder: str
    task: str
    reading: dict[str, str]
    answers: int
    guidelines: str


SHOWS = (
    Show(
        "trec",
        "trec",
        "choice",
        {},
        45,
        "What does the question ask for?\n\n- **ABBR** what letters stand for\n"
        "- **DESC** a description, a reason, a manner\n"
        "- **ENTY** a thing\n- **HUM** a person or a group\n- **LOC** a place\n- **NUM** a number or a date\n",
    ),
    Show("arxiv", "arxiv_titles", "multilabel", {"label": "labels_arxiv"}, 45, ""),
    Show(
        "conll",
        "conll2003",
        "spans",
        {},
        40,
        "Mark *names*, without titles such as “Mr”.\n\n- **LOC** places\n- **MISC** events, works, nationalities\n"
        "- **ORG** companies, teams, offices\n- **PER** people\n",
    ),
)


@contextmanager
def served(show: Show, items: Items, folder: Path) -> Iterator[str]:
    """The address of `tithe label` at a file with these texts."""
    file, guide, project = folder / f"{show.name}.jsonl", folder / "guidelines.md", folder / show.name
    columns: dict[str, list[Any]] = {"id": list(items.ids), "text": list(items.texts)}
    write_rows(file, columns)
    guide.write_text(show.guidelines)
    labels = folder / "labels.txt"
    labels.write_text("\n".join(sorted(_names(items))) + "\n")
    command = [
        sys.executable,
        "-c",
        "from tithe.cli import main; main()",
        "label",
        str(file),
        "--project",
        str(project),
    ]
    options = ["--task", show.task, "--labels-from", str(labels), "--guidelines", str(guide)]
    server = subprocess.Popen(
        [*command, *options, "--port", "0", "--token", TOKEN, "--no-browser"], stdout=subprocess.PIPE, text=True
    )
    assert server.stdout is not None
    try:
        found = next(found for line in server.stdout if (found := re.search(r"http://[\d.:]+", line)))
        yield found[0]
    finally:
        server.terminate()
        server.wait(30)


def _names(items: Items) -> set[str]:
    """The labels that a file's rows have."""
    rows = [[gold] if isinstance(gold, str) else gold or () for gold in items.gold or ()]
    return {str(getattr(one, "label", one)) for row in rows for one in row}


def answered(url: str, show: Show, items: Items) -> None:
    """Answers some items as their file does, and waits for the model of them."""
    truth = dict(zip(items.ids, items.gold or (), strict=True))
    with httpx.Client(base_url=f"{url}/api/v1/projects/{show.name}", timeout=60) as client:
        client.headers["Authorization"] = f"Bearer {TOKEN}"
        for _ in range(show.answers):
            [item] = client.get("/next").raise_for_status().json()["items"]
            label = label_out(truth[item["id"]])
            body = {"item": item["id"], "label": label, "proposal": item["proposal"], "lead_s": 4.0}
            client.post("/annotations", json=body).raise_for_status()
            time.sleep(0.2)  # so that the model comes along
        until = time.monotonic() + 240
        while time.monotonic() < until:
            status = client.get("/status").json()
            trained_on = status["model"]["labels"] if status["model"] else 0
            # Audit items train nothing, and a few answers wait for the next fit.
            [item] = client.get("/next").json()["items"]
            if status["state"] == "idle" and not (item["suggestion"] or {}).get("shown") and show.task == "choice":
                body = {"item": item["id"], "label": label_out(truth[item["id"]]), "proposal": item["proposal"]}
                client.post("/annotations", json=body).raise_for_status()  # the picture is to show a suggestion
            elif status["state"] == "idle" and trained_on >= status["labelled"] - status["audit"]["answered"] - 5:
                return
            time.sleep(1)
        raise SystemExit(f"{show.name}: no model came in time: {status} {client.get('/troubles').text}")


def marked(page: Page, url: str, show: Show, items: Items) -> None:
    """Opens a sentence with several names, and marks all but the last one by keyboard."""
    spans = {one: gold for one, gold in zip(items.ids, items.gold or (), strict=True) if isinstance(gold, tuple)}
    fits = [one for one, text in zip(items.ids, items.texts, strict=True) if 80 < len(text) < 130]
    item = next(one for one in fits if len({span.label for span in spans[one] if isinstance(span, Span)}) > 2)
    page.goto(f"{url}/p/{show.name}/label?item={item}")
    page.locator(".text:not(:empty)").wait_for()
    keys = {label: str(place) for place, label in enumerate(sorted(_names(items)), 1)}
    page.keyboard.press("Delete")
    for start, end, label in sorted(spans[item])[:-1]:
        steps = ["Control+Home", *["ArrowRight"] * start, *["Shift+ArrowRight"] * (end - start), keys[label]]
        for key in steps:
            page.keyboard.press(key)


def shown(browser: Browser, url: str, show: Show, items: Items, out: Path) -> None:
    """Takes the pictures."""
    for size, (width, height) in SIZES.items():
        for scheme in ("light", "dark"):
            touch = size == "phone"
            context = browser.new_context(
                viewport={"width": width, "height": height},
                color_scheme=scheme,  # type: ignore[arg-type]  # one of two words, in a plain str
                has_touch=touch,
                is_mobile=touch,
            )
            context.request.post(f"{url}/open", form={"token": TOKEN})
            page = context.new_page()
            page.goto(f"{url}/p/{show.name}/label")
            page.locator(".text:not(:empty)").wait_for()
            if show.task == "spans":
                marked(page, url, show, items)
            if size == "desktop" and page.locator("#guide").count():
                page.keyboard.press("g")
            page.wait_for_timeout(900)
            path = out / f"{show.name}-{size}-{scheme}.png"
            page.screenshot(path=path)
            Image.open(path).convert("RGB").quantize(200, dither=Image.Dither.NONE).save(path, optimize=True)
            context.close()


def main() -> None:
    """Takes all of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--out", type=Path, default=Path("docs/screens"))
    parser.add_argument("--only", choices=[show.name for show in SHOWS])
    said = parser.parse_args()
    said.out.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for show in SHOWS:
            if said.only not in (None, show.name):
                continue
            whole = read_items(said.data / show.folder / "train.parquet", task=show.task, **show.reading)
            items = whole.take(np.arange(ROWS))
            with served(show, items, Path(folder)) as url:
                answered(url, show, items)
                shown(browser, url, show, items, said.out)


if __name__ == "__main__":
    main()
