"""Random presses, faster than anything is saved, on a bad network: what stands in the end is what was pressed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from tests.browser.conftest import Make, Open
from tests.browser.desk import PRESS, saved

from tithe.rng import stream

pytestmark = pytest.mark.system

LABELS = {"1": "fruit", "2": "tree", "3": "stone"}
BACK = ["Ctrl+z", "Ctrl+z", "Ctrl+y"]
KEYS = {
    "choice": [*LABELS, "1", "2", "x", " ", *BACK, "again"],
    "multilabel": [*LABELS, *LABELS, "Enter", "Enter", "n", "x", " ", *BACK],
    "spans": [*LABELS, "ArrowRight", "ArrowRight", "Delete", "Enter", "Enter", "n", "x", " ", *BACK],
}


class Trail:
    """What a person thinks of undo and redo: a row of answers, and how far they have gone back in it."""

    def __init__(self, task: str) -> None:
        self.task = task
        self.done: list[tuple[str, Any]] = []
        self.undone: list[tuple[str, Any]] = []

    def press(self, said: dict[str, Any]) -> None:
        key, moved = said["key"], said["before"] != said["after"]
        one_step = moved or self.task == "choice"  # elsewhere marks have steps of their own; they stay at the item
        if key == "Ctrl+z":
            if self.done and one_step:
                self.undone.append(self.done.pop())
        elif key == "Ctrl+y":
            if self.undone and one_step:
                self.done.append(self.undone.pop())
        elif moved and said["before"] is not None and not key.startswith("again"):
            self.done.append((said["before"], self.meant(key, said["value"])))
            self.undone = []

    def meant(self, key: str, value: Any) -> Any:
        if key in ("x", " "):
            return {"x": "reject", " ": "skip"}[key]
        return LABELS[key] if self.task == "choice" else [] if key == "n" else value


class BadNetwork:
    """A share of the requests is lost on the way there, or on the way back, or finds a busy server."""

    def __init__(self, chance: np.random.Generator, share: float) -> None:
        self.chance, self.share = chance, share

    def __call__(self, route: Any) -> None:
        what = self.chance.random()
        if what < 0.4 * self.share:
            route.abort()
        elif what < 0.8 * self.share:
            route.fetch()  # the server has it
            route.abort()
        elif what < self.share:
            route.fulfill(status=503, body="busy")
        else:
            route.continue_()


def burst(chance: np.random.Generator, task: str) -> Sequence[str]:
    """Some presses of one turn."""
    found = chance.choice(KEYS[task], size=chance.choice([1, 1, 2, 3, 5]))
    return [f"again{chance.integers(5)}" if key == "again" else str(key) for key in found]


@pytest.mark.parametrize("task", KEYS)
@pytest.mark.parametrize("lost", [0, 0.2])
def test_what_stands_is_what_was_pressed(make_desk: Make, opened: Open, task: str, lost: float) -> None:
    chance = stream(0, "presses", task, f"{lost}")
    texts = [f"Ann met Bob on day {n}" for n in range(300)]
    desk = make_desk(f"random-{task}-{lost}", texts, tuple(LABELS.values()), task, suggestions=False)
    page = opened(desk, offline=True)
    network = BadNetwork(chance, lost)
    page.route("**/annotations**", network)
    trail, log = Trail(task), []
    for _ in range(50):
        for said in page.evaluate(PRESS, burst(chance, task)):
            trail.press(said)
            log.append(said)
        page.wait_for_timeout(float(chance.choice([0, 0, 1, 5, 20, 80])))
    network.share = 0
    saved(page)
    stands = {one["item"]: one["action"] if one["label"] is None else one["label"] for one in desk.answers()}
    assert len(stands) > 5
    assert settled(stands) == settled(dict(trail.done)), f"pressed: {log}"


def settled(answers: dict[str, Any]) -> dict[str, Any]:
    """Sets have no order."""
    return {item: sorted(said, key=str) if isinstance(said, list) else said for item, said in answers.items()}
