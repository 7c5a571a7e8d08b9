"""The page goes over from the fast model to the slow one while somebody labels: real server, browser, fine-tuning."""

from __future__ import annotations

from typing import Any

import pytest
from tests.browser.conftest import Make, Open
from tests.browser.desk import answer, press, saved, text_of, until

from tithe.rng import stream

pytestmark = pytest.mark.slow

FOOD = ("soup", "bread", "cheese", "apple", "salt", "dinner", "rice", "honey")
SEA = ("boat", "wind", "harbour", "rope", "wave", "anchor", "storm", "sail")
WAIT_S = 300  # two fits of 30 steps: 15 s where nothing else runs


LISTEN = """() => {
  window.heard = [];
  const live = document.getElementById("live");
  new MutationObserver(() => window.heard.push(live.textContent)).observe(live, { childList: true });
}"""
"""Keeps what a screen reader is told: the next answer's words replace it."""


def texts(count: int) -> list[str]:
    """Sentences whose label is what is asked for: the same words in another order mean the other label.

    Means of frozen states hardly tell which comes first; a fine-tuned encoder learns it from a few.
    """
    rng = stream(0, "wishes")
    found = []
    for number in range(count):
        pair = [str(rng.choice(FOOD)), str(rng.choice(SEA))]
        if rng.integers(2):
            pair.reverse()
        found.append(f"we asked for {pair[0]} and not for {pair[1]}, note {number}")
    return found


def key_of(text: str) -> str:
    """The key of the right label."""
    return "1" if text.split()[3] in FOOD else "2"


def say(page: Any, count: int) -> list[str]:
    """Answers so many items by keyboard; their texts."""
    return [answer(page, key_of(text_of(page))) for _ in range(count)]


def test_the_page_goes_over_to_the_fine_tuned_model_while_it_is_labelled(make_desk: Make, opened: Open) -> None:
    desk = make_desk(
        "wishes",
        texts(200),
        ("food", "sea"),
        start="minilm",
        trainer="linear",
        slow="finetune(steps=30)",
        strategy="margin",
        audit=0.1,
        refit_every=5,
        threshold=0.0,
    )
    page = opened(desk)
    page.evaluate(LISTEN)
    speeds = page.locator("#speeds")
    assert "Asking with the fast model (linear). The slow model (finetune) begins to learn at 50 labels." in (
        speeds.text_content() or ""
    )
    given = say(page, 70)  # the first ones hold many audit items, which train nobody
    until(page, "() => document.getElementById('speeds').textContent.includes('(finetune) is learning')", wait_s=WAIT_S)
    given += say(page, 5)  # the fast model goes on, and so does whoever labels
    asks = "() => document.getElementById('speeds').textContent.includes('Asking with the slow model (finetune)')"
    for _ in range(WAIT_S // 3):
        if page.evaluate(asks):
            break
        page.wait_for_timeout(3_000)
        if len(given) < 100:
            given += say(page, 1)  # answers come while it learns, reads and takes over
    until(page, asks)
    until(page, "() => window.heard.some(words => words.startsWith('Asking with the slow model (finetune)'))")
    given += say(page, 3)
    saved(page)
    press(page, "Escape")

    status = desk.ask("GET", "/status")["slow"]
    assert status["asking"]
    assert status["compared"]["slow_right"] > status["compared"]["fast_right"]
    said = f"finetune has {status['compared']['slow_right']} right and linear {status['compared']['fast_right']}"
    assert said in (speeds.text_content() or "")

    answers = desk.answers()
    assert sorted(one["text"] for one in answers) == sorted(given)
    assert all(one["label"] == ("food" if key_of(one["text"]) == "1" else "sea") for one in answers)

    models = opened(desk, "models", beside=page)
    rows = models.locator("tbody tr")
    words = [rows.nth(row).inner_text() for row in range(rows.count())]
    assert any("finetune(steps=30) slow" in " ".join(one.split()) for one in words)
    assert any("linear" in one and "finetune" not in one for one in words)
    assert "the slow model, as it is the better one" in models.locator("[role=status]").first.inner_text()
    assert desk.ask("GET", "/status")["trouble"] is None
