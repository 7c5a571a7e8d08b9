"""Troubles are told whatever else goes wrong in that moment."""

from __future__ import annotations

import time
from pathlib import Path

from tithe.service.troubles import Troubles


def test_a_trouble_that_cannot_be_kept_is_told_all_the_same(tmp_path: Path) -> None:
    path = tmp_path / "gone" / "troubles.jsonl"  # no folder, and so no room
    troubles = Troubles(path, clock=time.time)
    troubles.add("rounds", ValueError("the disk is full"))
    assert [one["error"] for one in troubles.all()] == ["the disk is full"]
    path.parent.mkdir()
    troubles.add("rounds", ValueError("and again"))
    assert [one["error"] for one in Troubles(path, clock=time.time).all()] == ["and again", "the disk is full"]


def test_what_an_error_says_does_not_break_the_file(tmp_path: Path) -> None:
    troubles = Troubles(tmp_path / "troubles.jsonl", clock=time.time)
    for said in ("a line\u2028of another kind, \x85 and \x0b", "half an emoji: \ud83d", "the last"):
        troubles.add("stages", ValueError(said))
    assert len(troubles.all()) == 3
    assert Troubles(troubles.path, clock=time.time).all() == troubles.all()
