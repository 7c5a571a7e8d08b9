"""The summary of made-up rounds whose truth is known."""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from scipy import stats as oracle

from tithe.errors import ColumnError, DataError
from tithe.experiment.summary import summarise

sys.path.insert(0, str(Path(__file__).parent))
import made


@pytest.fixture(scope="module")
def summary() -> dict[str, Any]:
    return summarise(made.rounds(), {}, seed=0)


def arm(summary: dict[str, Any], name: str) -> dict[str, Any]:
    return next(one for one in summary["groups"][0]["strategies"] if one["strategy"] == name)


def column(rows: dict[str, list[Any]], name: str, strategy: str, labelled: int) -> np.ndarray:
    where = zip(rows["strategy"], rows["labelled"], rows[name], strict=True)
    return np.array([value for s, n, value in where if (s, n) == (strategy, labelled)])


def test_it_is_plain_json_and_the_same_every_time(summary: dict[str, Any]) -> None:
    text = json.dumps(summary, allow_nan=False)
    table = pa.table(made.rounds())
    shuffled = table.take(np.random.default_rng(0).permutation(table.num_rows))
    assert json.dumps(summarise(shuffled, {}, seed=0), allow_nan=False) == text
    assert summarise(made.rounds(), {}, seed=1) != summary


def test_only_keys_ending_in_s_depend_on_the_clock(summary: dict[str, Any]) -> None:
    later = made.rounds()
    for part in ("fit_s", "view_s", "select_s"):
        later[part] = [value * 3 for value in later[part]]

    def timeless(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: timeless(one) for key, one in value.items() if not key.endswith("_s")}
        return [timeless(one) for one in value] if isinstance(value, list) else value

    again = summarise(later, {}, seed=0)
    assert again != summary
    assert timeless(again) == timeless(summary)


def test_gains_and_areas_are_those_of_scipy(summary: dict[str, Any]) -> None:
    rows, auto = made.rounds(), arm(summary, "auto")
    for point in auto["against"]["gains"]:
        n = point["labelled"]
        test = oracle.ttest_rel(column(rows, "accuracy", "auto", n), column(rows, "accuracy", "random", n))
        low, high = test.confidence_interval()
        assert (point["low"], point["high"]) == pytest.approx((low, high), abs=1e-8)
        assert point["low_items"] < point["gain"] < point["high_items"]
    areas = [np.array(list(arm(summary, name)["area"]["per_seed"].values())) for name in ("auto", "random")]
    assert auto["against"]["area"]["p_t"] == pytest.approx(oracle.ttest_rel(*areas).pvalue, rel=1e-4)


def test_holm_runs_over_the_strategies_of_a_group(summary: dict[str, Any]) -> None:
    tests = [arm(summary, name)["against"]["area"] for name in ("auto", "margin")]
    first, last = sorted(tests, key=lambda test: test["p_t"])
    assert first["p_holm"] == pytest.approx(2 * first["p_t"])
    assert last["p_holm"] == pytest.approx(max(last["p_t"], first["p_holm"]))
    assert all(test["better"] and not test["worse"] for test in tests)


def test_savings_hold_the_truth(summary: dict[str, Any]) -> None:
    # By the formula of `made`, labels to any score are in the ratio of the speeds: 1 - 25 / 60 and 1 - 30 / 60.
    for name, truth in (("auto", 1 - 25 / 60), ("margin", 0.5)):
        known = [one for one in arm(summary, name)["against"]["savings"] if one["saved"] and not one["at_first"]]
        assert len(known) == 3
        assert all(one["low"] < truth < one["high"] for one in known)
    assert arm(summary, "auto")["against"]["over"] == "seeds and test items"


def test_the_baseline_comes_first_and_is_compared_with_nothing(summary: dict[str, Any]) -> None:
    assert [one["strategy"] for one in summary["groups"][0]["strategies"]] == ["random", "auto", "margin"]
    assert arm(summary, "random")["against"] is None


def test_sentences_say_what_was_shown(summary: dict[str, Any]) -> None:
    assert summary["headline"].startswith("With 322 of 4,834 labels, auto reaches 98.3 % accuracy; random needs 872")
    assert any("auto reached 99 % of the full-data accuracy with 322 labels" in text for text in summary["sentences"])
    assert summary["notes"] == []


def test_equal_strategies_are_not_told_apart() -> None:
    # One seeded case; the tests themselves keep their level (tests/stats).
    summary = summarise(made.rounds({"random": 40.0, "margin": 40.0}, seeds=5), {}, seed=0)
    assert summary["headline"] == "No difference between margin and random could be shown."
    assert summary["sentences"][0].startswith("No difference between margin and random could be shown (p = ")
    assert "5 seeds; a claim should stand on 10" in summary["notes"][0]


def test_a_worse_strategy_is_called_worse() -> None:
    summary = summarise(made.rounds({"random": 25.0, "margin": 60.0}), {}, seed=0)
    assert "margin did worse" in summary["headline"]
    assert "worse than random" in summary["sentences"][0]


def test_one_seed_claims_nothing() -> None:
    summary = summarise(made.rounds(seeds=1), {}, seed=0)
    point, test = arm(summary, "auto")["curve"][0], arm(summary, "auto")["against"]["area"]
    assert point["low"] is point["high"] is point["low_items"] is test["p_t"] is test["p_holm"] is None
    assert not test["better"]
    assert "one seed" in summary["notes"][0]
    assert "nothing is claimed" in summary["headline"]


def test_without_random_nothing_is_claimed() -> None:
    summary = summarise(made.rounds({"auto": 25.0, "margin": 30.0}), {}, seed=0)
    assert summary["sentences"] == ["No random arm: nothing is claimed."]
    assert all(one["against"] is None for one in summary["groups"][0]["strategies"])


def test_without_a_full_run_there_are_gains_but_no_targets() -> None:
    summary = summarise(made.rounds(full=False), {}, seed=0)
    auto = arm(summary, "auto")
    assert summary["groups"][0]["full"] is None
    assert auto["labels_to"] == auto["against"]["savings"] == []
    assert auto["against"]["area"]["better"]


def test_without_per_item_results_intervals_are_over_seeds() -> None:
    summary = summarise(made.rounds(per_item=False), {}, seed=0)
    against = arm(summary, "auto")["against"]
    assert against["over"] == "seeds"
    assert against["gains"][0]["low_items"] is None
    assert against["savings"][-1]["low"] is not None
    assert "over seeds only" in summary["notes"][0]


def test_targets_beyond_the_budget_are_null_and_bounded() -> None:
    summary = summarise(made.rounds(budgets=(48, 97, 145, 193, 242, 338)), {}, seed=0)
    last = arm(summary, "auto")["against"]["savings"][-1]
    assert (last["baseline_labels"], last["saved"], last["budget"]) == (None, None, 338)
    assert 0 <= last["saved_at_least"] < 0.2
    assert arm(summary, "random")["labels_to"][-1]["labels"] is None


def test_other_budgets_are_compared_where_they_meet() -> None:
    rows = made.rounds({"random": 60.0})
    more = made.rounds({"auto": 25.0}, budgets=(48, 97, 242, 500, 1116), full=False)
    summary = summarise({key: rows[key] + more[key] for key in rows}, {}, seed=0)
    against = arm(summary, "auto")["against"]
    assert [point["labelled"] for point in against["gains"]] == [48, 97, 242, 1116]
    assert any("other budgets" in note for note in summary["notes"])


def test_an_unfinished_round_is_left_out_and_said() -> None:
    rows = {key: values[:-1] for key, values in made.rounds().items()}
    summary = summarise(rows, {}, seed=0)
    assert len(arm(summary, "auto")["curve"]) == 8
    assert "not every seed has reached" in summary["notes"][0]


def test_another_metric_leaves_the_test_items_out() -> None:
    summary = summarise(made.rounds(), {"metric": "f1_macro"}, seed=0)
    assert summary["metric"] == "f1_macro"
    assert arm(summary, "auto")["against"]["over"] == "seeds"


def test_several_data_sets_are_kept_apart() -> None:
    one, two = made.rounds(), made.rounds({"random": 60.0, "auto": 59.0}, dataset="trec", seeds=3)
    summary = summarise({key: one[key] + two[key] for key in one}, {}, seed=0)
    assert [group["dataset"] for group in summary["groups"]] == ["atis", "trec"]
    assert summary["headline"].endswith("of 2 settings.")
    assert all(text.startswith(("atis, linear on minilm: ", "trec, ")) for text in summary["sentences"])


def test_two_configs_of_one_strategy_are_two_arms() -> None:
    one, two = made.rounds(), made.rounds({"auto": 27.0}, full=False)
    two["config"] = ["other"] * len(two["config"])
    summary = summarise({key: one[key] + two[key] for key in one}, {}, seed=0)
    names = [arm["strategy"] for arm in summary["groups"][0]["strategies"]]
    assert names == ["random", "auto (atis-auto)", "auto (other)", "margin"]


def test_rows_that_are_damaged_are_refused() -> None:
    rows = made.rounds()
    with pytest.raises(ColumnError, match="rounds lack strategy"):
        summarise({key: values for key, values in rows.items() if key != "strategy"}, {}, seed=0)
    with pytest.raises(ColumnError, match="no metric 'bleu'"):
        summarise(rows, {}, metric="bleu", seed=0)
    with pytest.raises(DataError, match="two rows for seed"):
        summarise({key: values + values[-1:] for key, values in rows.items()}, {}, seed=0)
    with pytest.raises(DataError, match="does not average"):
        summarise({**rows, "accuracy": [0.5] * len(rows["accuracy"])}, {}, seed=0)


# --- curves of unequal length


def cut(rows: dict[str, list[Any]], ends: dict[tuple[str, int], int]) -> dict[str, list[Any]]:
    """The rounds without what lies behind the last budget of a run, as a stop rule would leave them."""
    kept = [
        number
        for number, (name, seed, labelled) in enumerate(
            zip(rows["strategy"], rows["seed"], rows["labelled"], strict=True)
        )
        if labelled <= ends.get((name, seed), 10**9)
    ]
    return {name: [column[number] for number in kept] for name, column in rows.items()}


def test_runs_that_stopped_early_are_compared_where_all_still_ran() -> None:
    ends = {("margin", seed): 242 if seed else 145 for seed in range(10)}
    whole = made.rounds()
    summary = summarise(cut(whole, ends), {}, seed=0, draws=200)
    (group,) = summary["groups"]
    by_name = {one["strategy"]: one for one in group["strategies"]}
    assert [point["labelled"] for point in by_name["margin"]["curve"]] == [48, 97, 145]
    assert [row["labelled"] for row in by_name["margin"]["against"]["gains"]] == [48, 97, 145]
    assert [point["labelled"] for point in by_name["auto"]["curve"]] == list(made.BUDGETS)
    assert by_name["margin"]["ends"]["labelled"] == {str(seed): 242 if seed else 145 for seed in range(10)}
    assert by_name["margin"]["ends"]["labelled_mean"] == pytest.approx((9 * 242 + 145) / 10)
    rows = zip(whole["strategy"], whole["seed"], whole["labelled"], whole["accuracy"], strict=True)
    score = {(name, seed, labelled): one for name, seed, labelled, one in rows}
    expected = {str(seed): pytest.approx(score["margin", seed, 242 if seed else 145]) for seed in range(10)}
    assert by_name["margin"]["ends"]["score"] == expected
    assert any("margin has 2 budgets that not every seed has reached" in note for note in group["notes"])
    said = next(one for one in group["sentences"] if one.startswith("margin ended"))
    assert said.startswith("margin ended at 145 to 242 labels, 233 on average, with ")
    assert any(one.startswith("auto ended at 1,116 labels with") for one in group["sentences"])


def test_where_all_runs_went_as_far_nothing_is_said_of_ends() -> None:
    summary = summarise(made.rounds(), {}, seed=0, draws=50)
    assert {one["ends"] for one in summary["groups"][0]["strategies"]} == {None}
    assert not any("ended at" in one for one in summary["sentences"])


def test_a_run_that_stopped_at_once_leaves_a_curve_of_one_point() -> None:
    ends = {("margin", 3): 48}
    summary = summarise(cut(made.rounds(), ends), {}, seed=0, draws=50)
    (margin,) = (one for one in summary["groups"][0]["strategies"] if one["strategy"] == "margin")
    assert len(margin["curve"]) == 1
    assert margin["area"]["from"] == margin["area"]["to"] == 48
