"""One open project: all that pages and API call.

Every call may come from any thread. What comes in and goes out are plain values: those of the API as JSON.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

from tithe.errors import ConfigError, LabelError, UnknownNameError, near
from tithe.log import Answered, Declared, Embedded, Renamed, Snapshot
from tithe.service import founding
from tithe.service.background import Background
from tithe.service.bell import Bell
from tithe.service.desk import Desk
from tithe.service.product import Exported, export
from tithe.service.search import Query, entry, search
from tithe.service.versions import Guess, Version
from tithe.service.words import label_in, label_out, renamed
from tithe.store import Project
from tithe.types import Items, names_in
from tithe.views import default_root

if TYPE_CHECKING:
    from tithe.service.judging import Judge

MOST_LABELS = 10_000


class Live:
    """A project that is being served. `start` sets its background work going, `close` ends it."""

    def __init__(self, project: Project, *, url: str, folder: Path, cache: Path | None = None) -> None:
        """A project of the database at `url`; models and logs are kept in `folder`, views in `cache`."""
        self.project, self.folder = project, Path(folder)
        self.bell = Bell()
        founding.prepare(project)
        self.desk = Desk(project, self.bell, lambda: self.background.refill())
        self.background = Background(
            self.desk, self.bell, url=url, folder=self.folder, cache=Path(cache or default_root())
        )
        self._guesses: tuple[str, Mapping[str, str], dict[str, Guess]] | None = None  # file, names, what it says
        # Whoever declares labels declares all of them: two at once would each leave out what the other adds.
        self._changing = Lock()

    def start(self) -> None:
        """Begins to embed and to learn."""
        self.background.start()

    def close(self) -> None:
        """Ends the background work."""
        self.background.close()
        self.bell.ring()

    def __enter__(self) -> Live:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- what it is

    def info(self) -> dict[str, Any]:
        """Id, name, task, labels, number of items, settings."""
        snapshot = self.desk.snapshot()
        return {
            "id": self.project.id,
            "name": self.project.name,
            "task": snapshot.task,
            "labels": list(snapshot.declared),
            "items": len(snapshot.items),
            "settings": self.settings(),
        }

    def status(self) -> dict[str, Any]:
        """Where the project stands, and what goes on in the background."""
        snapshot, background = self.desk.snapshot(), self.background
        latest, troubles = background.latest, background.troubles.all()
        state = "training" if background.training else "embedding" if background.embedding else "idle"
        stages = snapshot.stages or ()
        return {
            "items": len(snapshot.items),
            "labelled": len(snapshot.labels),
            "skipped": len(snapshot.answers.keys() - snapshot.labels.keys()),
            "audit": {
                "reserved": len(snapshot.audit),
                "answered": sum(one in snapshot.answers for one in snapshot.audit),
            },
            "model": None
            if latest is None
            else {
                "version": latest.version,
                "labels": latest.labelled,
                "score": latest.score,
                "measure": latest.measure,
                "fit_s": latest.fit_s,
            },
            "serving": "latest" if self.desk.settings.serving is None else self.desk.settings.serving,
            "state": state,
            "detail": background.detail if state != "idle" else "",
            "progress": background.progress if state != "idle" else None,
            "embedded": sum(map(len, stages)),
            "slow": background.slow.status(snapshot),
            "queue": 0 if self.desk.queue is None else len(self.desk.queue.ids),
            "reason": "" if self.desk.queue is None else self.desk.queue.cold or self.desk.queue.reason,
            "trouble": {"at": troubles[0]["at"], "text": troubles[0]["error"]} if troubles else None,
        }

    def wait(self, seen: int, timeout_s: float) -> int:
        """The counter of changes once it is beyond `seen`, or the time is over."""
        return self.bell.wait(seen, timeout_s)

    def troubles(self) -> list[dict[str, Any]]:
        """What went wrong in the background, the newest first."""
        return self.background.troubles.all()

    # --- items out, answers in

    def next(self, annotator: str, n: int = 1, item: str | None = None) -> dict[str, Any]:
        """The items that this annotator works on now; see `Desk.next`."""
        found = self.desk.next(annotator, n, item)
        self.background.noticed()
        return found

    def submit(self, answer: Answered, key: str | None = None) -> int:
        """Keeps an answer; its number. Raises as `Desk.submit`."""
        number = self.desk.submit(answer, key)
        self.background.answered()
        return number

    def undo(self, annotation: int, annotator: str, key: str | None = None) -> int:
        """Takes an answer back; the number of the event that says so."""
        number = self.desk.undo(annotation, annotator, key)
        self.background.answered()
        return number

    def renew(self, annotator: str, ids: Sequence[str]) -> list[dict[str, Any]]:
        """The leases that still hold, made longer, or taken again where nobody else has the item."""
        return self.desk.renew(annotator, ids)

    def release(self, annotator: str, ids: Sequence[str] | None = None) -> None:
        """Gives items back."""
        self.desk.release(annotator, ids)

    def history(self, annotator: str, limit: int = 50) -> list[dict[str, Any]]:
        """The last answers of an annotator, the newest first."""
        return self.desk.history(annotator, limit)

    # --- settings, labels, data

    def settings(self) -> dict[str, Any]:
        """All settings."""
        return self.desk.settings.json()

    def configure(self, changes: Mapping[str, Any]) -> dict[str, Any]:
        """Replaces some settings; all of them then. Raises ConfigError, which names the field."""
        with self._changing:
            self._configure(changes)
        self.bell.ring()
        return self.settings()

    def _configure(self, changes: Mapping[str, Any]) -> None:
        snapshot, old = self.desk.snapshot(), self.desk.settings
        new = old.changed(changes, self.desk.task(snapshot))
        if new.serving is not None and new.serving != old.serving:
            self._version(new.serving)
        self.project.configure({name: new.json()[name] for name in changes})
        self.desk.settings_changed()
        if new.start != old.start:
            self.project.append(Embedded((), start=new.start))
            self.desk.queue = None
        elif (new.trainer, new.seed) != (old.trainer, old.seed):
            # A version is the position it was fitted at: another model of the same answers needs another position.
            self.project.append(Declared(snapshot.task, snapshot.declared))
        if (new.slow, new.trainer, new.start) != (old.slow, old.trainer, old.start):
            self.background.slow.changed()
        if new.recipe != old.recipe or new.serving != old.serving or new.seed != old.seed:
            self.background.want_stage()
            self.background.want_round()

    def declare(self, label: str) -> list[str]:
        """Adds a label; all of them then. Raises LabelError where it cannot be one."""
        label = _label_name(label)
        with self._changing:
            snapshot = self.desk.snapshot()
            if label in snapshot.declared:
                raise LabelError(f"there is a label {label!r} already")
            if len(snapshot.declared) >= MOST_LABELS:
                raise LabelError(f"a project has {MOST_LABELS:,} labels at most")
            return self._relabelled(Declared(snapshot.task, (*snapshot.declared, label)))

    def rename(self, old: str, new: str) -> list[str]:
        """Gives a label another name, in all answers too; merges it where there is one of that name."""
        with self._changing:
            snapshot = self.desk.snapshot()
            if old not in snapshot.declared:
                raise UnknownNameError(f"there is no label {old!r}; {near(old, snapshot.declared)}")
            new = _label_name(new)
            keys = dict(self.desk.settings.keys)
            if old in keys:
                kept = keys.pop(old)
                self.project.configure({"keys": {new: kept} | keys})
            return self._relabelled(Renamed(old, new))

    def _relabelled(self, event: Declared | Renamed) -> list[str]:
        self.project.append(event)
        self.desk.settings_changed()
        self.background.want_round()
        self.background.slow.want()
        self.bell.ring()
        return list(self.desk.snapshot().declared)

    def add(self, items: Items) -> int:
        """Adds items; how many there are then. Raises DataError where an id is there already; nothing was added."""
        task = self.desk.task(self.desk.snapshot())
        for label in items.gold or ():
            if label is not None:
                task.check(label)
        count = founding.add(self.project, items)
        self.background.want_stage()
        self.bell.ring()
        return count

    # --- looking at items

    def items(self, query: Query, *, after: int = 0, limit: int = 50) -> dict[str, Any]:
        """The items that fit a query, `limit` of them behind the first `after`."""
        snapshot = self.desk.snapshot()
        guesses = self.guesses() if query.needs_guesses else self._known_guesses(snapshot)
        rows = search(snapshot, query, guesses)
        page = rows[after : after + limit]
        return {
            "items": [entry(snapshot, row, guesses) for row in page],
            "count": len(rows),
            "more": after + limit < len(rows),
        }

    def item(self, id: str) -> dict[str, Any]:
        """An item with all its answers."""
        snapshot = self.desk.snapshot()
        answers = [
            {
                "annotator": who,
                "action": answer.action,
                "label": label_out(answer.label),
                "flagged": answer.flagged,
                "comment": answer.comment,
            }
            for who, answer in snapshot.answers.get(id, {}).items()
        ]
        return entry(snapshot, self.desk.row(snapshot.items, id), self._known_guesses(snapshot)) | {"answers": answers}

    def similar(self, id: str, n: int = 10, at_least: float = 0.9) -> list[dict[str, Any]]:
        """Items nearly the same as one, by the cosine of their embeddings; none while it is not embedded."""
        snapshot = self.desk.snapshot()
        self.desk.row(snapshot.items, id)
        found = self.background.learner.call("similar", id=id, n=n, at_least=at_least)
        rows = ((self.desk.row(snapshot.items, one), likeness) for one, likeness in found)
        return [entry(snapshot, row, {}) | {"similarity": likeness} for row, likeness in rows]

    # --- models

    def predict(
        self, texts: Sequence[str], version: int | None = None, labels: Sequence[str] | None = None
    ) -> dict[str, Any]:
        """What a version (default: the one that serves) says of texts; of spans only those with one of `labels`."""
        snapshot = self.desk.snapshot()
        for label in labels or ():
            if label not in snapshot.declared:
                raise UnknownNameError(f"there is no label {label!r}; {near(label, snapshot.declared)}")
        version = self.desk.settings.serving if version is None else version
        if version is not None:
            self._version(version)
        said: dict[str, Any] = self.background.learner.call("predict", texts=list(texts), version=version)
        for one in said["predictions"]:
            _call(one, snapshot)
            if labels is not None:
                _keep(one, frozenset(labels))
        return said

    def serve(self, version: int | None) -> dict[str, Any]:
        """Lets suggestions and predictions come from this version; None: from the one that asks again."""
        return self.configure({"serving": version})

    def serving(self) -> int | None:
        """The version that suggestions and predictions come from: as chosen, else the one that asks."""
        if self.desk.settings.serving is not None:
            return self.desk.settings.serving
        slow, latest = self.background.slow.position_in_force(), self.background.latest
        return slow if slow is not None or latest is None else latest.version

    @cached_property
    def judge(self) -> Judge:
        """Who says how good the versions are; statistics take half a second to import, which no first question has."""
        from tithe.service.judging import Judge

        return Judge(self.background.versions)

    def models(self) -> list[dict[str, Any]]:
        """All versions with their scores on asked and on audit items, the newest first."""
        snapshot = self.desk.snapshot()
        return self.judge.models(snapshot, self.desk.task(snapshot), self.serving())

    def compare(self, a: int, b: int) -> dict[str, Any]:
        """Two versions on the same audit items; see `Judge.compare`."""
        snapshot = self.desk.snapshot()
        return self.judge.compare(snapshot, self.desk.task(snapshot), a, b)

    def progress(self) -> dict[str, Any]:
        """How good it is, and whether to go on: `tithe.loop.outlook`, with what was answered so far."""
        snapshot, settings = self.desk.snapshot(), self.desk.settings
        task, left = self.desk.task(snapshot), self.desk.left(snapshot)
        found = self.judge.outlook(snapshot, task, settings, open_items=left, serving=self.serving())
        given = [answer for by in snapshot.answers.values() for answer in by.values()]
        counts = Counter(name for label in snapshot.labels.values() for name in names_in(label))
        return found | {
            "labelled": len(snapshot.labels),
            "left": left,
            "seconds": sum(answer.seconds for answer in given),
            "counts": {name: counts[name] for name in snapshot.declared},
        }

    def guesses(self) -> dict[str, Guess]:
        """What the serving version guesses of every item, with its confidence.

        Raises ConfigError where there is no model yet, or while items are still being embedded.
        """
        snapshot = self.desk.snapshot()
        ready = sum(map(len, snapshot.stages or ()))
        if self.background.embedding and ready < len(snapshot.items):
            raise ConfigError(
                f"{ready} of {len(snapshot.items)} items are embedded; what the model says of all comes after that"
            )
        said = self.background.learner.call("label_all", version=self.desk.settings.serving)
        known = self._guesses
        if known is None or known[:2] != (said["path"], snapshot.renames):
            with Path(said["path"]).open(encoding="utf-8") as lines:
                every = _as_called(((one, (label, sure)) for one, label, sure in map(json.loads, lines)), snapshot)
            self._guesses = known = (said["path"], snapshot.renames, every)
        return known[2]

    def export(self, format: str | None, into: Path, *, with_predictions: bool = False) -> Exported:
        """Writes the product: the answers, or with predictions every item labelled, by people or by the model.

        Raises as `guesses`, and as `tithe.service.product.export`.
        """
        snapshot = self.desk.snapshot()
        predictions = None
        if with_predictions:
            task = self.desk.task(snapshot)
            unanswered = ((one, guess) for one, guess in self.guesses().items() if one not in snapshot.labels)
            predictions = {one: (label_in(task, said, snapshot.renames), sure) for one, (said, sure) in unanswered}
        return export(
            self.project.annotations(),
            snapshot.items,
            snapshot.task,
            format=format,
            into=into,
            predictions=predictions,
            audit=snapshot.audit,
        )

    def _known_guesses(self, snapshot: Snapshot) -> dict[str, Guess]:
        """What is known without asking; of the last version that was asked of all items."""
        if self._guesses is not None:
            path, renames, every = self._guesses
            if renames != snapshot.renames:
                every = _as_called(every.items(), snapshot)
                self._guesses = (path, snapshot.renames, every)
            return every
        return _as_called(self.desk.queue.suggestions.items(), snapshot) if self.desk.queue is not None else {}

    def _version(self, number: int) -> Version:
        found = next((one for one in self.background.versions.all() if one.version == number), None)
        if found is None:
            raise UnknownNameError(f"there is no version {number} of the model; see the page of models")
        return found


def _label_name(said: str) -> str:
    """What a person typed as the name of a label. Raises LabelError where it cannot be one."""
    name = said.strip()
    if not name or len(name) > 200 or not name.isprintable():
        raise LabelError(f"a label is 1 to 200 printable characters; given {name!r:.80}")
    return name


def _as_called(guesses: Iterable[tuple[str, Guess]], snapshot: Snapshot) -> dict[str, Guess]:
    """Guesses by item, as labels are called now."""
    return {one: (renamed(label, snapshot.renames), sure) for one, (label, sure) in guesses}


def _call(prediction: dict[str, Any], snapshot: Snapshot) -> None:
    """Gives a prediction the names of now; of labels that were merged, a choice is as probable as all together."""
    for name in ("label", "spans"):
        if name in prediction:
            prediction[name] = renamed(prediction[name], snapshot.renames)
    if snapshot.renames and "scores" in prediction:
        scores: dict[str, float] = {}
        for name, p in prediction["scores"].items():
            now = snapshot.renames.get(name, name)
            before = scores.get(now, 0.0)
            scores[now] = round(before + p, 4) if snapshot.task == "choice" else max(before, p)
        prediction["scores"] = scores


def _keep(prediction: dict[str, Any], labels: frozenset[str]) -> None:
    """Leaves of a prediction what has to do with these labels."""
    if "scores" in prediction:
        prediction["scores"] = {name: p for name, p in prediction["scores"].items() if name in labels}
    for name in ("spans", "label"):
        if isinstance(prediction.get(name), list):
            kept = [one for one in prediction[name] if (one if isinstance(one, str) else one["label"]) in labels]
            prediction[name] = kept
