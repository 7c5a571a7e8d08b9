"""The task `spans`: metrics against seqeval and nervaluate, and the offsets of hard texts."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nervaluate.evaluator import Evaluator
from seqeval.metrics import f1_score, precision_score, recall_score

from tithe.errors import DataError, LabelError
from tithe.ragged import Ragged
from tithe.tasks.entities import overlap
from tithe.tasks.spans import Spans
from tithe.tasks.tags import spans_to_tags, tags_to_spans
from tithe.tokens import joined, places
from tithe.types import Item, Items, Label, Span

TASK = Spans(("PER", "LOC"))

# The worked examples of seqeval's README and docstrings.
TRUE = [["O", "O", "O", "B-MISC", "I-MISC", "I-MISC", "O"], ["B-PER", "I-PER", "O"]]
GUESSED = [["O", "O", "B-MISC", "I-MISC", "I-MISC", "I-MISC", "O"], ["B-PER", "I-PER", "O"]]

TAGS = st.lists(st.sampled_from(["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]), min_size=1, max_size=8)


def labels_of(sentences: list[list[str]]) -> list[Label]:
    return [tags_to_spans(joined(["ab"] * len(tags))[1], tags) for tags in sentences]


def output_of(task: Spans, sentences: list[list[str]]) -> Ragged:
    """Sure outputs of these IOB2 tags, on tokens of two letters."""
    columns = [[task.tags.index(tag) for tag in tags] for tags in sentences]
    where = [np.array(joined(["ab"] * len(tags))[1], np.int64).reshape(-1, 2) for tags in sentences]
    return Ragged.of([np.eye(len(task.tags), dtype=np.float32)[np.array(row, int)] for row in columns], where)


def test_the_published_example_of_seqeval() -> None:
    task = Spans(("MISC", "PER"))
    scores = task.score(labels_of(TRUE), output_of(task, GUESSED))
    assert scores["entity_f1"] == scores["entity_precision"] == scores["entity_recall"] == 0.5
    assert scores["entity_f1_overlap"] == 1.0
    assert scores["token_accuracy"] == 0.8  # as its README has it


@given(st.lists(st.tuples(TAGS, TAGS), min_size=1, max_size=5))
@settings(max_examples=200, deadline=None)
@pytest.mark.filterwarnings("ignore")  # seqeval warns where there is nothing to divide by
def test_exact_scores_are_those_of_seqeval(pairs: list[tuple[list[str], list[str]]]) -> None:
    true = [a for a, b in pairs]
    guessed = [(b * 8)[: len(a)] for a, b in pairs]
    # Legal tags: seqeval's default reading of others is ours too, but an output cannot say them.
    true, guessed = ([legal(tags) for tags in side] for side in (true, guessed))
    scores = TASK.score(labels_of(true), output_of(TASK, guessed))
    assert scores["entity_f1"] == pytest.approx(f1_score(true, guessed))
    assert scores["entity_precision"] == pytest.approx(precision_score(true, guessed))
    assert scores["entity_recall"] == pytest.approx(recall_score(true, guessed))
    same = [a == b for x, y in zip(true, guessed, strict=True) for a, b in zip(x, y, strict=True)]
    assert scores["token_accuracy"] == pytest.approx(np.mean(same))


def legal(tags: list[str]) -> list[str]:
    tokens = joined(["ab"] * len(tags))[1]
    return spans_to_tags(tokens, tags_to_spans(tokens, tags))


@given(st.lists(st.tuples(TAGS, TAGS), min_size=1, max_size=5))
@settings(max_examples=200, deadline=None)
def test_overlap_scores_are_those_of_nervaluate_where_no_span_overlaps_two(
    pairs: list[tuple[list[str], list[str]]],
) -> None:
    kept = []
    for a, b in pairs:
        true, guessed = legal(a), legal((b * 8)[: len(a)])
        one, other = labels_of([true])[0], labels_of([guessed])[0]
        met = [sum(overlap(s, t) for t in there) for here, there in ((one, other), (other, one)) for s in here]
        if max(met, default=0) < 2:
            kept.append((true, guessed))
    if not kept:
        return
    true_tags, guessed_tags = [a for a, _ in kept], [b for _, b in kept]
    # A share of 1 % is the least overlap that it can be asked for: any, for entities of up to eight tokens.
    oracle = Evaluator(true_tags, guessed_tags, tags=["PER", "LOC"], loader="list").evaluate()["overall"]["ent_type"]
    scores = TASK.score(labels_of(true_tags), output_of(TASK, guessed_tags))
    assert scores["entity_f1_overlap"] == pytest.approx(oracle.f1)


@given(st.lists(TAGS, min_size=1, max_size=5))
@settings(max_examples=100, deadline=None)
def test_tags_decode_to_their_spans_and_back(sentences: list[list[str]]) -> None:
    sentences = [legal(tags) for tags in sentences]
    output = output_of(TASK, sentences)
    spans = TASK.decode(output)
    assert spans == labels_of(sentences)
    assert np.array_equal(TASK.tag(spans, output).values, output.values.argmax(axis=1))
    assert TASK.spans_of(TASK.tag(spans, output)) == spans


def test_an_illegal_beginning_is_never_decoded() -> None:
    sure = Ragged(np.eye(5, dtype=np.float32)[[2, 4]], np.array([0, 2]), np.array([[0, 2], [3, 5]]))
    assert TASK.decode(sure) in ([()], [(Span(0, 2, "LOC"), Span(3, 5, "LOC"))], [(Span(0, 5, "LOC"),)])
    leaning = Ragged(np.array([[0.1, 0.2, 0.7, 0.0, 0.0]]), np.array([0, 1]), np.array([[0, 2]]))
    assert TASK.decode(leaning) == [(Span(0, 2, "PER"),)]  # B-PER, .2, is the best that a sentence may begin with


def test_offsets_count_code_points_in_emoji_cjk_and_combining_texts() -> None:
    texts = ["👍🏿 Zoë met 李雷 .", "e\u0301t\u00e9 à 東京"]
    items = Items(["1", "2"], texts)
    truth: list[Label] = [
        (Span(3, 6, "PER"), Span(11, 13, "PER")),
        (Span(texts[1].index("東"), len(texts[1]), "LOC"),),
    ]
    assert [texts[row][s.start : s.end] for row, label in enumerate(truth) for s in label] == ["Zoë", "李雷", "東京"]
    tags = TASK.tag(truth, places(items))
    assert TASK.spans_of(tags) == truth
    assert TASK.score(truth, tags.with_values(np.eye(5)[tags.values]))["entity_f1"] == 1.0


def test_tokens_of_the_file_are_used_where_it_has_them() -> None:
    items = Items(["1"], ["a b"], tokens=[((0, 3),)])
    assert places(items).values.tolist() == [[0, 3]]
    assert TASK.cost(items[0]) == 1.0
    assert next(iter(items)) == items[0]
    assert TASK.cost(Item("1", "Zoë met 李雷.")) == 5.0
    assert TASK.cost(Item("1", "")) == 1.0


def test_empty_truth_and_guess_score_0_and_are_alike() -> None:
    output = output_of(TASK, [["O", "O"]])
    scores = TASK.score([()], output)
    assert scores["entity_f1"] == scores["entity_precision"] == scores["entity_recall"] == 0.0
    assert scores["token_accuracy"] == 1.0
    assert TASK.distance((), ()) == 0.0
    assert TASK.distance((Span(0, 1, "PER"),), ()) == 1.0
    assert TASK.distance((Span(0, 1, "PER"), Span(2, 3, "LOC")), (Span(0, 1, "PER"),)) == pytest.approx(1 / 3)


def test_true_spans_that_no_token_holds_or_nobody_declared_are_missed() -> None:
    output = output_of(TASK, [["B-PER", "O", "O"]])  # tokens at 0-2, 3-5, 6-8
    inside = TASK.score([(Span(0, 2, "PER"), Span(4, 5, "LOC"))], output)
    assert (inside["entity_precision"], inside["entity_recall"]) == (1.0, 0.5)
    strange = TASK.score([(Span(0, 2, "PER"), Span(3, 5, "DATE"))], output)
    assert (strange["entity_precision"], strange["entity_recall"]) == (1.0, 0.5)
    assert strange["token_accuracy"] == pytest.approx(2 / 3)


def test_overlapping_true_spans_all_count_and_tags_keep_the_longest() -> None:
    truth: list[Label] = [(Span(0, 5, "PER"), Span(3, 5, "LOC"))]
    output = output_of(TASK, [["B-PER", "I-PER"]])
    scores = TASK.score(truth, output)
    assert (scores["entity_precision"], scores["entity_recall"], scores["token_accuracy"]) == (1.0, 0.5, 1.0)
    assert TASK.tag(truth, output).values.tolist() == [1, 2]


@pytest.mark.parametrize(
    ("true", "guess", "f1"),
    [
        ([(0, 9, "PER")], [(0, 3, "PER"), (5, 9, "PER")], 2 / 3),  # one of two guesses has the partner
        ([(0, 5, "PER")], [(4, 9, "PER")], 1.0),
        ([(0, 5, "PER")], [(5, 9, "PER")], 0.0),  # they only touch
        ([(0, 5, "PER")], [(0, 5, "LOC")], 0.0),
        # The first guess must leave the long one to the second, which has no other.
        ([(0, 4, "PER"), (3, 9, "PER")], [(3, 5, "PER"), (6, 9, "PER")], 1.0),
        ([(0, 4, "PER"), (3, 9, "PER")], [(6, 9, "PER"), (3, 5, "PER")], 1.0),
    ],
)
def test_overlapping_spans_are_matched_one_to_one(true: list, guess: list, f1: float) -> None:
    one, other = ([tuple(Span(*span) for span in side)] for side in (true, guess))
    output = output_of(TASK, [["O"] * 4])
    assert TASK.score(one, output, other)["entity_f1_overlap"] == pytest.approx(f1)
    assert TASK.score(other, output, one)["entity_f1_overlap"] == pytest.approx(f1)


def test_counts_of_each_label() -> None:
    truth: list[Label] = [(Span(0, 2, "PER"), Span(3, 5, "LOC")), (Span(0, 2, "DATE"),)]
    guess: list[Label] = [(Span(0, 2, "PER"), Span(3, 5, "PER")), ()]
    assert TASK.per_class(truth, guess) == {"PER": (1, 2, 1), "LOC": (0, 0, 1), "DATE": (0, 0, 1)}


def test_uncertainty_is_the_mean_over_tokens() -> None:
    output = Ragged.of([np.array([[1, 0, 0, 0, 0], [0.6, 0.4, 0, 0, 0]]), np.zeros((0, 5))])
    assert TASK.uncertainty(output, "least_confidence").tolist() == pytest.approx([0.2, 0.0])
    assert TASK.uncertainty(output, "margin").tolist() == pytest.approx([0.4, 0.0])
    entropy = -(0.6 * np.log(0.6) + 0.4 * np.log(0.4)) / np.log(5) / 2
    assert TASK.uncertainty(output, "entropy").tolist() == pytest.approx([entropy, 0.0])


def test_a_span_is_as_sure_as_its_least_sure_tag_and_a_text_as_all_its_spans() -> None:
    task, places = Spans(("x",)), np.array([(0, 2), (3, 5), (6, 8)])
    rows = [[[0.9, 0.1, 0.0]] * 3, [[0.1, 0.8, 0.1], [0.2, 0.3, 0.5], [0.7, 0.0, 0.3]], np.empty((0, 3))]
    output = Ragged.of([np.array(row) for row in rows], [places, places, np.empty((0, 2), np.int64)])
    span = Span(0, 5, "x")
    assert task.confidence(output, [(), (span,), ()]) == pytest.approx([0.9**3, 0.5 * 0.7, 1])
    assert task.confidence(output, [(span,), (), ()]) == pytest.approx([0, 0.1 * 0.2 * 0.7, 1], abs=1e-12)
    two = (Span(0, 2, "x"), Span(3, 5, "x"))  # next to each other: each has its own B
    assert task.confidence(output, [(), two, ()]) == pytest.approx([0.9**3, 0.8 * 0.3 * 0.7, 1])
    assert task.span_confidence(output, [(), two, ()]) == [[], pytest.approx([0.5, 0.3]), []]
    assert task.span_confidence(output, [(), (span, Span(3, 8, "x")), ()])[1] == pytest.approx([0.5, 0.3])
    strange = (Span(0, 2, "y"),)
    assert task.confidence(output, [strange, strange, ()]).tolist() == [0.0, 0.0, 1.0]
    assert task.span_confidence(output, [strange, (), ()])[0] == [0.0]


def test_labels_are_checked_and_brought_into_form() -> None:
    assert TASK.check([[3, 5, "LOC"], (0, 2, "PER")]) == (Span(0, 2, "PER"), Span(3, 5, "LOC"))
    assert TASK.check(()) == ()
    for wrong, message in (
        ("PER", "is no tuple of spans"),
        (frozenset({"PER"}), "is no tuple of spans"),
        (3, "is no tuple of spans"),
        ((Span(0, 2, "DATE"),), "'DATE' is not a label of this task"),
        ((Span(0, 2, "PER"), Span(0, 2, "PER")), "given twice"),
        ((Span(2, 2, "PER"),), "is no span"),
        ((Span(-1, 2, "PER"),), "is no span"),
        (((0, 2),), "is no span"),
        ((Span(0, 2.0, "PER"),), "is no span"),
    ):
        with pytest.raises(LabelError, match=message):
            TASK.check(wrong)
    nested = (Span(0, 5, "PER"), Span(3, 5, "LOC"))
    assert TASK.check(nested) == nested
    with pytest.raises(LabelError, match="overlap, which this task refuses"):
        Spans(("PER", "LOC"), overlaps=False).check(nested)


def test_a_task_without_labels_or_with_one_twice_is_refused() -> None:
    with pytest.raises(LabelError, match="at least one label"):
        Spans(())
    with pytest.raises(LabelError, match="declared twice: a"):
        Spans(("a", "a"))


def test_outputs_that_do_not_fit_are_refused() -> None:
    output = output_of(TASK, [["O", "O"]])
    with pytest.raises(DataError, match="2 true labels and 1 outputs"):
        TASK.score([(), ()], output)
    with pytest.raises(DataError, match="is Ragged"):
        TASK.uncertainty(np.eye(5), "margin")
    bare = Ragged(output.values, output.splits)
    with pytest.raises(DataError, match="no places"):
        TASK.decode(bare)
    with pytest.raises(DataError, match="no places"):
        TASK.score([()], bare, [()])
    with pytest.raises(DataError, match="2 labels and the tokens of 1 items"):
        TASK.tag([(), ()], output)
    with pytest.raises(LabelError, match="is no tuple of spans"):
        TASK.encode(["PER"])
