import numpy as np
import pytest

from tithe.pool import Pool
from tithe.rng import stream
from tithe.strategies.drop_query import DropQuery, disputed

SURE, OTHER, THIRD = [0.8, 0.1, 0.1], [0.1, 0.8, 0.1], [0.1, 0.1, 0.8]


def votes(*counts):
    """(9, N, 3): for each item, the first member votes with a weight that outdoes `count` dissenters."""
    committee = np.empty((9, len(counts), 3))
    for row, count in enumerate(counts):
        for member in range(9):
            # Dissenters are split between two labels, so that the mean stays with the first label.
            committee[member, row] = SURE if member >= count else (OTHER, THIRD)[member % 2]
    return committee


def test_dissent_is_the_share_of_members_that_contradict_the_mean():
    committee = stream(0, "committee").dirichlet(np.ones(3), (7, 60))
    dissent, unsure = disputed(committee, np.arange(60))
    for row in range(60):
        mean = sum(committee[member, row] for member in range(7)) / 7
        against = [member for member in range(7) if committee[member, row].argmax() != mean.argmax()]
        assert dissent[row] == pytest.approx(len(against) / 7)
        assert unsure[row] == pytest.approx(1 - mean.max())


def test_only_disputed_items_are_picked_where_there_are_enough():
    rng = stream(0, "blobs")
    counts = [5] * 40 + [4] * 60  # five of nine is more than half
    home = np.concatenate([np.repeat([0, 1, 2], (20, 12, 8)), np.zeros(60, int)])
    points = 30 * np.eye(3, 5)[home] + rng.standard_normal((100, 5))
    ids = [f"{row:03d}" for row in range(100)]
    pool = Pool.from_views(ids, embeddings=points, committee=votes(*counts))
    selection = DropQuery().select(pool, 3, stream(0))
    picks = [int(one) for one in selection.ids]
    # One a blob, largest first, each the nearest to the mean of its blob's disputed members, by brute force.
    for pick, blob in zip(picks, range(3), strict=True):
        group = np.flatnonzero((home == blob) & (np.arange(100) < 40))
        gaps = np.linalg.norm(points[group] - points[group].mean(axis=0), axis=1)
        assert pick == group[gaps.argmin()]
    assert selection.scores == pytest.approx([5 / 9] * 3)


def test_where_too_few_are_disputed_the_next_most_disputed_fill_up():
    committee = votes(0, 3, 5, 2, 3)
    committee[:, 1] = 0.9 * committee[:, 1] + 0.1 * np.array([0, 1, 0])  # as disputed as the last, and less sure
    pool = Pool.from_views(list("abcde"), embeddings=np.eye(5), committee=committee)
    for n, chosen in ((1, "c"), (2, "bc"), (3, "bce"), (4, "bcde"), (5, "abcde")):
        assert sorted(DropQuery().select(pool, n, stream(0)).ids) == list(chosen)


def test_several_of_one_cluster_come_nearest_first(monkeypatch):
    monkeypatch.setattr("tithe.strategies.drop_query._CLUSTERS", 1)
    points = np.array([[0.0], [7.0], [1.0], [-3.0], [-5.0]])  # mean 0
    pool = Pool.from_views(list("abcde"), embeddings=points, committee=votes(5, 5, 5, 5, 5))
    assert DropQuery().select(pool, 4, stream(0)).ids == ("a", "c", "d", "e")
