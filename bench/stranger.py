"""The way of a stranger, once: from `git clone` to the first label, and from there to the exported file, in seconds.

Clones this repository into an empty folder, installs it, labels a plain text file in a real browser by one key, and
exports every item with the model's predictions after thirty answers. What a person would type is printed as it is run.

    python bench/stranger.py            # needs chromium; about two minutes, most of them pip's
"""

from __future__ import annotations

import argparse
import csv
import os
import re
import shutil
import subprocess
import time
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).parents[1]
LABELS = 30


class Steps:
    """What was typed so far, and when."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.count, self.began = folder, 0, time.perf_counter()
        self.env = os.environ | {"XDG_CACHE_HOME": str(folder / "cache")}

    def say(self, line: str) -> None:
        """A step, as a person types it."""
        self.count += 1
        print(f"{time.perf_counter() - self.began:6.1f} s  {self.count}. {line}", flush=True)

    def run(self, line: str) -> None:
        """Runs it to its end."""
        self.say(line)
        subprocess.run(["bash", "-c", line], cwd=self.folder, env=self.env, check=True, stdout=subprocess.DEVNULL)

    def start(self, line: str) -> tuple[subprocess.Popen[str], str]:
        """Runs it until it has printed a link; the process, and the link."""
        self.say(line)
        line = f"exec {line} --no-browser"  # a person's browser opens by itself; ours is driven
        process = subprocess.Popen(
            ["bash", "-c", line], cwd=self.folder, env=self.env, stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        for said in process.stdout:
            if found := re.search(r"http://\S+", said):
                return process, found.group()
        raise SystemExit("it ended without a link")

    def done(self, what: str) -> float:
        """Prints that something is reached, and when."""
        took = time.perf_counter() - self.began
        print(f"{took:6.1f} s     {what}", flush=True)
        return took


def texts(into: Path) -> dict[str, str]:
    """Two hundred messages of the bundled example, a line each; the label of each."""
    with (ROOT / "src/tithe/data/example/train.csv").open(newline="", encoding="utf-8") as file:
        rows = {row["text"]: row for row in csv.DictReader(file)}.values()  # a text that repeats, once
    rows = [row for row in rows if "\n" not in row["text"]][:200]
    into.write_text("".join(f"{row['text']}\n" for row in rows), encoding="utf-8")
    return {row["text"]: row["label"] for row in rows}


def label(link: str, truth: dict[str, str], steps: Steps) -> float:
    """Answers by keyboard in a real browser; when the first answer was saved."""
    from playwright.sync_api import expect, sync_playwright

    keys = {name: str(at) for at, name in enumerate(sorted(set(truth.values())), 1)}
    with sync_playwright() as browsers:
        browser = browsers.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page()
        page.goto(link)
        shown, count, first = page.locator("choice-field .text"), page.locator("#count"), 0.0

        def answered() -> int:
            return int(re.sub(r"\D*(\d*).*", r"\1", count.inner_text()) or 0)

        for number in range(LABELS):
            while answered() <= number:
                expect(shown).to_be_visible(timeout=60_000)  # hidden while the next question is being made
                expect(shown).not_to_be_empty(timeout=60_000)  # as it is until there is a first one
                page.keyboard.press(keys[truth[shown.inner_text().strip()]])
                for _ in range(60):
                    if answered() > number:
                        break
                    page.wait_for_timeout(50)
            if not number:
                first = steps.done("the first label is saved")
        expect(page.locator("#doing")).to_contain_text("Model of", timeout=60_000)  # what the export will ask
        browser.close()
    return first


def main() -> None:
    """Walks, and prints when each step began."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    with TemporaryDirectory() as folder:
        truth = texts(Path(folder) / "messages.txt")
        names = ",".join(sorted(set(truth.values())))
        steps = Steps(Path(folder))
        steps.run(f"git clone -q {ROOT} tithe")
        steps.run("make -C tithe install")
        process, link = steps.start(f"tithe/.venv/bin/tithe label messages.txt --labels {names}")
        try:
            steps.done("the page is there")
            first = label(link, truth, steps)
            steps.done(f"{LABELS} labels")
            steps.run("tithe/.venv/bin/tithe export messages-labels --with-predictions --out labelled.csv")
            whole = steps.done(f"{sum(1 for _ in (Path(folder) / 'labelled.csv').open()) - 1} rows, all labelled")
        finally:
            process.terminate()
            process.wait()
    print(f"{steps.count} commands; {first:.0f} s to the first label, {whole - first:.0f} s from there to the file")


if __name__ == "__main__":
    main()
