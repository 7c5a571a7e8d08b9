"""The tables, charts and Parquet files of docs/results.md, from the folders that its plan filled.

    tithe simulate docs/results/plan.toml --root ../shared/data --out out/results
    python bench/results.py out/results

Folders of parts of the plan (`--only`) do as well: `python bench/results.py out/choice out/spans out/arxiv`. Everything
between the two marks in docs/results.md is written anew, and so is docs/results/ but for the plan.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tithe.experiment.report import figures, page
from tithe.experiment.report.across import Across, across
from tithe.experiment.report.data import write_data
from tithe.experiment.report.read import Evidence, read_evidence
from tithe.experiment.summary.words import labels, metric_name, p_value, saved_bounds, score_percent, signed, unit_of

BEGIN, END = "<!-- begin: bench/results.py -->", "<!-- end: bench/results.py -->"
SHARE = 0.95
OTHERS = {"f1_micro": ("f1_macro", "map_label", "lrap"), "accuracy": ("f1_macro",), "entity_f1": ("token_accuracy",)}
"""Further metrics worth a column, by the main one."""
SECONDS = ("fit_s", "view_s", "select_s", "score_s")


def markdown(evidence: Evidence, charts: str) -> Iterator[str]:
    """The lines between the marks."""
    summary = evidence.summary
    seconds = sum(sum(filter(None, column)) for name, column in evidence.rounds.items() if name in SECONDS)
    yield f"All {len(evidence.rounds['seed']):,} rounds together took {seconds / 60:.0f} minutes of one process."
    yield ""
    for one in across(summary):
        yield from _map(one)
        yield from _ranks(one)
    for group in summary["groups"]:
        yield from _section(group, summary["baseline"], f"{charts}/{group['dataset']}.svg")


def _map(found: Across) -> Iterator[str]:
    yield f"## All data sets: mean gain over {found.baseline}, in points"
    yield ""
    yield (
        "The mean of the main metric over the budgets, minus that of random, paired by seed. **Bold**: significantly "
        "better, or, where negative, worse (t test over seeds, Holm over the strategies of the data set, 5 %)."
    )
    yield ""
    yield from _table(
        ["", *found.strategies],
        [
            [dataset, *(_gain(found.tests.get((name, dataset))) for name in found.strategies)]
            for dataset in found.datasets
        ],
    )


def _gain(test: Mapping[str, Any] | None) -> str:
    if test is None:
        return ""
    said = signed(test["gain"])
    return f"**{said}**" if test["better"] or test["worse"] else said


def _ranks(found: Across) -> Iterator[str]:
    ranking = found.ranking
    if ranking is None:
        return
    yield (
        f"Mean ranks of the strategies that all {len(ranking.datasets)} data sets share (1 is best): "
        + ", ".join(f"{name} {rank:.2f}" for name, rank in zip(ranking.strategies, ranking.ranks, strict=True))
        + f". Friedman's test in Iman and Davenport's form: p {p_value(ranking.test.p)}; Nemenyi's critical "
        f"difference {ranking.difference:.2f}."
    )
    yield ""


def _section(group: Mapping[str, Any], baseline: str, chart: str) -> Iterator[str]:
    unit, metric = unit_of(group), group["metric"]
    arms = sorted(group["strategies"], key=lambda one: (one["strategy"] != baseline, one["strategy"] != "auto"))
    yield f"## {group['dataset']}"
    yield ""
    yield f"![{metric_name(metric)} against {unit}]({chart})"
    yield ""
    points = arms[0]["curve"]
    yield f"{metric_name(metric)[:1].upper()}{metric_name(metric)[1:]} in percent, {group['seeds']} seeds:"
    yield ""
    full = group["full"]
    heads = [*(labels(point["labelled"]) for point in points), "gain", "95 % interval", "p (Holm)"]
    rows = []
    for arm in arms:
        test = (arm["against"] or {}).get("area")
        cells = [f"{100 * point['mean']:.1f}" for point in arm["curve"]]
        if test and test["low"] is not None:
            cells += [
                _gain(test),
                f"{signed(test['low'])} to {signed(test['high'])}",
                p_value(test["p_holm"]).removeprefix("= "),
            ]
        rows.append([arm["strategy"], *cells, *[""] * (len(heads) - len(cells))])
    yield from _table([unit, *heads], rows)
    if full:
        yield f"With all {labels(full['labelled'])} {unit}: {score_percent(full['score'])}."
        yield ""
        yield from _savings(arms, unit)
    yield from _others(arms, metric)


def _savings(arms: Sequence[Mapping[str, Any]], unit: str) -> Iterator[str]:
    said = []
    rows = [next(row for row in arm["labels_to"] if row["share"] == SHARE) for arm in arms]
    if all(row["labels"] is None for row in rows):
        yield f"None reached {SHARE:.0%} of that within the budget."
        yield ""
        return
    for arm, row in zip(arms, rows, strict=True):
        count = "more than the budget" if row["labels"] is None else labels(row["labels"])
        saved = next((s for s in (arm["against"] or {}).get("savings", []) if s["share"] == SHARE), None)
        fewer = "" if saved is None or saved["saved"] is None else f", {saved_bounds(saved)} fewer"
        said.append(f"{arm['strategy']} {count}{fewer}")
    yield f"To {SHARE:.0%} of that, in {unit} (with the 95 % interval of what is saved): {'; '.join(said)}."
    yield ""


def _others(arms: Sequence[Mapping[str, Any]], metric: str) -> Iterator[str]:
    wanted = [name for name in OTHERS.get(metric, ()) if all(name in arm["metrics"] for arm in arms)]
    said = [
        f"{metric_name(name)} " + ", ".join(f"{arm['strategy']} {100 * arm['metrics'][name][-1]:.1f}" for arm in arms)
        for name in wanted
    ]
    if said:
        yield f"At the last budget: {'; '.join(said)}."
        yield ""


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(heads)} |"
    yield f"|{'---|' * len(heads)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"
    yield ""


def chart_of(group: Mapping[str, Any], summary: Mapping[str, Any]) -> str:
    """The learning curves of the report as an SVG of its own, with its legend below."""
    drawn = str(figures.learning_curve(group, summary, re.sub(r"\W", "-", group["dataset"])))
    svg = re.search(r'<div class="wide">(<svg.*?</svg>)', drawn, re.S)
    if svg is None:
        raise ValueError(f"the report of {group['dataset']} has no chart")
    css = (Path(page.__file__).parent / "page.css").read_text("utf-8")
    style = figures.styles(group, summary["baseline"])
    legend, at = "", 60
    for name, number in style.items():
        legend += (
            f'<g transform="translate({at} 468)" class="line-{number % 7}">'
            f'<path d="M0 0h26" stroke="currentColor" stroke-width="3" fill="none"/>'
            f'<text x="32" y="4">{name}</text></g>'
        )
        at += 50 + 7 * len(name)
    body = svg[1].replace('viewBox="0 0 900 440"', 'xmlns="http://www.w3.org/2000/svg" viewBox="0 0 900 485"', 1)
    paper = '<rect width="900" height="485" fill="var(--paper)"/>'
    return body.replace("<title", f"<style>{css}</style>{paper}<title", 1).replace("</svg>", f"{legend}</svg>")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--docs", type=Path, default=Path(__file__).parents[1] / "docs")
    given = parser.parse_args()
    evidence = read_evidence(given.folders)
    into: Path = given.docs / "results"
    write_data(evidence, into)
    for group in evidence.summary["groups"]:
        (into / f"{group['dataset']}.svg").write_text(chart_of(group, evidence.summary), "utf-8")
    file = given.docs / "results.md"
    before, _, rest = file.read_text("utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    made = "\n".join(markdown(evidence, "results"))
    file.write_text(f"{before}{BEGIN}\n\n{made}\n{END}{after}", "utf-8")
    print(made)


if __name__ == "__main__":
    main()
