"""The child process that learns: it folds the log, fits, proposes, and predicts what it is asked to.

python -m tithe.service.learner URL PROJECT FOLDER CACHE
"""

from __future__ import annotations

import json
import logging
import shutil
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from tithe.data.files import replacing_text
from tithe.data.ids import hashed_ids
from tithe.errors import CacheError, ConfigError, TitheError
from tithe.log import Learning, Snapshot
from tithe.loop.propose import in_force, propose
from tithe.loop.record import asked_scores, spent
from tithe.loop.workshop import Workshop
from tithe.models import Model
from tithe.models.saving import load_model
from tithe.service.child import Handlers, Told, serve
from tithe.service.settings import Settings
from tithe.service.versions import Guess, Version, Versions, recipe_in, recipe_out
from tithe.service.words import label_out
from tithe.store import open_store
from tithe.tasks.spans import Spans, spans_in
from tithe.types import Items, Label
from tithe.views import ViewStore

KEPT = 10
"""Models that stay on the disk; an older version is fitted again from the log when it is asked for."""

_PART = 4096  # items whose guesses are made at a time
log = logging.getLogger(__name__)


class Learner:
    """One project's models. Everything it knows comes from the log, so it may be killed at any time."""

    def __init__(self, url: str, project: str, folder: Path, cache: Path, *, told: Told) -> None:
        """Opens the database of its own accord; `folder` is the project's, `cache` where views are kept."""
        self.project = open_store(url).project(project)
        self.versions = Versions(folder / "models")
        self.guesses = folder / "guesses"
        self.workshop = Workshop(ViewStore(cache), tell=told)
        self.workshop.shelf = self._on_disk
        self._latest: tuple[int, Model] | None = None
        self._older: tuple[int, Model] | None = None
        self._trying: tuple[int, Model, ViewStore] | None = None
        self._unsaved = False

    def round(self, n: int, beside: Sequence[str] = ()) -> dict[str, Any]:
        """A round: the n items to ask, what the model suggests for them and for those `beside`, and its version."""
        settings = Settings.of(self.project.settings())
        snapshot = self.project.snapshot()
        found = propose(snapshot, settings.recipe, seed=settings.seed, n=n, workshop=self.workshop)
        said: dict[str, Any] = {
            "position": snapshot.position,
            "n": n,
            "seed": settings.seed,
            "recipe": recipe_out(settings.recipe),
            "ids": found.selection.ids,
            "reason": found.selection.reason,
            "cold": found.cold,
            "version": None,
            "suggestions": {},
            "slow": found.slow,
        }
        if found.model is None:
            return said
        items = found.pool.items
        if self._latest is None or self._latest[1].fingerprint != found.model.fingerprint:
            self._latest, self._unsaved = (self._number_of(found.model, snapshot), found.model), True
        said["version"] = Version(
            self._latest[0],
            found.model.fingerprint,
            len(snapshot.labels.keys() - snapshot.audit),
            spent(found.pool, snapshot),
            dict(asked_scores(found.model)),
            recipe_out(settings.recipe),
            settings.seed,
            found.fit_s,
            named(found.model, items, sorted(snapshot.audit)),
        ).json()
        serving = found.serving if settings.serving is None else self.model(settings.serving)
        assert serving is not None  # there is a model
        said["suggestions"] = named(serving, items, [*found.selection.ids, *beside])
        return said

    def _number_of(self, model: Model, snapshot: Snapshot) -> int:
        """The version that a model is: the last one again, where a process before this one fitted the same.

        The position at which a slow model began is the number of that one; the fast one is that of a position before.
        """
        last = next((one for one in reversed(self.versions.all()) if not one.slow), None)
        if last is not None and last.fingerprint == model.fingerprint:
            return last.version
        begun = snapshot.begun is not None and snapshot.begun.at.position == snapshot.position
        return snapshot.position - begun

    def model(self, version: int | None) -> Model:
        """The model of a version (None: the one that asks), from memory, from the disk, or fitted again from the log.

        Raises ConfigError where there is no such version, or no model yet.
        """
        slow = self._slow()
        if slow is not None and version in (None, slow.at.position):
            return self.workshop.slow(slow, partial(self._again, slow.at.position))
        if self._latest is None and version is None:
            self.round(0)
        for known in (self._latest, self._older):
            if known is not None and version in (None, known[0]):
                return known[1]
        if version is None:
            raise ConfigError("there is no model yet; it comes some seconds after answers with two different labels")
        if self.versions.model(version).is_dir():
            model = load_model(self.versions.model(version), store=self.workshop.store)
        else:
            model = self._again(version)
        self._older = (version, model)
        return model

    def _slow(self) -> Learning | None:
        """The slow model that asks now."""
        return in_force(self.project.snapshot(), Settings.of(self.project.settings()).recipe)

    def _on_disk(self, one: Learning) -> Model | None:
        """A slow model as its own process has saved it, in place of a fit."""
        folder = self.versions.model(one.at.position)
        try:
            return load_model(folder, store=self.workshop.store) if folder.is_dir() else None
        except CacheError as error:
            log.warning("version=%d is fitted again: %s", one.at.position, error)
            return None

    def _again(self, version: int) -> Model:
        about = next((one for one in self.versions.all() if one.version == version), None)
        if about is None:
            raise ConfigError(f"there is no version {version} of the model; the page of models lists those that are")
        recipe, before = recipe_in({**about.recipe, "slow": ""}), self.project.snapshot(at=version)
        found = propose(before, recipe, seed=about.seed, workshop=self.workshop)
        if found.model is None:
            raise ConfigError(f"version {version} of the model cannot be made again: {found.cold}")
        return found.model

    def predict(self, texts: Sequence[str], version: int | None = None) -> dict[str, Any]:
        """What a version says of new texts: labels, confidence, and of each label its probability."""
        number = self._number(version)
        model, memory = self._tried(number)
        items = Items(hashed_ids(texts), list(texts))
        try:
            output = model.view("proba", items)
        finally:
            memory.clear()  # nothing that somebody tries out is kept
        labels = model.decide(output)
        sure = model.task.confidence(output, labels)
        return {
            "model": number,
            "predictions": [
                {"label": label_out(label), "confidence": round(float(one), 4)} | extra
                for label, one, extra in zip(labels, sure, _details(model, output, labels), strict=True)
            ],
        }

    def _number(self, version: int | None) -> int:
        if version is None:
            self.model(None)
            if (slow := self._slow()) is not None:
                return slow.at.position
            assert self._latest is not None  # else there is no model, and `model` has said so
            return self._latest[0]
        return version

    def _tried(self, version: int) -> tuple[Model, ViewStore]:
        """A version that keeps what it computes in a store of its own."""
        if self._trying is None or self._trying[0] != version:
            folder = self.versions.model(version)
            if not folder.is_dir():
                self.model(version).save(folder)
            memory = ViewStore()
            self._trying = (version, load_model(folder, store=memory), memory)
        return self._trying[1:]

    def label_all(self, version: int | None = None) -> dict[str, Any]:
        """Writes what a version guesses of every item, a line of JSON each: id, label, confidence.

        Cost: items whose views are not there yet are embedded first.
        """
        model, number = self.model(version), self._number(version)
        snapshot = self.project.snapshot()
        # Named by what the confidence is of: files of a tithe that gave the mean over parts must not be read.
        path = self.guesses / f"{number:08d}-{len(snapshot.items)}-whole.jsonl"
        if not path.exists():
            self.guesses.mkdir(parents=True, exist_ok=True)
            for old in self.guesses.glob("*.jsonl"):
                old.unlink()
            window = self.workshop.window(snapshot)
            seen = set(window.ids)
            rest = snapshot.items.cut([row for row, one in enumerate(snapshot.items.ids) if one not in seen])
            with replacing_text(path) as file:
                for items in (window, rest):
                    for at in range(0, len(items), _PART):
                        part = items.take(np.arange(at, min(at + _PART, len(items))))
                        for one, guess in zip(part.ids, guesses(model, part), strict=True):
                            file.write(json.dumps([one, *guess], ensure_ascii=False) + "\n")
        return {"version": number, "path": str(path)}

    def similar(self, id: str, n: int, at_least: float) -> list[tuple[str, float]]:
        """The ids of the items most like one, with the cosine of their embeddings; none while it is not embedded."""
        settings, snapshot = Settings.of(self.project.settings()), self.project.snapshot()
        window = self.workshop.window(snapshot)
        start = self.workshop.start(settings.start, self.workshop.learned_from(snapshot)) if len(window) else None
        rows = {one: row for row, one in enumerate(window.ids)}
        if start is None or id not in rows or "embeddings" not in start.provides:
            return []
        every = start.view("embeddings", window)
        likeness = every @ every[rows[id]]
        likeness[rows[id]] = -np.inf
        best = np.argsort(-likeness, kind="stable")[:n]
        return [(window.ids[row], round(float(likeness[row]), 4)) for row in best if likeness[row] >= at_least]

    def idle(self) -> None:
        """After an answer: puts the weights of a new version on the disk, where nobody has to wait for it."""
        if self._latest is None or not self._unsaved:
            return
        self._unsaved = False
        version, model = self._latest
        try:
            if not self.versions.model(version).exists():
                model.save(self.versions.model(version))
            snapshot = self.project.snapshot()
            asking = {one.at.position for one in (snapshot.begun, snapshot.slow) if one is not None}
            keep = {*self.versions.saved()[-KEPT:], Settings.of(self.project.settings()).serving, *asking}
            for old in set(self.versions.saved()) - keep:
                shutil.rmtree(self.versions.model(old), ignore_errors=True)
        except TitheError as error:  # a full disk must not end the learning: the version can be fitted again
            log.warning("version=%d cannot be saved: %s", version, error)


def guesses(model: Model, items: Items) -> list[Guess]:
    """What a model guesses of items: labels as JSON, with its confidence."""
    if not len(items):
        return []
    output = model.view("proba", items)
    labels = model.decide(output)
    sure = model.task.confidence(output, labels)
    return [(label_out(one), round(float(p), 4)) for one, p in zip(labels, sure, strict=True)]


def named(model: Model, items: Items, ids: Sequence[str]) -> dict[str, Guess]:
    """Guesses by id, of those of the ids that are among the items."""
    rows = {one: row for row, one in enumerate(items.ids)}
    known = [one for one in dict.fromkeys(ids) if one in rows]
    part = items.take(np.array([rows[one] for one in known], dtype=np.int64))
    return dict(zip(known, guesses(model, part), strict=True))


def _details(model: Model, output: Any, labels: Sequence[Label]) -> list[dict[str, Any]]:
    """What stands beside each prediction: the probability of each label, or of each span how sure the model is."""
    task = model.task
    if isinstance(task, Spans):
        sure = task.span_confidence(output, labels)
        return [
            {
                "spans": [
                    span._asdict() | {"confidence": round(one, 4)}
                    for span, one in zip(spans_in(label), row, strict=True)
                ]
            }
            for label, row in zip(labels, sure, strict=True)
        ]
    names = task.labels
    return [{"scores": {name: round(float(p), 4) for name, p in zip(names, row, strict=True)}} for row in output]


def main() -> None:
    """Answers the server until it is gone."""
    logging.basicConfig(format="%(levelname)s %(name)s %(message)s")
    url, project, folder, cache = sys.argv[1:5]

    def make(told: Told) -> Handlers:
        learner = Learner(url, project, Path(folder), Path(cache), told=told)
        names = ("round", "predict", "label_all", "similar", "idle")
        return {name: getattr(learner, name) for name in names}

    serve(make)


if __name__ == "__main__":
    main()
