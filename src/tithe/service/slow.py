"""The slow model of a project beside the fast one: when it learns, what came of it, and what the pages are told."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from tithe.log import Begun, Compared, Learning, Published, Snapshot
from tithe.loop.propose import Recipe, in_force
from tithe.loop.swapping import FIRST, due, in_words, learned, short, unfinished
from tithe.service.bell import Bell
from tithe.service.child import Child, ChildError
from tithe.service.desk import Desk
from tithe.service.versions import Version, Versions

log = logging.getLogger(__name__)


class SlowWork:
    """One attempt after the other, in the thread that calls `work`; the child ends when there is nothing to do."""

    def __init__(
        self,
        desk: Desk,
        bell: Bell,
        versions: Versions,
        child: Callable[[Callable[[str, int, int], None]], Child],
        *,
        clock: Callable[[], float],
        swapped: Callable[[], None],
        trouble: Callable[[str, Exception], None],
    ) -> None:
        """`swapped` hears that another model asks, `trouble` what failed. `child` makes the process."""
        self.desk, self.bell, self.versions = desk, bell, versions
        self.child = child(self._told)
        self._clock, self._swapped, self._trouble = clock, swapped, trouble
        self.state = "waiting"
        self.detail = ""
        self.progress: tuple[int, int] | None = None
        self.logging = threading.Lock()
        """Held while a stage, or a swap, is logged: what is ready has been read by the model that asks."""
        self._wanted = threading.Event()
        self._failed = -1  # the position of the attempt that failed last: not to be made again and again
        self._closing = False
        self._counts: dict[int, int] = {}

    # --- for the background

    def want(self) -> None:
        """Answers came in, or settings have changed: the slow model may have to learn."""
        if self.desk.settings.recipe.slow is not None:
            self._wanted.set()

    def changed(self) -> None:
        """Another slow trainer, or none: what is under way is not wanted any more."""
        self.child.stop()
        self._wanted.set()

    def close(self) -> None:
        """Ends the child; what it was doing is done again at the next start."""
        self._closing = True
        self.child.close()
        self._wanted.set()

    def work(self) -> None:
        """One look, once there is something new: begins an attempt where one is due, or goes on with a broken one."""
        self._wanted.wait()
        self._wanted.clear()
        if self._closing:
            return
        recipe = self.desk.settings.recipe
        one = self._next(self.desk.snapshot(), recipe)
        if one is None:
            return
        try:
            self._attempt(one, recipe)
        except Exception:
            if not self._closing and self._is_wanted(recipe):  # else it was stopped on purpose
                self._failed = one.at.position
                raise
        finally:
            self._now("waiting")
            if not self._closing:
                self.child.rest()
        self._wanted.set()  # labels may have grown enough meanwhile

    def position_in_force(self) -> int | None:
        """The version that asks, where it is a slow one."""
        found = in_force(self.desk.snapshot(), self.desk.settings.recipe)
        return None if found is None else found.at.position

    def status(self, snapshot: Snapshot) -> dict[str, Any] | None:
        """What the pages show; None where the project has no slow trainer."""
        recipe = self.desk.settings.recipe
        if recipe.slow is None:
            return None
        queue, found = self.desk.queue, in_force(snapshot, recipe)
        asking = found is not None and queue is not None and queue.slow == found.at.position
        compared = _compared(snapshot, recipe)
        return {
            "trainer": recipe.slow,
            "state": self.state,
            "detail": self.detail,
            "progress": self.progress,
            "asking": asking,
            "version": None if found is None else found.at.position,
            "labels": None if found is None else self._labels(found),
            "compared": None if compared is None else asdict(compared),
            "words": self._words(snapshot, recipe, found if asking else None, compared),
        }

    # --- an attempt

    def _next(self, snapshot: Snapshot, recipe: Recipe) -> Learning | None:
        """The slow model to work on: the one that was broken off, or a new one where it is time."""
        one = unfinished(snapshot, recipe)
        if one is not None and one.at.position != self._failed:
            return one
        if not due(snapshot, recipe) or not snapshot.stages:
            return None
        settings = self.desk.settings
        self.desk.project.append(Begun(str(recipe.trainer), str(recipe.slow), recipe.start, settings.seed))
        return unfinished(self.desk.snapshot(), recipe)

    def _attempt(self, one: Learning, recipe: Recipe) -> None:
        position = one.at.position
        self._now("learning")
        said = self._call("learn", recipe, position)
        if said is None:
            return
        compared = Compared(**said["compared"])
        while compared.better:
            self._now("reading")
            read = self._call("read", recipe, position)
            if read is None:
                return
            with self.logging:
                if len(self.desk.snapshot().stages or ()) == read["stages"]:
                    self._publish(Version.of(read["version"] | {"at": self._clock()}), compared)
                    break  # else another stage came meanwhile
        else:
            self.desk.project.append(compared)
        log.info("slow=%d held=%d fast=%.3f slow=%.3f", position, compared.held, compared.fast, compared.slow)
        self._swapped()

    def _publish(self, version: Version, compared: Compared) -> None:
        self.versions.add(version)
        published = Published(version.fingerprint, version.labelled, position=version.version, score=version.score)
        self.desk.project.append(published, compared)

    def _call(self, do: str, recipe: Recipe, position: int) -> Any:
        """What the child answers; where somebody has killed it, it is started once more."""
        try:
            return self.child.call(do, position=position) if self._is_wanted(recipe) else None
        except ChildError as error:
            if not error.died or self._closing or not self._is_wanted(recipe):
                raise
            self._trouble("slow model", error)
        return self.child.call(do, position=position)

    def _is_wanted(self, recipe: Recipe) -> bool:
        """Whether the trainers and the start are still those that the work began with."""
        now = self.desk.settings.recipe
        return (now.trainer, now.slow, now.start) == (recipe.trainer, recipe.slow, recipe.start)

    def _now(self, state: str) -> None:
        self.state, self.detail, self.progress = state, "", None
        self.bell.ring()

    def _told(self, what: str, done: int, total: int) -> None:
        self.detail, self.progress = what, (done, total)
        self.bell.ring()

    def _labels(self, one: Learning) -> int:
        """How many labels a slow model has learned from; counted once, as the status is asked for all the time."""
        if one.at.position not in self._counts:
            self._counts = {one.at.position: len(learned(one.at))}
        return self._counts[one.at.position]

    # --- words

    def _words(self, snapshot: Snapshot, recipe: Recipe, asking: Learning | None, compared: Compared | None) -> str:
        """Which model asks, what the last comparison came to, and what the slow one does now; a sentence each."""
        fast, slow = short(str(recipe.trainer), str(recipe.slow))
        parts = [f"Asking with the fast model ({fast})"]
        if asking is not None:
            parts = [f"Asking with the slow model ({slow}), of {self._labels(asking):,} labels"]
        if compared is not None and snapshot.begun is not None:
            parts.append(in_words(snapshot.begun.begun, compared, snapshot.task))
        if self.state == "learning":
            parts.append(f"The slow model ({slow}) is learning")
        elif self.state == "reading":
            parts.append(f"The slow model ({slow}) is better and is reading the texts")
        elif snapshot.begun is None and len(snapshot.labels.keys() - snapshot.audit) < FIRST:
            parts.append(f"The slow model ({slow}) begins to learn at {FIRST} labels")
        return ". ".join(parts) + "."


def _compared(snapshot: Snapshot, recipe: Recipe) -> Compared | None:
    """The last comparison of these two trainers, if there was one."""
    begun = snapshot.begun
    same = begun is not None and (begun.begun.fast, begun.begun.slow) == (recipe.trainer, recipe.slow)
    return snapshot.compared if same else None
