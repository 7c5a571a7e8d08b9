"""Numbers as a reader sees them, in sentences and in the report alike."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_NAMES = {"auc": "AUC", "lrap": "LRAP", "map_label": "MAP by label", "map_sample": "MAP by sample"}


def metric_name(metric: str) -> str:
    """A metric column in words.

    >>> metric_name("f1_macro"), metric_name("auc"), metric_name("entity_f1")
    ('macro F1', 'AUC', 'entity F1')
    """
    kinds = {"macro", "micro", "weighted"}
    parts = metric.split("_")
    if len(parts) == 2 and parts[1] in kinds:
        parts.reverse()
    return _NAMES.get(metric, " ".join("F1" if part == "f1" else part for part in parts))


def saved_bounds(found: Mapping[str, Any]) -> str:
    """The interval of a saving; a missing bound is one that the budget was too short to give.

    >>> saved_bounds({"low": 0.31, "high": 0.6}), saved_bounds({"low": None, "high": 0.6})
    ('31 % to 60 %', 'at most 60 %')
    >>> saved_bounds({"low": -0.04, "high": None}), saved_bounds({"low": None, "high": None})
    ('−4 % or more', 'without bounds at this budget')
    """
    low, high = (None if found[key] is None else percent(found[key]) for key in ("low", "high"))
    if low is None:
        return "without bounds at this budget" if high is None else f"at most {high}"
    return f"{low} or more" if high is None else f"{low} to {high}"


def percent(share: float) -> str:
    """A share in whole per cent.

    >>> percent(0.95), percent(-0.034), percent(-0.001)
    ('95 %', '−3 %', '0 %')
    """
    return f"{round(100 * share)} %".replace("-", "−")


def score_percent(score: float) -> str:
    """A score in per cent, to a tenth.

    >>> score_percent(0.9782), score_percent(0.9)
    ('97.8 %', '90.0 %')
    """
    return f"{100 * score:.1f} %"


def share_saved(saved: float) -> str:
    """A saving in words.

    >>> share_saved(0.432), share_saved(-0.05), share_saved(0.001)
    ('43 % fewer', '5 % more', 'as many')
    """
    whole = round(100 * saved)
    return "as many" if whole == 0 else f"{abs(whole)} % {'fewer' if whole > 0 else 'more'}"


def signed(gain: float) -> str:
    """A difference of scores in points, with its sign.

    >>> signed(0.0123), signed(-0.002), signed(0.00001)
    ('+1.2', '−0.2', '0.0')
    """
    text = f"{100 * gain:+.1f}"
    return "0.0" if text in ("+0.0", "-0.0") else text.replace("-", "−")


def labels(count: float | None) -> str:
    """A number of labels, thousands apart.

    >>> labels(4834), labels(181.4)
    ('4,834', '182')
    """
    # Up, since a target is not reached before the next whole label.
    return "–" if count is None else f"{int(-(-count // 1)):,}"


def group_name(group: Mapping[str, Any]) -> str:
    """A summarised group in words.

    >>> group_name({"dataset": "atis", "trainer": "linear", "start": "minilm"})
    'atis, linear on minilm'
    """
    return f"{group['dataset']}, {group['trainer']} on {group['start']}"


def unit_of(group: Mapping[str, Any]) -> str:
    """What the budgets of a summarised group count; summaries of older versions knew labels alone.

    >>> unit_of({"unit": "tokens"}), unit_of({})
    ('tokens', 'labels')
    """
    return str(group.get("unit", "labels"))


def p_value(p: float) -> str:
    """A p-value with its sign of relation.

    >>> p_value(0.314), p_value(0.0004), p_value(0.012), p_value(1.0)
    ('= .31', '< .001', '= .012', '= 1')
    """
    if p < 0.001:
        return "< .001"
    if p > 0.995:
        return "= 1"
    return f"= {p:.{3 if p < 0.1 else 2}f}".replace("0.", ".")


def shown_bounds(point: Mapping[str, Any]) -> tuple[float | None, float | None]:
    """The interval of a mean score as it is shown: no wider than a score can be, which t over two seeds does not know.

    A measure that leaves [0, 1] itself is shown as it is.

    >>> shown_bounds({"mean": 0.3, "low": -0.75, "high": 1.32})
    (0.0, 1.0)
    >>> shown_bounds({"mean": 0.3, "low": None, "high": None})
    (None, None)
    """
    low, high = point["low"], point["high"]
    if low is None or high is None or not 0 <= point["mean"] <= 1:
        return low, high
    return max(0.0, low), min(1.0, high)
