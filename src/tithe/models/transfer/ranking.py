"""Which start suits a pool, said from the few labels that it has: a probe, LogME and LEEP side by side."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tithe import registry
from tithe.errors import ConfigError, LabelError
from tithe.models import Start, Tell, quiet
from tithe.models.blocks import Blocks, mixes_of, token_views_of, views_of
from tithe.models.encoder import Encoder
from tithe.models.links import link_of
from tithe.models.starts import makers, prepare_start
from tithe.models.transfer.leep import head_classes, head_probabilities, leep
from tithe.models.transfer.logme import logme
from tithe.models.transfer.probe import Probe, held_out_folds, probe
from tithe.pool import Pool, declared_task
from tithe.rng import stream
from tithe.tasks.spans import Spans
from tithe.tokens import places
from tithe.types import Examples, Items, Rows
from tithe.views import ViewStore, default_root

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tithe.tasks import Task

MOST = 1_000
"""Labels that are looked at where the caller does not say: with more, starts can simply be tried."""

_REPEATS = 4
_ALIKE = 0.0005  # what would be told as +0.000


@dataclass(frozen=True, eq=False)
class Judged:
    """What was found of one start. `leep` is None where it has no classification head; `seconds` took all of it."""

    start: str
    probe: Probe
    logme: float
    leep: float | None
    seconds: float


@dataclass(frozen=True, eq=False)
class Ranking:
    """Starts, the best probe first, judged on the same `labels` labelled items and the same folds."""

    rows: tuple[Judged, ...]
    labels: int
    classes: int

    @property
    def level(self) -> tuple[str, ...]:
        """The starts behind the first whose paired difference to it has an interval that covers 0."""
        first = self.rows[0].probe
        return tuple(one.start for one in self.rows[1:] if first.lead(one.probe)[1] <= 0)

    @property
    def advice(self) -> str:
        """One sentence: which start to take, and how sure that is."""
        first, *others = self.rows
        with_labels = f"with these {self.labels} labels"
        if not others:
            return f"Only {first.start} was given, so there is nothing to compare it with; name several starts."
        if self.level:
            worst = max((one for one in others if one.start in self.level), key=lambda o: first.probe.lead(o.probe)[2])
            lead, low, high = first.probe.lead(worst.probe)
            others_too = "" if len(self.level) == len(others) else " The other starts are behind."
            why = (
                f"the lead over {worst.start} is {lead:+.3f}, 95 % interval {low:+.3f} to {high:+.3f}, which covers 0"
                if max(map(abs, (lead, low, high))) >= _ALIKE
                else f"{'all' if len(self.level) > 1 else 'both'} score the same"
            )
            return (
                f"{first.start} and {', '.join(self.level)} cannot be told apart {with_labels} ({why}): take the "
                f"quicker one, or label more and ask again.{others_too}"
            )
        lead, low, high = first.probe.lead(others[0].probe)
        return (
            f"Take {first.start}: {with_labels} it is ahead of {others[0].start}, the next, by {lead:+.3f} "
            f"{first.probe.metric} (95 % interval {low:+.3f} to {high:+.3f})."
        )

    def to_json(self) -> dict[str, Any]:
        """As JSON values, with the scores of each fold, so that other tests can be made of them."""
        rows = [
            {
                "rank": rank,
                "start": one.start,
                "metric": one.probe.metric,
                "score": one.probe.score,
                "standard_error": one.probe.error,
                "log_loss": None if one.probe.loss != one.probe.loss else one.probe.loss,
                "logme": one.logme,
                "leep": one.leep,
                "seconds": one.seconds,
                "lead_of_first": list(self.rows[0].probe.lead(one.probe)) if rank > 1 else None,
                "folds": one.probe.scores.tolist(),
            }
            for rank, one in enumerate(self.rows, 1)
        ]
        return {"labels": self.labels, "classes": self.classes, "advice": self.advice, "starts": rows}


def rank_starts(
    pool: Pool,
    starts: Sequence[str],
    *,
    task: Task | str | None = None,
    labels_used: int | None = None,
    seed: int = 0,
    store: ViewStore | None = None,
    tell: Tell = quiet,
) -> Ranking:
    """Starts in the order of what few labels get out of them, judged before much labelling is spent.

    The labels are those that the pool's own file has (`items.gold`), blank for what nobody has labelled yet. Starts
    that learn from texts learn from the whole pool; only labelled items are embedded.

    Args:
        starts: names as everywhere; `a+b` puts two side by side.
        task: a task, or its name where the file's own labels declare it; by default the pool's.
        labels_used: so many labels, drawn by the seed, for studies of how early the right start is found; by default
            all, or 1,000 of them where there are more.

    Raises:
        LabelError: fewer than ten labels, or all of one class.
        ConfigError: no labels at all, no start, a start twice, a string in the place of a list, or no task.
        UnknownNameError: a start that there is not; told before any work.

    Cost: a pass of each start over the labelled items, twenty fits for each start, and one pass more for LEEP.
    """
    given = task or pool.task
    if given is None:
        raise ConfigError("this pool declares no task; pass task=Choice([...]), or read the file with task='choice'")
    _check_starts(starts)
    examples = _examples(pool, labels_used, seed)
    task = declared_task(given, pool.items) if isinstance(given, str) else given
    if task.name != "spans" and len({repr(label) for label in examples.labels}) < 2:
        alike = f"all {len(examples)} labels are alike, which no start can be judged by"
        raise LabelError(f"{alike}; label some others first, or use more of them")
    folds = held_out_folds(task, examples.labels, seed=seed, repeats=_REPEATS if task.name != "spans" else 1)
    store = store or ViewStore(default_root())
    judged = []
    for done, spec in enumerate(starts):
        tell("starts", done, len(starts))
        judged.append(_judge(spec, pool.items, task, examples, folds=folds, seed=seed, store=store, tell=tell))
    tell("starts", len(starts), len(starts))
    order = sorted(judged, key=lambda one: (-one.probe.score, starts.index(one.start)))
    classes = {name for label in examples.labels for name in ([label] if isinstance(label, str) else [])}
    return Ranking(tuple(order), len(examples), len(classes) or len(task.labels))


def _check_starts(starts: Sequence[str]) -> None:
    if isinstance(starts, str):
        listed = registry.split_list(starts)
        raise ConfigError(f"starts are a list of names, such as {listed or ['minilm']}; given the string {starts!r}")
    if not starts:
        raise ConfigError("no start was given; name several, such as --start minilm,lexical")
    if double := sorted({one for one in starts if list(starts).count(one) > 1}):
        raise ConfigError(f"the start {', '.join(double)} is named twice; give each once")
    for spec in starts:
        makers(spec)


def _examples(pool: Pool, labels_used: int | None, seed: int) -> Examples:
    """The labelled items that are looked at, as a whole of their own: nothing else is embedded."""
    items = pool.items
    gold = items.gold or [None] * len(items)
    known: Rows = items.by_id[[gold[row] is not None for row in items.by_id]]
    if not len(known):
        raise ConfigError(
            f"{items.source} has no labels, and without any a start cannot be judged: measures that need none are too "
            f"weak to go by. Label some first (tithe rank FILE --n 50 --out first.csv says which), or take the default"
        )
    wanted = min(MOST, len(known)) if labels_used is None else labels_used
    if not 0 < wanted <= len(known):
        raise ConfigError(f"labels-used is 1 to {len(known)}, as many labels as there are; given {wanted}")
    if wanted < len(known):
        known = np.sort(stream(seed, "starts", "labels").choice(known, wanted, replace=False))
    labels = [label for row in known if (label := gold[row]) is not None]
    return Examples(items.cut(int(row) for row in known), labels)


def _judge(
    spec: str,
    items: Items,
    task: Task,
    examples: Examples,
    *,
    folds: Sequence[Rows],
    seed: int,
    store: ViewStore,
    tell: Tell,
) -> Judged:
    began = time.perf_counter()
    start = prepare_start(spec, items, store=store, tell=tell)
    found = probe(task, examples, start, folds, seed=seed)
    features, targets = _numbers(start, task, examples)
    evidence = logme(features, targets - targets.mean(axis=0))
    sources = [maker.source for _, maker in makers(spec) if isinstance(maker, Encoder)]
    heads = [source for source in sources if head_classes(source)]
    transfer = None
    if heads and not isinstance(task, Spans):
        transfer = max(leep(head_probabilities(head, examples.items), task.encode(examples.labels)) for head in heads)
    return Judged(spec, found, evidence, transfer, time.perf_counter() - began)


def _numbers(start: Start, task: Task, examples: Examples) -> tuple[NDArray[Any], NDArray[np.float64]]:
    """(n, d) the features that `linear` begins with, centred, and (n, K) zeros and ones of the labels that vary.

    For spans a row is a token, and its label a tag.
    """
    if isinstance(task, Spans):
        names, rows = token_views_of(start, examples.items)
        blocks = Blocks.of(names, [np.asarray(row.values, np.float32) for row in rows])
        tags = task.tag(examples.labels, places(examples.items)).values
        applies = tags[:, None] == np.unique(tags)
        return np.concatenate(blocks.centred, axis=1), applies.astype(np.float64)
    blocks = Blocks.of(*views_of(start, examples.items))
    coded = link_of(task).encode(task, examples.labels).targets
    targets = (coded[:, None] == np.unique(coded)) if coded.ndim == 1 else coded
    return blocks.mixed(mixes_of(blocks.names)[0]), np.asarray(targets, np.float64)
