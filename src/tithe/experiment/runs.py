"""One run of a plan, one round at a time: the job that engines execute.

A run is a recipe and a seed. Its state is the list of batches asked so far, so a job needs nothing but the plan, the
run and that list, and a killed simulation goes on from what was written down.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tithe.experiment.classes import packed
from tithe.experiment.k_shot import k_shot, opener_of, shots_of
from tithe.experiment.k_shot import said as k_shot_said
from tithe.experiment.people import in_words
from tithe.experiment.plan import Plan
from tithe.experiment.world import World, starts_of, world_of
from tithe.log import Asked, Event, Snapshot
from tithe.loop import Recipe, Round, propose
from tithe.loop.record import record_of
from tithe.loop.spending import costs
from tithe.stopping import Record
from tithe.tasks.spans import Spans
from tithe.types import names_in

FULL = "full"
"""The strategy name of a full-data run: all labels at once."""


@dataclass(frozen=True)
class Run:
    """One recipe, one seed. `dataset` is named where a plan has several data sets, and else empty."""

    start: str
    trainer: str
    strategy: str
    seed: int
    dataset: str = ""

    @property
    def config(self) -> str:
        """The name of the recipe, the same for all its seeds, and among several data sets that of one."""
        recipe = f"{self.start}/{self.trainer}/{self.strategy}"
        return f"{self.dataset}/{recipe}" if self.dataset else recipe

    @property
    def key(self) -> str:
        """The name of the run."""
        return f"{self.config}#{self.seed}"


@dataclass(frozen=True, eq=False)
class Step:
    """What one round of a run came to: its row, and the batch to ask next (empty after the last round).

    `ahead`: the batch is empty because what was asked so far has spent the next budget too, by its last item.
    """

    row: dict[str, Any] | None
    asked: tuple[str, ...]
    scores: tuple[float, ...]
    record: Record | None = None
    ahead: bool = False


def runs_of(plan: Plan, dataset: str = "") -> list[Run]:
    """All runs of a plan: the full-data runs first, then seed by seed. `dataset` is as in `Run`."""
    found = []
    for start in starts_of(plan):
        for trainer in plan.trainers:
            if plan.full:
                found.append(Run(start, trainer, FULL, plan.seed, dataset))
            for seed in range(plan.seed, plan.seed + plan.seeds):
                found += [Run(start, trainer, strategy, seed, dataset) for strategy in plan.strategies]
    return found


def take_step(
    plan: Plan, cache: str | None, run: Run, batches: Sequence[Sequence[str]], export: str | None = None
) -> Step:
    """The next round of a run: fit on all batches asked, score on test, choose the next batch.

    The steps before the first answers have no row: they only choose batches. An empty batch is a round in which late
    answers were waited for. Row r is of the model that knows the answers to the batches 0 to r.
    """
    world = world_of(plan, cache)
    start = world.snapshot(run.seed, plan.subsample)
    late = world.crowd.late
    if run.strategy == FULL:
        batches, late = [list(start.items.ids)], 0
    if (shots := shots_of(plan)) and not batches:
        ids = k_shot(world.pool, world.task, shots, run.seed)
        return Step(None, ids, (0.0,) * len(ids))
    snapshot = start.apply(_events(world, run, batches, late))
    recipe = Recipe(run.start, run.trainer, run.strategy if run.strategy != FULL else "random", opener_of(plan))
    more = run.strategy != FULL and len(batches) < len(world.steps)
    wanted: dict[str, Any] = {}
    if more and plan.budget_in == "tokens":
        asked = sum(costs(world.task, (world.asked(one)[0] for batch in batches for one in batch)))
        wanted["cost"] = max(0.0, world.steps[len(batches)] / world.crowd.answers - asked)
    elif more:
        wanted["n"] = world.steps[len(batches)] // world.crowd.answers - sum(map(len, batches))
    found = propose(snapshot, recipe, seed=run.seed, workshop=world.workshop, **wanted)
    ahead = wanted.get("cost") == 0.0
    if len(batches) <= late:
        return Step(None, found.selection.ids, found.selection.scores, ahead=ahead)
    record = record_of(found, snapshot, run.seed, watched=bool(plan.stop))
    row = _row(plan, world, run, snapshot, found, number=len(batches) - 1 - late, paid=record.cost)
    if export:
        from tithe.experiment.export import export_round

        export_round(Path(export), world, run, found, number=row["round"])
    return Step(row, found.selection.ids, found.selection.scores, record, ahead=ahead)


def _events(world: World, run: Run, batches: Sequence[Sequence[str]], late: int) -> list[Event]:
    """What was asked and answered so far: the answers to a batch stand behind the question `late` rounds later."""
    events: list[Event] = []
    for number, batch in enumerate(batches):
        if batch:
            events.append(Asked(tuple(batch), run.strategy, run.seed, 0))
        for one in batches[number - late] if number >= late else ():
            item, true = world.asked(one)
            events += world.crowd.answered(item, true, run.seed)
    return events


def _row(
    plan: Plan, world: World, run: Run, snapshot: Snapshot, found: Round, *, number: int, paid: float
) -> dict[str, Any]:
    """The row of rounds.parquet for the round of this number, by which `paid` was spent."""
    learned = time.perf_counter()
    getattr(found.model, "slow", None)  # that of a proxy is fitted when it is first asked for
    began = time.perf_counter()
    output = test_output(world, found)
    truth = [label for label in world.test.gold or () if label is not None]  # require_label: there is no None
    guess = world.task.decode(output) if found.model is None else found.model.decide(output)
    scores = world.task.score(truth, output, guess)
    correct = np.asarray([one == other for one, other in zip(guess, truth, strict=True)])
    return {
        "config": run.config,
        "dataset": plan.dataset,
        "strategy": run.strategy,
        "trainer": run.trainer,
        "start": run.start,
        "seed": run.seed,
        "round": number,
        "labelled": len(snapshot.labels),
        "cost": paid,
        **(
            {"budget": float(paid if run.strategy == FULL else world.steps[number])}
            if plan.budget_in == "tokens"
            else {}
        ),
        **scores,
        **_of_people(plan, world, snapshot),
        **({"initial": said} if (said := k_shot_said(plan)) else {}),
        "test_items": len(truth),
        "test_correct": np.packbits(correct).tobytes(),
        **packed(world.task.per_class(truth, guess)),
        "cold": found.cold,
        "fit_s": found.fit_s + began - learned,
        "view_s": found.view_s,
        "select_s": found.select_s,
        "score_s": time.perf_counter() - began,
    }


def _of_people(plan: Plan, world: World, snapshot: Snapshot) -> dict[str, Any]:
    """Who answered, where it was no oracle: the share of labels that are the file's own, and the seconds it took."""
    said = in_words(asdict(plan))
    if not world.crowd.people:
        return {"people": said} if said else {}
    right = sum(label == world.asked(one)[1] for one, label in snapshot.labels.items())
    seconds = sum(one.seconds for answers in snapshot.answers.values() for one in answers.values())
    return {"people": said, "label_accuracy": right / max(1, len(snapshot.labels)), "answer_s": seconds}


def test_output(world: World, found: Round) -> Any:
    """What the round's model says of the test items, in the form of the task's outputs.

    Where there was no model yet it is a constant guess: the only label known, and for spans no entity.
    """
    if found.model is not None:
        return found.model.view("proba", world.test)
    if isinstance(world.task, Spans):
        return world.task.silent(world.test)
    only = {name for label in found.pool.answers.values() for name in names_in(label)}
    share = np.asarray([float(label in only) for label in world.task.labels], np.float32)
    return np.tile(share, (len(world.test), 1))  # one label at most is known in a choice: it adds up to 1
