"""Two speeds: when a slow trainer learns, how its model is compared with the fast one, and which of them asks then.

    log.append(Begun("linear", "finetune", "minilm", seed=0))    # it learns from the answers up to here
    log.append(compare(log.snapshot().begun))                    # what it came to; rounds ask with it if it is better

All that is read stands in the log, so the comparison, and each question that follows from it, can be made again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from math import ceil
from typing import TYPE_CHECKING

from tithe.log import Begun, Compared, Learning, Snapshot
from tithe.loop.propose import Recipe, propose, task_of
from tithe.loop.workshop import Workshop
from tithe.rng import stream

if TYPE_CHECKING:
    from tithe.models import Model
    from tithe.tasks import Task
    from tithe.types import Items, Label

HELD, LEAST_HELD = 0.1, 20
"""The share of the answers that a comparison holds back, and how many at least."""

FIRST, GROWTH = 50, 1.25
"""Labels at which a slow model learns first, and how many times those of the last one before it learns again."""


def learned(snapshot: Snapshot) -> dict[str, Label]:
    """The labels that may train: those of no audit item, and of items whose views are ready."""
    stages = snapshot.stages
    is_all = stages is None or sum(map(len, stages)) == len(snapshot.items)
    ready = None if is_all else {one for stage in stages or () for one in stage}
    return {
        one: label
        for one, label in snapshot.labels.items()
        if one not in snapshot.audit and (ready is None or one in ready)
    }


def unfinished(snapshot: Snapshot, recipe: Recipe) -> Learning | None:
    """The slow model of this recipe that began to learn and was not compared yet: its process was killed, say."""
    begun, compared = snapshot.begun, snapshot.compared
    if begun is None or not _is_of(begun.begun, recipe):
        return None
    return begun if compared is None or compared.position != begun.at.position else None


def due(snapshot: Snapshot, recipe: Recipe) -> bool:
    """Whether the slow trainer of this recipe should learn again: at 50 labels, then at a quarter more each time.

    Each time costs up to two slow fits; at a quarter more they add up to less than ten times the last one.
    """
    if recipe.slow is None:
        return False
    last = snapshot.begun
    before = len(learned(last.at)) if last is not None and _is_of(last.begun, recipe) else 0
    return len(learned(snapshot)) >= max(FIRST, ceil(GROWTH * before))


def compare(one: Learning, *, workshop: Workshop | None = None) -> Compared:
    """What the slow trainer comes to beside the fast one, on answers that neither has learned from.

    A tenth of the answers, 20 at least, is held back, drawn by the seed; both trainers are fitted on the others. The
    slow one is better if its mean score on them (1 - distance) is higher; on a tie the fast one asks. Audit items take
    no part. With fewer than 40 answers, or where the others hold fewer than two labels, `held` is 0 and nothing is
    better. Cost: a fit of each.
    """
    begun, at = one
    workshop = workshop or Workshop()
    labels = learned(at)
    held = _held(labels, begun.seed, at.position)
    rest = replace(at, labels={one: label for one, label in labels.items() if one not in held})
    none = Compared(at.position, better=False, held=0)
    if not held:
        return none
    found = []
    for trainer in (begun.fast, begun.slow):
        fitted = propose(rest, Recipe(begun.start, trainer), seed=begun.seed, workshop=workshop)
        if fitted.model is None or fitted.cold:
            return none
        found.append(_scores(task_of(at), fitted.model, workshop.window(at), held))
    fast, slow = found
    return Compared(
        at.position,
        sum(slow) > sum(fast) + 1e-9,  # sums of shares may differ in their last bit
        len(held),
        sum(fast) / len(held),
        sum(slow) / len(held),
        sum(score == 1 for score in fast),
        sum(score == 1 for score in slow),
    )


def in_words(begun: Begun, compared: Compared, task: str) -> str:
    """What a comparison came to, in a sentence.

    >>> begun = Begun("linear", "finetune(steps=30)", "minilm", 0)
    >>> in_words(begun, Compared(90, True, 20, 0.7, 0.9, 14, 18), "choice")
    'Of 20 answers that neither had learned from, finetune has 18 right and linear 14'
    >>> in_words(begun, Compared(90, False, 20, 0.75, 0.7, 9, 8), "multilabel")
    'With 20 answers that neither had learned from, finetune agrees to 70 % and linear to 75 %'
    >>> in_words(begun, Compared(90, False, 0), "choice")
    'There are too few answers yet to compare finetune with linear'
    """
    fast, slow = short(begun.fast, begun.slow)
    if not compared.held:
        return f"There are too few answers yet to compare {slow} with {fast}"
    of = f"{compared.held} answers that neither had learned from"
    if task == "choice":
        return f"Of {of}, {slow} has {compared.slow_right} right and {fast} {compared.fast_right}"
    return f"With {of}, {slow} agrees to {compared.slow:.0%} and {fast} to {compared.fast:.0%}".replace("%", " %")


def short(fast: str, slow: str) -> tuple[str, str]:
    """The names of two trainers without their settings, unless it is these that tell them apart.

    >>> short("linear", "finetune(steps=30)"), short("sklearn(LinearSVC)", "sklearn(GaussianNB)")
    (('linear', 'finetune'), ('sklearn(LinearSVC)', 'sklearn(GaussianNB)'))
    """
    names = (fast.partition("(")[0].strip(), slow.partition("(")[0].strip())
    return names if names[0] != names[1] else (fast, slow)


def _is_of(begun: Begun, recipe: Recipe) -> bool:
    return (begun.fast, begun.slow, begun.start) == (recipe.trainer, recipe.slow, recipe.start)


def _held(labels: Mapping[str, Label], seed: int, position: int) -> dict[str, Label]:
    """The answers held back; none where that would be more than half of them."""
    count = max(LEAST_HELD, round(HELD * len(labels)))
    if 2 * count > len(labels):
        return {}
    ids = sorted(labels)
    drawn = stream(seed, "held", position).choice(len(ids), count, replace=False)
    return {ids[row]: labels[ids[row]] for row in sorted(drawn.tolist())}


def _scores(task: Task, model: Model, window: Items, held: Mapping[str, Label]) -> list[float]:
    """1 - distance of each held answer and the model's guess."""
    from tithe.loop.estimate import scores  # statistics take half a second to load, and the server is to be up at once

    rows = [row for row, one in enumerate(window.ids) if one in held]
    # Cut out as items of their own: of a slow model, the views of the whole pool would be computed for these few.
    items = window.cut(rows)
    guesses = model.decide(model.view("proba", items))
    known = dict(zip(items.ids, guesses, strict=True))
    return scores(task, held, {one: (known[one], 0.0) for one in held})
