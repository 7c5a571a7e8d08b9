"""Several projects in one server, made by API."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from tests.service.made_project import made, open_live

from tithe.service.house import House


@pytest.fixture(scope="module")
def served(serve_project: Any) -> Any:
    return serve_project()


def test_a_project_is_made_filled_and_labelled_by_api(served: Any) -> None:
    with served.script() as script:
        base = served.url + "/api/v1/projects"
        answer = script.post(base, json={"name": "Sea or Food?", "labels": ["sea", "food"]})
        assert answer.status_code == 201, answer.text
        assert answer.json()["id"] == "sea-or-food"
        assert [one["id"] for one in script.get(base).json()] == ["fruits", "sea-or-food"]
        empty = script.get(f"{base}/sea-or-food/next").json()
        assert empty == {"items": [], "reason": "the project has no items yet; add some in the settings"}
        rows = "id,text\n" + "\n".join(f"n{n},a boat in the harbour {n}" for n in range(30))
        added = script.post(f"{base}/sea-or-food/items", content=rows, headers={"Content-Type": "text/csv"})
        assert added.status_code == 201, added.text
        item = script.get(f"{base}/sea-or-food/next").json()["items"][0]["id"]
        said = script.post(f"{base}/sea-or-food/annotations", json={"item": item, "action": "label", "label": "sea"})
        assert said.status_code == 201
        assert script.get(f"{base}/sea-or-food/status").json()["labelled"] == 1
        assert script.get(f"{base}/sea-or-food/status").json()["audit"]["reserved"] == 6  # drawn of what was added
        assert script.get(f"{base}/fruits/status").json()["labelled"] == 0


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ({"name": "fruits", "labels": ["a", "b"]}, 409, "already"),
        ({"name": "x", "labels": []}, 422, "labels"),
        ({"name": "x", "labels": ["a", "a"]}, 422, "twice"),
        ({"name": "x", "labels": ["a", "b"], "task": "chioce"}, 404, "choice"),
        ({"name": "x", "labels": ["a", "b"], "settings": {"audit": 7}}, 422, "audit"),
        ({"name": "", "labels": ["a", "b"]}, 422, "name"),
        ({"labels": ["a", "b"]}, 422, "name"),
    ],
)
def test_what_is_no_project_is_refused_and_leaves_nothing(
    served: Any, body: dict[str, Any], status: int, words: str
) -> None:
    with served.script() as script:
        base = served.url + "/api/v1/projects"
        before = script.get(base).json()
        answer = script.post(base, json=body)
        assert answer.status_code == status, answer.text
        assert words in answer.text
        assert script.get(base).json() == before


def test_the_first_page_lists_several_projects(serve_project: Any) -> None:
    served = serve_project()
    with served.browser() as browser:
        assert browser.get(served.url + "/").headers["location"] == "/p/fruits/label"
        with served.script() as script:
            script.post(served.url + "/api/v1/projects", json={"name": "<b>Two</b>", "labels": ["a", "b"]})
        page = browser.get(served.url + "/").text
        assert "/p/fruits/label" in page
        assert "&lt;b&gt;Two" in page
    assert httpx.get(served.url + "/").status_code == 401


def test_projects_are_there_after_a_restart(tmp_path: Any) -> None:
    one = open_live(tmp_path)
    url = f"sqlite:///{tmp_path}/tithe.sqlite"
    House(one.store, url=url, folder=tmp_path).create("another", "multilabel", ["a", "b"])
    one.live.close()
    again = House(one.store, url=url, folder=tmp_path)
    assert [live.info()["id"] for live in again.all()] == ["p", "another"]
    assert again.live("another").add(made(20)[0]) == 20
    one.store.close()
