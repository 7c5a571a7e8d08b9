"""No answer is lost and none counts twice: lost networks, killed servers, reloads, two tabs, a lost login."""

from __future__ import annotations

import signal
from typing import Any

import pytest
from tests.browser.conftest import Open
from tests.browser.desk import TOKEN, Desk, answer, heard, press, reserved, saved, shows, text_of, until

pytestmark = pytest.mark.system


def waiting(page: Any, count: int) -> None:
    until(page, "words => document.getElementById('saved').textContent === words", f"{count} not saved yet")


def test_answers_outlive_a_killed_server_and_a_reload(plants: Desk, opened: Open) -> None:
    page = opened(plants, offline=True)
    given = {answer(page, "1"): "fruit"}
    saved(page)
    reserved(page, answered=1)
    count = len(plants.answers())
    plants.end(signal.SIGKILL)
    for key in ("1", "2"):  # the item that is shown, and the one in reserve
        given[text_of(page)] = {"1": "fruit", "2": "tree"}[key]
        press(page, key)
    waiting(page, 2)
    assert "The server does not answer" in page.get_by_role("alert").inner_text()
    plants.start()
    page.reload()  # before it was sent, or just as it is
    saved(page)
    assert {one["text"]: one["label"] for one in plants.answers()[:3]} == given
    assert len(plants.answers()) == count + 2


def test_the_page_does_not_say_saved_before_it_has_looked(plants: Desk, opened: Open) -> None:
    page = opened(plants)
    page.add_init_script("indexedDB.open = () => new EventTarget()")  # never says whether anything waits
    page.reload()
    page.wait_for_timeout(500)
    assert page.locator("#saved").text_content() != "Saved"


def test_a_browser_that_keeps_nothing_is_told_what_to_do(plants: Desk, opened: Open) -> None:
    page = opened(plants)
    page.add_init_script("indexedDB.open = () => { throw new DOMException('denied', 'SecurityError'); }")
    page.reload()
    page.locator("#said", has_text="This browser lets no page keep data").wait_for()
    assert page.locator("choice-field").is_hidden()


def test_nothing_empty_stands_there_before_the_first_item(plants: Desk, opened: Open) -> None:
    page, held = opened(plants), list[Any]()
    page.route("**/next?*", lambda route: held.append(route))
    page.reload()
    heard(page, lambda: held)
    assert page.get_by_text("The next item is on its way…").is_visible()
    assert page.locator("choice-field").is_hidden()
    page.unroute("**/next?*")  # what it held goes on
    page.locator("choice-field .text").wait_for()
    assert page.get_by_text("The next item is on its way…").is_hidden()


def test_an_answer_whose_reply_was_lost_counts_once(plants: Desk, opened: Open) -> None:
    page = opened(plants, offline=True)
    count, lost = len(plants.answers()), []

    def lose(route: Any) -> None:
        lost.append(route.request.headers["idempotency-key"])
        if len(lost) == 1:
            route.fetch()  # the server has it
            route.abort()  # the page never hears so
        else:
            route.continue_()

    page.route("**/annotations", lose)
    text = answer(page, "2")
    saved(page)
    assert len(lost) == 2
    assert lost[0] == lost[1]
    assert len(plants.answers()) == count + 1
    assert plants.answers()[0]["text"] == text


def test_an_undo_without_network_takes_back_what_was_never_sent(plants: Desk, opened: Open) -> None:
    page = opened(plants, offline=True)
    count = len(plants.answers())
    page.context.set_offline(True)
    text = answer(page, "1")
    waiting(page, 1)
    press(page, "Control+z")
    assert text_of(page) == text
    page.context.set_offline(False)
    saved(page)
    plants.until(lambda: len(plants.answers()) == count, "nothing more than before")


UNDO_AT_ONCE = """() => {
  const real = IDBObjectStore.prototype.getAll;
  let armed = true;
  IDBObjectStore.prototype.getAll = function (...given) {
    const request = real.apply(this, given);
    if (armed && this.name === "waiting" && this.transaction.mode === "readonly") {
      armed = false;
      document.body.dispatchEvent(new KeyboardEvent("keydown", { key: "z", ctrlKey: true, bubbles: true }));
    }
    return request;
  };
}"""
"""Presses Ctrl+Z while the outbox looks for what to send: its answer is on the disk and about to leave."""


def test_an_undo_while_the_answer_is_about_to_be_sent_takes_it_back(plants: Desk, opened: Open) -> None:
    page = opened(plants)
    count, text = len(plants.answers()), text_of(page)
    page.evaluate(UNDO_AT_ONCE)
    press(page, "1")
    shows(page, text)
    saved(page)
    assert len(plants.answers()) == count


SLOW_LOCK = """() => {
  const real = navigator.locks.request.bind(navigator.locks);
  navigator.locks.request = (name, ...rest) => {
    const done = real(name, ...rest);
    return name.startsWith("tithe-send:") ? done.then(() => new Promise(() => {})) : done;
  };
}"""
"""The page never hears that the lock under which it sent is free again; it is told so in a turn of its own."""


def test_an_answer_kept_while_the_lock_is_handed_back_is_sent(plants: Desk, opened: Open) -> None:
    page = opened(plants)
    count = len(plants.answers())
    page.evaluate(SLOW_LOCK)
    for _ in range(2):
        answer(page, "1")
        saved(page)
    assert len(plants.answers()) == count + 2


FULL = """([method, store]) => {
  const real = IDBObjectStore.prototype[method];
  let left = 2;
  IDBObjectStore.prototype[method] = function (...given) {
    const request = real.apply(this, given);
    if (this.name === store && left-- > 0) this.transaction.abort();
    return request;
  };
}"""
"""The browser's disk takes nothing two times."""


def test_an_answer_whose_number_the_browser_cannot_keep_is_sent_once_more_and_counts_once(
    plants: Desk, opened: Open
) -> None:
    page = opened(plants)
    count = len(plants.answers())
    page.evaluate(FULL, ["put", "sent"])
    text = answer(page, "1")
    page.get_by_text("This browser cannot keep what you answer").wait_for()
    saved(page)
    assert len(plants.answers()) == count + 1
    press(page, "Control+z")
    shows(page, text)
    saved(page)
    assert len(plants.answers()) == count


def test_what_the_browser_cannot_keep_is_said_and_kept_when_it_can(plants: Desk, opened: Open) -> None:
    page = opened(plants)
    reserved(page, answered=0)
    count = len(plants.answers())
    page.evaluate(FULL, ["add", "waiting"])
    given = [text_of(page)]
    press(page, "1")
    page.get_by_text("This browser cannot keep what you answer").wait_for()
    given.append(text_of(page))
    press(page, "2")
    saved(page)
    assert [(one["text"], one["label"]) for one in plants.answers()[:2]] == [(given[1], "tree"), (given[0], "fruit")]
    assert len(plants.answers()) == count + 2
    page.get_by_role("alert").wait_for(state="hidden")


def test_a_page_without_an_item_asks_again_by_itself(plants: Desk, opened: Open) -> None:
    page = opened(plants, offline=True)
    page.route("**/events", lambda route: route.abort())  # no news of the background makes it look
    page.route("**/next?*", lambda route: route.fulfill(json={"items": [], "reason": "nothing yet"}))
    page.reload()
    page.get_by_text("Nothing yet").wait_for()
    page.unroute("**/next?*")
    until(page, "() => document.querySelector('.text')?.textContent")


NEVER_SENDS = """() => {
  const real = navigator.locks.request.bind(navigator.locks);
  navigator.locks.request = (name, ...rest) =>
    name.startsWith("tithe-send:") ? new Promise(() => {}) : real(name, ...rest);
}"""
"""A page whose turn to send never comes."""


def test_two_tabs_show_different_items_and_share_one_outbox(plants: Desk, opened: Open) -> None:
    one = opened(plants)
    other = opened(plants, beside=one)
    texts = [text_of(one), text_of(other)]
    for page in (one, other, one, other, other, one):
        assert text_of(one) != text_of(other)
        answer(page, "1")
        texts += [text_of(one), text_of(other)]
    saved(one)
    saved(other)
    newest = [each["text"] for each in plants.answers()[:6]]
    assert len(set(newest)) == 6
    assert set(newest) <= set(texts)


def test_a_lost_login_keeps_the_answers_and_says_what_to_do(plants: Desk, opened: Open) -> None:
    page = opened(plants, offline=True)
    count = len(plants.answers())
    page.context.clear_cookies()
    answer(page, "1")
    waiting(page, 1)
    assert "Open the link that tithe label printed" in page.get_by_role("alert").inner_text()
    page.context.request.post(f"{plants.url}/open", form={"token": TOKEN})
    saved(page)
    assert len(plants.answers()) == count + 1
    page.get_by_role("alert").wait_for(state="hidden")


def test_an_answer_that_the_server_will_never_take_is_said_and_not_dropped(plants: Desk, opened: Open) -> None:
    page = opened(plants, offline=True)
    page.route(
        "**/annotations",
        lambda route: route.fulfill(
            status=422, content_type="application/problem+json", body='{"detail": "no such label", "status": 422}'
        ),
    )
    answer(page, "1")
    page.get_by_text("1 refused").wait_for()
    assert "no such label" in page.get_by_role("alert").inner_text()
    page.unroute("**/annotations")
    page.reload()
    page.get_by_text("1 refused").wait_for()
    page.get_by_role("button", name="Discard it").click()
    saved(page)


def test_an_item_whose_answer_is_discarded_is_asked_again(plants: Desk, opened: Open) -> None:
    page = opened(plants, offline=True)
    refusal = {"status": 422, "content_type": "application/problem+json", "body": '{"detail": "no", "status": 422}'}
    page.route("**/annotations", lambda route: route.fulfill(**refusal))
    text = answer(page, "1")
    page.get_by_text("1 refused").wait_for()
    page.unroute("**/annotations")
    page.get_by_role("button", name="Discard it").click()
    saved(page)
    assert text in [answer(page, "1") for _ in range(4)]
    saved(page)


def test_an_answer_that_another_tab_sends_stays_in_the_list(plants: Desk, opened: Open) -> None:
    page = opened(plants)
    other = opened(plants, beside=page)
    page.evaluate(NEVER_SENDS)
    text = answer(page, "1")
    row = page.locator("#recent li").filter(has=page.get_by_text(text, exact=True))
    row.get_by_text("not saved yet").wait_for()
    answer(other, "1")
    saved(page)
    row.wait_for()
    assert row.get_by_text("not saved yet").count() == 0


def test_leaving_gives_the_items_back(plants: Desk, opened: Open) -> None:
    page = opened(plants)
    text = text_of(page)
    page.goto("about:blank")
    again = opened(plants)  # another browser, the same person: what was left is asked first
    assert text_of(again) == text
