"""The multi-label strategies against slow ones written from the papers, item by item."""

import math
import tracemalloc
from itertools import product

import numpy as np
import pytest

from tithe.errors import ConfigError, NeedsError
from tithe.pool import Pool
from tithe.rng import stream
from tithe.strategies.adaptive import Adaptive
from tithe.strategies.cvirs import Cvirs, set_distances
from tithe.strategies.mix import mix
from tithe.strategies.multilabel import Lci, MinConfidence
from tithe.tasks.choice import Choice
from tithe.tasks.multilabel import MultiLabel

LABELS = tuple("uvwxyz")
ALL = (MinConfidence(), Lci(), Adaptive(), Cvirs())


def pool_of(proba, labelled, **more):
    """Ids in the order of the rows; the labelled items come first."""
    ids = [f"{row:04d}" for row in range(len(proba))]
    task = MultiLabel(LABELS[: proba.shape[1]])
    answers = {ids[row]: frozenset(one) for row, one in enumerate(labelled)}
    return Pool.from_views(ids, proba=proba, labelled=answers, **{"task": task, **more})


def drawn_pool(seed, width=6, count=40, labelled=12, grid=8):
    """Probabilities on a coarse grid, so that ties and certainties occur."""
    rng = stream(seed, "multilabel", width)
    proba = rng.integers(0, grid + 1, (count, width)) / grid
    sets = [[one for one in LABELS[:width] if rng.random() < 0.4] for _ in range(labelled)]
    return pool_of(proba, sets), proba, sets


def in_order(scores, ids):
    return sorted(ids, key=lambda one: (-scores[one], one))


# --- oracles: plain Python, a candidate at a time


def slow_lci(pool, proba, sets):
    usual = sum(map(len, sets)) / len(sets)
    return {pool.ids[row]: abs(sum(p >= 0.5 for p in proba[row]) - usual) for row in pool.candidates}


def slow_gap(row):
    inside = [2 * p - 1 for p in row if p >= 0.5] or [1.0]
    outside = [2 * p - 1 for p in row if p < 0.5] or [-1.0]
    return min(inside) - max(outside)


def slow_adaptive(pool, proba, sets, n):
    strange = slow_lci(pool, proba, sets)
    found = None
    for step in range(11):
        b = step / 10
        scores = {
            one: (1 / max(slow_gap(proba[int(one)]), 1e-6)) ** b * max(strange[one], 1e-6) ** (1 - b) for one in strange
        }
        batch = in_order(scores, scores)[:n]
        wrong = math.fsum(min(p, 1 - p) for one in batch for p in proba[int(one)])
        if found is None or wrong > found[0] + 1e-9:
            found = (wrong, batch, scores)
    return found[1], found[2]


def binary(*parts):
    """The entropy of parts of a whole, in bits."""
    whole = sum(parts)
    return -sum(part / whole * math.log2(part / whole) for part in parts if part)


def slow_distance(guess, known):
    """The paper's table of agreement, and the chain rule as it is printed there."""
    width = len(guess)
    a, b, c, d = (sum((g, k) == cell for g, k in zip(guess, known, strict=True)) for cell in product((1, 0), repeat=2))
    if b + c == width:
        return 1.0
    joint = binary(b + c, a + d)
    joint += (b + c) / width * binary(b, c) if b + c else 0
    joint += (a + d) / width * binary(a, d) if a + d else 0
    return 2 - (binary(a + b, c + d) + binary(a + c, b + d)) / joint if joint else 0.0


def slow_cvirs(pool, proba, sets):
    rows, width = list(pool.candidates), proba.shape[1]
    scores = {}
    for row in rows:
        points = 0.0
        for column in range(width):
            own = abs(2 * proba[row, column] - 1)
            margins = [abs(2 * proba[other, column] - 1) for other in rows]
            rank = sum(one < own for one in margins) + (sum(one == own for one in margins) + 1) / 2
            points += (len(rows) - rank) / (width * (len(rows) - 1))
        guess = [int(p >= 0.5) for p in proba[row]]
        far = [slow_distance(guess, [int(one in known) for one in LABELS[:width]]) for known in sets]
        scores[pool.ids[row]] = points * max(sum(far) / len(far), 1e-6)
    return scores


def agrees(selection, scores):
    """The same scores, and an order that follows them but for what rounding cannot tell apart."""
    assert selection.scores == pytest.approx([scores[one] for one in selection.ids], rel=1e-9, abs=1e-12)
    expected = [scores[one] for one in in_order(scores, scores)][: len(selection.ids)]
    assert selection.scores == pytest.approx(expected, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("width", [1, 2, 6])
def test_lci_min_confidence_and_cvirs_are_those_of_the_papers(seed, width):
    pool, proba, sets = drawn_pool(seed, width)
    n = len(pool.candidates)
    agrees(Cvirs().select(pool, n, stream(0)), slow_cvirs(pool, proba, sets))
    lci = slow_lci(pool, proba, sets)
    assert list(Lci().select(pool, 9, stream(0)).ids) == in_order(lci, lci)[:9]
    least = {pool.ids[row]: 1 - min(max(p, 1 - p) for p in proba[row]) for row in pool.candidates}
    assert list(MinConfidence().select(pool, 9, stream(0)).ids) == in_order(least, least)[:9]


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("n", [1, 6, 28])
def test_adaptive_takes_the_exponent_whose_batch_has_the_most_expected_errors(seed, n):
    pool, proba, sets = drawn_pool(seed, grid=997)
    batch, scores = slow_adaptive(pool, proba, sets, n)
    selection = Adaptive().select(pool, n, stream(0))
    assert list(selection.ids) == batch
    assert selection.scores == pytest.approx([scores[one] for one in batch])


def test_the_exponent_does_change_from_pool_to_pool():
    reasons = {Adaptive().select(drawn_pool(seed, grid=997)[0], 5, stream(0)).reason for seed in range(12)}
    assert len(reasons) > 2


def test_distances_of_sets_by_hand():
    # {a} of four labels against itself, against all others, and against {a, b}: H(a) = 0.811, H(a, b) = 1, and
    # the pairs of entries fall into parts of 1/4, 1/4 and 1/2, so that their entropy is 1.5
    found = set_distances(np.array([1, 3, 2]), np.array([1, 1, 1]), np.array([1, 0, 1]), 4)
    assert found == pytest.approx([0, 1, 2 - (0.8112781245 + 1) / 1.5])


def test_many_different_sets_do_not_change_with_the_blocks(monkeypatch):
    pool, _, _ = drawn_pool(3, count=400, labelled=90)
    whole = [one.select(pool, 310, stream(0)) for one in ALL]
    for home in ("multilabel", "cvirs"):
        monkeypatch.setattr(f"tithe.strategies.{home}.block_rows", lambda width: 7)
    for one, before in zip(ALL, whole, strict=True):
        after = one.select(pool, 310, stream(0))
        assert after.scores == pytest.approx(before.scores, rel=1e-12)
        assert set(after.ids) == set(before.ids)


# --- edges


@pytest.mark.parametrize("strategy", ALL)
def test_all_empty_sets_and_no_label_predicted_still_ask_the_least_sure(strategy):
    proba = np.array([[0.1, 0.1], [0.1, 0.1], [0.2, 0.3], [0.4, 0.45], [0.0, 0.0]])
    selection = strategy.select(pool_of(proba, [[]]), 2, stream(0))
    assert selection.ids == (("0001", "0002") if isinstance(strategy, Lci) else ("0003", "0002"))


@pytest.mark.parametrize("strategy", ALL)
@pytest.mark.parametrize("width", [1, 3])
def test_nothing_labelled_one_candidate_and_none_at_all(strategy, width):
    proba = stream(0, "edge").random((5, width))
    assert len(strategy.select(pool_of(proba, []), 3, stream(0)).ids) == 3
    assert strategy.select(pool_of(proba, [["u"]] * 4), 3, stream(0)).ids == ("0004",)
    assert strategy.select(pool_of(proba, [["u"]] * 5), 3, stream(0)).ids == ()


def test_labels_that_were_never_declared_do_not_count():
    proba = np.array([[0.9, 0.9], [0.9, 0.9], [0.9, 0.1]])
    pool = pool_of(proba, [["u", "strange", "stranger"]])
    assert Lci().select(pool, 2, stream(0)).scores == (1.0, 0.0)


@pytest.mark.parametrize("strategy", ALL[1:])
def test_ids_without_their_labels_are_not_enough(strategy):
    pool = Pool.from_views(["a", "b"], proba=np.array([[0.9, 0.9], [0.2, 0.3]]), labelled=["a"])
    with pytest.raises(NeedsError, match="the labels themselves"):
        strategy.select(pool, 1, stream(0))


# --- the wrong task


@pytest.mark.parametrize("strategy", ALL)
def test_a_pool_of_another_task_is_refused(strategy):
    proba = np.array([[0.9, 0.1], [0.4, 0.6]])
    pool = Pool.from_views(["a", "b"], proba=proba, task=Choice(("x", "y")))
    with pytest.raises(ConfigError, match="for multilabel tasks, and the pool's task is 'choice'"):
        strategy.select(pool, 1, stream(0))
    with pytest.raises(ConfigError, match="add up to 1, as for a choice"):
        strategy.select(Pool.from_views(["a", "b"], proba=proba), 1, stream(0))


def test_without_a_task_sets_are_counted_but_not_compared():
    proba, labelled = np.array([[0.9, 0.8], [0.4, 0.4], [0.9, 0.3]]), {"a": frozenset({"x", "y"})}
    pool = Pool.from_views(list("abc"), proba=proba, labelled=labelled)
    assert Lci().select(pool, 1, stream(0)).ids == Adaptive().select(pool, 1, stream(0)).ids == ("b",)
    with pytest.raises(ConfigError, match="which column of proba is which label"):
        Cvirs().select(pool, 1, stream(0))


@pytest.mark.parametrize("strategy", ALL[1:])
def test_labels_that_are_no_sets_are_refused(strategy):
    pool = Pool.from_views(["a", "b"], proba=np.array([[0.9, 0.9], [0.2, 0.3]]), labelled={"a": "x"})
    with pytest.raises(ConfigError, match="reads sets of labels, and an item has the label 'x'"):
        strategy.select(pool, 1, stream(0))


def test_a_grid_needs_a_step():
    with pytest.raises(ConfigError, match="steps >= 1; given steps=0"):
        Adaptive(steps=0)


def test_a_mix_is_for_the_tasks_that_all_its_parts_are_for():
    assert mix(margin=1, random=1).tasks is None
    assert mix(margin=1, cvirs=1).tasks == frozenset({"multilabel"})
    assert mix(balanced_margin=1, cvirs=1).tasks == frozenset()


def test_a_large_pool_costs_no_second_matrix():
    rng = stream(0, "memory")
    count, width = 20_000, 60
    names = tuple(f"l{column:02d}" for column in range(width))
    ids = [f"{row:05d}" for row in range(count)]
    proba = rng.random((count, width), dtype=np.float32)
    labelled = {one: frozenset(np.array(names)[rng.random(width) < 0.1].tolist()) for one in ids[:500]}
    pool = Pool.from_views(ids, proba=proba, labelled=labelled, task=MultiLabel(names))
    pool.candidates  # noqa: B018  # sorted ids are the pool's own cost
    for strategy in ALL:
        strategy.select(pool_of(proba[:3, :6], [["u"]]), 1, stream(0))  # imports are not what is measured
        tracemalloc.start()
        try:
            strategy.select(pool, 50, stream(0))
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert peak < 16e6, strategy  # blocks of 4 MB in float64 and vectors; all pairs would be 80 MB and more
