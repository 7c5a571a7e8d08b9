"""Spans: from tokens with tags, or from texts with offsets."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import NamedTuple, NoReturn

from tithe.data import Table
from tithe.data.columns import refuse_unlabelled, some, texts_of
from tithe.errors import ColumnError, DataError
from tithe.tasks.tags import detect, faults, tags_to_spans
from tithe.tokens import Tokens, joined
from tithe.types import Label, Span

_NO_SPANS = "not spans; docs/formats.md says how spans are written"


class Tagged(NamedTuple):
    """The texts of a file of spans, with what it says of them."""

    texts: list[str]
    gold: list[Label | None] | None
    tokens: list[Tokens] | None
    notes: tuple[str, ...]


def tagged(table: Table, where: str, *, text: str | None, label: str | None, needed: bool) -> Tagged:
    """What a file of spans holds: `tokens` + `tags`, or `text` + `spans`.

    Args:
        text: the column of the texts or of the tokens; which it is shows in its cells.
        label: the column of the spans or of the tags.

    Raises:
        ColumnError: the columns are not there.
        DataError: a row is malformed; names the line.
    """
    source = text_or_tokens(table, where, text, label)
    if source == "tokens" or _is_list(table.columns[source]):
        name = label or next((one for one in ("tags", "ner_tags", "spans") if one in table.columns), None)
        return _from_tokens(table, where, source, name, needed=needed)
    name = label or next((one for one in ("spans", "label") if _holds_spans(table, one)), None)
    return _from_text(table, where, source, name, needed=needed)


def text_or_tokens(table: Table, where: str, text: str | None, label: str | None) -> str:
    """The column named; else `text` where there are spans for it, `tokens`, `text`, or the only string column."""
    if text is not None:
        return text
    spans = label or "spans"
    if "text" in table.columns and ("tokens" not in table.columns or (spans in table.columns and spans != "tags")):
        return "text"
    if "tokens" in table.columns:
        return "tokens"
    free = [name for name in table.strings if name not in (label, "id", "label")]
    if len(free) == 1:
        return free[0]
    there = ", ".join(map(repr, table.columns))
    raise ColumnError(f"{where} has neither 'tokens' nor 'text', one of which spans need; it has {there}; name one")


def words_note(notes: Sequence[str]) -> str | None:
    """The note on a column of words where spans were looked for, among the notes of items; None where there is none."""
    return next((note for note in notes if note.endswith(_NO_SPANS)), None)


def _words_in(table: Table, text: str) -> tuple[str, ...]:
    """A note where the column `label` holds words; empty where it does not."""
    column = () if text == "label" else table.columns.get("label", ())
    for cell in column:
        if isinstance(cell, str) and cell.strip() and not isinstance(_from_json(cell), list):
            return (f"the column 'label' holds words such as {cell.strip()[:40]!r}, {_NO_SPANS}",)
    return ()


def _holds_spans(table: Table, name: str) -> bool:
    """Whether a column is that of the spans: a `label` only if it holds lists, for in other files it is a word."""
    if name != "label" or name not in table.columns:
        return name in table.columns
    said = [cell for cell in map(_from_json, table.columns[name]) if cell is not None]
    return bool(said) and all(isinstance(cell, list | tuple) for cell in said)


def _is_list(column: Sequence[object]) -> bool:
    return isinstance(next((cell for cell in column if cell is not None), None), list | tuple)


def _from_tokens(table: Table, where: str, tokens: str, tags: str | None, *, needed: bool) -> Tagged:
    if tags is None and needed:
        refuse_unlabelled(table, where, "tags")
    texts, offsets = list[str](), list[Tokens]()
    for line, cell in zip(table.lines, table.columns[tokens], strict=True):
        words = _words(table, line, where, tokens, cell)
        whole, places = joined(words)
        texts.append(whole)
        offsets.append(places)
    if tags is None:
        return Tagged(texts, None, offsets, ())
    if tags == "spans":
        return Tagged(texts, _span_column(table, where, tags, texts, needed=needed), offsets, ())
    gold, said = list[Label | None](), list[list[str]]()
    for line, places, cell in zip(table.lines, offsets, table.columns[tags], strict=True):
        if cell is None:
            gold.append(None)
            continue
        row = _tags(table, line, where, tags, cell)
        try:
            gold.append(tags_to_spans(places, row))
        except DataError as error:
            raise DataError(f"{where}, {table.unit} {line}: {error}") from None
        said.append(row)
    if needed and None in gold:
        unknown = [line for line, one in zip(table.lines, gold, strict=True) if one is None]
        raise DataError(f"{where}: no tags in {some(unknown, table.unit)}; labels are needed here")
    return Tagged(texts, gold, offsets, _scheme_notes(said))


def _words(table: Table, line: int, where: str, name: str, cell: object) -> list[str]:
    cell = _from_json(cell)
    if not isinstance(cell, list | tuple) or not all(isinstance(word, str) for word in cell):
        _refuse(_place(table, line, where, name), f"a {type(cell).__name__}", "a list of words")
    if not cell or not all(cell) or not any(word.strip() for word in cell):
        _refuse(_place(table, line, where, name), "no words, or an empty one", "one word or more in each row")
    return list(cell)


def _tags(table: Table, line: int, where: str, name: str, cell: object) -> list[str]:
    cell = _from_json(cell)
    if not isinstance(cell, list | tuple):
        _refuse(_place(table, line, where, name), f"a {type(cell).__name__}", "a list of tags")
    if any(isinstance(tag, int) for tag in cell):
        _refuse(_place(table, line, where, name), "numbers", "a list of names such as B-PER")
    return [str(tag) for tag in cell]


def _scheme_notes(sentences: Sequence[Sequence[str]]) -> tuple[str, ...]:
    scheme = detect(sentences)
    broken = [len(faults(tags, scheme)) for tags in sentences]
    notes = () if scheme == "IOB2" else (f"tags are in the scheme {scheme}",)
    if sum(broken):
        rows = sum(count > 0 for count in broken)
        notes = (*notes, f"{sum(broken)} tags in {rows} rows break the rules of {scheme}; read as conlleval reads them")
    return notes


def _from_text(table: Table, where: str, text: str, spans: str | None, *, needed: bool) -> Tagged:
    notes = _words_in(table, text) if spans is None else ()
    if spans is None and needed:
        if notes:
            raise ColumnError(f"{where}: {notes[0]}")
        refuse_unlabelled(table, where, "spans")
    texts = texts_of(table, text, where)
    gold = None if spans is None else _span_column(table, where, spans, texts, needed=needed)
    offsets = None
    if text != "tokens" and "tokens" in table.columns and _is_list(table.columns["tokens"]):
        offsets = _offset_column(table, where, texts)
    if gold is not None and (crossing := sum(_overlaps(one) for one in gold if isinstance(one, tuple))):
        notes = (f"{crossing} of {len(texts)} texts have spans that overlap; tags cannot say these",)
    return Tagged(texts, gold, offsets, notes)


def _span_column(table: Table, where: str, name: str, texts: Sequence[str], *, needed: bool) -> list[Label | None]:
    gold = list[Label | None]()
    for line, text, cell in zip(table.lines, texts, table.columns[name], strict=True):
        cell = _from_json(cell)
        if cell is None:
            gold.append(None)
            continue
        if isinstance(cell, str):
            raise DataError(f"{_place(table, line, where, name)} holds words such as {cell[:40]!r}, {_NO_SPANS}")
        if not isinstance(cell, list | tuple):
            _refuse(_place(table, line, where, name), f"a {type(cell).__name__}", 'a list of {"start", "end", "label"}')
        gold.append(tuple(sorted({_span(table, line, where, text, one) for one in cell})))
    if needed and None in gold:
        unknown = [line for line, one in zip(table.lines, gold, strict=True) if one is None]
        raise DataError(f"{where}: no spans in {some(unknown, table.unit)}; write an empty list where there is none")
    return gold


def _span(table: Table, line: int, where: str, text: str, one: object) -> Span:
    at = f"{where}, {table.unit} {line}"
    if isinstance(one, Mapping):
        start, end, label = one.get("start"), one.get("end"), one.get("label")
    elif isinstance(one, list | tuple) and len(one) == 3:
        start, end, label = one
    else:
        raise DataError(f'{at}: the span {one!r} is no {{"start", "end", "label"}}')
    if not isinstance(start, int) or not isinstance(end, int) or not isinstance(label, str) or not label.strip():
        raise DataError(f'{at}: the span {one!r} needs whole numbers "start" and "end" and a "label"')
    if not 0 <= start < end <= len(text):
        raise DataError(
            f"{at}: the span {start} to {end} ({label!r}) is not inside the text of {len(text)} characters; "
            "offsets count Unicode code points from 0, the end exclusive"
        )
    given = one.get("text") if isinstance(one, Mapping) else None
    if isinstance(given, str) and given and given != text[start:end]:
        raise DataError(
            f"{at}: the span {start} to {end} says {given[:40]!r} and the text there is {text[start:end][:40]!r}; "
            "offsets count Unicode code points, not bytes or UTF-16 units"
        )
    return Span(start, end, label.strip())


def _offset_column(table: Table, where: str, texts: Sequence[str]) -> list[Tokens]:
    """The column `tokens` beside whole texts: (start, end) pairs, or words that are found in the text in order."""
    out = list[Tokens]()
    for line, text, cell in zip(table.lines, texts, table.columns["tokens"], strict=True):
        places, at = list[tuple[int, int]](), 0
        for one in cell if isinstance(cell, list | tuple) else ():
            if isinstance(one, str):
                start = text.find(one, at)
                end = start + len(one)
            elif isinstance(one, Mapping):  # as Prodigy writes them
                start, end = one.get("start", -1), one.get("end", -1)
            else:
                start, end = one if isinstance(one, list | tuple) and len(one) == 2 else (-1, -1)
            if not (isinstance(start, int) and isinstance(end, int) and at <= start < end <= len(text)):
                raise DataError(
                    f"{where}, {table.unit} {line}: the token {one!r} is not in the text behind the one before; "
                    "give tokens in order, or leave the column out"
                )
            places.append((start, end))
            at = end
        out.append(tuple(places))
    return out


def _overlaps(spans: Sequence[Span]) -> bool:
    reach = -1
    for span in spans:
        if span.start < reach:
            return True
        reach = max(reach, span.end)
    return False


def _from_json(cell: object) -> object:
    """A list that stands as JSON in a cell of text, as a CSV has it; an empty cell is None."""
    if not isinstance(cell, str):
        return cell
    if not cell.strip():
        return None
    try:
        return json.loads(cell)
    except ValueError:
        return cell


def _place(table: Table, line: int, where: str, name: str) -> str:
    return f"{where}, {table.unit} {line}: the column {name!r}"


def _refuse(place: str, given: str, wanted: str) -> NoReturn:
    raise DataError(f"{place} holds {given}; {wanted} is needed")
