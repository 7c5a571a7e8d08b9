"""The engine that runs jobs one after another in this process."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tithe.engines import Job, Result


class Inline:
    """Runs jobs here, in order.

    >>> [r.value for r in Inline().map([Job("a", max, (1, 2)), Job("b", min, (1, 2))], stackable=False)]
    [2, 1]
    """

    def map(self, jobs: Iterable[Job], *, stackable: bool) -> Iterator[Result]:
        """Results in the order of the jobs. A failing job's own error comes through, with its traceback."""
        for job in jobs:
            yield Result(job.key, job.function(*job.arguments))

    def close(self) -> None:
        """Nothing to free."""
