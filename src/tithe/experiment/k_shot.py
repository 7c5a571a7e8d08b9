"""k-shot: a first batch of k items of each class, drawn by their own labels. For simulations alone.

Real labelling cannot draw so, since nobody knows the classes of items before they are labelled: what comes out is not
comparable with active learning, and every result says so.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from tithe import registry
from tithe.errors import ConfigError
from tithe.rng import stream
from tithe.types import Items

if TYPE_CHECKING:
    from tithe.experiment.plan import Plan
    from tithe.tasks import Task

NAME = "k_shot"


def shots_of(plan: Plan) -> int:
    """The k of a plan whose initial strategy is `k_shot(k=5)`; 0 for any other.

    Raises ConfigError where the settings do not fit, or the plan has what does not go with them.
    """
    if registry.name_of(plan.initial_strategy) != NAME:
        return 0
    settings = {"k": 1} | registry.parse(plan.initial_strategy)[1]
    k = settings["k"]
    if settings.keys() != {"k"} or isinstance(k, bool) or not isinstance(k, int) or k < 1:
        raise ConfigError(f"k_shot has one setting, a whole number k of at least 1; given {plan.initial_strategy!r}")
    if plan.task != "choice":
        raise ConfigError(f"k_shot is for a choice, where each item has one class; the task is {plan.task}")
    if plan.subsample != 1 or plan.initial or plan.answers > 1:
        raise ConfigError(
            "k_shot says itself how many items come first, of the whole pool, each answered once; "
            "leave initial, subsample and answers out"
        )
    return k


def opener_of(plan: Plan) -> str:
    """The initial strategy as `propose` knows it: of a k-shot plan `random`, as it is never asked for a first batch."""
    return "random" if shots_of(plan) else plan.initial_strategy


def k_shot(pool: Items, task: Task, k: int, seed: int) -> tuple[str, ...]:
    """The ids of k items of each class, one of each class after the other; of a class with fewer all.

    What is drawn for a smaller k is the beginning of what is drawn for a larger one, whatever the order of the file.

    Source: k-shot learning as in Vinyals et al. 2016, Matching Networks for One Shot Learning.
    """
    gold = pool.gold or ()
    rows: dict[str, list[int]] = {label: [] for label in task.labels}
    for row in pool.by_id:
        rows[str(gold[row])].append(int(row))
    drawn = {label: stream(seed, NAME, label).permutation(of)[:k] for label, of in rows.items() if of}
    return tuple(pool.ids[of[turn]] for turn in range(k) for of in drawn.values() if turn < len(of))


def budgets(pool: Items, k: int, steps: tuple[int, ...]) -> tuple[int, ...]:
    """The cumulative budgets: the k-shot batch, then those of these steps that go beyond it."""
    size = sum(min(k, count) for count in Counter(map(str, pool.gold or ())).values())
    return (size, *(step for step in steps if step > size))


def in_words(pool: Items, task: Task, k: int) -> str:
    """What a reader of the results must know."""
    counts = Counter(map(str, pool.gold or ()))
    short = [f"{label} {counts[label]}" for label in task.labels if counts[label] < k]
    few = f"; fewer than {k} there are of {', '.join(short)}, all of which were taken" if short else ""
    items = "1 item" if k == 1 else f"{k} items"
    return f"{caveat(k)}: the first batch is {items} of each class, drawn by the file's own labels{few}"


def caveat(k: int) -> str:
    """The label of all results.

    >>> caveat(1)
    '1-shot, not comparable with active learning, as the classes of the drawn items were known beforehand'
    """
    return f"{k}-shot, not comparable with active learning, as the classes of the drawn items were known beforehand"


def said(plan: Plan) -> str:
    """`caveat` of a k-shot plan; empty for any other."""
    return caveat(k) if (k := shots_of(plan)) else ""
