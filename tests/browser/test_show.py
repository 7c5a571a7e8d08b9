"""Sixty items of real data by keyboard alone, on each task; the suggestions come, and get better."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.browser.conftest import Make, Open
from tests.browser.desk import Desk, press, saved, until

from tithe.data.reading import read_items
from tithe.types import Items, Label, Span

DATA = Path(__file__).parents[3] / "shared" / "data"
ITEMS, ANSWERS = 400, 60

pytestmark = [pytest.mark.data, pytest.mark.slow]


def rows(folder: str, task: str, longest: int, **reading: str) -> Items:
    """The first items of a data set that are no longer than this, with their labels."""
    path = DATA / folder / "train.parquet"
    if not path.exists():
        pytest.skip(f"needs {path}: the data sets of ../shared/data")
    whole = read_items(path, task=task, **reading)
    short = [row for row, text in enumerate(whole.texts) if len(text) <= longest]
    return whole.take(np.array(short[:ITEMS]))


def choose(page: Any, truth: Label, keys: dict[str, str]) -> bool:
    """Presses the label's key, or Enter where the suggestion is right; whether it was."""
    hint = page.locator(".hint b")
    right = hint.count() > 0 and hint.inner_text() == truth
    press(page, "Enter" if right else keys[str(truth)])
    return right


def mark(page: Any, truth: Label, keys: dict[str, str]) -> bool:
    """Marks what is not marked, takes back what is too much, submits; whether the suggestion was wholly right."""
    assert isinstance(truth, frozenset)
    names = page.eval_on_selector_all(".label[aria-pressed=true]", "all => all.map(one => one.firstChild.textContent)")
    for label in sorted(truth.symmetric_difference(names)):
        if label in keys:
            press(page, keys[label])
        else:  # more labels than keys
            press(page, "l")
            page.keyboard.type(label)
            press(page, "Enter", "Escape")
    press(page, "Enter" if truth else "n")
    return bool(truth) and truth == frozenset(names)


def spot(page: Any, truth: Label, keys: dict[str, str]) -> bool:
    """Marks the spans by caret and Shift; whether the suggestion was wholly right."""
    spans = tuple(one for one in truth if isinstance(one, Span))
    found = page.evaluate("document.querySelector('span-field').value")
    if {(one["start"], one["end"], one["label"]) for one in found} == set(spans):
        press(page, "Enter")
        return bool(spans)
    if found:
        press(page, "Tab", *["Delete"] * len(found))
    for start, end, label in spans:
        press(page, "Control+Home", *["ArrowRight"] * start, *["Shift+ArrowRight"] * (end - start), keys[label])
    press(page, "Enter")
    return False


def label_all(desk: Desk, page: Any, items: Items, answer: Callable[[Any, Label, dict[str, str]], bool]) -> list[bool]:
    """Answers `ANSWERS` items as their file does; for each, whether the suggestion was right."""
    truth = dict(zip(items.ids, items.gold or (), strict=True))
    code = "all => all.map(one => [one.firstChild.textContent, one.querySelector('kbd')?.textContent])"
    keys = {label: key for label, key in page.eval_on_selector_all(".label", code) if key}
    right = []
    for done in range(ANSWERS):
        item = page.locator("#question").get_attribute("data-item")
        label = truth[item]
        assert label is not None
        right.append(answer(page, label, keys))
        until(page, "item => document.querySelector('#question').dataset.item !== item", item)
        if done == 30:  # a person is slower than this test: the model may come along
            desk.until(lambda: (desk.ask("GET", "/status")["model"] or {}).get("labels", 0) >= 20, "a model", 120)
            page.wait_for_timeout(500)
    saved(page)
    kept = {one["item"]: one["label"] for one in desk.answers()}
    assert len(kept) == ANSWERS
    for item, label in kept.items():
        said = truth[item]
        if isinstance(said, frozenset):
            assert frozenset(label) == said
        elif isinstance(said, tuple):
            assert {(one["start"], one["end"], one["label"]) for one in label} == set(said)
        else:
            assert label == said
    return right


SETS = {
    "trec": ("choice", choose, 200, {}),
    "arxiv_titles": ("multilabel", mark, 200, {"label": "labels_arxiv"}),
    "conll2003": ("spans", spot, 60, {}),
}


@pytest.mark.parametrize("folder", SETS)
def test_sixty_items_by_keyboard_alone(make_desk: Make, opened: Open, folder: str) -> None:
    task, answer, longest, reading = SETS[folder]
    items = rows(folder, task, longest, **reading)
    gold = items.gold or ()
    names = {
        getattr(one, "label", one) for label in gold if label for one in ([label] if isinstance(label, str) else label)
    }
    desk = make_desk(
        folder.replace("_", "-"),
        Items(items.ids, items.texts, tokens=items.tokens),
        sorted(map(str, names)),
        task,
        start="minilm+lexical",
        threshold=0.0,
        audit=0.0,
    )
    right = label_all(desk, opened(desk), items, answer)
    assert not any(right[:2])  # nothing is suggested before there is a model
    assert sum(right[30:]) > sum(right[:30]), f"right suggestions: {right}"
