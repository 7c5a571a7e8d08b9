"""Stop rules: each looks at the history and gives the reason to stop in words, or None.

A rule only advises; the loop asks each after every round and stops at the first reason. `record` says what they see,
`spending` holds those about labels and money, `scores` those about scores on asked items, `audited` the one about
audit items, `settling` those about the items that nobody labelled.
"""

from tithe.stopping.record import Record, Stop

__all__ = ["Record", "Stop"]
