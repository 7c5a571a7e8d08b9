"""From a file to `Items`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tithe.data import Table, format_for
from tithe.data.annotations import Given, gathered, given_in, of_people, standing
from tithe.data.columns import Roles, called, cells, check_named, choose, labels_of, texts_of, without_blanks
from tithe.data.ids import checked_ids, first_rows, hashed_ids, merged_labels
from tithe.data.multilabel import blank_note, list_note, lists_of, sets_of
from tithe.data.spans import Tagged, tagged, text_or_tokens
from tithe.errors import DataError
from tithe.types import Items


def read_items(
    path: str | Path,
    *,
    task: str = "choice",
    text: str | None = None,
    label: str | None = None,
    id: str | None = None,
    format: str | None = None,
    header: bool = True,
    columns: Sequence[str] | None = None,
    separator: str = ";",
    dedupe: bool = False,
    require_label: bool = False,
    drop_blank: bool = False,
) -> Items:
    """The items of a file, with the file's own labels as `gold` where it has any.

    What `gold` holds depends on the task: a word for `choice` (and for tasks of your own); for `multilabel` a frozenset
    from a list or a string split at `separator` (an empty list, or `[]`, is the empty set; None or a blank string is
    unknown); for `spans` a tuple of `Span`, from `tokens` + `tags` in any BIO scheme (the text is then the tokens with
    single blanks between them) or from `text` + `spans`.

    A file whose rows are people's answers (columns `id` and `annotator`, as `tithe export` writes it and as the formats
    of annotation tools are read) gives an item for each id, with the most frequent of the answers that stand.

    Texts are kept exactly as they stand. An id is that of the `id` column, else a hash of the text. `repeats` counts
    the rows whose text stands in an earlier row already. `notes` says in words what a person should know of the file.

    Args:
        path: a file; its suffix gives the format, also before `.gz`.
        task: what a label means.
        text: the column of the texts (or tokens); else `text` (in any case, if one alone is called so, as are `label`,
            `labels` and `id`), else the only string column.
        label: the column of the labels, tags or spans; else `label` (`labels` first for multilabel) if it is there.
        id: the column of the ids; else `id` if it is there.
        format: the name of the format, where the suffix does not tell.
        header: whether the first line of a CSV or TSV names the columns.
        columns: the names of the columns of a file without a header.
        separator: what parts the labels in a string; for multilabel.
        dedupe: merge rows of the same text: the first stays, with the most frequent of their labels.
        require_label: every row must have a label.
        drop_blank: leave rows without a text out, with a note; else they are an error.

    Raises:
        DataError: the file cannot be read, has no rows, or a row is malformed; names the line.
        ColumnError: a named column is not there, or which one is the text is not clear.
        UnknownNameError: the format is not known.
    """
    source = str(path)
    given = Roles(text or "", label, id)
    table, roles = _opened(path, task, given, format=format, header=header, columns=columns, drop_blank=drop_blank)
    if of_people(table, roles.id):
        table = _one_row_each(table, source, task, roles, separator=separator, needed=require_label)
    return _items(table, source, task, roles, separator=separator, needed=require_label, dedupe=dedupe)


def read_texts(path: str | Path, *, text: str | None = None) -> Items:
    """The items of a file without their labels, whatever these are; the column and errors are those of `read_items`."""
    source = str(path)
    given = Roles(text or "", None, None)
    table, roles = _opened(path, "choice", given, format=None, header=True, columns=None, drop_blank=False)
    roles = roles._replace(label=None)
    if of_people(table, roles.id):
        table = _one_row_each(table, source, "choice", roles, separator=";", needed=False)
    return _items(table, source, "choice", roles, separator=";", needed=False, dedupe=False)


def read_answers(
    path: str | Path,
    *,
    task: str,
    text: str | None = None,
    label: str | None = None,
    id: str | None = None,
    format: str | None = None,
    header: bool = True,
    columns: Sequence[str] | None = None,
    separator: str = ";",
) -> tuple[Items, list[Given]]:
    """The items of a file and what each of its annotators said of them, in the order of the file.

    The options and errors are those of `read_items`; the items are the same, their `gold` with them. A file whose rows
    are no answers (it has no column `annotator`) gives none; nor do rows whose label is a model's, or that have none.
    """
    source = str(path)
    roles = Roles(text or "", label, id)
    table, roles = _opened(path, task, roles, format=format, header=header, columns=columns, drop_blank=False)
    if not of_people(table, roles.id) or roles.id is None:
        return _items(table, source, task, roles, separator=separator, needed=False, dedupe=False), []
    rows = standing(table)
    said = _labelled(rows, source, task, roles, separator=separator, needed=False)
    one_each = gathered(rows, source, roles.id, roles.text, said.gold, needed=False)
    items = _items(one_each, source, task, roles, separator=separator, needed=False, dedupe=False)
    return items, given_in(rows, cells(rows, roles.id, source), said.gold)


def _items(table: Table, source: str, task: str, roles: Roles, *, separator: str, needed: bool, dedupe: bool) -> Items:
    """The items of a table with a row for each."""
    read = _labelled(table, source, task, roles, separator=separator, needed=needed)
    if roles.id is None:
        ids = hashed_ids(read.texts)
    else:
        ids = checked_ids(cells(table, roles.id, source), where=source, unit=table.unit, lines=table.lines)
    return _assembled(ids, read, source, (*table.notes, *read.notes), dedupe=dedupe)


def first_labels(
    path: str | Path,
    *,
    text: str | None = None,
    label: str | None = None,
    id: str | None = None,
    format: str | None = None,
    header: bool = True,
    columns: Sequence[str] | None = None,
    separator: str = ";",
    drop_blank: bool = False,
) -> list[str | None] | None:
    """The first label of each row of a multilabel file, which many files mean as the primary one; sets lose it.

    The rows are those of `read_items` with the same options. None where no column has labels.
    """
    given = Roles(text or "", label, id)
    table, roles = _opened(
        path, "multilabel", given, format=format, header=header, columns=columns, drop_blank=drop_blank
    )
    if of_people(table, roles.id):
        table = _one_row_each(table, str(path), "multilabel", roles, separator=separator, needed=False)
    lists = lists_of(table, roles.label, str(path), separator=separator)
    return None if lists is None else [one[0] if one else None for one in lists]


def format_beside(path: str | Path, other: str | Path, format: str | None) -> str | None:
    """The format of a second file that goes with a first: the one named for that, if their names end alike.

    >>> format_beside("a.jsonl", "b.jsonl", "doccano"), format_beside("a.jsonl", "b.csv", "doccano")
    ('doccano', None)
    """
    return format if Path(path).suffixes[-1:] == Path(other).suffixes[-1:] else None


def _opened(
    path: str | Path,
    task: str,
    given: Roles,
    *,
    format: str | None,
    header: bool,
    columns: Sequence[str] | None,
    drop_blank: bool,
) -> tuple[Table, Roles]:
    """The table of a file, and which column is which."""
    source = str(path)
    path = Path(path).expanduser()
    table = format_for(path, format).read(path, header=header, columns=columns)
    if not table.lines:
        raise DataError(f"{source} has no rows; give a file with at least one item")
    text, label, id = given
    check_named(table, source, text=text or None, label=label, id=id)
    id = id or called(table, "id", taken={text, label})
    if task == "multilabel" and label is None:
        label = called(table, "labels", taken={text})
    roles = _roles(table, source, task, Roles(text, label, id))
    if drop_blank:
        table = without_blanks(table, roles.text)
        if not table.lines:
            raise DataError(f"{source} has no rows with a text in the column {roles.text!r}")
    return table, roles


def _one_row_each(table: Table, where: str, task: str, roles: Roles, *, separator: str, needed: bool) -> Table:
    """The table of a file whose rows are answers, with a row for each item; see `annotations`."""
    table = standing(table)
    gold = _labelled(table, where, task, roles, separator=separator, needed=False).gold
    assert roles.id is not None  # of_people saw to it
    return gathered(table, where, roles.id, roles.text, gold, needed=needed)


def _roles(table: Table, where: str, task: str, given: Roles) -> Roles:
    if task == "spans":
        return given._replace(text=text_or_tokens(table, where, given.text or None, given.label))
    return choose(table, where, text=given.text or None, label=given.label, id=given.id)


def _labelled(table: Table, where: str, task: str, roles: Roles, *, separator: str, needed: bool) -> Tagged:
    """Texts, labels and tokens by what the task means by a label."""
    if task == "spans":
        return tagged(table, where, text=roles.text, label=roles.label, needed=needed)
    texts = texts_of(table, roles.text, where)
    if task == "multilabel":
        sets = sets_of(table, roles.label, where, separator=separator, needed=needed)
        return Tagged(texts, sets, None, blank_note(table, roles.label))
    labels = labels_of(table, roles.label, where, needed=needed)
    notes = list_note(roles.label, labels) if task == "choice" else ()  # a task of one's own may mean such words
    return Tagged(texts, None if labels is None else list(labels), None, notes)


def _assembled(ids: list[str], read: Tagged, source: str, notes: tuple[str, ...], *, dedupe: bool) -> Items:
    texts, labels, tokens = read.texts, read.gold, read.tokens
    first = first_rows(texts)
    repeats = sum(row != at for at, row in enumerate(first))
    if repeats == 0:
        return Items(ids, texts, labels, source, 0, notes=notes, tokens=tokens)
    merged, conflicts = merged_labels(first, labels) if labels is not None else (None, 0)
    notes = (*notes, f"{repeats} of {len(texts)} texts repeat an earlier one" + ("; merged" if dedupe else ""))
    if conflicts:
        settled = "; the most frequent label is kept" if dedupe else ""
        notes = (*notes, f"{conflicts} of the repeated texts have labels that disagree{settled}")
    if not dedupe:
        return Items(ids, texts, labels, source, repeats, notes=notes, tokens=tokens)
    kept = [at for at, row in enumerate(first) if row == at]
    tokens = None if tokens is None else [tokens[at] for at in kept]
    return Items([ids[at] for at in kept], [texts[at] for at in kept], merged, source, 0, notes=notes, tokens=tokens)


def leaks(train: Items, test: Items) -> list[str]:
    """The ids of the train rows whose text, but for blanks around it, stands in the test set too.

    >>> leaks(Items(["1", "2"], ["a b", "c"]), Items(["9"], ["a b "]))
    ['1']
    """
    seen = {text.strip() for text in test.texts}
    return [one for one, text in zip(train.ids, train.texts, strict=True) if text.strip() in seen]
