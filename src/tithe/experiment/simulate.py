"""`simulate`: plays a plan with people who answer from the gold labels, and writes what came out.

All runs go through their rounds in lockstep, so an engine sees many alike jobs at once. Each finished step is on disk
before the next begins; a killed simulation, started again, loses nothing that was finished.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

from tithe import registry
from tithe.engines import Engine, Job
from tithe.errors import ConfigError, TitheError
from tithe.experiment.journal import Journal
from tithe.experiment.k_shot import opener_of
from tithe.experiment.plan import Plan
from tithe.experiment.results import Results, is_complete, write_results
from tithe.experiment.runs import FULL, Run, Step, runs_of, take_step
from tithe.experiment.study import Study
from tithe.experiment.world import Facts, World, data_digest, forget_worlds, starts_of, warm_up, world_of
from tithe.loop.propose import check_cold, check_needs, check_task, strategy_of, trainer_of
from tithe.models import Tell, quiet
from tithe.models.tuning.joint import processes
from tithe.stopping import Record, Stop
from tithe.views import default_root


@dataclass
class Progress:
    """A run under way: its batches, rows and why it stopped (empty while it goes on)."""

    run: Run
    plan: Plan
    rounds: int
    rules: Sequence[Stop]
    batches: list[tuple[str, ...]] = field(default_factory=list)
    scores: list[tuple[float, ...]] = field(default_factory=list)
    rows: list[dict[str, Any]] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)
    stopped: str = ""
    steps: int = 0

    @property
    def done(self) -> bool:
        """Whether there is nothing left to do."""
        return bool(self.stopped) or len(self.rows) >= self.rounds


OnStep = Callable[[Progress, Step], None]


def _nobody(text: str) -> None:
    """Hears notes and keeps them to itself."""


def simulate(
    plan: Plan | Study,
    out: str | Path | None = None,
    *,
    engine: str | Engine = "processes",
    cache: Path | None = None,
    export: Path | None = None,
    tell: Tell = quiet,
    notes: Callable[[str], None] = _nobody,
    on_step: OnStep | None = None,
) -> Results:
    """Plays all runs of a plan, or those of all data sets of a study.

    Args:
        out: the folder for the results; started again with the same plan, it goes on where it stopped. None: no files.
        engine: an engine or its name; `inline` runs in this process.
        cache: where views are kept, by default the user's cache folder.
        export: a folder for the train, pool and test tables of each round.
        tell: hears of progress; `notes` hears what a person should know of the data, `on_step` of each finished step.

    Raises:
        TitheError: before any work, where data, names, needs or budgets do not fit; it names the data set of a study.
    """
    _check_alone()
    folder = None if out is None else Path(out)
    taken: ConfigError | None = None
    try:
        finished = folder is not None and is_complete(folder, plan)
    except ConfigError as error:  # told once the plan itself is known to be sound: of two mistakes, that one is first
        taken, finished = error, False
    if folder is not None and finished:
        unwritten = "; the tables of --export-rounds need a run of their own, give another --out" if export else ""
        notes(f"{folder} holds the finished results of this plan already; nothing was run{unwritten}")
        return Results.read(folder)
    root = str(cache or default_root())
    forget_worlds()
    facts = checked(plan, root, notes)
    if taken is not None:
        raise taken
    journal = None if folder is None else Journal(folder, data_digest(plan))
    for part in plan.parts:
        world = world_of(part, root)
        world.workshop.tell = tell
        warm_up(world, part)
    if journal:
        journal.begin()  # not before: what fails until here leaves nothing behind
    states = begin(plan, facts)
    total = sum(state.rounds for state in states.values())

    def advance(progress: Progress, step: Step) -> None:
        _advance(progress, step)
        if on_step:
            on_step(progress, step)

    runner: Engine = registry.build("engines", engine) if isinstance(engine, str) else engine
    if journal:
        for progress, step in _taken(journal, states, whole=getattr(runner, "whole_rounds", False)):
            advance(progress, step)
    tell("rounds", sum(len(state.rows) for state in states.values()), total)
    try:
        for progress, step in _play(states, root, engine=runner, export=export):
            if journal:
                journal.add(progress.run.key, progress.steps, step)
            advance(progress, step)
            tell(f"rounds: {progress.run.config}", sum(len(state.rows) for state in states.values()), total)
    except TitheError:  # a refusal; whoever stops it by hand finds what was done
        if journal:
            journal.forget_if_empty()
        raise
    finally:
        if isinstance(engine, str):
            runner.close()
    results = Results.of(plan, facts, list(states.values()))
    if folder is not None and journal is not None:
        write_results(folder, results)
        journal.remove()
    return results


def _check_alone() -> None:
    """Raises ConfigError below `accelerate launch`, whose processes would all write to the same folder."""
    if processes() > 1:
        raise ConfigError(
            "a simulation is one process, which shares out its runs itself; start it without accelerate launch, "
            "and give --engine stacked to use all GPUs"
        )


def checked(plan: Plan | Study, cache: str, notes: Callable[[str], None]) -> list[Facts]:
    """The facts of each data set, once all have passed their checks. Raises, naming the data set, where one fails."""
    several = len(plan.parts) > 1
    found = []
    for part in plan.parts:
        try:
            world = world_of(part, cache)
            check(part, world)
        except TitheError as error:
            if several:
                raise type(error)(f"{part.dataset}: {error}") from None
            raise
        found.append(Facts.of(world))
    for part, facts in zip(plan.parts, found, strict=True):
        for text in facts.notes:
            notes(f"{part.dataset}: {text}" if several else text)
    return found


def begin(plan: Plan | Study, facts: Sequence[Facts]) -> dict[str, Progress]:
    """All runs before their first step, data set by data set: a process then seldom changes between two."""
    states = {}
    for part, found in zip(plan.parts, facts, strict=True):
        rules: list[Stop] = [registry.build("stops", spec) for spec in part.stop]
        for run in runs_of(part, part.dataset if len(plan.parts) > 1 else ""):
            states[run.key] = Progress(run, part, 1 if run.strategy == FULL else len(found.steps), rules)
    return states


def check(plan: Plan, world: World) -> None:
    """Raises, before any work, for unknown names, parts for other tasks and needs that nothing provides."""
    initial = opener_of(plan)
    for spec in plan.stop:
        registry.build("stops", spec)
    for spec in (*plan.strategies, initial):
        check_task(strategy_of(spec), world.task.name, f"the strategy {spec!r}")
    for trainer_spec in plan.trainers:
        trainer_of(trainer_spec, world.task)
    for start_spec in starts_of(plan):
        start = world.workshop.start(start_spec, world.pool)
        for trainer_spec in plan.trainers:
            trainer = trainer_of(trainer_spec, world.task)
            for spec in (*plan.strategies, initial):
                strategy = strategy_of(spec)
                check_needs(strategy, trainer, start, f"the strategy {spec!r}")
            for spec in (initial, *(one for one in plan.strategies if strategy_of(one).cold)):
                what = "initial strategy" if spec == initial else "strategy"
                check_cold(strategy_of(spec), world.task, start, f"the {what} {spec!r}")


def _taken(journal: Journal, states: dict[str, Progress], *, whole: bool) -> Iterator[tuple[Progress, Step]]:
    """The steps of the journal, each to be advanced before the next is asked for; of `whole` rounds only, if so."""
    for number, found in groupby(journal.steps(), key=lambda one: one[1]):
        steps = {key: step for key, _, step in found}
        behind = {key for key, state in states.items() if not state.done and state.steps == number}
        if whole and steps.keys() != behind:
            journal.cut(number)
            return
        for key, step in steps.items():
            yield states[key], step


def _play(
    states: dict[str, Progress], cache: str, *, engine: Engine, export: Path | None
) -> Iterator[tuple[Progress, Step]]:
    """Lockstep: all runs that are fewest steps along go one step, until all are done."""
    into = None if export is None else str(export)
    while alive := [state for state in states.values() if not state.done]:
        behind = min(state.steps for state in alive)
        jobs = [
            Job(state.run.key, take_step, (state.plan, cache, state.run, list(state.batches), into))
            for state in alive
            if state.steps == behind
        ]
        for result in engine.map(jobs, stackable=True):
            yield states[result.key], result.value


def _advance(state: Progress, step: Step) -> None:
    """Takes a finished step into the state of its run."""
    state.steps += 1
    if step.row is not None:
        state.rows.append(step.row)
        if step.record is not None:
            state.records.append(step.record)
        if state.run.strategy != FULL:
            reasons = (rule(state.records) for rule in state.rules)
            state.stopped = next((reason for reason in reasons if reason), "")
    late = state.plan.late
    waits = not step.asked and not state.done and (step.ahead or (bool(late) and any(state.batches[-late:])))
    if not step.asked and not waits and not state.done:
        state.stopped = "no items are left"
    if (step.asked or waits) and not state.stopped:
        state.batches.append(step.asked)
        state.scores.append(step.scores)
