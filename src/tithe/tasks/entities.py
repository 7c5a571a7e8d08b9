"""How well guessed entities fit the true ones: exactly, or by overlap."""

from __future__ import annotations

from collections.abc import Sequence

from tithe.tasks.counting import ratio
from tithe.types import Span


def entity_scores(truth: Sequence[Sequence[Span]], guess: Sequence[Sequence[Span]]) -> dict[str, float]:
    """`entity_f1`, `entity_precision`, `entity_recall` (exact, micro) and `entity_f1_overlap`.

    A span that is said twice counts once. A ratio with nothing below the line is 0.

    Source: Tjong Kim Sang and De Meulder 2003, Introduction to the CoNLL-2003 Shared Task (exact); Segura-Bedmar,
    Martínez and Herrero-Zazo 2013, SemEval-2013 Task 9, its "type" evaluation (overlap).
    Departs: that task's scorer (and nervaluate's `ent_type`) pairs each guess with the first true span that it
    overlaps, whatever its label; here each span has one partner of its own label at most, and partners are chosen so
    that there are as many pairs as can be. Where no span overlaps more than one other, both say the same.

    >>> found = entity_scores([[Span(0, 5, "PER"), Span(7, 9, "LOC")]], [[Span(0, 3, "PER"), Span(7, 9, "LOC")]])
    >>> found["entity_f1"], found["entity_f1_overlap"]
    (0.5, 1.0)
    """
    hits = pairs = true = guessed = 0
    for row, other in zip(truth, guess, strict=True):
        a, b = set(row), set(other)
        hits, pairs = hits + len(a & b), pairs + overlapping_pairs(a, b)
        true, guessed = true + len(a), guessed + len(b)
    return {
        "entity_f1": ratio(2 * hits, true + guessed),
        "entity_precision": ratio(hits, guessed),
        "entity_recall": ratio(hits, true),
        "entity_f1_overlap": ratio(2 * pairs, true + guessed),
    }


def overlapping_pairs(truth: set[Span], guess: set[Span]) -> int:
    """How many pairs of overlapping spans of one label can be made at once, each span being in one pair at most.

    Cost: O(a b) for a true and b guessed spans that overlap one or two others each, as they do in texts.

    >>> overlapping_pairs({Span(0, 9, "PER")}, {Span(0, 3, "PER"), Span(5, 9, "PER")})
    1
    """
    partner: dict[Span, Span] = {}
    others = {one: [two for two in sorted(guess) if two.label == one.label and overlap(one, two)] for one in truth}

    def found(one: Span, tried: set[Span]) -> bool:
        """Whether `one` gets a partner, others moving on to a partner of theirs where they can."""
        for two in others[one]:
            if two not in tried:
                tried.add(two)
                if two not in partner or found(partner[two], tried):
                    partner[two] = one
                    return True
        return False

    return sum(found(one, set()) for one in sorted(truth))


def overlap(one: Span, other: Span) -> bool:
    """Whether two spans share a character.

    >>> overlap(Span(0, 5, "a"), Span(4, 6, "b")), overlap(Span(0, 5, "a"), Span(5, 6, "a"))
    (True, False)
    """
    return one.start < other.end and other.start < one.end
