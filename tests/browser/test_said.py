"""What the pages say of a model, and whether a phone has room for it."""

from __future__ import annotations

import re

import pytest
from tests.browser.conftest import Make, Open
from tests.browser.desk import Desk, press, saved, until

pytestmark = pytest.mark.system

PHONE = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True}
PEOPLE, TOWNS = ("Ann", "Bob", "Zoë", "Eve", "Tom"), ("Rome", "Oslo", "Cairo", "Lima", "Bonn")


@pytest.fixture(scope="module")
def travels(make_desk: Make) -> Desk:
    """Sentences with a person and a town, a third of them without; a model of 30."""
    texts = [f"{PEOPLE[n % 5]} went to {TOWNS[n // 5 % 5]} on day {n}" for n in range(60)]
    texts += [f"nobody went anywhere on day {n}" for n in range(60, 90)]
    desk = make_desk("travels", texts, ("LOC", "PER"), "spans", audit=0.0)
    desk.until(lambda: desk.ask("GET", "/status")["embedded"] == len(texts), "the views")
    for _ in range(30):
        (item,) = desk.ask("GET", "/next")["items"]
        found = [(one, "PER") for one in PEOPLE] + [(one, "LOC") for one in TOWNS]
        spans = [
            {"start": at.start(), "end": at.end(), "label": label}
            for name, label in found
            if (at := re.search(name, item["text"]))
        ]
        desk.ask("POST", "/annotations", json={"item": item["id"], "label": spans, "proposal": item["proposal"]})
    desk.until(lambda: (desk.ask("GET", "/status")["model"] or {}).get("score"), "a model with a score", 120)
    return desk


def test_the_hint_says_of_what_the_model_is_sure(travels: Desk, opened: Open) -> None:
    page = opened(travels, **PHONE)
    seen = set()
    for _ in range(20):
        hint = page.locator(".hint").inner_text()
        marks = page.evaluate("document.querySelector('span-field').value.length")
        if hint.strip():
            of = "of exactly these marks" if marks else "that no label applies"
            assert re.fullmatch(rf"Model: (\d+|under 1|over 99) % sure {of}", hint)
            assert not re.search(r"\b(0|100) %", hint), "nothing is certain"
            height = page.locator(".hint span").evaluate("one => one.offsetHeight")
            assert height < 30, "it has more than one line on a phone"
            seen.add(of)
        item = page.locator("#question").get_attribute("data-item")
        press(page, "Enter" if marks else "n")
        until(page, "item => document.querySelector('#question').dataset.item !== item", item)
    saved(page)
    assert seen, "no suggestion was shown"


def test_the_score_has_one_name_on_all_pages(travels: Desk, opened: Open) -> None:
    model = travels.ask("GET", "/status")["model"]
    assert model["measure"] == travels.ask("GET", "/models")[0]["measure"]
    opened(travels).locator("#doing", has_text=f"{model['measure']} ").wait_for()
    opened(travels, "models").locator("td small", has_text=model["measure"]).first.wait_for()


def test_submit_is_at_hand_on_a_phone_however_long_the_text_and_the_list(make_desk: Make, opened: Open) -> None:
    labels = [f"topic {n}" for n in range(50)]
    desk = make_desk("long", ["a long text of many words " * 30] * 3, labels, "multilabel", audit=0.0)
    page = opened(desk, **PHONE)
    for name in ("#submit", "#comment-button"):
        box = page.locator(name).bounding_box()
        assert box["y"] + box["height"] <= PHONE["viewport"]["height"], name
    page.locator("#submit").click(trial=True)  # nothing lies over it


@pytest.mark.parametrize("name", ["models", "trouble"])
def test_the_strip_shows_the_page_that_one_is_on(travels: Desk, opened: Open, name: str) -> None:
    box = opened(travels, name, **PHONE).locator(".pages [aria-current]").bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= PHONE["viewport"]["width"]


def test_the_two_fields_of_confidence_stand_side_by_side_on_a_phone(travels: Desk, opened: Open) -> None:
    page = opened(travels, "items", **PHONE)
    least, most = (page.locator(f"#{name}").bounding_box() for name in ("from", "to"))
    assert least["y"] == most["y"]
