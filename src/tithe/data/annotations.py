"""Files whose rows are people's answers: which columns hold what, and how the rows of one item become the item.

Such a file has the columns `id` and `annotator`. `action` says `label`, `skip` or `reject`; where `standing` is false
the answer was replaced or taken back; where `by` is `model` it is no person's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Literal, NamedTuple

from tithe.data import Format, Table
from tithe.data.columns import cells, picked
from tithe.data.ids import corrected, first_rows, merged_labels
from tithe.errors import DataError
from tithe.types import Label

COLUMNS: Final[Mapping[str, str]] = {"choice": "label", "multilabel": "labels", "spans": "spans"}
"""The ordinary column of each task's labels."""


def for_people(format: Format) -> bool:
    """Whether a format is that of an annotation tool.

    Such a writer takes the ordinary columns (`id`, `text`, `label` or `labels` or `spans`, `annotator`, `action`, ...)
    and turns them into the tool's own; a table of cells is written as it stands.
    """
    return bool(getattr(format, "annotations", False))


def of_people(table: Table, id: str | None) -> bool:
    """Whether the rows of a table are answers."""
    return id is not None and "annotator" in table.columns


def standing(table: Table) -> Table:
    """The rows whose answer stands: neither replaced nor taken back."""
    if "standing" not in table.columns:
        return table
    rows = [row for row, cell in enumerate(table.columns["standing"]) if str(cell).strip().lower() not in _FALSE]
    return table if len(rows) == len(table.lines) else picked(table, rows)


_FALSE = ("false", "0", "no")


def gathered(
    table: Table, where: str, id: str, text: str, gold: Sequence[Label | None] | None, *, needed: bool
) -> Table:
    """A row for each item: the first one with the most frequent label, the earliest such label on a tie.

    The label of the annotator "file" counts where no person gave one.

    Args:
        table: rows of answers, all of which stand.
        where: the file, for messages.
        id: the column of the ids.
        text: the column of the texts.
        gold: the label of each row; None for all where there is no such column.
        needed: leave items without a label out, with a note.

    Raises:
        DataError: an id stands for two texts.
    """
    ids = cells(table, id, where)
    first = first_rows([one or "" for one in ids])
    _refuse_two_texts(table, where, ids, table.columns[text], first)
    gold = corrected(first, _given(table, gold), table.columns["annotator"])
    merged, torn = merged_labels(first, gold)
    heads = [row for at, row in enumerate(first) if at == row]
    chosen = dict(zip(heads, merged, strict=True))
    rows: dict[int, int] = {}  # of an item's first row, the row with its label
    for at, (row, label) in enumerate(zip(first, gold, strict=True)):
        if label is not None and label == chosen[row]:
            rows.setdefault(row, at)
    notes = list(_said(table, torn))
    if needed and len(rows) < len(heads):
        notes.append(f"{len(heads) - len(rows)} of {len(heads)} items have no label and are left out")
        heads = [row for row in heads if row in rows]
    return picked(table, [rows.get(row, row) for row in heads], *notes)


def _given(table: Table, gold: Sequence[Label | None] | None) -> list[Label | None]:
    """The labels without those of answers that give none."""
    labels: list[Label | None] = [None] * len(table.lines) if gold is None else list(gold)
    by = table.columns.get("by", [None] * len(labels))
    if "action" in table.columns:
        for row, (action, who) in enumerate(zip(table.columns["action"], by, strict=True)):
            if action in ("skip", "reject") and who != "model":  # the model labels what a person skipped
                labels[row] = None
    return labels


class Given(NamedTuple):
    """One answer of a file; `label` is None for the actions `skip` and `reject`, `at` is ISO 8601 where it is known."""

    item: str
    label: Label | None
    annotator: str
    action: Literal["label", "skip", "reject"]
    seconds: float
    flagged: bool
    comment: str
    at: str | None


def given_in(table: Table, ids: Sequence[str | None], gold: Sequence[Label | None] | None) -> list[Given]:
    """The answers in the rows of a table; `ids` and `gold` are those of its rows."""
    known = [table.columns.get(name) for name in ("annotator", "action", "by", "seconds", "flagged", "comment", "at")]
    found = []
    for row, (id, label) in enumerate(zip(ids, _given(table, gold), strict=True)):
        who, action, by, seconds, flagged, comment, at = (None if cells is None else cells[row] for cells in known)
        said: Literal["label", "skip", "reject"] = "label"
        if action == "skip" or action == "reject":
            said = action
        if id is None or by == "model" or (said == "label" and label is None):
            continue
        flag, person = str(flagged).strip().lower() in ("true", "1"), str(who or "").strip() or "unknown"
        found.append(Given(id, label, person, said, _number(seconds), flag, str(comment or ""), _word(at)))
    return found


def _number(cell: object) -> float:
    """A number of seconds; 0 where a cell says none."""
    try:
        seconds = float(str(cell))
    except ValueError:
        return 0.0
    return seconds if 0 <= seconds < float("inf") else 0.0


def _word(cell: object) -> str | None:
    return cell if isinstance(cell, str) and cell.strip() else None


def _refuse_two_texts(
    table: Table, where: str, ids: Sequence[str | None], texts: Sequence[object], first: Sequence[int]
) -> None:
    for at, row in enumerate(first):
        if at != row and texts[at] != texts[row]:
            raise DataError(
                f"{where}: the id {ids[at]!r} stands in {table.unit} {table.lines[row]} and again, with another text, "
                f"in {table.unit} {table.lines[at]}; ids must differ"
            )


def _said(table: Table, torn: int) -> list[str]:
    """What a person should know of these answers."""
    people = {str(one) for one in table.columns["annotator"] if one is not None and str(one).strip()}
    notes = []
    if len(people) > 1:
        notes.append(f"answers of {len(people)} annotators")
    if torn:
        notes.append(f"{torn} items have answers that disagree; the most frequent counts, the earliest on a tie")
    machines = sum(one == "model" for one in table.columns.get("by", ()))
    if machines:
        notes.append(f"{machines} of {len(table.lines)} labels are a model's, not a person's (column 'by')")
    return notes
