"""The conformance kit for tasks: what a label means, how sure an output is, how a guess is scored."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, get_args

import numpy as np

from tithe import registry
from tithe.errors import LabelError
from tithe.tasks import Measure, Task
from tithe.testing.conformance import expect, run_checks
from tithe.testing.outputs import (
    PLACES,
    STRANGE,
    Output,
    columns_alone,
    ever_surer,
    exclusive,
    flattest,
    has_tags,
    strange_label,
    sure_outputs,
)
from tithe.types import Item, Label, Span, names_in

LABELS = ("apple", "pear", "plum")
"""What a task that is given by name is declared with."""


def check_task(task: str | Task) -> list[str]:
    """The names of the checks that the task passed.

    The kit makes outputs (n, C), a column for each declared label: rows adding up to 1 where `encode` gives columns
    (n,), and columns by themselves where it gives zeros and ones (n, C). For a task with `tags` it makes ragged rows of
    two tokens, with a column for each of `tags`.

    Args:
        task: a registered name, tried with three labels, or a task.

    Raises:
        ConformanceError: at the first check that fails; says what was expected and given.

    >>> "refuses an undeclared label" in check_task("choice")
    True
    """
    part: Task = registry.build("tasks", task, labels=LABELS) if isinstance(task, str) else task
    return run_checks(part, CHECKS, part)


def main_metric(task: Task, truth: list[Label], output: Output, guess: list[Label] | None = None) -> float:
    """The first of the task's metrics."""
    scores = task.score(truth, output, guess)
    expect(bool(scores), "at least one metric", scores)
    return next(iter(scores.values()))


def _is_declared(task: Task) -> None:
    expect(isinstance(task.name, str) and bool(task.name), "a name", repr(task.name))
    labels: object = task.labels
    expect(isinstance(labels, tuple) and len(task.labels) > 0, "a tuple of labels", repr(labels))
    expect(len(set(task.labels)) == len(task.labels), "no label twice", labels)


def _own_form(task: Task) -> None:
    for label in task.decode(sure_outputs(task)):
        given = task.check(label)
        expect(given == label and type(given) is type(label), f"{label!r}, as it was decoded", repr(given))


def _round_trip(task: Task) -> None:
    sure = sure_outputs(task)
    labels = task.decode(sure)
    expect(len(labels) == len(sure), f"{len(sure)} labels for {len(sure)} rows", len(labels))
    expect(len(set(labels)) == len(sure), "a label of its own for each sure output", labels)
    codes = task.encode([task.check(label) for label in labels])
    if has_tags(task):
        named = [[name in names_in(label) for name in task.labels] for label in labels]
        expect(np.array_equal(codes, named), f"the encoding to say which labels occur\n{named}", f"\n{codes}")
        back = np.eye(len(task.tags))[task.tag(labels, sure).values]  # type: ignore[attr-defined]  # has_tags
        expect(np.array_equal(back, sure.values), f"the tags of decoded labels to be\n{sure.values}", f"\n{back}")
        return
    back = np.eye(len(task.labels))[codes] if exclusive(task) else np.asarray(codes, float)
    expect(np.array_equal(back, sure), f"the encoding of decoded labels to give back\n{sure}", f"\n{back}")


def _columns(task: Task) -> None:
    """Column c belongs to label c: models and reports count on it."""
    for label, found in zip(task.labels, task.decode(columns_alone(task)), strict=True):
        alone: Label = label if isinstance(found, str) else frozenset({label})
        if has_tags(task):
            alone = (Span(*PLACES[0], label),)
        expect(found == alone, f"{alone!r} for its own column", repr(found))


def _undeclared(task: Task) -> None:
    try:
        given = task.check(strange_label(task))
    except LabelError as error:
        expect(STRANGE in str(error), "an error that names the label", error)
        return
    expect(False, "a LabelError for an undeclared label", repr(given))


def _uncertainty(task: Task) -> None:
    """The flattest output is the least sure, an output without a doubt the surest, and others lie between."""
    for dtype in (np.float32, np.float64):
        outputs = ever_surer(task, dtype)
        for measure in get_args(Measure):
            given = task.uncertainty(outputs, measure)
            expect(given.shape == (len(outputs),), f"{(len(outputs),)} for {measure}", given.shape)
            expect(bool(np.isfinite(given).all()), f"finite numbers for {measure}", given)
            if len(task.labels) > 1 or not exclusive(task):
                expect(given[0] > given[1] + 1e-6, f"the flattest output to be the least sure by {measure}", given)
                expect(given[1] > given[2:].max() + 1e-6, f"sure outputs to be the surest by {measure}", given)


def _confidence(task: Task) -> None:
    """An answer is as sure as it is probable: 1 without a doubt, 0 for another answer, less the flatter the output."""
    for dtype in (np.float32, np.float64):
        outputs = ever_surer(task, dtype)
        labels = task.decode(outputs)
        given = task.confidence(outputs, labels)
        expect(given.shape == (len(outputs),), f"{(len(outputs),)} confidences", given.shape)
        expect(bool(((given >= 0) & (given <= 1 + 1e-6)).all()), "confidences in [0, 1]", given)
        expect(bool((given[2:] > 1 - 1e-6).all()), "a confidence of 1 without a doubt", given)
        if len(task.labels) > 1 or not exclusive(task):
            expect(given[0] < given[1] - 1e-6 < 1 - 2e-6, "less confidence the flatter the output", given)
            sure, others = outputs[np.arange(2, len(outputs))], [*labels[3:], labels[2]]
            wrong = task.confidence(sure, others)
            expect(bool((wrong < 1e-6).all()), "no confidence in what the output rules out", wrong)
        strange = task.confidence(outputs[np.array([0])], [strange_label(task)])
        expect(float(strange[0]) < 1e-6, "no confidence in an undeclared label", strange)


def _unknown_measure(task: Task) -> None:
    unknown: Any = "moonlight"
    try:
        given = task.uncertainty(flattest(task), unknown)
    except ValueError:
        return
    expect(False, "a LabelError or ConfigError for an unknown measure", given)


def _score(task: Task) -> None:
    sure = sure_outputs(task)
    sure = sure[np.repeat(np.arange(len(sure)), 3)]
    truth = task.decode(sure)
    scores = task.score(truth, sure)
    wrong_kind = {name: value for name, value in scores.items() if not isinstance(value, float)}
    expect(not wrong_kind, "metrics that are floats", wrong_kind)
    best = main_metric(task, truth, sure)
    expect(abs(best - 1) < 1e-9, f"1 as the {next(iter(scores))} of a perfect output", best)
    less = main_metric(task, truth, sure[np.roll(np.arange(len(sure)), 3)])
    expect(less < best, "less than 1 where outputs are wrong", less)


def _score_of_a_guess(task: Task) -> None:
    sure = sure_outputs(task)
    truth = task.decode(sure)
    wrong = main_metric(task, truth, sure, truth[1:] + truth[:1])
    expect(wrong < 1, "less than 1 for a wrong `guess`, whatever the output", wrong)
    right = main_metric(task, truth, sure[np.roll(np.arange(len(sure)), 1)], truth)
    expect(abs(right - 1) < 1e-9, "1 for a right `guess`, whatever the output", right)


def _undeclared_truth(task: Task) -> None:
    sure = sure_outputs(task)
    truth = [strange_label(task), *task.decode(sure)[1:]]
    given = main_metric(task, truth, sure)
    expect(given < 1, "a true label that was never declared to count as wrong", given)


def _distance(task: Task) -> None:
    labels = task.decode(sure_outputs(task))
    for a in labels:
        for b in labels:
            there, back = task.distance(a, b), task.distance(b, a)
            expect(there == back, f"the same distance both ways between {a!r} and {b!r}", (there, back))
            expect(0 <= there <= 1, f"a distance in [0, 1] between {a!r} and {b!r}", there)
            expect((there == 0) == (a == b), f"0 for equal labels alone; {a!r} and {b!r}", there)


def _cost(task: Task) -> None:
    for text in ("a", "two words", "many words " * 50):
        given = task.cost(Item("1", text))
        expect(bool(np.isfinite(given)) and given > 0, "a positive cost", given)


CHECKS: Mapping[str, Callable[[Task], None]] = {
    "has a name and labels": _is_declared,
    "decodes each column to its label": _columns,
    "takes its own labels as they are": _own_form,
    "gives back what it encodes": _round_trip,
    "refuses an undeclared label": _undeclared,
    "is least sure of the flattest output": _uncertainty,
    "is as sure of an answer as it is probable": _confidence,
    "refuses an unknown measure": _unknown_measure,
    "scores a perfect output 1": _score,
    "scores the guess that is given": _score_of_a_guess,
    "counts an undeclared truth as wrong": _undeclared_truth,
    "has a distance between labels": _distance,
    "has a cost for each item": _cost,
}
"""What a task must do."""
