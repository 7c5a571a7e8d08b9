"""How good is it, can I stop? The outlook of the project in words, bars and a curve."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from fastapi import Request

from tithe.experiment.report.chart import Chart, Line, swatch
from tithe.experiment.summary.words import score_percent, signed
from tithe.log import Snapshot
from tithe.service.judging import seconds_of
from tithe.service.pages import Page
from tithe.service.showing import between, colour_of, minutes

if TYPE_CHECKING:
    from tithe.service.live import Live

_VERDICTS = {
    "too early": ("early", "Too early to say: go on"),
    "go on": ("on", "Go on: more labels help"),
    "nearly done": ("nearly", "Nearly done"),
    "stop": ("stop", "You can stop"),
}
_MEASURED, _EXPECTED = 1, 2  # the styles of the two lines


def more(live: Live, request: Request) -> Mapping[str, Any]:
    """What `Live.progress` says, ready to be shown, and what was asked so far."""
    said, project, snapshot = live.progress(), live.info(), live.desk.snapshot()
    kind, words = _VERDICTS[said["verdict"]]
    return {
        "verdict": {"kind": kind, "words": words},
        "advice": [] if said["verdict"] == "too early" and not said["estimates"] else said["advice"],
        "estimate_words": _sentence(said["estimate_words"]),
        "estimates": [_estimate(one) for one in said["estimates"]],
        "audit_words": audit_words(said["answered"] + said["unlabelled"], said["reserved"]),
        "chart": _chart(said),
        "headline": _upper(said["headline"]),
        "curve_words": _sentence(said["curve_words"]),
        "points": [
            {
                "labels": f"{one['labelled']:,}",
                "score": score_percent(one["score"]),
                "range": between(one["low"], one["high"]),
            }
            for one in said["curve"]
        ],
        "gains": [_gain(one) for one in said["gains"]],
        "facts": facts(said, snapshot),
        "colours": {name: colour_of(name, project["labels"]) for name in project["labels"]},
        **_distribution(said["counts"]),
    }


def audit_words(answered: int, reserved: int) -> str:
    """How far the audit has come.

    >>> audit_words(20, 500), audit_words(0, 0)
    ('20 of 500 audit items have been shown.', 'No audit items were drawn.')
    """
    return f"{answered:,} of {reserved:,} audit items have been shown." if reserved else "No audit items were drawn."


def facts(said: Mapping[str, Any], snapshot: Snapshot) -> list[dict[str, str]]:
    """Numbers of what was asked and what it took; an answer that nobody timed, as those of a file, takes none."""
    found = [
        ("items labelled", f"{said['labelled']:,}"),
        ("of them audit items", f"{said['answered']:,}"),
        ("skipped or rejected", f"{len(snapshot.answers.keys() - snapshot.labels.keys()):,}"),
        ("left to ask", f"{said['left']:,}"),
    ]
    if typical := seconds_of(snapshot):
        found += [("spent on answers", minutes(said["seconds"])), ("for a typical answer", minutes(typical))]
    return [{"what": what, "value": value} for what, value in found]


def _distribution(counts: Mapping[str, int]) -> dict[str, Any]:
    """The labels by how often they were given, and those that never were."""
    given = sorted(((name, count) for name, count in counts.items() if count), key=lambda one: (-one[1], one[0]))
    return {
        "distribution": [{"name": name, "count": f"{count:,}", "share": count / given[0][1]} for name, count in given],
        "missing": [name for name, count in counts.items() if not count],
    }


def _estimate(one: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "name": _upper(one["name"]),
        "mean": one["mean"],
        "low": one["low"],
        "high": one["high"],
        "mean_words": score_percent(one["mean"]),
        "range": between(one["low"], one["high"]).replace(" to ", " and "),
        "n": f"{one['n']:,}",
    }


def _gain(one: Mapping[str, Any]) -> dict[str, str]:
    """A row of what more labels bring."""
    return {
        "labels": f"{one['labels']:,}",
        "time": "–" if one["seconds"] is None else minutes(one["seconds"]),
        "gain": signed(one["gain"]),
        "range": f"{signed(one['low'])} to {signed(one['high'])}",
        "then": score_percent(one["score"]),
    }


def _chart(said: Mapping[str, Any]) -> dict[str, Any] | None:
    """The curve so far and its continuation; None where there are not two points."""
    curve, gains = said["curve"], said["gains"]
    if len(curve) < 2:
        return None
    lines = [
        _line(
            "measured on the audit items",
            _MEASURED,
            [(one["labelled"], one["score"], one["low"], one["high"]) for one in curve],
        )
    ]
    legend = [{"swatch": swatch(_MEASURED), "words": "measured on the audit items, with 95 % intervals"}]
    if gains:
        last = curve[-1]
        ahead = [(last["labelled"] + one["labels"], one["score"], one["score_low"], one["score_high"]) for one in gains]
        smoothed = gains[0]["score"] - gains[0]["gain"]
        now = (last["labelled"], smoothed, None, None)
        lines.append(_line("to expect", _EXPECTED, [now, *ahead]))
        legend.append({"swatch": swatch(_EXPECTED), "words": "to expect: a smoothed curve, with 95 % intervals"})
    name = _upper(said["headline"])
    words = _sentence(said["curve_words"])
    chart = Chart("curve", f"{name} against labels", words, lines, name, span=_span(lines))
    return {
        "wide": chart.svg(900, 400, suffix="-w"),
        "narrow": chart.svg(360, 320, suffix="-n"),
        "legend": legend,
    }


def _span(lines: Sequence[Line]) -> tuple[float, float]:
    """The tenths of [0, 1] that hold every interval: one that is cut would look surer than it is."""
    bounds = [bound for line in lines for bound in (*line.y, *line.low, *line.high) if bound is not None]
    return math.floor(min(bounds) * 10) / 10, math.ceil(max(bounds) * 10) / 10


def _line(name: str, style: int, points: Sequence[tuple[float, float, float | None, float | None]]) -> Line:
    x, y, low, high = zip(*points, strict=True)
    return Line(name, style, x, y, low, high)


def _upper(text: str) -> str:
    return text[:1].upper() + text[1:]


def _sentence(text: str) -> str:
    """A clause as a sentence."""
    return f"{_upper(text)}." if text and not text.endswith(".") else _upper(text)


page = Page("progress", "How good?", 20, more)
