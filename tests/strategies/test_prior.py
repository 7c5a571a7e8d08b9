"""prior: every strategy that reads proba can choose the first batch by guesses, and afterwards is itself."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tithe import ActiveLearner, Items, Plan, Pool, Recipe, simulate
from tithe.errors import ConfigError, UnknownNameError
from tithe.log import Added, Answered, Declared, Snapshot
from tithe.loop import Workshop, propose
from tithe.models.given import SPEC, GivenStart
from tithe.registry import names
from tithe.strategies.named import strategy
from tithe.strategies.prior import FirstGuess
from tithe.tasks import tasks_of
from tithe.views import ViewStore


def begun(example: Any) -> Snapshot:
    items = Items(example.pool.ids, example.pool.texts)
    return Snapshot.empty().apply([Declared("choice", example.task.labels), Added(items)])


@pytest.fixture(scope="module")
def workshop() -> Workshop:
    return Workshop(ViewStore(None))


READ_PROBA = [
    name
    for name in names("strategies")
    if name not in ("mix", "prior")
    and strategy(name).cold is None
    and strategy(name).needs & {"proba"}
    and "choice" in (tasks_of(strategy(name)) or {"choice"})
]


def test_margin_chooses_its_first_batch_by_the_names(example: Any, workshop: Workshop) -> None:
    recipe = Recipe("minilm", strategy="prior(by=names, strategy=margin)")
    found = propose(begun(example), recipe, seed=0, n=5, workshop=workshop)
    assert found.model is not None
    proba = found.model.view("proba", found.pool.items)
    unsure = example.task.uncertainty(proba, "margin")
    best = {found.pool.ids[row] for row in np.argsort(-unsure)[:5]}
    assert {*found.selection.ids} == best
    assert found.cold == (
        "cold start: answers of two labels are needed for a model, and there are none; "
        "until then guesses come from the labels' names"
    )
    assert found.selection.reason.endswith("guesses of names, no model yet")
    assert propose(begun(example), recipe, seed=0, n=5, workshop=Workshop(ViewStore(None))).selection == found.selection


@pytest.mark.parametrize("name", READ_PROBA)
def test_each_strategy_that_reads_proba_can_begin_with_it(example: Any, workshop: Workshop, name: str) -> None:
    if "committee" in strategy(name).needs:
        pytest.skip(f"{name} needs a committee, which names do not make")
    recipe = Recipe("minilm", strategy=f"prior(strategy={name})")
    found = propose(begun(example), recipe, seed=0, n=6, workshop=workshop)
    assert len({*found.selection.ids}) == 6


def test_once_there_are_two_labels_it_is_the_strategy_itself(example: Any, workshop: Workshop) -> None:
    answers = [Answered(one, label) for one, label in list(example.gold.items())[:30]]
    later = begun(example).apply(answers)
    with_prior, without = (
        propose(later, Recipe("minilm", strategy=spec), seed=0, n=5, workshop=workshop)
        for spec in ("prior(strategy=margin)", "margin")
    )
    assert with_prior.selection == without.selection
    assert with_prior.cold == ""
    assert "labelled" in with_prior.model.settings
    assert "from" not in with_prior.model.settings


def test_a_cold_start_strategy_stays_as_it_is_with_suggestions_beside_it(example: Any, workshop: Workshop) -> None:
    with_prior, without = (
        propose(begun(example), Recipe("minilm", strategy=spec), seed=0, n=5, workshop=workshop)
        for spec in ("prior(strategy=auto)", "auto")
    )
    assert with_prior.selection == without.selection
    assert without.model is None
    assert with_prior.model.settings["from"] == "the labels' names"


def test_it_serves_as_the_initial_strategy(example: Any, workshop: Workshop) -> None:
    first, shared = (
        propose(begun(example), recipe, seed=0, n=5, workshop=workshop)
        for recipe in (
            Recipe("minilm", strategy="prior(strategy=margin)"),
            Recipe("minilm", strategy="margin", initial_strategy="prior(strategy=margin)"),
        )
    )
    assert first.selection == shared.selection


def test_a_learner_has_a_model_before_the_first_answer(example: Any, workshop: Workshop) -> None:
    learner = ActiveLearner(
        Pool(Items(example.pool.ids, example.pool.texts)), example.task,
        Recipe("minilm", strategy="prior(strategy=margin)"), workshop=workshop,
    )  # fmt: skip
    assert len(learner.ask(3)) == 3
    assert learner.model.settings["labelled"] == 0


def test_a_simulation_takes_it_as_an_arm(example: Any) -> None:
    plan = Plan(
        str(example.train), str(example.test), strategies=("random", "prior(strategy=margin)"), starts=("minilm",),
        budgets=(24,), seeds=1, full=False,
    )  # fmt: skip
    found = simulate(plan, engine="inline")
    assert {row["strategy"] for row in found.rounds.to_pylist()} == {"random", "prior(strategy=margin)"}
    with pytest.raises(ConfigError, match="the initial strategy 'margin' needs a model"):
        simulate(replace(plan, initial_strategy="margin"), engine="inline")


@pytest.mark.parametrize(
    ("spec", "error", "told"),
    [
        ("prior(by=nams)", UnknownNameError, "names"),
        ("prior(strategy=margn)", UnknownNameError, "margin"),
        ("prior(strategy=prior)", ConfigError, "within a prior"),
        ("prior(by=names(of=3))", ConfigError, "no setting 'of'"),
    ],
)
def test_mistakes_are_told(spec: str, error: type[Exception], told: str) -> None:
    with pytest.raises(error, match=told):
        strategy(spec)


def test_spans_have_no_such_prior(example: Any, workshop: Workshop) -> None:
    items = Items(example.pool.ids, example.pool.texts)
    spans = Snapshot.empty().apply([Declared("spans", ("PER",)), Added(items)])
    with pytest.raises(ConfigError, match="choice and multilabel only"):
        propose(spans, Recipe("minilm", strategy="prior(strategy=margin)"), seed=0, n=2, workshop=workshop)


def test_a_prior_that_cannot_serve_the_strategy_is_refused_before_any_work(example: Any) -> None:
    workshop = Workshop(ViewStore(None))
    items = Items(example.pool.ids, example.pool.texts)
    workshop.given[SPEC] = GivenStart({items.digest: np.eye(len(items), dtype=np.float32)})
    with pytest.raises(ConfigError, match="needs a model, and there is none at first"):
        propose(begun(example), Recipe(SPEC, strategy="prior(strategy=bald)"), seed=0, n=2, workshop=workshop)


def test_first_guess_is_its_own_cold_start() -> None:
    first = strategy("prior").cold
    assert isinstance(first, FirstGuess)
    assert first.cold is first
