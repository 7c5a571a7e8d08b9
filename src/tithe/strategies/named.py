"""Strategies by name."""

from __future__ import annotations

from tithe import registry
from tithe.errors import ConfigError
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
    if isinstance(name, str) and registry.name_of(name) == "k_shot":
        raise ConfigError(
            "k_shot draws items by the file's own labels, which no strategy may see; it is for the first batch of a "
            'simulation alone: tithe simulate ... --initial-strategy "k_shot(k=5)"'
        )
    found: Strategy = registry.build("strategies", name) if isinstance(name, str) else name
    registry.check_part(found, Strategy, f"the strategy {name!r}")
    return found
