"""Self-training takes whole answers that are probable, not answers that are sure on average."""

import numpy as np
import pytest

from tithe import Items, MultiLabel, Pool
from tithe.loop.training import train
from tithe.models.tuning.pseudo import pseudo_labelled
from tithe.rng import stream


class Guess:
    """A model that says what it was given."""

    def __init__(self, task, output):
        self.task, self.output = task, output

    def view(self, name, items):
        return self.output

    def decide(self, output):
        return self.task.decode(output)


def test_a_set_that_is_sure_as_a_whole_is_taken():
    task = MultiLabel(tuple(f"l{number}" for number in range(40)))
    output = np.full((2, 40), 0.02)
    output[0, 0], output[1] = 0.5, 0.001
    items = Items(["unsure", "sure"], ["a", "b"])
    found = pseudo_labelled(Guess(task, output), items, 0, rng=stream(0))
    assert list(found.items.ids) == ["sure"]


@pytest.mark.parametrize(("unlabelled", "told"), [(0, 1), (5, 0)])
def test_where_nothing_is_without_a_label_self_training_says_that_it_adds_nothing(
    tiny, task, drawn, caplog, unlabelled, told
):
    items, labels = drawn(30)
    gold = [None if row < unlabelled else label for row, label in enumerate(labels)]
    pool = Pool(Items(items.ids, items.texts, gold))
    model = train(pool, task, trainer="finetune(steps=2, semi=true)", start=tiny)
    assert [one.getMessage() for one in caplog.records] == told * [
        "self-training learns from items without a label, and here all have one: it adds nothing"
    ]
    assert ("pseudo" in model.settings) == bool(unlabelled)
