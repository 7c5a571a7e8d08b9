"""What a newcomer gets wrong is told in one line: what is wrong, what was given, what to do."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

import tithe
from tithe.errors import ConfigError, DataError, LabelError, UnknownNameError
from tithe.experiment.plan import Plan
from tithe.experiment.simulate import simulate
from tithe.loop.propose import strategy_of, trainer_of
from tithe.models.given import GivenStart
from tithe.models.starts import makers
from tithe.testing import ConformanceError, check_strategy, check_trainer

TASK = tithe.Choice(("a", "b"))


class NoNeeds:
    cold = None

    def select(self, pool, n, rng):
        return pool.pick([], [])


@dataclass(frozen=True)
class ForSets:
    needs_any = frozenset({"embeddings"})
    provides = frozenset({"proba"})
    tasks = frozenset({"multilabel"})

    def fit(self, task, examples, *, start, rng, unlabelled=None, tell=None, warm=None):
        raise ConfigError("it began to fit")


def learner(**recipe):
    return tithe.ActiveLearner(tithe.Pool.from_texts(["x", "y"]), TASK, tithe.Recipe(**recipe))


@pytest.mark.parametrize(
    ("slip", "error", "words"),
    [
        (lambda: tithe.ActiveLearner(["x"], TASK), ConfigError, "given a list: make one with .*from_texts"),
        (lambda: tithe.ActiveLearner(tithe.Pool.from_texts(["x"]), ["a"]), ConfigError, "the task is a list without"),
        (lambda: tithe.Pool.from_texts([1, 2]), DataError, "given a int, 1, at place 0"),
        (lambda: tithe.Pool.from_texts("abc"), DataError, r"one string, 'abc': write \[text\]"),
        (lambda: GivenStart({}).view("embeddings", ["x"]), DataError, r"given a list: make them with tithe\.Items"),
        (lambda: tithe.Choice("ab"), LabelError, "a list of words.*given the string 'ab'"),
        (lambda: tithe.MultiLabel("ab"), LabelError, "a list of words.*given the string 'ab'"),
        (lambda: strategy_of(NoNeeds()), ConfigError, "is a NoNeeds without needs; a strategy has needs, cold, select"),
        (lambda: strategy_of(NoNeeds), ConfigError, r"is the class NoNeeds.*give an object, NoNeeds\(\.\.\.\)"),
        (lambda: strategy_of(ForSets()), ConfigError, "without needs and cold and select"),
        (lambda: trainer_of(NoNeeds(), TASK), ConfigError, "a trainer has needs_any, provides, fit"),
        (lambda: trainer_of(ForSets(), TASK), ConfigError, "for multilabel only, and the task is choice; linear fits"),
        (lambda: check_strategy(NoNeeds), ConformanceError, "without needs; a strategy has"),
        (lambda: check_strategy(3), ConformanceError, "3 is a int without needs"),
        (lambda: check_trainer(NoNeeds), ConformanceError, "a trainer has needs_any"),
        (lambda: check_trainer(ForSets, task="choice"), ConformanceError, "for multilabel only"),
        (
            lambda: tithe.Recipe(trainer="fintune"),
            UnknownNameError,
            "unknown trainer 'fintune'; did you mean 'finetune'",
        ),
        (lambda: tithe.Recipe(stop="budget(labels=9)"), ConfigError, "stop is a tuple of rules; given the string"),
        (
            lambda: learner(strategy="mnlp"),
            ConfigError,
            "the strategy 'mnlp' is for spans only, and the task is choice",
        ),
        (lambda: learner(trainer=ForSets()), ConfigError, "for multilabel only, and the task is choice; linear fits"),
        (lambda: makers("minilmm+lexical"), UnknownNameError, "unknown start 'minilmm'; did you mean 'minilm'"),
        (lambda: Plan("a", "b", strategies="random"), ConfigError, r'must be a list of words, such as \["random"\]'),
        (lambda: Plan("a", "b", answers=2), ConfigError, r'--people "noisy\(accuracy=0.8\),noisy\(accuracy=0.8\)"'),
    ],
)
def test_a_slip_is_one_line_that_says_what_was_given(slip, error, words) -> None:
    with pytest.raises(error, match=words) as caught:
        slip()
    assert "\n" not in str(caught.value)


def test_names_far_from_the_packaged_starts_are_left_to_the_hub() -> None:
    assert [spec for spec, _ in makers("bert-base-uncased+minilm")] == ["bert-base-uncased", "minilm"]


def test_learner_and_model_print_on_a_line(example) -> None:
    learner = tithe.ActiveLearner(example.fresh(), example.task, tithe.Recipe(start="lexical"))
    learner.tell(dict(list(example.gold.items())[:20]))
    assert repr(learner).startswith("ActiveLearner(20 of 240 items labelled, Choice(")
    assert len(repr(learner.model)) < 1000
    assert "labelled" in repr(learner.model)


def plan(example, **more):
    made = {"starts": ("lexical",), "strategies": ("random",), "budgets": (20, 30), "seeds": 1, "full": False}
    return Plan(str(example.train), str(example.test), **{**made, **more})


@pytest.mark.parametrize("tasks", ["{'spans'}", "None"])
def test_a_trainer_that_refuses_leaves_no_folder_behind(tasks, example, tmp_path, install) -> None:
    source = f"""
class Mine:
    needs_any, provides, tasks = frozenset({{"lexical"}}), frozenset({{"proba"}}), {tasks}
    def fit(self, task, examples, **more):
        raise ValueError("it cannot fit this")
"""
    install("one", "module_one", source, trainers="mine = module_one:Mine")
    with pytest.raises(Exception, match="for spans only" if "spans" in tasks else "it cannot fit this"):
        simulate(plan(example, trainers=("mine",)), tmp_path / "out" / "here", engine="inline")
    assert not (tmp_path / "out").exists()


def test_a_journal_without_a_finished_step_gives_way(example, tmp_path) -> None:
    (tmp_path / ".unfinished").mkdir()
    (tmp_path / ".unfinished" / "plan-digest").write_text("of another plan, killed at its first step")
    done = simulate(plan(example), tmp_path, engine="inline")
    assert len(done.rounds) == 2
    with pytest.raises(ConfigError, match="unknown trainer 'linea'"):  # before what stands in the folder
        simulate(plan(example, trainers=("linea",)), tmp_path, engine="inline")
    with pytest.raises(ConfigError, match="the results of another plan"):
        simulate(plan(example, seeds=2), tmp_path, engine="inline")


def test_a_relative_path_to_nowhere_names_the_folder_and_root(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match=rf"no file my\.csv below the root \., {tmp_path}.*--root"):
        simulate(Plan("my.csv", "b.csv", root="."), engine="inline")


def test_strategies_with_odd_settings_are_told_what_there_is(example) -> None:
    with pytest.raises(
        ConfigError, match="the kind of person 'noisy' has no setting 'acuracy'; did you mean 'accuracy'"
    ):
        simulate(plan(example, people=("noisy(acuracy=.8)",)), engine="inline")
    assert np.isfinite(simulate(plan(example), engine="inline").rounds["accuracy"].to_numpy()).all()
