"""What the estimate, the curve and the stop rules come to, in plain words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, TypeAlias

from tithe.loop.audit import EARLY
from tithe.loop.estimate import Estimate, percent

if TYPE_CHECKING:
    from tithe.loop.outlook import Gain
    from tithe.stats import Interval

Verdict: TypeAlias = Literal["too early", "go on", "nearly done", "stop"]
"""`stop`: a rule says so, or 200 labels bring a point at most. `nearly done`: they are expected to bring less."""

WORTH = 0.01
"""The gain that the furthest look ahead should promise: one point. What a point is worth only its user knows."""


def advise(
    found: Sequence[Estimate], gains: Sequence[Gain], reasons: Sequence[str], why: str
) -> tuple[Verdict, tuple[str, ...]]:
    """The verdict and its sentences.

    Args:
        found: the estimates, headline first; empty where there is none.
        gains: those to expect; empty where nothing can be said.
        reasons: of the stop rules that speak.
        why: there are no gains.
    """
    said = [f"A stop rule speaks: {reason}." for reason in reasons]
    if not found or not gains:
        said += [f"{_upper(why)}."] if why else []
        if reasons:
            return "stop", tuple(said)
        return "too early", (*said, "Go on: a few more labels and audit answers will tell.")
    far = gains[-1]
    if far.high < WORTH:
        return "stop", (*said, f"{_upper(far.words)}: hardly a point. Stop, unless even that is worth it to you.")
    if reasons:
        return "stop", (*said, f"If you go on all the same: {far.words}.")
    if far.gain < WORTH:
        return "nearly done", (f"{_upper(far.words)}. Less than a point is expected: stop if that is not worth it.",)
    if far.low <= 0:
        doubt = "The interval still holds no gain at all: more audit answers would make it narrower."
        return "go on", (f"Going on is likely to help: {gains[0].words}; {far.words}.", doubt)
    return "go on", (f"Going on helps: {gains[0].words}; {far.words}.",)


def gain_words(name: str, more: int, gain: Interval, seconds: float | None) -> str:
    """What so many labels bring, and how long they take.

    >>> from tithe.stats import Interval
    >>> gain_words("accuracy", 50, Interval(0.013, -0.002, 0.031), 250.0)
    '50 more labels (about 4 minutes) should change accuracy by +1.3 points (−0.2 to +3.1)'
    """
    time = "" if seconds is None else f" (about {duration(seconds)})"
    bounds = f"{points(gain.low)} to {points(gain.high)}"
    return f"{more} more labels{time} should change {name} by {points(gain.mean)} points ({bounds})"


def curve_words(name: str, curve: Sequence[tuple[int, float]], answered: int) -> str:
    """How the curve went, from (labels, score) of its points; empty where there are not two.

    >>> curve_words("accuracy", [(20, 0.6), (50, 0.71), (100, 0.82)], 40)
    'from 20 to 100 labels accuracy went from 60 % to 82 %, all models judged on the same 40 audit items'
    """
    if len(curve) < 2:
        return ""
    (first, began), (last, ended) = curve[0], curve[-1]
    return (
        f"from {first} to {last} labels {name} went from {percent(began)} to {percent(ended)}, all models judged on "
        f"the same {answered} audit item{'s' * (answered != 1)}"
    )


def no_estimate(*, has_model: bool, answered: int, reserved: int) -> str:
    """Why no score is shown.

    >>> no_estimate(has_model=True, answered=0, reserved=100)
    'no audit item is answered yet, so nobody knows how good the model is; 20 answers give a rough estimate'
    """
    if not reserved:
        return "no audit items were drawn, so nobody knows how good the model is"
    if not has_model:
        return "there is no model yet"
    if answered:
        return "this model was fitted before these audit items were drawn, so it has no guess on all of them"
    first = f"{EARLY} answers give a rough estimate"
    return f"no audit item is answered yet, so nobody knows how good the model is; {first}"


def points(gain: float) -> str:
    """A difference of scores in points, with its sign.

    >>> points(0.013), points(-0.002), points(0.0)
    ('+1.3', '−0.2', '0.0')
    """
    text = f"{100 * gain:+.1f}"
    return "0.0" if text in ("+0.0", "-0.0") else text.replace("-", "−")


def duration(seconds: float) -> str:
    """A time as people say it.

    >>> duration(40), duration(250), duration(9000)
    ('1 minute', '4 minutes', '2.5 hours')
    """
    minutes = max(1, round(seconds / 60))
    if minutes < 90:
        return f"{minutes} minute{'s' * (minutes != 1)}"
    return f"{seconds / 3600:.1f} hours"


def _upper(text: str) -> str:
    return text[:1].upper() + text[1:]
