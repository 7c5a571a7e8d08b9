"""OpenAPI: every route is documented in whole, and its page needs nothing from elsewhere."""

from __future__ import annotations

import re
from typing import Any

import httpx
import pytest
from fastapi.routing import APIRoute

from tithe.service.api import answers, items, models, project


@pytest.fixture(scope="module")
def said(fruits: Any) -> Any:
    return httpx.get(f"{fruits.url}/openapi.json").json()


def operations(said: Any) -> list[tuple[str, str, Any]]:
    return [(method, path, one) for path, methods in said["paths"].items() for method, one in methods.items()]


def test_every_request_of_the_contract_is_there(said: Any) -> None:
    p = "/api/v1/projects/{project}"
    wanted = {
        ("get", "/healthz"),
        *((method, "/api/v1/projects") for method in ("get", "post")),
        ("get", p),
        *(
            ("get", f"{p}/{name}")
            for name in ("next", "status", "events", "annotations", "settings", "items", "models")
        ),
        *(("get", f"{p}/{name}") for name in ("progress", "models/compare", "troubles", "export", "items/{id}")),
        ("get", f"{p}/items/{{id}}/similar"),
        *(("post", f"{p}/{name}") for name in ("annotations", "annotations/{number}/undo", "leases", "leases/release")),
        *(("post", f"{p}/{name}") for name in ("labels", "items", "predict", "models/{version}/serve")),
        ("patch", f"{p}/settings"),
    }
    assert {(method, path) for method, path, _ in operations(said)} == wanted


def test_every_operation_is_documented_in_whole(said: Any) -> None:
    names = set()
    for method, path, one in operations(said):
        where = f"{method} {path}"
        assert one["summary"], where
        assert one["description"], where
        names.add(one["operationId"])
        assert "security" in one, where
        for parameter in one.get("parameters", ()):
            if parameter["name"] not in ("project", "number", "limit", "n"):
                assert parameter.get("description"), f"{where}: {parameter['name']}"
        if method in ("post", "patch") and not path.endswith(("undo", "serve")):
            assert one["requestBody"]["content"], where
        good = [status for status in one["responses"] if status.startswith("2")]
        assert good, where
        if path.startswith("/api"):
            for status in ("401", "403", "404", "409", "413", "422", "503"):
                assert set(one["responses"][status]["content"]) == {"application/problem+json"}, f"{where} {status}"
    assert len(names) == len(operations(said))


def test_every_json_response_has_a_model(said: Any) -> None:
    for method, path, one in operations(said):
        for status, response in one["responses"].items():
            for kind, body in response.get("content", {}).items():
                if kind == "application/json":
                    assert body["schema"], f"{method} {path} {status}"


def test_every_name_in_a_schema_leads_somewhere(said: Any) -> None:
    refs = set(re.findall(r'"#/components/schemas/(\w+)"', str(said).replace("'", '"')))
    assert refs <= set(said["components"]["schemas"])
    assert all(schema.get("description") for schema in said["components"]["schemas"].values())


def test_no_route_of_the_api_is_left_out(said: Any) -> None:
    parts = (project, answers, items, models)
    made = sum(len(route.methods) for part in parts for route in part.router.routes if isinstance(route, APIRoute))
    assert made == len([path for _, path, _ in operations(said) if path.startswith("/api/v1")])


def test_the_page_of_the_reference_needs_no_network(fruits: Any, said: Any) -> None:
    response = httpx.get(f"{fruits.url}/docs")
    assert response.status_code == 200
    addresses = re.findall(r'(?:src|href)="([^"]+)"', response.text)
    assert addresses
    for address in addresses:
        assert address.startswith(("/static/", "/openapi.json", "#")), address
        assert httpx.get(fruits.url + address).status_code == 200
    assert "<script" not in response.text
    for _, path, one in operations(said):
        assert path in response.text
        assert one["summary"] in response.text


def test_static_files_are_kept_for_ever_under_their_version(fruits: Any) -> None:
    (address,) = re.findall(r'href="(/static/[^"]+)"', httpx.get(f"{fruits.url}/docs").text)
    found = httpx.get(fruits.url + address)
    assert found.headers["content-type"] == "text/css; charset=utf-8"
    assert "immutable" in found.headers["cache-control"]
    older = re.sub(r"/static/\w+/", "/static/0123456789abcdef/", address)
    assert httpx.get(fruits.url + older).headers["cache-control"] == "no-cache"
    assert httpx.get(fruits.url + older).content == found.content
