"""F1 of each class: counted by the task, kept with the rounds, drawn in the report, against scikit-learn."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from sklearn.metrics import f1_score

from tithe import simulate
from tithe.experiment.classes import unpacked
from tithe.experiment.report.classes import class_curves
from tithe.experiment.report.read import read_evidence
from tithe.rng import stream
from tithe.tasks.choice import Choice
from tithe.tasks.counting import f1
from tithe.tasks.multilabel import MultiLabel

sys.path.insert(0, str(Path(__file__).parent))
from sets import two_sets


def test_the_counts_of_a_choice_give_the_f1_of_scikit_learn() -> None:
    rng, names = stream(0, "test"), ["a", "b", "c", "d"]
    truth, guess = ([names[i] for i in rng.integers(0, 4, 200)] for _ in range(2))
    counts = Choice(tuple(names)).per_class(truth, guess)
    assert [f1(*counts[name]) for name in names] == pytest.approx(f1_score(truth, guess, labels=names, average=None))


def test_the_counts_of_label_sets_give_the_f1_of_scikit_learn() -> None:
    rng, task = stream(0, "test"), MultiLabel(("a", "b", "c"))
    truth, guess = (rng.random((100, 3)) < 0.4 for _ in range(2))
    sets = [[frozenset(n for n, on in zip("abc", row, strict=True) if on) for row in side] for side in (truth, guess)]
    counts = task.per_class(*sets)
    assert [f1(*counts[name]) for name in "abc"] == pytest.approx(f1_score(truth, guess, average=None))


def test_a_simulation_keeps_the_counts_and_the_report_draws_them(example: Any, tmp_path: Path) -> None:
    results = simulate(two_sets(example, tmp_path / "data"), tmp_path / "out", engine="inline")
    for row in results.rounds.to_pylist():
        counts = unpacked(row)
        right, guessed, true = (sum(one[at] for one in counts.values()) for at in range(3))
        assert 2 * right / (guessed + true) == pytest.approx(row["f1_micro"])
        if row["dataset"] == "intents":
            assert true == guessed == row["test_items"]
    evidence = read_evidence([tmp_path / "out"])
    for group in evidence.summary["groups"]:
        curves = class_curves(group, evidence.rounds)
        assert [one.true for one in curves] == sorted((one.true for one in curves), reverse=True)
        assert set(curves[0].means) == {"random", "margin"}
        assert all(len(means) == 2 for means in curves[0].means.values())
    html = (tmp_path / "out" / "report.html").read_text("utf-8")
    assert html.count("<summary>F1 of each class</summary>") == 2
    assert '<th scope="row">question</th>' in html
