"""Random presses, faster than anything is saved, on a bad network: what stands in the end is what was pressed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from tests.browser.conftest import Open
from tests.browser.desk import PRESS, saved

from tithe.rng import stream

pytestmark = pytest.mark.system

KEYS = {"1": "fruit", "2": "tree", "3": "stone", "x": "reject", " ": "skip"}


class Trail:
    """What a person thinks of undo and redo: a row of steps, and how far one has gone back in it."""

    def __init__(self) -> None:
        self.done: list[tuple[str, str]] = []
        self.undone: list[tuple[str, str]] = []

    def press(self, key: str, item: str | None) -> None:
        if key in KEYS and item is not None:
            self.done.append((item, KEYS[key]))
            self.undone = []
        elif key == "Ctrl+z" and self.done:
            self.undone.append(self.done.pop())
        elif key == "Ctrl+y" and self.undone:
            self.done.append(self.undone.pop())


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


def bursts(chance: np.random.Generator) -> Sequence[str]:
    """Some presses of one turn: more answers than ways back, so that it goes on."""
    keys = [*KEYS, "1", "2", "Ctrl+z", "Ctrl+z", "Ctrl+y", "again"]
    found = chance.choice(keys, size=chance.choice([1, 1, 2, 3, 5]))
    return [f"again{chance.integers(5)}" if key == "again" else str(key) for key in found]


@pytest.mark.parametrize("seed", range(4))
def test_what_stands_is_what_was_pressed(make_desk: Any, opened: Open, seed: int) -> None:
    chance = stream(seed, "presses")
    desk = make_desk(f"random-{seed}", [f"text {n}" for n in range(300)], ("fruit", "tree", "stone"), suggestions=False)
    page = opened(desk, offline=True)
    network = BadNetwork(chance, share=0.2 if seed % 2 else 0)
    page.route("**/annotations**", network)
    trail, log = Trail(), []
    for _ in range(40):
        keys = bursts(chance)
        for key, item in zip(keys, page.evaluate(PRESS, keys), strict=True):
            trail.press(key, item)
            log.append((key, item))
        page.wait_for_timeout(float(chance.choice([0, 0, 1, 5, 20, 80])))
    network.share = 0
    saved(page)
    stands = {one["item"]: one["label"] or one["action"] for one in desk.answers()}
    assert stands == dict(trail.done), f"pressed: {log}"
