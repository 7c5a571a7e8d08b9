"""What goes on by itself: stages of the pool are embedded, the model is fitted again, versions are published."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tithe.log import Embedded, Published, Snapshot
from tithe.rng import stream
from tithe.service.bell import Bell
from tithe.service.child import Child
from tithe.service.desk import Desk
from tithe.service.embedder import IDLE
from tithe.service.queue import Queue
from tithe.service.slow import SlowWork
from tithe.service.troubles import Troubles
from tithe.service.versions import Version, Versions

FIRST_STAGE = 600
"""Items embedded before the first round that knows texts: two seconds' work."""

GROWTH, LARGEST = 4, 20_000
"""Each stage is this many times all before it, up to so many items."""

QUEUE, LONGEST_QUEUE = 20, 400
"""Questions of a round; more where people answer so quickly that they would be spent before the next round is made."""

_PATIENCE_S = 20.0
log = logging.getLogger(__name__)


class Background:
    """Three threads and three child processes of one project."""

    def __init__(
        self, desk: Desk, bell: Bell, *, url: str, folder: Path, cache: Path, clock: Callable[[], float] = time.time
    ) -> None:
        """It starts nothing before `start`."""
        self.desk, self.bell, self.project = desk, bell, desk.project
        self.folder, self._clock = folder, clock
        self.versions = Versions(folder / "models")
        self.troubles = Troubles(folder / "troubles.jsonl", clock=clock)
        common = [url, self.project.id]
        self.learner = Child(
            "tithe.service.learner",
            [*common, str(folder), str(cache)],
            errors=folder / "logs" / "learner.log",
            told=self._told,
            nice=5,
        )
        self.embedder = Child(
            "tithe.service.embedder",
            [*common, str(folder), str(cache)],
            errors=folder / "logs" / "embedder.log",
            told=self._told,
            nice=IDLE,
        )
        self.slow = SlowWork(
            desk,
            bell,
            self.versions,
            lambda told: Child(
                "tithe.service.tuner",
                [*common, str(folder), str(cache)],
                errors=folder / "logs" / "tuner.log",
                told=told,
                nice=IDLE,
            ),
            clock=clock,
            swapped=self.want_round,
            trouble=self._trouble,
        )
        self.latest: Version | None = None
        self.training = self.embedding = False
        self.detail = ""
        self.progress: tuple[int, int] | None = None
        self._wake = threading.Condition()
        self._wanted = 0  # rounds wanted so far, and the last of them that was made
        self._made = 0
        self._fitted = -1  # answers at the last round
        self._meanwhile = 0  # answers that came while it was made
        self._staging = threading.Event()
        self._count = 0  # items when a stage was last wanted for new ones
        self._closing = False
        self._threads = [
            threading.Thread(target=self._run, args=(loop,), daemon=True, name=loop.__name__)
            for loop in (self._rounds, self._stages, self._slow_model)
        ]

    # --- for the desk and the pages

    def start(self) -> None:
        """Begins; a queue that the last server left serves until the first round of this one."""
        snapshot = self.desk.snapshot()
        versions = self.versions.all()
        self.latest = next(
            (one for one in reversed(versions) if one.version <= snapshot.position and not one.slow), None
        )
        if snapshot.stages:
            self.desk.queue = Queue.load(self.folder / "queue.json", snapshot.position)
        for thread in self._threads:
            thread.start()
        self.want_stage()
        self.want_round()
        self.slow.want()

    def close(self) -> None:
        """Ends the children and the threads; what they were doing is lost and will be done again."""
        self._closing = True
        self.learner.close()
        self.embedder.close()
        self.slow.close()
        self._staging.set()
        with self._wake:
            self._wake.notify_all()
        for thread in self._threads:
            if thread.is_alive():
                thread.join(timeout=5)

    def answered(self) -> None:
        """An answer came in: after a few of them the model is fitted again."""
        snapshot = self.desk.snapshot()
        self.noticed()
        answers = _answers(snapshot)
        few = 1 if self.latest is None else self.desk.settings.refit_every
        if answers - self._fitted >= few or answers < self._fitted:
            self.want_round()
        self.slow.want()

    def noticed(self) -> None:
        """The desk has looked at the log: another process may have added items (`tithe import`)."""
        if self.desk.count != self._count:
            self._count = self.desk.count
            self.want_stage()

    def want_round(self) -> None:
        """A round is to be made; nobody waits for it."""
        with self._wake:
            self._wanted += 1
            self._wake.notify_all()

    def want_stage(self) -> None:
        """There may be items that are not embedded yet."""
        self._staging.set()

    def refill(self) -> None:
        """Has a round made and waits for it, twenty seconds at most; nothing where nobody would make it."""
        if not self._threads[0].is_alive():
            return
        with self._wake:
            self._wanted += 1
            number = self._wanted
            self._wake.notify_all()
            self._wake.wait_for(lambda: self._made >= number or self._closing, _PATIENCE_S)

    # --- threads

    def _run(self, loop: Callable[[], None]) -> None:
        while not self._closing:
            try:
                loop()
            except Exception as error:  # noqa: BLE001  # a thread that ends is silent; a person shall see why
                if not self._closing:
                    self._trouble(loop.__name__.strip("_").replace("_", " "), error)

    def _rounds(self) -> None:
        """One round, once it is wanted."""
        with self._wake:
            self._wake.wait_for(lambda: self._wanted > self._made or self._closing)
            number = self._wanted
        if self._closing:
            return
        try:
            self._round()
        finally:
            with self._wake:
                self._made = max(self._made, number)
                self._wake.notify_all()

    def _round(self) -> None:
        snapshot = self.desk.snapshot()
        if not snapshot.stages:
            return  # nothing is embedded: the desk draws
        self._fitted = _answers(snapshot)
        self.training = True
        self.bell.ring()
        try:
            settings = self.desk.settings
            beside = [one.item for one in self.project.held()]
            n = max(QUEUE, 4 * settings.refit_every, 4 * self._meanwhile)
            said = self.learner.call("round", n=min(n, LONGEST_QUEUE), beside=beside)
            self._publish(said)
            self._meanwhile = _answers(self.desk.snapshot()) - self._fitted
        finally:
            self.training, self.progress = False, None
            self.bell.ring()

    def _publish(self, said: dict[str, Any]) -> None:
        if said["version"] is not None:
            version = Version.of(said["version"] | {"at": self._clock()})
            if self.latest is None or version.version != self.latest.version:
                self.versions.add(version)
                self.project.append(
                    Published(version.fingerprint, version.labelled, position=version.version, score=version.score)
                )
                self.latest = version
                log.info("version=%d labelled=%d fit_s=%.2f", version.version, version.labelled, version.fit_s)
        self.desk.queue = Queue.of(said)
        self.desk.queue.save(self.folder / "queue.json")

    def _stages(self) -> None:
        """One stage, once there are items that are not embedded.

        One that fails is tried again after the next change of settings or items, or at a start.
        """
        self._staging.wait()
        if self._closing:
            return
        self._staging.clear()  # before it looks: what is wanted from here on is looked for once more
        snapshot = self.desk.snapshot()
        ids = self._next_stage(snapshot)
        if not ids:
            self.embedder.rest()
            return
        start = self.desk.settings.start
        self.embedding = True
        self.bell.ring()
        try:
            if self._embed(ids, start) and not snapshot.stages and self.desk.queue is not None:
                # From here on a new server would wait for the first round: what was drawn serves it meanwhile.
                self.desk.queue.save(self.folder / "queue.json")
        finally:
            self.embedding, self.progress = False, None
            self.bell.ring()
        self.want_stage()  # the next one
        self.want_round()
        self.slow.want()

    def _embed(self, ids: list[str], start: str) -> bool:
        """Has a stage read, by the model that asks too, and logs it; whether the start is still the one of then."""
        while True:
            asking = self.slow.position_in_force()
            self.embedder.call("stage", ids=ids)
            with self.slow.logging:
                if self.desk.settings.start != start:
                    return False
                if self.slow.position_in_force() in (None, asking):
                    self.project.append(Embedded(tuple(ids)))
                    return True

    def _slow_model(self) -> None:
        self.slow.work()

    def _next_stage(self, snapshot: Snapshot) -> list[str]:
        """The items to embed next: those that people have seen, audit items, then a random draw of the others."""
        stages = snapshot.stages or ()
        ready = {one for stage in stages for one in stage}
        waiting = [one for one in snapshot.items.ids if one not in ready]
        if not waiting:
            return []
        size = FIRST_STAGE if not ready else min(GROWTH * len(ready), LARGEST)
        # The whole reserve would leave nothing to choose from in a first stage.
        audit = self.desk.drawn if ready else self.desk.drawn[: FIRST_STAGE // 10]
        first = {*snapshot.answers, *snapshot.pending, *audit}
        order = stream(self.desk.settings.seed, "stage", len(stages)).permutation(len(waiting)).tolist()
        drawn = [waiting[row] for row in order]
        seen = [one for one in drawn if one in first][:size]
        return seen + [one for one in drawn if one not in first][: size - len(seen)]

    def _told(self, what: str, done: int, total: int) -> None:
        self.detail, self.progress = what, (done, total)
        self.bell.ring()

    def _trouble(self, what: str, error: Exception) -> None:
        log.warning("%s: %s", what, error)
        self.troubles.add(what, error)
        self.bell.ring()


def _answers(snapshot: Snapshot) -> int:
    """Items answered that are none of the audit."""
    return len(snapshot.answers) - sum(one in snapshot.answers for one in snapshot.audit)
