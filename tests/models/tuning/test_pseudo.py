"""Self-training takes whole answers that are probable, not answers that are sure on average."""

import numpy as np
import pytest

from tithe import Items, MultiLabel, Spans
from tithe.models.tuning.pseudo import confidence, pseudo_labelled
from tithe.ragged import Ragged
from tithe.rng import stream
from tithe.tasks.choice import Choice


class Guess:
    """A model that says what it was given."""

    def __init__(self, task, output):
        self.task, self.output = task, output

    def view(self, name, items):
        return self.output

    def decide(self, output):
        return self.task.decode(output)


def test_a_set_is_as_sure_as_all_its_labels_together():
    task = MultiLabel(tuple(f"l{number}" for number in range(40)))
    output = np.full((2, 40), 0.02)
    output[0, 0], output[1] = 0.5, 0.001
    assert confidence(task, output) == pytest.approx([0.5 * 0.98**39, 0.999**40])
    items = Items(["unsure", "sure"], ["a", "b"])
    found = pseudo_labelled(Guess(task, output), items, 0, rng=stream(0))
    assert list(found.items.ids) == ["sure"]


def test_a_text_is_as_sure_as_its_best_path():
    task = Spans(("x",))
    rows = [[[0.9, 0.05, 0.05]] * 3, [[0.1, 0.8, 0.1], [0.2, 0.3, 0.5]], np.empty((0, 3))]
    assert confidence(task, Ragged.of([np.array(row) for row in rows])) == pytest.approx([0.9**3, 0.4, 1])


def test_a_choice_is_as_sure_as_its_label():
    assert confidence(Choice(("a", "b")), np.array([[0.3, 0.7]])) == pytest.approx([0.7])
