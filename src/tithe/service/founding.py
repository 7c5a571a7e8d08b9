"""A new project: its labels, its items, the answers that its file has already."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from tithe.log import Answered, Drawn, Embedded, Event, Snapshot
from tithe.loop.audit import draw_reserve
from tithe.service.settings import Settings
from tithe.store import Project, Store
from tithe.tasks import Task
from tithe.types import FILE, Items

_PART = 10_000


def found(
    store: Store,
    id: str,
    task: Task,
    items: Items,
    *,
    name: str = "",
    settings: Mapping[str, Any] | None = None,
    told: Callable[[int], None] | None = None,
) -> Project:
    """A new project with these items. Labels that the items have count as answers of the annotator "file".

    Raises:
        ConfigError: a setting that cannot be; nothing was made then.
        ConflictError: there is a project with this id already.
        DataError: an id stands twice, or a text cannot be stored.
    """
    checked = Settings.of_new(task).changed(settings or {}, task)
    project = store.create(id, task.name, task.labels, name=name, settings=checked.json())
    add(project, items, told)
    prepare(project)
    return project


def add(project: Project, items: Items, told: Callable[[int], None] | None = None) -> int:
    """Adds items to a project, with the answers that they bring; how many there are now.

    Some of those without an answer become audit items, as many in proportion as of the first. All of it or nothing: a
    label that a kill parted from its item would never come again, as the file is refused a second time.
    """
    parts = (items.take(np.arange(at, min(at + _PART, len(items)))) for at in range(0, len(items), _PART))
    gold = items.gold or [None] * len(items)
    given = [Answered(one, label, FILE) for one, label in zip(items.ids, gold, strict=True) if label is not None]
    drawn = _drawn(project, [one for one, label in zip(items.ids, gold, strict=True) if label is None])
    project.add(parts, told, then=[*given, *drawn])
    return len(project.snapshot().items)


def prepare(project: Project) -> Snapshot:
    """Brings the log to where a service can begin: no view counts as ready, and there are audit items.

    Done at each start, since a kill may have come in between (of another start as a setting and in the log, too); what
    is there already stays.
    """
    snapshot, start = project.snapshot(), Settings.of(project.settings()).start
    events: list[Event] = []
    if snapshot.stages is None or snapshot.start != start:
        events.append(Embedded((), start=start))
    if not snapshot.audit and not snapshot.round:
        events += _drawn(project, [one for one in snapshot.items.ids if one not in snapshot.answers])
    if events:
        project.append(*events)
    return project.snapshot()


def _drawn(project: Project, ids: Sequence[str]) -> list[Drawn]:
    """The draw of audit items among these, if there is one."""
    settings = Settings.of(project.settings())
    drawn = draw_reserve(ids, settings.seed) if settings.audit else ()
    return [Drawn(drawn)] if drawn else []
