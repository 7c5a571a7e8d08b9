"""The child process that computes views of a stage of the pool, at low priority, into the view store.

python -m tithe.service.embedder URL PROJECT FOLDER CACHE
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from tithe import rng
from tithe.log import Snapshot
from tithe.loop.kept import KeptModel
from tithe.loop.propose import in_force, task_of, trainer_of
from tithe.loop.workshop import stage_of
from tithe.models.saving import load_model
from tithe.models.starts import makers
from tithe.service.child import Handlers, Told, serve
from tithe.service.settings import Settings
from tithe.service.tuner import views_read
from tithe.service.versions import Versions
from tithe.store import open_store
from tithe.types import Items
from tithe.views import ViewStore

IDLE = 15
"""How nice it is: whoever answers a person goes first."""


class Embedder:
    """Computes what the trainer of a project needs to see of some items, and what the slow model that asks says."""

    def __init__(self, url: str, project: str, folder: Path, cache: Path, *, told: Told) -> None:
        """Opens the database of its own accord; `folder` is the project's, `cache` where views are kept."""
        self.project = open_store(url).project(project)
        self.versions = Versions(folder / "models")
        self.cache = cache
        self.told = told

    def stage(self, ids: Sequence[str]) -> int:
        """Puts the views of these items into the store; how many items there are.

        Starts that learn from the pool are left out: their views depend on all of it, and are quick.
        """
        settings, snapshot = Settings.of(self.project.settings()), self.project.snapshot()
        trainer = trainer_of(settings.trainer, task_of(snapshot))
        items = stage_of(snapshot.items, ids)
        store = ViewStore(self.cache)  # of this stage alone: one store for all would keep them in memory
        for name, maker in makers(settings.start):
            start = maker.prepare(items, store=store, rng=rng.stream(0, "start", name), tell=self.told)
            few = stage_of(snapshot.items, ids[:1])
            alone = maker.prepare(few, store=store, rng=rng.stream(0, "start", name), tell=self.told)
            if start.fingerprint != alone.fingerprint:
                continue
            for view in sorted((trainer.needs_any | {"embeddings"}) & start.provides):
                start.view(view, items)
        self._read(settings, snapshot, items)
        return len(items)

    def _read(self, settings: Settings, snapshot: Snapshot, items: Items) -> None:
        """What the slow model in force says of them; one whose files are gone reads them in the round, fitted anew."""
        slow = in_force(snapshot, settings.recipe)
        folder = None if slow is None else self.versions.model(slow.at.position)
        if folder is not None and folder.is_dir():
            store = ViewStore(self.cache)
            model = KeptModel(load_model(folder, store=store), store, self.told)
            model.keep(views_read(model, settings), items)


def main() -> None:
    """Answers the server until it is gone."""
    url, project, folder, cache = sys.argv[1:5]

    def make(told: Told) -> Handlers:
        return {"stage": Embedder(url, project, Path(folder), Path(cache), told=told).stage}

    serve(make)


if __name__ == "__main__":
    main()
