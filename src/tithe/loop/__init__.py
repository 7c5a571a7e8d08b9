"""The one round, and the active learner around it. Simulation and the live service call the same `propose`."""

from tithe.loop.learner import ActiveLearner
from tithe.loop.propose import Recipe, Round, propose
from tithe.loop.workshop import Workshop

__all__ = ["ActiveLearner", "Recipe", "Round", "Workshop", "propose"]
