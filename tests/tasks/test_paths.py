"""Best paths against all paths written out."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from tithe.ragged import Ragged
from tithe.rng import stream
from tithe.tasks.paths import best_paths, n_best


def legal(path: tuple[int, ...]) -> bool:
    return all(not (at and at % 2 == 0) or before in (at, at - 1) for before, at in zip((0, *path), path, strict=False))


def all_paths(scores: np.ndarray, links: np.ndarray | None = None) -> dict[tuple[int, ...], float]:
    """The score of each path of a sentence (t, C): of the legal ones, or linked by (C, C)."""
    found = {}
    for path in product(range(scores.shape[1]), repeat=len(scores)):
        total = sum(scores[at, column] for at, column in enumerate(path))
        if links is not None:
            total += sum(links[a, b] for a, b in zip((0, *path), path, strict=False))
        if links is not None or legal(path):
            found[path] = float(total)
    return found


def sentences(seed: int, labels: int) -> Ragged:
    rng = stream(seed, "paths")
    rows = [np.log(rng.dirichlet(np.full(1 + 2 * labels, 0.5), int(n))) for n in rng.integers(0, 5, 12)]
    return Ragged.of(rows)


@pytest.mark.parametrize(("seed", "labels"), [(0, 1), (1, 2), (2, 2), (3, 1)])
def test_the_best_path_is_the_best_of_all_legal_ones(seed: int, labels: int) -> None:
    rows = sentences(seed, labels)
    path, score = best_paths(rows)
    for at in range(len(rows)):
        every = all_paths(rows.row(at))
        assert score[at] == pytest.approx(max(every.values()))
        assert every[tuple(path.row(at).tolist())] == pytest.approx(score[at])


@pytest.mark.parametrize("seed", [4, 5])
def test_learned_transitions_count_and_may_forbid(seed: int) -> None:
    rows = sentences(seed, 2)
    links = stream(seed, "links").standard_normal((5, 5)) * 2
    links[0, 2] = links[3, 2] = -np.inf
    path, score = best_paths(rows, links)
    for at in range(len(rows)):
        every = all_paths(rows.row(at), links)
        assert score[at] == pytest.approx(max(every.values()))
        assert every[tuple(path.row(at).tolist())] == pytest.approx(score[at])


@pytest.mark.parametrize(("seed", "k"), [(6, 1), (7, 3), (8, 200)])
def test_the_k_best_paths_are_those_of_all_legal_ones(seed: int, k: int) -> None:
    rows = sentences(seed, 2)
    found = n_best(rows, k)
    assert found.shape == (len(rows), k)
    for at in range(len(rows)):
        every = sorted(all_paths(rows.row(at)).values(), reverse=True)[:k]
        assert found[at, : len(every)] == pytest.approx(every)
        assert np.all(found[at, len(every) :] == -np.inf)


def test_the_best_of_the_k_best_is_the_best_path() -> None:
    rows = sentences(9, 2)
    assert n_best(rows, 2)[:, 0] == pytest.approx(best_paths(rows)[1])


def test_equal_scores_give_no_entity_and_no_rows_give_none() -> None:
    flat = Ragged.of([np.zeros((3, 5)), np.zeros((0, 5))])
    path, score = best_paths(flat)
    assert path.values.tolist() == [0, 0, 0]
    assert score.tolist() == [0.0, 0.0]
    empty = flat[[]]
    assert len(best_paths(empty)[0]) == 0
    assert n_best(empty, 2).shape == (0, 2)
