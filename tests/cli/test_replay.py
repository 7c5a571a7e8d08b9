"""`tithe replay`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from tithe.log import Answered, Asked, Embedded
from tithe.loop import Recipe, propose
from tithe.store.folder import ProjectFolder
from tithe.store.sql import opened
from tithe.store.tables import events
from tithe.types import Items


def labelled_in(folder: Path) -> ProjectFolder:
    """A project in which two of five drawn questions were shown and answered."""
    made = ProjectFolder.make(folder)
    ids = [f"id{n}" for n in range(30)]
    with opened(made.url) as store:
        project = store.create("reviews", "choice", ("x", "y"))
        project.add([Items(ids, ids)])
        here = project.append(Embedded((), start="minilm"))
        for one in propose(project.snapshot(), Recipe(), seed=7, n=5).selection.ids[:2]:
            project.append(Asked((one,), "auto", 7, here, n=5, start="minilm", trainer="linear", initial="random"))
            project.submit(Answered(one, "x"))
        project.append(Asked(("id3",), "chosen", 7, here))
    return made


def test_a_project_is_replayed_while_its_server_runs(tithe: Callable[..., Any], tmp_path: Path) -> None:
    with labelled_in(tmp_path / "p").locked():
        said = tithe("replay", tmp_path / "p")
    assert (said.code, said.err) == (0, "")
    assert said.out == "reviews: 1 proposals made again; all 2 questions shown are in them\n"


def test_a_log_that_was_changed_ends_with_exit_1(tithe: Callable[..., Any], tmp_path: Path) -> None:
    with opened(labelled_in(tmp_path / "p").url) as store, store.database.writing() as connection:
        row = events.c.position == 4
        payload = str(connection.scalar(sa.select(events.c.payload).where(row))).replace('"seed":7', '"seed":8')
        connection.execute(sa.update(events).where(row).values(payload=payload))
    said = tithe("replay", tmp_path / "p")
    assert said.code == 1
    first, last = said.out.splitlines()
    assert "shown at position 4, is not in the proposal of position 3 (auto, 5 items, seed 8)" in first
    assert last == "reviews: 2 proposals made again; 1 of 2 questions shown are not in them"


def test_what_is_no_project_is_told(refused: Callable[..., str], tmp_path: Path) -> None:
    assert "is no project" in refused("replay", tmp_path)
