"""The conformance kit for engines: all jobs run once, wherever they run, and failures are heard of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory, mkstemp
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tithe import registry
from tithe.engines import Engine, Job
from tithe.errors import JobError, LabelError
from tithe.rng import stream
from tithe.testing.conformance import expect, run_checks

_FAILURE = "the seventh seal is broken"


def check_engine(engine: str | Engine | Callable[[], Engine]) -> list[str]:
    """The names of the checks that the engine passed.

    Args:
        engine: a registered name (with settings, if need be), an engine, or what makes one. It is closed at the end.

    Raises:
        ConformanceError: at the first check that fails; says what was expected and given.

    >>> "runs each job once" in check_engine("inline")
    True
    """
    part: Any = registry.build("engines", engine) if isinstance(engine, str) else engine
    if isinstance(part, type) or not hasattr(part, "map"):
        part = part()
    try:
        return run_checks(part, CHECKS, part)
    finally:
        with suppress(Exception):  # that it closes is the last check; where another failed, that one is the news
            part.close()


# The jobs are functions of a module, so that they can run in other processes.


def _leave_mark(folder: str, key: str) -> str:
    mkstemp(prefix=f"{key}-", dir=folder)
    return key.upper()


def _draw(seed: int, size: int) -> NDArray[Any]:
    return stream(seed, "testing", "engines").standard_normal(size)


def _fail() -> None:
    raise ZeroDivisionError(_FAILURE)


def _refuse() -> None:
    raise LabelError(_FAILURE)


def _draws(count: int = 6) -> list[Job]:
    return [Job(f"job-{number}", _draw, (number, 3 + number % 2)) for number in range(count)]


def _values(engine: Engine, jobs: Sequence[Job], *, stackable: bool = False) -> dict[str, Any]:
    """What each job gave; the jobs are handed over one by one, as any iterable may."""
    results = list(engine.map(iter(jobs), stackable=stackable))
    given, wanted = Counter(result.key for result in results), Counter(job.key for job in jobs)
    expect(given == wanted, f"one result for each of the keys {sorted(wanted)}", sorted(given.elements()))
    return {result.key: result.value for result in results}


def _same(first: dict[str, Any], second: dict[str, Any], claim: str) -> None:
    for key, value in first.items():
        expect(np.array_equal(value, second[key]), f"{claim}: {value} for {key!r}", second[key])


def _runs_once(engine: Engine) -> None:
    for stackable in (False, True):
        with TemporaryDirectory() as folder:
            jobs = [Job(key, _leave_mark, (folder, key)) for key in "abcdef"]
            values = _values(engine, jobs, stackable=stackable)
            marks = sorted(path.name[0] for path in Path(folder).iterdir())
            expect(marks == list("abcdef"), "one run of each of the jobs a to f", marks)
        expect(values == {key: key.upper() for key in "abcdef"}, "each value with the key of its job", values)


def _values_come_back(engine: Engine) -> None:
    given = _values(engine, _draws())
    _same({job.key: job.function(*job.arguments) for job in _draws()}, given, "what the function gives here")


def _empty(engine: Engine) -> None:
    given = _values(engine, [])
    expect(not given, "no result for no job", given)


def _one_and_many(engine: Engine) -> None:
    """A single job, and more jobs than any machine has cores."""
    for count in (1, 300):
        _same({job.key: job.function(*job.arguments) for job in _draws(count)}, _values(engine, _draws(count)), "same")


def _any_order(engine: Engine) -> None:
    claim = "the same results for jobs in another order"
    _same(_values(engine, _draws()), _values(engine, _draws()[::-1]), claim)


def _again(engine: Engine) -> None:
    _same(_values(engine, _draws()), _values(engine, _draws()), "the same results when run again")


def _stackable(engine: Engine) -> None:
    claim = "the same results whether jobs may be stacked or not"
    _same(_values(engine, _draws()), _values(engine, _draws(), stackable=True), claim)


def _with_failure(engine: Engine, function: Callable[[], None]) -> Exception | None:
    """The error that comes where one job among others fails."""
    try:
        list(engine.map([*_draws(2), Job("bad", function, ())], stackable=False))
    except Exception as error:  # noqa: BLE001  # what kind of error comes is the question
        return error
    return None


def _job_error(engine: Engine) -> None:
    error = _with_failure(engine, _fail)
    expect(isinstance(error, JobError), "a JobError where a job fails", repr(error))
    for part, what in (("bad", "the job's key"), (_FAILURE, "the job's own error"), ("_fail", "the job's traceback")):
        expect(part in str(error), f"{what} in the message", str(error))


def _tithe_error(engine: Engine) -> None:
    error = _with_failure(engine, _refuse)
    expect(type(error) is LabelError, "a job's TitheError as it is, here a LabelError", repr(error))
    expect(str(error) == _FAILURE, f"its own message, {_FAILURE!r}", str(error))


def _goes_on(engine: Engine) -> None:
    _with_failure(engine, _fail)
    _values_come_back(engine)


def _closes(engine: Engine) -> None:
    for _ in range(2):
        engine.close()


CHECKS: Mapping[str, Callable[[Engine], None]] = {
    "runs each job once": _runs_once,
    "gives back what the jobs return": _values_come_back,
    "does nothing for no jobs": _empty,
    "runs one job and hundreds": _one_and_many,
    "does not depend on the order of the jobs": _any_order,
    "does the same when run again": _again,
    "stacks jobs without changing results": _stackable,
    "raises JobError where a job fails": _job_error,
    "goes on after a failure": _goes_on,
    "lets the errors of tithe through": _tithe_error,
    "can be closed twice": _closes,
}
"""What an engine must do; the keys and their number are looked at in each. The last check closes the engine."""
