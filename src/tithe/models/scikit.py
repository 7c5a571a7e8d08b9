"""The trainer `sklearn`: any classifier of scikit-learn on the views of a start.

`sklearn(LinearSVC, C=0.1)` and `sklearn(sklearn.svm.LinearSVC, C=0.1)` name one; from Python, `SkLearn(estimator)`
takes any that is made already.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from inspect import signature
from typing import TYPE_CHECKING, Any

import numpy as np

from tithe.errors import ConfigError, UnknownNameError, near
from tithe.models import Model, Start, Tell, quiet
from tithe.models.blocks import NAMES, Blocks, mixes_of, views_of
from tithe.models.links import link_of
from tithe.models.scikit_fit import is_forest, learn
from tithe.models.scikit_model import SkLearnModel
from tithe.tasks import Task
from tithe.types import Examples, Items, View

if TYPE_CHECKING:
    from numpy.random import Generator


class SkLearn:
    """A classifier of scikit-learn on frozen views; immutable, the estimator given is copied.

    It sees `embeddings`, `middle` and `lexical`, what there is of them, side by side, each centred and of unit mean
    square. Estimators without `predict_proba` get probabilities by a temperature on held-out scores; those that take
    one label an item are fitted one-vs-rest for label sets; every open `random_state` comes from the round's stream.

    Cost: that of the estimator, six times over where it has no `predict_proba`. The first bare name costs a second or
    more for the import of all of scikit-learn; a dotted path does not.

    >>> SkLearn("sklearn.svm.LinearSVC", C=0.5)
    SkLearn(LinearSVC(C=0.5))
    """

    def __init__(self, estimator: object = "sklearn.linear_model.LogisticRegression", /, **settings: object) -> None:
        """Takes an estimator, or its name (with its settings).

        Raises:
            UnknownNameError: scikit-learn has no classifier of this name; the message lists near ones.
            ConfigError: no classifier, or settings that it does not take.
        """
        from sklearn.base import clone, is_classifier

        if not isinstance(estimator, str) and settings:
            raise ConfigError(f"the settings {', '.join(settings)} go with a name; give the estimator with its own")
        made = _named(estimator, settings) if isinstance(estimator, str) else estimator
        if isinstance(made, type) or not hasattr(made, "get_params") or not is_classifier(made):
            raise ConfigError(f"{made!r} is no classifier of scikit-learn; give one such as LogisticRegression(C=10)")
        self._estimator: Any = clone(made)

    def __repr__(self) -> str:
        return f"SkLearn({self._estimator!r})"

    @property
    def needs_any(self) -> frozenset[View]:
        """Any of `embeddings`, `middle`, `lexical`."""
        return frozenset(NAMES)

    @property
    def provides(self) -> frozenset[View]:
        """`proba`, and of random forests and extra trees `committee`: ten groups of trees."""
        return frozenset({"proba", "committee"}) if is_forest(self._estimator) else frozenset({"proba"})

    @staticmethod
    def restore(task: Task, start: Start, arrays: dict[str, Any], facts: dict[str, Any]) -> SkLearnModel:
        """The model that `SkLearnModel.save` wrote, fitted again."""
        saved = facts["estimator"]
        return SkLearnModel.restore(task, start, arrays, facts, SkLearn(saved["name"], **saved["settings"])._estimator)

    def fit(
        self,
        task: Task,
        examples: Examples,
        *,
        start: Start,
        rng: Generator,
        unlabelled: Items | None = None,
        tell: Tell = quiet,
        warm: Model | None = None,
    ) -> SkLearnModel:
        """A model of these examples.

        Raises:
            LabelError: fewer than two different labels, or one that the task does not have.
            NeedsError: the start gives none of the views.
            ConfigError: the estimator refuses these rows.
        """
        from threadpoolctl import threadpool_limits

        link = link_of(task, "sklearn")
        encoded = link.encode(task, examples.labels)
        names, rows = views_of(start, examples.items)
        frame = Blocks.of(names, rows).frame(mixes_of(names)[0])
        features = frame.features(rows)
        weights = None if examples.weights is None else np.asarray(examples.weights, np.float32)
        if weights is not None and (weights == 1).all():
            weights = None
        seed = int(rng.integers(2**31 - 1))
        with threadpool_limits(limits=1):  # the sums must not depend on the number of cores
            learned = learn(self._estimator, features, encoded.targets, link, weights=weights, seed=seed)
        return SkLearnModel(task, start, self._estimator, learned, frame, encoded, features, weights, seed)


def _named(name: str, settings: dict[str, object]) -> object:
    """The classifier of this name, made with these settings."""
    kind = _class_of(name)
    known = signature(kind).parameters
    if unknown := sorted(set(settings) - set(known)):
        raise ConfigError(f"{kind.__name__} has no setting {unknown[0]!r}; {near(unknown[0], known)}")
    missing = [key for key, one in known.items() if one.default is one.empty and key not in settings]
    if missing or any(settings.get(key) is not None for key in ("estimator", "estimators")):
        raise ConfigError(
            f"{kind.__name__} is made of other estimators, which a name cannot say; from Python: "
            f"SkLearn({kind.__name__}(...)) of tithe.models.scikit"
        )
    return kind(**settings)


@cache
def _class_of(name: str) -> Any:
    if name.startswith("sklearn."):
        module, _, last = name.rpartition(".")
        try:
            return getattr(import_module(module), last)
        except (ImportError, AttributeError):
            raise UnknownNameError(
                f"scikit-learn has no {name!r}; write a path such as sklearn.svm.LinearSVC"
            ) from None
    from sklearn.utils import all_estimators

    known = dict(all_estimators(type_filter="classifier"))
    if name not in known:
        raise UnknownNameError(f"scikit-learn has no classifier {name!r}; {near(name, known)}")
    return known[name]
