"""One run of a plan, one round at a time: the job that engines execute.

A run is a recipe and a seed. Its state is the list of batches asked so far, so a job needs nothing but the plan, the
run and that list, and a killed simulation goes on from what was written down.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tithe.experiment.plan import Plan
from tithe.experiment.world import World, starts_of, world_of
from tithe.log import Answered, Asked, Event, Snapshot
from tithe.loop import Recipe, Round, propose
from tithe.loop.learner import asked_scores, stop_set_guesses
from tithe.types import names_in

if TYPE_CHECKING:
    from numpy.typing import NDArray

FULL = "full"
"""The strategy name of a full-data run: all labels at once."""


@dataclass(frozen=True)
class Run:
    """One recipe, one seed."""

    start: str
    trainer: str
    strategy: str
    seed: int

    @property
    def config(self) -> str:
        """The name of the recipe, the same for all its seeds."""
        return f"{self.start}/{self.trainer}/{self.strategy}"

    @property
    def key(self) -> str:
        """The name of the run."""
        return f"{self.config}#{self.seed}"


@dataclass(frozen=True, eq=False)
class Step:
    """What one round of a run came to: its row, and the batch to ask next (empty after the last round)."""

    row: dict[str, Any] | None
    asked: tuple[str, ...]
    scores: tuple[float, ...]
    guesses: list[int] | None = None
    asked_scores: dict[str, float] | None = None


def runs_of(plan: Plan) -> list[Run]:
    """All runs of a plan: the full-data runs first, then seed by seed."""
    found = []
    for start in starts_of(plan):
        for trainer in plan.trainers:
            if plan.full:
                found.append(Run(start, trainer, FULL, plan.seed))
            for seed in range(plan.seed, plan.seed + plan.seeds):
                found += [Run(start, trainer, strategy, seed) for strategy in plan.strategies]
    return found


def take_step(
    plan: Plan, cache: str | None, run: Run, batches: Sequence[Sequence[str]], export: str | None = None
) -> Step:
    """The next round of a run: fit on all batches asked, score on test, choose the next batch.

    The first step (no batches yet) has no row: it only chooses the initial batch.
    """
    world = world_of(plan, cache)
    start = world.snapshot(run.seed, plan.subsample)
    if run.strategy == FULL:
        batches = [list(start.items.ids)]
    snapshot = start.apply(_events(run, batches, world.gold))
    recipe = Recipe(run.start, run.trainer, run.strategy if run.strategy != FULL else "random", plan.initial_strategy)
    wanted = 0
    if run.strategy != FULL and len(batches) < len(world.steps):
        wanted = world.steps[len(batches)] - len(snapshot.labels)
    found = propose(snapshot, recipe, seed=run.seed, n=wanted, workshop=world.workshop)
    if not batches:
        return Step(None, found.selection.ids, found.selection.scores)
    row = _row(plan, world, run, snapshot, found)
    if export:
        from tithe.experiment.export import export_round

        export_round(Path(export), world, run, found, snapshot)
    guesses = stop_set_guesses(found, run.seed) if plan.stop else None
    asked = asked_scores(found.model)
    return Step(row, found.selection.ids, found.selection.scores, None if guesses is None else guesses.tolist(), asked)


def _events(run: Run, batches: Sequence[Sequence[str]], gold: dict[str, Any]) -> list[Event]:
    events: list[Event] = []
    for batch in batches:
        events.append(Asked(tuple(batch), run.strategy, run.seed, 0))
        events += [Answered(one, gold[one], "oracle") for one in batch]
    return events


def _row(plan: Plan, world: World, run: Run, snapshot: Snapshot, found: Round) -> dict[str, Any]:
    """The row of rounds.parquet."""
    began = time.perf_counter()
    output = test_output(world, found, snapshot)
    truth = [label for label in world.test.gold or () if label is not None]  # require_label: there is no None
    guess = world.task.decode(output) if found.model is None else found.model.decide(output)
    scores = world.task.score(truth, output, guess)
    correct = np.asarray([one == other for one, other in zip(guess, truth, strict=True)])
    rows = found.pool.rows(snapshot.labels)
    return {
        "config": run.config,
        "dataset": plan.dataset,
        "strategy": run.strategy,
        "trainer": run.trainer,
        "start": run.start,
        "seed": run.seed,
        "round": snapshot.round - 1,
        "labelled": len(snapshot.labels),
        "cost": sum(world.task.cost(found.pool.items[int(row)]) for row in rows),
        **scores,
        "test_items": len(truth),
        "test_correct": np.packbits(correct).tobytes(),
        "cold": found.cold,
        "fit_s": found.fit_s,
        "view_s": found.view_s,
        "select_s": found.select_s,
        "score_s": time.perf_counter() - began,
    }


def test_output(world: World, found: Round, snapshot: Snapshot) -> NDArray[np.float32]:
    """(n, C) what the round's model says of the test items; a constant guess where there was no model yet."""
    if found.model is not None:
        output: NDArray[np.float32] = found.model.view("proba", world.test)
        return output
    only = {name for label in snapshot.labels.values() for name in names_in(label)}
    share = np.asarray([float(label in only) for label in world.task.labels], np.float32)
    return np.tile(share, (len(world.test), 1))  # one label at most is known in a choice: it adds up to 1
