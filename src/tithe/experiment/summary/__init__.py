"""`summarise`: from the rows of a simulation to what may be said about them. See `summarise` for the structure."""

from tithe.experiment.summary.build import summarise

__all__ = ["summarise"]
