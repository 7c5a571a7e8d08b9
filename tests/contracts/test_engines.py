"""The kit passes every registered engine, and rejects each of these broken ones for the right reason."""

import pytest

from tithe import registry
from tithe.engines import Job, Result
from tithe.engines.inline import Inline
from tithe.errors import JobError, TitheError
from tithe.testing import ConformanceError, check_engine
from tithe.testing.engines import CHECKS


@pytest.mark.parametrize("name", registry.names("engines"))
def test_registered_engine_conforms(name):
    assert check_engine(name) == list(CHECKS)


def test_the_kit_takes_names_with_settings_objects_and_factories():
    for given in ("processes(workers=1)", Inline(), Inline, lambda: Inline()):
        assert check_engine(given) == list(CHECKS)


def test_a_failing_job_of_inline_carries_its_own_traceback():
    with pytest.raises(JobError, match=r"(?s)the job 'a' failed: ZeroDivisionError.*Traceback") as caught:
        list(Inline().map([Job("a", divmod, (1, 0))], stackable=False))
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


class LosesTheLast(Inline):
    def map(self, jobs, *, stackable):
        yield from super().map(list(jobs)[:-1], stackable=stackable)


class RunsTwice(Inline):
    def map(self, jobs, *, stackable):
        jobs = list(jobs)
        list(super().map(jobs, stackable=stackable))
        yield from super().map(jobs, stackable=stackable)


class YieldsTwice(Inline):
    def map(self, jobs, *, stackable):
        for result in super().map(jobs, stackable=stackable):
            yield from (result, result)


class MixesKeys(Inline):
    def map(self, jobs, *, stackable):
        jobs = list(jobs)
        results = list(super().map(jobs, stackable=stackable))
        yield from (Result(job.key, r.value) for job, r in zip(jobs, results[::-1], strict=True))


class WantsALength(Inline):
    def map(self, jobs, *, stackable):
        assert len(jobs) >= 0
        yield from super().map(jobs, stackable=stackable)


class NeedsAJob(Inline):
    def map(self, jobs, *, stackable):
        first, *rest = jobs
        yield from super().map([first, *rest], stackable=stackable)


class Remembers(Inline):
    seen = 0

    def map(self, jobs, *, stackable):
        for result in super().map(jobs, stackable=stackable):
            self.seen += 1
            changes = not isinstance(result.value, str) and self.seen > 337
            yield Result(result.key, result.value + self.seen) if changes else result


class OrderMatters(Inline):
    def map(self, jobs, *, stackable):
        jobs = list(jobs)
        turned = [job.key for job in jobs] == [f"job-{n}" for n in reversed(range(len(jobs)))]
        for result in super().map(jobs, stackable=stackable):
            yield Result(result.key, result.value + 1) if turned and len(jobs) > 1 else result


class StacksBadly(Inline):
    def map(self, jobs, *, stackable):
        for result in super().map(jobs, stackable=stackable):
            rounded = stackable and not isinstance(result.value, str)
            yield Result(result.key, result.value.round(3)) if rounded else result


class Swallows(Inline):
    def map(self, jobs, *, stackable):
        for job in jobs:
            try:
                yield from super().map([job], stackable=stackable)
            except JobError:
                yield Result(job.key, None)


class Raw(Inline):
    def map(self, jobs, *, stackable):
        yield from (Result(job.key, job.function(*job.arguments)) for job in jobs)


class NoTraceback(Inline):
    def map(self, jobs, *, stackable):
        for job in jobs:
            try:
                yield Result(job.key, job.function(*job.arguments))
            except TitheError:
                raise
            except ZeroDivisionError as error:
                raise JobError(f"the job {job.key!r} failed: {error}") from None


class WrapsAll(Inline):
    def map(self, jobs, *, stackable):
        try:
            yield from super().map(jobs, stackable=stackable)
        except JobError:
            raise
        except TitheError as error:
            raise JobError(f"a job failed: {error}") from error


class GivesUp(Inline):
    broken = False

    def map(self, jobs, *, stackable):
        if self.broken:
            raise JobError("this engine has failed before")
        try:
            yield from super().map(jobs, stackable=stackable)
        except JobError:
            self.broken = True
            raise


class ClosesOnce(Inline):
    closed = False

    def close(self):
        if self.closed:
            raise RuntimeError("closed already")
        self.closed = True


@pytest.mark.parametrize(
    ("broken", "check"),
    [
        (LosesTheLast, "runs each job once”: expected one result for each of the keys"),
        (RunsTwice, "expected one run of each of the jobs"),
        (YieldsTwice, "expected one result for each of the keys"),
        (MixesKeys, "expected each value with the key of its job"),
        (WantsALength, "given TypeError: object of type 'list_iterator' has no len"),
        (NeedsAJob, "does nothing for no jobs"),
        (Remembers, "does the same when run again"),
        (OrderMatters, "does not depend on the order of the jobs"),
        (StacksBadly, "stacks jobs without changing results"),
        (Swallows, "raises JobError where a job fails”: expected a JobError.*; given None"),
        (Raw, "expected a JobError where a job fails; given ZeroDivisionError"),
        (NoTraceback, "expected the job's traceback in the message"),
        (WrapsAll, "lets the errors of tithe through"),
        (GivesUp, "given JobError: this engine has failed before"),
        (ClosesOnce, "can be closed twice”: expected no error; given RuntimeError: closed already"),
    ],
)
def test_the_kit_rejects_a_broken_engine(broken, check):
    with pytest.raises(ConformanceError, match=check):
        check_engine(broken())
