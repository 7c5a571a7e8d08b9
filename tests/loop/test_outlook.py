"""How good is it, can I stop: estimate, curve, gains and advice of made projects."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence

import numpy as np
import pytest

from tithe.errors import DataError
from tithe.loop.estimate import estimates
from tithe.loop.outlook import Outlook, Version, apart, outlook, records_of
from tithe.rng import stream
from tithe.stats import anytime_mean, anytime_share
from tithe.stopping import Record
from tithe.stopping.audited import AuditTarget
from tithe.stopping.spending import Budget
from tithe.tasks.choice import Choice
from tithe.tasks.multilabel import MultiLabel
from tithe.tasks.spans import Spans
from tithe.types import Label, Span

TASK = Choice(("x", "y"))
IDS = [f"i{n}" for n in range(100)]


def project(errors: Sequence[float], answered: int = 60) -> tuple[list[Version], dict[str, Label | None]]:
    """Models of 20, 40, ... labels with these errors on 100 audit items, whose true label is x."""
    hard = stream(0, "outlook").random(len(IDS))
    versions = [
        Version(10 * at, 20 * (at + 1), 20.0 * (at + 1), {}, made(hard > error)) for at, error in enumerate(errors)
    ]
    return versions, dict.fromkeys(IDS[:answered], "x")


def made(right: np.ndarray) -> dict[str, tuple[Label, float]]:
    return {one: ("x" if ok else "y", 0.9) for one, ok in zip(IDS, right, strict=True)}


def falling(count: int = 8) -> list[float]:
    return [0.6 * (at + 1) ** -0.5 for at in range(count)]


def seen(found: Outlook) -> dict[str, object]:
    """What a reader of the JSON gets."""
    read: dict[str, object] = json.loads(json.dumps(found.to_json(), allow_nan=False))
    return read


def test_no_audit_answer_shows_no_number() -> None:
    versions, _ = project(falling())
    found = outlook(TASK, versions, {}, reserved=100, population=500)
    assert found.estimates == found.curve == found.gains == ()
    assert found.estimate_words.startswith("no audit item is answered yet, so nobody knows how good the model is")
    assert found.verdict == "too early"
    assert seen(found)["estimates"] == []


def test_without_a_model_it_says_so() -> None:
    found = outlook(TASK, [], {"i0": "x"}, reserved=100)
    assert found.estimate_words == "there is no model yet"
    assert found.verdict == "too early"


def test_a_project_without_audit_items_says_so() -> None:
    assert "no audit items were drawn" in outlook(TASK, [], {}, reserved=0).estimate_words


def test_the_estimate_is_that_of_the_serving_model_with_its_anytime_interval() -> None:
    versions, truths = project([0.6, 0.4, 0.1])
    right = sum(versions[1].guesses[one][0] == "x" for one in truths)
    found = outlook(TASK, versions, truths, reserved=100, population=500, serving=10)
    assert found.estimates[0].interval == anytime_share(right, 60, population=500)
    assert len(found.estimates) == 1
    assert f"of 60 audit items are right; the truth may lie between {100 * found.estimates[0].low:.0f} %" in (
        found.estimate_words
    )
    assert "40 more audit answers would bring it to about ±1" in found.estimate_words
    assert [one.labelled for one in found.curve] == [20, 40, 60]


def test_a_skipped_audit_item_counts_for_nobody_and_is_told() -> None:
    versions, truths = project(falling())
    found = outlook(TASK, versions, truths | {"i60": None, "i61": None}, reserved=100, population=500)
    plain = outlook(TASK, versions, truths, reserved=100, population=498)
    assert found.estimates[0].interval == plain.estimates[0].interval
    assert found.estimates[0].n == 60
    assert found.unlabelled == 2
    assert "2 audit items were skipped" in found.estimate_words


def test_label_sets_and_spans_are_judged_by_agreement_and_by_items_all_right() -> None:
    sets = MultiLabel(("a", "b"))
    found = estimates(sets, [1.0, 0.5, 1.0, 0.0] * 5)
    assert [one.name for one in found] == ["agreement", "all right"]
    assert found[0].interval == anytime_mean([1.0, 0.5, 1.0, 0.0] * 5, stays_out=False)
    assert found[1].interval == anytime_share(10, 20)
    assert "right in every label" in found[1].words
    spans = Spans(("PER",))
    versions = [
        Version(1, 10, 10.0, {}, {"a": ((Span(0, 2, "PER"),), 0.5), "b": ((), 0.9)}),
        Version(2, 20, 20.0, {}, {"a": ((Span(0, 2, "PER"), Span(3, 4, "PER")), 0.5), "b": ((), 0.9)}),
    ]
    truths: dict[str, Label | None] = {"a": (Span(0, 2, "PER"), Span(3, 4, "PER")), "b": ()}
    said = outlook(spans, versions, truths, reserved=2)
    assert [point.score for point in said.curve] == pytest.approx([(2 / 3 + 1) / 2, 1.0])
    assert said.estimates[1].mean == 1.0
    assert apart(spans, versions)[0, 1] == pytest.approx((1 / 3) ** 2 / 2)


def test_gains_come_in_points_in_words_and_in_time() -> None:
    versions, truths = project(falling())
    found = outlook(TASK, versions, truths, reserved=100, per_label_s=30.0, open_items=400)
    assert [one.labels for one in found.gains] == [50, 200]
    first, last = found.gains
    assert first.low < first.gain < first.high
    assert first.gain < last.gain
    assert last.seconds == 6000.0
    assert last.words.startswith("200 more labels (about 1.7 hours) should change accuracy by +")
    assert last.words in found.advice[0]
    assert found.verdict == "go on"


def test_no_gain_is_told_of_more_items_than_there_are() -> None:
    versions, truths = project(falling())
    found = outlook(TASK, versions, truths, reserved=100, open_items=120)
    assert [one.labels for one in found.gains] == [50]
    none = outlook(TASK, versions, truths, reserved=100, open_items=7)
    assert none.gains == ()
    assert "Only 7 items are left to label." in none.advice


@pytest.mark.parametrize(("count", "answered"), [(8, 19), (3, 60)])
def test_with_too_little_it_is_too_early_to_say(count: int, answered: int) -> None:
    versions, truths = project(falling(count), answered)
    found = outlook(TASK, versions, truths, reserved=100)
    assert found.gains == ()
    assert found.verdict == "too early"
    assert f"there are {answered} and {count}" in found.advice[0]
    assert found.estimates


def test_a_flat_curve_of_many_items_ends_in_stop_and_a_stop_rule_says_why() -> None:
    versions, truths = project([0.05] * 40, 100)
    found = outlook(TASK, versions, truths, reserved=100, population=500)
    assert found.verdict == "stop"
    assert found.advice[0].startswith("A stop rule speaks: predictions have settled")


def test_a_stop_rule_is_heard_also_while_it_is_too_early_to_say() -> None:
    versions, truths = project(falling(2), 5)
    found = outlook(TASK, versions, truths, reserved=100, stops=(Budget(40),))
    assert found.verdict == "stop"
    assert found.advice[0] == "A stop rule speaks: the budget of 40 is spent."


def test_the_rule_on_audit_items_reads_the_lower_bound() -> None:
    versions, truths = project([0.5, 0.3, 0.2, 0.01], 100)
    low = outlook(TASK, versions, truths, reserved=100, population=500).estimates[0].low
    said = [
        outlook(TASK, versions, truths, reserved=100, population=500, stops=(AuditTarget(score),)).verdict
        for score in (low - 0.01, low + 0.01)
    ]
    assert said[0] == "stop"
    assert said[1] != "stop"


def test_a_history_given_is_read_instead_and_left_as_it_was() -> None:
    versions, truths = project(falling())
    history = [Record(1, 20, 20.0), Record(2, 160, 1000.0)]
    found = outlook(TASK, versions, truths, reserved=100, stops=(Budget(1000),), history=history)
    assert found.verdict == "stop"
    assert history[-1].audited is None


def test_records_compare_models_some_labels_apart_on_what_all_of_them_guess() -> None:
    made_of = [Version(n, n, n, {}, {"a": ("x", 0.5)} | ({"b": ("y", 0.5)} if n > 30 else {})) for n in range(5, 60, 5)]
    records = records_of(TASK, made_of)
    assert [one.labelled for one in records] == [15, 35, 55]
    assert [list(one.guesses) for one in records if one.guesses is not None] == [[0], [0], [0]]
    assert records_of(TASK, []) == []


def test_models_fitted_before_later_audit_items_were_drawn_are_left_out() -> None:
    versions, truths = project(falling())
    old = Version(1, 10, 10.0, {}, {"i0": ("x", 0.5)})
    assert (
        outlook(TASK, [old, *versions], truths, reserved=100).curve
        == outlook(TASK, versions, truths, reserved=100).curve
    )
    assert "has no guess on all of them" in outlook(TASK, [old], truths, reserved=100).estimate_words


def test_what_cannot_be_is_refused() -> None:
    versions, truths = project(falling())
    with pytest.raises(DataError, match="60 of 50 audit items"):
        outlook(TASK, versions, truths, reserved=50)
    with pytest.raises(DataError, match="the serving model 5 is not among the versions; there are: 0, 10"):
        outlook(TASK, versions, truths, reserved=100, serving=5)


def test_it_needs_neither_torch_nor_sklearn() -> None:
    code = (
        "import sys; from tithe.loop.outlook import *; from tithe.tasks.choice import Choice\n"
        "v = [Version(n, n, n, {}, {str(k): ('x', .5) for k in range(30)}) for n in (10, 20, 30, 40)]\n"
        "assert outlook(Choice(('x', 'y')), v, {str(k): 'x' for k in range(30)}, reserved=30).gains\n"
        "print(*{'torch', 'sklearn', 'transformers'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
