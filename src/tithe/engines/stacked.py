"""The engine that trains the alike fits of many jobs as one batched computation.

Jobs run in threads, one at a time: each goes on until it is done or comes to a fit of an encoder. Once all stand
before a fit, alike ones are trained as a `Stack`, the others alone, and the jobs go on one after another. So jobs need
not know of each other or of threads, and what comes out does not depend on how threads are scheduled.
"""

from __future__ import annotations

import threading
import traceback
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

from tithe.engines import Job, Result
from tithe.engines.inline import Inline
from tithe.errors import ConfigError, JobError, TitheError

if TYPE_CHECKING:
    from tithe.models import Tell
    from tithe.models.tuning.orders import Order
    from tithe.models.tuning.programs import Problem
    from tithe.models.tuning.side_by_side import Fit
    from tithe.models.tuning.training import Course, Trained

_ENDING = 10.0
"""Seconds that a job has to end once nobody waits for it."""

_LIVE = 128  # jobs under way at a time: each holds an encoder of its own, 90 MB with MiniLM


class _Abandoned(BaseException):
    """Ends a job whose results nobody waits for any more; no job may catch it."""


@dataclass(eq=False)
class _Running:
    """A job in its thread. `fit` is what it waits for; once it is done, `value` or `error` is what came of it."""

    job: Job
    reports: SimpleQueue[_Running]
    device: int | None
    go: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    fit: Fit | None = None
    value: Any = None
    error: BaseException | None = None
    trouble: str = ""
    done: bool = False
    abandoned: bool = False

    thread: threading.Thread | None = None

    def start(self) -> None:
        """Makes its thread, which waits for its first turn."""
        self.thread = threading.Thread(target=self._run, name=f"job {self.job.key}", daemon=True)
        self.thread.start()

    def abandon(self) -> None:
        """Ends the job where it waits for a fit."""
        self.abandoned = True
        self.go.release()

    def turn(self) -> None:
        """Lets the job go on until it is done or waits for a fit."""
        self.go.release()
        self.reports.get()

    def _run(self) -> None:
        from tithe.models.tuning.gathering import GATHERER  # here: it loads torch

        self.go.acquire()
        GATHERER.set(self._gather)
        try:
            if self.device is not None:
                import torch

                torch.cuda.set_device(self.device)
            self.value = self.job.function(*self.job.arguments)
        except _Abandoned:
            return
        except BaseException as error:  # noqa: BLE001  # whatever a job raises, the engine waits to hear of it
            self.error, self.trouble = error, traceback.format_exc()
        self.done = True
        self.reports.put(self)

    def _gather(self, problem: Problem, order: Order, course: Course, tell: Tell) -> Trained:
        from tithe.models.tuning.side_by_side import Fit

        self.fit = Fit(problem, order, course, tell)
        self.reports.put(self)
        self.go.acquire()
        if self.abandoned:
            raise _Abandoned
        fit, self.fit = self.fit, None
        if fit.error is not None:
            raise fit.error
        assert fit.trained is not None  # the engine trained it, or said why not
        return fit.trained


class Stacked:
    """Trains alike fits side by side; `models` is the most of them, fewer where memory is short.

    With several GPUs, jobs are dealt out to them and their groups trained at the same time.

    >>> [r.value for r in Stacked().map([Job("a", max, (1, 2)), Job("b", min, (1, 2))], stackable=False)]
    [2, 1]
    """

    whole_rounds = True
    """The rounding of a result depends on the group that it was trained in: a resumed run begins at a whole round."""

    def __init__(self, models: int = 60, *, compiled: bool = False) -> None:
        """`compiled` fuses the layers by torch.compile, which takes up to 20 seconds at the first steps."""
        if models < 1:
            raise ConfigError(f"the stacked engine trains 1 model or more side by side; given models={models}")
        self.models, self.compiled = models, compiled

    def map(self, jobs: Iterable[Job], *, stackable: bool) -> Iterator[Result]:
        """Results as they are ready. Where a job fails the others are finished first, then its error is raised."""
        if not stackable:
            yield from Inline().map(jobs, stackable=False)
            return
        waiting, live, failed = list(jobs)[::-1], list[_Running](), list[_Running]()
        gpus = _gpus()
        reports: SimpleQueue[_Running] = SimpleQueue()
        started = 0
        try:
            while waiting or live:
                while waiting and len(live) < _LIVE:
                    running = _Running(waiting.pop(), reports, started % gpus if gpus else None)
                    started += 1
                    running.start()
                    live.append(running)
                    running.turn()
                    yield from self._ended(live, failed)
                self._train([running.fit for running in live if running.fit is not None])
                for running in list(live):
                    running.turn()
                    yield from self._ended(live, failed)
        finally:
            for running in live:
                running.abandon()
            for running in live:  # a thread that the end of the process finds within torch would abort it
                if running.thread is not None:
                    running.thread.join(_ENDING)
        for running in failed:
            assert running.error is not None  # it failed
            if isinstance(running.error, TitheError):
                raise running.error
            trouble = f"{type(running.error).__name__}: {running.error}\n{running.trouble}"
            raise JobError(f"the job {running.job.key!r} failed: {trouble}") from running.error

    def close(self) -> None:
        """Nothing to free: its threads end with their jobs."""

    @staticmethod
    def _ended(live: list[_Running], failed: list[_Running]) -> Iterator[Result]:
        """Takes the jobs that are done out of the live ones."""
        for running in [one for one in live if one.done]:
            live.remove(running)
            if running.error is not None:
                failed.append(running)
            else:
                yield Result(running.job.key, running.value)

    def _train(self, fits: Sequence[Fit]) -> None:
        """Trains all these fits, those of different devices at the same time."""
        by_device: dict[Any, list[Fit]] = {}
        for fit in fits:
            by_device.setdefault(fit.problem.feed.device, []).append(fit)
        if len(by_device) <= 1:
            for own in by_device.values():
                self._train_on(own)
            return
        threads = [threading.Thread(target=self._train_on, args=(own,), daemon=True) for own in by_device.values()]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _train_on(self, fits: Sequence[Fit]) -> None:
        """Trains the fits of one device."""
        from tithe.models.tuning.side_by_side import train_all

        train_all(fits, self.models, compiled=self.compiled)


def _gpus() -> int:
    """How many GPUs there are."""
    import torch

    return torch.cuda.device_count() if torch.cuda.is_available() else 0
