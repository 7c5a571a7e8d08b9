"""The projects of one server: each live, with background work of its own."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from threading import Lock
from typing import Any

from tithe import registry
from tithe.errors import ConfigError, LabelError, UnknownNameError, near
from tithe.service import founding
from tithe.service.live import MOST_LABELS, Live
from tithe.store import Project, Store
from tithe.tasks import Task
from tithe.types import Items

MOST = 100
"""Projects of one server."""


class House:
    """All projects of one database. Threads may share it.

    The work of a project (models, logs, the last queue) is kept in `projects/ID` below the server's folder.
    """

    def __init__(self, store: Store, *, url: str, folder: Path, cache: Path | None = None) -> None:
        """Those of the store, which is at `url`. Nothing starts before `start`."""
        self._store, self._url, self._folder, self._cache = store, url, folder, cache
        self._lives = {one: self._open(store.project(one)) for one in store.projects()}
        self._started = False
        self._one = Lock()

    def start(self) -> None:
        """Begins the background work of all projects."""
        with self._one:
            self._started = True
            for live in self._lives.values():
                live.start()

    def close(self) -> None:
        """Ends it."""
        with self._one:
            for live in self._lives.values():
                live.close()

    def all(self) -> list[Live]:
        """The projects, the oldest first."""
        return list(self._lives.values())

    def live(self, id: str) -> Live:
        """The project with this id. Raises UnknownNameError where there is none."""
        if id not in self._lives:
            raise UnknownNameError(f"there is no project {id!r} here; {near(id, list(self._lives))}")
        return self._lives[id]

    def create(self, name: str, task: str, labels: Sequence[str], *, settings: Mapping[str, Any] | None = None) -> Live:
        """A new project without items, its id made of its name.

        Raises:
            ConflictError: there is a project of that id already.
            ConfigError: a setting or the task cannot be, or there are too many projects.
            LabelError: the labels cannot be.
        """
        if len(self._lives) >= MOST:
            raise ConfigError(f"a server has {MOST} projects at most; start another one in another folder")
        if not labels or len(labels) > MOST_LABELS:
            raise LabelError(f"a project has 1 to {MOST_LABELS:,} labels; given {len(labels):,}")
        meaning: Task = registry.build("tasks", task, labels=tuple(labels))
        with self._one:
            project = founding.found(
                self._store, id_of(name), meaning, Items([], []), name=name.strip(), settings=settings
            )
            live = self._lives[project.id] = self._open(project)
            if self._started:
                live.start()
        return live

    def _open(self, project: Project) -> Live:
        return Live(project, url=self._url, folder=work_of(self._folder, project.id), cache=self._cache)


def work_of(folder: Path, project: str) -> Path:
    """Where the models and logs of a project are, below the folder of its server."""
    return folder / "projects" / project


def id_of(name: str) -> str:
    """The id of a project with this name, as it stands in addresses and names a folder.

    >>> id_of("My Reviews (2)")
    'my-reviews-2'
    """
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:80] or "project"
