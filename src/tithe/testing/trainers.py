"""The conformance kit for trainers and the models that they make."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from tithe import registry
from tithe.errors import ConfigError, LabelError, NeedsError
from tithe.models import Model, Start, Trainer, for_task
from tithe.ragged import Ragged
from tithe.rng import stream
from tithe.tasks import Task, tasks_of
from tithe.testing.clouds import Clouds, CloudStart, start_of
from tithe.testing.conformance import ConformanceError, check_shape, expect, run_checks
from tithe.testing.outputs import PLACES, Output, exclusive, has_tags, strange_label, sure_outputs, values_of
from tithe.testing.tasks import LABELS, main_metric
from tithe.tokens import places
from tithe.types import Examples, Floats, Items, Label, View, names_in

_TASKS = ("choice", "multilabel", "spans")
_WARM = 0.005
"""How far probabilities of a warm fit may lie from those of a cold one."""


def check_trainer(
    trainer: str | Trainer | Callable[[], Trainer], *, task: str | Task | None = None, seed: int = 0
) -> list[str]:
    """The names of the checks that the trainer passed.

    It is fitted on clouds of points that are easy to tell apart, as the views that it names in `needs_any`; for
    `pieces` on texts that name their cloud, with a tiny encoder of random weights (`tithe.testing.tiny`).

    Args:
        trainer: a registered name (with settings, if need be), a trainer, or what makes one.
        task: the task to fit; by default `choice` and, where the trainer does not refuse them with a ConfigError,
            `multilabel` and `spans`; of them those in its attribute `tasks`, if it has one. For spans each item has two
            tokens, and views are ragged rows of them.
        seed: of the clouds and the streams.

    Raises:
        ConformanceError: at the first check that fails; says what was expected and given.

    >>> "learns more than the majority" in check_trainer("linear", task="choice")
    True
    """
    name = registry.name_of(trainer) if isinstance(trainer, str) else ""
    part: Any = registry.build("trainers", trainer) if isinstance(trainer, str) else trainer
    if isinstance(part, type) or (callable(part) and not hasattr(part, "fit")):
        part = part()
    check_shape(part, Trainer)
    said = tasks_of(part)
    fitting = _TASKS if said is None else tuple(one for one in _TASKS if one in said)
    if not fitting:
        raise ConformanceError(f"{part!r} is for tasks that the kit cannot make; there are: {', '.join(_TASKS)}")
    tasks: Iterable[str | Task] = fitting if task is None else (task,)
    passed: list[str] = []
    for each in tasks:
        meant: Task = registry.build("tasks", each, labels=LABELS) if isinstance(each, str) else each
        try:
            fit_for = for_task(part, meant, f"{part!r}")
        except ConfigError as error:
            if passed:
                continue
            raise ConformanceError(f"{error}") from None
        probe = _Probe(fit_for, meant, seed, name)
        if passed and not probe.accepts():
            continue
        try:
            passed = run_checks(part, CHECKS, probe)
        except ConformanceError as error:
            if not passed:
                raise
            raise ConformanceError(
                f"{error} (the task is {meant.name}; {', '.join(_TASKS[: _TASKS.index(meant.name)])} passed. If the "
                f"trainer is not for {meant.name}, let fit refuse it: raise ConfigError where task.name is another)"
            ) from error.__cause__
    return passed


@dataclass(frozen=True)
class _Probe:
    """A trainer on trial with a task."""

    trainer: Trainer
    task: Task
    seed: int
    name: str = ""

    @cached_property
    def clouds(self) -> Clouds:
        """A cloud for each of the first labels; where labels go together, for none and two as well."""
        places = PLACES if has_tags(self.task) else None
        return Clouds(self.seed, tuple(self.task.decode(sure_outputs(self.task))[:6]), places)

    @cached_property
    def start(self) -> Start:
        return start_of(self.seed, frozenset(self.trainer.needs_any))

    @cached_property
    def held(self) -> tuple[Items, list[Label]]:
        """Items that no fit sees, and their labels."""
        return self.clouds.draw("held", 8)

    def examples(self, per_cloud: int = 12) -> Examples:
        return Examples(*self.clouds.draw("train", per_cloud))

    def fit(self, examples: Examples, *, path: str = "fit", start: Start | None = None, **more: Any) -> Model:
        rng = stream(self.seed, "testing", path)
        return self.trainer.fit(self.task, examples, start=start or self.start, rng=rng, **more)

    @cached_property
    def model(self) -> Model:
        """One that the checks share."""
        return self.fit(self.examples())

    def majority(self) -> float:
        """The score of the best single guess for all held items."""
        items, truth = self.held
        sure = sure_outputs(self.task)
        same = (sure[np.full(len(items), row)] for row in range(len(sure)))
        return max(main_metric(self.task, truth, output) for output in same)

    def accepts(self) -> bool:
        try:
            self.fit(self.examples())
        except ConfigError:
            return False
        except Exception:  # noqa: BLE001  # the checks will say what it was
            return True
        return True

    def sound(self, model: Model, items: Items) -> Output:
        """Probabilities that keep the promises that hold for every model."""
        proba: Any = model.view("proba", items)
        if has_tags(self.task):
            return self._tagged(proba, items)
        expect(isinstance(proba, np.ndarray), "an array of probabilities", type(proba).__name__)
        shape = (len(items), len(self.task.labels))
        expect(proba.shape == shape, f"{shape}, a column for each declared label", proba.shape)
        self._probabilities("proba", proba)
        return np.asarray(proba)

    def _tagged(self, proba: Any, items: Items) -> Ragged:
        expect(isinstance(proba, Ragged), "ragged rows of probabilities", type(proba).__name__)
        where, count = places(items), len(self.task.tags)  # type: ignore[attr-defined]  # has_tags
        same = np.array_equal(proba.splits, where.splits) and np.array_equal(proba.places, where.values)
        expect(same, "the tokens of tithe.tokens.places(items), with their places", f"{proba.lengths} tokens")
        shape = (len(where.values), count)
        expect(proba.values.shape == shape, f"{shape}, a column for each tag", proba.values.shape)
        self._probabilities("proba", proba.values)
        return Ragged(proba.values, proba.splits, proba.places)

    def _probabilities(self, name: View, proba: Floats) -> None:
        expect(proba.dtype == np.float32, f"float32 for {name!r}", proba.dtype)
        expect(bool(np.isfinite(proba).all()), f"finite numbers in {name!r}", proba)
        expect(bool((proba >= 0).all() and (proba <= 1 + 1e-5).all()), f"{name!r} in [0, 1]", proba)
        if has_tags(self.task) or exclusive(self.task):
            far = float(np.abs(proba.sum(axis=-1) - 1).max())
            expect(far < 1e-4, f"rows of {name!r} that add up to 1", f"sums that are up to {far:.2g} off")

    def committee(self, model: Model, items: Items) -> None:
        votes: Any = model.view("committee", items)
        shape = (len(items), len(self.task.labels))
        expect(votes.ndim == 3 and votes.shape[1:] == shape, f"(m, {shape[0]}, {shape[1]})", votes.shape)
        self._probabilities("committee", votes)

    def views(self, model: Model) -> dict[View, Floats]:
        """Copies of all that a model says of the held items."""
        return {name: np.array(values_of(model.view(name, self.held[0]))) for name in sorted(model.provides)}

    def expect_same(self, first: Mapping[View, Floats], second: Mapping[View, Floats], claim: str) -> None:
        expect(first.keys() == second.keys(), f"{claim}: {', '.join(first)}", ", ".join(second))
        for name, view in first.items():
            gap = f"shapes {view.shape} and {second[name].shape}"
            if view.shape == second[name].shape:
                gap = f"differences up to {np.abs(view - second[name]).max():.2g}"
            expect(np.array_equal(view, second[name]), f"{claim}, the same bits of {name!r}", gap)


def _proba(probe: _Probe) -> None:
    for items in (probe.held[0], probe.held[0].take(np.array([2])), probe.examples().items):
        probe.sound(probe.model, items)


def _provides(probe: _Probe) -> None:
    expect("proba" in probe.trainer.provides, "'proba' among the views", sorted(probe.trainer.provides))
    same = probe.model.provides == probe.trainer.provides
    expect(same, f"models with the views {sorted(probe.trainer.provides)}", sorted(probe.model.provides))
    for name in sorted(probe.model.provides):
        try:
            probe.model.view(name, probe.held[0])
        except NeedsError as error:
            expect(False, f"the view {name!r}, which it provides", f"NeedsError: {error}")
    if "committee" in probe.model.provides:
        probe.committee(probe.model, probe.held[0])
    try:
        given = probe.model.view("moonlight", probe.held[0])
    except NeedsError:
        return
    expect(False, "a NeedsError for the view 'moonlight'", given)


def _describes(probe: _Probe) -> None:
    expect(probe.model.task == probe.task, f"a model of {probe.task}", probe.model.task)
    given = probe.model.fingerprint
    expect(isinstance(given, str) and bool(given), "a fingerprint, a string", repr(given))
    other = probe.fit(probe.examples(5)).fingerprint
    expect(other != given, "another fingerprint for a model of other examples", f"{given} twice")
    expect(isinstance(probe.model.settings, dict), "settings, a dict", repr(probe.model.settings))


def _learns(probe: _Probe) -> None:
    items, truth = probe.held
    majority = probe.majority()
    given = main_metric(probe.task, truth, probe.sound(probe.model, items))
    expect(given > majority + 0.05, f"more than {majority:.3f}, what the best single guess scores", f"{given:.3f}")


def _decides(probe: _Probe) -> None:
    items, truth = probe.held
    proba = probe.sound(probe.model, items)
    labels = probe.model.decide(proba)
    expect(len(labels) == len(items), f"{len(items)} labels for {len(items)} rows", len(labels))
    strange = [label for label in labels if not _is_own(probe.task, label)]
    expect(not strange, "labels of the task", strange)
    majority = probe.majority()
    given = main_metric(probe.task, truth, proba, labels)
    expect(given > majority, f"decisions that score more than {majority:.3f}, the best single guess", f"{given:.3f}")


def _is_own(task: Task, label: Label) -> bool:
    try:
        return task.check(label) == label
    except LabelError:
        return False


def _unseen_label(probe: _Probe) -> None:
    examples, last = probe.examples(), probe.task.labels[-1]
    known = [row for row, label in enumerate(examples.labels) if last not in names_in(label)]
    labels = [examples.labels[row] for row in known]
    if len(set(labels)) > 1:
        probe.sound(probe.fit(Examples(examples.items.take(np.array(known)), labels)), probe.held[0])


def _same_stream(probe: _Probe) -> None:
    again = probe.fit(probe.examples())
    probe.expect_same(probe.views(probe.model), probe.views(again), "the same for the same examples and stream")
    same = again.fingerprint == probe.model.fingerprint
    expect(same, f"the same fingerprint, {probe.model.fingerprint}", again.fingerprint)


def _other_streams(probe: _Probe) -> None:
    for number in range(2):
        probe.sound(probe.fit(probe.examples(), path=f"fit {number}"), probe.held[0])


def _mutates_nothing(probe: _Probe) -> None:
    items, labels = probe.clouds.draw("train", 12)
    examples = Examples(items, list(labels), [1.0, 0.5] * (len(labels) // 2) + [1.0] * (len(labels) % 2))
    before = examples.digest
    probe.fit(examples, unlabelled=probe.held[0])
    after = Examples(
        Items(list(items.ids), list(items.texts), tokens=items.tokens), examples.labels, examples.weights
    ).digest
    expect(before == after, "items, labels and weights left as they were", f"{before} became {after}")


def _keeps_itself(probe: _Probe) -> None:
    before = repr(sorted(getattr(probe.trainer, "__dict__", {}).items()))
    probe.fit(probe.examples())
    after = repr(sorted(getattr(probe.trainer, "__dict__", {}).items()))
    expect(before == after, f"settings unchanged by fit, {before}", after)


def _model_stays(probe: _Probe) -> None:
    """A model is a value: no view and no later fit changes it."""
    model = probe.fit(probe.examples(8))
    before, mark = probe.views(model), model.fingerprint
    probe.expect_same(before, probe.views(model), "the same when looked at twice")
    model.view("proba", probe.examples().items)
    lies = probe.examples()
    probe.fit(replace(lies, labels=_rolled(lies.labels)), warm=model, path="later")
    probe.expect_same(before, probe.views(model), "the same after another fit")
    expect(model.fingerprint == mark, f"the fingerprint {mark} after another fit too", model.fingerprint)


def _rolled(labels: Iterable[Label]) -> list[Label]:
    """Each label swapped for the next kind."""
    labels = list(labels)
    kinds = list(dict.fromkeys(labels))
    return [kinds[(kinds.index(label) + 1) % len(kinds)] for label in labels]


def _two_classes(probe: _Probe) -> None:
    examples = probe.examples()
    # Of spans, one label has two tags where it covers a token of two: only a label without any has one tag.
    same: Label = () if has_tags(probe.task) else examples.labels[0]
    rows = np.array([row for row, label in enumerate(examples.labels) if label == same])
    try:
        given = probe.fit(Examples(examples.items.take(rows), [same] * len(rows)))
    except LabelError:
        return
    expect(False, "a LabelError where all labels are the same", given)


def _undeclared(probe: _Probe) -> None:
    examples = probe.examples()
    try:
        given = probe.fit(replace(examples, labels=[strange_label(probe.task), *examples.labels[1:]]))
    except LabelError:
        return
    expect(False, "a LabelError for a label that the task does not have", given)


def _weights(probe: _Probe) -> None:
    """Half of the examples tell the truth and half swap two clouds: the model must believe those that weigh more."""
    two = replace(probe.clouds, labels=probe.clouds.labels[:2])
    items, truth = two.draw("train", 20)
    lies = np.arange(len(truth)) // 2 % 2 == 1
    labels = [_other(label, two.labels) if lie else label for label, lie in zip(truth, lies, strict=True)]
    asked, sides = two.draw("held", 8)
    first = np.array([side == two.labels[0] for side in sides])
    chance = []
    for weights in (np.where(lies, 0.02, 1.0), np.where(lies, 1.0, 0.02)):
        proba = probe.sound(probe.fit(Examples(items, labels, weights.tolist())), asked)
        column = proba.values[proba.splits[:-1], 1] if isinstance(proba, Ragged) else proba[:, 0]
        chance.append(float(column[first].mean() - column[~first].mean()))
    claim = "to believe the examples that weigh more: the gap between two clouds positive, then negative"
    expect(chance[0] > 1e-3 and chance[1] < -1e-3, claim, [round(one, 4) for one in chance])


def _other(label: Label, pair: tuple[Label, ...]) -> Label:
    return pair[1] if label == pair[0] else pair[0]


def _warm(probe: _Probe) -> None:
    all_of_them = probe.examples()
    misled = probe.fit(replace(all_of_them, labels=_rolled(all_of_them.labels)))
    for warm in (probe.fit(probe.examples(6)), probe.model, misled):
        given = values_of(probe.sound(probe.fit(all_of_them, warm=warm), probe.held[0]))
        far = float(np.abs(given - values_of(probe.sound(probe.model, probe.held[0]))).max())
        expect(far <= _WARM, f"the probabilities of a cold fit to {_WARM}, with an earlier model too", far)


def _blind_to_gold(probe: _Probe) -> None:
    examples, plain = probe.examples(), probe.views(probe.fit(probe.examples(), unlabelled=probe.held[0]))
    for gold in (_rolled(examples.labels), [examples.labels[0]] * len(examples)):
        items = replace(examples.items, gold=gold)
        held = replace(probe.held[0], gold=gold[: len(probe.held[0])])
        given = probe.views(probe.fit(replace(examples, items=items), unlabelled=held))
        probe.expect_same(plain, given, "the same with and without gold labels that lie")


def _each_view(probe: _Probe) -> None:
    expect(bool(probe.trainer.needs_any), "at least one view in needs_any", "none")
    for name in sorted(probe.trainer.needs_any):
        start = start_of(probe.seed, frozenset({name}))
        probe.sound(probe.fit(probe.examples(), start=start), probe.held[0])


def _missing_view(probe: _Probe) -> None:
    try:
        given = probe.fit(probe.examples(), start=CloudStart(probe.seed, frozenset({"moonlight"})))
    except NeedsError:
        return
    expect(False, "a NeedsError where the start gives none of its views", given)


def _saves(probe: _Probe) -> None:
    """As `tithe.load_model` does it: model.json names the trainer, whose static `restore` makes the model."""
    from safetensors.numpy import load

    with TemporaryDirectory() as folder:
        into = Path(folder) / "model"
        probe.model.save(into)
        files = sorted(path.name for path in into.iterdir())
        expect({"model.json", "model.safetensors"} <= set(files), "model.json and model.safetensors", files)
        record = json.loads((into / "model.json").read_text("utf-8"))
        missing = sorted({"format", "trainer", "task", "labels", "start", "files_crc32"} - record.keys())
        expect(not missing, "what tithe.load_model reads; write it with tithe.models.saving.write_model", missing)
        name = record["trainer"]
        if probe.name:
            expect(name == probe.name, f"the trainer {probe.name!r}, its registered name, in model.json", repr(name))
        home: Any = registry.find("trainers", name) if name in registry.names("trainers") else type(probe.trainer)
        arrays = load((into / "model.safetensors").read_bytes())
        model = home.restore(probe.task, probe.start, arrays, record)
        probe.expect_same(probe.views(probe.model), probe.views(model), "the same when saved and loaded")
        proba = probe.sound(model, probe.held[0])
        before, after = probe.model.decide(proba), model.decide(proba)
        expect(before == after, f"the same decisions when saved and loaded, {before}", after)
        try:
            probe.model.save(into)
        except ConfigError:
            return
    raise ConformanceError("expected a ConfigError where the folder exists already; given no error")


CHECKS: Mapping[str, Callable[[_Probe], None]] = {
    "leaves its inputs alone": _mutates_nothing,
    "leaves its settings alone": _keeps_itself,
    "gives probabilities": _proba,
    "provides the views that it names": _provides,
    "makes models that say what they are": _describes,
    "learns more than the majority": _learns,
    "decides for labels of the task": _decides,
    "takes declared labels without an answer": _unseen_label,
    "does the same again for the same stream": _same_stream,
    "works with any stream": _other_streams,
    "never changes a model": _model_stays,
    "refuses fewer than two classes": _two_classes,
    "refuses an undeclared label": _undeclared,
    "believes examples by their weight": _weights,
    "gives the same warm and cold": _warm,
    "never reads the gold labels": _blind_to_gold,
    "works with each of its views alone": _each_view,
    "says when it lacks a view": _missing_view,
    "comes back as it was saved": _saves,
}
"""What a trainer and its models must do; `sound` adds shape, finite numbers and sums to each."""
