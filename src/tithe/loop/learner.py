"""`ActiveLearner`: ask, tell, repeat."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from tithe import registry
from tithe.errors import ConfigError, LabelError
from tithe.log import Added, Answered, Asked, Begun, Compared, Declared, Event, Log
from tithe.loop.propose import Recipe, Round, check_task, propose, strategy_of, trainer_of
from tithe.loop.record import record_of
from tithe.loop.workshop import Workshop
from tithe.models import Model
from tithe.pool import Pool, declared_task
from tithe.registry import check_part
from tithe.stopping import Record, Stop
from tithe.tasks import Task, check_inside
from tithe.types import Item, Label


class ActiveLearner:
    """Asks what to label next and learns from the answers.

    Answers may come late, in any order, twice, or for items that were never asked. All that happens is in `log`.

    Args:
        pool: from `tithe.read` or `Pool.from_views`.
        task: a task such as `Choice(["a", "b"])`, or its name where the pool's own labels declare it.
        recipe: start, trainer, strategy, stop rules; by default `Recipe()`: the start `minilm+lexical`, the trainer
            `linear`, the strategy `auto` after a `random` first batch, and no stop rule.
        seed: fixes every draw.
        workshop: where views are kept; `Workshop(ViewStore(None))` keeps them in memory alone.
    """

    def __init__(
        self,
        pool: Pool,
        task: Task | str,
        recipe: Recipe | None = None,
        seed: int = 0,
        *,
        workshop: Workshop | None = None,
    ) -> None:
        if not isinstance(pool, Pool):
            raise ConfigError(
                f"ActiveLearner begins with a Pool; given a {type(pool).__name__}: make one with "
                f"tithe.Pool.from_texts(texts) or tithe.read(file)"
            )
        if not isinstance(task, str):
            check_part(task, Task, "the task")
        self.recipe = recipe or Recipe()
        self.seed = seed
        self.task: Task = declared_task(task, pool.items) if isinstance(task, str) else task
        self._check_fits()
        self.workshop = workshop or Workshop()
        self._stops: list[Stop] = [registry.build("stops", spec) for spec in self.recipe.stop]
        if "embeddings" in pool.provides:
            self._use_given(pool)
        self.log = Log([Declared(self.task.name, self.task.labels), Added(pool.items)])
        if pool.answers:
            self.tell(pool.answers)
        self._history: list[Record] = []

    def __repr__(self) -> str:
        state = self.log.snapshot()
        return (
            f"ActiveLearner({len(state.labels)} of {len(state.items)} items labelled, {self.task!r}, {self.recipe!r})"
        )

    def _check_fits(self) -> None:
        """Raises ConfigError where a part of the recipe is not for this task: now, not at the first fit."""
        for trainer in (self.recipe.trainer, self.recipe.slow):
            if trainer is not None:
                trainer_of(trainer, self.task)
        for spec in (self.recipe.strategy, self.recipe.initial_strategy):
            check_task(strategy_of(spec), self.task.name, f"the strategy {spec!r}")

    def _use_given(self, pool: Pool) -> None:
        from tithe.models.given import SPEC, GivenStart

        self.recipe = replace(self.recipe, start=SPEC)
        self.workshop.given[SPEC] = GivenStart({pool.items.digest: pool.view("embeddings")})

    def ask(self, n: int | None = None, *, cost: float | None = None) -> list[Item]:
        """The n items to label next (1 by default), best first; fewer where fewer are left.

        None come once a stop rule has spoken. With `cost` in place of n, as many as reach that cost by the task's own
        measure, such as `ask(cost=200)` tokens; the last of them may reach beyond it.
        """
        if self.stopped:
            return []
        found = self._round((1 if cost is None else 0) if n is None else n, cost)
        strategy = self.recipe.strategy if isinstance(self.recipe.strategy, str) else repr(self.recipe.strategy)
        if found.selection.ids:
            self.log.append(Asked(found.selection.ids, strategy, self.seed, found.position))
        rows = found.pool.rows(found.selection.ids)
        return [found.pool.items[int(row)] for row in rows]

    def tell(self, answers: Mapping[str, Label | None], *, annotator: str = "me") -> None:
        """Answers by id; None skips an item for good. All are taken, or none.

        Raises:
            LabelError: a label that the task does not have, or a span that ends behind its text.
            UnknownItemError: an id that the pool does not have.
        """
        items = self.log.snapshot().items
        rows = self.workshop.pool(items, self.task).rows(answers)
        events: list[Event] = []
        for (one, label), row in zip(answers.items(), rows, strict=True):
            if label is None:
                events.append(Answered(one, None, annotator, "skip"))
            else:
                events.append(Answered(one, check_inside(self.task.check(label), items[int(row)]), annotator))
        self.log.append(*events)

    def swap(self) -> Compared:
        """Fits the recipe's slow trainer on the answers so far; if it is better than the fast one, it asks from now on.

        What it came to: see `tithe.loop.swapping.compare`. Otherwise, and after a comparison that the fast one wins,
        the fast one asks. Raises ConfigError where the recipe names no slow trainer.
        """
        from tithe.loop.swapping import compare

        fast, slow = self.recipe.trainer, self.recipe.slow
        if not isinstance(slow, str) or not isinstance(fast, str):
            raise ConfigError(f"two speeds need two names of trainers, Recipe(slow=...); given {fast!r} and {slow!r}")
        self.log.append(Begun(fast, slow, self.recipe.start, self.seed))
        learning = self.log.snapshot().begun
        assert learning is not None  # it was just begun
        compared = compare(learning, workshop=self.workshop)
        self.log.append(compared)
        return compared

    @property
    def model(self) -> Model:
        """The model in use: of all answers so far, or the slow one once it is better (`swap`).

        Raises LabelError while the answers hold fewer than two labels.
        """
        found = propose(self.log.snapshot(), self.recipe, seed=self.seed, n=0, workshop=self.workshop)
        if found.serving is None:
            raise LabelError(f"no model yet; {found.cold}. Tell more answers first")
        return found.serving

    @property
    def history(self) -> Sequence[Record]:
        """A record of each round asked so far."""
        return tuple(self._history)

    @property
    def stopped(self) -> str | None:
        """Why the first stop rule says to stop; None to go on. Rules see the rounds asked so far."""
        for rule in self._stops:
            reason = rule(self._history)
            if reason:
                return reason
        return None

    def _round(self, n: int, cost: float | None) -> Round:
        snapshot = self.log.snapshot()
        found = propose(snapshot, self.recipe, seed=self.seed, n=n, cost=cost, workshop=self.workshop)
        record = record_of(found, snapshot, self.seed, watched=bool(self._stops))
        self._history.append(record)
        if self.stopped:  # the answers that came in since the last round were enough
            found = replace(found, selection=replace(found.selection, ids=(), scores=()))
        return found
