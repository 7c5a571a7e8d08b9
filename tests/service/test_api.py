"""The API by HTTP, over a real server and a real project."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest


@pytest.fixture
def script(fruits: Any) -> Iterator[httpx.Client]:
    with fruits.script() as client:
        yield client


def ok(response: httpx.Response, status: int = 200) -> Any:
    assert response.status_code == status, response.text
    return response.json() if response.content else None


def refused(response: httpx.Response, status: int, *words: str) -> Any:
    """A problem with this status whose detail has these words; the problem."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    body = response.json()
    assert set(body) == {"type", "title", "status", "detail", "field"}
    assert body["status"] == status
    assert "\n" not in body["detail"]
    for word in words:
        assert word in body["detail"], body
    return body


def first(script: httpx.Client) -> Any:
    return ok(script.get("/next"))["items"][0]


def test_the_service_says_that_it_is_ready_without_a_login(fruits: Any) -> None:
    assert ok(httpx.get(f"{fruits.url}/healthz")) == {"ready": True}


def test_projects_are_listed(script: httpx.Client, fruits: Any) -> None:
    (only,) = ok(script.get(f"{fruits.url}/api/v1/projects"))
    assert only == ok(script.get(fruits.api))
    assert (only["id"], only["task"], only["labels"], only["items"]) == ("fruits", "choice", ["fruit", "tree"], 40)


def test_an_item_comes_and_its_answer_is_kept(script: httpx.Client) -> None:
    found = ok(script.get("/next", params={"n": 2}))
    assert found["reason"] is None
    item, other = found["items"]
    assert set(item) >= {"id", "text", "proposal", "suggestion", "lease_until", "audit"}
    body = {
        "item": item["id"],
        "action": "label",
        "label": "fruit",
        "flagged": True,
        "comment": "so?",
        "proposal": item["proposal"],
        "lead_s": 1.5,
    }
    before = ok(script.get("/status"))["labelled"]
    number = ok(script.post("/annotations", json=body, headers={"Idempotency-Key": "k1"}), 201)["annotation"]
    assert ok(script.get("/status"))["labelled"] == before + 1
    newest = ok(script.get("/annotations", params={"limit": 1}))[0]
    assert newest | body | {"annotation": number, "seconds": 1.5, "standing": True, "text": item["text"]} | {
        k: newest[k] for k in ("at",)
    } == newest | {k: body[k] for k in ("proposal", "lead_s")}
    assert ok(script.get("/next", params={"n": 2}))["items"][0]["id"] == other["id"]


def test_the_same_key_again_gets_the_same_answer_and_keeps_one(script: httpx.Client) -> None:
    body = {"item": first(script)["id"], "label": "tree"}
    sent = [script.post("/annotations", json=body, headers={"Idempotency-Key": "twice"}) for _ in range(3)]
    assert len({ok(one, 201)["annotation"] for one in sent}) == 1
    again = [one for one in ok(script.get("/annotations", params={"limit": 100})) if one["item"] == body["item"]]
    assert len(again) == 1


def test_the_same_key_with_another_body_is_refused(script: httpx.Client) -> None:
    body = {"item": first(script)["id"], "label": "tree"}
    ok(script.post("/annotations", json=body, headers={"Idempotency-Key": "reused"}), 201)
    said = refused(
        script.post("/annotations", json=body | {"label": "fruit"}, headers={"Idempotency-Key": "reused"}), 422
    )
    assert said["type"] == "urn:tithe:key-used-before"


def test_two_tabs_send_answers_to_one_item_and_the_later_stands(script: httpx.Client) -> None:
    item = first(script)["id"]
    ok(script.post("/annotations", json={"item": item, "label": "tree"}, headers={"Idempotency-Key": "tab-1"}), 201)
    ok(script.post("/annotations", json={"item": item, "label": "fruit"}, headers={"Idempotency-Key": "tab-2"}), 201)
    assert ok(script.get(f"/items/{item}"))["label"] == "fruit"
    two = [one for one in ok(script.get("/annotations", params={"limit": 100})) if one["item"] == item]
    assert [one["standing"] for one in two] == [True, False]


def test_an_answer_to_an_item_that_is_not_leased_any_more_is_kept(script: httpx.Client) -> None:
    item = first(script)["id"]
    ok(script.post("/leases/release", json={"items": [item]}), 204)
    ok(script.post("/annotations", json={"item": item, "label": "tree"}), 201)
    assert ok(script.get(f"/items/{item}"))["label"] == "tree"


def test_an_answer_is_taken_back(script: httpx.Client) -> None:
    item = first(script)["id"]
    number = ok(script.post("/annotations", json={"item": item, "label": "tree"}), 201)["annotation"]
    key = {"Idempotency-Key": "undo-1"}
    one, two = (script.post(f"/annotations/{number}/undo", headers=key) for _ in range(2))
    assert ok(one, 201) == ok(two, 201)
    assert ok(script.get(f"/items/{item}"))["label"] is None
    refused(script.post(f"/annotations/{number}/undo"), 409, "can take back")
    refused(script.post(f"/annotations/{2**31 - 1}/undo"), 409, "can take back")
    refused(script.post(f"/annotations/{10**20}/undo"), 422, "less than 2147483648")


@pytest.mark.parametrize("action", ["skip", "reject"])
def test_an_item_is_passed_over(script: httpx.Client, action: str) -> None:
    item = first(script)["id"]
    ok(script.post("/annotations", json={"item": item, "action": action, "label": None}), 201)
    assert ok(script.get(f"/items/{item}"))["state"] == "skipped"
    refused(script.post("/annotations", json={"item": item, "action": action, "label": "tree"}), 422, "has no label")


@pytest.mark.parametrize(
    ("change", "field", "words"),
    [
        ({"label": "car"}, None, ["car"]),
        ({"label": ["fruit"]}, None, ["is a word"]),
        ({"label": None}, None, ["no label"]),
        ({"action": "maybe"}, "action", ["'label', 'skip' or 'reject'"]),
        ({"lead_s": -1}, "lead_s", ["greater than or equal to 0"]),
        ({"flaged": True}, "flaged", ["Extra inputs"]),
        ({"comment": "x" * 10_001}, "comment", ["10000"]),
        ({"item": "a\0b"}, "item", ["NUL"]),
        ({"item": ""}, "item", ["at least 1"]),
    ],
)
def test_a_wrong_answer_is_refused_with_the_field(
    script: httpx.Client, change: dict[str, Any], field: str | None, words: list[str]
) -> None:
    body = {"item": "i0", "label": "fruit"} | change
    assert refused(script.post("/annotations", json=body), 422, *words)["field"] == field


def test_an_unknown_item_is_not_found(script: httpx.Client) -> None:
    refused(script.post("/annotations", json={"item": "nope", "label": "fruit"}), 404, "nope")
    refused(script.get("/items/nope"), 404, "nope")


@pytest.mark.parametrize("body", [b"{", b"[]", b"nonsense", b'{"item": "\\ud800", "label": "fruit"}'])
def test_a_body_that_is_no_json_object_is_refused(script: httpx.Client, body: bytes) -> None:
    refused(script.post("/annotations", content=body, headers={"Content-Type": "application/json"}), 422)


def test_a_body_that_is_not_utf_8_is_refused(script: httpx.Client) -> None:
    refused(script.post("/annotations", content=b'{"item": "\xff"}', headers={"Content-Type": "application/json"}), 400)


def test_leases_are_renewed_and_given_back(script: httpx.Client) -> None:
    item = first(script)
    (lease,) = ok(script.post("/leases", json={"items": [item["id"], "i39x"]}))
    assert lease["item"] == item["id"]
    assert lease["until"] >= item["lease_until"]
    ok(script.post("/leases/release", json={"items": None}), 204)


def test_a_chosen_item_comes(script: httpx.Client) -> None:
    assert ok(script.get("/next", params={"item": "i17"}))["items"][0]["id"] == "i17"


def test_settings_are_changed_and_what_does_not_fit_is_refused(script: httpx.Client) -> None:
    assert ok(script.patch("/settings", json={"threshold": 0.75}))["threshold"] == 0.75
    assert ok(script.get("/settings"))["threshold"] == 0.75
    refused(script.patch("/settings", json={"threshold": 7}), 422, "threshold")
    refused(script.patch("/settings", json={"strategy": "margn"}), 422, "did you mean 'margin'?")
    refused(script.patch("/settings", json={"colour": 7}), 422, "colour")
    refused(script.patch("/settings", json=[1]), 422)
    assert ok(script.get("/settings"))["threshold"] == 0.75


def test_labels_are_added_renamed_and_merged(serve_project: Any) -> None:
    served = serve_project()
    with served.script() as script:
        assert ok(script.post("/labels", json={"add": "nut"}))["labels"] == ["fruit", "tree", "nut"]
        assert ok(script.post("/labels", json={"rename": "nut", "to": "seed"}))["labels"] == ["fruit", "tree", "seed"]
        assert ok(script.post("/labels", json={"rename": "seed", "to": "fruit"}))["labels"] == ["fruit", "tree"]
        refused(script.post("/labels", json={"add": "tree"}), 422, "already")
        item = ok(script.get("/next"))["items"][0]["id"]
        stale = {"item": item, "action": "label", "label": "nut"}  # from a page that was open all the while
        first = script.post("/annotations", json=stale, headers={"Idempotency-Key": "stale"})
        assert first.status_code == 201, first.text
        assert ok(script.get(f"/items/{item}"))["label"] == "fruit"
        refused(script.post("/labels", json={"rename": "oak", "to": "tree"}), 404, "oak")
        for body in ({}, {"add": "x", "rename": "fruit", "to": "y"}, {"rename": "fruit"}, {"to": "x"}):
            refused(script.post("/labels", json=body), 422, "either")


def test_items_are_searched_and_filtered(script: httpx.Client) -> None:
    found = ok(script.get("/items", params={"text": "PEAR number", "limit": 3}))
    assert (len(found["items"]), found["count"], found["more"]) == (3, 10, True)
    assert all("pear" in one["text"] for one in found["items"])
    rest = ok(script.get("/items", params={"text": "PEAR number", "after": 3, "limit": 100}))
    assert (len(rest["items"]), rest["more"]) == (7, False)
    ok(script.post("/annotations", json={"item": first(script)["id"], "label": "tree"}), 201)
    labelled = ok(script.get("/items", params={"state": "labelled", "limit": 100}))["items"]
    assert labelled
    assert all(one["label"] for one in labelled)


def test_items_are_added_from_a_file(serve_project: Any) -> None:
    served = serve_project()
    with served.script() as script:
        csv = 'id,text\nn1,kiwi\nn2,"a, b"\n'
        said = ok(script.post("/items", content=csv, headers={"Content-Type": "text/csv"}), 201)
        assert said["added"] == 2
        said = ok(script.post("/items?format=jsonl", content='{"id": "n3", "text": "lime"}\n'), 201)
        said = ok(script.post("/items", content="one\ntwo\ntwo\n", headers={"Content-Type": "text/plain"}), 201)
        assert (said["added"], "repeat" in said["notes"][0]) == (3, True)
        assert ok(script.get("/status"))["items"] == 46
        refused(script.post("/items?format=csv", content=csv), 422, "already in the project")
        refused(script.post("/items?format=csv", content="id,words\n1,\n"), 422, "the body")
        refused(script.post("/items", content=csv, headers={"Content-Type": "application/zip"}), 422, "format")
        refused(script.post("/items?format=xlsx", content=csv), 422, "'csv'")
        refused(script.post("/items?format=parquet", content=csv), 422, "Parquet")
        assert ok(script.get("/status"))["items"] == 46


def test_ids_with_slashes_and_odd_letters_are_found(serve_project: Any) -> None:
    from urllib.parse import quote

    from tithe.types import Items

    ids = ["a/b", "a/similar", "ü?&#%", "x y", "a//b"]
    served = serve_project(Items(ids, [f"text {one}" for one in ids]))
    with served.script() as script:
        for one in ids:
            assert ok(script.get(f"{served.api}/items/{quote(one, safe='')}"))["id"] == one


def test_another_project_and_another_path_are_not_found(script: httpx.Client, fruits: Any) -> None:
    refused(script.get(f"{fruits.url}/api/v1/projects/other/next"), 404, "'other'", "fruits")
    refused(script.get("/nothing"), 404, "openapi.json")
    refused(script.delete("/next"), 405, "Method Not Allowed")


@pytest.mark.parametrize("query", ["n=0", "n=101", "n=x", "n=1e9", "n=-1", "n=" + "9" * 5_000])
def test_no_limit_is_unlimited(script: httpx.Client, query: str) -> None:
    assert refused(script.get(f"/next?{query}"), 422)["field"] == "n"


@pytest.mark.parametrize("path", ["/items?limit=501", "/annotations?limit=1001", "/items?after=-1", "/items?below=2"])
def test_lists_come_in_parts(script: httpx.Client, path: str) -> None:
    refused(script.get(path), 422)
