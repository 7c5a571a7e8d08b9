"""New projects and new items, up to the moment when something goes wrong."""

from __future__ import annotations

from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest

from tithe.log import Answered, Embedded
from tithe.service import founding
from tithe.service.live import Live
from tithe.store import open_store
from tithe.tasks.choice import Choice
from tithe.types import Items


def test_an_import_that_is_cut_off_brings_items_with_their_labels_or_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: Any, **__: Any) -> int:
        raise KeyboardInterrupt

    with closing(open_store(f"sqlite:///{tmp_path}/tithe.sqlite")) as store:
        project = founding.found(store, "p", Choice(("x", "y")), Items(["a"], ["one"]))
        monkeypatch.setattr(project, "append", killed)
        new = Items([f"n{n}" for n in range(20)], ["text"] * 20, ["x"] * 10 + [None] * 10)
        with suppress(KeyboardInterrupt):
            founding.add(project, new)
        snapshot = project.snapshot()
        assert (len(snapshot.items), len(snapshot.labels), len(snapshot.audit)) in [(1, 0, 0), (21, 10, 2)]


def test_labels_of_the_file_make_no_audit_items_due(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/tithe.sqlite"
    with closing(open_store(url)) as store:
        items = Items([f"i{n}" for n in range(400)], ["text"] * 400, ["x"] * 200 + [None] * 200)
        live = Live(founding.found(store, "p", Choice(("x", "y")), items), url=url, folder=tmp_path)
        shown = []
        for _ in range(20):
            one = live.next("me")["items"][0]
            shown.append(one["audit"])
            live.submit(Answered(one["id"], "y"))
        assert sum(shown) == 6  # three in ten, as in a file without labels
        assert not shown[0]


def test_a_start_that_was_set_and_not_logged_is_embedded_for_anew(tmp_path: Path) -> None:
    with closing(open_store(f"sqlite:///{tmp_path}/tithe.sqlite")) as store:
        project = founding.found(store, "p", Choice(("x", "y")), Items(["a"], ["one"]))
        project.append(Embedded(("a",)))
        assert founding.prepare(project).stages == (("a",),)
        project.configure({"start": "lexical"})  # and here it was killed
        snapshot = founding.prepare(project)
        assert (snapshot.stages, snapshot.start) == ((), "lexical")
        assert founding.prepare(project).position == snapshot.position
