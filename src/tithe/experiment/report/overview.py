"""The section over data sets: a heat map of gains, and a diagram of mean ranks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from tithe.experiment.report.across import Across, Ranking
from tithe.experiment.report.markup import Html, Rich, table, tag, text
from tithe.experiment.report.scale import Scale
from tithe.experiment.summary.words import p_value, signed

_STEPS = (0.005, 0.01, 0.02, 0.04)
"""Gains, as shares, at which the colour of a cell grows one step stronger."""


def overview(found: Sequence[Across]) -> Html:
    """The section, or nothing where no recipe has two data sets."""
    if not found:
        return Html("")
    parts = []
    for number, one in enumerate(found):
        if len(found) > 1:
            parts.append(tag("h3", text(f"{one.trainer} on {one.start}")))
        parts += [_heat_map(one), _ranks(one, f"ranks{number}")]
    return Html(
        f'<section id="over" aria-label="Over all data sets"><h2>Over all data sets</h2>{"".join(parts)}</section>'
    )


def _heat_map(found: Across) -> Html:
    """Strategy x data set as a table: numbers, words and colour say the same."""
    rows = []
    for name in found.strategies:
        tests = [found.tests.get((name, dataset)) for dataset in found.datasets]
        rows.append([name, *(Rich(_cell(test)) for test in tests), _count(tests)])
    return table(
        f"Mean gain over {found.baseline}, in points",
        ["Strategy", *found.datasets, "Better / worse"],
        rows,
        note="The difference of the mean score over the budgets, paired by seed. “better” and “worse” are claims: "
        "p below .05 after Holm over the strategies of the data set. Blue is above the baseline, orange below; the "
        "stronger, the further (from half a point, 1, 2, 4).",
        cls="heat",
    )


def _cell(test: Mapping[str, Any] | None) -> str:
    if test is None:
        return "–"
    step = sum(abs(test["gain"]) >= limit for limit in _STEPS)
    side = "up" if test["gain"] > 0 else "down"
    verdict = "better" if test["better"] else "worse" if test["worse"] else ""
    said = f"<small>{verdict}</small>" if verdict else ""
    return f'<span class="{f"{side}-{step}" if step else "level-0"}"><b>{text(signed(test["gain"]))}</b>{said}</span>'


def _count(tests: Sequence[Mapping[str, Any] | None]) -> str:
    known = [test for test in tests if test is not None]
    return f"{sum(bool(t['better']) for t in known)} / {sum(bool(t['worse']) for t in known)} of {len(known)}"


def _ranks(found: Across, name: str) -> Html:
    """The critical-difference diagram with its numbers in words and in a table, or why there is none."""
    ranking = found.ranking
    if ranking is None:
        return tag("p", "Mean ranks over data sets need three data sets with three strategies in common.", cls="quiet")
    said = _in_words(ranking)
    rows = [
        [who, f"{rank:.2f}", _alike(ranking, at)]
        for at, (who, rank) in enumerate(zip(ranking.strategies, ranking.ranks, strict=True))
    ]
    return Html(
        tag(
            "figure",
            f'<div class="wide">{_diagram(ranking, f"{name}-w", said, 900)}</div>',
            f'<div class="narrow">{_diagram(ranking, f"{name}-n", said, 360)}</div>',
            tag("figcaption", text(said)),
        )
        + table("Mean ranks over data sets", ["Strategy", "Mean rank", "Not told apart from"], rows)
    )


def _alike(ranking: Ranking, at: int) -> str:
    others = sorted({one for group in ranking.groups if at in group for one in group} - {at})
    return ", ".join(ranking.strategies[one] for one in others) or "told apart from all"


def _in_words(ranking: Ranking) -> str:
    """What the diagram shows, and how little a few data sets can show."""
    n, k, test = len(ranking.datasets), len(ranking.strategies), ranking.test
    verdict = (
        "the strategies are not all alike"
        if ranking.shown
        else "that all strategies are alike is not refuted, so no two of them are called different"
    )
    reach = f"Two mean ranks must lie {ranking.difference:.2f} apart to differ (Nemenyi, 5 % for all pairs together)"
    if ranking.difference > k - 1:
        reach += f"; the whole scale is {k - 1} long, so {n} data sets cannot tell any two apart"
    return (
        f"Mean rank of each strategy over {n} data sets, 1 the best, by the mean score over the budgets and seeds. "
        f"Friedman’s test, in Iman and Davenport’s form (p {p_value(test.p)}): {verdict}. {reach}. "
        f"A bar joins strategies that are not told apart; that is no proof that they are equal, and with {n} data sets "
        f"only large and steady differences can be seen. Ranks depend on which strategies take part."
    )


def _diagram(ranking: Ranking, ident: str, said: str, width: int) -> str:
    """A row for each strategy, its mean rank on a common axis; bars at the side join what is not told apart."""
    k, step, top = len(ranking.strategies), 26, 62
    names = min(max(map(len, ranking.strategies)) * 8 + 12, width // 2)
    bars = 14 * max(1, len(ranking.groups))
    axis = Scale(1, k, names + 8, width - bars - 24, False)
    height = top + step * k + 8
    body = []
    for whole in range(1, k + 1):
        x = axis(whole)
        body.append(f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{top - 8}" y2="{height - 8}"/>')
        body.append(f'<text class="tick" x="{x:.1f}" y="{top - 14}" text-anchor="middle">{whole}</text>')
    end = min(axis(1 + ranking.difference), width - 8)
    body.append(f'<text class="name" x="{axis(1):.1f}" y="12">critical difference {ranking.difference:.2f}</text>')
    body.append(f'<line class="bridge" x1="{axis(1):.1f}" x2="{end:.1f}" y1="22" y2="22"/>')
    for at, (who, rank) in enumerate(zip(ranking.strategies, ranking.ranks, strict=True)):
        y = top + step * at + step / 2
        body.append(f'<text x="{names}" y="{y + 4:.1f}" text-anchor="end">{escape(who)}</text>')
        body.append(f'<line class="grid" x1="{names + 8}" x2="{axis(rank):.1f}" y1="{y:.1f}" y2="{y:.1f}"/>')
        body.append(f'<circle class="dot line-1" cx="{axis(rank):.1f}" cy="{y:.1f}" r="5.5"/>')
        body.append(f'<text class="note halo" x="{axis(rank) + 10:.1f}" y="{y - 4:.1f}">{rank:.2f}</text>')
    for number, group in enumerate(ranking.groups):
        side = width - bars + 14 * number
        y1, y2 = top + step * min(group) + 5, top + step * (max(group) + 1) - 5
        body.append(f'<line class="clique" x1="{side}" x2="{side}" y1="{y1}" y2="{y2}"/>')
    return (
        f'<svg class="chart" viewBox="0 0 {width} {height}" role="img" aria-labelledby="{ident}-t {ident}-d">'
        f'<title id="{ident}-t">Mean ranks over data sets</title><desc id="{ident}-d">{escape(said)}</desc>'
        + "".join(body)
        + "</svg>"
    )
