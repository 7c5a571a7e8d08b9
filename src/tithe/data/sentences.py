"""Texts with spans as sentences of words with tags, for formats that hold these."""

from __future__ import annotations

from pathlib import Path

from tithe.data import Table
from tithe.data.answers import Answer, Losses, answers_in, kind_of
from tithe.errors import ConfigError, DataError
from tithe.tasks.tags import Misfit, fit_spans, spans_to_tags
from tithe.tokens import tokenise
from tithe.types import Span

_EDGES = " \t\r\n\ufeff"
"""What readers of such files take from the ends of a word."""


def tagged_sentences(path: Path, table: Table, misfit: Misfit) -> tuple[Table, tuple[str, ...]]:
    """The columns `tokens` and `tags` (IOB2) of texts with spans, and notes on what they do not say.

    Args:
        path: the file to be written, for messages.
        misfit: what becomes of spans that tags cannot hold; see `tithe.tasks.tags.fit_spans`.

    Raises:
        DataError: the table has no spans, or one does not fit under "error".
        ConfigError: `misfit` is none of the three.
    """
    if misfit not in ("error", "skip", "expand"):
        raise ConfigError(f"misfit={misfit!r} is unknown; there are: error, skip, expand")
    if kind_of(table) != "spans":
        raise DataError(
            f"cannot write {path}: CoNLL holds tokens with tags, and these are labels of whole texts; "
            "write another format, such as .jsonl"
        )
    losses, seen = Losses(), set[str]()
    words, tags = list[list[str]](), list[list[str]]()
    for one in answers_in(table):
        if one.spans is None:
            losses.add("items skipped, rejected or without a label, left out")
            continue
        _count(one, seen, losses)
        said = _sentence(path, one, misfit, losses)
        if said is None:
            losses.add("items without a token, left out")
            continue
        losses.add("sentences without ids, annotators, times and their own blanks, for which CoNLL has no place")
        words.append(said[0])
        tags.append(said[1])
    return Table({"tokens": words, "tags": tags}, range(1, len(words) + 1)), losses.notes


def _count(one: Answer, seen: set[str], losses: Losses) -> None:
    losses.add("comments, left out", bool(one.comment))
    losses.add("flags, left out", one.flagged)
    losses.add("sentences with the model's tags, which nothing in the file marks", one.by == "model")
    losses.add("sentences that stand again, with another annotator's tags", one.id is not None and one.id in seen)
    seen.add(one.id or "")


def _sentence(path: Path, one: Answer, misfit: Misfit, losses: Losses) -> tuple[list[str], list[str]] | None:
    """The words and tags of a text; None where it has no word."""
    places, words = list[tuple[int, int]](), list[str]()
    for start, end in one.tokens or tokenise(one.text):
        word = one.text[start:end].strip(_EDGES)
        losses.add("tokens without the byte order mark in them", word != one.text[start:end])
        if word:
            places.append((start, end))
            words.append(word)
    if not words:
        return None
    try:
        fitted = fit_spans(tuple(places), one.spans or (), misfit)
    except DataError as error:
        raise DataError(
            f"cannot write {path}: row {one.line}{f' (id {one.id!r})' if one.id else ''}: {error}; "
            "name the format conll(misfit=expand) or conll(misfit=skip)"
        ) from None
    losses.add("spans widened to whole tokens", len(fitted.expanded))
    losses.add("spans left out, as they overlap a longer one, cut a token or cover none", len(fitted.lost))
    spans = [Span(places[first][0], places[last][1], label) for first, last, label in fitted.ranges]
    return words, spans_to_tags(tuple(places), spans)
