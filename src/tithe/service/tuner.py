"""The child process of the slow model: it fits, compares, and computes what the model says of the pool.

python -m tithe.service.tuner URL PROJECT FOLDER CACHE
"""

from __future__ import annotations

import json
import logging
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tithe.data.files import replacing_text
from tithe.log import Learning
from tithe.loop.kept import KeptModel
from tithe.loop.propose import Recipe, propose, strategy_of
from tithe.loop.record import asked_scores, spent
from tithe.loop.swapping import compare, learned
from tithe.loop.workshop import Workshop
from tithe.models.saving import load_model
from tithe.service.child import Handlers, Told, serve
from tithe.service.learner import named
from tithe.service.settings import Settings
from tithe.service.versions import Version, Versions, recipe_out
from tithe.store import open_store
from tithe.views import ViewStore


class Tuner:
    """Fits the slow models of one project. All that it knows comes from the log: it may be killed at any time."""

    def __init__(self, url: str, project: str, folder: Path, cache: Path, *, told: Told) -> None:
        """Opens the database of its own accord; `folder` is the project's, `cache` where views are kept."""
        self.project = open_store(url).project(project)
        self.versions = Versions(folder / "models")
        self.path = folder / "slow.json"  # what the last fit came to, for whoever goes on after a kill
        self.workshop = Workshop(ViewStore(cache), tell=told)
        self._model: tuple[int, KeptModel] | None = None

    def learn(self, position: int) -> dict[str, Any] | None:
        """What the model begun at this position comes to beside the fast one; None where the log has forgotten it.

        Where it is the better one it is fitted on all answers and saved as that version.
        """
        one = self._begun(position)
        if one is None:
            return None
        known = self._known(position)
        if known is not None:
            return known
        found = compare(one, workshop=self.workshop)
        said: dict[str, Any] = {"compared": asdict(found), "fit_s": 0.0}
        if found.better:
            began = time.perf_counter()
            model = propose(one.at, _recipe(one), seed=one.begun.seed, workshop=self.workshop).model
            assert model is not None  # a part of these answers was enough
            said["fit_s"] = time.perf_counter() - began
            if not self.versions.model(position).is_dir():
                model.save(self.versions.model(position))
            self._model = (position, self._kept(model))
        with replacing_text(self.path) as file:
            json.dump(said, file)
        return said

    def read(self, position: int) -> dict[str, Any] | None:
        """Puts what the model says of all ready items into the view store; its version, and how many stages they are.

        Cost: the items that it has not read yet; it goes on where a killed process was. None as in `learn`.
        """
        one = self._begun(position)
        known = self._known(position)
        if one is None or known is None:
            return None
        settings, snapshot = Settings.of(self.project.settings()), self.project.snapshot()
        strategy, initial = settings.recipe.strategy, settings.initial
        recipe = Recipe.kept(start=one.begun.start, trainer=one.begun.slow, strategy=strategy, initial_strategy=initial)
        model, window = self._loaded(position), self.workshop.window(snapshot)
        model.keep(views_read(model, settings), window)
        version = Version(
            position,
            model.fingerprint,
            len(learned(one.at)),
            spent(self.workshop.pool(window, model.task), one.at),
            dict(asked_scores(model)),
            recipe_out(recipe),
            one.begun.seed,
            known["fit_s"],
            named(model, window, sorted(snapshot.audit)),
            slow=True,
        )
        return {"version": version.json(), "stages": len(snapshot.stages or ())}

    def _begun(self, position: int) -> Learning | None:
        """The slow model that began at this position, if it is still the last one."""
        begun = self.project.snapshot().begun
        return begun if begun is not None and begun.at.position == position else None

    def _known(self, position: int) -> dict[str, Any] | None:
        """What `learn` said of this position, where all that it takes is on the disk."""
        try:
            said: dict[str, Any] = json.loads(self.path.read_text("utf-8"))
            compared = said["compared"]
        except (OSError, ValueError, KeyError, TypeError):
            return None
        whole = not compared["better"] or self.versions.model(position).is_dir()
        return said if compared["position"] == position and whole else None

    def _kept(self, model: Any) -> KeptModel:
        return KeptModel(model, self.workshop.store, self.workshop.tell)

    def _loaded(self, position: int) -> KeptModel:
        if self._model is None or self._model[0] != position:
            model = load_model(self.versions.model(position), store=self.workshop.store)
            self._model = (position, self._kept(model))
        return self._model[1]


def views_read(model: KeptModel, settings: Settings) -> list[str]:
    """The views of the slow model that rounds read: its probabilities, and what else the strategy needs."""
    return ["proba", *sorted((strategy_of(settings.recipe.strategy).needs & model.provides) - {"proba"})]


def _recipe(one: Learning) -> Recipe:
    return Recipe(one.begun.start, one.begun.slow)


def main() -> None:
    """Answers the server until it is gone."""
    logging.basicConfig(format="%(levelname)s %(name)s %(message)s")
    url, project, folder, cache = sys.argv[1:5]

    def make(told: Told) -> Handlers:
        tuner = Tuner(url, project, Path(folder), Path(cache), told=told)
        return {"learn": tuner.learn, "read": tuner.read}

    serve(make)


if __name__ == "__main__":
    main()
