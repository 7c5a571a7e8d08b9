"""A cold-start order: what to label first, from the start alone."""

from __future__ import annotations

from functools import partial

from tithe.errors import NeedsError
from tithe.loop.propose import strategy_of
from tithe.loop.workshop import Workshop
from tithe.models import Start, Tell, quiet
from tithe.pool import Pool
from tithe.rng import stream
from tithe.strategies import Strategy
from tithe.types import Selection
from tithe.views import ViewStore


def rank(
    pool: Pool,
    strategy: str | Strategy = "typiclust",
    n: int = 100,
    seed: int = 0,
    *,
    start: str | Start = "minilm",
    store: ViewStore | None = None,
    tell: Tell = quiet,
) -> Selection:
    """The n items to label first, best first, when no label is known.

    Raises NeedsError where the strategy needs a model's views: there is no model yet.
    """
    chosen = strategy_of(strategy)
    chosen = chosen.cold or chosen
    if chosen.needs <= pool.provides:
        return chosen.select(pool, n, stream(seed, "rank"))
    made = Workshop(store, tell=tell).start(start, pool.items) if isinstance(start, str) else start
    missing = chosen.needs - made.provides - pool.provides
    if missing:
        raise NeedsError(
            f"the strategy {strategy!r} needs the view {', '.join(sorted(missing))}, which only a trained model gives, "
            f"and there are no labels yet; use one that needs none, such as typiclust, k_center or random"
        )
    views = {name: partial(made.view, name, pool.items) for name in sorted(chosen.needs - pool.provides)}
    window = pool.with_state({}, (), views)
    return chosen.select(window, n, stream(seed, "rank"))
