"""The trainer `proxy`: asks as its fast trainer alone, and is scored as its slow one alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tithe import Items, Pool, registry, simulate
from tithe.errors import ConfigError, NeedsError
from tithe.experiment.plan import Plan
from tithe.loop.training import train
from tithe.models.given import GivenStart
from tithe.models.proxy import Proxy
from tithe.models.saving import load_model
from tithe.rng import stream
from tithe.tasks.choice import Choice
from tithe.tasks.spans import Spans
from tithe.types import Examples

FAST, SLOW = "sklearn(GaussianNB)", "sklearn(sklearn.svm.LinearSVC)"
PROXY = f"proxy(fast={FAST}, slow={SLOW})"
ITEMS = Items([f"i{n}" for n in range(40)], [f"text {n}" for n in range(40)])
LABELS = ["a" if n % 2 else "b" for n in range(40)]
VIEWS = {"embeddings": np.array([[n % 2, 1.0, n / 40] for n in range(40)], np.float32)}


class Vectors:
    """A start of given vectors."""

    provides = frozenset({"embeddings"})
    fingerprint = "vectors"

    def view(self, name: str, items: Items) -> Any:
        return VIEWS[name][[int(one[1:]) for one in items.ids]]


def fit(trainer: Any, **more: Any) -> Any:
    return trainer.fit(Choice(("a", "b")), Examples(ITEMS, LABELS), start=Vectors(), rng=stream(3, "fit"), **more)


def test_a_plan_asks_as_the_fast_one_and_scores_as_the_slow_one_on_what_was_asked(example: Any) -> None:
    """Also where the first answers come: what the slow one scores is what it comes to on the items of the fast one."""
    settings: dict[str, Any] = {"task": "choice", "starts": ("lexical",), "strategies": ("margin",), "seeds": 2}
    settings |= {"train": str(example.train), "test": str(example.test), "budgets": (30, 50)}
    results = simulate(Plan(trainers=(FAST, SLOW, PROXY), **settings))
    asked = {
        (trainer, seed): [
            (one["round"], one["item"], one["score"])
            for one in results.selections.to_pylist()
            if one["config"] == f"lexical/{trainer}/margin" and one["seed"] == seed
        ]
        for trainer in (FAST, SLOW, PROXY)
        for seed in (0, 1)
    }
    for seed in (0, 1):
        assert asked[PROXY, seed] == asked[FAST, seed] != asked[SLOW, seed]
    rows = results.rounds.to_pylist()
    by = {(one["trainer"], one["strategy"], one["seed"], one["round"]): one for one in rows}
    for seed in (0, 1):  # the first batch is the same for all: there the slow one alone has the same labels
        assert by[PROXY, "margin", seed, 0]["test_correct"] == by[SLOW, "margin", seed, 0]["test_correct"]
        assert by[PROXY, "margin", seed, 0]["test_correct"] != by[FAST, "margin", seed, 0]["test_correct"]
    full = {one["trainer"]: one["test_correct"] for one in rows if one["strategy"] == "full"}
    assert full[PROXY] == full[SLOW] != full[FAST]


def test_both_models_are_those_of_their_trainers_alone() -> None:
    both = fit(registry.build("trainers", PROXY))
    assert both.proxy.fingerprint == fit(registry.build("trainers", FAST)).fingerprint
    assert both.slow.fingerprint == fit(registry.build("trainers", SLOW)).fingerprint
    np.testing.assert_array_equal(both.view("proba", ITEMS), both.slow.view("proba", ITEMS))
    assert both.decide(both.view("proba", ITEMS)) == LABELS


def test_the_slow_model_is_fitted_once_and_only_when_it_is_asked() -> None:
    fits = []

    class Counted:
        def __init__(self, trainer: Any) -> None:
            self.trainer = trainer

        def fit(self, *given: Any, **more: Any) -> Any:
            fits.append(1)
            return self.trainer.fit(*given, **more)

        def __getattr__(self, name: str) -> Any:
            return getattr(self.trainer, name)

    proxy = Proxy(fast=FAST, slow=SLOW)
    proxy._trainers = (proxy._trainers[0], Counted(proxy._trainers[1]))
    model = fit(proxy)
    model.proxy.view("proba", ITEMS)
    assert (model.fingerprint, model.settings["slow"], fits) == (fit(proxy).fingerprint, SLOW, [])
    for _ in range(2):
        model.view("proba", ITEMS)
    assert fits == [1]
    fit(proxy, warm=model)
    assert fits == [1]


def test_saved_it_is_the_slow_model(tmp_path: Path) -> None:
    start = GivenStart({ITEMS.digest: VIEWS["embeddings"]})
    model = Proxy(fast=FAST, slow=SLOW).fit(
        Choice(("a", "b")), Examples(ITEMS, LABELS), start=start, rng=stream(0, "fit")
    )
    model.save(tmp_path / "m")
    loaded = load_model(tmp_path / "m", start=start)
    np.testing.assert_allclose(loaded.view("proba", ITEMS), model.slow.view("proba", ITEMS), atol=1e-6)


def test_outside_the_loop_it_is_the_slow_model_from_the_beginning() -> None:
    pool = Pool(Items(ITEMS.ids, ITEMS.texts, LABELS), views={"embeddings": lambda: VIEWS["embeddings"]})
    both = (train(pool, Choice(("a", "b")), trainer=trainer) for trainer in (PROXY, SLOW))
    through, alone = ((one.fingerprint, one.settings) for one in both)
    assert through == alone


def test_what_cannot_be_a_proxy_is_refused() -> None:
    with pytest.raises(ConfigError, match="between two other trainers"):
        Proxy(fast=FAST, slow=PROXY)
    with pytest.raises(ConfigError):  # scikit-learn's classifiers are not for spans
        Proxy(fast="linear", slow=SLOW).for_task(Spans(("PER",))).fit(
            Spans(("PER",)), Examples(ITEMS, [()] * 40), start=Vectors(), rng=stream(0, "fit")
        )

    class Nothing(Vectors):
        provides = frozenset({"moonlight"})

    with pytest.raises(NeedsError, match="the slow trainer needs one of the views embeddings"):
        Proxy(fast=FAST, slow=SLOW).fit(
            Choice(("a", "b")), Examples(ITEMS, LABELS), start=Nothing(), rng=stream(0, "fit")
        )
