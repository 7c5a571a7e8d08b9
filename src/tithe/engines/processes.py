"""The engine that runs jobs in several processes of this machine."""

from __future__ import annotations

import os
import signal
import threading
import traceback
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import get_context, parent_process
from multiprocessing.connection import wait as wait_for
from types import FrameType
from typing import Any

from tithe.engines import Job, Result
from tithe.errors import ConfigError, JobError, TitheError

_CTRL_C_EVERY = 0.1
"""Seconds after which Ctrl-C is heard at the latest while all workers are busy."""


def _begin() -> None:
    """In each worker: leave Ctrl-C to the parent, and one thread each, since the processes already fill the cores."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[variable] = "1"


def _end_with_parent() -> None:
    """Ends this worker once its parent is dead: after a `kill -9` it would wait for jobs for ever."""
    parent = parent_process()
    if parent is not None:
        wait_for([parent.sentinel])
        os._exit(1)


@contextmanager
def _ctrl_c_held() -> Iterator[None]:
    """Holds Ctrl-C back until the block ends.

    Raised amid the waiting for a future, a KeyboardInterrupt can leave a lock released that is released again, and
    becomes a RuntimeError; amid the start of a worker it leaves half of one. Its signal is blocked as well, for
    workers inherit that, and would die of one that comes before `_begin` ignores it.
    """
    heard: list[tuple[int, FrameType | None]] = []
    before = signal.getsignal(signal.SIGINT)
    hears = callable(before) and threading.current_thread() is threading.main_thread()
    if hears:
        signal.signal(signal.SIGINT, lambda number, frame: heard.append((number, frame)))
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)  # one that waits comes now
        if hears:
            signal.signal(signal.SIGINT, before)
    if callable(before) and heard:
        before(*heard[0])


def _call(job: Job) -> tuple[str, Any, str]:
    """(key, value, "") or (key, error, traceback): the traceback would not survive the way back by itself."""
    try:
        return job.key, job.function(*job.arguments), ""
    except TitheError as error:
        return job.key, error, "tithe"
    except Exception as error:  # noqa: BLE001  # any error of a job must reach the parent with its traceback
        return job.key, f"{type(error).__name__}: {error}", traceback.format_exc()


class Processes:
    """Runs jobs in `workers` processes, by default one for each core. Workers live until `close`."""

    def __init__(self, workers: int | None = None) -> None:
        if workers is not None and workers < 0:
            raise ConfigError(f"workers must be 1 or more, or 0 for one for each core; given {workers}")
        self.workers = workers or os.cpu_count() or 1
        # Spawned, not forked: a fork of a process with BLAS or torch threads can hang.
        self._pool = ProcessPoolExecutor(self.workers, mp_context=get_context("spawn"), initializer=_begin)

    def map(self, jobs: Iterable[Job], *, stackable: bool) -> Iterator[Result]:
        """Results as they are ready. Raises JobError where a job fails or a worker dies."""
        jobs = list(jobs)
        waiting: set[Future[tuple[str, Any, str]]] = set()
        try:
            with _ctrl_c_held():
                waiting = {self._pool.submit(_call, job) for job in jobs}
            while waiting:
                with _ctrl_c_held():
                    ready, waiting = wait(waiting, _CTRL_C_EVERY, FIRST_COMPLETED)
                for future in ready:
                    key, value, trouble = future.result()
                    if trouble == "tithe":
                        raise value
                    if trouble:
                        raise JobError(f"the job {key!r} failed: {value}\n{trouble}")
                    yield Result(key, value)
        except BrokenProcessPool:
            raise JobError(
                "a worker process died, most likely for lack of memory; run with fewer workers (--workers 1). "
                "What was finished is kept: the same command goes on from there"
            ) from None
        finally:
            for future in waiting:
                future.cancel()

    def close(self) -> None:
        """Ends the workers."""
        self._pool.shutdown(wait=True, cancel_futures=True)
