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
    "check_engine": "tithe.testing.engines",
    "check_start": "tithe.testing.starts",
    "check_store": "tithe.testing.stores",
    "check_strategy": "tithe.testing.strategies",
    "check_task": "tithe.testing.tasks",
    "check_trainer": "tithe.testing.trainers",
}

__all__ = [
    "ConformanceError",
    "check_engine",
    "check_start",
    "check_store",
    "check_strategy",
    "check_task",
    "check_trainer",
]

if TYPE_CHECKING:
    from tithe.testing.conformance import ConformanceError as ConformanceError
    from tithe.testing.engines import check_engine as check_engine
    from tithe.testing.starts import check_start as check_start
    from tithe.testing.stores import check_store as check_store
    from tithe.testing.strategies import check_strategy as check_strategy
    from tithe.testing.tasks import check_task as check_task
    from tithe.testing.trainers import check_trainer as check_trainer


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'tithe.testing' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return __all__
