"""The pool: where ids and rows meet."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tithe.errors import ConfigError, DataError, NeedsError, UnknownItemError
from tithe.pool import Pool
from tithe.ragged import Ragged
from tithe.tasks.choice import Choice
from tithe.tasks.spans import Spans
from tithe.types import Items

IDS = ["d", "a", "c", "b"]


def pool_of(**options: Any) -> Pool:
    return Pool(Items(list(IDS), [one * 2 for one in IDS]), **options)


def test_candidates_are_the_rows_not_labelled_and_not_unavailable_in_the_order_of_their_ids() -> None:
    pool = pool_of(labels={"a": "x"}, unavailable=["b"])
    assert [IDS[row] for row in pool.candidates] == ["c", "d"]
    assert pool.open.tolist() == [True, False, True, False]
    assert pool.labelled.tolist() == [1]


@given(st.lists(st.text(max_size=4), unique=True, max_size=12), st.randoms(use_true_random=False))
def test_the_order_of_the_candidates_does_not_depend_on_the_order_of_the_file(ids: list[str], shuffler: Any) -> None:
    other = list(ids)
    shuffler.shuffle(other)
    one, two = Pool(Items(ids, ids)), Pool(Items(other, other))
    assert [ids[row] for row in one.candidates] == [other[row] for row in two.candidates] == sorted(ids)


def test_an_empty_pool_has_no_candidates() -> None:
    pool = Pool(Items([], []))
    assert len(pool) == 0
    assert pool.candidates.tolist() == pool.labelled.tolist() == []
    assert pool.candidates.dtype == np.int64


def test_rows_are_in_the_order_of_the_ids_given() -> None:
    assert pool_of().rows(["b", "d", "a"]).tolist() == [3, 0, 1]


def test_an_unknown_id_is_named() -> None:
    with pytest.raises(UnknownItemError, match="no item 'zz' in this pool of 4 items"):
        pool_of().rows(["a", "zz"])


def test_pick_gives_ids_back_in_the_order_of_the_rows() -> None:
    chosen = pool_of().pick(np.array([3, 0]), np.array([0.9, 0.1]), "because")
    assert (chosen.ids, chosen.scores, chosen.reason, len(chosen)) == (("b", "d"), (0.9, 0.1), "because", 2)


@pytest.mark.parametrize("rows", [[1], [3], [0, 0]])
def test_pick_refuses_a_labelled_a_pending_and_a_double_row(rows: list[int]) -> None:
    with pytest.raises(ConfigError, match="twice, or one that is labelled or pending"):
        pool_of(labels={"a": "x"}, unavailable=["b"]).pick(rows, [0.0] * len(rows))


@pytest.mark.parametrize("row", [-1, 4])
def test_pick_refuses_a_row_that_does_not_exist(row: int) -> None:
    with pytest.raises(ConfigError, match="outside 0 to 3"):
        pool_of().pick([row], [0.0])


def test_pick_refuses_a_number_of_scores_that_is_not_that_of_the_rows() -> None:
    with pytest.raises(ConfigError, match="gave 1 scores for 2 rows"):
        pool_of().pick([0, 1], [0.0])


def test_a_view_is_computed_once_and_only_when_it_is_read() -> None:
    calls: list[int] = []

    def embed() -> Any:
        calls.append(1)
        return np.eye(4)

    pool = pool_of(views={"embeddings": embed})
    assert pool.provides == {"embeddings"}
    assert calls == []
    assert pool.view("embeddings") is pool.view("embeddings")
    assert len(calls) == 1


def test_a_view_that_nothing_provides_is_an_error_that_lists_those_there_are() -> None:
    with pytest.raises(NeedsError, match="'proba' is needed and nothing here provides it; there are: embeddings"):
        Pool.from_views(["a"], embeddings=np.eye(1)).view("proba")
    with pytest.raises(NeedsError, match="there are: none"):
        Pool.from_views(["a"]).view("proba")


def test_the_next_state_keeps_views_that_are_not_named_anew() -> None:
    pool = pool_of(views={"embeddings": lambda: np.eye(4), "proba": lambda: np.zeros((4, 2))})
    kept, old = pool.view("embeddings"), pool.view("proba")
    after = pool.with_state({"a": "x"}, ["b"], {"proba": lambda: np.ones((4, 2))})
    assert after.view("embeddings") is kept
    assert after.view("proba").sum() == 8
    assert pool.view("proba") is old
    assert [IDS[row] for row in after.candidates] == ["c", "d"]
    assert [IDS[row] for row in pool.candidates] == ["a", "b", "c", "d"]
    assert after.labels == ["x"]


def test_labels_stand_in_the_order_of_the_labelled_rows() -> None:
    pool = pool_of(labels={"b": "x", "d": "y"})
    assert [IDS[row] for row in pool.labelled] == ["d", "b"]
    assert pool.labels == ["y", "x"]


def test_ids_alone_give_no_labels() -> None:
    pool = Pool.from_views(IDS, labelled=["a"])
    assert pool.labelled.tolist() == [1]
    with pytest.raises(NeedsError, match="pass labelled="):
        _ = pool.labels


def test_a_pool_without_labelled_items_has_no_labels_and_no_error() -> None:
    assert Pool.from_views(IDS).labels == []
    assert Pool.from_views(IDS, labelled=[]).labels == []


@pytest.mark.parametrize(
    "labelled", [["a", "c"], ("a", "c"), {"a", "c"}, np.array(["a", "c"]), iter(["a", "c"]), {"a": "x", "c": "y"}]
)
def test_the_labelled_may_be_given_as_any_collection_of_ids(labelled: Any) -> None:
    assert Pool.from_views(IDS, labelled=labelled).labelled.tolist() == [1, 2]


def test_numbers_as_ids_become_strings_everywhere() -> None:
    pool = Pool.from_views(np.arange(3), embeddings=np.eye(3), labelled=np.array([1]))  # type: ignore[arg-type]
    assert list(pool.ids) == ["0", "1", "2"]
    assert pool.candidates.tolist() == [0, 2]


def test_a_labelled_id_that_is_not_in_the_pool_is_told_at_once() -> None:
    with pytest.raises(UnknownItemError, match="'zz'"):
        Pool.from_views(IDS, labelled=["zz"])


def test_repeated_ids_are_refused() -> None:
    with pytest.raises(DataError, match="3 given, 2 different"):
        Pool.from_views(["a", "b", "a"])


def bad(shape: tuple[int, ...], at: tuple[int, ...], value: float) -> Any:
    array = np.full(shape, 0.5)
    array[at] = value
    return array


@pytest.mark.parametrize(
    ("views", "words"),
    [
        ({"embeddings": np.eye(3)}, r"embeddings must have the shape \(N, d\) with N = 4; given \(3, 3\)"),
        ({"embeddings": np.zeros(4)}, r"given \(4,\)"),
        ({"embeddings": np.zeros((4, 0))}, "no empty axis"),
        ({"proba": np.zeros((4, 2, 1))}, r"proba must have the shape \(N, C\)"),
        ({"committee": np.zeros((4, 3, 2))}, r"committee must have the shape \(m, N, C\)"),
        ({"committee": np.zeros((0, 4, 2))}, "no empty axis"),
        ({"embeddings": np.array([["x"]] * 4)}, "must hold numbers"),
        ({"embeddings": bad((4, 2), (2, 1), np.nan)}, "embeddings holds NaN or infinity, first in row 2"),
        ({"proba": bad((4, 2), (3, 0), np.inf)}, "first in row 3"),
        ({"committee": bad((5, 4, 2), (3, 1, 0), np.nan)}, "committee holds NaN or infinity, first in row 1"),
    ],
)
def test_an_array_that_is_not_what_it_claims_is_refused(views: dict[str, Any], words: str) -> None:
    with pytest.raises(DataError, match=words):
        Pool.from_views(IDS, **views)


def test_a_bad_row_far_down_a_long_array_is_named() -> None:
    with pytest.raises(DataError, match="first in row 65540"):
        Pool.from_views([str(n) for n in range(70_000)], embeddings=bad((70_000, 1), (65_540, 0), np.nan))


@pytest.mark.parametrize("views", [{"proba": np.ones((4, 3)) / 3}, {"committee": np.ones((2, 4, 3)) / 3}])
def test_columns_that_are_not_those_of_the_declared_labels_are_refused(views: dict[str, Any]) -> None:
    with pytest.raises(DataError, match="each of the 2 declared labels"):
        Pool.from_views(IDS, task=Choice(("x", "y")), **views)


def test_given_arrays_are_the_views_and_are_not_changed() -> None:
    proba = np.array([[0.2, 0.8]] * 4)
    pool = Pool.from_views(IDS, proba=proba, embeddings=np.eye(4))
    assert pool.provides == {"proba", "embeddings"}
    assert (pool.view("proba") == [[0.2, 0.8]] * 4).all()
    assert "4 items, 0 labelled" in repr(pool)


def test_a_pool_without_some_ids_shares_its_views_and_asks_the_others():
    made = []
    pool = Pool(
        Items(["a", "b", "c", "d"], [""] * 4), labels={"a": "x"}, views={"proba": lambda: made.append(1) or np.eye(4)}
    )
    rest = pool.without(["c"]).without(["b"])
    assert rest.candidates.tolist() == [3]
    assert pool.candidates.tolist() == [1, 2, 3]
    assert rest.labels == ["x"]
    assert rest.view("proba") is pool.view("proba")
    assert len(made) == 1
    unknown = Pool.from_views(["a", "b"], labelled=["a"]).without([])
    with pytest.raises(NeedsError):
        _ = unknown.answers


def test_token_marginals_come_as_a_list_of_arrays_or_ragged() -> None:
    marginals = [np.full((2, 3), 1 / 3), np.zeros((0, 3)), np.full((1, 3), 1 / 3)]
    pool = Pool.from_views(list("abc"), proba=marginals, task=Spans(("PER",)))
    assert isinstance(pool.view("proba"), Ragged)
    assert pool.view("proba").lengths.tolist() == [2, 0, 1]
    same = Pool.from_views(list("abc"), proba=Ragged.of(marginals), task=Spans(("PER",)))
    assert same.view("proba").values.shape == (3, 3)
    with pytest.raises(DataError, match=r"one array \(t, C\) for each of N = 2 items; given 3"):
        Pool.from_views(list("ab"), proba=marginals)
    with pytest.raises(DataError, match="each of the 5 tags"):
        Pool.from_views(list("abc"), proba=marginals, task=Spans(("PER", "LOC")))
    with pytest.raises(DataError, match="first in row 2"):
        Pool.from_views(list("abc"), proba=[*marginals[:2], np.array([[0.5, np.nan, 0.5]])])
    with pytest.raises(DataError, match="is a list of arrays"):
        Pool.from_views(list("abc"), proba=np.full((3, 3), 1 / 3), task=Spans(("PER",)))
