"""From a file to `Items`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tithe.data import format_for
from tithe.data.columns import cells, choose, labels_of, texts_of
from tithe.data.ids import checked_ids, first_rows, hashed_ids, merged_labels
from tithe.errors import DataError
from tithe.types import Items


def read_items(
    path: str | Path,
    *,
    text: str | None = None,
    label: str | None = None,
    id: str | None = None,
    format: str | None = None,
    header: bool = True,
    columns: Sequence[str] | None = None,
    dedupe: bool = False,
    require_label: bool = False,
) -> Items:
    """The items of a file, with the file's own labels as `gold` where it has any.

    Texts are kept exactly as they stand. An id is that of the `id` column, else a hash of the text. `repeats` counts
    the rows whose text stands in an earlier row already. `notes` says in words what a person should know of the file.

    Args:
        path: a file; its suffix gives the format, also before `.gz`.
        text: the column of the texts; else `text`, else the only string column.
        label: the column of the labels; else `label` if it is there.
        id: the column of the ids; else `id` if it is there.
        format: the name of the format, where the suffix does not tell.
        header: whether the first line of a CSV or TSV names the columns.
        columns: the names of the columns of a file without a header.
        dedupe: merge rows of the same text: the first stays, with the most frequent of their labels.
        require_label: every row must have a label.

    Raises:
        DataError: the file cannot be read, has no rows, or a row is malformed; names the line.
        ColumnError: a named column is not there, or which one is the text is not clear.
        UnknownNameError: the format is not known.
    """
    source = str(path)
    path = Path(path).expanduser()
    table = format_for(path, format).read(path, header=header, columns=columns)
    if not table.lines:
        raise DataError(f"{source} has no rows; give a file with at least one item")
    roles = choose(table, source, text=text, label=label, id=id)
    texts = texts_of(table, roles.text, source)
    labels = labels_of(table, roles.label, source, needed=require_label)
    if roles.id is None:
        ids = hashed_ids(texts)
    else:
        ids = checked_ids(cells(table, roles.id, source), where=source, unit=table.unit, lines=table.lines)
    return _assembled(ids, texts, labels, source, table.notes, dedupe=dedupe)


def _assembled(
    ids: list[str],
    texts: list[str],
    labels: Sequence[str | None] | None,
    source: str,
    notes: tuple[str, ...],
    *,
    dedupe: bool,
) -> Items:
    first = first_rows(texts)
    repeats = sum(row != at for at, row in enumerate(first))
    if repeats == 0:
        return Items(ids, texts, labels, source, 0, notes=notes)
    merged, conflicts = merged_labels(first, labels) if labels is not None else (None, 0)
    notes = (*notes, f"{repeats} of {len(texts)} texts repeat an earlier one" + ("; merged" if dedupe else ""))
    if conflicts:
        settled = "; the most frequent label is kept" if dedupe else ""
        notes = (*notes, f"{conflicts} of the repeated texts have labels that disagree{settled}")
    if not dedupe:
        return Items(ids, texts, labels, source, repeats, notes=notes)
    kept = [at for at, row in enumerate(first) if row == at]
    return Items([ids[at] for at in kept], [texts[at] for at in kept], merged, source, 0, notes=notes)


def leaks(train: Items, test: Items) -> list[str]:
    """The ids of the train rows whose text, but for blanks around it, stands in the test set too.

    >>> leaks(Items(["1", "2"], ["a b", "c"]), Items(["9"], ["a b "]))
    ['1']
    """
    seen = {text.strip() for text in test.texts}
    return [one for one, text in zip(train.ids, train.texts, strict=True) if text.strip() in seen]
