import numpy as np
import pytest

from tithe import registry
from tithe.errors import ConfigError, NeedsError
from tithe.pool import Pool
from tithe.rng import stream
from tithe.strategies.auto import COVERS, SECOND, Auto
from tithe.strategies.design import Design
from tithe.strategies.typiclust import TypiClust
from tithe.strategies.uncertainty import least_confidence, margin
from tithe.tasks.choice import Choice
from tithe.tasks.multilabel import MultiLabel

COUNT = 1000
IDS = [f"{row:04d}" for row in range(COUNT)]
RNG = stream(0, "auto")
EMBEDDINGS = RNG.standard_normal((COUNT, 5)).astype(np.float32)
PROBA = RNG.dirichlet(np.ones(3), COUNT)


def pool(labelled, *, classes=3, proba=True):
    labels = {one: "abc"[row % classes] for row, one in enumerate(IDS[:labelled])}
    return Pool.from_views(IDS, embeddings=EMBEDDINGS, proba=PROBA if proba else None, labelled=labels)


def test_covers_until_ten_labels_for_each_class_seen():
    selection = Auto().select(pool(18, classes=2), 2, stream(0))
    assert selection.ids == TypiClust().select(pool(18, classes=2), 2, stream(0)).ids
    assert selection.reason == "covering: 18 of 20 typical items"
    assert Auto().select(pool(18, classes=3), 5, stream(0)).reason == "covering: 18 of 30 typical items"


def test_asks_by_margin_once_enough_is_labelled():
    selection = Auto(apart=1.0).select(pool(30), 10, stream(0))
    assert selection.ids == margin().select(pool(30), 10, stream(0)).ids
    assert selection.reason == "margin"


def test_a_batch_across_the_hand_over_is_typical_first_then_margin():
    selection = Auto(apart=1.0).select(pool(20), 25, stream(0))
    typical = TypiClust().select(pool(20), 10, stream(0)).ids
    unsure = [one for one in margin().select(pool(20), 100, stream(0)).ids if one not in typical]
    assert selection.ids == (*typical, *unsure[:15])
    assert selection.reason == "covering: 20 of 30 typical items, then margin for 15"


def test_near_copies_of_an_item_in_the_batch_are_passed_over():
    points, proba = EMBEDDINGS.copy(), PROBA.copy()
    first, second, third = (IDS.index(one) for one in margin().select(pool(30), 3, stream(0)).ids)
    points[second] = 1.01 * points[first]
    labels = {one: "abc"[row % 3] for row, one in enumerate(IDS[:30])}
    twins = Pool.from_views(IDS, embeddings=points, proba=proba, labelled=labels)
    assert IDS[second] in Auto(apart=1.0).select(twins, 3, stream(0)).ids
    selection = Auto(apart=0.999).select(twins, 2, stream(0))
    assert selection.ids == (IDS[first], IDS[third])


def test_copies_fill_a_batch_that_distinct_items_cannot():
    labels = {"a": "x", "b": "y"}
    same = Pool.from_views(list("abcdef"), embeddings=np.ones((6, 2)), proba=np.full((6, 2), 0.5), labelled=labels)
    assert set(Auto(share=0.0).select(same, 4, stream(0)).ids) == set("cdef")


def test_the_parts_of_a_batch_never_overlap_even_when_it_takes_all():
    assert sorted(Auto().select(pool(20), COUNT, stream(0)).ids) == IDS[20:]


def test_a_twentieth_of_a_small_pool_is_enough():
    small = Pool.from_views(IDS[:101], embeddings=EMBEDDINGS[:101], proba=PROBA[:101], labelled={"0000": "a"})
    assert Auto().enough(small) == 6


def test_covers_all_the_way_without_a_model():
    selection = Auto().select(pool(50, proba=False), 7, stream(0))
    assert selection.ids == TypiClust().select(pool(50, proba=False), 7, stream(0)).ids
    assert selection.reason.startswith("covering")


def test_the_cold_part_is_the_covering_one():
    assert Auto().cold == TypiClust()


def test_ids_alone_are_not_enough():
    with pytest.raises(NeedsError, match="labelled"):
        Auto().select(Pool.from_views(IDS, embeddings=EMBEDDINGS, proba=PROBA, labelled=IDS[:5]), 5, stream(0))


def test_settings_come_with_the_name():
    assert registry.build("strategies", "auto(per_class=3, share=0.5)") == Auto(per_class=3, share=0.5)


@pytest.mark.parametrize("settings", [{"per_class": -1}, {"share": 1.5}])
def test_settings_out_of_range_are_an_error(settings):
    with pytest.raises(ConfigError, match="auto takes per_class"):
        Auto(**settings)


@pytest.mark.parametrize("task", SECOND)
def test_second_phases_need_no_view_that_auto_does_not(task):
    assert SECOND[task].needs <= Auto().needs


def test_the_second_phase_follows_the_task(monkeypatch):
    monkeypatch.setitem(SECOND, "choice", least_confidence())
    found = pool(30).with_state(pool(30).answers, (), {}, Choice(("a", "b", "c")))
    assert Auto(apart=1.0).select(found, 10, stream(0)).ids == least_confidence().select(found, 10, stream(0)).ids
    assert Auto(apart=1.0).select(pool(30), 10, stream(0)).ids == margin().select(pool(30), 10, stream(0)).ids


def test_on_label_sets_design_takes_over_at_the_second_batch():
    labels = {one: frozenset("abc"[row % 3]) for row, one in enumerate(IDS[:5])}
    sets = Pool.from_views(IDS, embeddings=EMBEDDINGS, proba=PROBA, labelled=labels, task=MultiLabel(("a", "b", "c")))
    assert Auto().select(sets, 20, stream(0)) == Design().select(sets, 20, stream(0))
    bare = Pool.from_views(IDS, embeddings=EMBEDDINGS, labelled=labels, task=MultiLabel(("a", "b", "c")))
    assert Auto().select(bare, 5, stream(0)).ids == TypiClust().select(bare, 5, stream(0)).ids


def test_tasks_whose_second_phase_covers_have_one():
    assert SECOND.keys() >= COVERS
