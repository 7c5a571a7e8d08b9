"""What labels are called now: renames, chains of them, merges, and a name that is given again.

A rename changes all labels that came before it. An answer that comes after it and still has the old name, from a page
that was open meanwhile, means the label of the new name: so no answer is lost. Only when the old name is declared
again does it mean a label of its own; what was renamed before keeps its new name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from tithe.types import Label


def called(label: Label | None, names: Mapping[str, str]) -> Label | None:
    """The label with other names: sets shrink where two become one, and equal spans become one.

    >>> called("a", {"a": "b"}), called(frozenset({"a", "b"}), {"a": "b"})
    ('b', frozenset({'b'}))
    """
    if label is None or not names:
        return label
    if isinstance(label, str):
        return names.get(label, label)
    if isinstance(label, frozenset):
        return frozenset(names.get(one, one) for one in label) if label & names.keys() else label
    if not any(span.label in names for span in label):
        return label
    return tuple(sorted({span._replace(label=names.get(span.label, span.label)) for span in label}))


@dataclass(frozen=True)
class Names:
    """The names in use, and what those that were given up stand for.

    >>> names = Names(("a", "b", "c")).after("a", "b").after("b", "d")
    >>> names.declared, names.retired
    (('d', 'c'), {'a': 'd', 'b': 'd'})
    >>> names.with_declared(("a", "c", "d")).retired
    {'b': 'd'}
    """

    declared: tuple[str, ...] = ()
    retired: Mapping[str, str] = field(default_factory=dict)
    """The name in use now for each that was given up; never itself one that was given up."""

    def with_declared(self, labels: tuple[str, ...]) -> Names:
        """These are the labels from here on; one that was given up is a label of its own again."""
        return Names(labels, {old: new for old, new in self.retired.items() if old not in labels})

    def after(self, old: str, new: str) -> Names:
        """After the rename of `old` to `new`; where `new` is there already, the two are one label."""
        declared = dict.fromkeys(new if one == old else one for one in self.declared)
        retired = {one: new if now == old else now for one, now in self.retired.items() if one != new}
        return replace(self, declared=tuple(declared), retired={**retired, old: new})
