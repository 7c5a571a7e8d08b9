"""The chain against sums over all paths, one by one."""

from __future__ import annotations

from itertools import pairwise, product

import numpy as np
import pytest

from tithe.models.chain import Chain, fit_chain
from tithe.models.solver import Basis
from tithe.ragged import Ragged

LENGTHS = (3, 1, 0, 4)
TAGS = 3


@pytest.fixture
def rows() -> Ragged:
    rng = np.random.default_rng(0)
    return Ragged.of([rng.standard_normal((length, TAGS)).astype(np.float32) for length in LENGTHS])


PAIRS = np.array([[0.5, -1, 2], [0, 0.3, -2], [1, 1, -0.5]], np.float32)


def by_hand(logits: np.ndarray) -> tuple[dict[tuple[int, ...], float], float]:
    """The score of each path of a sentence, and the logarithm of the sum of their exponentials."""
    scores = {}
    for path in product(range(TAGS), repeat=len(logits)):
        steps = sum(PAIRS[a, b] for a, b in pairwise(path))
        scores[path] = float(sum(logits[at, tag] for at, tag in enumerate(path)) + steps)
    return scores, float(np.logaddexp.reduce(list(scores.values())))


def test_marginals_are_the_sums_over_all_paths(rows: Ragged) -> None:
    given = rows.with_values(Chain.of(rows).marginals(rows.values, PAIRS))
    for at in range(len(rows)):
        scores, total = by_hand(rows.row(at))
        wanted = np.zeros((len(rows.row(at)), TAGS))
        for path, score in scores.items():
            wanted[np.arange(len(path)), list(path)] += np.exp(score - total)
        np.testing.assert_allclose(given.row(at), wanted, atol=1e-5)


def test_the_loss_is_that_of_the_paths_and_its_slopes_are_right(rows: Ragged) -> None:
    rng = np.random.default_rng(1)
    targets = rng.integers(TAGS, size=len(rows.values))
    sample = np.repeat([1.0, 0.5, 1.0, 0.25], LENGTHS).astype(np.float32)
    chain = Chain.of(rows)
    value, slope, pair_slope = chain.loss(rows.values, PAIRS, targets, sample)
    wanted = 0.0
    for at, weight in enumerate((1.0, 0.5, 1.0, 0.25)):
        scores, total = by_hand(rows.row(at))
        wanted += weight * (total - scores[tuple(rows.with_values(targets).row(at).tolist())])
    assert value == pytest.approx(wanted, rel=1e-5)
    away = rng.standard_normal(rows.values.shape).astype(np.float32)
    aside = rng.standard_normal(PAIRS.shape).astype(np.float32)
    step = 1e-2
    ahead, behind = (
        chain.loss(rows.values + sign * step * away, PAIRS + sign * step * aside, targets, sample)[0]
        for sign in (1, -1)
    )
    along = float(np.vdot(slope, away) + np.vdot(pair_slope, aside))
    assert (ahead - behind) / (2 * step) == pytest.approx(along, rel=1e-2)


def test_a_long_sentence_neither_overflows_nor_fades() -> None:
    rng = np.random.default_rng(2)
    rows = Ragged.of([30 * rng.standard_normal((2000, TAGS)).astype(np.float32)])
    given = Chain.of(rows).marginals(rows.values, PAIRS)
    assert np.isfinite(given).all()
    np.testing.assert_allclose(given.sum(axis=1), 1, atol=1e-5)


def test_transitions_say_what_a_token_alone_cannot() -> None:
    """Tags alternate and the features say nothing but where the sentence begins."""
    sentences = [np.array([0, 1] * 4) for _ in range(30)]
    features = [np.eye(8, 4, dtype=np.float32)[:, :1] for _ in sentences]
    targets, points = Ragged.of(sentences), np.concatenate(features)
    basis = Basis.of(points - points.mean(axis=0))
    fitted, pairs = fit_chain(
        basis.coordinates,
        basis.spectrum,
        targets,
        2,
        penalty=0.1,
        sample=np.ones(len(points), np.float32),
        tolerance=1e-3,
    )
    proba = Chain.of(targets).marginals(fitted.logits(basis.coordinates), pairs)
    assert (proba.argmax(axis=1) == targets.values).all()
    assert pairs[0, 1] > pairs[0, 0]
    assert pairs[1, 0] > pairs[1, 1]


def test_no_tokens_at_all() -> None:
    rows = Ragged(np.zeros((0, TAGS), np.float32), np.zeros(3, np.int64))
    assert Chain.of(rows).marginals(rows.values, PAIRS).shape == (0, TAGS)
