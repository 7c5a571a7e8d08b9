"""The kit passes the log in memory and both databases, and rejects each of these broken stores for the right reason."""

from __future__ import annotations

from pathlib import Path

import pytest

from tithe.errors import UnknownNameError
from tithe.log import Log
from tithe.store import open_store
from tithe.store.leases import Leases
from tithe.testing import ConformanceError, check_store
from tithe.testing.stores import LOG_CHECKS, PROJECT_CHECKS, STORE_CHECKS

ALL = [*LOG_CHECKS, *PROJECT_CHECKS, *STORE_CHECKS]


def test_the_log_in_memory_conforms() -> None:
    assert check_store(Log) == list(LOG_CHECKS)


def test_sqlite_conforms(tmp_path: Path) -> None:
    assert check_store(f"sqlite:///{tmp_path}/one.sqlite") == ALL


def test_postgres_conforms(postgres: str) -> None:
    assert check_store(postgres) == ALL


def test_a_scheme_that_nobody_registered_is_refused() -> None:
    with pytest.raises(UnknownNameError, match="unknown store 'mongodb'; there are: postgresql, sqlite"):
        open_store("mongodb://here/db")


def test_a_log_that_loses_events_is_found() -> None:
    class Forgetful(Log):
        def events(self, after=0):
            return super().events(after)[:-1]

    with pytest.raises(ConformanceError, match="gives back each event"):
        check_store(Forgetful)


def test_a_store_that_hands_an_item_to_two_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Leases, "_held", lambda *_: {})
    with pytest.raises(ConformanceError, match="one annotator a slot"):
        check_store(f"sqlite:///{tmp_path}/one.sqlite")


def test_a_store_that_records_an_answer_twice_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tithe.store.answers import Answers

    monkeypatch.setattr(Answers, "_known", lambda *_: None)
    with pytest.raises(ConformanceError, match="answers once for each key"):
        check_store(f"sqlite:///{tmp_path}/one.sqlite")
