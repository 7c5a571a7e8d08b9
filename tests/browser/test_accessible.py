"""What axe finds in every state of the page, light and dark, on a desktop and on a phone."""

from __future__ import annotations

from typing import Any

import pytest
from tests.browser.conftest import Open
from tests.browser.desk import Desk, answer, press, saved

pytestmark = pytest.mark.system

axe = pytest.importorskip("axe_core_python.sync_playwright", reason="needs axe: pip install -e '.[dev]'")
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
LOOKS = {"light": {"color_scheme": "light"}, "dark phone": {"color_scheme": "dark", **PHONE}}


def clean(page: Any, state: str) -> None:
    found = axe.Axe().run(page)["violations"]
    told = [f"{one['id']}: {one['help']} {[node['html'] for node in one['nodes'][:3]]}" for one in found]
    assert not told, f"{state}:\n" + "\n".join(told)


@pytest.mark.parametrize("look", LOOKS)
def test_axe_finds_nothing(plants: Desk, topics: Desk, sentences: Desk, opened: Open, look: str) -> None:
    page = opened(plants, **LOOKS[look])
    press(page, "c", "o", "Escape", "f", "g")
    clean(page, "a choice, flagged, with a comment and the guidelines")
    answer(page, "1")
    saved(page)
    for opener, name in (("?", "keys"), ("/", "search"), ("s", "near duplicates")):
        press(page, opener)
        clean(page, name)
        press(page, "Escape")
    page.get_by_role("button", name="Labels").click()
    clean(page, "labels")
    page = opened(topics, **LOOKS[look])
    press(page, "1", "2", "l", "t")
    clean(page, "many labels, two marked, one looked for")
    page = opened(sentences, **LOOKS[look])
    press(page, "1", "Home", "Shift+End", "2")
    clean(page, "spans, and one that is refused")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "it is wider than the screen"
