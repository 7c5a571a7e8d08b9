"""The guard in front of every route: hosts, sizes, login, forged requests, and the headers of every response.

Plain ASGI: it reads headers and passes on; a request costs it some microseconds.
"""

from __future__ import annotations

import hmac
import ipaddress
import socket
from http.cookies import CookieError, SimpleCookie
from typing import TYPE_CHECKING

from starlette.datastructures import Headers, MutableHeaders

from tithe.service.door import closed
from tithe.service.problems import Refused, of_refusal
from tithe.service.state import Session

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from tithe.service.access import Access

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "font-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",  # for browsers that do not know frame-ancestors
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), usb=(), payment=()",
}
_OPEN = ("/healthz", "/open", "/docs", "/openapi.json", "/favicon.ico")
"""What strangers may see: none of it says anything of the project."""

_SAFE = ("GET", "HEAD", "OPTIONS")

BODY_MOST = 4 << 20
"""Bytes of a request's body: 1,000 texts of 4,000 characters."""

UPLOAD_MOST = 1 << 30
"""Bytes of a file of new items, which goes straight to the disk."""


class Guard:
    """Lets through what may come in; answers the rest itself."""

    def __init__(self, app: ASGIApp, *, access: Access, host: str) -> None:
        """In front of `app`; `host` is the address that the server listens at."""
        self._app, self._access, self._names = app, access, _names_of(host)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)

        async def dressed(message: Message) -> None:
            if message["type"] == "http.response.start":
                found = MutableHeaders(scope=message)
                found.update(_HEADERS)
                found.setdefault("Cache-Control", "no-store")
            await send(message)

        try:
            self._check_host(headers)
            scope["tithe.session"] = self._session(scope, headers)
            counted = _counted(scope, headers, receive)
        except Refused as refusal:
            answer = closed(refusal.detail, refusal.status_code) if _is_visit(scope, headers) else of_refusal(refusal)
            await answer(scope, receive, dressed)
            return
        await self._app(scope, counted, dressed)

    def _check_host(self, headers: Headers) -> None:
        """Refuses names that are not this machine's: one that a stranger's name server points here (DNS rebinding)."""
        name = _name_in(headers.get("host", ""))
        if name not in self._names and not (None in self._names and _is_address(name)):
            raise Refused(
                400,
                f"this server is not {name or 'without a name'!r}; open it by the address that it printed",
                kind="wrong-host",
            )

    def _session(self, scope: Scope, headers: Headers) -> Session:
        session = self._access.session(_cookie(headers, self._access.cookie), headers.get("authorization"))
        if session is None:
            if not _private(scope["path"]):
                return Session("", "")
            raise Refused(
                401,
                "log in first: open the link that `tithe label` printed, or send the header Authorization: Bearer ...",
                headers={"WWW-Authenticate": "Bearer"},
            )
        if session.csrf and _private(scope["path"]):
            _check_same_site(scope, headers, session)
        return session


def _check_same_site(scope: Scope, headers: Headers, session: Session) -> None:
    """Refuses requests that another site made the browser send with our cookie (CSRF)."""
    site = headers.get("sec-fetch-site", "same-origin")
    if site not in ("same-origin", "none") and not _is_visit(scope, headers):
        raise Refused(403, "another site sent this request; use the page itself", kind="cross-site")
    if scope["method"] in _SAFE:
        return
    origin = headers.get("origin")
    # Without the scheme: a proxy in front may speak https.
    if origin is not None and origin.partition("://")[2] != headers.get("host"):
        raise Refused(403, f"the request comes from {origin!r}; use the page itself", kind="cross-site")
    if not hmac.compare_digest(headers.get("x-csrf-token", "").encode(), session.csrf.encode()):
        raise Refused(403, "the header X-CSRF-Token is missing or wrong; load the page again", kind="csrf")


def _counted(scope: Scope, headers: Headers, receive: Receive) -> Receive:
    """`receive` that refuses a body over the limit, also one without a length; Refused at once where it says so."""
    if headers.get("content-encoding", "identity") != "identity":
        raise Refused(415, "bodies are taken as they are, never compressed; leave Content-Encoding out")
    is_upload = scope["method"] == "POST" and scope["path"].startswith("/api/") and scope["path"].endswith("/items")
    most, said = UPLOAD_MOST if is_upload else BODY_MOST, headers.get("content-length", "0")
    refusal = Refused(413, f"a request has {most:,} bytes at most; send less at a time", kind="too-large")
    # More digits than that are no length; int() would take them.
    if not said.isdecimal() or len(said) > 15 or int(said) > most:
        raise refusal
    seen = 0

    async def received() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > most:
            raise refusal
        return message

    return received


def _is_visit(scope: Scope, headers: Headers) -> bool:
    """Whether a person opens a page, by a click or by typing its address."""
    opens = not scope["path"].startswith("/api/") and scope["method"] == "GET"
    return opens and "text/html" in headers.get("accept", "")


def _private(path: str) -> bool:
    return path not in _OPEN and not path.startswith("/static/")


def _cookie(headers: Headers, name: str) -> str | None:
    try:
        found = SimpleCookie(headers.get("cookie", "")).get(name)
    except CookieError:
        return None
    return None if found is None else found.value


def _names_of(host: str) -> frozenset[str | None]:
    """The names that mean this server; with None in them any address does, which no name server can hand out."""
    local = {"localhost", "127.0.0.1", "::1"}
    if is_loopback(host):
        return frozenset(local | {host.lower()})
    return frozenset({*local, host.lower(), socket.gethostname().lower(), None})


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a server at this address.

    >>> is_loopback("127.0.0.1"), is_loopback("localhost"), is_loopback("0.0.0.0")
    (True, True, False)
    """
    return host == "localhost" or (_is_address(host) and ipaddress.ip_address(host).is_loopback)


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _name_in(host: str) -> str:
    """The name in a `Host` header, without the port: a tunnel may have another one than we."""
    name = host.partition("]")[0][1:] if host.startswith("[") else host.partition(":")[0]
    return name.lower()
