"""Where jobs run: one `map` over jobs, whatever the machine.

A job is a module-level function with plain arguments, so that it can run in another process. Results come in the order
in which they are ready; each carries its job's key.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True)
class Job:
    """A call to make. `key` names it in results and errors."""

    key: str
    function: Callable[..., Any]
    arguments: tuple[Any, ...]


@dataclass(frozen=True)
class Result:
    """What a job returned."""

    key: str
    value: Any


class Engine(Protocol):
    """Runs jobs.

    One whose results depend, in their last digits, on which jobs run together says so by `whole_rounds = True`: a
    killed simulation then goes on from its last whole round.
    """

    def map(self, jobs: Iterable[Job], *, stackable: bool) -> Iterator[Result]:
        """Runs all jobs and yields each result when it is ready.

        `stackable` says that the jobs are alike and may be trained as one batch; engines that cannot, ignore it.
        Raises JobError, with the job's traceback, where a job fails; TitheErrors come through as they are.
        """

    def close(self) -> None:
        """Frees processes and memory; the engine is of no use afterwards."""
