"""One model of a labelled pool, outside the loop."""

from __future__ import annotations

import logging

import numpy as np

from tithe import registry
from tithe.loop.propose import trainer_of
from tithe.loop.workshop import Workshop
from tithe.models import Model, Prior, Start, Tell, Trainer, quiet, reads_unlabelled
from tithe.models.given import GivenStart
from tithe.models.proxy import ProxyModel
from tithe.models.starts import DEFAULT_START
from tithe.pool import Pool
from tithe.rng import stream
from tithe.tasks import Task, check_fits
from tithe.types import Examples
from tithe.views import ViewStore

log = logging.getLogger(__name__)


def train(
    pool: Pool,
    task: Task,
    *,
    trainer: str | Trainer = "linear",
    start: str | Start = DEFAULT_START,
    seed: int = 0,
    store: ViewStore | None = None,
    tell: Tell = quiet,
) -> Model:
    """A model of the pool's own labels; items without one are left out, but by a trainer that learns from them too.

    Of a `proxy` it is the slow model, since nothing is chosen here. Embeddings that the pool has already take the place
    of the start.

    Raises LabelError where a label is not the task's, or there are fewer than two different ones.
    """
    items = pool.items
    gold = items.gold or [None] * len(items)
    rows = np.asarray([row for row, label in enumerate(gold) if label is not None], dtype=np.int64)
    labels = [task.check(label) for label in gold if label is not None]
    made = trainer_of(trainer, task)
    if "embeddings" in pool.provides:
        start = GivenStart({items.digest: pool.view("embeddings")})
    prepared = Workshop(store, tell=tell).start(start, items) if isinstance(start, str) else start
    examples = Examples(items.take(rows), labels)
    others = items.take(np.setdiff1d(np.arange(len(items)), rows)) if reads_unlabelled(made) else None
    if others is not None and not len(others):
        log.warning("self-training learns from items without a label, and here all have one: it adds nothing")
    found = made.fit(task, examples, start=prepared, rng=stream(seed, "fit"), unlabelled=others, tell=tell)
    return found.slow if isinstance(found, ProxyModel) else found


def guess(
    pool: Pool,
    task: Task,
    *,
    prior: str | Prior = "names",
    start: str | Start = DEFAULT_START,
    seed: int = 0,
    store: ViewStore | None = None,
    tell: Tell = quiet,
) -> Model:
    """A model of what a prior guesses of the pool's items, without a look at any label.

    Raises ConfigError where the prior is for other tasks.
    """
    made: Prior = registry.build("priors", prior) if isinstance(prior, str) else prior
    check_fits(made, task.name, f"the prior {prior!r}", instead="train on labels instead")
    items = pool.items
    prepared = Workshop(store, tell=tell).start(start, items) if isinstance(start, str) else start
    return made.model(task, items, start=prepared, rng=stream(seed, "prior"), tell=tell)
