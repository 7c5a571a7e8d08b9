"""Whether the hub of Hugging Face can be asked. Its client retries for most of a minute where it cannot."""

from __future__ import annotations

import socket
import threading
import urllib.parse
import urllib.request
from pathlib import Path

_LONGEST = 2.0  # seconds; a connection across the world takes a third of one
_PORTS = {"http": 80, "https": 443}
_reached: set[str] = set()


def reachable(address: str) -> bool:
    """Whether somebody answers at an address, or a proxy is there to ask.

    An answer is remembered, so that the good case is asked once a process; where there is none it is asked again, for a
    network may come back. Cost: two seconds at most; most often nothing, since without a network the name of the
    address is unknown at once.
    """
    if not _answered(address):
        found = urllib.parse.urlsplit(address)
        where = (found.hostname or "", found.port or _PORTS.get(found.scheme, 443))
        # In a thread of its own: looking up a name knows no timeout.
        asking = threading.Thread(target=_ask, args=(address, where), daemon=True)
        asking.start()
        asking.join(_LONGEST)
        return address in _reached
    return True


def _answered(address: str) -> bool:
    proxies = urllib.request.getproxies()  # `no` among them says who is asked without one
    return address in _reached or urllib.parse.urlsplit(address).scheme in proxies or "all" in proxies


def _ask(address: str, where: tuple[str, int]) -> None:
    try:
        socket.create_connection(where, timeout=_LONGEST).close()
    except OSError:
        return
    _reached.add(address)


def only_here(source: str) -> bool:
    """Whether a model is to be looked for on this disk alone: it is a folder, or the hub cannot be asked.

    What was fetched before is on this disk.
    """
    from huggingface_hub import constants

    return Path(source).is_dir() or constants.HF_HUB_OFFLINE or not reachable(constants.ENDPOINT)


def why_missing(source: str, error: Exception) -> str:
    """A sentence on why a model of this name, or of this folder, could not be loaded."""
    from huggingface_hub import constants

    if Path(source).is_dir():
        return str(error).splitlines()[0]
    if constants.HF_HUB_OFFLINE:
        return "HF_HUB_OFFLINE is set, and not all of such a model was fetched before."
    if not _answered(constants.ENDPOINT):  # as it was asked before the model was looked for
        return f"{constants.ENDPOINT} cannot be reached from here, and not all of such a model was fetched before."
    return str(error).splitlines()[0]
