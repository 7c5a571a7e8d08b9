"""The data of a plan, loaded once in each process: pool, test items, starts, the view store."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tithe.data.reading import leaks, read_items
from tithe.errors import ConfigError, DataError
from tithe.experiment.plan import Plan
from tithe.log import Added, Declared, Snapshot
from tithe.loop import Workshop
from tithe.models import Tell, quiet
from tithe.models.given import SPEC, GivenStart, read_embeddings
from tithe.pool import declared_labels, declared_task
from tithe.rng import stream
from tithe.types import Items, Label, names_in
from tithe.views import ViewStore

if TYPE_CHECKING:
    from tithe.tasks import Task


@dataclass(frozen=True, eq=False)
class World:
    """What all runs of a plan share."""

    pool: Items
    test: Items
    task: Task
    workshop: Workshop
    notes: tuple[str, ...]
    steps: tuple[int, ...]

    @cached_property
    def gold(self) -> dict[str, Label | None]:
        """The file's own label of each item of the pool, by id."""
        return dict(zip(self.pool.ids, self.pool.gold or (), strict=True))

    @cached_property
    def _whole(self) -> Snapshot:
        return self._begun(self.pool)

    def snapshot(self, seed: int, subsample: float) -> Snapshot:
        """The log before the first question: the task and the share of the pool that this seed sees."""
        if subsample == 1:
            return self._whole  # made once: its ids are checked, a second for a million
        size = max(1, round(subsample * len(self.pool)))
        order = sorted(range(len(self.pool)), key=self.pool.ids.__getitem__)
        rows = stream(seed, "subsample").choice(np.asarray(order, np.int64), size, replace=False)
        return self._begun(self.pool.take(np.sort(rows)))

    def _begun(self, items: Items) -> Snapshot:
        return Snapshot.empty().apply([Declared(self.task.name, self.task.labels), Added(items)])


def starts_of(plan: Plan) -> tuple[str, ...]:
    """The starts of a plan; the user's own embeddings take the place of all of them."""
    return (SPEC,) if plan.embeddings else plan.starts


def load(plan: Plan, cache: Path | None, tell: Tell = quiet) -> World:
    """The world of a plan.

    Raises DataError, ColumnError, ConfigError or BudgetError, before any work, for whatever does not fit.
    """
    options: dict[str, Any] = {"task": plan.task, "text": plan.text, "label": plan.label, "id": plan.id}
    options["header"] = plan.header
    options["columns"] = list(plan.columns) or None
    pool = read_items(plan.train, dedupe=plan.dedupe, require_label=True, **options)
    test = read_items(plan.test, require_label=True, **options)
    task = declared_task(plan.task, pool, plan.labels or None)
    notes = [f"{plan.train}: {note}" for note in pool.notes] + [f"{plan.test}: {note}" for note in test.notes]
    for label in sorted(set(declared_labels(pool)) - set(task.labels)):
        raise ConfigError(f"{plan.train} has the label {label!r}, which --labels does not declare; add it")
    undeclared = sorted(set(declared_labels(test)) - set(task.labels))
    if undeclared:
        hit = sum(one is not None and bool(names_in(one) & set(undeclared)) for one in test.gold or ())
        notes.append(
            f"{plan.test}: {hit} test rows have labels that the training file does not "
            f"({', '.join(undeclared)}); they count as wrong"
        )
    given = _given(plan, pool, test)
    pool = _without_leaks(plan, pool, test, notes)
    workshop = Workshop(ViewStore(cache), warm=False, tell=tell)
    if given is not None:
        workshop.given[SPEC] = given
    steps = tuple(plan.steps(max(1, round(plan.subsample * len(pool)))))
    return World(pool, test, task, workshop, tuple(notes), steps)


def _without_leaks(plan: Plan, pool: Items, test: Items, notes: list[str]) -> Items:
    leaked = leaks(pool, test)
    if not leaked:
        return pool
    what = f"{len(leaked)} rows of {plan.train} have a text that is also in {plan.test}"
    if not plan.drop_leaks:
        notes.append(f"{what}; scores are a little too high for it. Leave them out with --drop-leaks")
        return pool
    notes.append(f"{what}; they were left out of training")
    if len(leaked) == len(pool):
        raise DataError(f"{what}: none is left to train on without them; give other files, or leave --drop-leaks out")
    gone = set(leaked)
    return pool.take(np.asarray([row for row, one in enumerate(pool.ids) if one not in gone], dtype=np.int64))


def _given(plan: Plan, pool: Items, test: Items) -> GivenStart | None:
    """The user's own embeddings: one file for train and test rows one after the other, or one for each."""
    if plan.embeddings is None:
        return None
    if plan.test_embeddings is None:
        arrays = read_embeddings(plan.embeddings, [pool, test])
    else:
        (train,), (held,) = read_embeddings(plan.embeddings, [pool]), read_embeddings(plan.test_embeddings, [test])
        arrays = [train, held]
    return GivenStart({items.digest: array for items, array in zip((pool, test), arrays, strict=True)})


@lru_cache(maxsize=2)
def world_of(plan: Plan, cache: str | None) -> World:
    """`load`, once in each process."""
    return load(plan, None if cache is None else Path(cache))


def warm_up(world: World, plan: Plan) -> None:
    """Computes all views of all starts before the runs begin, so that no two processes do it and time is told."""
    for spec in starts_of(plan):
        start = world.workshop.start(spec, world.pool)
        for name in sorted(start.provides):
            for items in (world.pool, world.test):
                start.view(name, items)


def data_digest(plan: Plan) -> str:
    """A hash of a plan and of the content of its files: an unfinished run goes on with nothing else."""
    return hashlib.blake2b(f"{plan.digest}{sorted(file_digests(plan).items())}".encode(), digest_size=16).hexdigest()


def file_digests(plan: Plan) -> dict[str, str]:
    """The sha256 of each file that the plan reads."""
    out = {}
    for path in (plan.train, plan.test, plan.embeddings, plan.test_embeddings):
        if path is not None:
            out[path] = sha256_of(path)
    return out


def sha256_of(path: str) -> str:
    """The hex digest of a file."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
