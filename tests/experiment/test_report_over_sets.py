"""Reports over several data sets: merged folders, the map of gains, ranks over data sets."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tithe.errors import DataError
from tithe.experiment.report import write_report
from tithe.experiment.report.across import across
from tithe.experiment.report.data import COLUMNS
from tithe.experiment.report.read import read_evidence
from tithe.stats import critical_difference, friedman

sys.path.insert(0, str(Path(__file__).parent))
import folders
import made
from test_report import read

SMALL = {"budgets": (48, 97, 193), "seeds": 4, "items": 300}


def several(base: Path, names: tuple[str, ...] = ("a", "b", "c", "d")) -> list[Path]:
    return [folders.write(base / name, dataset=name, **SMALL) for name in names]


def rewritten(folder: Path, **columns: list[object]) -> None:
    """The folder with these columns of its rounds changed."""
    table = pq.read_table(folder / "rounds.parquet").to_pydict() | columns
    pq.write_table(pa.table(table), folder / "rounds.parquet")


def test_a_map_and_a_diagram_stand_before_the_data_sets_and_say_what_the_numbers_say(tmp_path: Path) -> None:
    paths = several(tmp_path)
    write_report(paths, tmp_path / "all.html")
    html = (tmp_path / "all.html").read_text("utf-8")
    read(html)
    order = ['id="over"', "Mean gain over random, in points", "Mean ranks over data sets", 'id="g0"', 'id="g3"']
    assert [html.index(words) for words in order] == sorted(html.index(words) for words in order)
    (found,) = across(read_evidence(paths).summary)
    for (name, dataset), test in found.tests.items():
        alone = json.loads((tmp_path / dataset / "summary.json").read_text())["groups"][0]["strategies"]
        (own,) = [one["against"]["area"] for one in alone if one["strategy"] == name]
        assert test["gain"] == own["gain"]
        assert f"<b>{100 * test['gain']:+.1f}</b>".replace("-", "−") in html
    ranking = found.ranking
    assert ranking is not None
    table = []
    for group in read_evidence(paths).summary["groups"]:
        areas = {one["strategy"]: one["area"]["mean"] for one in group["strategies"]}
        table.append([areas[name] for name in ("auto", "margin", "random")])
    assert ranking.test == friedman(table)
    assert ranking.difference == critical_difference(3, 4)
    assert ranking.ranks == tuple(sorted(ranking.test.ranks))
    assert ranking.strategies[-1] == "random"
    assert f"must lie {ranking.difference:.2f} apart" in html


def test_every_figure_over_data_sets_has_words_for_who_cannot_see_it(tmp_path: Path) -> None:
    write_report(several(tmp_path), tmp_path / "all.html")
    section = (tmp_path / "all.html").read_text("utf-8").split('id="over"')[1].split("</section>")[0]
    drawn = re.findall(r"<svg class=.chart.*?</svg>", section, re.S)
    assert len(drawn) == 2
    assert all("<title" in one and "Mean rank of each strategy over 4 data sets" in one for one in drawn)
    assert "Not told apart from" in section


@pytest.mark.parametrize(("names", "drawn"), [(("a",), None), (("a", "b"), False), (("a", "b", "c"), True)])
def test_ranks_need_three_data_sets_and_a_map_two(tmp_path: Path, names: tuple[str, ...], drawn: bool | None) -> None:
    write_report(several(tmp_path, names), tmp_path / "all.html")
    html = (tmp_path / "all.html").read_text("utf-8")
    assert ('class="heat"' in html) == (drawn is not None)
    assert ('class="clique"' in html) == bool(drawn)
    assert ("need three data sets with three strategies" in html) == (drawn is False)


def test_few_data_sets_are_said_to_tell_nothing_apart(tmp_path: Path) -> None:
    paths = [
        folders.write(tmp_path / name, {**made.SPEED, "x": 40.0, "y": 41.0}, dataset=name, **SMALL) for name in "abc"
    ]
    (found,) = across(read_evidence(paths).summary)
    assert found.ranking is not None
    assert found.ranking.difference == pytest.approx(critical_difference(5, 3))
    if not found.ranking.shown:
        assert found.ranking.groups == ((0, 1, 2, 3, 4),)
    else:
        assert all(found.ranking.ranks[g[-1]] - found.ranking.ranks[g[0]] < 3.53 for g in found.ranking.groups)


# --- merging


def test_strategies_of_one_data_set_in_two_folders_are_compared_with_each_other(tmp_path: Path) -> None:
    one = folders.write(tmp_path / "one", {"random": 60.0}, **SMALL)
    two = folders.write(tmp_path / "two", {"auto": 25.0}, **SMALL)
    whole = folders.write(tmp_path / "whole", {"random": 60.0, "auto": 25.0}, **SMALL)
    merged, alone = read_evidence([one, two]).summary, read_evidence([whole]).summary
    (group,), (other,) = merged["groups"], alone["groups"]
    assert [one["strategy"] for one in group["strategies"]] == ["random", "auto"]
    assert group["strategies"][1]["against"]["area"]["gain"] == other["strategies"][1]["against"]["area"]["gain"]


def test_the_same_run_counts_once_whatever_its_seconds_and_the_name_before_its_config(tmp_path: Path) -> None:
    one, two = (folders.write(tmp_path / name, **SMALL) for name in ("one", "two"))
    rows = pq.read_table(two / "rounds.parquet").to_pydict()
    rewritten(two, fit_s=[9.0] * len(rows["fit_s"]), config=[f"atis/{config}" for config in rows["config"]])
    assert len(read_evidence([one, two]).rounds["seed"]) == len(rows["seed"])


def test_the_same_run_with_other_results_is_an_error(tmp_path: Path) -> None:
    one, two = (folders.write(tmp_path / name, **SMALL) for name in ("one", "two"))
    rows = pq.read_table(two / "rounds.parquet").to_pydict()
    rewritten(two, accuracy=[*rows["accuracy"][:-1], 0.5])
    with pytest.raises(DataError, match=r"both hold atis-auto with seed 3 on atis, with different results"):
        read_evidence([one, two])


def test_metrics_of_one_folder_alone_are_null_for_the_other(tmp_path: Path) -> None:
    one, two = several(tmp_path, ("a", "b"))
    table = pq.read_table(two / "rounds.parquet")
    kept = table.drop(["accuracy", "auc", "test_correct"]).append_column("lrap", table["accuracy"])
    pq.write_table(kept, two / "rounds.parquet")
    evidence = read_evidence([one, two])
    assert [group["metric"] for group in evidence.summary["groups"]] == ["accuracy", "f1_micro"]
    assert "lrap" in evidence.rounds
    write_report([one, two], tmp_path / "both.html")
    read((tmp_path / "both.html").read_text("utf-8"))


def test_a_folder_without_rounds_cannot_be_merged(tmp_path: Path) -> None:
    one, two = several(tmp_path, ("a", "b"))
    (two / "rounds.parquet").unlink()
    with pytest.raises(DataError, match=r"b holds no rounds.parquet, so it cannot be reported with others"):
        read_evidence([one, two])


# --- the numbers behind the figures


def test_each_figure_has_its_numbers_in_a_small_file(tmp_path: Path) -> None:
    paths = several(tmp_path)
    write_report(paths, tmp_path / "all.html", data=tmp_path / "all-data")
    tables = {path.stem: pq.read_table(path) for path in (tmp_path / "all-data").iterdir()}
    assert {name: tuple(table.column_names) for name, table in tables.items()} == dict(COLUMNS)
    summary = read_evidence(paths).summary
    curve = [row for row in tables["curves"].to_pylist() if row["dataset"] == "b" and row["strategy"] == "auto"]
    (auto,) = [one for one in summary["groups"][1]["strategies"] if one["strategy"] == "auto"]
    assert [row["mean"] for row in curve if row["metric"] == "accuracy"] == [p["mean"] for p in auto["curve"]]
    assert [row["mean"] for row in curve if row["metric"] == "auc"] == auto["metrics"]["auc"]
    areas = {
        row["seed"]: row["area"]
        for row in tables["areas"].to_pylist()
        if (row["dataset"], row["strategy"]) == ("b", "auto")
    }
    assert {str(seed): area for seed, area in areas.items()} == auto["area"]["per_seed"]
    assert len(tables["gains"]) == 4 * 2
    ranks = tables["ranks"].to_pylist()
    assert [row["mean_rank"] for row in ranks] == sorted(row["mean_rank"] for row in ranks)
    assert {row["datasets"] for row in ranks} == {4}
    assert len(tables["classes"]) == 0, "made-up rounds keep no counts"


def test_the_command_writes_the_numbers_beside_the_page(tmp_path: Path) -> None:
    from typer.testing import CliRunner

    from tithe.cli import app

    done = CliRunner().invoke(app, ["report", *map(str, several(tmp_path, ("a",))), "--out", str(tmp_path / "x.html")])
    assert done.exit_code == 0
    assert {path.stem for path in (tmp_path / "x-data").iterdir()} == set(COLUMNS)
