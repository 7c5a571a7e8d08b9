"""How good the versions of a model are: judged on the audit items that were answered so far."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from typing import Any

from tithe.errors import ConfigError, UnknownNameError
from tithe.log import Snapshot
from tithe.loop import outlook as outlooks
from tithe.loop.estimate import estimates, headline, scores
from tithe.rng import stream
from tithe.service.settings import Settings
from tithe.service.versions import Version, Versions
from tithe.service.words import label_in, label_out
from tithe.stats import anytime_mean, paired_permutation
from tithe.stopping.settling import Stabilising
from tithe.stopping.spending import Budget
from tithe.tasks import Task
from tithe.types import Label

_WAITS = 50  # answers that the seconds of a label are measured on


class Judge:
    """Judges versions; keeps what it has read of them."""

    def __init__(self, versions: Versions) -> None:
        self._versions = versions
        self._read: dict[int, tuple[Mapping[str, str], outlooks.Version]] = {}
        self._judged: tuple[object, dict[int, dict[str, Any] | None]] = (None, {})

    def outlook(
        self, snapshot: Snapshot, task: Task, settings: Settings, *, open_items: int, serving: int | None
    ) -> dict[str, Any]:
        """`tithe.loop.outlook` of a project, as JSON: of the fast models, or of the slow ones where one of them serves.

        The two lie on different curves; a step from one to the other would be told as what labels bring.
        """
        slow = {one.version for one in self._versions.all() if one.slow}
        versions = [one for one in self._known(snapshot, task) if (one.number in slow) == (serving in slow)]
        # The cost of spans is in tokens, and the budget of a project in labels.
        budget = [Budget(settings.budget)] if settings.budget and task.name != "spans" else []
        found = outlooks.outlook(
            task,
            versions,
            truths(snapshot),
            reserved=len(snapshot.audit),
            serving=serving if any(one.number == serving for one in versions) else None,
            per_label_s=settings.per_label_s or seconds_of(snapshot),
            open_items=open_items,
            stops=[Stabilising(), *budget],
        )
        return found.to_json()

    def models(self, snapshot: Snapshot, task: Task, serving: int | None) -> list[dict[str, Any]]:
        """All versions with their scores, the newest first."""
        known = {one.number: one for one in self._known(snapshot, task)}
        labels = {one: label for one, label in truths(snapshot).items() if label is not None}
        saved, every = set(self._versions.saved()), self._versions.all()
        return [
            {
                "version": one.version,
                "labels": one.labelled,
                "score": one.score,
                "measure": one.measure,
                "scores": dict(one.scores),
                "at": one.at,
                "fit_s": one.fit_s,
                "recipe": dict(one.recipe),
                "trainer": one.recipe["trainer"],
                "slow": one.slow,
                "audit": self._judgement(task, labels, known[one.version]),
                "on_disk": one.version in saved,
                "serving": one.version == serving,
            }
            for one in reversed(every)
        ]

    def compare(self, snapshot: Snapshot, task: Task, a: int, b: int) -> dict[str, Any]:
        """Two versions on the same audit items: the mean difference b - a with its interval, and where they differ.

        `low` and `high` hold at every look; `p` is that of a sign-flip test, which holds at one look.

        Raises:
            UnknownNameError: there is no such version.
            ConfigError: there is no audit answer yet that both have a guess for.
        """
        known = {one.number: one for one in self._known(snapshot, task)}
        for number in (a, b):
            if number not in known:
                raise UnknownNameError(f"there is no version {number} of the model; see the page of models")
        first, second = known[a], known[b]
        labels = {
            one: label
            for one, label in truths(snapshot).items()
            if label is not None and one in first.guesses and one in second.guesses
        }
        if not labels:
            raise ConfigError("no audit item is answered yet that both models were asked about; answer some first")
        scored = [scores(task, labels, one.guesses) for one in (first, second)]
        gains = [after - before for before, after in zip(*scored, strict=True)]
        found = anytime_mean(gains, low=-1.0, high=1.0)
        test = paired_permutation(scored[1], scored[0], stream(0, "compare", a, b)) if len(gains) > 1 else None
        rows = {one: row for row, one in enumerate(snapshot.items.ids)}
        return {
            "a": a,
            "b": b,
            "n": len(labels),
            "measure": headline(task.name),
            "a_score": sum(scored[0]) / len(labels),
            "b_score": sum(scored[1]) / len(labels),
            "a_right": sum(score == 1 for score in scored[0]),
            "b_right": sum(score == 1 for score in scored[1]),
            "difference": found.mean,
            "low": found.low,
            "high": found.high,
            "p": None if test is None else _number(test.p),
            "items": [
                {
                    "id": one,
                    "text": snapshot.items.texts[rows[one]],
                    "truth": label_out(label),
                    "a": label_out(first.guesses[one][0]),
                    "b": label_out(second.guesses[one][0]),
                }
                for one, label in labels.items()
                if first.guesses[one][0] != second.guesses[one][0]
            ],
        }

    def _judgement(self, task: Task, labels: Mapping[str, Label], version: outlooks.Version) -> dict[str, Any] | None:
        """As `_judged`, once for these answers: hundreds of versions of spans would take seconds at each look."""
        by = (task, tuple(labels.items()))
        if self._judged[0] != by:
            self._judged = (by, {})
        known = self._judged[1]
        if version.number not in known:
            known[version.number] = _judged(task, labels, version)
        return known[version.number]

    def _known(self, snapshot: Snapshot, task: Task) -> list[outlooks.Version]:
        """All versions, their guesses as labels with the names of now."""
        found = []
        for one in self._versions.all():
            if one.version not in self._read or self._read[one.version][0] != snapshot.renames:
                self._read[one.version] = (snapshot.renames, _as_labels(one, task, snapshot.renames))
            found.append(self._read[one.version][1])
        return found


def truths(snapshot: Snapshot) -> dict[str, Label | None]:
    """The answers to audit items in the order in which they came; None for one that was skipped."""
    return {one: snapshot.labels.get(one) for one in snapshot.answers if one in snapshot.audit}


def seconds_of(snapshot: Snapshot) -> float | None:
    """The median seconds of the last answers; None where nobody measured any."""
    measured = [answer.seconds for by in snapshot.answers.values() for answer in by.values() if answer.seconds > 0]
    return statistics.median(measured[-_WAITS:]) if measured else None


def _as_labels(one: Version, task: Task, renames: Mapping[str, str]) -> outlooks.Version:
    guesses = {item: (label_in(task, said, renames), sure) for item, (said, sure) in one.audit.items()}
    return outlooks.Version(one.version, one.labelled, one.cost, one.scores, guesses)


def _judged(task: Task, labels: Mapping[str, Label], version: outlooks.Version) -> dict[str, Any] | None:
    """The headline estimate of a version, where it has a guess of each answered audit item."""
    if not labels or not labels.keys() <= version.guesses.keys():
        return None
    found = estimates(task, scores(task, labels, version.guesses))[0]
    return {"name": found.name, "score": found.mean, "low": found.low, "high": found.high, "n": found.n}


def _number(value: float) -> float | None:
    return None if value != value else value
