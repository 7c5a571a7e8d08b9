"""Labels as the API and the pages write them: a word, a list of words, or a list of spans."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tithe.errors import LabelError
from tithe.naming import called
from tithe.tasks import Task
from tithe.types import Label, Span

Json = Any
"""A value that `json` can write."""


def label_out(label: Label | None) -> Json:
    """A label as JSON.

    >>> label_out((Span(0, 3, "PER"),)), label_out(frozenset({"b", "a"})), label_out("a")
    ([{'start': 0, 'end': 3, 'label': 'PER'}], ['a', 'b'], 'a')
    """
    if label is None or isinstance(label, str):
        return label
    return sorted(label) if isinstance(label, frozenset) else [span._asdict() for span in label]


def label_in(task: Task, said: Json, renames: Mapping[str, str] | None = None) -> Label:
    """The label of this task that was written as JSON; names given up since (`Snapshot.renames`) mean those of now.

    Raises LabelError where it has another form, or names a label that the task does not have.

    >>> from tithe.tasks.multilabel import MultiLabel
    >>> sorted(label_in(MultiLabel(("a", "b")), ["b", "a"]))
    ['a', 'b']
    """
    label = form_in(task, said)
    return task.check(called(label, renames or {}) or label)


def renamed(said: Json, renames: Mapping[str, str]) -> Json:
    """A label as JSON, as it is called now: a model knows the names of when it was fitted.

    >>> renamed("a", {"a": "b"}), renamed(["a", "b"], {"a": "b"}), renamed([{"label": "a", "start": 0}], {"a": "b"})
    ('b', ['b'], [{'label': 'b', 'start': 0}])
    """
    if isinstance(said, str):
        return renames.get(said, said)
    if not renames or not isinstance(said, list):
        return said
    if all(isinstance(one, str) for one in said):
        return sorted({renames.get(one, one) for one in said})
    return [{**one, "label": renames.get(one["label"], one["label"])} for one in said]


def form_in(task: Task, said: Json) -> Label:
    """What was written as JSON in the form of this task's labels; whether there are such labels is not looked at.

    Raises LabelError where it has another form.

    >>> from tithe.tasks.choice import Choice
    >>> form_in(Choice(("a", "b")), "once a label")
    'once a label'
    """
    if isinstance(said, str) and task.name not in ("multilabel", "spans"):
        return said
    if isinstance(said, list) and task.name == "spans":
        return tuple(_span(one) for one in said)
    if isinstance(said, list) and task.name != "choice" and all(isinstance(one, str) for one in said):
        return frozenset(said)
    raise LabelError(f"a label of a {task.name} task is {_FORMS.get(task.name, 'a word')}; given {said!r:.80}")


_FORMS = {
    "choice": 'a word, such as "a"',
    "multilabel": 'a list of words, such as ["a", "b"]',
    "spans": 'a list such as [{"start": 0, "end": 5, "label": "a"}]',
}


def _span(said: Json) -> Span:
    whole = isinstance(said, dict) and set(said) >= {"start", "end", "label"}
    if not whole or not all(type(said[name]) is int for name in ("start", "end")) or not isinstance(said["label"], str):
        raise LabelError(f'a span is {{"start": 0, "end": 5, "label": "a"}}, in code points; given {said!r:.80}')
    return Span(said["start"], said["end"], said["label"])
