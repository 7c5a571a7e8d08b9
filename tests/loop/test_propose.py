"""`propose`: one round as a function of snapshot, recipe and seed, and of nothing else."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tithe import Choice, Items, Pool, Recipe, propose
from tithe.errors import ConfigError, NeedsError, UnknownNameError
from tithe.log import Added, Answered, Asked, Declared, Drawn, Log, Snapshot
from tithe.loop import Workshop
from tithe.rng import stream
from tithe.types import Selection
from tithe.views import ViewStore

LEXICAL = Recipe(start="lexical", strategy="margin")


def log_of(example: Any, labelled: int = 0) -> Log:
    """The task, the texts without their labels, and answers to the first few."""
    items = Items(example.pool.ids, example.pool.texts)
    log = Log([Declared("choice", example.task.labels), Added(items)])
    log.append(*(Answered(one, example.gold[one]) for one in list(items.ids)[:labelled]))
    return log


def ids(snapshot: Snapshot, recipe: Recipe = LEXICAL, seed: int = 0, n: int = 7, **more: Any) -> tuple[str, ...]:
    return propose(snapshot, recipe, seed=seed, n=n, **more).selection.ids


@pytest.mark.parametrize("strategy", ["random", "margin", "badge", "k_center", "typiclust", "auto"])
@pytest.mark.parametrize("labelled", [0, 50])
def test_the_same_snapshot_recipe_and_seed_give_the_same_ids_whatever_the_caches(
    example: Any, cache: Path, strategy: str, labelled: int
) -> None:
    snapshot = log_of(example, labelled).snapshot()
    recipe = Recipe(start="lexical", strategy=strategy)
    first = ids(snapshot, recipe)
    used = Workshop(ViewStore(cache))
    for seed, count in ((3, 47), (0, 49), (0, 60)):  # another seed, a little fewer labels, and more
        ids(log_of(example, count).snapshot(), recipe, seed, workshop=used)
    for workshop in (used, used, Workshop(ViewStore(None)), Workshop(ViewStore(cache), warm=False)):
        assert ids(snapshot, recipe, workshop=workshop) == first


def test_the_default_recipe_is_a_function_too(example: Any, cache: Path) -> None:
    snapshot = log_of(example, 30).snapshot()
    used = Workshop(ViewStore(cache))
    ids(log_of(example, 29).snapshot(), Recipe(), workshop=used)
    assert ids(snapshot, Recipe(), workshop=used) == ids(snapshot, Recipe(), workshop=Workshop(ViewStore(cache)))


def test_a_round_changes_nothing_that_it_is_given(example: Any) -> None:
    log = log_of(example, 40)
    snapshot = log.snapshot()
    before = (dict(snapshot.labels), snapshot.pending, snapshot.closed, snapshot.items.digest, len(log))
    propose(snapshot, LEXICAL, seed=0, n=5)
    assert (dict(snapshot.labels), snapshot.pending, snapshot.closed, snapshot.items.digest, len(log)) == before


def test_seeds_differ(example: Any) -> None:
    snapshot = log_of(example).snapshot()
    drawn = {ids(snapshot, Recipe(start="lexical", strategy="random"), seed) for seed in range(20)}
    assert len(drawn) == 20


def test_draws_of_the_first_batch_are_uniform(example: Any) -> None:
    # 400 seeds x 24 of 240 items: each item is drawn 40 times on average, sd 6. The chi-square statistic, with the
    # correction for draws without replacement, has 239 degrees of freedom: mean 239, sd 22. False alarm below 1e-5.
    workshop = Workshop(ViewStore(None))
    recipe = Recipe(start="lexical", strategy="random")
    snapshot = log_of(example).snapshot()
    counts = dict.fromkeys(example.pool.ids, 0)
    for seed in range(400):
        for one in ids(snapshot, recipe, seed, 24, workshop=workshop):
            counts[one] += 1
    seen = np.asarray(list(counts.values()))
    statistic = ((seen - 40) ** 2 / (40 * (1 - 24 / 240))).sum()
    assert 239 - 5 * 22 < statistic < 239 + 5 * 22


def test_streams_of_a_plan_never_collide() -> None:
    # Every stream that a run of 200 rounds and 20 seeds draws from begins differently.
    paths = [("fit",), ("subsample",), ("stop set",), ("rank",), *(("start", name) for name in ("minilm", "lexical"))]
    paths += [("round", number, "query") for number in range(200)]
    first = {float(stream(seed, *path).random()) for seed in range(20) for path in paths}
    assert len(first) == 20 * len(paths)


def test_batches_of_one_run_are_independent_draws(example: Any) -> None:
    log = log_of(example)
    recipe = Recipe(start="lexical", strategy="random")
    one = ids(log.snapshot(), recipe, n=10)
    log.append(Asked(one, "random", 0, 2))
    two = ids(log.snapshot(), recipe, n=10)
    assert not set(one) & set(two)
    assert [example.pool.ids.index(i) for i in one] != sorted(example.pool.ids.index(i) for i in one)


# --- what may be asked


def test_pending_closed_and_labelled_items_are_not_asked(example: Any) -> None:
    log = log_of(example, 30)
    rest = list(example.pool.ids)[30:]
    log.append(Asked(tuple(rest[:100]), "random", 0, 2), Answered(rest[0], None, action="skip"))
    log.append(Answered(rest[150], None, action="reject"))
    left = set(rest[100:]) - {rest[150]}
    for strategy in ("random", "margin", "auto", "k_center", "badge", "typiclust"):
        found = ids(log.snapshot(), Recipe(start="lexical", strategy=strategy), n=500)
        assert set(found) == left
        assert len(found) == len(left), "each once, and as many as there are"


@pytest.mark.parametrize("strategy", ["random", "margin", "auto", "k_center", "badge", "typiclust"])
def test_an_exhausted_pool_asks_nothing(example: Any, strategy: str) -> None:
    log = log_of(example, 30)
    log.append(Asked(tuple(list(example.pool.ids)[30:]), "random", 0, 2))
    assert ids(log.snapshot(), Recipe(start="lexical", strategy=strategy), n=3) == ()


def test_audit_items_neither_train_nor_are_asked_nor_steer(example: Any) -> None:
    log = log_of(example, 40)
    audit = tuple(list(example.pool.ids)[100:150])
    log.append(Drawn(audit))
    before = propose(log.snapshot(), LEXICAL, seed=0, n=200)
    assert not set(before.selection.ids) & set(audit)
    log.append(*(Answered(one, example.gold[one]) for one in audit))
    after = propose(log.snapshot(), LEXICAL, seed=0, n=200)
    assert after.model is not None
    assert before.model is not None
    assert after.model.fingerprint == before.model.fingerprint
    assert after.selection == before.selection
    assert after.model.settings["labelled"] == 40


# --- cold rounds


@pytest.mark.parametrize(("answers", "said"), [([], "there are none"), (["damage"] * 3, "there are only 'damage'")])
def test_a_round_without_two_labels_is_cold_and_says_so(example: Any, answers: list[str], said: str) -> None:
    log = log_of(example)
    log.append(*(Answered(one, label) for one, label in zip(example.pool.ids, answers, strict=False)))
    found = propose(log.snapshot(), LEXICAL, seed=0, n=5)
    assert found.model is None
    assert found.cold.endswith(said)
    assert found.selection.ids == ids(log.snapshot(), Recipe(start="lexical", strategy="random"), n=5)


def test_the_cold_strategies_choose_their_own_first_batch(example: Any) -> None:
    snapshot = log_of(example).snapshot()
    typical = ids(snapshot, Recipe(start="lexical", strategy="typiclust"))
    assert ids(snapshot, Recipe(start="lexical", strategy="auto")) == typical
    assert ids(snapshot, Recipe(start="lexical", strategy="margin", initial_strategy="typiclust")) == typical
    assert ids(snapshot, LEXICAL) != typical


def test_two_labels_are_enough_for_a_model(example: Any) -> None:
    log = log_of(example)
    log.append(Answered(example.pool.ids[0], "damage"), Answered(example.pool.ids[1], "billing"))
    found = propose(log.snapshot(), LEXICAL, seed=0, n=2)
    assert found.cold == ""
    assert found.model is not None
    assert found.model.view("proba", found.pool.items).shape == (240, 8)


# --- errors before any work


class Votes:
    needs = frozenset({"votes"})
    cold = None

    def select(self, pool: Pool, n: int, rng: Any) -> Selection:
        pytest.fail("there was work before the needs were looked at")


class Untouchable(ViewStore):
    def get(self, *given: Any, **named: Any) -> Any:
        pytest.fail("a view was computed before the needs were looked at")


def test_a_view_that_nothing_gives_is_an_error_before_any_work(example: Any) -> None:
    recipe = Recipe(start="minilm+lexical", strategy=Votes())
    with pytest.raises(
        NeedsError, match=r"needs the view votes, .* committee, embeddings, lexical, middle, pieces, proba"
    ):
        propose(log_of(example, 30).snapshot(), recipe, seed=0, n=3, workshop=Workshop(Untouchable(None)))


@pytest.mark.parametrize(
    ("recipe", "error", "said"),
    [
        ({"strategy": "margn"}, UnknownNameError, "did you mean 'margin'"),
        ({"initial_strategy": "randm"}, UnknownNameError, "did you mean 'random'"),
        ({"trainer": "liner"}, UnknownNameError, "did you mean 'linear'"),
        ({"slow": "fintune"}, UnknownNameError, "did you mean 'finetune'"),
        ({"start": "lexical+minilmm"}, UnknownNameError, "did you mean 'minilm'"),
        ({"strategy": "auto(perclass=1)"}, ConfigError, "no setting|do not fit"),
        ({"trainer": "finetune(epoch=3)"}, ConfigError, "no setting 'epoch'"),
    ],
)
def test_unknown_names_are_told_before_any_work(example: Any, recipe: dict[str, Any], error: type, said: str) -> None:
    with pytest.raises(error, match=said):
        Recipe(**recipe)
    kept = Recipe.kept(**recipe)  # out of a log: it can be shown, and is refused where it is to be followed
    assert kept == Recipe.kept(**recipe)
    if not {"slow", "initial_strategy"} & recipe.keys():  # which this round does not come to
        with pytest.raises(error, match=said):
            propose(log_of(example, 30).snapshot(), kept, seed=0, n=3, workshop=Workshop(Untouchable(None)))


def test_a_recipe_that_was_kept_is_the_one_that_was_made() -> None:
    said = {"start": "lexical", "trainer": "linear", "strategy": "margin", "slow": "finetune(steps=9)"}
    assert Recipe.kept(**said) == Recipe(**said)
    assert Recipe.kept() == Recipe()


def test_a_log_without_a_task_and_a_negative_n_are_refused(example: Any) -> None:
    with pytest.raises(ConfigError, match="declares no task"):
        propose(Log([Added(example.pool)]).snapshot(), LEXICAL, seed=0, n=1)
    with pytest.raises(ConfigError, match="n must be 0 or more"):
        propose(log_of(example).snapshot(), LEXICAL, seed=0, n=-1)


def test_an_id_means_the_same_item_however_the_file_is_sorted(example: Any) -> None:
    backwards = example.pool.take(np.arange(240)[::-1])
    task = Choice(example.task.labels)
    found = []
    for items in (example.pool, backwards):
        log = Log([Declared("choice", task.labels), Added(Items(list(items.ids), list(items.texts)))])
        found.append(ids(log.snapshot(), Recipe(start="lexical", strategy="random"), n=20))
    assert found[0] == found[1]


@pytest.mark.parametrize(
    ("strategy", "said"),
    [
        ("cvirs", "the strategy 'cvirs' is for multilabel only, and the task is choice"),
        ("mix(random=1,lci=1)", "is for multilabel only, and the task is choice"),
        ("mix(balanced_margin=1,lci=1)", "is for no task at all, and the task is choice"),
    ],
)
def test_a_strategy_of_another_task_is_an_error_before_any_work(example: Any, strategy: str, said: str) -> None:
    recipe = Recipe(start="minilm+lexical", strategy=strategy)
    with pytest.raises(ConfigError, match=re.escape(said)):
        propose(log_of(example, 30).snapshot(), recipe, seed=0, n=3, workshop=Workshop(Untouchable(None)))
