"""One label of several: by keyboard, one press an item, and every way back."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.browser.conftest import Make, Open
from tests.browser.desk import PRESS, Desk, answer, heard, press, saved, shows, text_of, until

pytestmark = pytest.mark.system


def truth(text: str) -> str:
    return "1" if text.split()[0] in ("apple", "pear") else "2"


def newest_of(page: Any, text: str) -> Any:
    """The button of the answer to this text in the list of recent ones."""
    return page.locator("#recent li button").filter(has=page.get_by_text(text, exact=True))


def test_one_press_labels_and_goes_on(plants: Desk, opened: Open) -> None:
    page = opened(plants)
    before = len(plants.answers())
    said = {answer(page, truth(text_of(page))) for _ in range(4)}
    saved(page)
    last = plants.answers()[:4]
    assert len(plants.answers()) == before + 4
    assert {one["text"] for one in last} == said
    assert all(one["label"] == ("fruit" if truth(one["text"]) == "1" else "tree") for one in last)
    assert all(0 < one["seconds"] < 60 for one in last)


def test_skip_reject_flag_and_comment(plants: Desk, opened: Open) -> None:
    page = opened(plants)
    answer(page, " ")
    answer(page, "x")
    press(page, "f")
    assert page.locator("#flag").get_attribute("aria-pressed") == "true"
    press(page, "c")
    page.keyboard.type("x 1 is odd ?")  # in a field these are letters, not keys
    flagged = text_of(page)
    press(page, "Escape")
    answer(page, "1")
    assert page.locator("#comment-box").is_hidden()
    saved(page)
    third, second, first = plants.answers()[:3]
    assert (first["action"], second["action"], third["action"]) == ("skip", "reject", "label")
    assert (third["text"], third["flagged"], third["comment"]) == (flagged, True, "x 1 is odd ?")
    assert not second["flagged"]


def test_undo_and_redo_go_across_items(plants: Desk, opened: Open) -> None:
    page = opened(plants)
    before = {one["annotation"] for one in plants.answers()}
    one, two = answer(page, "1"), answer(page, "2")
    third = text_of(page)
    press(page, "Control+z")
    assert text_of(page) == two
    press(page, "Control+z")
    assert text_of(page) == one
    assert "fruit" in page.locator("#about").inner_text()
    saved(page)
    assert {one["annotation"] for one in plants.answers()} == before
    press(page, "Control+Shift+z")
    assert text_of(page) == two
    press(page, "Control+y")
    assert text_of(page) == third
    press(page, "Control+z")
    answer(page, "3")  # another answer than before
    saved(page)
    now = {one["text"]: one["label"] for one in plants.answers() if one["annotation"] not in before}
    assert now == {one: "fruit", two: "stone"}


def test_an_answer_right_after_an_undo_replaces_what_was_undone(plants: Desk, opened: Open) -> None:
    page = opened(plants)
    before = {one["annotation"] for one in plants.answers()}
    text = answer(page, "1")
    saved(page)
    for keys in (["Ctrl+z", "3"], ["Ctrl+z", "Ctrl+y"]):
        page.evaluate(PRESS, keys)  # all in one turn of the page
        saved(page)
        now = [(one["text"], one["label"]) for one in plants.answers() if one["annotation"] not in before]
        assert now == [(text, "stone")]


def test_what_was_undone_or_opened_again_is_not_called_lost(plants: Desk, opened: Open) -> None:
    page = opened(plants)
    text = answer(page, "1")
    saved(page)
    press(page, "Control+z")
    for ways in ("undone", "opened again"):
        shows(page, text)
        saved(page)
        with page.expect_response("**/leases"):
            page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")  # leases are renewed
        page.wait_for_timeout(200)  # nothing to wait for: nothing is to come
        assert page.locator("#said").is_hidden(), ways
        if ways == "undone":
            answer(page, "1")
            saved(page)
            newest_of(page, text).click()


def test_undo_goes_back_over_a_corrected_answer_to_none(plants: Desk, opened: Open) -> None:
    page = opened(plants)
    before = {one["annotation"] for one in plants.answers()}
    text = answer(page, "1")
    newest_of(page, text).click()
    shows(page, text)
    answer(page, "2")
    for label in ("tree", "fruit", None):
        saved(page)
        now = [(one["text"], one["label"]) for one in plants.answers() if one["annotation"] not in before]
        assert now == ([(text, label)] if label else [])
        press(page, "Control+z")


def test_enter_accepts_a_suggestion_and_none_is_shown_before_the_choice_but_that(plants: Desk, opened: Open) -> None:
    page = opened(plants)
    for _ in range(8):
        answer(page, truth(text_of(page)))
    saved(page)
    plants.until(lambda: plants.ask("GET", "/status")["model"], "a model")
    shown = page.locator("choice-field .hint .accept")
    for _ in range(20):
        if shown.is_visible():
            break
        answer(page, truth(text_of(page)))
    assert "% sure" in page.locator(".hint").inner_text()
    wanted = page.locator(".hint b").inner_text()
    assert page.locator(".label.chosen, .label.suggested").count() == 0
    text = answer(page, "Enter")
    saved(page)
    assert (plants.answers()[0]["text"], plants.answers()[0]["label"]) == (text, wanted)
    page.locator("#doing", has_text="Model of").wait_for()


def test_an_earlier_answer_is_opened_and_replaced(plants: Desk, opened: Open) -> None:
    page = opened(plants)
    text = answer(page, "1")
    answer(page, "2")
    saved(page)
    waiting = text_of(page)
    newest_of(page, text).click()
    shows(page, text)
    answer(page, "3")
    assert text_of(page) == waiting
    saved(page)
    assert [one["label"] for one in plants.answers() if one["text"] == text] == ["stone"]
    press(page, "Control+z")  # the answer before it stands again
    saved(page)
    plants.until(lambda: [one["label"] for one in plants.answers() if one["text"] == text] == ["fruit"], "the undo")


def test_an_answer_opened_again_may_be_left_as_it_is(plants: Desk, opened: Open) -> None:
    page = opened(plants)
    text = answer(page, "1")
    saved(page)
    waiting, count = text_of(page), len(plants.answers())
    newest_of(page, text).wait_for()
    press(page, "r", "r", "Tab", "Enter")  # shut, open, to the newest
    shows(page, text)
    press(page, "Escape")
    assert text_of(page) == waiting
    assert len(plants.answers()) == count


def test_an_answer_stays_in_the_list_where_an_older_list_comes_late(plants: Desk, opened: Open) -> None:
    page = opened(plants)
    late: list[Any] = []

    def held(route: Any) -> None:
        late.append((route, route.fetch()))  # as the server knows it before the answer

    page.route("**/annotations?limit=50", held, times=1)
    press(page, "r", "r")  # shut and open: the list is asked for
    heard(page, lambda: late)
    text = answer(page, "1")
    saved(page)
    route, response = late[0]
    with page.expect_request("**/annotations?limit=50"):  # it asks again, as something was sent meanwhile
        route.fulfill(response=response)
    newest_of(page, text).wait_for()


def test_the_keys_are_told_on_the_page_and_on_every_button(plants: Desk, opened: Open) -> None:
    page = opened(plants)
    for name in ("fruit", "Skip", "Reject", "Flag", "Comment", "Undo", "Redo", "Search"):
        assert page.get_by_role("button", name=name).locator("kbd").count() == 1, name
    press(page, "?")
    sheet = page.get_by_role("dialog", name="Keys")
    assert "Skip this item" in sheet.inner_text()
    text = text_of(page)
    press(page, "1")  # keys are off behind a dialog
    assert text_of(page) == text
    press(page, "Escape")
    assert sheet.is_hidden()


def test_words_find_an_item_to_label(plants: Desk, opened: Open) -> None:
    page = opened(plants)
    waiting = text_of(page)
    press(page, "/")
    page.keyboard.type("oak number 2")
    page.locator("#search li:first-child bdi", has_text="oak number 2").wait_for()  # not what "oak numb" found
    found = page.locator("#search li bdi").first.inner_text()
    press(page, "Enter")
    shows(page, found)
    answer(page, "2")
    assert text_of(page) == waiting or found == waiting
    saved(page)
    assert (plants.answers()[0]["text"], plants.answers()[0]["label"]) == (found, "tree")


def test_enter_opens_what_the_typed_words_find_and_not_what_is_listed_yet(plants: Desk, opened: Open) -> None:
    page = opened(plants)
    press(page, "/")
    page.keyboard.type("beech")
    page.locator("#search li:first-child bdi", has_text="beech").wait_for()
    page.keyboard.type(" number 7")
    press(page, "Enter")
    shows(page, "beech number 7")


COPIES = [f"{word} and {word} again" for word in ("ash", "elm", "yew", "fir", "box", "bay") for _ in range(4)]


@pytest.fixture(scope="module")
def desk(make_desk: Make) -> Desk:
    return make_desk("copies", COPIES, ("a", "b", "c"), audit=0.0, suggestions=False)


def test_labels_are_added_renamed_and_merged(desk: Desk, opened: Open) -> None:
    page = opened(desk)
    text = answer(page, "2")
    saved(page)
    page.get_by_role("button", name="Labels").click()
    page.get_by_label("New label").fill("d")
    press(page, "Enter")
    page.get_by_label("Name of d").wait_for()
    page.get_by_label("Name of b").fill("c")  # not sent yet
    page.get_by_label("Name of a").fill("alpha")
    press(page, "Enter")
    page.get_by_label("Name of alpha").wait_for()
    assert page.get_by_label("Name of alpha").evaluate("one => one === document.activeElement")
    assert page.get_by_label("Name of b").input_value() == "c"
    page.get_by_label("Name of b").press("Enter")
    page.get_by_text("cannot be taken back").wait_for()
    press(page, "Enter")
    page.get_by_text("b is part of c now").wait_for()
    press(page, "Escape")
    labels = [one.inner_text().split()[0] for one in page.locator(".label").all()]
    assert labels == desk.ask("GET", "")["labels"]
    assert set(labels) == {"alpha", "c", "d"}
    assert [(one["text"], one["label"]) for one in desk.answers()] == [(text, "c")]


def test_near_duplicates_are_answered_together_and_taken_back_together(desk: Desk, opened: Open) -> None:
    desk.until(lambda: desk.ask("GET", "/status")["embedded"] == len(COPIES), "the embeddings")
    page = opened(desk)
    label = desk.ask("GET", "")["labels"][0]
    text = answer(page, "1")
    saved(page)
    press(page, "s")
    button = page.get_by_role("button", name=f"like the last one: {label}")
    button.wait_for()
    boxes = page.locator("#similar input")
    count, before = boxes.count(), len(desk.answers())
    assert count >= 2
    boxes.nth(0).uncheck()
    button.click()
    saved(page)
    alike = [(one["text"], one["label"]) for one in desk.answers()[: count - 1]]
    assert alike == [(text, label)] * (count - 1)
    press(page, "Control+z")
    saved(page)
    assert len(desk.answers()) == before


def near(page: Any, *items: tuple[str, str]) -> str:
    """What the server would say of near duplicates, as it knows the items: not answered."""
    said = [{"id": id, "text": text, "state": "open", "label": None, "similarity": 0.9} for id, text in items]
    return json.dumps(said)


def shown(page: Any) -> tuple[str, str]:
    return page.locator("#question").get_attribute("data-item"), text_of(page)


def test_what_is_answered_and_not_sent_yet_is_no_near_duplicate_to_answer(plants: Desk, opened: Open) -> None:
    page = opened(plants)
    one = shown(page)
    answer(page, "1")
    answer(page, "2")
    two = shown(page)
    page.route("**/similar?*", lambda route: route.fulfill(body=near(page, one, two), content_type="application/json"))
    press(page, "s")
    page.get_by_role("button", name="Answer 1 like the last one").wait_for()
    assert page.locator("#similar li bdi").all_inner_texts() == [two[1]]
    press(page, "Escape")
    saved(page)


def test_near_duplicates_of_an_earlier_answer_that_come_late_are_not_offered(plants: Desk, opened: Open) -> None:
    page = opened(plants)
    late: list[Any] = []
    page.route("**/similar?*", lambda route: late.append(route))
    for count in (1, 2):
        answer(page, str(count))
        press(page, "s")
        heard(page, lambda count=count: len(late) == count)
        if count == 1:
            press(page, "Escape")
    said = page.locator("#similar [role=status]")
    late[1].fulfill(body="[]", content_type="application/json")
    until(page, "() => document.querySelector('#similar [role=status]').textContent.startsWith('There are none')")
    with page.expect_response("**/similar?*"):
        late[0].fulfill(body=near(page, shown(page)), content_type="application/json")
    page.evaluate("() => new Promise(done => setTimeout(done))")  # the page has had it
    assert said.inner_text().startswith("There are none")
    assert page.locator("#similar li").count() == 0
    press(page, "Escape")
    saved(page)


def test_near_duplicates_taken_back_are_asked_after_all(make_desk: Make, opened: Open) -> None:
    desk = make_desk("taken-back", COPIES[:12], ("a", "b"), audit=0.0, suggestions=False)
    desk.until(lambda: desk.ask("GET", "/status")["embedded"] == 12, "the embeddings")
    page = opened(desk)
    answer(page, "1")
    saved(page)
    press(page, "s")
    page.get_by_role("button", name="like the last one: a").click()
    saved(page)
    press(page, "Control+z")
    saved(page)
    assert len(desk.answers()) == 1

    def all_are_answered() -> bool:
        if page.locator("#answers").is_visible():
            answer(page, "2")
            saved(page)
        return len(desk.answers()) == 12

    desk.until(all_are_answered, "an answer to each item")
