"""The page: what a manager needs first, what a researcher checks below it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.resources import files
from string import Template
from typing import Any

from tithe.experiment.report import tables
from tithe.experiment.report.about import method, what_was_run
from tithe.experiment.report.across import across
from tithe.experiment.report.classes import class_curves, per_class
from tithe.experiment.report.figures import learning_curve, small_multiples
from tithe.experiment.report.markup import Html, tag, text
from tithe.experiment.report.overview import overview
from tithe.experiment.report.read import Evidence
from tithe.experiment.summary.sentences import best, is_sure, saving
from tithe.experiment.summary.words import group_name


def page(evidence: Evidence) -> str:
    """The report as one HTML file."""
    summary = evidence.summary
    groups = [group for group in summary["groups"] if group["strategies"]]
    one = len(groups) == 1
    sections = [_section(evidence, group, f"g{number}", alone=one) for number, group in enumerate(groups)]
    here = files("tithe.experiment.report")
    datasets = sorted({group["dataset"] for group in groups})
    return Template(here.joinpath("page.html").read_text(encoding="utf-8")).substitute(
        title=text(f"tithe report: {', '.join(datasets)}"),
        style=here.joinpath("page.css").read_text(encoding="utf-8"),
        eyebrow=text(" · ".join(datasets)),
        headline=text(summary["headline"]),
        contents="" if one else _contents(groups),
        sections=overview(across(summary)) + "".join(sections),
        method=method(),
        run=what_was_run(list(evidence.runs)),
    )


def _contents(groups: Sequence[Mapping[str, Any]]) -> Html:
    """One line for each group, which leads to its section."""
    lines = [
        f'<li><a href="#g{number}">{text(group_name(group))}</a>: {text(group["headline"])}</li>'
        for number, group in enumerate(groups)
    ]
    return tag("nav", tag("ul", *lines), cls="contents")


def _section(evidence: Evidence, group: Mapping[str, Any], name: str, *, alone: bool) -> Html:
    """One group: chart and key figures, sentences, then the tables."""
    summary = evidence.summary
    winner = best(group["strategies"])
    found = saving(winner) if winner else None
    title = group_name(group)
    top = "" if alone else tag("h2", text(title)) + tag("p", text(group["headline"]), cls="lead")
    notes = [note.removeprefix(f"{title}: ") for note in group["notes"]]
    parts = [
        top,
        tables.key_figures(group, winner, found if found and is_sure(found) else None, summary["baseline"]),
        _caveats(notes),
        learning_curve(group, summary, name),
        tag("h3" if not alone else "h2", "What was found"),
        tag("ul", *(tag("li", text(one)) for one in group["sentences"]), cls="found"),
        tag("h3" if not alone else "h2", "The evidence"),
        tables.targets(group, summary),
        tables.tests(group, summary),
        tables.gains(group, summary),
        small_multiples(group, summary, name),
        per_class(group, class_curves(group, evidence.rounds), summary["baseline"], name),
        tables.times(group),
        tables.all_numbers(group, summary),
    ]
    return Html(f'<section id="{name}" aria-label="{text(title)}">{"".join(parts)}</section>')


def _caveats(notes: Sequence[str]) -> Html:
    if not notes:
        return Html("")
    lines = "".join(tag("li", text(note[:1].upper() + note[1:])) for note in notes)
    return Html(
        f'<aside class="caveats" aria-label="Caveats"><strong>Before you rely on this</strong><ul>{lines}</ul></aside>'
    )
