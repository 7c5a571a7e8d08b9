"""Strategies by name."""

from __future__ import annotations

from tithe import registry
from tithe.strategies import Strategy


def strategy(name: str | Strategy) -> Strategy:
    """The strategy of this name; settings may follow in brackets, as in `auto(per_class=20)`.

    An object is returned as it is.

    Raises:
        UnknownNameError: nothing has this name; the message lists near misses.
        ConfigError: the settings do not fit, or what was found or given is no strategy.

    >>> strategy("margin").needs
    frozenset({'proba'})
    """
    found: Strategy = registry.build("strategies", name) if isinstance(name, str) else name
    registry.check_part(found, Strategy, f"the strategy {name!r}")
    return found
