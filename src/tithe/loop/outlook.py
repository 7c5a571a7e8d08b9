"""How good is it, can I stop? The answer from audit items: estimate, learning curve, gains to expect, advice.

Pure functions of what a project has recorded. Audit items are a uniform draw (`loop.audit`); what a model guessed on
them was written down when it was fitted, and their answers reach no model.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from tithe.errors import DataError
from tithe.loop.advice import Verdict, advise, curve_words, gain_words, no_estimate
from tithe.loop.audit import EARLY
from tithe.loop.estimate import Estimate, Guesses, estimates, headline, scores
from tithe.stats import Interval, forecast, looked_at
from tithe.stopping import Record, Stop
from tithe.stopping.settling import Stabilising
from tithe.types import Label

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tithe.tasks import Task

AHEAD = (50, 200)
"""Labels ahead that the gains are told for."""
ENOUGH, MODELS = EARLY, 4
"""Audit answers and models below which a curve is not extrapolated."""
_SHOWN = 20  # points of the curve
_APART = 20  # labels at least between two models that a stop rule compares; or a tenth of them


@dataclass(frozen=True)
class Version:
    """A model of the project, written down when it was fitted.

    `number` is its log position, `cost` of its labels in the task's unit, `asked` its scores on asked items, `guesses`
    of all audit items that were drawn then.
    """

    number: int
    labelled: int
    cost: float
    asked: Mapping[str, float] = field(default_factory=dict)
    guesses: Guesses = field(default_factory=dict)


@dataclass(frozen=True)
class Point:
    """A model on the curve: its headline score on all audit items answered up to now, with its interval."""

    version: int
    labelled: int
    score: float
    low: float
    high: float


@dataclass(frozen=True)
class Gain:
    """What `labels` more labels are expected to bring: `gain`, as a difference of the headline score, and its bounds.

    `score` to `score_high` is where the curve then stands, `seconds` how long they take (None: not known). The bounds
    are ordinary 95 % ones that rest on a model of learning curves, unlike those of an estimate.
    """

    labels: int
    gain: float
    low: float
    high: float
    score: float
    score_low: float
    score_high: float
    seconds: float | None
    words: str


@dataclass(frozen=True)
class Outlook:
    """How good the serving model is, where the curve goes, and whether to go on.

    `headline` names the score that everything but `estimates[1:]` speaks of. `estimates` is empty where there is no
    audit answer or no model, `gains` where it is too early to say; the words say which.
    """

    headline: str
    verdict: Verdict
    estimates: tuple[Estimate, ...]
    curve: tuple[Point, ...]
    gains: tuple[Gain, ...]
    advice: tuple[str, ...]
    estimate_words: str
    curve_words: str
    answered: int
    unlabelled: int
    reserved: int

    def to_json(self) -> dict[str, Any]:
        """The same as what JSON holds: dicts, lists, numbers, strings and None."""
        found: dict[str, Any] = _plain(asdict(self))
        return found


def outlook(
    task: Task,
    versions: Sequence[Version],
    truths: Mapping[str, Label | None],
    *,
    reserved: int,
    population: int | None = None,
    serving: int | None = None,
    per_label_s: float | None = None,
    open_items: int | None = None,
    stops: Sequence[Stop] = (Stabilising(),),
    history: Sequence[Record] | None = None,
) -> Outlook:
    """How good is it, can I stop?

    Args:
        task: what a label means; its `distance` judges.
        versions: all models so far, by rising labels; those without a guess on each answered audit item are left out.
        truths: the answers to audit items in the order in which they came, None for one that was skipped or rejected.
        reserved: audit items drawn in all.
        population: how many items they were drawn from; the bounds of shares are then about these items.
        serving: the `number` of the model that serves; by default the last.
        per_label_s: seconds that a label takes.
        open_items: items that could still be labelled (audit items aside), so that no gain is told of more than there
            are.
        stops: rules that may advise to stop; a budget is one of them.
        history: the records that they read; by default made of the versions, which leaves out `uncertainty` and, for
            spans, `guesses`.

    Raises DataError where the serving model is not among the versions, or numbers of audit items do not fit.

    Cost: some 20 ms, for label sets and spans about 1 ms more an audit answer.
    """
    labels = {one: label for one, label in truths.items() if label is not None}
    if len(truths) > reserved or (population is not None and reserved > population):
        raise DataError(
            f"{len(truths)} of {reserved} audit items of {population} items are answered; that cannot be: give the "
            f"truths of audit items alone, all that were drawn, and the items that they were drawn from"
        )
    usable = [one for one in versions if labels.keys() <= one.guesses.keys()]
    serves = _serving(versions, serving)
    left = reserved - len(truths)
    # An item that nobody can label is not among those that the share is about.
    among = None if population is None else population - (len(truths) - len(labels))
    found: tuple[Estimate, ...] = ()
    if labels and serves is not None and labels.keys() <= serves.guesses.keys():
        found = estimates(task, scores(task, labels, serves.guesses), among, left)
    curve = _curve(task, usable, labels, among)
    gains, why = _gains(task, usable, labels, open_items=open_items, per_label_s=per_label_s)
    records = list(history) if history is not None else records_of(task, versions)
    if records and found:
        records[-1] = replace(records[-1], audited=found[0].interval)
    reasons = [reason for rule in stops if (reason := rule(records)) is not None]
    verdict, advice = advise(found, gains, reasons, why)
    return Outlook(
        headline(task.name),
        verdict,
        found,
        curve,
        gains,
        advice,
        _estimate_words(found, serves, truths, reserved),
        curve_words(headline(task.name), [(one.labelled, one.score) for one in curve], len(labels)) or why,
        len(labels),
        len(truths) - len(labels),
        reserved,
    )


def records_of(task: Task, versions: Sequence[Version]) -> list[Record]:
    """What stop rules read, from the versions: records of models some labels apart, the last model's at the end.

    Models that are refitted every few answers always agree, so they would look settled; those compared here lie 20
    labels or a tenth of them apart. Their guesses on the audit items are the stop set, which needs no answers.

    >>> from tithe.tasks.choice import Choice
    >>> guesses = {"a": ("x", 0.9)}
    >>> made = [Version(n, n, n, guesses=guesses) for n in range(10, 60, 5)]
    >>> [one.labelled for one in records_of(Choice(("x", "y")), made)]
    [15, 35, 55]
    """
    chosen: list[Version] = []
    for one in reversed(versions):
        if not chosen or one.labelled <= chosen[-1].labelled - max(_APART, chosen[-1].labelled // 10):
            chosen.append(one)
    shared = sorted(set.intersection(*(set(one.guesses) for one in chosen))) if chosen else []
    return [
        Record(at, one.labelled, one.cost, one.asked, _stop_set(task, one.guesses, shared))
        for at, one in enumerate(reversed(chosen))
    ]


def _stop_set(task: Task, guesses: Guesses, ids: Sequence[str]) -> NDArray[Any] | None:
    """The guesses as the task encodes them; None for spans, whose tags need the tokens, and where there are none."""
    return np.asarray(task.encode([guesses[one][0] for one in ids])) if ids and task.name != "spans" else None


def _serving(versions: Sequence[Version], number: int | None) -> Version | None:
    if number is None:
        return versions[-1] if versions else None
    for one in versions:
        if one.number == number:
            return one
    numbers = ", ".join(str(one.number) for one in versions) or "none"
    raise DataError(f"the serving model {number} is not among the versions; there are: {numbers}")


def _curve(
    task: Task, versions: Sequence[Version], truths: Mapping[str, Label], population: int | None
) -> tuple[Point, ...]:
    """The models, at most 20 of them, the first and the last included, all on the same audit items."""
    if not truths or not versions:
        return ()
    rows = np.unique(np.linspace(0, len(versions) - 1, min(_SHOWN, len(versions))).round().astype(int))
    points = []
    for one in (versions[row] for row in rows):
        found = estimates(task, scores(task, truths, one.guesses), population)[0]
        points.append(Point(one.number, one.labelled, *found.interval))
    return tuple(points)


def _gains(
    task: Task,
    versions: Sequence[Version],
    truths: Mapping[str, Label],
    *,
    open_items: int | None,
    per_label_s: float | None,
) -> tuple[tuple[Gain, ...], str]:
    """The gains to expect, or none and why not."""
    by_labels = {one.labelled: one for one in versions if one.labelled > 0}  # the last of each number of labels
    rising = [by_labels[labelled] for labelled in sorted(by_labels)]
    if len(truths) < ENOUGH or len(rising) < MODELS or rising[-1].labelled < 2 * rising[0].labelled:
        return (), (
            f"too early to say what more labels bring: it takes {ENOUGH} audit answers and {MODELS} models, the last "
            f"with twice the labels of the first; there are {len(truths)} and {len(rising)}"
        )
    ahead = [more for more in AHEAD if open_items is None or more <= open_items]
    if not ahead:
        return (), f"only {open_items} items are left to label"
    rising = [rising[row] for row in looked_at([one.labelled for one in rising])]
    table = np.array([scores(task, truths, one.guesses) for one in rising])
    said = forecast([one.labelled for one in rising], table, ahead, apart=apart(task, rising))
    return tuple(
        _gain(more, gain, later, headline(task.name), per_label_s)
        for more, gain, later in zip(ahead, said.gains, said.later, strict=True)
    ), ""


def _gain(more: int, gain: Interval, later: Interval, name: str, per_label_s: float | None) -> Gain:
    seconds = None if per_label_s is None else more * per_label_s
    return Gain(more, *gain, *later, seconds, gain_words(name, more, gain, seconds))


def apart(task: Task, versions: Sequence[Version]) -> NDArray[np.float64]:
    """(k, k) the mean squared distance between the guesses of each two models on the audit items that both know.

    It needs no answer: all reserved items count. Cost: distances of distinct pairs of guesses alone.
    """
    ids = sorted(set.intersection(*(set(one.guesses) for one in versions)))
    numbers: dict[Label, int] = {}
    coded = np.array([[numbers.setdefault(one.guesses[each][0], len(numbers)) for each in ids] for one in versions])
    known: dict[tuple[int, int], float] = {}
    named = list(numbers)

    def between(a: int, b: int) -> float:
        if (a, b) not in known:
            known[a, b] = task.distance(named[a], named[b]) ** 2
        return known[a, b]

    out = np.zeros((len(versions), len(versions)))
    for row in range(len(versions)):
        for other in range(row):
            differ = np.flatnonzero(coded[row] != coded[other])
            pairs = zip(coded[row, differ].tolist(), coded[other, differ].tolist(), strict=True)
            out[row, other] = out[other, row] = sum(between(a, b) for a, b in pairs) / len(ids)
    return out


def _estimate_words(
    found: Sequence[Estimate], serves: Version | None, truths: Mapping[str, Label | None], reserved: int
) -> str:
    skipped = sum(label is None for label in truths.values())
    if not found:
        return no_estimate(has_model=serves is not None, answered=len(truths) - skipped, reserved=reserved)
    words = found[0].words
    if skipped:
        words += f"; {skipped} audit items were skipped, so this is about items that can be answered"
    return words


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    return [_plain(one) for one in value] if isinstance(value, list | tuple) else value
