"""The engine `processes` where it meets signals; what it computes is in tests/experiment."""

from __future__ import annotations

import os
import signal
from concurrent.futures import wait
from typing import Any

import pytest

from tithe.engines import Job, processes


def test_ctrl_c_amid_the_waiting_is_raised_only_after_it(monkeypatch: pytest.MonkeyPatch) -> None:
    # Raised within `Condition.wait` it can become "RuntimeError: release unlocked lock", and the command a crash.
    waited: list[str] = []

    def interrupted(*given: Any, **named: Any) -> Any:
        os.kill(os.getpid(), signal.SIGINT)
        waited.append("on")
        return wait(*given, **named)

    monkeypatch.setattr(processes, "wait", interrupted)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # what runs in the background may be deaf to it
    engine = processes.Processes(1)
    try:
        with pytest.raises(KeyboardInterrupt):
            list(engine.map([Job("a", abs, (-1,))], stackable=False))
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)
        engine.close()
    assert waited == ["on"]


def test_where_ctrl_c_is_ignored_it_stays_so() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    engine = processes.Processes(1)
    try:
        found = list(engine.map([Job("a", abs, (-1,))], stackable=False))
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)
        engine.close()
    assert [one.value for one in found] == [1]
