"""A small project of made texts, served for real: its own database, its own child processes."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tithe.log import Answered
from tithe.rng import stream
from tithe.service.founding import found
from tithe.service.live import Live
from tithe.store import Project, Store, open_store
from tithe.tasks.choice import Choice
from tithe.types import Items

SOUP = ("soup", "bread", "cheese", "apple", "kitchen", "salt", "dinner", "spoon")
SAIL = ("boat", "wind", "harbour", "rope", "wave", "anchor", "storm", "deck")
QUICK = {"start": "lexical", "strategy": "margin"}
"""Settings that need no encoder, so that the tests are quick."""


def made(count: int = 120, first: int = 0) -> tuple[Items, dict[str, str]]:
    """Texts of two topics, and their labels by id."""
    rng = stream(0, "made", first)
    ids, texts, truth = [], [], {}
    for row in range(first, first + count):
        label = ("food", "sea")[int(rng.integers(2))]
        words = rng.choice(SOUP if label == "food" else SAIL, 4).tolist()
        ids.append(f"item-{row:04d}")
        texts.append(f"the {words[0]} and the {words[1]} by a {words[2]} with {words[3]} {row}")
        truth[ids[-1]] = label
    return Items(ids, texts), truth


def until(claim: Callable[[], Any], timeout_s: float = 180.0) -> Any:
    """What `claim` says, once it is true; fails when the time is over."""
    end = time.monotonic() + timeout_s
    while time.monotonic() < end:
        if said := claim():
            return said
        time.sleep(0.05)
    raise AssertionError(f"did not come true within {timeout_s:g} s")


class Served:
    """A project that is served, the truth of its items, and a person who answers by it."""

    def __init__(self, live: Live, truth: dict[str, str], store: Store) -> None:
        self.live, self.truth, self.store = live, truth, store

    @property
    def project(self) -> Project:
        return self.live.project

    def answer(self, count: int, annotator: str = "me") -> list[dict[str, Any]]:
        """Answers so many items; what was shown."""
        shown = []
        for _ in range(count):
            offer = self.live.next(annotator)
            assert offer["items"], offer["reason"]
            item = offer["items"][0]
            shown.append(item)
            self.live.submit(Answered(item["id"], self.truth[item["id"]], annotator, seconds=1.5))
        return shown

    def learn(self, count: int = 30) -> list[dict[str, Any]]:
        """Answers so many items and waits for the model of all of them."""
        shown = self.answer(count)
        self.live.background.want_round()
        until(lambda: self.live.status()["model"])
        self.rest()
        return shown

    def make_round(self) -> None:
        """Has a round made and waits for it, unlike `refill` for as long as it takes."""
        self.live.background.want_round()
        self.rest()

    def rest(self) -> None:
        """Waits until each round that was wanted is made."""
        background = self.live.background
        until(lambda: background._made == background._wanted)


def open_live(folder: Path, **settings: Any) -> Served:
    """The project of a folder, made if it is not there; not started."""
    url = f"sqlite:///{folder}/tithe.sqlite"
    items, truth = made()
    store = open_store(url)
    if "p" not in store.projects():
        found(store, "p", Choice(("food", "sea")), items, name="made", settings=QUICK | settings)
    live = Live(store.project("p"), url=url, folder=folder, cache=folder / "cache")
    return Served(live, truth, store)
