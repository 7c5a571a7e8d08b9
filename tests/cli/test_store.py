"""`tithe backup` and `tithe restore`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from tithe.store.folder import ProjectFolder
from tithe.store.sql import opened
from tithe.types import Items


def project_in(folder: Path) -> ProjectFolder:
    made = ProjectFolder.make(folder)
    with opened(made.url) as store:
        store.create("reviews", "choice", ("x", "y")).add([Items(["a"], ["text"])])
    return made


def test_a_project_goes_into_a_file_and_comes_back(tithe: Callable[..., Any], tmp_path: Path) -> None:
    with project_in(tmp_path / "p").locked():  # as if its server ran
        said = tithe("backup", tmp_path / "p", "--out", tmp_path / "copy")
    assert (said.code, said.err) == (0, "")
    assert said.out.startswith(f"backup: {tmp_path / 'copy'} (")
    said = tithe("restore", tmp_path / "copy", tmp_path / "again")
    assert (said.code, said.out) == (0, f"restored: reviews in {tmp_path / 'again'}\n")
    with opened(ProjectFolder(tmp_path / "again").url) as store:
        assert list(store.project("reviews").snapshot().items.ids) == ["a"]
    (tmp_path / "again" / "tithe.sqlite").unlink()  # lost
    assert tithe("restore", tmp_path / "copy", tmp_path / "again").code == 0


def test_bad_backups_leave_nothing(refused: Callable[..., str], tithe: Callable[..., Any], tmp_path: Path) -> None:
    assert "is no project" in refused("backup", tmp_path, "--out", tmp_path / "copy")
    assert "there is no file" in refused("restore", tmp_path / "copy", tmp_path / "new")
    folder = project_in(tmp_path / "p")
    assert "is there already" in refused("backup", folder.path, "--out", folder.path / "project.toml")
    assert "is not there either" in refused("backup", folder.path, "--out", tmp_path / "no" / "copy")
    tithe("backup", folder.path, "--out", tmp_path / "copy")
    with folder.locked():
        said = tithe("restore", tmp_path / "copy", folder.path)
    assert said.code == 2
    assert "open already" in said.err
    said = tithe("restore", tmp_path / "copy", folder.path)
    assert "holds the project 'reviews'; restore into an empty one" in said.err
