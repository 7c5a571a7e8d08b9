"""Who may: the link that works once, the cookie that it becomes, and the token of scripts."""

from __future__ import annotations

import base64
import hmac
import os
import secrets
from pathlib import Path
from threading import Lock

from tithe.errors import ConfigError, StoreError
from tithe.service.state import Session
from tithe.store.clock import Clock, steady_clock

KEPT_S = 30 * 24 * 3600
"""How long a browser stays known."""

_SHORTEST = 16
"""Characters of a token that guards a public address: 16 of base64 are 96 bits."""


def secret_of(folder: Path) -> bytes:
    """The project's own secret, made at its first start; only its owner can read it.

    It outlives the server, so that an open page with answers not yet sent can send them to the next one. One that
    others could have read is replaced, which logs all browsers out.

    Raises StoreError where it cannot be kept.
    """
    path = folder / "secret"
    try:
        if path.is_file() and not path.stat().st_mode & 0o077 and len(known := path.read_bytes()) == 32:
            return known
        path.unlink(missing_ok=True)
        new = secrets.token_bytes(32)
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(new)
    except OSError as error:
        raise StoreError(f"cannot keep a secret in {path} ({error.strerror}); check its permissions") from None
    return new


def check_token(token: str | None, *, public: bool) -> None:
    """Raises ConfigError for a token that cannot stand in a header, and for none or a weak one at a public address."""
    if token is not None and (not token.isascii() or not token.isprintable() or not token or " " in token):
        raise ConfigError(f"a token is a word of ASCII letters, digits and signs; given {token!r}")
    if public and token is None:
        raise ConfigError(
            "anybody on the network could open this address; give a token (--token or TITHE_TOKEN), "
            "or leave --host out to serve this machine alone"
        )
    if public and len(token or "") < _SHORTEST:
        raise ConfigError(f"the token of a public address needs {_SHORTEST} characters or more; make a longer one")


class Access:
    """Knows a caller by cookie or bearer token. Threads may share it."""

    def __init__(
        self, secret: bytes, *, token: str | None = None, annotator: str = "me", clock: Clock | None = None
    ) -> None:
        """`secret` signs cookies; `token` is for scripts, and opens the page too; everyone is `annotator`.

        Raises ConfigError for a token that cannot stand in a header.
        """
        check_token(token, public=False)
        self._secret, self._token, self._annotator = secret, token, annotator
        self._clock = clock or steady_clock()
        self._link: str | None = None
        self._one = Lock()
        # Browsers send a cookie to every port of a host, so each project needs a name of its own.
        self.cookie = f"tithe_{self._signed('name', '')[:12]}"

    def check(self, *, public: bool) -> None:
        """Raises ConfigError where the token does not do for this kind of address."""
        check_token(self._token, public=public)

    def link(self) -> str:
        """A new token that opens the page once; an earlier one is void."""
        with self._one:
            self._link = secrets.token_urlsafe(32)
            return self._link

    def redeem(self, token: str) -> str | None:
        """A cookie's value for a token; None where it opens nothing, or was used before."""
        with self._one:
            once = self._link is not None and _same(token, self._link)
            if once:
                self._link = None
        if not once and not self.is_bearer(token):
            return None
        said = f"{secrets.token_urlsafe(16)}.{int(self._clock())}"
        return f"{said}.{self._signed('session', said)}"

    def is_bearer(self, token: str) -> bool:
        """Whether this is the token of scripts."""
        return self._token is not None and _same(token, self._token)

    def session(self, cookie: str | None, authorization: str | None) -> Session | None:
        """Who sends this cookie and this `Authorization` header; None for a stranger."""
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() == "bearer" and self.is_bearer(token.strip()):
            return Session(self._annotator, "")
        if cookie is None:
            return None
        said, _, signature = cookie.rpartition(".")
        if not _same(signature, self._signed("session", said)):
            return None
        since = int(said.rpartition(".")[2])  # ours, as the signature says
        if not 0 <= self._clock() - since + 60 <= KEPT_S:
            return None
        return Session(self._annotator, self._signed("csrf", said))

    def _signed(self, what: str, said: str) -> str:
        raw = hmac.digest(self._secret, f"{what}:{said}".encode(), "sha256")
        return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _same(given: str, known: str) -> bool:
    # Bytes, since compare_digest refuses strings that are not ASCII.
    return hmac.compare_digest(given.encode("utf-8", "surrogatepass"), known.encode())
