"""tithe: label a tenth, learn the rest.

Public names are loaded when first used, so that `import tithe` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_HOME = {
    "Item": "tithe.types",
    "Items": "tithe.types",
    "Example": "tithe.types",
    "Examples": "tithe.types",
    "Selection": "tithe.types",
    "Pool": "tithe.pool",
    "read": "tithe.pool",
    "TitheError": "tithe.errors",
}

__all__ = ["__version__", *sorted(_HOME)]  # noqa: PLE0604  all are strings

if TYPE_CHECKING:
    from tithe.errors import TitheError as TitheError
    from tithe.pool import Pool as Pool
    from tithe.types import Example as Example
    from tithe.types import Examples as Examples
    from tithe.types import Item as Item
    from tithe.types import Items as Items
    from tithe.types import Selection as Selection


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'tithe' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return __all__
