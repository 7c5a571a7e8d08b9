"""What the pages show of labels, scores and times, ready for a template: nothing here is HTML."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any, NamedTuple

from tithe.experiment.summary.words import score_percent

COLOURS = 8
"""Labels have the colours 0 to 7 of the style sheet, in the order in which they were declared, and then again."""

_LONGEST = 600


class Stretch(NamedTuple):
    """A piece of a text under the same spans: their labels and the colour of the innermost; no labels between spans."""

    text: str
    labels: tuple[str, ...]
    colour: int | None
    begins: tuple[str, ...]
    """The labels of the spans that begin here, to be named once each."""


class When(NamedTuple):
    """A moment for `<time>`: as machines read it, and as people do where no script runs."""

    iso: str
    words: str


def colour_of(label: str, labels: Sequence[str]) -> int:
    """The colour of a label; one that is not declared any more has the first.

    >>> colour_of("b", ["a", "b"]), colour_of("gone", ["a", "b"])
    (1, 0)
    """
    return (labels.index(label) if label in labels else 0) % COLOURS


def stretches(text: str, spans: Sequence[Mapping[str, Any]], labels: Sequence[str]) -> list[Stretch]:
    """The text cut where a span begins or ends, in order; joined they are the text.

    Args:
        text: of the item.
        spans: each with `start`, `end` (code points, end exclusive) and `label`; they may overlap.
        labels: as declared.

    >>> spans = [{"start": 0, "end": 2, "label": "a"}, {"start": 1, "end": 3, "label": "b"}]
    >>> [(one.text, one.labels, one.begins) for one in stretches("wxyz", spans, ["a", "b"])]
    [('w', ('a',), ('a',)), ('x', ('a', 'b'), ('b',)), ('y', ('b',), ()), ('z', (), ())]
    """
    edges = sorted({0, len(text), *(min(max(one[key], 0), len(text)) for one in spans for key in ("start", "end"))})
    found = []
    for start, end in pairwise(edges):
        over = sorted(
            (one for one in spans if one["start"] < end and start < one["end"]),
            key=lambda one: (one["start"], -one["end"]),
        )
        names = tuple(str(one["label"]) for one in over)
        colour = colour_of(names[-1], labels) if names else None
        begins = tuple(str(one["label"]) for one in over if one["start"] == start)
        found.append(Stretch(text[start:end], names, colour, begins))
    return found


def shortened(text: str, most: int = _LONGEST) -> str:
    """The beginning of a long text, cut at a word.

    >>> shortened("one two three", 9)
    'one two …'
    """
    if len(text) <= most:
        return text
    cut = text[: most - 1]
    return f"{cut[: cut.rfind(' ')] if ' ' in cut else cut} …"


def names_of(label: Any) -> list[str]:
    """The names in a label as the API gives it; of spans each once, in order.

    >>> names_of("a"), names_of([]), names_of([{"start": 0, "end": 1, "label": "x"}] * 2), names_of(None)
    (['a'], [], ['x'], [])
    """
    if label is None or isinstance(label, str):
        return [label] if label else []
    return list(dict.fromkeys(one["label"] if isinstance(one, Mapping) else str(one) for one in label))


def when(at: float) -> When:
    """A moment, given in seconds since 1970.

    >>> when(0.0)
    When(iso='1970-01-01T00:00:00+00:00', words='1 January 1970, 00:00 UTC')
    """
    moment = datetime.fromtimestamp(int(at), UTC)
    return When(moment.isoformat(), f"{moment.day} {moment:%B %Y, %H:%M} UTC")


def between(low: float, high: float) -> str:
    """An interval of scores in words.

    >>> between(0.81, 0.934)
    '81.0 % to 93.4 %'
    """
    return f"{score_percent(low)} to {score_percent(high)}"


def minutes(seconds: float) -> str:
    """A duration as people say it.

    >>> minutes(42), minutes(90), minutes(3600 * 2 + 300)
    ('42 s', '2 min', '2 h 5 min')
    """
    if seconds < 60:
        return f"{seconds:.0f} s"
    hours, rest = divmod(round(seconds / 60), 60)
    return " ".join(f"{number} {unit}" for number, unit in ((hours, "h"), (rest, "min")) if number)
