"""A real server, killed in the middle of its work, loses no answer and shows no item twice."""

from __future__ import annotations

from pathlib import Path

import pytest
from bench.served import Kills, Server, messages, replayed

pytestmark = pytest.mark.system


def test_a_killed_server_loses_no_answer_and_shows_nothing_twice(tmp_path: Path) -> None:
    truth = messages(tmp_path / "messages.csv", 300)
    folder, cache = tmp_path / "messages", tmp_path / "cache"
    first = Server(folder, tmp_path / "messages.csv", cache=cache)
    first.first_question()
    assert first.kill() == {}
    kills = Kills(folder, cache, truth, settings={"start": "lexical", "strategy": "margin"})
    for number, kind in enumerate(("submit", "import", "training")):
        kills.one(number, kind)
    assert kills.faults == []
    assert len(kills.answered) >= 5
    same, said = replayed(folder, cache)
    assert same, said
