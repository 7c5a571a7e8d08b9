import numpy as np
import pytest
from sklearn import metrics

from tithe.errors import DataError, LabelError
from tithe.rng import stream
from tithe.tasks.multilabel import MultiLabel, anls

LABELS = ("cs.AI", "cs.LG", "math.CO", "math.PR", "physics")
TASK = MultiLabel(LABELS)


def made(rows=200):
    rng = stream(3, "multilabel")
    truth = rng.random((rows, 5)) < [0.5, 0.3, 0.2, 0.1, 0.3]
    proba = np.clip(0.35 * truth + 0.8 * rng.random((rows, 5)), 0, 1).astype(np.float32)
    return truth, proba, [frozenset(np.array(LABELS)[row].tolist()) for row in truth]


def test_every_metric_equals_scikit_learns():
    truth, proba, labels = made()
    guess = proba >= 0.5
    scores = TASK.score(labels, proba)
    assert scores["f1_micro"] == pytest.approx(metrics.f1_score(truth, guess, average="micro"))
    assert scores["f1_macro"] == pytest.approx(metrics.f1_score(truth, guess, average="macro"))
    assert scores["precision_micro"] == pytest.approx(metrics.precision_score(truth, guess, average="micro"))
    assert scores["recall_micro"] == pytest.approx(metrics.recall_score(truth, guess, average="micro"))
    assert scores["subset_accuracy"] == pytest.approx(metrics.accuracy_score(truth, guess))
    assert scores["hamming_loss"] == pytest.approx(metrics.hamming_loss(truth, guess))
    assert scores["one_minus_hamming"] == pytest.approx(1 - metrics.hamming_loss(truth, guess))
    assert scores["lrap"] == pytest.approx(metrics.label_ranking_average_precision_score(truth, proba))
    assert scores["map_label"] == pytest.approx(metrics.average_precision_score(truth, proba, average="macro"))
    some = truth.any(axis=1)
    assert scores["map_sample"] == pytest.approx(
        metrics.average_precision_score(truth[some], proba[some], average="samples")
    )


def test_equal_scores_stand_or_fall_together():
    truth, proba, labels = made()
    coarse = np.round(proba, 1)
    scores = TASK.score(labels, coarse)
    assert scores["lrap"] == pytest.approx(metrics.label_ranking_average_precision_score(truth, coarse))
    assert scores["map_label"] == pytest.approx(metrics.average_precision_score(truth, coarse, average="macro"))
    some = truth.any(axis=1)
    by_row = metrics.average_precision_score(truth[some], coarse[some], average="samples")
    assert scores["map_sample"] == pytest.approx(by_row)


def test_levels_compare_names_cut_short():
    truth = [frozenset({"cs.AI"}), frozenset({"math.CO", "physics"})]
    proba = np.array([[0, 1, 0, 0, 0], [0, 0, 0, 1, 1.0]])
    scores = TASK.score(truth, proba)
    assert scores["f1_micro"] == pytest.approx(2 * 1 / (3 + 3))
    assert scores["f1_micro_level_1"] == 1.0
    assert "f1_micro_level_2" not in scores


def test_flat_names_have_no_levels():
    assert not any("level" in name for name in MultiLabel(("a", "b")).score([frozenset("a")], np.ones((1, 2))))


def test_a_label_that_was_never_declared_counts_as_missed():
    seen = MultiLabel(("a", "b"))
    known = seen.score([frozenset({"a"})], np.array([[1.0, 0.0]]))
    more = seen.score([frozenset({"a", "zzz"})], np.array([[1.0, 0.0]]))
    assert known["recall_micro"] == 1.0
    assert more["recall_micro"] == 0.5
    assert more["subset_accuracy"] == 0.0


def test_what_was_decided_can_differ_from_one_half():
    scores = TASK.score([frozenset({"cs.AI"})], np.full((1, 5), 0.3), [frozenset({"cs.AI"})])
    assert scores["f1_micro"] == 1.0


def test_nothing_guessed_and_nothing_true_is_defined():
    scores = TASK.score([frozenset()], np.zeros((1, 5)))
    assert scores["f1_micro"] == 0.0
    assert scores["subset_accuracy"] == 1.0
    assert np.isnan(scores["map_label"])


def test_uncertainty_is_largest_at_one_half_and_nothing_at_certainty():
    output = np.array([[0.5, 0.5], [1.0, 0.0], [0.75, 1.0]])
    two = MultiLabel(("a", "b"))
    assert two.uncertainty(output, "margin").tolist() == [1.0, 0.0, 0.25]
    assert two.uncertainty(output, "least_confidence").tolist() == [1.0, 0.0, 0.25]
    bits = -(0.75 * np.log2(0.75) + 0.25 * np.log2(0.25))
    assert two.uncertainty(output, "entropy") == pytest.approx([1.0, 0.0, bits / 2], abs=1e-9)


def test_of_answers_that_are_p_sure_the_share_p_is_right_as_it_stands():
    """Truths drawn from the output itself, guesses from a rule below one half: confidence is that of the guess."""
    rng = np.random.default_rng(0)
    task = MultiLabel(tuple("abcdefgh"))
    output = rng.beta(0.3, 1.0, size=(40_000, 8))
    truth = rng.random(output.shape) < output
    guesses = task.decode((output >= 0.3).astype(float))
    right = (task.encode(guesses) == truth).all(axis=1)
    sure = task.confidence(output, guesses)
    bins = np.minimum((10 * sure).astype(int), 9)
    assert set(bins) == set(range(10))
    for one in range(10):
        inside = bins == one
        error = np.sqrt(sure[inside].mean() * (1 - sure[inside].mean()) / inside.sum())
        assert abs(sure[inside].mean() - right[inside].mean()) < 4 * error


def test_a_set_with_a_label_that_was_never_declared_cannot_be_right():
    output = np.array([[0.9, 0.2], [0.9, 0.2]])
    found = MultiLabel(("a", "b")).confidence(output, [frozenset("a"), frozenset({"a", "c"})])
    assert found == pytest.approx([0.72, 0.0])
    assert MultiLabel(("a", "b")).confidence(np.zeros((0, 2)), []).shape == (0,)


def test_decode_and_encode_are_inverse_on_zeros_and_ones():
    truth, _, labels = made(50)
    assert TASK.decode(truth.astype(np.float32)) == labels
    assert (TASK.encode(labels) == truth).all()


def test_a_string_is_no_set_of_labels():
    with pytest.raises(LabelError, match="no set of labels"):
        TASK.check("physics")
    with pytest.raises(LabelError, match=r"did you mean 'physics'"):
        TASK.check(frozenset({"phisics"}))
    assert TASK.check(frozenset()) == frozenset()


def test_counts_that_differ_are_refused():
    with pytest.raises(DataError, match="2 true labels and 1 outputs"):
        TASK.score([frozenset(), frozenset()], np.zeros((1, 5)))


def test_distance_is_jaccards():
    assert TASK.distance(frozenset("ab"), frozenset("bc")) == pytest.approx(2 / 3)
    assert TASK.distance(frozenset(), frozenset()) == 0.0
    assert TASK.distance(frozenset(), frozenset("a")) == 1.0


def test_anls_does_not_depend_on_the_order():
    truth = [["machine learning", "statistics"], ["biology"]]
    assert anls(truth, [["statistics", "machine learning"], ["biology"]]) == 1.0
    # one edit in eight characters; then an unmatched name beside an exact one
    assert anls([["abcdefgh"]], [["abcdefgx"]]) == pytest.approx(7 / 8)
    assert anls([["a"]], [["a", "b"]]) == 0.5
    assert anls([["abcd"]], [["wxyz"]]) == 0.0
    assert anls([[]], [[]]) == 1.0
    assert anls([[]], [["a"]]) == 0.0


def test_anls_matches_for_the_greatest_total():
    # greedy from the left would give "ab" to "abc" and leave "abcd" with nothing above one half
    assert anls([["ab", "abcd"]], [["abc", "abcde"]]) == pytest.approx((2 / 3 + 4 / 5) / 2)
