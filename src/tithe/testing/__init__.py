"""The public conformance kit: one function for each kind of part, for ours and for yours.

    >>> from tithe.testing import check_strategy
    >>> "scores are finite" in check_strategy("margin")
    True

Each returns the names of the checks that passed and raises `ConformanceError` at the first that did not.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

_HOME = {
    "ConformanceError": "tithe.testing.conformance",
    "check_strategy": "tithe.testing.strategies",
}

__all__ = ["ConformanceError", "check_strategy"]

if TYPE_CHECKING:
    from tithe.testing.conformance import ConformanceError as ConformanceError
    from tithe.testing.strategies import check_strategy as check_strategy


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'tithe.testing' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return __all__
