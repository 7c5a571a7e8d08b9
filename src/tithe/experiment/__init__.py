"""Experiments: plans, simulations, summaries, reports."""
