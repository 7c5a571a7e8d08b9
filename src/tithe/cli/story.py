"""What came of a fit, in a line: how many labels trained it, how good it was on others, what it chose, how long."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_SCORE = "_on_asked"


def story(settings: Mapping[str, Any], seconds: float) -> str:
    """The settings of a model as a sentence; what a trainer does not say is left out.

    Scores are of labels that did not train what they judge: held out, or by cross-validation where none is held.

    >>> story({"steps": 100, "labelled": 300, "held": 30, "temperature": 0.9, "accuracy_on_asked": 0.9333}, 12.3)
    '270 labels trained it, 30 were held out: accuracy .933; steps 100, temperature 0.9; 12 s'
    >>> story({"labelled": 60, "held": 0, "unheld": "fewer than 200 labels", "steps": 60}, 5)
    '60 labels trained it, none was held out (fewer than 200 labels); steps 60; 5 s'
    >>> story({"labelled": 60, "penalty": 0.1, "accuracy_on_asked": 0.8}, 0.4)
    '60 labels trained it; accuracy .800 by cross-validation; penalty 0.1; 0.4 s'
    """
    from tithe.cli.show import left

    rest = dict(settings)
    labelled, held, why = rest.pop("labelled", None), rest.pop("held", None), rest.pop("unheld", "")
    scores = [
        f"{name.removesuffix(_SCORE).replace('_', ' ')} {_share(rest.pop(name))}"
        for name in list(rest)
        if name.endswith(_SCORE)
    ]
    said = []
    if labelled is not None:
        said.append(f"{_labels(labelled - (held or 0))} trained it")
        if held:
            said[-1] += f", {held} {'was' if held == 1 else 'were'} held out" + (
                f": {', '.join(scores)}" if scores else ""
            )
        elif held is not None:
            said[-1] += ", none was held out" + (f" ({why})" if why else "")
    if scores and not held:
        said.append(f"{', '.join(scores)} by cross-validation")
    if rest:
        said.append(", ".join(f"{name.replace('_', ' ')} {_value(value)}" for name, value in rest.items()))
    return "; ".join([*said, f"{seconds:.1f} s" if seconds < 1 else left(seconds)])


def _labels(count: int) -> str:
    return "1 label" if count == 1 else f"{count} labels"


def _share(value: float) -> str:
    return "unknown" if value != value else f"{value:.3f}".removeprefix("0")


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        return " + ".join(f"{of:g} {name}" if isinstance(of, float) else f"{of} {name}" for name, of in value.items())
    return f"{value:g}" if isinstance(value, float) else str(value)
