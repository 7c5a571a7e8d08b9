"""The data of a plan, kept in each process: pool, test items, starts, the view store."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tithe.data.files import near_file
from tithe.data.reading import format_beside, leaks, read_items
from tithe.errors import ConfigError, DataError
from tithe.experiment import k_shot
from tithe.experiment.long_tail import long_tail
from tithe.experiment.people import Crowd, Known, crowd_of, in_words
from tithe.experiment.plan import REMOTE, Plan
from tithe.log import Added, Declared, Snapshot
from tithe.loop import Workshop
from tithe.loop.propose import strategy_of, trainer_of
from tithe.loop.spending import costs
from tithe.models import Tell, quiet
from tithe.models.given import SPEC, GivenStart, read_embeddings
from tithe.pool import declared_labels, declared_task
from tithe.rng import stream
from tithe.types import Item, Items, Label, names_in
from tithe.views import ViewStore

if TYPE_CHECKING:
    from tithe.experiment.study import Study
    from tithe.tasks import Task

_BYTES_AN_ITEM = 250
"""An id, a label and the objects around the text, beside its characters; 140 to 190 on TREC, ATIS and covid_tweets."""

_MOST_BYTES = 256 * 2**20
"""Of the worlds that a process keeps: a dozen data sets of 50,000 short texts, or one of any size."""


@dataclass(frozen=True, eq=False)
class World:
    """What all runs of a plan share."""

    pool: Items
    test: Items
    task: Task
    workshop: Workshop
    notes: tuple[str, ...]
    steps: tuple[int, ...]
    crowd: Crowd

    def asked(self, one: str) -> tuple[Item, Label]:
        """An item of the pool and its true label."""
        row = self._rows[one]
        label = self.pool.gold[row] if self.pool.gold is not None else None
        assert label is not None, "the pool was read with require_label"
        return self.pool[row], label

    @cached_property
    def _rows(self) -> dict[str, int]:
        return {one: row for row, one in enumerate(self.pool.ids)}

    @property
    def size(self) -> int:
        """About how many bytes the items take."""
        return sum(_BYTES_AN_ITEM * len(items) + sum(map(len, items.texts)) for items in (self.pool, self.test))

    @cached_property
    def _whole(self) -> Snapshot:
        return self._begun(self.pool)

    def snapshot(self, seed: int, subsample: float) -> Snapshot:
        """The log before the first question: the task and the share of the pool that this seed sees."""
        if subsample == 1:
            return self._whole  # made once: its ids are checked, a second for a million
        size = max(1, round(subsample * len(self.pool)))
        rows = stream(seed, "subsample").choice(self.pool.by_id, size, replace=False)
        return self._begun(self.pool.take(np.sort(rows)))

    def _begun(self, items: Items) -> Snapshot:
        return Snapshot.empty().apply([Declared(self.task.name, self.task.labels), Added(items)])


@dataclass(frozen=True)
class Facts:
    """What is remembered of a world that may be let go: sizes, labels, notes, and the cumulative budgets."""

    pool: int
    test: int
    labels: tuple[str, ...]
    notes: tuple[str, ...]
    steps: tuple[int, ...]

    @classmethod
    def of(cls, world: World) -> Facts:
        """Those of this world."""
        return cls(len(world.pool), len(world.test), tuple(world.task.labels), world.notes, world.steps)


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
    shots = k_shot.shots_of(plan)
    _check_files(plan)
    pool = read_items(plan.at(plan.train), dedupe=plan.dedupe, require_label=True, format=plan.format, **options)
    beside = format_beside(plan.train, plan.test, plan.format)
    test = read_items(plan.at(plan.test), require_label=True, format=beside, **options)
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
    if plan.imbalance > 1:
        pool, said = long_tail(pool, task, plan.imbalance, plan.seed)
        notes.append(f"{plan.train}: {said}")
    workshop = Workshop(ViewStore(cache), warm=False, tell=tell)
    if given is not None:
        workshop.given[SPEC] = given
    whole = sum(costs(task, pool)) if plan.budget_in == "tokens" else len(pool)
    steps = tuple(plan.steps(max(1, round(plan.subsample * whole))))
    crowd = crowd_of(plan.people, plan.answers, plan.late, Known(task, pool))
    if shots:
        steps = k_shot.budgets(pool, shots, steps if plan.budgets else ())
        notes.append(k_shot.in_words(pool, task, shots))
    if said := in_words(asdict(plan)):
        notes.append(said)
    return World(pool, test, task, workshop, tuple(notes), steps, crowd)


def _check_files(plan: Plan) -> None:
    """Raises DataError where a relative path of a plan leads nowhere: what is wrong is often where it begins."""
    for path in (plan.train, plan.test, plan.embeddings, plan.test_embeddings):
        if path is None or path.startswith(REMOTE) or Path(plan.at(path)).is_absolute() or Path(plan.at(path)).exists():
            continue
        begins = f"the root {plan.root}" if plan.root is not None else "this folder"
        raise DataError(
            f"there is no file {path} below {begins}, {Path(plan.root or '.').resolve()}"
            f"{near_file(Path(plan.at(path)))}, or say with --root where relative paths begin"
        )


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
        arrays = read_embeddings(plan.at(plan.embeddings), [pool, test])
    else:
        (train,), (held,) = (
            read_embeddings(plan.at(plan.embeddings), [pool]),
            read_embeddings(plan.at(plan.test_embeddings), [test]),
        )
        arrays = [train, held]
    return GivenStart({items.digest: array for items, array in zip((pool, test), arrays, strict=True)})


_kept: OrderedDict[tuple[Plan, str | None], World] = OrderedDict()
"""The worlds of this process, the last used at the end."""


def world_of(plan: Plan, cache: str | None) -> World:
    """`load`, and keeps it: of the last used worlds as many as `_MOST_BYTES` allows, and this one always."""
    key = (plan, cache)
    if key not in _kept:
        _kept[key] = load(plan, None if cache is None else Path(cache))
        while len(_kept) > 1 and sum(world.size for world in _kept.values()) > _MOST_BYTES:
            _kept.popitem(last=False)
    _kept.move_to_end(key)
    return _kept[key]


def forget_worlds() -> None:
    """Lets go of all worlds of this process: a file may have changed since it was read."""
    _kept.clear()


def warm_up(world: World, plan: Plan) -> None:
    """Computes the views that will be used before the runs begin, so that no two processes do it and time is told."""
    trained = {name for spec in plan.trainers for name in trainer_of(spec, world.task).needs_any}
    strategies = [strategy_of(spec) for spec in (*plan.strategies, k_shot.opener_of(plan))]
    strategies += [one.cold for one in strategies if one.cold is not None]
    asked = {name for one in strategies for name in one.needs}
    for spec in starts_of(plan):
        start = world.workshop.start(spec, world.pool)
        for items, names in ((world.pool, trained | asked), (world.test, trained)):
            for name in sorted(names & start.provides):
                start.view(name, items)


def data_digest(plan: Plan | Study) -> str:
    """A hash of a plan and of the content of its files: an unfinished run goes on with nothing else."""
    return hashlib.blake2b(f"{plan.digest}{sorted(file_digests(plan).items())}".encode(), digest_size=16).hexdigest()


def file_digests(plan: Plan | Study) -> dict[str, str]:
    """The sha256 of each file that the plan reads, by its path in the plan; what is no file has none."""
    out = {}
    for part in plan.parts:
        for path in (part.train, part.test, part.embeddings, part.test_embeddings):
            if path is not None and path not in out and Path(part.at(path)).is_file():
                out[path] = sha256_of(part.at(path))
    return out


def sha256_of(path: str) -> str:
    """The hex digest of a file."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
