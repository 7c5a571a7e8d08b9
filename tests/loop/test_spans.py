"""The loop on spans: cold rounds, answers, a whole simulation, with a tagger that learns honestly."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from tithe import ActiveLearner, Items, Plan, Pool, Recipe, Span, Spans, rank, simulate, train
from tithe.data.reading import read_items
from tithe.errors import ConfigError, LabelError
from tithe.loop import Workshop
from tithe.views import ViewStore

sys.path.insert(0, str(Path(__file__).parent))
from tagger import file_of, register

DATA = Path(__file__).parents[3] / "shared" / "data" / "conll2003"


def learner_of(items: Items, **more: object) -> ActiveLearner:
    labels = sorted({span.label for label in items.gold or () for span in label or ()})
    how = {"start": "lexical", "trainer": "frequencies", "strategy": "mnlp"} | more
    blind = Items(items.ids, items.texts, tokens=items.tokens)
    return ActiveLearner(Pool(blind), Spans(tuple(labels)), Recipe(**how), workshop=Workshop(ViewStore(None)))


@pytest.fixture
def frequencies(monkeypatch: pytest.MonkeyPatch) -> str:
    return register(monkeypatch)


@pytest.fixture
def items(tmp_path: Path) -> Items:
    return read_items(file_of(tmp_path / "train.jsonl", 1, 120), task="spans")


def test_a_round_whose_answers_hold_one_tag_alone_is_cold(items: Items, frequencies: str) -> None:
    learner = learner_of(items)
    gold = dict(zip(items.ids, items.gold, strict=True))
    silent = [one for one in items.ids if not gold[one]][:5]
    learner.tell(dict.fromkeys(silent, ()))
    assert len(learner.ask(3)) == 3
    assert learner.history[-1].reason == (
        "cold start: answers with two tags are needed for a model, and there are only 'O'"
    )
    with pytest.raises(LabelError, match="no model yet"):
        _ = learner.model
    speaking = next(one for one in items.ids if gold[one])
    learner.tell({speaking: gold[speaking]})
    learner.ask(3)
    assert "cold" not in learner.history[-1].reason
    assert learner.history[-1].cost == sum(len(items[items.ids.index(one)].tokens) for one in [*silent, speaking])


def test_asking_and_telling_learns_to_tag(items: Items, frequencies: str) -> None:
    learner = learner_of(items)
    gold = dict(zip(items.ids, items.gold, strict=True))
    for _ in range(6):
        asked = learner.ask(10)
        assert all(one.tokens is not None for one in asked)
        learner.tell({one.id: gold[one.id] for one in asked})
    output = learner.model.view("proba", items)
    scores = learner.task.score(list(items.gold), output, learner.model.decide(output))
    assert scores["entity_f1"] > 0.9


@pytest.mark.parametrize(
    ("label", "message"),
    [
        ("PER", "is no tuple of spans"),
        ((Span(0, 2, "DATE"),), "'DATE' is not a label"),
        ((Span(0, 999, "PER"),), "ends behind the text of 's1-0000'"),
    ],
)
def test_wrong_answers_are_refused_in_whole(items: Items, frequencies: str, label: object, message: str) -> None:
    learner = learner_of(items)
    with pytest.raises(LabelError, match=message):
        learner.tell({items.ids[1]: (), items.ids[0]: label})
    assert not learner.log.snapshot().labels


def test_a_strategy_that_cannot_read_tokens_is_refused_before_any_work(items: Items, frequencies: str) -> None:
    with pytest.raises(ConfigError, match="'badge' is for choice and multilabel only, and the task is spans"):
        learner_of(items, strategy="badge").ask(3)


def test_cold_orders_and_plain_training_work(items: Items, frequencies: str) -> None:
    store = ViewStore(None)
    assert len(rank(Pool(items), "k_center", 5, start="lexical", store=store).ids) == 5
    model = train(Pool(items), Spans(("LOC", "PER")), trainer="frequencies", start="lexical", store=store)
    assert model.decide(model.view("proba", items))[0] == items.gold[0]


def plan_of(folder: Path, **more: object) -> Plan:
    how = {"strategies": ("random", "mnlp", "auto"), "budgets": (3, 10, 30), "seeds": 2} | more
    train, test = file_of(folder / "train.jsonl", 1, 120), file_of(folder / "test.jsonl", 2, 40)
    return Plan(str(train), str(test), task="spans", trainers=("frequencies",), starts=("lexical",), **how)


def test_a_simulation_has_the_metrics_of_spans_and_counts_tokens(tmp_path: Path, frequencies: str) -> None:
    results = simulate(plan_of(tmp_path), tmp_path / "out", engine="inline", export=tmp_path / "rounds")
    rows = results.rounds.to_pylist()
    assert results.summary["metric"] == "entity_f1"
    names = {"entity_f1", "entity_precision", "entity_recall", "entity_f1_overlap", "token_accuracy"}
    assert names <= set(results.rounds.column_names)
    full = [row for row in rows if row["strategy"] == "full"]
    assert full[0]["entity_f1"] > 0.95
    test = read_items(tmp_path / "test.jsonl", task="spans")
    for row in rows:
        assert row["cost"] > row["labelled"]
        right = np.unpackbits(np.frombuffer(row["test_correct"], np.uint8), count=row["test_items"])
        if row["cold"]:  # the constant guess is no entity: right where there is none
            assert row["entity_f1"] == 0.0
            assert right.tolist() == [not label for label in test.gold or ()]
    assert (tmp_path / "out" / "report.html").is_file()
    assert list((tmp_path / "rounds").rglob("pool.csv"))


@pytest.mark.data
def test_conll_sentences_go_through_the_loop(tmp_path: Path, frequencies: str) -> None:
    if not DATA.is_dir():
        pytest.skip(f"{DATA} is not there")
    items = read_items(DATA / "valid.parquet", task="spans").take(np.arange(300))
    learner = learner_of(items)
    gold = dict(zip(items.ids, items.gold or (), strict=True))
    for _ in range(3):
        learner.tell({one.id: gold[one.id] for one in learner.ask(40)})
    output = learner.model.view("proba", items)
    assert learner.task.score(list(gold.values()), output)["entity_f1"] > 0.3


def test_people_may_be_asked_for_a_cost(items: Items, frequencies: str) -> None:
    learner = learner_of(items)
    asked = learner.ask(cost=50)
    paid = [learner.task.cost(one) for one in asked]
    assert sum(paid) >= 50 > sum(paid[:-1])
    with pytest.raises(ConfigError, match="cost must be 0 or more, and takes the place of n; given cost=5 and n=2"):
        learner.ask(2, cost=5)


def test_stop_rules_see_the_rounds_of_spans(items: Items, frequencies: str) -> None:
    learner = learner_of(items, stop=("stabilising(threshold=0.5, window=1)",))
    gold = dict(zip(items.ids, items.gold, strict=True))
    for _ in range(8):
        learner.tell({one.id: gold[one.id] for one in learner.ask(10)})
    assert "predictions have settled" in (learner.stopped or "")


def test_the_stop_set_is_compared_token_by_token(items: Items, frequencies: str) -> None:
    learner = learner_of(items, stop=("stabilising(threshold=0.99, window=1)",))
    gold = dict(zip(items.ids, items.gold, strict=True))
    for _ in range(3):
        learner.tell({item.id: gold[item.id] for item in learner.ask(30)})
    learner.ask(1)
    guesses = learner.history[-1].guesses
    assert guesses is not None
    assert guesses.shape == (sum(len(one) for one in items.tokens or ()),), "the stop set is the whole of a small pool"
    assert set(np.unique(guesses)) <= set(range(len(learner.task.tags)))
