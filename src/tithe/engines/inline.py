"""The engine that runs jobs one after another in this process."""

from __future__ import annotations

import traceback
from collections.abc import Iterable, Iterator

from tithe.engines import Job, Result
from tithe.errors import JobError, TitheError


class Inline:
    """Runs jobs here, in order.

    >>> [r.value for r in Inline().map([Job("a", max, (1, 2)), Job("b", min, (1, 2))], stackable=False)]
    [2, 1]
    """

    def map(self, jobs: Iterable[Job], *, stackable: bool) -> Iterator[Result]:
        """Results in the order of the jobs. Raises JobError where a job fails."""
        for job in jobs:
            try:
                value = job.function(*job.arguments)
            except TitheError:
                raise
            except Exception as error:  # a job may raise anything; what it was stays attached
                trouble = f"{type(error).__name__}: {error}\n{traceback.format_exc()}"
                raise JobError(f"the job {job.key!r} failed: {trouble}") from error
            yield Result(job.key, value)

    def close(self) -> None:
        """Nothing to free."""
