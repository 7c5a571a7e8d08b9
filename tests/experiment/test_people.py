"""Simulated people: how often they err and where to, how slow they are, and that runs with them stay the same."""

from __future__ import annotations

import sys
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tithe import Choice, Items, Plan, registry, simulate
from tithe.errors import ConfigError, UnknownNameError
from tithe.experiment.noise import Exact, Noisy
from tithe.experiment.people import Crowd, Known, crowd_of
from tithe.experiment.results import Results
from tithe.experiment.study import Study
from tithe.rng import stream
from tithe.tasks.multilabel import MultiLabel
from tithe.types import Item, Label, Span

sys.path.insert(0, str(Path(__file__).parent))
from sameness import assert_same

TEXTS = ["cats purr", "cats purr softly", "dogs bark", "dogs purr", "cars stop"] * 4
GOLD = ["cat", "cat", "dog", "dog", "car"] * 4
KNOWN = Known(Choice(("car", "cat", "dog")), Items([str(n) for n in range(20)], TEXTS, GOLD))
SETS = Known(MultiLabel(("a", "b", "c", "d")), Items(["1"], ["x"], [frozenset({"a"})]))


def said(person: Any, true: Label, times: int = 4000, text: str = "x") -> list[Label]:
    return [person.answer(Item("x", text), true, stream(n, "test")).label for n in range(times)]


def shares(person: Any, true: Label) -> dict[Label, float]:
    answers = said(person, true)
    return {label: count / len(answers) for label, count in Counter(answers).items()}


# --- how they err. With 4,000 answers a share has a standard deviation of at most .008: .03 is nearly four of them.


@pytest.mark.parametrize("accuracy", [0.0, 0.6, 1.0])
def test_noisy_people_are_right_as_often_as_told_and_else_say_any_other_label_alike(accuracy: float) -> None:
    found = shares(Noisy(KNOWN, accuracy), "cat")
    assert found.get("cat", 0) == pytest.approx(accuracy, abs=0.03)
    for other in ("car", "dog"):
        assert found.get(other, 0) == pytest.approx((1 - accuracy) / 2, abs=0.03)


def test_slips_towards_frequent_labels_follow_their_counts() -> None:
    found = shares(Noisy(KNOWN, 0.4, towards="frequent"), "car")  # of the others, 8 items each
    assert found["cat"] == pytest.approx(0.3, abs=0.03)
    found = shares(Noisy(KNOWN, 0.4, towards="frequent"), "cat")  # 8 dogs and 4 cars
    assert found["dog"] == pytest.approx(0.4, abs=0.03)
    assert found["car"] == pytest.approx(0.2, abs=0.03)


def test_slips_towards_similar_labels_go_where_the_words_are_shared() -> None:
    person = Noisy(KNOWN, 0.5, towards="similar")
    assert person.matrix[1].tolist() == pytest.approx([0, 0.5, 0.5]), "cats share words with dogs alone"
    assert person.matrix[0].tolist() == pytest.approx([0.5, 0.25, 0.25]), "cars share words with none: any other"
    assert person.matrix.sum(axis=1).tolist() == pytest.approx([1, 1, 1])


def test_a_matrix_by_name_is_kept_and_rows_that_are_not_named_are_right() -> None:
    spec = "noisy(confusion={'cat': {'dog': 0.3, 'car': 0.1}, 'car': {'dog': 1.0}})"
    person = registry.build("people", spec, known=KNOWN)
    assert person.matrix.tolist() == [[0, 0, 1], [0.1, pytest.approx(0.6), 0.3], [0, 0, 1]]
    assert set(said(person, "car", 50)) == {"dog"} == set(said(person, "dog", 50))


def test_each_label_of_a_set_is_flipped_on_its_own() -> None:
    answers = said(Noisy(SETS, 0.9), frozenset({"a", "b"}))
    for label in SETS.task.labels:
        there = np.mean([label in answer for answer in answers if isinstance(answer, frozenset)])
        assert there == pytest.approx(0.9 if label in "ab" else 0.1, abs=0.03)
    whole = np.mean([answer == frozenset({"a", "b"}) for answer in answers])
    assert whole == pytest.approx(0.9**4, abs=0.03)


class Tagging:
    """All that people need of a task of spans."""

    name = "spans"
    labels = ("LOC", "PER")


@pytest.fixture
def spans() -> Any:
    return Known(Tagging(), Items(["x"], ["Ann Lee met Bob in Rome"]))  # type: ignore[arg-type]


def test_wrong_spans_are_dropped_moved_by_a_token_or_renamed(spans: Any) -> None:
    text, true = "Ann Lee met Bob in Rome", (Span(0, 7, "PER"), Span(12, 15, "PER"))
    answers = said(Noisy(spans, 0.7), true, text=text)
    assert np.mean([Span(0, 7, "PER") in one for one in answers]) == pytest.approx(0.7, abs=0.03)
    assert np.mean([Span(0, 7, "LOC") in one for one in answers]) == pytest.approx(0.1, abs=0.03)
    moved = Counter(span for one in answers for span in one if isinstance(span, Span) and span.start < 8)
    assert set(moved) == {
        Span(0, 7, "PER"),
        Span(0, 7, "LOC"),
        Span(0, 11, "PER"),
        Span(4, 7, "PER"),
        Span(0, 3, "PER"),
    }
    for one in answers:
        assert isinstance(one, tuple)
        ordered = [span for span in one if isinstance(span, Span)]
        assert all(a.end <= b.start for a, b in pairwise(ordered)), "they never overlap"
    assert set(said(Noisy(spans, 1.0), true, 20, text)) == {true}


def test_a_span_without_room_is_dropped_instead_of_moved() -> None:
    known = Known(Tagging(), Items(["x"], ["Ann"]))  # type: ignore[arg-type]
    assert set(said(Noisy(known, 0.0), (Span(0, 3, "PER"),), 60, "Ann")) == {(), (Span(0, 3, "LOC"),)}


def test_slow_people_take_log_normal_seconds_around_a_median() -> None:
    times = [Exact(KNOWN, 20, 0.5).answer(Item("x", "x"), "cat", stream(n, "pace")).seconds for n in range(4000)]
    assert np.median(times) == pytest.approx(20, rel=0.05)
    assert np.std(np.log(times)) == pytest.approx(0.5, rel=0.05)
    assert Noisy(KNOWN).answer(Item("x", "x"), "cat", stream(0, "pace")).seconds == 0


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("noisy(accuracy=1.2)", "between 0 and 1; given 1.2"),
        ("noisy(accuracy=often)", "must be float"),
        ("noisy(towards=left)", "towards any, frequent or similar labels; given 'left'"),
        ("noisy(seconds=-1)", "given -1 and 0.5"),
        ("exact(spread=-1)", "given 0.0 and -1"),
        ("noisy(confusion={'cat': {'cow': 0.1}})", "names 'cow', which is no label"),
        ("noisy(confusion={'cat': {'dog': 1.1}})", "add up to 1; 'cat' has"),
        ("noisy(confusion={'cat': {'dog': 0.1, 'cat': 0.5}})", "add up to 1; 'cat' has"),
        ("noisy(confusion={'cat': 0.1})", "the row 'cat' of a confusion is 0.1"),
        ("noisy(confusion=[0.1])", "a table of shares"),
    ],
)
def test_settings_that_make_no_sense_are_one_clear_line(spec: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        registry.build("people", spec, known=KNOWN)


def test_a_kind_of_person_that_there_is_not_is_named() -> None:
    with pytest.raises(UnknownNameError, match="unknown kind of person 'noisi'; did you mean 'noisy'"):
        crowd_of(["noisi"], 1, 0, KNOWN)


def test_a_confusion_is_for_a_choice_alone() -> None:
    with pytest.raises(ConfigError, match="are for a choice, and the task is multilabel"):
        crowd_of(["noisy(towards=similar)"], 1, 0, SETS)


# --- crowds


def test_an_answer_depends_on_seed_person_and_item_alone() -> None:
    crowd = crowd_of(["noisy(accuracy=0.5)", "noisy(accuracy=0.5)", "exact"], 2, 0, KNOWN)
    items = [(Item(one, text), gold) for one, text, gold in zip(KNOWN.items.ids, TEXTS, GOLD, strict=True)]
    once = {item.id: crowd.answered(item, true, 7) for item, true in items}
    again = {item.id: crowd.answered(item, true, 7) for item, true in reversed(items)}
    assert once == again
    assert once != {item.id: crowd.answered(item, true, 8) for item, true in items}
    for answers in once.values():
        assert len({one.annotator for one in answers}) == 2, "two different people"
    assert {one.annotator for answers in once.values() for one in answers} == {
        "noisy(accuracy=0.5)", "noisy(accuracy=0.5) #2", "exact",
    }  # fmt: skip
    alone = crowd_of(["noisy(accuracy=0.5)"], 1, 0, KNOWN)
    mine = {
        one.item: one.label for answers in once.values() for one in answers if one.annotator == "noisy(accuracy=0.5)"
    }
    assert mine == {one: alone.answered(KNOWN.items[int(one)], GOLD[int(one)], 7)[0].label for one in mine}


def test_without_people_an_oracle_answers() -> None:
    (answer,) = Crowd({}).answered(Item("1", "x"), "cat", 0)
    assert (answer.label, answer.annotator, answer.seconds) == ("cat", "oracle", 0.0)


# --- simulations

NOISY = ("noisy(accuracy=0.7)",) * 3


def plan_of(example: Any, **more: Any) -> Plan:
    how = {"strategies": ("random", "margin"), "starts": ("lexical",), "budgets": (20, 40, 60), "seeds": 2} | more
    return Plan(str(example.train), str(example.test), **how)


def rows_of(results: Results, strategy: str = "margin", seed: int = 0) -> list[dict[str, Any]]:
    found = [row for row in results.rounds.to_pylist() if (row["strategy"], row["seed"]) == (strategy, seed)]
    return sorted(found, key=lambda row: row["round"])


def test_the_labels_of_noisy_people_are_as_right_as_they_are(example: Any) -> None:
    plan = plan_of(example, people=("noisy(accuracy=0.7)",), strategies=("random",))
    results = simulate(plan, engine="inline")
    (full,) = rows_of(results, "full")
    # 240 answers with .7: three standard deviations are .09
    assert full["label_accuracy"] == pytest.approx(0.7, abs=0.09)
    clean = simulate(plan_of(example, strategies=("random",)), engine="inline")
    assert "label_accuracy" not in clean.rounds.column_names
    assert rows_of(clean, "full")[0]["accuracy"] > full["accuracy"]


def test_test_labels_stay_clean(example: Any) -> None:
    labels = example.task.labels
    turned = {one: {labels[(row + 1) % len(labels)]: 1.0} for row, one in enumerate(labels)}  # each says the next
    results = simulate(
        plan_of(example, people=(f"noisy(confusion={turned})",), strategies=("random",)), engine="inline"
    )
    (full,) = rows_of(results, "full")
    assert full["label_accuracy"] == 0
    assert full["accuracy"] < 0.3, "a model of turned labels is wrong on the file's own"


def test_several_answers_are_paid_for_and_the_most_frequent_counts(example: Any) -> None:
    results = simulate(plan_of(example, people=NOISY, answers=3, budgets=(60, 121, 180)), engine="inline")
    rows = rows_of(results)
    assert [row["labelled"] for row in rows] == [20, 40, 60]
    assert [row["cost"] for row in rows] == [60, 120, 180]
    (full,) = rows_of(results, "full")
    assert full["cost"] == 720
    # Three people of .7 and 8 labels: the right one has two votes with .784; when all differ the first one counts.
    split = 3 * 0.7 * 0.09 * 6 / 7 + 0.027 * 0.0
    assert full["label_accuracy"] == pytest.approx(0.784 + split / 3, abs=0.08)
    assert any("100 labels are 300 answers" in note for note in results.summary["notes"])
    assert any("3 x noisy(accuracy=0.7)" in note for note in results.environment["notes"])


@pytest.mark.parametrize("late", [1, 2])
def test_late_answers_leave_items_pending_and_nothing_is_asked_twice(example: Any, late: int) -> None:
    results = simulate(plan_of(example, late=late, seeds=1), engine="inline")
    rows = rows_of(results)
    assert [row["labelled"] for row in rows] == [20, 40, 60], "the last answers are waited for"
    assert [row["round"] for row in rows] == [0, 1, 2]
    asked = [row for row in results.selections.to_pylist() if row["config"].endswith("margin")]
    assert Counter(row["round"] for row in asked) == {0: 20, 1: 20, 2: 20}
    assert len({row["item"] for row in asked}) == 60
    on_time = simulate(plan_of(example, seeds=1), engine="inline")
    first = [[row["item"] for row in one.selections.to_pylist() if row["round"] == 0] for one in (results, on_time)]
    assert first[0] == first[1]
    assert rows[0]["accuracy"] == rows_of(on_time)[0]["accuracy"], "round 0 knows the same 20 answers"
    assert any(f"{late} round" in note and "late" in note for note in results.summary["notes"])


def test_late_runs_stop_early_too(example: Any) -> None:
    results = simulate(plan_of(example, late=1, stop=("budget(labels=40)",)), engine="inline")
    assert [row["labelled"] for row in rows_of(results)] == [20, 40]


@pytest.mark.system
def test_killed_with_noisy_slow_late_people_it_goes_on_and_ends_the_same(example: Any, tmp_path: Path) -> None:
    people = ("noisy(accuracy=0.8, seconds=12)", "noisy(towards=similar)", "exact(seconds=30)")
    plan = plan_of(example, people=people, answers=2, late=1, budgets=(40, 80, 120), stop=("no_gain(rounds=9)",))
    simulate(plan, tmp_path / "whole", engine="inline")

    class EnoughError(Exception):
        pass

    heard: list[object] = []

    def stop(state: Any, step: Any) -> None:
        heard.append(step)
        if len(heard) == 11:
            raise EnoughError

    with pytest.raises(EnoughError):
        simulate(plan, tmp_path / "out", engine="inline", on_step=stop)
    simulate(plan, tmp_path / "out", engine="processes(workers=2)")
    assert_same(tmp_path / "whole", tmp_path / "out")
    rows = rows_of(Results.read(tmp_path / "whole"))
    assert [row["cost"] for row in rows] == [40, 80, 120]
    assert rows[2]["answer_s"] > rows[0]["answer_s"] > 20 * 8


def test_people_that_do_not_fit_are_told_before_any_work(example: Any, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="names 'cow'"):
        simulate(plan_of(example, people=("noisy(confusion={'cow': {'dog': 1.0}})",)), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_in_a_study_each_data_set_has_its_own_people(example: Any, tmp_path: Path) -> None:
    how = {"strategies": ("random",), "budgets": (20, 40), "full": False}
    study = Study((plan_of(example, name="clean", **how), plan_of(example, name="noisy", people=("noisy",), **how)))
    results = simulate(study, tmp_path / "out", engine="inline")
    said = {group["dataset"]: " ".join(group["notes"]) for group in results.summary["groups"]}
    assert "simulated people, noisy; test labels are clean" in said["noisy"]
    assert "simulated people" not in said["clean"]
    metrics = {group["dataset"]: set(group["strategies"][0]["metrics"]) for group in results.summary["groups"]}
    assert metrics["noisy"] - metrics["clean"] == {"label_accuracy"}
    assert "simulated people, noisy" in (tmp_path / "out" / "report.html").read_text()
