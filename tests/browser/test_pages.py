"""The pages beside the labelling page, in a real browser at a real `tithe label`."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from tests.browser.conftest import WAIT_MS, Make, Open
from tests.browser.desk import TOKEN, Desk, heard

from tithe.rng import stream

pytestmark = pytest.mark.system

expect = pytest.importorskip("playwright.sync_api").expect
expect.set_options(timeout=WAIT_MS)  # it asks again and again; five seconds are few for a busy machine

PAGES = ("progress", "items", "try", "models", "export", "settings", "trouble")
WORDS = {
    "food": ("soup", "bread", "cheese", "apple", "kitchen", "salt", "dinner", "spoon"),
    "sea": ("boat", "wind", "harbour", "rope", "wave", "anchor", "storm", "deck"),
}


def made(count: int) -> tuple[list[str], dict[str, str]]:
    """Texts of two topics, and the label of each."""
    rng = stream(0, "pages")
    truth = {}
    for row in range(count):
        label = sorted(WORDS)[int(rng.integers(2))]
        words = rng.choice(WORDS[label], 4).tolist()
        truth[f"the {words[0]} and the {words[1]} by a {words[2]} with {words[3]} {row}"] = label
    return list(truth), truth


TEXTS, TRUTH = made(90)

LISTEN = """() => {
  window.seen = [];
  const main = document.querySelector("main");
  document.addEventListener("refreshed", () => window.seen.push(main.innerText));
}"""
"""Keeps what the page showed after each time that parts of it were drawn anew."""


def answer(desk: Desk, count: int) -> None:
    """Answers so many items as their topics say, by the API."""
    for _ in range(count):
        (item,) = desk.ask("GET", "/next")["items"]
        body = {"item": item["id"], "label": TRUTH[item["text"]], "lead_s": 3.0, "proposal": item["proposal"]}
        desk.ask("POST", "/annotations", json=body)


def learn(desk: Desk, count: int) -> int:
    """Answers so many items and waits for a model that knows some of them; its version."""
    before = (desk.ask("GET", "/status")["model"] or {"version": 0})["version"]
    answer(desk, count)
    return int(desk.until(lambda: _newer(desk, before), "a newer model"))


def settled(desk: Desk) -> None:
    """Waits until nothing goes on in the background, nor begins: what the API says now is what pages show."""
    idle = 0

    def rests() -> bool:
        nonlocal idle
        status = desk.ask("GET", "/status")
        idle = idle + 1 if status["state"] == "idle" and status["embedded"] == status["items"] else 0
        return idle == 5  # between two rounds it is idle for a moment

    desk.until(rests, "nothing more to do", 180)


def _newer(desk: Desk, before: int) -> int | None:
    model = desk.ask("GET", "/status")["model"]
    return model["version"] if model and model["version"] > before else None


@pytest.fixture(scope="module")
def learned(make_desk: Make) -> Desk:
    """A project with two models and audit answers, which tests share; they leave it able to go on."""
    desk = make_desk("learned", TEXTS, ("food", "sea"), strategy="margin", audit=0.5)
    desk.until(lambda: desk.ask("GET", "/status")["embedded"] == len(TEXTS), "the views")
    learn(desk, 20)
    learn(desk, 16)
    settled(desk)  # or a later model would come in the middle of a test
    return desk


@pytest.fixture(scope="module")
def bare(make_desk: Make) -> Desk:
    """A project without an answer, which tests change at will."""
    return make_desk("bare", ["one apple", "two boats", "three soups"], ("food", "sea", "other"))


@pytest.fixture(params=[("desktop", "light"), ("phone", "dark")], ids="-".join)
def screen(request: pytest.FixtureRequest) -> dict[str, Any]:
    width, scheme = request.param
    size = {"width": 1280, "height": 800} if width == "desktop" else {"width": 390, "height": 844}
    return {"viewport": size, "color_scheme": scheme}


def check_looks(page: Any) -> None:
    """Fails where axe finds something, or the page is wider than the screen."""
    from axe_core_python.sync_playwright import Axe

    found = Axe().run(page)["violations"]
    assert not found, [(one["id"], [node["target"] for node in one["nodes"]]) for one in found]
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize("name", PAGES)
def test_every_page_is_clean_with_a_model(learned: Desk, opened: Open, screen: dict[str, Any], name: str) -> None:
    page = opened(learned, name, **screen)
    if name == "try":
        page.get_by_label("Text", exact=True).fill("the boat and the wind\nthe soup")
        page.keyboard.press("Control+Enter")
        page.get_by_text("The same from a script").click()
    if name == "export":
        page.get_by_role("button", name="Prepare the file").click()
        page.get_by_role("link", name="Download").wait_for()
    for one in page.locator("details:not([open]) > summary").all():
        one.click()
    check_looks(page)


@pytest.mark.parametrize("name", PAGES)
def test_every_page_is_clean_and_honest_before_the_first_answer(
    bare: Desk, opened: Open, screen: dict[str, Any], name: str
) -> None:
    page = opened(bare, name, **screen)
    said = {
        "progress": "Too early to say",
        "items": "3 items",
        "try": "No model yet",
        "models": "No model yet",
        "export": "Nothing is answered yet",
        "settings": "Each change is saved",
        "trouble": "Nothing has failed",
    }
    assert said[name] in page.locator("main").inner_text()
    check_looks(page)


# --- settings


@pytest.fixture
def settings(bare: Desk, opened: Open) -> Any:
    return opened(bare, "settings", offline=True)  # a refused setting is an error in the console, and meant


def told(page: Any, name: str, words: str) -> None:
    """Waits for what is said beside a field."""
    page.locator(f"#{name}-outcome", has_text=words).wait_for()


def test_settings_are_changed_by_keyboard_alone_and_stand(bare: Desk, settings: Any) -> None:
    settings.get_by_label("Strategy", exact=True).focus()
    settings.keyboard.type("marg")
    told(settings, "strategy", "Saved")
    assert "two most probable labels" in settings.locator("#strategy-what").inner_text()
    settings.get_by_label("From uncertainty to diversity").focus()
    for _ in range(4):
        settings.keyboard.press("ArrowRight")
    told(settings, "diversity", "Saved")
    settings.get_by_label("Show those at least this sure").focus()
    settings.keyboard.press("ArrowRight")
    told(settings, "threshold", "Saved")
    settings.get_by_label("Show what the model suggests").focus()
    settings.keyboard.press("Space")
    told(settings, "suggestions", "Saved")
    settings.get_by_label("Budget, answers").fill("40")
    settings.keyboard.press("Tab")
    told(settings, "budget", "Saved")
    settings.reload()
    kept = bare.ask("GET", "/settings")
    wanted = {"strategy": "margin", "diversity": 0.2, "threshold": 0.55, "suggestions": False, "budget": 40}
    assert {name: kept[name] for name in wanted} == wanted
    assert settings.get_by_label("Strategy", exact=True).input_value() == "margin"
    assert settings.locator("output[for=diversity]").inner_text() == "20 %"


def test_a_refused_setting_shows_the_servers_words_beside_its_field(bare: Desk, settings: Any) -> None:
    bare.ask("PATCH", "/settings", json={"diversity": 0})
    before = bare.ask("GET", "/settings")
    settings.get_by_label("Strategy", exact=True).select_option("")
    written = settings.get_by_label("Strategy, written out")
    written.fill("mnlp")
    written.press("Enter")
    told(settings, "strategy", "is for spans only")
    assert written.get_attribute("aria-invalid") == "true"
    settings.get_by_label("Audit items, % of the answers").fill("250")
    settings.keyboard.press("Tab")
    told(settings, "audit", "must be a number from 0 to 1")
    assert bare.ask("GET", "/settings") == before
    written.fill("power_bald(beta=2)")
    written.press("Enter")
    told(settings, "strategy", "Saved")
    assert bare.ask("GET", "/settings")["strategy"] == "power_bald(beta=2)"


def test_a_field_is_saved_once_its_last_change_is(settings: Any) -> None:
    sent: list[Any] = []
    settings.route("**/api/v1/projects/bare/settings", lambda route: sent.append(route))
    settings.get_by_label("Show those at least this sure").focus()
    settings.keyboard.press("ArrowRight")
    settings.keyboard.press("ArrowRight")
    for count in (1, 2):
        heard(settings, lambda count=count: len(sent) == count)
        assert settings.locator("#threshold-outcome").inner_text() == "Saving …"
        sent[-1].continue_()
    told(settings, "threshold", "Saved")


def test_keys_that_clash_are_refused(bare: Desk, settings: Any) -> None:
    food, sea = settings.locator("#key-1"), settings.locator("#key-2")
    food.fill("q")
    food.press("Tab")
    told(settings, "keys", "Saved")
    sea.fill("q")
    sea.press("Tab")
    told(settings, "keys", "give each its own")
    assert bare.ask("GET", "/settings")["keys"] == {"food": "q"}
    sea.fill("")
    sea.press("Tab")
    told(settings, "keys", "Saved")


def test_labels_are_added_renamed_and_merged_after_a_second_question(make_desk: Make, opened: Open) -> None:
    desk = make_desk("labels", TEXTS[:8], ("food", "sea"))
    answer(desk, 3)
    page = opened(desk, "settings", offline=True)
    page.get_by_label("New label").fill("ocean")
    page.keyboard.press("Enter")
    told(page, "labels", "“ocean” is a label now")
    page.get_by_label("New name of food").fill("meal")
    page.keyboard.press("Enter")
    told(page, "labels", "is called “meal” now")
    for choice, labels in (("Keep both", ["meal", "sea", "ocean"]), ("Merge", ["meal", "ocean"])):
        page.get_by_label("New name of sea").fill("ocean")
        page.keyboard.press("Enter")
        asks = page.get_by_role("dialog", name="Merge two labels?")
        asks.wait_for()
        assert "labelled item" in asks.inner_text()
        assert asks.get_by_role("button", name="Keep both").evaluate("one => one === document.activeElement")
        asks.get_by_role("button", name=choice).click()
        told(page, "labels", "is a part of “ocean”" if choice == "Merge" else "Both labels stay")
        assert _labels(desk) == labels
    assert {one["label"] for one in desk.answers()} <= {"meal", "ocean"}
    page.get_by_label("New label").fill("meal")
    page.keyboard.press("Enter")
    told(page, "labels", "there is a label 'meal' already")


def _labels(desk: Desk) -> list[str]:
    return list(desk.ask("GET", "")["labels"])


def test_guidelines_are_previewed_and_saved_and_nothing_in_them_runs(bare: Desk, settings: Any) -> None:
    text = "# Food\n\nAll that is *eaten*.\n\n<img src=x onerror=\"document.title='run'\">\n\n[x](javascript:alert(1))"
    settings.get_by_label("What each label means").fill(text)
    settings.get_by_role("button", name="Preview").click()
    preview = settings.get_by_role("region", name="Preview of the guidelines")
    preview.get_by_role("heading", name="Food", level=3).wait_for()
    assert preview.locator("em").inner_text() == "eaten"
    assert preview.locator("img, script, a").count() == 0
    settings.get_by_role("button", name="Save").click()
    told(settings, "guidelines", "Saved")
    assert bare.ask("GET", "/settings")["guidelines"] == text
    assert settings.title() != "run"


def test_new_data_is_pasted_or_sent_as_a_file_and_duplicates_are_refused(
    bare: Desk, settings: Any, tmp_path: Path
) -> None:
    before = bare.ask("GET", "/status")["items"]
    pasted = settings.get_by_label("Pasted text")
    pasted.fill("four pears\nfive ships\n")
    settings.get_by_role("button", name="Add the lines").click()
    told(settings, "add-text", "2 items added")
    pasted.fill("four pears\n")
    settings.get_by_role("button", name="Add the lines").click()
    told(settings, "add-text", "already in the project")
    file = tmp_path / "more.csv"
    file.write_text('id,text\nx1,"six ""plums"", ripe"\nx2,七つの海\n', "utf-8")
    settings.get_by_label("A file").set_input_files(file)
    settings.get_by_role("button", name="Add the file").click()
    told(settings, "add-file", "2 items added")
    assert bare.ask("GET", "/status")["items"] == before + 4
    assert bare.ask("GET", "/items/x2")["text"] == "七つの海"


# --- how good is it


def test_progress_follows_the_answers_without_a_reload_and_keeps_the_focus(make_desk: Make, opened: Open) -> None:
    desk = make_desk("live", TEXTS[:40], ("food", "sea", "neither"))
    page = opened(desk, "progress")
    page.evaluate("window.here = true")
    fact = page.locator(".facts div", has_text="items labelled").locator("dd")
    assert fact.inner_text() == "0"
    answer(desk, 2)
    expect(fact).to_have_text("2")
    numbers = page.get_by_role("link", name="A search")
    numbers.focus()
    answer(desk, 1)
    expect(fact).to_have_text("3")
    expect(numbers).to_be_focused()
    learn(desk, 17)
    expect(fact).to_have_text("20")
    page.get_by_role("heading", name="How good is it?").wait_for()
    assert page.evaluate("window.here")


def test_what_changes_while_a_page_is_on_its_way_is_shown(make_desk: Make, opened: Open) -> None:
    desk = make_desk("early", TEXTS[:20], ("food", "sea"))
    page = opened(desk, "export")  # which asks for no news
    held: list[Any] = []
    page.route("**/events", lambda route: held.append(route))
    page.goto(f"{desk.url}/p/early/progress")
    answer(desk, 1)
    settled(desk)  # nothing changes later
    heard(page, lambda: held)
    held[0].continue_()
    expect(page.locator(".facts div", has_text="items labelled").locator("dd")).to_have_text("1")


ONE_EVENT = """window.EventSource = class extends EventTarget {
  constructor() { super(); window.source = this; }
  close() {}
}"""
"""The page hears of no changes but those that a test tells it."""


def test_a_change_is_shown_though_the_first_look_at_it_failed(make_desk: Make, opened: Open) -> None:
    desk = make_desk("once-more", TEXTS[:20], ("food", "sea"))
    page = opened(desk, "progress", offline=True)
    page.add_init_script(ONE_EVENT)
    page.reload()
    answer(desk, 1)
    page.route("**/progress", lambda route: route.abort(), times=1)
    page.evaluate("window.source.dispatchEvent(new MessageEvent('status', { data: 'another' }))")
    expect(page.locator(".facts div", has_text="items labelled").locator("dd")).to_have_text("1")


def test_the_estimate_is_told_with_its_interval_and_the_curve_has_words(learned: Desk, opened: Open) -> None:
    said = learned.ask("GET", "/progress")
    page = opened(learned, "progress")
    (estimate,) = said["estimates"]
    shown = page.locator(".estimate").inner_text()
    for share in (estimate["mean"], estimate["low"], estimate["high"]):
        assert f"{100 * share:.1f} %" in shown
    assert f"on {estimate['n']} audit items" in shown
    curve = page.get_by_role("img", name="Accuracy against labels").first
    assert curve.locator("polyline.curve").count() >= 1
    assert "labels accuracy went from" in page.locator("figcaption").inner_text()


# --- models, try out, items, export, trouble


def test_an_older_model_serves_until_the_latest_is_chosen_again(learned: Desk, opened: Open) -> None:
    versions = [one["version"] for one in learned.ask("GET", "/models")]
    oldest = versions[-1]
    page = opened(learned, "models")
    page.get_by_role("button", name=f"Serve version {oldest}", exact=True).click()
    page.get_by_text(f"Version {oldest} serves, because somebody chose it").wait_for()
    assert learned.ask("POST", "/predict", json={"texts": ["the boat"]})["model"] == oldest
    page.get_by_role("button", name="Serve the latest again").click()
    page.get_by_text("serves: always the latest one").wait_for()
    assert learned.ask("GET", "/status")["serving"] == "latest"
    settled(learned)


def test_a_part_that_comes_late_does_not_replace_a_later_one(learned: Desk, opened: Open) -> None:
    page = opened(learned, "models")
    page.evaluate(LISTEN)
    late: list[Any] = []
    page.route("**/models", lambda route: late.append((route, route.fetch())), times=1)
    answer(learned, 1)  # the page looks what changed
    heard(page, lambda: late)
    oldest = learned.ask("GET", "/models")[-1]["version"]
    page.get_by_role("button", name=f"Serve version {oldest}", exact=True).click()
    page.get_by_text(f"Version {oldest} serves, because somebody chose it").wait_for()
    route, response = late[0]
    route.fulfill(response=response)
    heard(page, lambda: page.evaluate("window.seen.length") > 1)
    assert all("somebody chose it" in one for one in page.evaluate("window.seen"))
    learned.ask("PATCH", "/settings", json={"serving": None})
    settled(learned)


def test_two_models_are_compared_on_the_same_items(learned: Desk, opened: Open) -> None:
    versions = [str(one["version"]) for one in learned.ask("GET", "/models")]
    page = opened(learned, "models")
    page.get_by_label("One").select_option(versions[-1])
    page.get_by_label("Other").select_option(versions[0])
    page.get_by_role("button", name="Compare").click()
    page.get_by_text("The difference in accuracy is").wait_for()
    found = learned.ask("GET", f"/models/compare?a={versions[-1]}&b={versions[0]}")
    assert f"{found['a_right']} right" in page.locator("main").inner_text()
    assert page.locator("table.differ tbody tr").count() == len(found["items"])
    page.get_by_label("One").select_option(versions[0])
    page.get_by_role("button", name="Compare").click()
    page.get_by_role("alert").get_by_text("choose two different versions").wait_for()


def test_texts_are_tried_out_line_by_line_and_the_call_shown_says_the_same(learned: Desk, opened: Open) -> None:
    page = opened(learned, "try")
    page.get_by_label("Text", exact=True).fill("the boat and the wind\n\nthe soup and the bread's salt")
    page.keyboard.press("Control+Enter")
    cards = page.locator("#answer .card")
    cards.nth(1).wait_for()
    said = cards.locator(".said").all_inner_texts()
    assert [one.split()[0] for one in said] == ["sea", "food"]
    page.get_by_text("The same from a script").click()
    command = page.locator("#answer pre").inner_text()
    done = subprocess.run(
        ["bash", "-c", command + " -s"], capture_output=True, env={**os.environ, "TITHE_TOKEN": TOKEN}, check=True
    )
    predicted = json.loads(done.stdout)["predictions"]
    assert [one["label"] for one in predicted] == ["sea", "food"]
    assert f"{100 * predicted[0]['confidence']:.1f} %" in said[0]


def test_labels_that_are_not_looked_for_are_left_out(learned: Desk, opened: Open) -> None:
    page = opened(learned, "try")
    page.get_by_label("Text", exact=True).fill("the boat and the wind")
    page.get_by_role("button", name="Ask the model").click()
    scores = page.locator("#answer .scores li")
    expect(scores).to_have_count(2)
    page.get_by_role("checkbox", name="food").uncheck()
    expect(scores).to_have_count(1)
    expect(scores).to_contain_text("sea")


def test_an_empty_text_is_refused_in_words(learned: Desk, opened: Open) -> None:
    page = opened(learned, "try", offline=True)
    page.get_by_label("Text", exact=True).fill("   ")
    page.get_by_role("checkbox", name="food").focus()
    page.get_by_role("button", name="Ask the model").click()
    page.get_by_role("alert").get_by_text("there is no text to judge").wait_for()


def test_items_are_found_by_text_label_state_and_confidence(learned: Desk, opened: Open) -> None:
    page = opened(learned, "items")
    assert page.locator(".items > li").count() == 50
    page.get_by_role("link", name="Further").click()
    page.get_by_text("51 to 90 of 90 items").wait_for()
    page.get_by_label("Text", exact=True).fill("HARBOUR")
    page.get_by_label("State").select_option("labelled")
    page.keyboard.press("Enter")
    page.get_by_role("link", name="Show all").wait_for()
    texts = page.locator(".item-text").all_inner_texts()
    labelled = learned.ask("GET", "/items?text=harbour&state=labelled&limit=500")["items"]
    assert texts == [one["text"] for one in labelled]
    assert texts
    page.goto(f"{learned.url}/p/learned/items?label=sea&from=50&to=101")
    page.get_by_role("alert").get_by_text("a number from 0 to 100; given '101'").wait_for()
    page.goto(f"{learned.url}/p/learned/items?label=sea&state=open&from=60&order=confidence")
    sure = [float(one.split()[0]) for one in page.locator(".guess .number").all_inner_texts()]
    assert sure == sorted(sure)
    assert min(sure) >= 60


def test_an_item_opens_for_labelling(learned: Desk, opened: Open) -> None:
    page = opened(learned, "items?state=open")
    row = page.locator(".item-text").first
    text = row.inner_text()
    row.click()
    page.wait_for_url("**/label?item=*")
    expect(page.locator("main")).to_contain_text(text)


def test_the_export_says_what_it_leaves_out_and_is_what_the_api_gives(
    learned: Desk, opened: Open, tmp_path: Path
) -> None:
    page = opened(learned, "export")
    page.get_by_label("Every item").check()
    page.get_by_label("CSV").check()
    page.get_by_role("button", name="Prepare the file").click()
    notes = page.locator(".notes li")
    notes.first.wait_for()
    assert "by people" in notes.first.inner_text()
    with page.expect_download() as waited:
        page.get_by_role("link", name="Download").click()
    waited.value.save_as(tmp_path / "out.csv")
    assert waited.value.suggested_filename == "learned.csv"
    rows = (tmp_path / "out.csv").read_text("utf-8-sig").splitlines()
    assert len(rows) == len(TEXTS) + 1
    page.get_by_label("JSON lines").check()
    assert page.get_by_role("link", name="Download").count() == 0


def test_a_file_that_is_ready_after_another_choice_is_not_offered(learned: Desk, opened: Open) -> None:
    page = opened(learned, "export")
    held: list[Any] = []
    page.route("**/export?*", lambda route: held.append(route))
    button = page.get_by_role("button", name="Prepare the file")
    button.click()
    heard(page, lambda: held)
    page.get_by_label("JSON lines").check()
    held[0].continue_()
    expect(button).to_be_enabled()
    assert page.get_by_role("link", name="Download").count() == 0


def test_a_failed_training_stands_with_its_traceback_and_labelling_goes_on(make_desk: Make, opened: Open) -> None:
    desk = make_desk("failing", TEXTS[:30], ("food", "sea"))
    page = opened(desk, "trouble")
    assert "Nothing has failed" in page.locator("main").inner_text()
    desk.ask("PATCH", "/settings", json={"start": "no/such-encoder"})
    desk.until(lambda: desk.ask("GET", "/troubles"), "trouble")
    page.get_by_role("heading", name="What still works").wait_for()
    assert "no/such-encoder" in page.locator("pre").first.inner_text()
    check_looks(page)
    desk.ask("PATCH", "/settings", json={"start": "no/other-encoder"})
    page.locator("pre", has_text="no/other-encoder").first.wait_for()
    check_looks(page)
    answer(desk, 1)
    desk.ask("PATCH", "/settings", json={"start": "lexical"})


# --- spans


@pytest.fixture(scope="module")
def tagged(make_desk: Make) -> Desk:
    """Sentences with names in several scripts, all answered but a few."""
    names = ("Zoë", "李雷", "Amira", "👍🏿bot", "José")
    texts = [f"🎉 {names[n % 5]} met {names[(n + 2) % 5]} in room {n}" for n in range(30)]
    desk = make_desk("tagged", texts, ("PER", "ROOM"), "spans")
    for _ in range(24):
        (item,) = desk.ask("GET", "/next")["items"]
        text = item["text"]
        spans = [
            {"start": text.index(one), "end": text.index(one) + len(one), "label": "PER"}
            for one in names
            if one in text
        ]
        spans.append({"start": text.index("room"), "end": len(text), "label": "ROOM"})
        desk.ask("POST", "/annotations", json={"item": item["id"], "label": spans, "lead_s": 4.0})
    desk.until(lambda: desk.ask("GET", "/status")["model"], "a model")
    settled(desk)
    return desk


def test_entities_are_marked_in_the_text_that_is_tried_out(tagged: Desk, opened: Open) -> None:
    text = "🎉 Zoë met 李雷 in room 77"
    page = opened(tagged, "try")
    page.get_by_label("Text", exact=True).fill(text)
    page.keyboard.press("Control+Enter")
    page.locator("#answer mark").first.wait_for()
    said = tagged.ask("POST", "/predict", json={"texts": [text]})["predictions"][0]["spans"]
    shown = page.locator("#answer mark").evaluate_all("all => all.map(one => one.firstChild.textContent)")
    assert shown == [text[one["start"] : one["end"]] for one in said]
    assert "Zoë" in shown
    page.get_by_role("button", name="None").click()
    page.get_by_text("No span of these labels").wait_for()
    check_looks(page)


def test_labelled_items_show_their_spans(tagged: Desk, opened: Open) -> None:
    page = opened(tagged, "items?state=labelled")
    first = tagged.ask("GET", "/items?state=labelled&limit=1")["items"][0]
    marks = page.locator(".item-text").first.locator("mark")
    shown = marks.evaluate_all("all => all.map(one => one.firstChild.textContent)")
    assert shown == [
        first["text"][one["start"] : one["end"]] for one in sorted(first["label"], key=lambda one: one["start"])
    ]
    check_looks(page)
