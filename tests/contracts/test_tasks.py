"""The kit passes every registered task, and rejects each of these broken ones for the right reason."""

import numpy as np
import pytest

from tithe import registry
from tithe.errors import LabelError
from tithe.tasks.choice import Choice
from tithe.tasks.multilabel import MultiLabel
from tithe.testing import ConformanceError, check_task
from tithe.testing.tasks import CHECKS

LABELS = ("x", "y", "z")


@pytest.mark.parametrize("name", registry.names("tasks"))
def test_registered_task_conforms(name):
    assert check_task(name) == list(CHECKS)


@pytest.mark.parametrize("task", [Choice(("a", "b")), MultiLabel(("a",)), MultiLabel(("cs.AI", "cs.LG", "math.AG"))])
def test_the_kit_takes_tasks_with_few_labels_and_with_levels(task):
    assert check_task(task) == list(CHECKS)


class ChecksNothing(Choice):
    def check(self, label):
        return label


class ChecksNoSets(MultiLabel):
    def check(self, label):
        return frozenset(label) & frozenset(self.labels)


class NamesNothing(Choice):
    def check(self, label):
        if label not in self.labels:
            raise LabelError("no")
        return label


class Capitals(Choice):
    def check(self, label):
        return super().check(label).upper()


class Backwards(Choice):
    def decode(self, output):
        return super().decode(output[:, ::-1])


class OffByOne(Choice):
    def encode(self, labels):
        return (super().encode(labels) + 1) % len(self.labels)


class OneLabelAlone(MultiLabel):
    def decode(self, output):
        return [frozenset({self.labels[column]}) for column in output.argmax(axis=1)]


class Confident(Choice):
    def uncertainty(self, output, measure):
        return -super().uncertainty(output, measure)


class MarginOnly(MultiLabel):
    def uncertainty(self, output, measure):
        found = super().uncertainty(output, measure)
        return found if measure == "margin" else np.zeros_like(found)


class LogOfZero(Choice):
    def uncertainty(self, output, measure):
        with np.errstate(all="ignore"):
            if measure == "entropy":
                return -(output * np.log(output)).sum(axis=1)
        return super().uncertainty(output, measure)


class Columns(Choice):
    def uncertainty(self, output, measure):
        return super().uncertainty(output, measure)[:, None]


class Scribbles(Choice):
    def uncertainty(self, output, measure):
        output /= output.sum()
        return super().uncertainty(output, measure)


class AnyMeasure(Choice):
    def uncertainty(self, output, measure):
        known = ("margin", "entropy")
        return super().uncertainty(output, measure if measure in known else "least_confidence")


class MeanOfLabels(MultiLabel):
    def confidence(self, output, labels):
        return np.abs(output - 0.5).mean(axis=1) + 0.5


class Boastful(Choice):
    def confidence(self, output, labels):
        return np.ones(len(output))


class Percent(Choice):
    def score(self, truth, output, guess=None):
        return {name: 100 * value for name, value in super().score(truth, output, guess).items()}


class DeafToGuesses(MultiLabel):
    def score(self, truth, output, guess=None):
        return super().score(truth, output)


class Generous(Choice):
    def score(self, truth, output, guess=None):
        rows = [row for row, label in enumerate(truth) if label in self.labels]
        guess = None if guess is None else [guess[row] for row in rows]
        return super().score([truth[row] for row in rows], output[rows], guess)


class OneWay(Choice):
    def distance(self, a, b):
        return float(a < b)


class Far(MultiLabel):
    def distance(self, a, b):
        return float(len(a ^ b))


class Blurred(MultiLabel):
    def distance(self, a, b):
        return float(bool(a) != bool(b))


class Free(Choice):
    def cost(self, item):
        return len(item.text) - 1.0


@pytest.mark.parametrize(
    ("broken", "check"),
    [
        (ChecksNothing, "refuses an undeclared label”: expected a LabelError"),
        (ChecksNoSets, "refuses an undeclared label”: expected a LabelError"),
        (NamesNothing, "an error that names the label; given no"),
        (Capitals, "takes its own labels as they are”: expected 'x'.*given 'X'"),
        (Backwards, "decodes each column to its label”: expected 'x' for its own column; given 'z'"),
        (OffByOne, "gives back what it encodes"),
        (OneLabelAlone, "a label of its own for each sure output"),
        (Confident, "the flattest output to be the least sure"),
        (MarginOnly, "the flattest output to be the least sure by least_confidence"),
        (LogOfZero, "finite numbers for entropy"),
        (Columns, r"expected \(5,\) for least_confidence; given \(5, 1\)"),
        (Scribbles, "given ValueError: .*read-only"),
        (AnyMeasure, "refuses an unknown measure"),
        (MeanOfLabels, "no confidence in what the output rules out"),
        (Boastful, "less confidence the flatter the output"),
        (Percent, "scores a perfect output 1”: expected 1 as the accuracy"),
        (DeafToGuesses, "scores the guess that is given"),
        (Generous, "counts an undeclared truth as wrong"),
        (OneWay, "the same distance both ways"),
        (Far, r"a distance in \[0, 1\]"),
        (Blurred, "0 for equal labels alone"),
        (Free, "a positive cost; given 0.0"),
    ],
)
def test_the_kit_rejects_a_broken_task(broken, check):
    with pytest.raises(ConformanceError, match=check):
        check_task(broken(LABELS))
