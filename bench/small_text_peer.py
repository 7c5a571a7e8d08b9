"""small-text's side of bench/selection.py: its query strategies on arrays that are given, as its own classes want them.

Probabilities, embeddings and the committee are the same arrays as ours, so nothing but the choice is measured. Its
discriminative strategy fits scikit-learn's logistic regression ten times, on ten unlabelled items for each labelled
one. Its BALD takes the items of the largest disagreement one by one, as ours does; its margin is called BreakingTies.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np

KNOWN = {"entropy", "least_confidence", "margin", "k_center", "cal", "bald", "discriminative", "cvirs"}


class Rows:
    """A data set of rows of the arrays, as small-text's strategies index, copy and relabel one."""

    is_multi_label = False

    def __init__(self, points: Any, rows: Any, y: Any = None) -> None:
        self.points, self.rows, self.y = points, rows, y

    @property
    def x(self) -> Any:
        """(n, d)."""
        return self.points[self.rows]

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, at: Any) -> Rows:
        return Rows(self.points, self.rows[at])

    def clone(self) -> Rows:
        """The same rows, to be relabelled."""
        return Rows(self.points, self.rows)


class Given:
    """A classifier that has its answers already."""

    def __init__(self, proba: Any, committee: Any) -> None:
        self.proba, self.committee = proba, committee

    def predict_proba(self, rows: Rows, dropout_sampling: int = 1) -> Any:
        """(n, C), or (n, m, C) of the committee."""
        if dropout_sampling > 1:
            return self.committee[:, rows.rows].transpose(1, 0, 2)
        return self.proba[rows.rows]

    def embed(self, rows: Rows, return_proba: bool = False, **_: Any) -> Any:
        """(n, d), and (n, C) where asked."""
        return (rows.x, self.proba[rows.rows]) if return_proba else rows.x


class Regression:
    """scikit-learn's logistic regression, made anew for each fit."""

    def new(self) -> Regression:
        """A fresh one."""
        return Regression()

    def fit(self, rows: Rows) -> Regression:
        """Fits on the labels that the strategy made."""
        model = import_module("sklearn.linear_model").LogisticRegression(max_iter=1000)
        self.model = model.fit(rows.x, rows.y)
        return self

    def predict_proba(self, rows: Rows) -> Any:
        """(n, 2)."""
        return self.model.predict_proba(rows.x)


def small_text(
    strategy: str, points: Any, proba: Any, committee: Any, *, choose: int, labelled: int
) -> Callable[[], list[Any]]:
    """The call to measure."""
    own: Any = import_module("small_text.query_strategies")
    by_name: dict[str, Any] = {
        "entropy": own.PredictionEntropy,
        "least_confidence": own.LeastConfidence,
        "margin": own.BreakingTies,
        "k_center": lambda: own.GreedyCoreset(distance_metric="euclidean", normalize=False),
        "cal": lambda: own.ContrastiveActiveLearning(k=10, normalize=False, pbar=None),
        "bald": lambda: own.BALD(dropout_samples=10),
        "discriminative": lambda: own.DiscriminativeActiveLearning(Regression(), 10, unlabeled_factor=10, pbar=None),
        "cvirs": lambda: own.CategoryVectorInconsistencyAndRanking(pbar=None),
    }
    query, everyone = by_name[strategy](), np.arange(len(points))
    y: Any = everyone[:labelled] % proba.shape[1]
    if strategy == "cvirs":  # two labels an item, as on our side
        table = np.zeros((labelled, proba.shape[1]), int)
        table[everyone[:labelled], y] = table[everyone[:labelled], (y + 1) % proba.shape[1]] = 1
        y = import_module("scipy.sparse").csr_matrix(table)
    np.random.seed(0)  # noqa: NPY002, TID251  # it draws from numpy's global state

    def call() -> list[Any]:
        data = Rows(points, everyone)
        return list(query.query(Given(proba, committee), data, everyone[labelled:], everyone[:labelled], y, n=choose))

    return call
