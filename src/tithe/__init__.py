"""tithe: label a tenth, learn the rest.

Public names are loaded when first used, so that `import tithe` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_HOME = {
    "ActiveLearner": "tithe.loop.learner",
    "Choice": "tithe.tasks.choice",
    "Example": "tithe.types",
    "Examples": "tithe.types",
    "Item": "tithe.types",
    "Items": "tithe.types",
    "MultiLabel": "tithe.tasks.multilabel",
    "Plan": "tithe.experiment.plan",
    "Pool": "tithe.pool",
    "Recipe": "tithe.loop.propose",
    "Selection": "tithe.types",
    "Span": "tithe.types",
    "Spans": "tithe.tasks.spans",
    "Study": "tithe.experiment.study",
    "TitheError": "tithe.errors",
    "load_model": "tithe.models.saving",
    "propose": "tithe.loop.propose",
    "rank": "tithe.loop.ranking",
    "rank_starts": "tithe.models.transfer.ranking",
    "read": "tithe.pool",
    "read_plan": "tithe.experiment.study",
    "simulate": "tithe.experiment.simulate",
    "strategy": "tithe.strategies.named",
    "train": "tithe.loop.training",
}

__all__ = [
    "ActiveLearner",
    "Choice",
    "Example",
    "Examples",
    "Item",
    "Items",
    "MultiLabel",
    "Plan",
    "Pool",
    "Recipe",
    "Selection",
    "Span",
    "Spans",
    "Study",
    "TitheError",
    "__version__",
    "load_model",
    "propose",
    "rank",
    "rank_starts",
    "read",
    "read_plan",
    "simulate",
    "strategy",
    "train",
]

if TYPE_CHECKING:
    from tithe.errors import TitheError as TitheError
    from tithe.experiment.plan import Plan as Plan
    from tithe.experiment.simulate import simulate as simulate
    from tithe.experiment.study import Study as Study
    from tithe.experiment.study import read_plan as read_plan
    from tithe.loop.learner import ActiveLearner as ActiveLearner
    from tithe.loop.propose import Recipe as Recipe
    from tithe.loop.propose import propose as propose
    from tithe.loop.ranking import rank as rank
    from tithe.loop.training import train as train
    from tithe.models.saving import load_model as load_model
    from tithe.models.transfer.ranking import rank_starts as rank_starts
    from tithe.pool import Pool as Pool
    from tithe.pool import read as read
    from tithe.strategies.named import strategy as strategy
    from tithe.tasks.choice import Choice as Choice
    from tithe.tasks.multilabel import MultiLabel as MultiLabel
    from tithe.tasks.spans import Spans as Spans
    from tithe.types import Example as Example
    from tithe.types import Examples as Examples
    from tithe.types import Item as Item
    from tithe.types import Items as Items
    from tithe.types import Selection as Selection
    from tithe.types import Span as Span


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'tithe' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return __all__
