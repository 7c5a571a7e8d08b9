"""The conformance kit for query strategies."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tithe import registry
from tithe.errors import ConfigError, NeedsError
from tithe.pool import Array
from tithe.rng import stream
from tithe.strategies import Strategy
from tithe.tasks import tasks_of
from tithe.testing.conformance import ConformanceError, check_shape, expect, run_checks
from tithe.testing.worlds import KINDS, MAKERS, Maker, World, make_world, numbers_of, with_numbers
from tithe.types import Selection, View


def check_strategy(
    strategy: str | Strategy | Callable[[], Strategy],
    *,
    seed: int = 0,
    views: Mapping[View, Maker] | None = None,
    tasks: Iterable[str] | None = None,
) -> list[str]:
    """The names of the checks that the strategy passed.

    It is tried on pools of each task that its attribute `tasks` names, and of `choice` where it has none; or of those
    in the argument `tasks`. Scores must be finite and need not fall: see `Strategy.select`.

    Args:
        strategy: a registered name (with settings, if need be), a strategy, or what makes one.
        seed: of the pools that it is tried on.
        tasks: the tasks to try it on: for a strategy that fits any, `spans` beside `choice`, say.
        views: makes the views that the kit does not know: name -> function(rng, count) -> array of `count` rows.

    Raises:
        ConformanceError: at the first check that fails; says what was expected and given.

    >>> len(check_strategy("random")) > 20
    True
    """
    part: Any = registry.build("strategies", strategy) if isinstance(strategy, str) else strategy
    if isinstance(part, type) or (callable(part) and not hasattr(part, "select")):
        part = part()
    check_shape(part, Strategy)
    unknown = sorted(part.needs - MAKERS.keys() - (views or {}).keys())
    if unknown:
        raise ConformanceError(
            f"{part!r} needs views that the kit cannot make: {', '.join(unknown)}; "
            "pass views={name: function(rng, count)} to check_strategy"
        )
    said = tasks_of(part)
    tried = frozenset(tasks) if tasks is not None else frozenset({"choice"}) if said is None else said
    if not tried or tried - KINDS.keys():
        named = ", ".join(sorted(tried)) or "none"
        raise ConformanceError(
            f"{part!r} is for tasks that the kit cannot make: {named}; there are: {', '.join(KINDS)}"
        )
    for task in sorted(tried):
        run_checks(part, CHECKS, _Probe(part, seed, {**MAKERS, **KINDS[task].makers, **(views or {})}, task))
    return list(CHECKS)


@dataclass(frozen=True)
class _Probe:
    """A strategy on trial."""

    strategy: Strategy
    seed: int
    makers: Mapping[View, Maker]
    task: str = "choice"

    def world(self, *, count: int = 60, labelled: int = 10) -> World:
        return make_world(self.makers, self.seed, count=count, labelled=labelled, task=self.task)

    def select(self, world: World, n: int = 7, path: str = "select") -> Selection:
        return self.strategy.select(world.pool(), n, stream(self.seed, "testing", path))

    def sound(self, world: World, n: int = 7, path: str = "select") -> Selection:
        """A selection that keeps the promises that hold for every pool."""
        selection, pool = self.select(world, n, path), world.pool()
        size = min(n, len(pool.candidates))
        expect(isinstance(selection, Selection), "a Selection", type(selection).__name__)
        expect(len(selection.ids) == size, f"{size} ids for n={n}", len(selection.ids))
        twice = sorted({one for one in selection.ids if selection.ids.count(one) > 1})
        expect(not twice, "no id twice", twice)
        strange = sorted(set(selection.ids) - set(world.ids))
        expect(not strange, "ids of the pool only", strange)
        labelled = sorted(set(selection.ids) & set(world.labels))
        expect(not labelled, "no labelled id", labelled)
        pending = sorted(set(selection.ids) & world.pending)
        expect(not pending, "no pending id", pending)
        expect(len(selection.scores) == size, f"{size} scores, one for each id", len(selection.scores))
        bad = [score for score in selection.scores if not np.isfinite(score)]
        expect(not bad, "finite scores", bad)
        return selection


def _sizes(n: int) -> Callable[[_Probe], None]:
    def check(probe: _Probe) -> None:
        probe.sound(probe.world(), n)

    return check


def _not_positive(probe: _Probe) -> None:
    for n in (0, -1):
        try:
            given: object = probe.select(probe.world(), n)
        except ConfigError:
            continue
        expect(False, f"a ConfigError for n={n}", given)


def _deterministic(probe: _Probe) -> None:
    first, second = probe.select(probe.world()), probe.select(probe.world())
    expect(first == second, f"the same for the same pool and stream, {first.ids}", second.ids)


def _other_streams(probe: _Probe) -> None:
    for number in range(3):
        probe.sound(probe.world(), path=f"select {number}")


def _finite_scores(probe: _Probe) -> None:
    """Every check looks at the scores; here for the first pick, the last and those between."""
    world = probe.world()
    for n in (1, 7, len(world.ids)):
        scores = probe.sound(world, n).scores
        strange = [score for score in scores if not isinstance(score, float)]
        expect(not strange, "scores that are floats", strange)


def _row_order(probe: _Probe) -> None:
    world = probe.world(count=200, labelled=20)
    straight = probe.sound(world, 20)
    for number in range(2):
        order = stream(probe.seed, "testing", "order", number).permutation(len(world.ids))
        other = probe.select(world.permuted(order), 20)
        expect(other.ids == straight.ids, f"the same ids for a permuted pool, {straight.ids}", other.ids)


def _mutates_nothing(probe: _Probe) -> None:
    world = probe.world()
    before = {name: np.array(numbers_of(array)) for name, array in world.views.items()}
    probe.select(world)
    changed = [name for name, array in world.views.items() if not np.array_equal(numbers_of(array), before[name])]
    expect(not changed, "views left as they were", f"changes in {', '.join(changed)}")


def _keeps_settings(probe: _Probe) -> None:
    before = repr(sorted(getattr(probe.strategy, "__dict__", {}).items()))
    probe.select(probe.world())
    after = repr(sorted(getattr(probe.strategy, "__dict__", {}).items()))
    expect(before == after, f"settings unchanged by select, {before}", after)


def _none_left(probe: _Probe) -> None:
    world = probe.world()
    probe.sound(world.answered(world.ids), 5)


def _one_left(probe: _Probe) -> None:
    world = probe.world()
    probe.sound(world.answered(world.ids[1:]), 5)


def _nothing_labelled(probe: _Probe) -> None:
    probe.sound(probe.world(labelled=0))


def _identical(probe: _Probe) -> None:
    world = probe.world()
    same = world.alike(np.zeros(len(world.ids), np.int64))
    probe.sound(same, 20)
    probe.sound(same, len(world.ids))


def _duplicates(probe: _Probe) -> None:
    world = probe.world()
    twins = world.alike(np.arange(len(world.ids)) // 6)
    probe.sound(twins, 20)
    probe.sound(twins, len(world.ids))


def _odd_texts(probe: _Probe) -> None:
    """Those of `Pool.from_views` are all empty."""
    world = probe.world()
    for odd in (("",), ("", " \n", "one", "word " * 5000, "\u202eabc", "👩‍👩‍👧", "\x00")):
        probe.sound(replace(world, texts=tuple(odd[row % len(odd)] for row in range(len(world.ids)))), 20)


def _constant_proba(probe: _Probe) -> None:
    def flat(name: View, array: Array) -> Array:
        return with_numbers(array, lambda p: np.full_like(p, 1 / p.shape[-1])) if _is_proba(name) else array

    probe.sound(probe.world().seen_as(flat))


def _one_hot_proba(probe: _Probe) -> None:
    def harden(name: View, array: Array) -> Array:
        return with_numbers(array, _one_hot) if _is_proba(name) else array

    probe.sound(probe.world().seen_as(harden))


def _scales(*factors: float) -> Callable[[_Probe], None]:
    def check(probe: _Probe) -> None:
        for factor in factors:
            world = probe.world()
            embeddings = {name: view for name, view in world.views.items() if name == "embeddings"}
            views = {**world.views, **{name: view * view.dtype.type(factor) for name, view in embeddings.items()}}
            probe.sound(replace(world, views=views))

    return check


def _dtype(dtype: type) -> Callable[[_Probe], None]:
    def check(probe: _Probe) -> None:
        probe.sound(probe.world().seen_as(lambda name, array: with_numbers(array, lambda part: part.astype(dtype))))

    return check


def _declared_only(probe: _Probe) -> None:
    world = probe.world()
    probe.sound(world)
    extra = sorted(world.asked - probe.strategy.needs)
    expect(not extra, f"views from its needs only, {sorted(probe.strategy.needs)}", f"asked for {', '.join(extra)}")
    try:
        probe.sound(world.only(probe.strategy.needs))
    except NeedsError as error:
        expect(False, "no view asked for that is not declared", error)


def _missing_view(probe: _Probe) -> None:
    """A strategy with a cold part may do with fewer views; any other says what it lacks."""
    for name in sorted(probe.strategy.needs):
        world = probe.world()
        try:
            given = probe.sound(world.only(frozenset(world.views) - {name}))
        except NeedsError:
            continue
        expect(probe.strategy.cold is not None, f"a NeedsError where {name!r} is missing", given)


def _cold(probe: _Probe) -> None:
    cold = probe.strategy.cold
    if cold is not None:
        guessed = cold.prior.provides if hasattr(cold, "prior") else frozenset[View]()  # strategies.prior
        trained = sorted((cold.needs - guessed) & {"proba", "committee", "votes"})
        expect(not trained, "a cold part that needs no model", f"it needs {', '.join(trained)}")
        replace(probe, strategy=cold).sound(probe.world(labelled=0).only(cold.needs))


def _ids_only(probe: _Probe) -> None:
    try:
        probe.sound(replace(probe.world(), labels_known=False))
    except NeedsError:
        return  # it reads the labels' values, and says so


def _is_proba(name: View) -> bool:
    return name in {"proba", "committee"}


def _one_hot(proba: NDArray[Any]) -> NDArray[Any]:
    return np.asarray(np.eye(proba.shape[-1], dtype=proba.dtype)[proba.argmax(axis=-1)])


CHECKS: Mapping[str, Callable[[_Probe], None]] = {
    "leaves its inputs alone": _mutates_nothing,
    "picks as many open items as asked": _sizes(7),
    "picks one item": _sizes(1),
    "picks all of the pool": _sizes(47),
    "picks what there is when asked for more": _sizes(1000),
    "rejects a number that is not positive": _not_positive,
    "picks nothing when nothing is left": _none_left,
    "picks the only one left": _one_left,
    "works with nothing labelled": _nothing_labelled,
    "does the same again for the same stream": _deterministic,
    "works with any stream": _other_streams,
    "does not depend on the order of the rows": _row_order,
    "leaves its settings alone": _keeps_settings,
    "copes with identical items": _identical,
    "copes with duplicates": _duplicates,
    "copes with empty and odd texts": _odd_texts,
    "copes with constant probabilities": _constant_proba,
    "copes with one-hot probabilities": _one_hot_proba,
    "copes with huge and tiny embeddings": _scales(1e12, 1e-12),
    "copes with embeddings that are all zero": _scales(0.0),
    "takes float32": _dtype(np.float32),
    "takes float64": _dtype(np.float64),
    "scores are finite": _finite_scores,
    "reads only the views that it declares": _declared_only,
    "says which view is missing": _missing_view,
    "has a cold part that works without a model": _cold,
    "says when it needs the labels' values": _ids_only,
}
"""What a strategy must do; `sound` adds size, uniqueness, open items and finite scores to each."""
