"""`ActiveLearner`: ask, tell, repeat; answers late, twice, unasked and wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tithe import ActiveLearner, Choice, Pool, Recipe, propose
from tithe.errors import ConfigError, LabelError, NeedsError, UnknownItemError
from tithe.log import Answered, Asked
from tithe.loop import Workshop
from tithe.models.given import GivenStart
from tithe.rng import stream
from tithe.views import ViewStore


def learner_of(example: Any, strategy: str = "margin", *, start: str = "lexical", seed: int = 0, **more: Any) -> Any:
    recipe = Recipe(start=start, strategy=strategy, **more)
    return ActiveLearner(example.fresh(), example.task, recipe, seed)


def run(learner: ActiveLearner, gold: Any, batches: list[int]) -> list[list[str]]:
    """Asks these batches, and answers them from gold; the ids asked."""
    asked = []
    for size in batches:
        batch = [item.id for item in learner.ask(size)]
        learner.tell({one: gold[one] for one in batch})
        asked.append(batch)
    return asked


@pytest.mark.parametrize("strategy", ["random", "margin", "entropy", "badge", "k_center", "typiclust", "auto"])
def test_no_id_is_asked_twice_and_the_batches_add_up(example: Any, strategy: str) -> None:
    asked = run(learner_of(example, strategy), example.gold, [20, 1, 30, 100, 200, 5])
    assert [len(batch) for batch in asked] == [20, 1, 30, 100, 89, 0]
    flat = [one for batch in asked for one in batch]
    assert sorted(flat) == sorted(example.pool.ids)


@pytest.mark.parametrize(
    ("strategy", "start", "batches"),
    [
        ("margin", "lexical", [15, 8, 1, 1, 8, 8]),
        ("badge", "lexical", [15, 8, 1, 8]),
        ("auto", "minilm", [15, 8, 1]),
    ],
)
def test_every_batch_of_a_log_can_be_replayed(
    example: Any, cache: Path, strategy: str, start: str, batches: list[int]
) -> None:
    learner = learner_of(example, strategy, start=start, seed=5)
    run(learner, example.gold, batches)
    shown = [(at, event) for at, event in enumerate(learner.log.events()) if isinstance(event, Asked)]
    assert len(shown) == len(batches)
    for at, event in shown:
        assert event.position == at
        for warm in (True, False):
            workshop = Workshop(ViewStore(cache), warm=warm)
            snapshot = learner.log.snapshot(event.position)
            again = propose(snapshot, learner.recipe, seed=event.seed, n=len(event.ids), workshop=workshop)
            assert again.selection.ids == event.ids


def test_a_learner_made_again_asks_the_same_and_one_of_another_seed_something_else(example: Any) -> None:
    one, two, other = (run(learner_of(example, seed=seed), example.gold, [10, 5, 5]) for seed in (0, 0, 1))
    assert one == two
    assert all(mine != theirs for mine, theirs in zip(one, other, strict=True))


def test_items_asked_and_not_answered_yet_are_not_asked_again(example: Any) -> None:
    learner = learner_of(example)
    first = {item.id for item in learner.ask(50)}
    second = {item.id for item in learner.ask(50)}
    assert not first & second
    assert learner.log.snapshot().pending == first | second


def test_a_skipped_item_is_never_asked_again(example: Any) -> None:
    learner = learner_of(example)
    batch = [item.id for item in learner.ask(20)]
    learner.tell({one: None if row < 5 else example.gold[one] for row, one in enumerate(batch)})
    rest = {item.id for item in learner.ask(500)}
    assert not rest & set(batch)
    assert len(rest) == 220
    assert len(learner.log.snapshot().labels) == 15


def test_late_repeated_and_unasked_answers_are_taken(example: Any) -> None:
    learner = learner_of(example)
    batch = [item.id for item in learner.ask(10)]
    learner.ask(5)
    learner.tell({one: example.gold[one] for one in reversed(batch)})  # late, in another order
    unasked = next(one for one in example.pool.ids if one not in learner.log.snapshot().pending and one not in batch)
    learner.tell({unasked: "damage"})
    learner.tell({unasked: "billing", batch[0]: example.gold[batch[0]]})  # once more; the later answer counts
    snapshot = learner.log.snapshot()
    assert snapshot.labels[unasked] == "billing"
    assert len(snapshot.labels) == 11
    assert len(snapshot.pending) == 5
    assert unasked not in {item.id for item in learner.ask(500)}


def test_an_answer_may_be_skipped_later_and_the_label_is_gone(example: Any) -> None:
    learner = learner_of(example)
    run(learner, example.gold, [20])
    one = next(iter(learner.log.snapshot().labels))
    learner.tell({one: None})
    assert one not in learner.log.snapshot().labels
    assert learner.model.settings["labelled"] == 19


@pytest.mark.parametrize(
    ("bad", "error", "said"),
    [
        ({"label": "dammage"}, LabelError, "did you mean 'damage'"),
        ({"label": ""}, LabelError, "not a label of this task"),
        ({"item": "nobody"}, UnknownItemError, "no item 'nobody' in this pool of 240"),
    ],
)
def test_a_wrong_answer_is_refused_with_all_that_came_with_it(
    example: Any, bad: dict[str, str], error: type, said: str
) -> None:
    learner = learner_of(example)
    batch = [item.id for item in learner.ask(3)]
    before = len(learner.log)
    answers = {batch[0]: "damage", bad.get("item", batch[1]): bad.get("label", "damage"), batch[2]: "damage"}
    with pytest.raises(error, match=said):
        learner.tell(answers)
    assert len(learner.log) == before
    assert not learner.log.snapshot().labels
    assert learner.log.snapshot().pending == set(batch)


def test_several_annotators_settle_by_majority(example: Any) -> None:
    learner = learner_of(example)
    one = learner.ask(1)[0].id
    for who, label in (("ann", "damage"), ("bob", "billing"), ("cyd", "billing")):
        learner.tell({one: label}, annotator=who)
    assert learner.log.snapshot().labels == {one: "billing"}
    assert [event.annotator for event in learner.log.events() if isinstance(event, Answered)] == ["ann", "bob", "cyd"]


def test_the_model_is_that_of_all_answers_so_far(example: Any) -> None:
    learner = learner_of(example)
    with pytest.raises(LabelError, match=r"no model yet; .* there are none\. Tell more"):
        _ = learner.model
    batch = learner.ask(120)
    learner.tell({item.id: example.gold[item.id] for item in batch[:60]})
    first = learner.model
    learner.tell({item.id: example.gold[item.id] for item in batch[60:]})
    second = learner.model
    assert (first.settings["labelled"], second.settings["labelled"]) == (60, 120)
    scores = [example.task.score(example.held.gold, one.view("proba", example.held)) for one in (first, second)]
    assert scores[1]["accuracy"] > scores[0]["accuracy"] - 0.05
    assert learner.log.snapshot().round == 1, "looking at the model is not a round"


def test_history_has_a_record_of_each_round(example: Any) -> None:
    learner = learner_of(example)
    run(learner, example.gold, [30, 10, 10])
    records = learner.history
    assert [(record.round, record.labelled, record.cost) for record in records] == [(0, 0, 0), (1, 30, 30), (2, 40, 40)]
    assert "cold start" in records[0].reason
    assert records[0].asked == {}
    assert 0 < records[2].asked["accuracy"] <= 1
    assert records[1].fit_s > 0


@pytest.mark.parametrize("n", [0, -3])
def test_asking_for_less_than_one_item_asks_nothing(example: Any, n: int) -> None:
    learner = learner_of(example)
    if n < 0:
        with pytest.raises(ConfigError, match="0 or more"):
            learner.ask(n)
    else:
        assert learner.ask(n) == []
    assert learner.log.snapshot().round == 0


# --- stop rules


def test_a_budget_stops_the_asking(example: Any) -> None:
    learner = learner_of(example, stop=("budget(labels=25)",))
    asked = run(learner, example.gold, [10, 10, 10, 10, 10])
    assert [len(batch) for batch in asked] == [10, 10, 10, 0, 0]
    assert learner.stopped == "the budget of 25 is spent"


def test_a_target_stops_the_asking_and_names_its_weakness(example: Any) -> None:
    learner = learner_of(example, stop=("target(accuracy=0.2)", "budget(labels=1000)"))
    asked = run(learner, example.gold, [60, 10, 10])
    assert [len(batch) for batch in asked] == [60, 0, 0]
    assert "asked items are not the typical ones" in str(learner.stopped)


def test_settled_predictions_stop_the_asking(example: Any) -> None:
    learner = learner_of(example, stop=("stabilising(threshold=0.6, window=2)",))
    sizes = [len(batch) for batch in run(learner, example.gold, [60, *[1] * 8])]
    assert sizes[:4] == [60, 1, 1, 0], "three models are two pairs"
    assert "predictions have settled: the last 3 models agree by kappa" in str(learner.stopped)


def test_an_unknown_stop_rule_is_told_at_once(example: Any) -> None:
    with pytest.raises(ConfigError, match="did you mean 'stabilising'"):
        learner_of(example, stop=("stabilizing",))


# --- pools of one's own arrays

IDS = [f"i{row:03d}" for row in range(90)]
EMBEDDINGS = np.eye(3)[np.arange(90) % 3] * 4 + stream(1).normal(size=(90, 3))
LABELS = {one: "abc"[row % 3] for row, one in enumerate(IDS)}


def test_given_embeddings_are_learned_from() -> None:
    learner = ActiveLearner(Pool.from_views(IDS, embeddings=EMBEDDINGS), Choice(("a", "b", "c")))
    asked = run(learner, LABELS, [9, 9, 9])
    assert len({one for batch in asked for one in batch}) == 27
    proba = learner.model.view("proba", learner.log.snapshot().items)
    assert np.mean([LABELS[one] == "abc"[column] for one, column in zip(IDS, proba.argmax(axis=1), strict=True)]) > 0.9


def test_batches_of_given_embeddings_can_be_replayed_too() -> None:
    pool = Pool.from_views(IDS, embeddings=EMBEDDINGS)
    learner = ActiveLearner(pool, Choice(("a", "b", "c")), Recipe(strategy="badge"))
    run(learner, LABELS, [9, 9])
    fresh = Workshop(ViewStore(None))
    fresh.given["given"] = GivenStart({pool.items.digest: EMBEDDINGS})
    events = [event for event in learner.log.events() if isinstance(event, Asked)]
    again = [
        propose(learner.log.snapshot(event.position), learner.recipe, seed=0, n=9, workshop=fresh) for event in events
    ]
    assert [found.selection.ids for found in again] == [event.ids for event in events]


def test_labels_that_come_with_the_pool_count_as_answers() -> None:
    known = {one: LABELS[one] for one in IDS[:12]}
    learner = ActiveLearner(Pool.from_views(IDS, embeddings=EMBEDDINGS, labelled=known), Choice(("a", "b", "c")))
    assert learner.model.settings["labelled"] == 12
    assert not {item.id for item in learner.ask(500)} & set(known)


def test_labelled_ids_without_their_labels_are_an_error() -> None:
    pool = Pool.from_views(IDS, embeddings=EMBEDDINGS, labelled=IDS[:12])
    with pytest.raises(NeedsError, match=r"pass labelled=\{id: label\}"):
        ActiveLearner(pool, Choice(("a", "b", "c")))


def test_a_task_by_name_needs_labels_in_the_pool(example: Any) -> None:
    with pytest.raises(ConfigError, match="has no labels: none were declared"):
        ActiveLearner(example.fresh(), "choice")
    assert ActiveLearner(Pool(example.pool), "choice", Recipe(start="lexical")).task.labels == example.task.labels
