"""What the settings can be chosen from, with a line on each: read from the registry, so plugins are there too.

Nothing here loads torch or scikit-learn: parts say what they need without them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from tithe import registry
from tithe.errors import TitheError
from tithe.models.starts import DEFAULT_START
from tithe.service.settings import NONE
from tithe.tasks import tasks_of

_OF_MODELS = frozenset({"proba", "committee"})  # views that only a fitted model gives


class Choice(NamedTuple):
    """A name and what it does, in a line."""

    name: str
    what: str


def strategies(task: str) -> list[Choice]:
    """The strategies that fit tasks of this name, `auto` and `random` first; one that cannot be loaded is left out.

    >>> [one.name for one in strategies("choice")][:2], "mnlp" in [one.name for one in strategies("choice")]
    (['auto', 'random'], False)
    """
    first = ("auto", "random")
    found = [one for one in _of("strategies") if _fits(one.name, task)]
    return sorted(found, key=lambda one: (first.index(one.name) if one.name in first else len(first), one.name))


def first_strategies(task: str) -> list[Choice]:
    """Those of them that may choose the first items, while no model is fitted.

    >>> {"random", "typiclust"} <= {one.name for one in first_strategies("choice")}
    True
    """
    return [one for one in strategies(task) if _begins(one.name)]


def trainers() -> list[Choice]:
    """The trainers; `proxy` is left out, as a project has a fast and a slow one by two settings."""
    return [one for one in _of("trainers") if one.name != "proxy"]


def slow_trainers() -> list[Choice]:
    """No slow trainer, or the one that tithe has; others can be written out.

    >>> [one.name for one in slow_trainers()]
    ['none', 'finetune']
    """
    none = Choice(NONE, "The trainer above learns alone.")
    later = "It learns in the background from 50 labels on, and asks once it is better than the trainer above."
    return [none, *(Choice(one.name, f"{one.what} {later}") for one in _of("trainers") if one.name == "finetune")]


def starts() -> list[Choice]:
    """The default, which puts two side by side, and the starts by name; a Hugging Face name or a folder is one too."""
    both = " and ".join(DEFAULT_START.split("+"))
    return [Choice(DEFAULT_START, f"The default: {both} side by side."), *_of("starts")]


def _of(kind: registry.Kind) -> Iterator[Choice]:
    for name in registry.names(kind):
        try:
            said = registry.find(kind, name).__doc__ or ""
        except TitheError:
            continue  # `tithe plugins` says what is wrong with it
        yield Choice(name, _first_sentence(said))


def _first_sentence(said: str) -> str:
    """What a docstring says first, without marks of code.

    >>> _first_sentence("Draws `n` uniformly. Cost: O(N).")
    'Draws n uniformly.'
    """
    line = said.strip().partition("\n")[0].replace("`", "")
    first, stop, _ = line.partition(". ")
    return first + "." if stop else line


def _fits(name: str, task: str) -> bool:
    try:
        fitting = tasks_of(registry.build("strategies", name))
    except TitheError:  # it needs settings of its own: whoever writes them out is told whether it fits
        return False
    return fitting is None or task in fitting


def _begins(name: str) -> bool:
    strategy = registry.build("strategies", name)
    first = strategy.cold or strategy
    return not first.needs & _OF_MODELS
