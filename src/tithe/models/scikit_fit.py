"""A classifier of scikit-learn as a function from features (n, D) to probabilities (n, K) of the labels seen.

It hides what differs between them: who takes weights, who takes several labels an item, who gives probabilities.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tithe.errors import ConfigError
from tithe.models.links import Link
from tithe.models.search import FEWEST, folds_of, temperature_of
from tithe.rng import stream

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray

    from tithe.types import Floats

log = logging.getLogger(__name__)

_MEMBERS = 10
_COPIES = 8  # the most that a row is repeated for an estimator that takes no weights


@dataclass(frozen=True, eq=False)
class Learned:
    """Fitted estimators: one, or one for each label.

    `temperature` divides the scores of those that give no probabilities; it is 0 for those that do.
    """

    parts: tuple[Any, ...]
    link: Link
    classes: int
    temperature: float

    def proba(self, features: Floats) -> Floats:
        """(n, K) probabilities; rows add up to 1 where the link says so."""
        if not self.temperature:
            return self._sound(_probabilities(self.parts, features, self.classes))
        scores = _scores(self.parts, features, self.link, self.classes)
        return self._sound(self.link.proba(scores / np.float32(self.temperature)))

    def committee(self, features: Floats) -> Floats:
        """(m, n, K) what groups of a forest's trees say, each group a smaller forest."""
        trees = self.parts[0].estimators_
        groups = [trees[first::_MEMBERS] for first in range(min(_MEMBERS, len(trees)))]
        return np.stack(
            [
                self._sound(np.mean([_probabilities((tree,), features, self.classes) for tree in group], axis=0))
                for group in groups
            ]
        )

    def _sound(self, proba: NDArray[Any]) -> Floats:
        """Float32 in [0, 1]. Raises ConfigError where an estimator gave something that is no probability."""
        if proba.shape[1] != self.classes or not np.isfinite(proba).all():
            raise ConfigError(
                f"{_name(self.parts)} gave {'NaN or infinity' if proba.shape[1] == self.classes else proba.shape} "
                f"where probabilities of {self.classes} labels were expected; use other settings, or another estimator"
            )
        proba = np.clip(proba, 0, 1)
        if self.link.exclusive:
            proba = proba / proba.sum(axis=1, keepdims=True)
        return np.asarray(proba, np.float32)


def learn(
    estimator: Any,
    features: Floats,
    targets: NDArray[Any],
    link: Link,
    *,
    weights: Floats | None,
    seed: int,
    temperature: float | None = None,
) -> Learned:
    """A copy of the estimator, fitted.

    Where it gives no probabilities but scores (or nothing but guesses, then taken as scores of 1 and 0), one
    temperature for all labels is fitted on held-out scores of five folds: a sixth of the cost of six fits.

    Args:
        targets: (n,) columns, or (n, K) whether each label applies.
        weights: (n,) or None; an estimator that takes none sees its rows up to eight times, in proportion.
        seed: of every draw.
        temperature: where it is known already, from an earlier fit of the same rows.

    Raises:
        ConfigError: the estimator cannot be fitted on these rows; says why in scikit-learn's words.
    """
    classes = int(targets.max()) + 1 if targets.ndim == 1 else targets.shape[1]
    with _told(estimator):
        parts = _fitted(estimator, features, targets, weights, stream(seed, "estimator"))
        if all(hasattr(part, "predict_proba") for part in parts):
            return Learned(parts, link, classes, 0.0)
        if temperature is None:
            temperature = _temperature(estimator, features, targets, link, weights=weights, seed=seed, parts=parts)
        return Learned(parts, link, classes, temperature)


def is_forest(estimator: Any) -> bool:
    """Whether its parts are draws from one distribution, so that they make an honest committee."""
    from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier

    return isinstance(estimator, (RandomForestClassifier, ExtraTreesClassifier))


@contextmanager
def _told(estimator: Any) -> Iterator[None]:
    """Turns what scikit-learn says of unfitting data into a ConfigError, and its warnings into a line of the log."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            yield
        except ValueError as error:
            if isinstance(error, ConfigError):
                raise
            said = " ".join(str(error).split())
            raise ConfigError(
                f"{_name((estimator,))} could not be fitted: {said}. Use other settings, or another estimator"
            ) from None
    for text in sorted({" ".join(str(one.message).split()) for one in caught}):
        log.info("event=fit_warning estimator=%s said=%r", _name((estimator,)), text)


def _name(parts: Sequence[Any]) -> str:
    return type(parts[0]).__name__


def _fitted(
    estimator: Any, features: Floats, targets: NDArray[Any], weights: Floats | None, rng: Generator
) -> tuple[Any, ...]:
    from sklearn.utils import get_tags

    tags = get_tags(estimator).classifier_tags
    if targets.ndim == 1 or (tags is not None and tags.multi_label and targets.shape[1] > 1):
        return (_fit(estimator, features, targets, weights, rng),)
    return tuple(_fit(estimator, features, column, weights, rng) for column in targets.T)


def _fit(estimator: Any, features: Floats, targets: NDArray[Any], weights: Floats | None, rng: Generator) -> Any:
    from sklearn.dummy import DummyClassifier
    from sklearn.utils.validation import has_fit_parameter

    targets = targets.astype(np.int64)
    if targets.ndim == 1 and (targets == targets[0]).all():  # in a fold a label may have no item, or all
        return DummyClassifier(strategy="constant", constant=int(targets[0])).fit(features, targets)
    made = _seeded(estimator, rng)
    if weights is None:
        return made.fit(features, targets)
    if has_fit_parameter(made, "sample_weight"):
        return made.fit(features, targets, sample_weight=np.asarray(weights, np.float64))
    copies = np.maximum(1, np.round(_COPIES * weights / weights.max())).astype(np.int64)
    rows = np.repeat(np.arange(len(copies)), copies)
    return made.fit(features[rows], targets[rows])


def _seeded(estimator: Any, rng: Generator) -> Any:
    """A copy whose every open `random_state` is drawn from the stream."""
    from sklearn.base import clone

    made = clone(estimator)
    for name, value in sorted(made.get_params(deep=True).items(), key=lambda pair: pair[0]):
        if name.split("__")[-1] == "random_state" and value is None:
            made.set_params(**{name: int(rng.integers(2**31 - 1))})
    return made


def _probabilities(parts: Sequence[Any], features: Floats, classes: int) -> NDArray[Any]:
    """(n, K) of estimators with `predict_proba`."""
    if len(parts) > 1 or classes == 1:
        return np.stack([_of_one(part.predict_proba(features), part) for part in parts], axis=1)
    given = parts[0].predict_proba(features)
    if isinstance(given, list):  # forests and neighbours answer label sets with one array a label
        return np.stack([one[:, -1] for one in given], axis=1)
    return np.asarray(given)


def _of_one(given: NDArray[Any], part: Any) -> NDArray[Any]:
    """(n,) the probability that one label applies."""
    return given[:, 1] if given.shape[1] > 1 else np.full(len(given), float(part.classes_[0]))


def _scores(parts: Sequence[Any], features: Floats, link: Link, classes: int) -> Floats:
    """(n, K) of estimators without probabilities."""
    if not link.exclusive and (len(parts) > 1 or classes == 1):
        found = np.stack([_decision(part, features) for part in parts], axis=1)
    else:
        found = np.asarray(_decision(parts[0], features))
        if link.exclusive and hasattr(parts[0], "decision_function"):
            found = found if found.ndim > 1 else np.stack([np.zeros_like(found), found], axis=1)
        elif link.exclusive:
            found = found[:, None] == np.arange(classes)
    return np.asarray(found, np.float32)


def _decision(part: Any, features: Floats) -> NDArray[Any]:
    return np.asarray((part.decision_function if hasattr(part, "decision_function") else part.predict)(features))


def _temperature(
    estimator: Any,
    features: Floats,
    targets: NDArray[Any],
    link: Link,
    *,
    weights: Floats | None,
    seed: int,
    parts: Sequence[Any],
) -> float:
    """What makes held-out scores honest; where rows are too few to hold some out, what gives scores unit spread."""
    classes = int(targets.max()) + 1 if targets.ndim == 1 else targets.shape[1]
    fold = folds_of(link.strata(targets), stream(seed, "folds"))
    judged = np.flatnonzero(fold >= 0)
    if len(targets) < FEWEST or len(judged) < FEWEST // 2:
        return _spread(_scores(parts, features, link, classes))
    scores = np.zeros((len(targets), classes), np.float32)
    for number in np.unique(fold[judged]):
        test, train = np.flatnonzero(fold == number), np.flatnonzero(fold != number)
        own = None if weights is None else weights[train]
        fitted = _fitted(estimator, features[train], targets[train], own, stream(seed, "fold", int(number)))
        scores[test] = _scores(fitted, features[test], link, classes)
    spread = _spread(scores[judged])  # scores of a perceptron are in the hundreds, those of a machine of margins near 1
    return spread * temperature_of(scores[judged] / np.float32(spread), targets[judged], link)[0]


def _spread(scores: Floats) -> float:
    return float(scores.std()) or 1.0
