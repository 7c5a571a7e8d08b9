import numpy as np
import pytest

from tithe.pool import Pool
from tithe.rng import stream
from tithe.strategies import badge
from tithe.strategies.badge import Badge, _Gradients, _minus_guess
from tithe.tasks.multilabel import MultiLabel


def made(count, width, classes, *path):
    rng = stream(0, "badge", *path)
    return rng.standard_normal((count, width)), rng.dirichlet(np.ones(classes), count)


def explicit(embeddings, proba):
    """(N, C d): the gradients written out."""
    errors = proba - np.eye(proba.shape[1])[proba.argmax(axis=1)]
    return np.einsum("nc,nd->ncd", errors, embeddings).reshape(len(proba), -1)


@pytest.mark.parametrize("classes", [2, 5])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_factorised_distances_are_those_of_the_explicit_gradients(classes, dtype):
    embeddings, proba = (array.astype(dtype) for array in made(50, 7, classes, "distances"))
    written = explicit(embeddings, proba)
    gradients = _Gradients(embeddings, proba, np.arange(50), minus_guess=_minus_guess)
    assert gradients.norms == pytest.approx((written**2).sum(axis=1), rel=1e-5)
    centres = np.array([3, 17, 40])
    expected = ((written[:, None] - written[None, centres]) ** 2).sum(axis=2).min(axis=1)
    given = gradients.gaps(slice(0, 50), *gradients.take(np.arange(50)), centres)
    assert np.abs(given - expected).max() < 1e-5 * expected.max()


def test_the_guessed_label_has_its_minus_one():
    # p = (.7, .3), x = 2: g = (-.6, .6), so the squared norm is .72; without the -1 it would be 2.32.
    gradients = _Gradients(np.array([[2.0]]), np.array([[0.7, 0.3]]), np.arange(1), minus_guess=_minus_guess)
    assert gradients.norms.tolist() == pytest.approx([0.72])


def test_sure_items_keep_their_gradients_in_float64():
    proba = np.array([[1 - 1e-12, 1e-12], [1 - 2e-12, 2e-12]])
    gradients = _Gradients(np.ones((2, 3)), proba, np.arange(2), minus_guess=_minus_guess)
    assert gradients.norms.tolist() == pytest.approx([6e-24, 24e-24], rel=1e-3)


def test_the_first_pick_is_the_longest_gradient_and_scores_are_distances():
    embeddings, proba = made(40, 6, 3, "scores")
    written = explicit(embeddings, proba)
    ids = [f"{row:02d}" for row in range(40)]
    selection = Badge().select(Pool.from_views(ids, embeddings=embeddings, proba=proba), 10, stream(5))
    rows = [int(one) for one in selection.ids]
    assert rows[0] == np.linalg.norm(written, axis=1).argmax()
    assert selection.scores[0] == pytest.approx(np.linalg.norm(written[rows[0]]), rel=1e-5)
    for place in range(1, 10):
        nearest = np.linalg.norm(written[rows[:place]] - written[rows[place]], axis=1).min()
        assert selection.scores[place] == pytest.approx(nearest, rel=1e-4)


def test_later_picks_follow_the_squared_distances():
    embeddings, proba = made(9, 3, 3, "distribution")
    written = explicit(embeddings, proba)
    gaps = ((written[:, None] - written[None]) ** 2).sum(axis=2)
    first = int((written**2).sum(axis=1).argmax())
    second = gaps[first] / gaps[first].sum()
    third = np.zeros(9)
    for j in np.flatnonzero(second):
        nearest = np.minimum(gaps[first], gaps[j])
        third += second[j] * nearest / nearest.sum()
    pool = Pool.from_views([str(row) for row in range(9)], embeddings=embeddings, proba=proba)
    draws = 4000
    counts = np.zeros((3, 9))
    for number in range(draws):
        for place, one in enumerate(Badge().select(pool, 3, stream(number, "draw")).ids):
            counts[place, int(one)] += 1
    assert counts[0, first] == draws
    # 18 shares, each within 4.5 sd of its probability: false alarms under 18 * 7e-6 = 1 in 8000.
    for place, expected in ((1, second), (2, third)):
        assert (np.abs(counts[place] / draws - expected) <= 4.5 * np.sqrt(expected * (1 - expected) / draws)).all()


def test_labelled_items_are_no_centres():
    embeddings, proba = made(30, 4, 3, "labelled")
    ids = [f"{row:02d}" for row in range(30)]
    whole = Pool.from_views(ids, embeddings=embeddings, proba=proba, labelled=ids[:10])
    part = Pool.from_views(ids[10:], embeddings=embeddings[10:], proba=proba[10:])
    assert Badge().select(whole, 8, stream(0)) == Badge().select(part, 8, stream(0))


def test_coinciding_gradients_are_taken_after_everything_else():
    embeddings, proba = (np.concatenate([array] * 3) for array in made(12, 4, 3, "twins"))
    pool = Pool.from_views([f"{row:02d}" for row in range(36)], embeddings=embeddings, proba=proba)
    ids = Badge().select(pool, 36, stream(0)).ids
    assert len({int(one) % 12 for one in ids[:12]}) == 12
    assert len(set(ids)) == 36


def test_one_hot_probabilities_leave_a_uniform_draw():
    pool = Pool.from_views(list("abcdefgh"), embeddings=made(8, 2, 2)[0], proba=np.eye(2)[[0, 1] * 4])
    draws = {Badge().select(pool, 2, stream(number, "one-hot")).ids for number in range(200)}
    assert len({pair[0] for pair in draws}) == 8
    assert Badge().select(pool, 2, stream(0)).scores == (0.0, 0.0)


def test_several_picks_share_one_reading_of_the_matrix(monkeypatch):
    readings = []
    blocks = badge._Gradients.blocks
    monkeypatch.setattr(badge._Gradients, "blocks", lambda self: (readings.append(1), blocks(self))[1])
    embeddings, proba = made(5000, 8, 4, "readings")
    pool = Pool.from_views([str(row) for row in range(5000)], embeddings=embeddings, proba=proba)
    Badge().select(pool, 100, stream(0))
    assert len(readings) < 12


def test_of_label_sets_the_gradients_are_those_of_the_binary_cross_entropy():
    embeddings, _ = made(30, 4, 3, "sets")
    proba = stream(0, "badge", "sets", "proba").random((30, 3)) * 0.98 + 0.01
    logits, weights = np.log(proba / (1 - proba)), np.zeros((4, 3))
    guess = (proba >= 0.5).astype(float)

    def loss(row, change):  # of one item, where its logits move by x @ change
        moved = logits[row] + embeddings[row] @ change
        return float((np.logaddexp(0, moved) - guess[row] * moved).sum())

    def slope(row):  # by central differences
        out = np.empty(weights.size)
        for place in range(weights.size):
            step = weights.copy().ravel()
            step[place] = 1e-5
            step = step.reshape(weights.shape)
            out[place] = (loss(row, step) - loss(row, -step)) / 2e-5
        return out

    written = np.array([slope(row) for row in range(30)])
    ids = [f"{row:02d}" for row in range(30)]
    pool = Pool.from_views(ids, embeddings=embeddings, proba=proba, task=MultiLabel(("a", "b", "c")))
    selection = Badge().select(pool, 8, stream(5))
    rows = [int(one) for one in selection.ids]
    assert rows[0] == np.linalg.norm(written, axis=1).argmax()
    assert selection.scores[0] == pytest.approx(np.linalg.norm(written[rows[0]]), rel=1e-4)
    for place in range(1, 8):
        nearest = np.linalg.norm(written[rows[:place]] - written[rows[place]], axis=1).min()
        assert selection.scores[place] == pytest.approx(nearest, rel=1e-3)
