import numpy as np

from tithe.rng import stream
from tithe.strategies.greedy import lazy_greedy


def eager(sets, n):
    """Greedy maximum coverage as in a textbook; of equal gains the first."""
    covered, picks, scores = np.zeros(sets.shape[1], bool), [], []
    while len(picks) < n:
        gains = (sets & ~covered).sum(axis=1)
        best = int(gains.argmax())
        if gains[best] == 0:
            break
        picks.append(best)
        scores.append(float(gains[best]))
        covered |= sets[best]
    return picks, scores


def test_lazy_evaluation_makes_the_picks_of_the_textbook():
    for number in range(30):
        sets = stream(number, "sets").random((400, 300)) < 0.03
        covered, asked = np.zeros(300, bool), []

        def now(rows, sets=sets, covered=covered, asked=asked):
            asked.append(len(rows))
            return (sets[rows] & ~covered).sum(axis=1)

        def take(row, sets=sets, covered=covered):
            covered |= sets[row]

        assert lazy_greedy(sets.sum(axis=1), now, take, 40) == eager(sets, 40)
        assert sum(asked) < 40 * 400 / 2


def test_it_stops_where_nothing_gains():
    assert lazy_greedy(np.zeros(3), lambda rows: np.zeros(len(rows)), lambda row: None, 2) == ([], [])
