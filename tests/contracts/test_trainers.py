"""The kit passes every registered trainer, and rejects each of these broken ones for the right reason."""

import re
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path

import numpy as np
import pytest

from tithe import registry
from tithe.errors import ConfigError
from tithe.models.linear import Linear
from tithe.tasks.choice import Choice
from tithe.tasks.multilabel import MultiLabel
from tithe.testing import ConformanceError, check_trainer
from tithe.testing.trainers import CHECKS

PAGE = (Path(__file__).parents[2] / "docs" / "first-trainer.md").read_text()
GOOD: dict[str, type] = {}
exec(re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)[0], GOOD)
Centroid, CentroidModel = GOOD["Centroid"], GOOD["CentroidModel"]


# The kit fits some sixty models, and points in clouds need no 300 steps to be told apart.
QUICK = {
    "finetune": "finetune(steps=16, batch=24, rate=0.002, head_rate=0.03, members=3)",
    "setfit": "setfit(steps=12, rate=0.005)",
}


# A proxy is two trainers: what strategies see is the one, what it makes is the other (tests/models/test_proxy.py).
@pytest.mark.parametrize("name", sorted({*registry.names("trainers")} - {"proxy", "generate"}))
def test_registered_trainer_conforms(name):
    assert check_trainer(QUICK.get(name, name)) == list(CHECKS)


@pytest.mark.parametrize(
    "task", [Choice(("a", "b")), Choice(tuple("abcdefghij")), MultiLabel(("a",)), MultiLabel(("a", "b"))]
)
def test_linear_conforms_with_few_labels_and_with_many(task):
    assert check_trainer(Linear(members=3), task=task) == list(CHECKS)


def test_the_kit_takes_names_with_settings_objects_and_factories():
    for given in ("linear(members=2)", Centroid(0.5), Centroid, lambda: Centroid()):
        assert check_trainer(given, task="choice", seed=3) == list(CHECKS)


def test_a_trainer_that_refuses_multilabel_is_tried_with_choice_alone():
    fitted = []

    class ChoiceOnly(Centroid):
        def fit(self, task, examples, **more):
            fitted.append(task.name)
            if task.name != "choice":
                raise ConfigError("one label an item, please")
            return super().fit(task, examples, **more)

    assert check_trainer(ChoiceOnly()) == list(CHECKS)
    assert fitted.count("multilabel") == 1
    with pytest.raises(ConformanceError, match="one label an item, please"):
        check_trainer(ChoiceOnly(), task="multilabel")


def test_a_trainer_that_breaks_on_label_sets_is_told_to_refuse_them():
    class Breaks(Centroid):
        def fit(self, task, examples, **more):
            if task.name != "choice":
                raise ValueError("too many numbers")
            return super().fit(task, examples, **more)

    with pytest.raises(ConformanceError, match=r"choice passed.*raise ConfigError where task.name is another") as error:
        check_trainer(Breaks())
    assert isinstance(error.value.__cause__, ValueError)


def changed(model, **methods):
    """The model with other methods."""
    kind = type("Changed", (type(model),), methods)
    return kind(**{name: getattr(model, name) for name in model.__dataclass_fields__})


class Spoils(Centroid):
    """Changes what the model says by `spoil`."""

    def fit(self, task, examples, **more):
        def view(model, name, items):
            return self.spoil(CentroidModel.view(model, name, items), items)

        return changed(super().fit(task, examples, **more), view=view)


class Unnormalised(Spoils):
    def spoil(self, proba, items):
        return proba * np.float32(0.9)


class NotFinite(Spoils):
    def spoil(self, proba, items):
        proba[0] = np.nan
        return proba


class SeenColumnsOnly(Spoils):
    def spoil(self, proba, items):
        return proba[:, proba.max(axis=0) > 0.01]


class Doubles(Spoils):
    def spoil(self, proba, items):
        return proba.astype(np.float64)


class Wrong(Spoils):
    def spoil(self, proba, items):
        return np.roll(proba, 1, axis=1)


class Fades(Spoils):
    looks = count()

    def spoil(self, proba, items):
        share = np.float32(next(self.looks) * 1e-4)
        return (1 - share) * proba + share / 3


class Refits(Centroid):
    """Goes on from the earlier model, in place."""

    def fit(self, task, examples, *, warm=None, **more):
        model = super().fit(task, examples, **more)
        if warm is not None:
            warm.means[:] = 0.5 * warm.means + 0.5 * model.means
        return model


class WarmIsOther(Centroid):
    def fit(self, task, examples, *, warm=None, **more):
        model = super().fit(task, examples, **more)
        return model if warm is None else replace(model, means=0.5 * warm.means + 0.5 * model.means)


class OwnStream(Centroid):
    numbers = count()

    def fit(self, task, examples, **more):
        noise = np.random.default_rng(next(self.numbers)).normal(0, 0.01, 8).astype(np.float32)
        model = super().fit(task, examples, **more)
        return replace(model, means=model.means + noise)


@dataclass
class Learns:
    softness: float = 1.0
    fits: list = field(default_factory=list)
    needs_any = Centroid.needs_any
    provides = Centroid.provides
    restore = Centroid.restore

    def fit(self, task, examples, **more):
        self.fits.append(len(examples))
        return Centroid(self.softness).fit(task, examples, **more)


class SortsLabels(Centroid):
    def fit(self, task, examples, **more):
        model = super().fit(task, examples, **more)
        examples.labels.sort()
        return model


class OneClassWillDo(Centroid):
    def fit(self, task, examples, **more):
        if len(set(examples.labels)) == 1:
            return "all the same"
        return super().fit(task, examples, **more)


class DropsStrangers(Centroid):
    def fit(self, task, examples, **more):
        known = [label if label in task.labels else task.labels[0] for label in examples.labels]
        return super().fit(task, replace(examples, labels=known), **more)


class Weightless(Centroid):
    def fit(self, task, examples, **more):
        return super().fit(task, replace(examples, weights=None), **more)


class ReadsGold(Centroid):
    def fit(self, task, examples, **more):
        return super().fit(task, replace(examples, labels=examples.items.gold or examples.labels), **more)


class ReadsUnlabelledGold(Centroid):
    def fit(self, task, examples, *, unlabelled=None, **more):
        model = super().fit(task, examples, **more)
        return replace(model, softness=2.0) if unlabelled is not None and unlabelled.gold else model


class Boasts(Centroid):
    provides = frozenset({"proba", "committee"})


class AnyView(Spoils):
    def fit(self, task, examples, **more):
        model = super().fit(task, examples, **more)
        return changed(model, view=lambda model, name, items: CentroidModel.view(model, "proba", items))


class NeedsBoth(Centroid):
    needs_any = frozenset({"embeddings", "lexical"})


class OneFingerprint(Centroid):
    def fit(self, task, examples, **more):
        return changed(super().fit(task, examples, **more), fingerprint="centroid v1")


class DecidesColumns(Centroid):
    def fit(self, task, examples, **more):
        model = super().fit(task, examples, **more)
        return changed(model, decide=lambda model, output: output.argmax(axis=1).tolist())


class DecidesTheFirst(Centroid):
    def fit(self, task, examples, **more):
        model = super().fit(task, examples, **more)
        return changed(model, decide=lambda model, output: [model.task.labels[0]] * len(output))


class SavesHalf(Centroid):
    @staticmethod
    def restore(task, start, arrays, facts):
        return CentroidModel(task, start, arrays["means"] + 0.1, arrays["seen"], facts["softness"])


class SavesNothing(Centroid):
    def fit(self, task, examples, **more):
        return changed(super().fit(task, examples, **more), save=lambda model, into: into.mkdir())


class Overwrites(Centroid):
    def fit(self, task, examples, **more):
        def save(model, into):
            if not into.exists():
                CentroidModel.save(model, into)

        return changed(super().fit(task, examples, **more), save=save)


@pytest.mark.parametrize(
    ("broken", "check"),
    [
        (Unnormalised, "gives probabilities”: expected rows of 'proba' that add up to 1"),
        (NotFinite, "gives probabilities”: expected finite numbers in 'proba'"),
        (SeenColumnsOnly, r"a column for each declared label; given \(1, 1\)"),
        (Doubles, "expected float32 for 'proba'; given float64"),
        (Wrong, "learns more than the majority"),
        (Fades, "does the same again for the same stream|never changes a model"),
        (Refits, "never changes a model”: expected the same after another fit"),
        (WarmIsOther, "gives the same warm and cold"),
        (OwnStream, "does the same again for the same stream"),
        (Learns, "leaves its settings alone"),
        (SortsLabels, "leaves its inputs alone"),
        (OneClassWillDo, "expected a LabelError where all labels are the same; given all the same"),
        (DropsStrangers, "expected a LabelError for a label that the task does not have"),
        (Weightless, "believes examples by their weight"),
        (ReadsGold, "never reads the gold labels"),
        (ReadsUnlabelledGold, "never reads the gold labels"),
        (Boasts, r"expected models with the views \['committee', 'proba'\]"),
        (AnyView, "expected a NeedsError for the view 'moonlight'"),
        (NeedsBoth, "works with each of its views alone|given NeedsError"),
        (OneFingerprint, "another fingerprint for a model of other examples"),
        (DecidesColumns, "expected labels of the task; given"),
        (DecidesTheFirst, "expected decisions that score more than"),
        (SavesHalf, "comes back as it was saved”: expected the same when saved and loaded"),
        (SavesNothing, r"expected model.json and model.safetensors; given \[\]"),
        (Overwrites, "expected a ConfigError where the folder exists already"),
    ],
)
def test_the_kit_rejects_a_broken_trainer(broken, check):
    with pytest.raises(ConformanceError, match=check):
        check_trainer(broken(), task="choice")


def test_a_model_saved_under_another_name_is_rejected(monkeypatch):
    monkeypatch.setattr(
        registry, "build", lambda kind, spec, **given: Centroid() if kind == "trainers" else Choice(**given)
    )
    with pytest.raises(ConformanceError, match="expected the trainer 'nearest', its registered name"):
        check_trainer("nearest", task="choice")
