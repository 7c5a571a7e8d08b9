"""Every request of docs/api.md, sent as it stands there by curl to a real server with a real model."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

pytestmark = pytest.mark.system

PAGE = (Path(__file__).parents[2] / "docs" / "api.md").read_text("utf-8")
ROWS = re.findall(r"^\| `(\w+) (/[^`]*)` \| (.+?) \| `(curl .+)` \|$", PAGE, re.MULTILINE)
LABELS = ("question", "praise", "complaint")


@pytest.fixture(scope="module")
def shell(serve_project: Any) -> Any:
    """Runs a line of the page with its variables set."""
    if shutil.which("curl") is None:
        pytest.skip("needs curl")
    texts = [f"{word} phone {n}" for n in range(20) for word in ("where is my", "I love this", "I hate this")]
    served = serve_project(texts, labels=LABELS, audit=0.2, refit_every=3)
    truth = {f"i{n}": LABELS[n % 3] for n in range(len(texts))}
    with served.script() as script:
        versions = [fitted(script, truth, 9, 0)]
        versions.append(fitted(script, truth, 6, versions[0]))
        item = script.get("/next").json()["items"][0]["id"]
        number = script.get("/annotations").json()[0]["annotation"]
    variables = {"item": item, "number": number, "a": versions[0], "b": versions[1], "api": served.api}
    variables |= {"auth": script.headers["authorization"], "json": "Content-Type: application/json"}
    variables["auth"] = f"Authorization: {variables['auth']}"
    env = {**os.environ, **{name: str(value) for name, value in variables.items()}}

    def run(line: str) -> subprocess.CompletedProcess[str]:
        if "with_predictions" in line:  # after the item that the line above added is embedded
            with served.script() as script:
                fitted(script, truth, 0, 0)
        whole = f'curl() {{ command curl -sS --fail-with-body "$@"; }}; {line}'
        return subprocess.run(["bash", "-c", whole], env=env, capture_output=True, text=True, check=False)

    return run


def fitted(script: httpx.Client, truth: dict[str, str], count: int, before: int) -> int:
    """Labels some items and waits for the next version of the model."""
    for _ in range(count):
        (item,) = script.get("/next").json()["items"]
        script.post("/annotations", json={"item": item["id"], "label": truth[item["id"]]}).raise_for_status()
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        status = script.get("/status").json()
        assert status["trouble"] is None, script.get("/troubles").json()
        at_rest = status["state"] == "idle" and status["embedded"] == status["items"]
        if at_rest and status["model"] and status["model"]["version"] > before:
            return int(status["model"]["version"])
        time.sleep(0.1)
    return pytest.fail(f"no model after {before}: {status}")


@pytest.mark.parametrize(("method", "path", "curl"), [(row[0], row[1], row[3]) for row in ROWS])
def test_the_request_works_as_it_stands(shell: Any, method: str, path: str, curl: str) -> None:
    done = shell(curl)
    for seconds in (10, 60):  # a busy machine may begin to answer later than the page waits
        if "--max-time" in curl and not done.stdout:
            done = shell(curl.replace("--max-time 2", f"--max-time {seconds}"))
    if "--max-time" in curl:  # a stream has no end
        assert done.returncode == 28
        assert done.stdout.startswith("retry: 2000\n\nevent: status\ndata: {")
        return
    assert done.returncode == 0, f"{curl}\n{done.stdout}{done.stderr}"
    if "export" in path:
        assert json.loads(done.stdout.splitlines()[0])["id"]
    elif not curl.endswith(("release", "serve")):
        json.loads(done.stdout)


def test_every_request_of_the_api_stands_there(fruits: Any) -> None:
    base = "/api/v1/projects/{project}"
    said = httpx.get(f"{fruits.url}/openapi.json").json()["paths"]
    wanted = {
        (method.upper(), path.removeprefix(base) or "/")
        for path, methods in said.items()
        if path.startswith("/api/")
        for method in methods
    }
    assert {(method, path.partition("?")[0]) for method, path, *_ in ROWS} == wanted


def test_every_parameter_that_the_page_names_is_there(fruits: Any) -> None:
    said = httpx.get(f"{fruits.url}/openapi.json").json()["paths"]
    for method, path, *_ in ROWS:
        route, _, query = path.partition("?")
        whole = route if route.startswith("/api/") else "/api/v1/projects/{project}" + route.rstrip("/")
        operation = said[whole][method.lower()]
        known = {one["name"] for one in operation.get("parameters", ())}
        assert set(re.findall(r"(\w+)=", query)) <= known, path
