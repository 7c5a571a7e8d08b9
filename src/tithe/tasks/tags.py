"""BIO tags and spans: any scheme to spans, and spans to any scheme.

One reading serves all schemes, that of conlleval: an entity begins at B or S, or wherever its neighbour on the left is
O, another type or already ended; it ends at E or S, or where the next one begins. For tags that keep to their scheme
this is exact; others are read as far as they make sense, and `faults` says where they broke the rules.

Source: Ramshaw & Marcus 1995 (IOB1); Tjong Kim Sang & Veenstra 1999 (IOB2); Ratinov & Roth 2009 (BILOU).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple, TypeAlias

from tithe.errors import ConfigError, DataError
from tithe.tokens import Tokens
from tithe.types import Span

Scheme: TypeAlias = Literal["IOB1", "IOB2", "BIOES", "BILOU"]
SCHEMES: tuple[Scheme, ...] = ("IOB2", "IOB1", "BIOES", "BILOU")

Misfit: TypeAlias = Literal["error", "skip", "expand"]
"""What to do with a span that tags cannot hold: it cuts a token, overlaps another one or covers none."""

_PLAIN = {"B": "B", "I": "I", "E": "E", "S": "S", "L": "E", "U": "S", "M": "I"}
_LETTERS = {"IOB1": tuple("IIII"), "IOB2": tuple("BBII"), "BIOES": tuple("BSIE"), "BILOU": tuple("BUIL")}
"""How a scheme writes the first of several, an only one, inner ones and the last; IOB1 has B beside its own kind."""


def split_tag(tag: str) -> tuple[str, str]:
    """The letter (B, I, E, S or O) and the label of a tag; BILOU's L and U are E and S.

    Raises DataError where it is no tag.

    >>> split_tag("B-date-time"), split_tag("U-PER"), split_tag("O")
    (('B', 'date-time'), ('S', 'PER'), ('O', ''))
    """
    if tag == "O":
        return "O", ""
    letter, hyphen, label = tag.partition("-")
    if not hyphen or not label or letter not in _PLAIN:
        raise DataError(f"{tag!r} is not a tag; write O, or a letter of BIOES or BILOU and a label, such as B-PER")
    return _PLAIN[letter], label


def detect(sentences: Iterable[Sequence[str]]) -> Scheme:
    """The scheme that the tags of a file keep to; IOB2 where nothing speaks against it.

    >>> detect([["I-PER", "O"]]), detect([["B-PER", "O"]]), detect([["O", "S-PER"]]), detect([["U-LOC"]])
    ('IOB1', 'IOB2', 'BIOES', 'BILOU')
    """
    letters: set[str] = set()
    bare = lone = 0
    for tags in sentences:
        before = ("O", "")
        for tag in tags:
            now = split_tag(tag)
            letters.add(tag[0])
            if now[1] != before[1] or before[0] == "O":  # begins beside something else
                bare += now[0] == "I"
                lone += now[0] == "B"
            before = now
    if letters & set("LU"):
        return "BILOU"
    if letters & set("ES"):
        return "BIOES"
    return "IOB1" if bare > lone else "IOB2"


def faults(tags: Sequence[str], scheme: Scheme) -> list[int]:
    """The positions of the tags that break the rules of a scheme, ascending.

    >>> faults(["O", "I-PER", "B-PER"], "IOB2"), faults(["O", "I-PER", "B-PER"], "IOB1")
    ([1], [])
    """
    entities = _entities(tags)
    should = _written(len(tags), entities, scheme)
    return [at for at, (tag, right) in enumerate(zip(tags, should, strict=True)) if tag != right]


def tags_to_spans(tokens: Tokens, tags: Sequence[str], scheme: Scheme | None = None) -> tuple[Span, ...]:
    """The entities of tagged tokens, as spans.

    Args:
        tokens: where each token is in the text.
        tags: one a token.
        scheme: tags that break the rules of this scheme are then an error; None reads any.

    Raises:
        DataError: a tag is none, breaks the scheme, or their number is not that of the tokens.

    >>> tags_to_spans(((0, 2), (3, 9), (10, 12)), ["B-PER", "I-PER", "O"])
    (Span(start=0, end=9, label='PER'),)
    """
    if len(tags) != len(tokens):
        raise DataError(f"{len(tokens)} tokens and {len(tags)} tags; there must be one for each")
    if scheme is not None and (wrong := faults(tags, scheme)):
        raise DataError(f"the tag {tags[wrong[0]]!r} of token {wrong[0] + 1} breaks the rules of {scheme}")
    return tuple(Span(tokens[first][0], tokens[last][1], label) for first, last, label in _entities(tags))


class Fitted(NamedTuple):
    """Spans as token ranges that tags can hold, and what became of the others."""

    ranges: tuple[tuple[int, int, str], ...]
    """First token, last token and label of each, ascending, none overlapping."""
    lost: tuple[Span, ...]
    expanded: tuple[Span, ...]


def fit_spans(tokens: Tokens, spans: Sequence[Span], misfit: Misfit = "error") -> Fitted:
    """The spans as ranges of tokens.

    A span that cuts a token is widened to it under "expand" and left out under "skip"; of two that overlap the longer
    one stays, then the earlier; one that covers no token is left out. Nothing is lost without being counted.

    Raises:
        DataError: a span does not fit, under "error".

    >>> fit_spans(((0, 2), (3, 9)), [Span(0, 4, "PER")], "expand").ranges
    ((0, 1, 'PER'),)
    """
    kept: list[tuple[int, int, str]] = []
    lost, expanded = list[Span](), list[Span]()
    taken = [False] * len(tokens)
    for span in sorted(spans, key=lambda one: (one.start - one.end, one.start, one.label)):
        inside = [at for at, (start, end) in enumerate(tokens) if start < span.end and end > span.start]
        fits = bool(inside) and (tokens[inside[0]][0], tokens[inside[-1]][1]) == (span.start, span.end)
        reason = ""
        if not inside:
            reason = "covers no token"
        elif any(taken[at] for at in inside):
            reason = "overlaps another one"
        elif not fits and misfit != "expand":
            reason = "begins or ends inside a token"
        if reason and misfit == "error":
            raise DataError(
                f"the span {tuple(span)} {reason}, which tags cannot say; leave such spans out or widen them"
            )
        if reason:
            lost.append(span)
            continue
        if not fits:
            expanded.append(span)
        for at in inside:
            taken[at] = True
        kept.append((inside[0], inside[-1], span.label))
    return Fitted(tuple(sorted(kept)), tuple(sorted(lost)), tuple(sorted(expanded)))


def spans_to_tags(
    tokens: Tokens, spans: Sequence[Span], scheme: Scheme = "IOB2", *, misfit: Misfit = "error"
) -> list[str]:
    """One tag a token. Raises DataError for a span that tags cannot hold, unless `misfit` says otherwise.

    `fit_spans` tells which spans were lost or widened.

    >>> spans_to_tags(((0, 2), (3, 9), (10, 12)), [Span(0, 9, "PER")], "BIOES")
    ['B-PER', 'E-PER', 'O']
    """
    if scheme not in SCHEMES:
        raise ConfigError(f"unknown scheme {scheme!r}; there are: {', '.join(SCHEMES)}")
    return _written(len(tokens), fit_spans(tokens, spans, misfit).ranges, scheme)


def _entities(tags: Sequence[str]) -> list[tuple[int, int, str]]:
    """First, last and label of each entity."""
    found: list[tuple[int, int, str]] = []
    last, kind = "O", ""  # of the tag before
    for at, tag in enumerate(tags):
        letter, label = split_tag(tag)
        if letter != "O":
            if letter in "BS" or last in "OES" or label != kind:
                found.append((at, at, label))
            else:
                found[-1] = (found[-1][0], at, label)
        last, kind = letter, label
    return found


def _written(count: int, ranges: Sequence[tuple[int, int, str]], scheme: Scheme) -> list[str]:
    first, only, inner, last = _LETTERS[scheme]
    tags = ["O"] * count
    before: tuple[int, str] = (-2, "")
    for start, end, label in ranges:
        tags[start : end + 1] = [f"{inner}-{label}"] * (end + 1 - start)
        tags[start] = f"{only if start == end else first}-{label}"
        if start != end:
            tags[end] = f"{last}-{label}"
        if scheme == "IOB1" and before == (start - 1, label):
            tags[start] = f"B-{label}"
        before = (end, label)
    return tags
