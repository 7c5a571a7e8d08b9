"""The versions of the model: which serves, how good each is, and two side by side on the same items."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from fastapi import Request

from tithe.errors import ConfigError, TitheError
from tithe.experiment.summary.words import p_value, score_percent, signed
from tithe.service.pages import Page
from tithe.service.showing import between, colour_of, names_of, shortened, stretches, when

if TYPE_CHECKING:
    from tithe.service.live import Live

_NEWEST = 10
_MOST_DIFFERING = 200
_SHORT = 300


def more(live: Live, request: Request) -> Mapping[str, Any]:
    """All versions, and a comparison where the address names two."""
    project, given = live.info(), request.query_params
    found = live.models()
    status = live.status()
    choices = [one["version"] for one in found]
    a, b = given.get("a", ""), given.get("b", "")
    said: dict[str, Any] = {
        "newest": [_shown(one) for one in found[:_NEWEST]],
        "older": [_shown(one) for one in found[_NEWEST:]],
        "pinned": status["serving"] != "latest",
        "serving_words": serving_words(found, status["serving"]),
        "speeds": status["slow"]["words"] if status["slow"] else "",
        "choices": [
            {"version": one["version"], "words": f"{one['version']} ({one['labels']:,} labels, {one['trainer']})"}
            for one in found
        ],
        "a": int(a) if a.isdecimal() else (choices[-1] if choices else None),
        "b": int(b) if b.isdecimal() else (choices[0] if choices else None),
        "colours": {name: colour_of(name, project["labels"]) for name in project["labels"]},
        "compared": None,
        "refused": None,
    }
    if a or b:
        try:
            said["compared"] = _compared(live, project, a, b)
        except TitheError as error:
            said["refused"] = str(error)
    return said


def serving_words(models: Sequence[Mapping[str, Any]], serving: Any) -> str:
    """Which model serves, in a sentence.

    >>> serving_words([{"version": 40, "serving": True}], "latest")
    'Version 40 serves: always the latest one.'
    >>> serving_words([{"version": 40, "serving": False}, {"version": 31, "serving": True, "slow": True}], "latest")
    'Version 31 serves: the slow model, as it is the better one.'
    """
    found = next((one for one in models if one["serving"]), None)
    if found is None:
        return "No model serves yet."
    now = found["version"]
    if serving == "latest" and found.get("slow"):
        return f"Version {now} serves: the slow model, as it is the better one."
    if serving == "latest":
        return f"Version {now} serves: always the latest one."
    return f"Version {now} serves, because somebody chose it; newer ones are fitted, and wait."


def took(seconds: float) -> str:
    """How long a fit took.

    >>> took(1.23), took(0.02)
    ('in 1.2 s', 'in under 0.1 s')
    """
    return "in under 0.1 s" if seconds < 0.05 else f"in {seconds:.1f} s"


def _shown(one: Mapping[str, Any]) -> dict[str, Any]:
    audit = one["audit"]
    return {
        "version": one["version"],
        "labels": f"{one['labels']:,}",
        "score": "–" if one["score"] is None else score_percent(one["score"]),
        "measure": one["measure"] or "",
        "audit": audit
        and {
            "name": audit["name"],
            "value": audit["score"],
            "low": audit["low"],
            "high": audit["high"],
            "score": score_percent(audit["score"]),
            "range": between(audit["low"], audit["high"]),
            "n": f"{audit['n']:,}",
        },
        "when": when(one["at"]),
        "trainer": one["trainer"],
        "slow": one["slow"],
        "made_by": f"on {one['recipe']['start']}, {took(one['fit_s'])}",
        "serving": one["serving"],
        "on_disk": one["on_disk"],
    }


def _compared(live: Live, project: Mapping[str, Any], a: str, b: str) -> dict[str, Any]:
    if not (a.isdecimal() and b.isdecimal()):
        raise ConfigError(f"choose two versions to compare; given {a!r} and {b!r}")
    if a == b:
        raise ConfigError("choose two different versions; given the same twice")
    found = live.compare(int(a), int(b))
    return {
        "a": found["a"],
        "b": found["b"],
        "sentence": comparison_sentence(found),
        "judgement": comparison_judgement(found),
        "items": [_differing(one, project) for one in found["items"][:_MOST_DIFFERING]],
    }


def comparison_sentence(found: Mapping[str, Any]) -> str:
    """How many items each has right.

    >>> comparison_sentence({"a": 20, "b": 40, "n": 50, "a_right": 30, "b_right": 41})
    'Of 50 audit items, from which neither has learned, version 20 has 30 right and version 40 has 41.'
    """
    return (
        f"Of {found['n']:,} audit items, from which neither has learned, version {found['a']} has "
        f"{found['a_right']:,} right and version {found['b']} has {found['b_right']:,}."
    )


def comparison_judgement(found: Mapping[str, Any]) -> str:
    """The paired difference with its interval, and what it allows to say.

    >>> found = {"a": 1, "b": 2, "measure": "accuracy", "difference": 0.04, "low": -0.1, "high": 0.18, "p": 0.4}
    >>> comparison_judgement(found)[:66]
    'The difference in accuracy is +4.0 points (95 % interval −10.0 to '
    """
    test = "" if found["p"] is None else f", p {p_value(found['p'])} at this look"
    said = (
        f"The difference in {found['measure']} is {signed(found['difference'])} points (95 % interval "
        f"{signed(found['low'])} to {signed(found['high'])}{test})"
    )
    if found["low"] > 0:
        return f"{said}: version {found['b']} is the better one."
    if found["high"] < 0:
        return f"{said}: version {found['a']} is the better one."
    return f"{said}: they cannot be told apart on so few items."


def _differing(one: Mapping[str, Any], project: Mapping[str, Any]) -> dict[str, Any]:
    text = shortened(one["text"], _SHORT)

    def cell(label: Any, truth: Any) -> dict[str, Any]:
        pieces = stretches(text, label, project["labels"]) if project["task"] == "spans" else None
        return {"pieces": pieces, "names": names_of(label), "right": None if truth is None else label == truth}

    truth = one["truth"]
    cells = [cell(truth, None), cell(one["a"], truth), cell(one["b"], truth)]
    return {"id": one["id"], "text": text, "cells": cells}


page = Page("models", "Models", 50, more)
