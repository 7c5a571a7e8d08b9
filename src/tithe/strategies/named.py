"""Strategies by name."""

from __future__ import annotations

from tithe import registry
from tithe.strategies import Strategy


def strategy(name: str) -> Strategy:
    """The strategy of this name; settings may follow in brackets, as in `auto(per_class=20)`.

    Raises:
        UnknownNameError: nothing has this name; the message lists near misses.
        ConfigError: the settings do not fit.

    >>> strategy("margin").needs
    frozenset({'proba'})
    """
    found: Strategy = registry.build("strategies", name)
    return found
