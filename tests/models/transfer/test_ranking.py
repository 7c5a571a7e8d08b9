"""Ranking starts by few labels: the probe, its errors, and what it says of real starts."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tithe
from tithe import Choice, Examples, Items, Pool
from tithe.errors import ConfigError, LabelError, UnknownNameError
from tithe.models.given import GivenStart
from tithe.models.transfer.probe import Probe, held_out_folds, probe, standard_error
from tithe.models.transfer.ranking import Judged, Ranking, rank_starts
from tithe.rng import stream
from tithe.views import ViewStore

sys.path.insert(0, str(Path(__file__).parent))
import tiny


@pytest.fixture(scope="module")
def random_encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.encoder(tmp_path_factory.mktemp("starts") / "random")


@pytest.fixture(scope="module")
def head(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.encoder(tmp_path_factory.mktemp("starts") / "head", labels=["one", "two", "three"])


def made(n: int = 40, *, signal: float = 3.0) -> tuple[Choice, Examples, GivenStart, GivenStart]:
    """Two classes, a start whose embeddings hold them, and one of noise."""
    draw = stream(0, "made")
    labels = ["a" if bit else "b" for bit in draw.random(n) < 0.5]
    items = Items([str(one) for one in range(n)], [f"text {one}" for one in range(n)])
    noise = draw.normal(size=(n, 8))
    held = noise.copy()
    held[:, 0] += signal * np.array([label == "a" for label in labels])
    starts = [GivenStart({items.digest: array.astype(np.float32)}) for array in (held, noise)]
    return Choice(("a", "b")), Examples(items, labels), starts[0], starts[1]


def test_folds_are_the_same_for_the_same_seed_and_hold_out_each_row_once_a_repeat() -> None:
    labels = ["a"] * 20 + ["b"] * 9 + ["c"]
    folds = held_out_folds(Choice(("a", "b", "c")), labels, seed=3, repeats=2)
    again = held_out_folds(Choice(("a", "b", "c")), labels, seed=3, repeats=2)
    assert [one.tolist() for one in folds] == [one.tolist() for one in again]
    assert len(folds) == 10
    for repeat in (folds[:5], folds[5:]):
        assert sorted(np.concatenate(repeat).tolist()) == list(range(29))  # the only c always trains
        for rows in repeat:
            assert sum(row >= 20 for row in rows) in (1, 2)


def test_the_error_of_repeated_folds_is_that_of_bouckaert_and_frank() -> None:
    # Their r-times-k-fold corrected t: mean over j of x / sqrt((1 / (k r) + n2 / n1) var).
    scores = stream(0, "scores").random(20)
    assert standard_error(scores, 0.25) == pytest.approx(np.sqrt((1 / 20 + 10 / 40) * np.var(scores, ddof=1)))


def test_the_interval_of_a_lead_is_students() -> None:
    a, b = (Probe("accuracy", stream(seed, "folds").random(20), np.zeros(20), 0.25) for seed in (1, 2))
    lead, low, high = a.lead(b)
    assert lead == pytest.approx((a.scores - b.scores).mean())
    assert (high - low) / 2 == pytest.approx(2.0930240544 * standard_error(a.scores - b.scores, 0.25))
    assert a.lead(a) == (0.0, 0.0, 0.0)


def test_the_probe_sees_a_signal_and_no_more_than_chance_in_noise() -> None:
    task, examples, held, noise = made()
    folds = held_out_folds(task, examples.labels, seed=0, repeats=2)
    good, poor = (probe(task, examples, start, folds) for start in (held, noise))
    assert good.score > 0.85 > 0.75 > poor.score
    assert good.loss < poor.loss
    assert good.lead(poor)[1] > 0
    assert poor.lead(good)[2] < 0


def test_a_metric_may_be_chosen_and_must_be_one() -> None:
    task, examples, held, _ = made()
    folds = held_out_folds(task, examples.labels, seed=0, repeats=1)
    assert probe(task, examples, held, folds, metric="f1_macro").metric == "f1_macro"
    with pytest.raises(ConfigError, match="no metric 'f2'"):
        probe(task, examples, held, folds, metric="f2")


def test_real_starts_on_the_example(example: Any, random_encoder: Path, head: Path) -> None:
    names = [str(random_encoder), "minilm", str(head), "lexical"]
    found = rank_starts(Pool(example.pool, task=example.task), names, labels_used=60)
    order = [one.start for one in found.rows]
    assert order.index("minilm") < order.index(str(random_encoder))
    by_name = {one.start: one for one in found.rows}
    assert by_name["minilm"].logme > by_name[str(random_encoder)].logme
    assert by_name["minilm"].leep is None
    assert by_name[str(head)].leep is not None
    assert by_name[str(head)].leep < 0
    assert str(random_encoder) not in found.level
    again = tithe.rank_starts(Pool(example.pool), ["lexical"], task="choice", labels_used=60)  # alone as in company
    assert again.rows[0].probe.scores.tolist() == by_name["lexical"].probe.scores.tolist()
    assert again.rows[0].logme == by_name["lexical"].logme
    said = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert [one["start"] for one in said["starts"]] == order
    assert said["labels"] == 60


def test_label_sets_are_ranked_by_f1(example: Any, random_encoder: Path) -> None:
    gold = [frozenset({str(label)}) for label in example.pool.gold]
    items = Items(example.pool.ids, example.pool.texts, gold)
    task = tithe.MultiLabel(example.task.labels)
    found = rank_starts(Pool(items, task=task), [str(random_encoder), "minilm"], labels_used=80)
    assert [one.start for one in found.rows] == ["minilm", str(random_encoder)]
    assert found.rows[0].probe.metric == "f1_micro"


def test_spans_are_ranked_by_their_tokens(random_encoder: Path) -> None:
    draw = stream(4, "spans")
    names = ("Ann", "Bob", "Eve", "Tom")
    texts, gold = [], []
    for _ in range(30):
        name = names[int(draw.integers(4))]
        texts.append(f"we saw {name} there {int(draw.integers(100))}")
        gold.append((tithe.Span(7, 7 + len(name), "PER"),))
    items = Items([str(one) for one in range(30)], texts, gold)
    found = rank_starts(Pool(items, task=tithe.Spans(("PER",))), ["minilm", str(random_encoder)])
    assert found.rows[0].probe.metric == "entity_f1"
    assert all(np.isfinite(one.logme) and one.leep is None for one in found.rows)
    assert found.to_json()["starts"][0]["log_loss"] is None


def test_starts_that_score_the_same_are_told_so() -> None:
    scores = stream(0, "folds").random(20)

    def judged(name: str, less: float = 0.0) -> Judged:
        return Judged(name, Probe("accuracy", scores - less, np.zeros(20), 0.25), 0.0, None, 1.0)

    advice = Ranking((judged("a"), judged("b")), 60, 2).advice
    assert advice.startswith(
        "a and b cannot be told apart with these 60 labels (both score the same): take the quicker"
    )
    three = Ranking((judged("a"), judged("b"), judged("c"), judged("d", 0.1)), 60, 2).advice
    assert three.startswith("a and b, c cannot be told apart with these 60 labels (all score the same): take")
    assert three.endswith("The other starts are behind.")
    other = Judged("e", Probe("accuracy", scores[::-1], np.zeros(20), 0.25), 0.0, None, 1.0)
    mixed = Ranking((judged("a"), other), 60, 2).advice
    assert "which covers 0): take the quicker one" in mixed


def test_a_string_of_starts_is_refused() -> None:
    pool = Pool(Items(["1", "2"], ["x", "y"], ["a", "b"]), task=Choice(("a", "b")))
    with pytest.raises(ConfigError, match=r"a list of names, such as \['minilm', 'lexical'\]; given the string"):
        rank_starts(pool, "minilm,lexical")


def test_labels_that_are_all_alike_and_an_open_task_are_refused() -> None:
    items = Items([str(one) for one in range(12)], [f"text {one}" for one in range(12)], ["a"] * 12)
    with pytest.raises(LabelError, match="all 12 labels are alike"):
        rank_starts(Pool(items, task=Choice(("a", "b"))), ["lexical"])
    with pytest.raises(ConfigError, match="declares no task"):
        rank_starts(Pool(items), ["lexical"])
    with pytest.raises(UnknownNameError, match="lexcal"):
        rank_starts(Pool(items, task=Choice(("a", "b"))), ["lexcal"], store=ViewStore(None))
