"""A project from a file, and the same file again: whether it still fits what was made of it."""

from __future__ import annotations

import hashlib
import re
import shutil
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from tithe import registry
from tithe.data.files import clear_errors, decoded
from tithe.data.reading import read_items
from tithe.data.spans import words_note
from tithe.errors import ConfigError, DataError, LabelError, StoreError
from tithe.service import founding
from tithe.service.guidelines import check as checked_guidelines
from tithe.service.house import id_of
from tithe.service.live import MOST_LABELS
from tithe.store import Project, Store, open_store
from tithe.store.folder import ProjectFolder
from tithe.tasks import Task
from tithe.types import Items, names_in

Tell = Callable[[str, int, int], None]
"""Told how far a kind of work is: what, done, of how many."""

Note = Callable[[str], None]
"""Told what a person should know, a line each."""


@dataclass(frozen=True)
class Source:
    """The file of a project and how to read it. `labels` are those that were asked for, or None for the file's own."""

    file: Path
    task: str | None = None
    labels: tuple[str, ...] | None = None
    text: str | None = None
    id: str | None = None
    label: str | None = None
    ignore_labels: bool = False
    format: str | None = None

    def items(self, task: str) -> Items:
        """What the file holds. Raises DataError where it cannot be read."""
        return read_items(self.file, task=task, text=self.text, label=self.label, id=self.id, format=self.format)

    def said(self) -> dict[str, Any]:
        """What the project remembers of it, to know it again."""
        return {**asdict(self), "file": str(self.file.resolve()), "digest": _digest(self.file)}


def make(path: Path, source: Source, *, guidelines: str = "", note: Note, tell: Tell) -> None:
    """Makes the project of a file in a new folder, in whole or not at all.

    It is made in a folder beside and takes its name at the end, so that a kill or a full disk leaves no half of one.
    The labels of rows that have one count as answers of the annotator "file", unless all rows have one or
    `source.ignore_labels`.

    Raises:
        DataError: the file cannot be read, or the folder is there and holds something else.
        LabelError: there are no labels, or the file has others.
        ConfigError: the task does not fit.
        StoreError: the disk is full, or cannot be written to.
    """
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise DataError(f"{path} is there and is no project; name a new folder with --project")
    name = source.task or "choice"
    items = source.items(name)
    task = task_for(name, source, items)
    for line in items.notes:
        note(f"{source.file}: {line}")
    items = _answered(items, source, note)
    said = source.said()
    part = path.with_name(f".{path.name}.making")
    with ProjectFolder.making(part) as folder:
        try:
            for left in part.glob("tithe.sqlite*"):
                left.unlink()  # of a making that was killed
            with closing(open_store(folder.url)) as store:
                settings = {"guidelines": guidelines}
                told = _told(tell, items)
                project = founding.found(
                    store, id_of(path.resolve().name), task, items, name=path.name, settings=settings, told=told
                )
                project.configure({"source": said})
            part.replace(path)
        except BaseException:
            shutil.rmtree(part, ignore_errors=True)
            raise


def task_for(name: str, source: Source, items: Items) -> Task:
    """The task of a file with the labels asked for, or else with those that its rows have.

    Raises LabelError where there are none, too many, or the file has others than those asked for.
    """
    counts = Counter(one for label in items.gold or () if label is not None for one in names_in(label))
    if source.labels is None and not counts:
        if words := words_note(items.notes):
            raise LabelError(f"in {source.file} {words}; or say which labels there are: --labels a,b,c")
        raise LabelError(
            f"{source.file} has no labels of its own; say which there are: --labels a,b,c or --labels-from FILE"
        )
    labels = tuple(sorted(counts)) if source.labels is None else source.labels
    if len(labels) > MOST_LABELS:
        raise LabelError(f"a project has {MOST_LABELS:,} labels at most; given {len(labels):,}")
    task: Task = registry.build("tasks", name, labels=labels)
    strange = sorted(counts.keys() - set(labels))
    if strange and not source.ignore_labels:
        more = f" and {len(strange) - 1} more" if len(strange) > 1 else ""
        raise LabelError(
            f"{source.file} has the label {strange[0]!r} ({counts[strange[0]]} rows){more}, which --labels does not; "
            "add it, or leave the file's labels out with --ignore-labels"
        )
    return task


def _answered(items: Items, source: Source, note: Note) -> Items:
    """The items with the labels that count as answers."""
    count = sum(label is not None for label in items.gold or ())
    if count == 0 or source.ignore_labels:
        return replace(items, gold=None)
    if count == len(items):
        note(f"{source.file}: every row has a label already; all are asked anew, without them")
        return replace(items, gold=None)
    note(
        f"{source.file}: {count} of {len(items)} rows have a label already and count as answered, by 'file'; "
        "--ignore-labels asks them too"
    )
    return items


def check(
    project: Project, source: Source | None, *, guidelines: str = "", add: bool = False, note: Note, tell: Tell
) -> None:
    """Says whether a file still fits the project that was made of it; with `add`, adds what is new in it.

    `guidelines` replace those of the project, if there are any.

    Raises:
        ConfigError: another task was asked for; the file has changed.
        LabelError: other labels were asked for.
    """
    if guidelines:
        project.configure({"guidelines": checked_guidelines(guidelines)})
    if source is None:
        return
    snapshot, known = project.snapshot(), project.settings().get("source") or {}
    if source.task is not None and source.task != snapshot.task:
        raise ConfigError(
            f"the project is of the task {snapshot.task!r}, and --task says {source.task!r}; leave it out"
        )
    _check_labels(source.labels, known.get("labels"), snapshot.declared)
    text, id, label, format = (getattr(source, name) or known.get(name) for name in ("text", "id", "label", "format"))
    source = replace(source, text=text, id=id, label=label, format=format)
    said = source.said() | {"task": known.get("task"), "labels": known.get("labels")}
    if said == known and said["digest"]:
        return
    items = source.items(snapshot.task)
    changes = Changes.between(snapshot.items, items)
    if changes and not add:
        was = "has changed since the project was made"
        if known and known["file"] != said["file"]:
            was = f"is not the file that the project was made of ({known['file']})"
        raise ConfigError(
            f"{source.file} {was}: {changes}; --add adds what is new and leaves the rest as it was, "
            "and without FILE the project goes on as it is"
        )
    if changes.new:
        _add(project, source, _answered(_only(items, changes.new), source, note), note=note, tell=tell)
    project.configure({"source": said})


def grow(project: Project, source: Source, *, note: Note, tell: Tell) -> int:
    """Adds what is new in another file; how many items. Labels that its rows have count as answers.

    Raises:
        DataError: the file cannot be read.
        LabelError: it has labels that the project has not.
    """
    snapshot = project.snapshot()
    items = source.items(snapshot.task)
    changes = Changes.between(snapshot.items, items)
    if changes.changed:
        note(f"{source.file}: {changes.changed} items of the project have another text here; they stay as they were")
    if len(changes.new) < len(items):
        note(f"{source.file}: {len(items) - len(changes.new)} of {len(items)} items are in the project already")
    if changes.new:
        new = _only(items, changes.new)
        _add(project, source, replace(new, gold=None) if source.ignore_labels else new, note=note, tell=tell)
    return len(changes.new)


def _only(items: Items, ids: Sequence[str]) -> Items:
    wanted = set(ids)
    return items.take(np.array([row for row, one in enumerate(items.ids) if one in wanted]))


def _add(project: Project, source: Source, items: Items, *, note: Note, tell: Tell) -> None:
    snapshot = project.snapshot()
    task_for(snapshot.task, replace(source, labels=snapshot.declared), items)  # are its labels those of the project?
    founding.add(project, items, _told(tell, items))
    note(f"{source.file}: {len(items)} new items were added")


def _check_labels(asked: tuple[str, ...] | None, before: Sequence[str] | None, declared: tuple[str, ...]) -> None:
    """Raises LabelError where other labels are asked for than at the making, and than there are by now."""
    if asked is None or set(asked) == set(declared) or list(asked) == list(before or ()):
        return
    strange = [label for label in asked if label not in declared]
    wrong = f"{strange[0]!r} is none of them" if strange else "some of them are missing"
    shown = ", ".join(declared[:20]) + (", ..." if len(declared) > 20 else "")
    raise LabelError(
        f"the project has the labels {shown}, and of those given {wrong}; leave the labels out, "
        "and add or rename them on the page"
    )


def only_project(store: Store, folder: ProjectFolder) -> Project:
    """The project of a folder's database. Raises StoreError where there is none."""
    ids = store.projects()
    if not ids:
        raise StoreError(f"the database of {folder.path} holds no project; restore a backup (tithe restore)")
    return store.project(ids[0])


def _told(tell: Tell, items: Items) -> Callable[[int], None]:
    return lambda done: tell("importing", done, len(items))


def labels_asked(said: str | None, file: Path | None, task: str) -> tuple[str, ...] | None:
    """The labels that options name: split at commas, or those of a file; None where there are no options.

    Raises:
        ConfigError: there are both.
        LabelError: they name none.
        DataError: the file cannot be read.
    """
    if said is None and file is None:
        return None
    if said is not None and file is not None:
        raise ConfigError("give either --labels or --labels-from, not both")
    if file is None:
        found = registry.split_list(said or "")
    elif file.suffix in ("", ".txt"):
        found = [line for line in decoded(file, None, lambda lines: [one.strip() for one in lines])[0] if line]
    else:
        gold = read_items(file, task=task, require_label=True).gold or ()
        found = sorted({name for label in gold if label is not None for name in names_in(label)})
    if not found:
        raise LabelError(f"{file or '--labels'} names no labels; give them as --labels a,b,c")
    return tuple(found)


def guidelines_in(files: Sequence[Path]) -> str:
    """The Markdown of several files, one below the other. Raises DataError where one cannot be read."""
    return "\n\n".join(decoded(file, None, lambda text: text.read())[0].strip() for file in files)


def folder_name(file: str) -> str:
    """The folder of the project of a file, where none was named.

    >>> folder_name("data/reviews.jsonl.gz"), folder_name("hf:ag_news:train")
    ('reviews-labels', 'hf-ag_news-train-labels')
    """
    return re.sub(r"[^\w-]+", "-", Path(file).name.lstrip(".").partition(".")[0]) + "-labels"


def _digest(file: Path) -> str:
    """A hash of what a file holds; empty for what is no file, a data set of Hugging Face say."""
    if not file.is_file():
        return ""
    with clear_errors(file), file.open("rb") as content:
        return hashlib.file_digest(content, lambda: hashlib.blake2b(digest_size=16)).hexdigest()


@dataclass(frozen=True)
class Changes:
    """How a file differs from the items of a project, by ids."""

    new: tuple[str, ...]
    gone: int
    changed: int

    @classmethod
    def between(cls, old: Items, new: Items) -> Changes:
        """What is in `new` and not in `old`, and the other way round.

        >>> print(Changes.between(Items(["a", "b"], ["one", "two"]), Items(["b", "c"], ["2", "three"])))
        1 new item, 1 gone, 1 changed
        """
        texts = dict(zip(old.ids, old.texts, strict=True))
        fresh = tuple(one for one in new.ids if one not in texts)
        both = [(one, text) for one, text in zip(new.ids, new.texts, strict=True) if one in texts]
        return cls(fresh, len(texts) - len(both), sum(texts[one] != text for one, text in both))

    def __bool__(self) -> bool:
        return bool(self.new or self.gone or self.changed)

    def __str__(self) -> str:
        plural = "" if len(self.new) == 1 else "s"
        return f"{len(self.new)} new item{plural}, {self.gone} gone, {self.changed} changed"
