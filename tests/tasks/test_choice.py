"""The task `choice`."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, f1_score, precision_score, recall_score, roc_auc_score

from tithe.errors import LabelError
from tithe.rng import stream
from tithe.tasks.choice import Choice
from tithe.types import Item

TASK = Choice(("ham", "spam", "eggs"))


def outputs(rows: int, columns: int, seed: int = 0) -> np.ndarray:
    return stream(seed, "outputs").dirichlet(np.full(columns, 0.5), rows)


def test_labels_become_columns_and_undeclared_ones_minus_one() -> None:
    assert TASK.encode(["eggs", "ham", "tofu"]).tolist() == [2, 0, -1]
    assert TASK.encode([]).shape == (0,)


def test_decode_gives_the_most_probable_label_and_the_first_on_a_tie() -> None:
    assert TASK.decode(np.array([[0.1, 0.2, 0.7], [0.4, 0.4, 0.2]])) == ["eggs", "ham"]


def test_encode_undoes_decode() -> None:
    output = outputs(50, 3)
    assert (TASK.encode(TASK.decode(output)) == output.argmax(axis=1)).all()


@pytest.mark.parametrize(
    ("measure", "expected"),
    [
        ("least_confidence", [0.5, 0.0, 2 / 3]),
        ("margin", [0.75, 0.0, 1.0]),
        ("entropy", [1.5 * math.log(2) / math.log(3), 0.0, 1.0]),
    ],
)
@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_uncertainty_has_the_values_worked_out_by_hand(measure: str, expected: list[float], kind: type) -> None:
    output = np.array([[0.25, 0.5, 0.25], [0.0, 1.0, 0.0], [1 / 3, 1 / 3, 1 / 3]], dtype=kind)
    found = TASK.uncertainty(output, measure)  # type: ignore[arg-type]
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, expected, atol=1e-6)


@given(st.integers(2, 8), st.integers(0, 50))
def test_uncertainty_is_between_nought_and_one_and_orders_two_classes_alike(columns: int, seed: int) -> None:
    output = outputs(20, columns, seed)
    task = Choice(tuple(map(str, range(columns))))
    told = [task.uncertainty(output, measure) for measure in ("least_confidence", "margin", "entropy")]
    for one in told:
        assert ((one >= -1e-12) & (one <= 1 + 1e-12)).all()
        if columns == 2:
            assert (np.argsort(one) == np.argsort(told[0])).all()


def test_entropy_of_a_matrix_longer_than_a_block_is_that_of_its_rows() -> None:
    output = np.tile(outputs(7, 3), (10_000, 1))
    whole = TASK.uncertainty(output, "entropy")
    assert (whole.reshape(10_000, 7) == TASK.uncertainty(output[:7], "entropy")).all()


def test_an_unknown_measure_lists_those_there_are() -> None:
    with pytest.raises(LabelError, match="there are: least_confidence, margin, entropy"):
        TASK.uncertainty(np.eye(3), "surprise")  # type: ignore[arg-type]


def labels_and_output() -> tuple[list[str], np.ndarray]:
    output = outputs(60, 3, 4)
    truth = [TASK.labels[code] for code in stream(4, "truth").integers(0, 3, 60)]
    return truth, output


def expected_scores(truth: list[str], guess: list[str]) -> dict[str, float]:
    return {
        "accuracy": accuracy_score(truth, guess),
        **{f"f1_{how}": f1_score(truth, guess, average=how, zero_division=0) for how in ("macro", "micro", "weighted")},
        "precision_macro": precision_score(truth, guess, average="macro", zero_division=0),
        "recall_macro": recall_score(truth, guess, average="macro", zero_division=0),
    }


def test_scores_are_those_of_scikit_learn() -> None:
    truth, output = labels_and_output()
    found = TASK.score(truth, output)
    area = roc_auc_score(TASK.encode(truth), output, multi_class="ovr", average="macro")
    expected = {**expected_scores(truth, TASK.decode(output)), "auc": area}
    assert list(found) == ["accuracy", "f1_macro", "f1_micro", "f1_weighted", "precision_macro", "recall_macro", "auc"]
    assert found == pytest.approx(expected)


def test_an_undeclared_true_label_counts_as_wrong_and_joins_the_macro_average() -> None:
    truth, output = labels_and_output()
    truth[:10] = ["tofu"] * 10
    found = TASK.score(truth, output)
    guess = TASK.decode(output)
    assert found["accuracy"] == np.mean([t == g for t, g in zip(truth, guess, strict=True)])
    areas = [roc_auc_score([t == label for t in truth], output[:, column]) for column, label in enumerate(TASK.labels)]
    assert found == pytest.approx({**expected_scores(truth, guess), "auc": np.mean(areas)})


def test_a_class_that_the_truth_lacks_is_left_out_of_the_area() -> None:
    truth = ["ham", "ham", "spam", "spam"]
    output = np.array([[0.7, 0.1, 0.2], [0.4, 0.5, 0.1], [0.3, 0.6, 0.1], [0.5, 0.2, 0.3]])
    ham, spam = (roc_auc_score([t == label for t in truth], output[:, c]) for c, label in ((0, "ham"), (1, "spam")))
    assert TASK.score(truth, output)["auc"] == pytest.approx((ham + spam) / 2)


def test_two_classes_have_the_plain_area() -> None:
    task = Choice(("no", "yes"))
    output = outputs(40, 2, 9)
    truth = ["yes" if one else "no" for one in stream(9, "truth").random(40) < output[:, 1]]
    assert task.score(truth, output)["auc"] == pytest.approx(roc_auc_score([t == "yes" for t in truth], output[:, 1]))


def test_one_true_class_alone_has_no_area() -> None:
    found = TASK.score(["ham", "ham"], np.array([[0.8, 0.1, 0.1], [0.2, 0.7, 0.1]]))
    assert math.isnan(found["auc"])
    assert found["accuracy"] == 0.5


@pytest.mark.parametrize(("truth", "rows"), [([], 0), (["ham"], 2)])
def test_a_score_needs_a_row_for_each_true_label(truth: list[str], rows: int) -> None:
    with pytest.raises(LabelError, match="one output row for each"):
        TASK.score(truth, outputs(rows, 3) if rows else np.zeros((0, 3)))


def test_check_gives_a_declared_label_back() -> None:
    assert TASK.check("spam") == "spam"


@pytest.mark.parametrize(
    ("label", "words"),
    [
        ("spamm", "'spamm' is not a label of this task; did you mean 'spam'"),
        ("zzz", "there are: eggs, ham, spam"),
        (frozenset({"ham"}), "is not a label"),
    ],
)
def test_check_refuses_an_undeclared_label_and_says_what_is_near(label: str, words: str) -> None:
    with pytest.raises(LabelError, match=words):
        TASK.check(label)


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        ((), "at least two labels; given: none"),
        (("a",), "at least two labels; given: 'a'"),
        (("a", "b", "a"), "declared twice: a"),
        ((0, 1), "non-empty string; given 0"),
        (("a", ""), "non-empty string; given ''"),
    ],
)
def test_labels_that_make_no_choice_are_refused(labels: tuple[str, ...], words: str) -> None:
    with pytest.raises(LabelError, match=words):
        Choice(labels)


def test_a_choice_is_a_value() -> None:
    assert Choice(["a", "b"]) == Choice(("a", "b"))  # type: ignore[arg-type]
    assert hash(Choice(("a", "b"))) == hash(Choice(("a", "b")))
    assert (TASK.distance("ham", "ham"), TASK.distance("ham", "spam")) == (0.0, 1.0)
    assert TASK.cost(Item("a", "long " * 99)) == 1.0


def test_a_choice_is_as_sure_as_the_label_that_is_given() -> None:
    output = np.array([[0.1, 0.3, 0.6], [0.1, 0.3, 0.6], [0.1, 0.3, 0.6]])
    labels = [TASK.labels[2], TASK.labels[0], "undeclared"]
    assert TASK.confidence(output, labels) == pytest.approx([0.6, 0.1, 0.0])
