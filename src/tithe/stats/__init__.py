"""Intervals, paired tests, curves and the bootstrap: every number in a report that claims something comes from here.

    intervals   the mean of a few seeds (Student t), a share of many items (Wilson)
    paired      is one strategy better than another, over seeds that share everything else; Holm over many
    anytime     an interval that may be watched: it holds at every look, not at one fixed size
    bootstrap   the same gain, when the test items might have been others as well
    ranks       strategies over data sets: Friedman's test, Nemenyi's critical difference
    curves      what is read off a learning curve: its area, and the labels it takes to reach a score
    extrapolation   where such a curve goes next

Nothing here knows what a strategy is: arrays come in, frozen values go out.
"""

from tithe.stats.anytime import anytime_mean, anytime_mean_bounds, anytime_share
from tithe.stats.bootstrap import bootstrap_gain, bootstrap_mean, resampled_means
from tithe.stats.curves import area_under_curve, crossings, isotonic, isotonic_rows, labels_to
from tithe.stats.extrapolation import Forecast, forecast, looked_at
from tithe.stats.intervals import Interval, mean_interval, wilson
from tithe.stats.paired import PairedTest, holm, paired_permutation, paired_t
from tithe.stats.ranks import Friedman, cliques, critical_difference, friedman

__all__ = [
    "Forecast",
    "Friedman",
    "Interval",
    "PairedTest",
    "anytime_mean",
    "anytime_mean_bounds",
    "anytime_share",
    "area_under_curve",
    "bootstrap_gain",
    "bootstrap_mean",
    "cliques",
    "critical_difference",
    "crossings",
    "forecast",
    "friedman",
    "holm",
    "isotonic",
    "isotonic_rows",
    "labels_to",
    "looked_at",
    "mean_interval",
    "paired_permutation",
    "paired_t",
    "resampled_means",
    "wilson",
]
