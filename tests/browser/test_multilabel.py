"""Any number of labels, many of them: marked by keys or by typing a name, submitted by Enter."""

from __future__ import annotations

import pytest
from tests.browser.conftest import Open
from tests.browser.desk import Desk, answer, press, saved, text_of

pytestmark = pytest.mark.system


def test_keys_mark_and_enter_submits(topics: Desk, opened: Open) -> None:
    page = opened(topics)
    text = text_of(page)
    press(page, "1", "3", "k", "3")
    assert page.locator(".label[aria-pressed=true]").count() == 2
    assert text_of(page) == text
    answer(page, "Enter")
    saved(page)
    assert topics.answers()[0]["label"] == ["rare", "topic au"]


def test_one_key_says_that_no_label_applies_and_enter_alone_does_not(topics: Desk, opened: Open) -> None:
    page = opened(topics)
    text = text_of(page)
    press(page, "Enter")
    assert text_of(page) == text
    assert "press n" in page.locator("#said").inner_text()
    answer(page, "n")
    saved(page)
    assert (topics.answers()[0]["text"], topics.answers()[0]["label"]) == (text, [])


def test_a_label_is_found_by_typing(topics: Desk, opened: Open) -> None:
    page = opened(topics)
    press(page, "l")
    page.keyboard.type("fy")
    assert page.locator(".label:visible").count() == 1
    press(page, "Enter")
    page.keyboard.type("topic c")
    assert page.locator(".label:visible").count() == 5
    press(page, "ArrowDown", "Enter")
    text = answer(page, "Enter")  # nothing typed: it submits
    saved(page)
    assert (topics.answers()[0]["text"], topics.answers()[0]["label"]) == (text, ["topic cv", "topic fy"])


def test_every_label_has_a_key_of_its_own_as_far_as_keys_reach(topics: Desk, opened: Open) -> None:
    page = opened(topics)
    keys = [one.get_attribute("aria-keyshortcuts") for one in page.locator(".label").all()]
    given = [key for key in keys if key]
    assert keys[:10] == list("1234567890")
    assert keys[-1] == "k"
    assert len(set(given)) == len(given) > 20
    assert not set(given) & set("xnfclsrg/?")


def test_undo_takes_a_mark_back_before_it_takes_answers_back(topics: Desk, opened: Open) -> None:
    page = opened(topics)
    first = answer(page, "1", "Enter")
    second = text_of(page)
    press(page, "2", "4", "Control+z")
    assert page.locator(".label[aria-pressed=true]").count() == 1
    press(page, "Control+y")
    assert page.locator(".label[aria-pressed=true]").count() == 2
    press(page, "Control+z", "Control+z")
    assert text_of(page) == second
    press(page, "Control+z")
    assert text_of(page) == first
    assert page.locator(".label[aria-pressed=true]").count() == 1
    saved(page)
