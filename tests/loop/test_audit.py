"""The audit schedule: how many items are drawn, which, and when they are shown."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tithe.errors import ConfigError
from tithe.loop.audit import EARLY, MOST, audit_due, draw_reserve, reserve


def shown(share: float, answers: int) -> list[int]:
    """At which answers an audit item is shown."""
    at: list[int] = []
    for n in range(answers):
        if audit_due(n, len(at), share):
            at.append(n + 1)
    return at


@given(st.integers(0, 100_000))
def test_the_reserve_is_a_fifth_and_500_at_most(n: int) -> None:
    assert reserve(n) == min(500, n // 5)
    assert MOST == 500


def test_the_draw_is_uniform() -> None:
    # Each of 10 items is among the 2 drawn by a chance of .2: of 2,000 seeds 400, of deviation 18. Five of them: a
    # right draw fails for fewer than 1 in 100,000 choices of the seeds, ten items together.
    ids = [f"i{n}" for n in range(10)]
    counts = dict.fromkeys(ids, 0)
    for seed in range(2000):
        drawn = draw_reserve(ids, seed)
        assert len(set(drawn)) == 2
        for one in drawn:
            counts[one] += 1
    assert all(310 <= count <= 490 for count in counts.values())


def test_the_draw_does_not_depend_on_the_order_of_the_file() -> None:
    ids = [f"i{n}" for n in range(50)]
    assert draw_reserve(ids, 3) == draw_reserve(ids[::-1], 3) != draw_reserve(ids, 4)


@pytest.mark.parametrize("share", [0.02, 0.1, 0.2, 0.5, 1.0])
def test_audit_items_come_three_times_as_often_until_twenty_are_in(share: float) -> None:
    at, early = shown(share, 3000), max(share, min(3 * share, 0.5))
    assert len([n for n in at if n <= 100]) == pytest.approx(
        min(100, EARLY / early) * early + share * max(0, 100 - EARLY / early), abs=1
    )
    assert at[EARLY - 1] == pytest.approx(EARLY / early, abs=1)
    late = [n for n in at if n > EARLY / early]
    assert len(late) == pytest.approx(share * (3000 - EARLY / early), abs=1)


def test_audit_items_are_spread_and_never_first_at_the_usual_share() -> None:
    at = shown(0.1, 1000)
    assert at[:4] == [4, 7, 10, 14]
    assert {b - a for a, b in pairwise(at[20:])} == {10}


def test_no_share_means_no_audit_items_and_a_wrong_one_is_refused() -> None:
    assert shown(0.0, 500) == []
    with pytest.raises(ConfigError, match=r"between 0 and 1; given 1\.5"):
        audit_due(0, 0, 1.5)


def test_a_share_that_was_raised_is_caught_up_with() -> None:
    assert audit_due(100, 20, 0.5)
    assert not audit_due(100, 51, 0.5)
