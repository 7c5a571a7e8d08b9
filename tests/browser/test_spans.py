"""Spans by keyboard and mouse, in code points, in every script."""

from __future__ import annotations

from typing import Any

import pytest
from tests.browser.conftest import Open
from tests.browser.desk import SCRIPTS, Desk, answer, press, saved, text_of, until

pytestmark = pytest.mark.system

VALUE = "() => document.querySelector('span-field').value"


def spans(page: Any) -> list[tuple[str, str]]:
    """What is marked, cut out of the text by its code points, as the server does."""
    text = text_of(page)
    return [(text[one["start"] : one["end"]], one["label"]) for one in page.evaluate(VALUE)]


def show(desk: Desk, opened: Open, text: str) -> Any:
    """A page with this item."""
    found = desk.ask("GET", "/items", params={"text": text, "limit": 1})["items"][0]["id"]
    return opened(desk, f"label?item={found}")


def box_of(page: Any, words: str) -> Any:
    """Where words of the text stand on the screen."""
    code = """words => { const node = document.querySelector('.text').firstChild, at = node.data.indexOf(words);
        const range = document.createRange(); range.setStart(node, at); range.setEnd(node, at + words.length);
        const {left, right, top, height} = range.getBoundingClientRect();
        return {left, right, y: top + height / 2}; }"""
    return page.evaluate(code, words)


@pytest.mark.parametrize("text", SCRIPTS)
def test_offsets_are_code_points_in_every_script(sentences: Desk, opened: Open, text: str) -> None:
    page = show(sentences, opened, text)
    word = SCRIPTS[text]
    box = box_of(page, word)
    page.mouse.move(box["left"] + 2, box["y"])
    page.mouse.down()
    page.mouse.move(box["right"] - 2, box["y"], steps=3)
    page.mouse.up()
    press(page, "1")
    assert spans(page) == [(word, "PER")]
    answer(page, "Enter")
    saved(page)
    [kept] = sentences.answers()[0]["label"]
    assert (text[kept["start"] : kept["end"]], kept["label"]) == (word, "PER")


def test_the_keyboard_alone_marks_relabels_and_removes(sentences: Desk, opened: Open) -> None:
    page = show(sentences, opened, "day 3")
    press(page, "1")  # the word at the caret
    press(page, "Control+ArrowRight", "Control+ArrowRight", "Control+ArrowRight", "Control+Shift+ArrowLeft", "2")
    assert [label for _, label in spans(page)] == ["PER", "LOC"]
    press(page, "Home", "Shift+ArrowRight", "Shift+ArrowRight", "Shift+ArrowRight", "2")
    assert spans(page)[0] == ("Ann", "LOC")  # the same stretch again: another label
    press(page, "Home", "1")  # the caret is in it
    assert spans(page)[0] == ("Ann", "PER")
    press(page, "Tab", "2")  # the list of spans
    assert spans(page)[0] == ("Ann", "LOC")
    press(page, "Delete")
    assert len(spans(page)) == 1
    press(page, "Control+z")
    assert spans(page)[0] == ("Ann", "LOC")
    answer(page, "Enter")
    saved(page)  # the next test counts answers


def test_a_drag_ends_at_words_and_with_alt_at_characters(sentences: Desk, opened: Open) -> None:
    page = show(sentences, opened, "day 4")
    from_, to = box_of(page, "nn m"), box_of(page, "Bo")

    def drag() -> None:
        page.mouse.move(from_["left"] + 1, from_["y"])
        page.mouse.down()
        page.mouse.move(to["right"], to["y"], steps=4)
        page.mouse.up()

    drag()
    press(page, "1")
    assert spans(page) == [("Ann met Bob", "PER")]
    box = box_of(page, "met")
    page.mouse.click(box["left"] + 5, box["y"])
    press(page, "Delete")
    assert spans(page) == []
    page.keyboard.down("Alt")
    drag()
    page.keyboard.up("Alt")
    press(page, "2")
    assert spans(page) == [("nn met Bo", "LOC")]


def test_a_double_click_and_a_label_button_mark_a_word(sentences: Desk, opened: Open) -> None:
    page = show(sentences, opened, "day 5")
    box = box_of(page, "Rome")
    page.mouse.dblclick(box["left"] + 5, box["y"])
    page.locator(".label", has_text="LOC").click()
    assert spans(page) == [("Rome", "LOC")]
    page.get_by_role("button", name="Remove LOC: Rome").click()
    assert spans(page) == []


def test_overlaps_are_refused_or_allowed_by_the_project(sentences: Desk, opened: Open) -> None:
    page = show(sentences, opened, "day 6")
    press(page, "1", "Home", "Shift+End", "2")
    assert spans(page) == [("Ann", "PER")]
    assert "overlaps" in page.locator("#said").inner_text()
    sentences.ask("PATCH", "/settings", json={"overlap": True})
    try:
        page = show(sentences, opened, "day 7")
        press(page, "1", "Home", "Shift+End", "2")
        assert spans(page) == [("Ann", "PER"), ("Ann met Bob in Rome on day 7", "LOC")]
        answer(page, "Enter")
        saved(page)
    finally:
        sentences.ask("PATCH", "/settings", json={"overlap": False})


def test_nothing_edits_the_text(sentences: Desk, opened: Open) -> None:
    page = show(sentences, opened, "day 8")
    text = text_of(page)
    devtools = page.context.new_cdp_session(page)
    press(page, "1", "z", "Control+x", "Control+v", "ArrowRight")
    devtools.send("Input.imeSetComposition", {"text": "にほん", "selectionStart": 3, "selectionEnd": 3})
    devtools.send("Input.insertText", {"text": "日本"})
    until(page, "text => document.querySelector('.text').textContent === text", text)
    assert page.evaluate("document.querySelector('.text').childNodes.length") == 1
    assert spans(page) == [("Ann", "PER")]
    press(page, "Control+ArrowRight", "Control+ArrowRight", "Control+ArrowRight", "2")
    assert len(spans(page)) == 2  # the caret goes on working
