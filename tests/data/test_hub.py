"""Where the hub cannot be asked that is known at once, and told; where it can, nothing waits."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator

import pytest
from huggingface_hub import constants

from tithe.data import hub
from tithe.errors import ConfigError
from tithe.models.encoder import loaded
from tithe.models.language import language_of
from tithe.models.starts import prepare_start
from tithe.types import Items
from tithe.views import ViewStore


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """A port of this machine where nobody listens: it is taken and closed again."""
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        number: int = held.getsockname()[1]
    yield number
    hub._reached.clear()


@pytest.fixture
def refused(port: int, monkeypatch: pytest.MonkeyPatch) -> str:
    """A hub that refuses every connection."""
    address = f"http://127.0.0.1:{port}"
    monkeypatch.setattr(constants, "ENDPOINT", address)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    return address


@pytest.mark.parametrize("trainer", ["linear", "generate"])
def test_without_a_network_a_name_is_refused_in_a_second_or_two(refused: str, trainer: str) -> None:
    items = Items(["1"], ["a text"])
    start = prepare_start("no-such-org/no-such-model", items, store=ViewStore(None))
    import transformers.models.auto  # noqa: F401  # takes seconds, and is no part of the question

    begun = time.monotonic()
    with pytest.raises(ConfigError, match=f"{refused} cannot be reached from here, and not all .* folder") as caught:
        start.view("embeddings", items) if trainer == "linear" else language_of(start, 64)
    assert time.monotonic() - begun < 8  # on a busy machine; the client's retries take 50
    assert "\n" not in str(caught.value)


def test_whom_to_ask_without_a_proxy_is_no_proxy(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "localhost")
    assert not hub.reachable(f"http://127.0.0.1:{port}")
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:1")
    assert not hub.reachable(f"http://127.0.0.1:{port}")
    assert hub.reachable("https://hub.invalid")  # which that proxy is asked for
    monkeypatch.setenv("all_proxy", "http://127.0.0.1:1")
    assert hub.reachable(f"http://127.0.0.1:{port}")


def test_a_network_that_comes_back_is_seen(port: int) -> None:
    address = f"http://127.0.0.1:{port}"
    assert not hub.reachable(address)
    with socket.create_server(("127.0.0.1", port)):
        assert hub.reachable(address)
    assert hub.reachable(address)  # and is not asked again


def test_a_name_that_nobody_looks_up_costs_no_more_than_the_limit(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "_LONGEST", 0.2)

    def slow(*_: object, **__: object) -> socket.socket:
        time.sleep(1)
        raise OSError

    monkeypatch.setattr(hub.socket, "create_connection", slow)
    begun = time.monotonic()
    assert not hub.reachable("http://hub.invalid")
    assert time.monotonic() - begun < 0.8


def test_offline_by_choice_asks_nobody(refused: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(hub, "reachable", lambda address: pytest.fail("it asked"))
    with pytest.raises(ConfigError, match="HF_HUB_OFFLINE is set, and not all of such a model was fetched before"):
        loaded("no-such-org/another-model")


def test_a_folder_asks_nobody(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "reachable", lambda address: pytest.fail("it asked"))
    assert hub.only_here(str(tmp_path))
    with pytest.raises(ConfigError, match=f"cannot load the start '{tmp_path}'"):
        loaded(str(tmp_path))
