"""Attacks: each is a test by its name. The list is that of the known faults of other annotation servers."""

from __future__ import annotations

import ast
import html
import json
import os
import re
import socket
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tithe.errors import ConfigError
from tithe.service import pages
from tithe.service.access import Access, check_token, secret_of
from tithe.service.app import create_app
from tithe.service.security import BODY_MOST

SERVICE = Path(__file__).parents[2] / "src" / "tithe" / "service"
TOKEN = "a-token-for-the-tests"
SCRIPT = '<img src=x onload="alert(1)"><script>alert(2)</script>'
ANSWER = {"item": "i30", "label": "fruit"}


@pytest.fixture
def browser(fruits: Any) -> Iterator[httpx.Client]:
    with fruits.browser() as client:
        yield client


def status_of(response: httpx.Response) -> int:
    if response.status_code >= 400:
        assert "Traceback" not in response.text
    return response.status_code


# --- who may


@pytest.mark.parametrize(
    "path",
    [
        "/next",
        "/status",
        "/items",
        "/annotations",
        "/settings",
        "/export",
        "/troubles",
        "/events",
        "/models",
        "/items/i0",
    ],
)
def test_a_stranger_reads_nothing(fruits: Any, path: str) -> None:
    response = httpx.get(fruits.api + path)
    assert response.status_code == 401
    assert response.headers["content-type"] == "application/problem+json"
    assert "apple" not in response.text


def test_a_stranger_writes_nothing(fruits: Any) -> None:
    assert httpx.post(f"{fruits.api}/annotations", json=ANSWER).status_code == 401


def test_a_stranger_who_opens_a_page_is_told_what_to_do(fruits: Any) -> None:
    response = httpx.get(f"{fruits.url}/p/fruits/label", headers={"Accept": "text/html"})
    assert response.status_code == 401
    assert "tithe label" in response.text


def test_the_link_works_once(fruits: Any) -> None:
    link = f"{fruits.url}/open?token={fruits.access.link()}"
    assert [httpx.get(link).status_code for _ in range(3)] == [200, 401, 401]


def test_a_new_link_voids_the_old_one(fruits: Any) -> None:
    old, _ = fruits.access.link(), fruits.access.link()
    assert httpx.get(f"{fruits.url}/open", params={"token": old}).status_code == 401


def test_the_cookie_is_for_this_site_alone_and_no_script_reads_it(fruits: Any) -> None:
    cookie = httpx.get(f"{fruits.url}/open?token={fruits.access.link()}").headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie


def test_a_forged_cookie_opens_nothing(fruits: Any) -> None:
    good = fruits.access.redeem(fruits.access.link())
    said, _, signature = good.rpartition(".")
    nonce, _, since = said.partition(".")
    forged = [
        f"{said}.{signature[:-1]}{'A' if signature[-1] != 'A' else 'B'}",
        f"{nonce}.{int(since) + 10**6}.{signature}",
        f"{said}.",
        f"{said}",
        "..",
        "",
        "me",
        Access(b"another secret of thirty-two byte").redeem(Access(b"x" * 32).link()) or "None",
        stolen_from_another_project(),
    ]
    for one in forged:
        response = httpx.get(f"{fruits.api}/status", headers={"Cookie": f"{fruits.access.cookie}={one}"})
        assert response.status_code == 401, one
    assert httpx.get(f"{fruits.api}/status", headers={"Cookie": f"{fruits.access.cookie}={good}"}).status_code == 200


def stolen_from_another_project() -> str:
    other = Access(os.urandom(32))
    return str(other.redeem(other.link()))


def test_a_session_ends_after_a_month() -> None:
    now = [1e9]
    access = Access(b"s" * 32, clock=lambda: now[0])
    cookie = access.redeem(access.link())
    for day, known in ((0, True), (29, True), (31, False), (-1, False)):
        now[0] = 1e9 + day * 86400
        assert (access.session(cookie, None) is not None) == known


def test_a_session_outlives_the_server_but_not_the_secret(tmp_path: Path) -> None:
    access = Access(secret_of(tmp_path))
    cookie = access.redeem(access.link())
    assert Access(secret_of(tmp_path)).session(cookie, None) is not None
    (tmp_path / "secret").unlink()
    assert Access(secret_of(tmp_path)).session(cookie, None) is None


@pytest.mark.parametrize("given", ["", "Bearer", "Bearer wrong", "Basic YTpi", "Bearer a-token-for-the-test"])
def test_a_wrong_bearer_token_opens_nothing(fruits: Any, given: str) -> None:
    assert httpx.get(f"{fruits.api}/status", headers={"Authorization": given}).status_code == 401


def test_without_a_token_no_bearer_is_known() -> None:
    access = Access(b"s" * 32)
    assert access.session(None, "Bearer ") is None
    assert access.session(None, "Bearer None") is None


# --- secrets


def test_secrets_are_made_for_each_project_and_read_by_their_owner_alone(tmp_path: Path, fruits: Any) -> None:
    old = os.umask(0)
    try:
        secrets = [secret_of(one) for one in (tmp_path, fruits.folder)]
    finally:
        os.umask(old)
    assert len(set(secrets)) == 2
    assert all(len(one) == 32 for one in secrets)
    assert stat.S_IMODE((tmp_path / "secret").stat().st_mode) == 0o600


def test_a_secret_that_others_could_read_is_replaced(tmp_path: Path) -> None:
    before = secret_of(tmp_path)
    (tmp_path / "secret").chmod(0o644)
    assert secret_of(tmp_path) != before
    assert stat.S_IMODE((tmp_path / "secret").stat().st_mode) == 0o600


def test_no_secret_stands_in_the_source() -> None:
    import tithe.service.access as module

    names = [node for node in ast.walk(ast.parse(Path(module.__file__).read_text())) if isinstance(node, ast.Constant)]
    assert not [one.value for one in names if isinstance(one.value, bytes) and one.value]


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "example.org"])
def test_no_start_on_a_public_address_without_a_token(fruits: Any, host: str) -> None:
    with pytest.raises(ConfigError, match="give a token"):
        create_app(fruits.server.house, access=Access(b"s" * 32), host=host)
    with pytest.raises(ConfigError, match="16 characters"):
        create_app(fruits.server.house, access=Access(b"s" * 32, token="short"), host=host)
    create_app(fruits.server.house, access=Access(b"s" * 32, token="long-enough-for-it"), host=host)


@pytest.mark.parametrize("token", ["", "two words", "line\nbreak", "ünsinn"])
def test_a_token_that_no_header_can_hold_is_refused(token: str) -> None:
    with pytest.raises(ConfigError, match="ASCII"):
        check_token(token, public=False)


# --- other sites


@pytest.mark.parametrize(
    "headers",
    [
        {"X-CSRF-Token": ""},
        {"X-CSRF-Token": "wrong"},
        {"X-CSRF-Token": "wröng".encode("latin-1")},
        {"Origin": "https://evil.example"},
        {"Origin": "http://127.0.0.1:1"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_a_post_of_another_site_is_refused(browser: httpx.Client, headers: dict[str, str]) -> None:
    before = browser.get("/status").json()["labelled"]
    assert status_of(browser.post("/annotations", json=ANSWER, headers=headers)) == 403
    assert browser.get("/status").json()["labelled"] == before


def test_the_page_itself_may_post(browser: httpx.Client) -> None:
    assert browser.post("/annotations", json=ANSWER).status_code == 201


def test_the_csrf_token_of_another_session_is_refused(fruits: Any, browser: httpx.Client) -> None:
    with fruits.browser() as other:
        token = other.headers["X-CSRF-Token"]
    assert status_of(browser.post("/annotations", json=ANSWER, headers={"X-CSRF-Token": token})) == 403


def test_a_form_of_another_site_cannot_send_json(browser: httpx.Client) -> None:
    sent = browser.post(
        "/annotations", content=json.dumps(ANSWER), headers={"Content-Type": "text/plain", "X-CSRF-Token": ""}
    )
    assert status_of(sent) == 403


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "", "10.0.0.1", "localhost.evil"]
)
def test_a_name_that_a_stranger_points_here_is_refused(browser: httpx.Client, host: str) -> None:
    assert status_of(browser.get("/status", headers={"Host": host})) == 400


def test_a_tunnel_with_another_port_works(fruits: Any) -> None:
    with fruits.script() as script:
        assert script.get("/status", headers={"Host": "localhost:9000"}).status_code == 200


def test_no_other_origin_is_allowed_to_read(browser: httpx.Client) -> None:
    response = browser.options(
        "/status", headers={"Origin": "https://evil.example", "Access-Control-Request-Method": "GET"}
    )
    assert "access-control-allow-origin" not in response.headers


# --- what is shown


@pytest.mark.parametrize("path", ["/healthz", "/docs", "/openapi.json", "/open", "/nothing", "/api/v1/projects"])
def test_every_response_has_the_headers_that_guard_it(fruits: Any, path: str) -> None:
    headers = httpx.get(fruits.url + path).headers
    policy = headers["content-security-policy"]
    for part in (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "connect-src 'self'",
        "font-src 'self'",
        "img-src 'self' data:",
    ):
        assert part in policy.split("; ")
    assert "unsafe" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cross-origin-opener-policy"] == "same-origin"
    assert headers["cache-control"] == "no-store"
    assert "permissions-policy" in headers
    assert "server" not in headers


def test_script_in_texts_labels_comments_and_guidelines_stays_text(serve_project: Any) -> None:
    served = serve_project([SCRIPT, "b", "c"], labels=(SCRIPT, "b"), guidelines=SCRIPT)
    with served.browser() as client:
        answer = {"item": "i0", "label": SCRIPT, "comment": SCRIPT}
        assert client.post("/annotations", json=answer).status_code == 201
        for path in ("/items", "/annotations", "/settings", "/items/i0", "/export", "/next?item=i1", ""):
            response = client.get(served.api + path)
            assert response.status_code == 200
            assert response.headers["content-type"].split(";")[0] in ("application/json", "application/octet-stream")
            assert response.headers["x-content-type-options"] == "nosniff"
        assert client.get("/export").headers["content-disposition"].startswith("attachment")


def test_script_in_an_address_stays_text(fruits: Any, browser: httpx.Client) -> None:
    for path in (f"/items/{SCRIPT}", f"/next?item={SCRIPT}", f"/items?state={SCRIPT}", f"/export?format={SCRIPT}"):
        assert browser.get(path).headers["content-type"] == "application/problem+json"
    closed = httpx.get(f"{fruits.url}/open", params={"token": SCRIPT})
    assert SCRIPT not in closed.text


MADE = {"chart.wide", "chart.narrow", "one.swatch", "guidelines"}
"""What templates take as it is: pictures of `experiment.report.chart`, HTML of `service.guidelines`; both escape."""


def test_no_page_runs_what_stands_in_texts_labels_comments_or_names(serve_project: Any) -> None:
    served = serve_project([SCRIPT, "b", "c"], labels=(SCRIPT, "b"), guidelines=SCRIPT, name=SCRIPT)
    with served.browser() as client:
        answer = {"item": "i0", "label": SCRIPT, "comment": SCRIPT}
        assert client.post("/annotations", json=answer).status_code == 201
        for page in pages.modules():
            response = client.get(f"{served.url}/p/fruits/{page.page.name}")
            assert response.status_code == 200, page
            assert response.headers["content-type"] == "text/html; charset=utf-8"
            assert "<img src=x" not in response.text, page
            assert "<script>" not in response.text, page
        assert "<script>" not in client.get(f"{served.url}/", headers={"Accept": "text/html"}).text


def test_no_template_marks_anything_safe_or_has_inline_code() -> None:
    for path in (SERVICE / "templates").rglob("*.html"):
        text = path.read_text("utf-8")
        assert set(re.findall(r"([\w.]+) *\| *safe", text)) <= MADE, path
        assert "style=" not in text, path
        assert "javascript:" not in text, path
        assert " onclick" not in text, path
        assert "<style" not in text, path


# --- paths


def raw(served: Any, *lines: str) -> bytes:
    """What the server says to a request that no client library would send."""
    host, port = served.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        head = (*lines, f"Host: {host}:{port}", "Connection: close", "", "")
        connection.sendall("\r\n".join(head).encode())
        return b"".join(iter(lambda: connection.recv(65536), b""))


@pytest.mark.parametrize(
    "path",
    [
        "../access.py",
        "..%2faccess.py",
        "%2e%2e/%2e%2e/errors.py",
        "/etc/passwd",
        "%2fetc%2fpasswd",
        "..\\access.py",
        "door.css%00.js",
        "js/../../access.py",
        "",
    ],
)
def test_no_path_escapes_the_static_files(fruits: Any, path: str) -> None:
    said = raw(fruits, f"GET /static/x/{path} HTTP/1.1")
    assert said.split(b" ", 2)[1] in (b"404", b"400", b"401")
    assert b"import" not in said
    assert b"root:" not in said


@pytest.mark.parametrize(
    "format", ["../../etc/passwd", "/etc/passwd", "csv/../../x", "csv\0", "folder", "__import__('os')"]
)
def test_no_format_escapes_the_export(browser: httpx.Client, format: str) -> None:
    assert status_of(browser.get("/export", params={"format": format})) == 422


# --- sizes


def test_a_huge_body_is_refused_at_once(fruits: Any) -> None:
    token = f"Authorization: Bearer {TOKEN}"
    for length in (10**12, "9" * 5_000):
        said = raw(fruits, "POST /api/v1/projects/fruits/annotations HTTP/1.1", token, f"Content-Length: {length}")
        assert said.split(b" ", 2)[1] in (b"413", b"400")


def test_a_huge_body_without_a_length_is_refused(browser: httpx.Client) -> None:
    def parts() -> Iterator[bytes]:
        for _ in range(BODY_MOST // 2**20 + 2):
            yield b" " * 2**20

    assert status_of(browser.post("/annotations", content=parts(), headers={"Content-Type": "application/json"})) == 413


def test_a_compressed_body_is_refused(browser: httpx.Client) -> None:
    import gzip

    bomb = gzip.compress(b" " * 10**7)
    assert status_of(browser.post("/items?format=csv", content=bomb, headers={"Content-Encoding": "gzip"})) == 415


def test_a_parquet_file_that_unpacks_to_far_more_is_refused(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    from tithe.errors import DataError
    from tithe.service.api.uploads import check_unpacked

    bomb = tmp_path / "bomb.parquet"
    pq.write_table(pa.table({"text": ["a" * 10_000] * 5_000}), bomb, compression="zstd")
    assert bomb.stat().st_size < 50_000
    with pytest.raises(DataError, match="once it is unpacked"):
        check_unpacked(bomb, most=10_000_000)
    check_unpacked(bomb, most=100_000_000)


def test_a_million_labels_are_refused(browser: httpx.Client, serve_project: Any) -> None:
    assert status_of(browser.post("/labels", json={"add": ",".join(map(str, range(1_000_000)))})) == 413
    assert status_of(browser.post("/labels", json={"add": "x" * 201})) == 422
    many = {f"label {n}": "k" for n in range(100_000)}
    assert status_of(browser.patch("/settings", json={"keys": many})) == 422


@pytest.mark.parametrize(
    "texts", [[], ["x"] * 1_001, ["x" * 100_001], "abc", [1]], ids=["none", "many", "long", "a string", "a number"]
)
def test_predict_takes_so_much_at_a_time(browser: httpx.Client, texts: object) -> None:
    assert status_of(browser.post("/predict", json={"texts": texts})) == 422


def test_deeply_nested_json_is_refused(browser: httpx.Client) -> None:
    sent = browser.post("/annotations", content=b"[" * 100_000, headers={"Content-Type": "application/json"})
    assert status_of(sent) in (400, 422)


# --- filters


@pytest.mark.parametrize(
    "query",
    [
        {"text": "' OR 1=1 --"},
        {"text": '"; DROP TABLE items; --'},
        {"label": "' OR ''='"},
        {"text": "%"},
        {"text": "_" * 50},
    ],
)
def test_sql_in_filters_is_text(browser: httpx.Client, query: dict[str, str]) -> None:
    found = browser.get("/items", params=query)
    if found.status_code == 200:
        assert found.json()["count"] == 0
    else:
        assert status_of(found) == 422
    assert browser.get("/status").json()["items"] == 40


@pytest.mark.parametrize(
    "query", ["state=1;--", "order=text", "order=secret", "order=id desc", "password=x&order=project"]
)
def test_only_the_named_filters_and_orders_exist(browser: httpx.Client, query: str) -> None:
    assert status_of(browser.get(f"/items?{query}")) == 422


def test_a_pattern_in_a_search_is_text_and_takes_no_time(browser: httpx.Client) -> None:
    found = browser.get("/items", params={"text": "(a+)+$" * 100})  # backtracking would take for ever
    assert found.json()["count"] == 0


def test_the_service_reads_no_pickles() -> None:
    for path in SERVICE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            names = [one.name for one in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not {"pickle", "joblib", "shelve", "marshal", "dill"} & {name.split(".")[0] for name in names}, path


def test_the_server_fetches_no_address() -> None:
    banned = {"httpx", "requests", "urllib.request", "aiohttp", "http.client"}
    for path in SERVICE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            names = [one.name for one in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not banned & set(names), path


def test_an_error_of_ours_tells_the_caller_no_more_than_its_kind(fruits: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise RuntimeError("/secret/path")

    monkeypatch.setattr(fruits.live, "troubles", broken)
    with fruits.script() as script:
        response = script.get("/troubles")
    assert response.status_code == 500
    assert response.headers["content-type"] == "application/problem+json"
    assert "/secret" not in response.text


def test_closed_says_it_in_escaped_words() -> None:
    from tithe.service.door import closed

    assert html.escape(SCRIPT) in bytes(closed(SCRIPT).body).decode().replace("&#34;", "&quot;")
