"""Many strategies on many data sets: mean ranks, whether they differ at all, and by how much they must."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import chdtrc, fdtrc
from scipy.stats import rankdata, studentized_range

from tithe.errors import DataError
from tithe.stats.intervals import check_level, finite


@dataclass(frozen=True, slots=True)
class Friedman:
    """The test of "all strategies are alike" over `n` data sets.

    Attributes:
        ranks: The mean rank of each strategy, 1 the best.
        chi2, p_chi2: Friedman's own statistic, which is too careful.
        f, p: Iman and Davenport's, which the verdict should stand on; infinite and 0 where all data sets agree.
        n: Data sets.
    """

    ranks: tuple[float, ...]
    chi2: float
    p_chi2: float
    f: float
    p: float
    n: int


def friedman(scores: ArrayLike) -> Friedman:
    """Friedman's test on ranks within each data set, in Iman and Davenport's form.

    A data set counts once, however many seeds its scores are the means of: seeds of one data set are not independent
    of each other, and more of them say nothing about other data. Equal scores share their ranks; the statistic is not
    corrected for them, which makes p a little larger.

    Args:
        scores: (n, k) of k >= 2 strategies on n >= 2 data sets; more is better.

    Source: Friedman 1937, The use of ranks to avoid the assumption of normality; Iman & Davenport 1980, Approximations
    of the critical region of the Friedman statistic; as in Demsar 2006, Statistical comparisons of classifiers over
    multiple data sets, section 3.2.2.

    >>> test = friedman([[0.7, 0.8, 0.9], [0.5, 0.7, 0.6], [0.6, 0.7, 0.8], [0.1, 0.2, 0.3]])
    >>> test.ranks, test.chi2, round(test.p, 4)
    ((3.0, 1.75, 1.25), 6.5, 0.0066)
    """
    table = finite(scores, "scores", 2)
    n, k = table.shape
    if n < 2 or k < 2:
        raise DataError(f"ranks are compared over two data sets and two strategies or more; given {n} and {k}")
    ranks = rankdata(-table, axis=1).mean(axis=0)
    chi2 = float(12 * n / (k * (k + 1)) * (np.square(ranks).sum() - k * (k + 1) ** 2 / 4))
    chi2 = max(chi2, 0.0)  # all equal: a rounding error below
    rest = n * (k - 1) - chi2
    f = float("inf") if rest <= 1e-9 * n * k else (n - 1) * chi2 / rest
    p = 0.0 if np.isinf(f) else float(fdtrc(k - 1, (k - 1) * (n - 1), f))
    return Friedman(tuple(map(float, ranks)), chi2, float(chdtrc(k - 1, chi2)), f, p, n)


def critical_difference(k: int, n: int, *, level: float = 0.95) -> float:
    """How far apart two of k mean ranks over n data sets must lie to differ, whichever two they are.

    Args:
        k: Strategies, 2 or more.
        n: Data sets.
        level: One minus the family-wise error.

    Source: Nemenyi 1963, Distribution-free multiple comparisons; Demsar 2006, section 3.2.2.

    >>> round(critical_difference(4, 14), 2), round(critical_difference(4, 14, level=0.9), 2)
    (1.25, 1.12)
    """
    if k < 2 or n < 1:
        raise DataError(f"a critical difference is of two strategies or more on a data set or more; given {k} and {n}")
    q = studentized_range.ppf(check_level(level), k, np.inf) / np.sqrt(2)
    return float(q * np.sqrt(k * (k + 1) / (6 * n)))


def cliques(ranks: Sequence[float], difference: float) -> list[tuple[int, ...]]:
    """The largest groups whose mean ranks all lie less than `difference` apart, best first; as indices into `ranks`.

    Groups of one are left out: they differ from all others. Being in one group is no proof of being alike.

    >>> cliques([1.2, 2.0, 2.3, 4.0], 1.0)
    [(0, 1), (1, 2)]
    """
    order: NDArray[np.int64] = np.argsort(np.asarray(ranks), kind="stable")
    found: list[tuple[int, ...]] = []
    reached = 0
    for start in range(len(order)):
        end = start
        while end + 1 < len(order) and ranks[order[end + 1]] - ranks[order[start]] < difference:
            end += 1
        if end > start and end + 1 > reached:
            found.append(tuple(int(one) for one in order[start : end + 1]))
            reached = end + 1
    return found
