"""`propose`: one round of active learning as a function of snapshot, recipe and seed.

Fit on the labels so far, view the pool through model and start, select, explain. Simulation, `ActiveLearner` and the
service all call this; whatever it reads comes in through its arguments, so a round can be replayed from the log.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, fields
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from tithe import registry
from tithe.errors import ConfigError, NeedsError
from tithe.log import Learning, Snapshot
from tithe.loop.spending import select_worth
from tithe.loop.workshop import Workshop
from tithe.models import Model, Prior, Start, Trainer, for_task, reads_unlabelled
from tithe.models.starts import DEFAULT_START, makers
from tithe.rng import stream
from tithe.strategies import Strategy
from tithe.strategies.named import strategy as named
from tithe.tasks import check_fits
from tithe.tasks.spans import Spans
from tithe.types import Examples, Items, Label, Selection, in_words

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.random import Generator

    from tithe.pool import Pool
    from tithe.tasks import Task


@dataclass(frozen=True)
class Recipe:
    """How a project learns, as data: start, trainer, strategy and stop rules, each a name that may carry settings.

    `strategy` and `trainer` may also be objects that follow their protocols, for trying out your own.

    `slow` is a second trainer, too slow for every few answers (`finetune`, say). Where the log says that its model is
    the better one (`Compared`), rounds ask with it; `tithe.loop.swapping` compares them.

    Names and settings that cannot be are refused at once: UnknownNameError says what is near, ConfigError what does
    not fit. An encoder's name or folder is looked up when it is first read.
    """

    start: str = DEFAULT_START
    trainer: str | Trainer = "linear"
    strategy: str | Strategy = "auto"
    initial_strategy: str | Strategy = "random"
    stop: tuple[str, ...] = ()
    slow: str | Trainer | None = None

    def __post_init__(self) -> None:
        stop: object = self.stop
        if isinstance(stop, str):
            raise ConfigError(f"stop is a tuple of rules; given the string {stop!r}: write ({stop!r},)")
        makers(self.start)
        for trainer in (self.trainer, self.slow):
            if isinstance(trainer, str):
                registry.build("trainers", trainer)
        for strategy in (self.strategy, self.initial_strategy):
            strategy_of(strategy)
        for rule in self.stop:
            registry.build("stops", rule)

    @classmethod
    def kept(cls, **said: Any) -> Recipe:
        """A recipe out of a log or of settings, unchecked: what it names may be gone, and it must still be shown."""
        recipe = object.__new__(cls)
        recipe.__dict__.update({one.name: said.get(one.name, one.default) for one in fields(cls)})
        return recipe


@dataclass(frozen=True, eq=False)
class Round:
    """What one round came to.

    `model` is that of the labels so far. `asking` is the one whose views the strategy saw: the same, or the slow model
    in force (then `slow` is the position of the log that it was fitted at), or the model's `proxy`.

    `cold` says in words why no model was trained, else it is empty. Then `model` is None, or it is what a prior made
    (`prior(by=names)`), and `cold` says so. Times are in seconds.
    """

    number: int
    position: int
    selection: Selection
    model: Model | None
    pool: Pool
    cold: str
    fit_s: float
    view_s: float
    select_s: float
    asking: Model | None = None
    slow: int | None = None

    @property
    def serving(self) -> Model | None:
        """The model to use: the slow one in force, or else that of the labels so far."""
        return self.model if self.slow is None else self.asking


def strategy_of(spec: str | Strategy) -> Strategy:
    """The strategy that a name stands for; an object is returned as it is."""
    return named(spec)


def trainer_of(spec: str | Trainer, task: Task) -> Trainer:
    """The trainer for this task that a name stands for, or an object. Raises ConfigError where it is for others."""
    made: Trainer = registry.build("trainers", spec) if isinstance(spec, str) else spec
    return for_task(made, task, f"the trainer {spec!r}")


def task_of(snapshot: Snapshot) -> Task:
    """The task that the log declared. Raises ConfigError where it declared none."""
    if not snapshot.task:
        raise ConfigError("the log declares no task; append Declared(task, labels) first")
    task: Task = registry.build("tasks", snapshot.task, labels=snapshot.declared)
    return task


def check_task(strategy: Strategy, task: str, name: str = "the strategy") -> None:
    """Raises ConfigError, before any work, where the strategy is not for tasks of this name."""
    check_fits(strategy, task, name, instead="margin, entropy and random fit every task")


def check_needs(strategy: Strategy, trainer: Trainer, start: Start, name: str = "the strategy") -> None:
    """Raises NeedsError, before any work, where start and trainer do not give what strategy and trainer need."""
    if not trainer.needs_any & start.provides:
        raise NeedsError(
            f"the trainer needs one of the views {', '.join(sorted(trainer.needs_any))}; "
            f"the start gives {', '.join(sorted(start.provides)) or 'none'}"
        )
    check_views(strategy, trainer, start, name)


def check_views(strategy: Strategy, trainer: Trainer, start: Start, name: str = "the strategy") -> None:
    """Raises NeedsError where a strategy reads a view that neither start nor trainer gives."""
    missing = strategy.needs - start.provides - trainer.provides
    if missing:
        has = ", ".join(sorted(start.provides | trainer.provides))
        raise NeedsError(
            f"{name} needs the view {', '.join(sorted(missing))}, which nothing here gives; there are: {has}"
        )


def check_cold(strategy: Strategy, task: Task, start: Start, name: str) -> None:
    """Raises ConfigError, before any work, where a strategy cannot choose the first batch: it would need a model."""
    first = strategy.cold or strategy
    given = start.provides
    if (prior := prior_of(first)) is not None:
        check_fits(prior, task.name, f"the prior of {name}", instead="leave it out")
        if missing := prior.needs - start.provides:
            raise NeedsError(f"the prior of {name} needs {', '.join(sorted(missing))}, which the start does not give")
        given |= prior.provides
    if not first.needs <= given:
        raise ConfigError(
            f"{name} needs a model, and there is none at first; use random, or a cold-start strategy such as typiclust"
        )


def prior_of(strategy: Strategy) -> Prior | None:
    """What guesses for a strategy while there is no model: its attribute `prior`, if it has one."""
    found: Prior | None = getattr(strategy, "prior", None)
    return found


def propose(
    snapshot: Snapshot,
    recipe: Recipe,
    *,
    seed: int,
    n: int = 0,
    cost: float | None = None,
    workshop: Workshop | None = None,
) -> Round:
    """The next round: the model of the labels so far and the n items to ask.

    Args:
        snapshot: the log folded up to now.
        seed: fixes every draw, together with the snapshot's round.
        n: items to ask; fewer come back where fewer are left, and 0 trains only.
        cost: instead of n: ask until the task's cost of the items reaches this, so one item more than that at most.
        workshop: caches; they change how long it takes, never what comes out.

    Raises:
        NeedsError: a view is needed that nothing provides (before any work).
        ConfigError: the log declares no task, the strategy is for another one, n or cost is negative or both are given.

    Where the answers hold fewer than two labels (of spans: two tags, O being one) no model can be trained: the
    strategy's own cold start chooses, or else the recipe's `initial_strategy`, and `Round.cold` says so.

    Where the log tells of stages (`Snapshot.stages`), a round sees their items alone: labels of others do not train
    yet, and the start learns from the first of them (`Workshop.learned_from`). Before the first stage all items are
    drawn from, by `initial_strategy` if it reads no view, else at random.

    Where the slow model of this recipe is in force (`Snapshot.slow`), the strategy sees its views, kept in the
    workshop's store. It is fitted again from the snapshot that it learned from, unless the workshop has it.
    """
    _check_size(n, cost)
    workshop = workshop or Workshop()
    task = task_of(snapshot)
    strategy = strategy_of(recipe.strategy)
    check_task(strategy, task.name, f"the strategy {recipe.strategy!r}")
    trainer = trainer_of(recipe.trainer, task)
    items = workshop.window(snapshot)
    if snapshot.stages is not None and not len(items):
        return _unready(snapshot, recipe, task, seed=seed, n=n, cost=cost, workshop=workshop)
    start = workshop.start(recipe.start, workshop.learned_from(snapshot))
    check_needs(strategy, trainer, start, f"the strategy {recipe.strategy!r}")
    if recipe.slow is not None:
        slow = trainer_of(recipe.slow, task)
        check_views(strategy, slow, start, f"the strategy {recipe.strategy!r}, once the slow model asks,")

    bare = workshop.pool(items, task)
    labels, unavailable = _state(snapshot, bare)
    views: dict[str, Any] = {name: partial(start.view, name, items) for name in start.provides}

    began = time.perf_counter()
    how: dict[str, Any] = {"task": task, "seed": seed, "workshop": workshop}
    model, cold = _fit(bare, labels, snapshot.audit, trainer, start, name=recipe.trainer, **how)
    asking, position = _asking(model, snapshot, recipe, workshop)
    fitted = time.perf_counter()

    if asking is None:
        strategy = strategy.cold or _initial(recipe)
        model = asking = _guessing(strategy, bare, start, **how)
        cold += _more_of_cold(snapshot, labels, asking)
    if asking is not None:
        views |= {name: partial(asking.view, name, items) for name in asking.provides}
    pool = bare.with_state(labels, unavailable, views, task)
    if n or cost:
        for name in sorted(strategy.needs & pool.provides):
            pool.view(name)
    viewed = time.perf_counter()
    selection = _select(strategy, pool, task, partial(stream, seed, "round", snapshot.round, "query"), n=n, cost=cost)
    done = time.perf_counter()
    times = (fitted - began, viewed - fitted, done - viewed)
    return Round(snapshot.round, snapshot.position, selection, model, pool, cold, *times, asking, position)


def in_force(snapshot: Snapshot, recipe: Recipe) -> Learning | None:
    """The slow model that asks by this recipe, if it is one."""
    slow = snapshot.slow
    return slow if slow is not None and (slow.begun.slow, slow.begun.start) == (recipe.slow, recipe.start) else None


def _asking(
    model: Model | None, snapshot: Snapshot, recipe: Recipe, workshop: Workshop
) -> tuple[Model | None, int | None]:
    """The model whose views the strategy sees; and where it is the slow one in force, the position it was fitted at."""
    slow = in_force(snapshot, recipe)
    if model is None or slow is None:
        return getattr(model, "proxy", model), None

    def fit() -> Model:
        fitted = propose(slow.at, Recipe(recipe.start, slow.begun.slow), seed=slow.begun.seed, workshop=workshop).model
        assert fitted is not None  # it was compared, so it could be fitted
        return fitted

    return workshop.slow(slow, fit), slow.at.position


def _check_size(n: int, cost: float | None) -> None:
    if n < 0:
        raise ConfigError(f"n must be 0 or more items; given {n}")
    if cost is not None and (n or not cost >= 0):
        raise ConfigError(f"cost must be 0 or more, and takes the place of n; given cost={cost} and n={n}")


def _unready(
    snapshot: Snapshot,
    recipe: Recipe,
    task: Task,
    *,
    seed: int,
    n: int,
    cost: float | None,
    workshop: Workshop,
) -> Round:
    """A draw of all items while no view of any is ready. No start is made, so that the first question comes at once."""
    began = time.perf_counter()
    initial = _initial(recipe)
    bare = workshop.pool(snapshot.items, task)
    pool = bare.with_state(*_state(snapshot, bare))
    draw = partial(stream, seed, "round", snapshot.round, "query")
    selection = _select(strategy_of("random") if initial.needs else initial, pool, task, draw, n=n, cost=cost)
    cold = "cold start: nothing is embedded yet, so this is a random draw"
    if not initial.needs and recipe.initial_strategy != "random":
        cold = f"cold start: nothing is embedded yet, so {recipe.initial_strategy!r} chooses"
    return Round(snapshot.round, snapshot.position, selection, None, pool, cold, 0.0, 0.0, time.perf_counter() - began)


def _state(snapshot: Snapshot, bare: Pool) -> tuple[dict[str, Label], frozenset[str]]:
    """The labels that may train, and the ids that may not be asked, among the items of this pool."""
    labels = {one: label for one, label in snapshot.labels.items() if one not in snapshot.audit}
    # Audit items stay out of the strategies' sight too: they must not steer what is asked.
    unavailable = (snapshot.pending | snapshot.closed | snapshot.audit) - labels.keys()
    if snapshot.stages is not None:  # what is not in the window yet will be when its stage is ready
        labels = {one: label for one, label in labels.items() if one in bare}
        unavailable = frozenset(one for one in unavailable if one in bare)
    return labels, unavailable


def _select(
    strategy: Strategy, pool: Pool, task: Task, draw: Callable[[], Generator], *, n: int, cost: float | None
) -> Selection:
    """What the strategy asks: n items, or as many as reach the cost."""
    if cost is not None:
        return select_worth(strategy, pool, cost, task, draw)
    return strategy.select(pool, n, draw()) if n else Selection((), ())


def _guessing(
    strategy: Strategy, pool: Pool, start: Start, *, task: Task, seed: int, workshop: Workshop
) -> Model | None:
    """The model that the strategy's prior makes of these items, or None where it has no prior."""
    prior = prior_of(strategy)
    if prior is None:
        return None
    spec = getattr(strategy, "spec", repr(prior))
    check_cold(strategy, task, start, f"a strategy with the prior {spec!r}")

    def make(warm: Model | None) -> Model:
        return prior.model(task, pool.items, start=start, rng=stream(seed, "prior"), tell=workshop.tell)

    return workshop.model(("prior", spec, pool.items.digest, start.fingerprint, str(seed), repr(task)), make)


def _more_of_cold(snapshot: Snapshot, labels: dict[str, Label], guessing: Model | None) -> str:
    """What else there is to say of a cold round: labels that wait for their views, and what guesses meanwhile."""
    waiting = len(snapshot.labels.keys() - snapshot.audit) - len(labels)
    said = f"; {waiting} of the labelled items are not embedded yet" if waiting else ""
    return said + (f"; until then guesses come from {guessing.settings.get('from', 'a prior')}" if guessing else "")


def _initial(recipe: Recipe) -> Strategy:
    initial = strategy_of(recipe.initial_strategy)
    return initial.cold or initial


def _too_little(task: Task, examples: Examples) -> str:
    """Why no model can be trained of these answers, in words: they hold fewer than two labels, or two tags."""
    if isinstance(task, Spans):
        tags = task.tags_in(examples.labels, examples.items)
        have = f"only {min(tags)!r}" if tags else "none"
        return (
            "" if len(tags) > 1 else f"cold start: answers with two tags are needed for a model, and there are {have}"
        )
    classes = set(examples.labels)
    have = f"only {in_words(next(iter(classes)))!r}" if classes else "none"
    return "" if len(classes) > 1 else f"cold start: answers of two labels are needed for a model, and there are {have}"


def _others(pool: Pool, labels: dict[str, Label], set_aside: frozenset[str]) -> Items:
    """The items without a label that a trainer may learn from."""
    free = np.ones(len(pool.items), bool)
    free[pool.rows([*labels, *set_aside])] = False
    return pool.items.take(np.flatnonzero(free))


def _fit(
    pool: Pool,
    labels: dict[str, Label],
    audit: frozenset[str],
    trainer: Trainer,
    start: Start,
    *,
    name: str | Trainer,
    task: Task,
    seed: int,
    workshop: Workshop,
) -> tuple[Model | None, str]:
    """The model of these labels, or None and the reason in words."""
    examples = Examples(pool.items.take(pool.rows(labels)), list(labels.values()))
    if cold := _too_little(task, examples):
        return None, cold

    # What is set aside for audits must not train, not even without its labels.
    set_aside = frozenset(one for one in audit if one in pool) if reads_unlabelled(trainer) else frozenset()
    others = _others(pool, labels, set_aside) if reads_unlabelled(trainer) else None

    def fit(warm: Model | None) -> Model:
        return trainer.fit(
            task,
            examples,
            start=start,
            rng=stream(seed, "fit"),
            unlabelled=others,
            warm=warm,
            tell=workshop.tell,
        )

    # It keeps the trainer, so its identity holds.
    key = (examples.digest, pool.items.digest, start.fingerprint, name, str(seed), repr(task), set_aside)
    return workshop.model(key, fit), ""
