"""Reading data sets: one file a format, reader and writer together.

`reading.read_items` is the door. A format is an object that satisfies `Format`, registered under `tithe.formats`, and
is found by its file suffix or by its name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from pathlib import Path
from typing import Protocol, cast

from tithe.errors import ConfigError, UnknownNameError, near
from tithe.registry import find, names, parse


@dataclass(frozen=True, eq=False)
class Table:
    """The content of a file, as columns of cells.

    `lines` has the number of each row in the file, for messages; `unit` is what that number counts. `strings` names
    the columns that hold words rather than numbers or lists.
    """

    columns: Mapping[str, Sequence[object]]
    lines: Sequence[int]
    strings: tuple[str, ...] = ()
    unit: str = "line"
    notes: tuple[str, ...] = ()


class Format(Protocol):
    """How one kind of file is read and written."""

    @property
    def suffixes(self) -> tuple[str, ...]:
        """Lower-case ends of file names, with their dots, the usual one first; also found with `.gz` behind them.

        Where several formats fit a name, the longest end tells: `votes.crowd.csv`.
        """

    def read(self, path: Path, *, header: bool, columns: Sequence[str] | None) -> Table:
        """All rows of a file.

        `header` and `columns` (the names where there is no header) are for formats that do not name their own
        columns; the others ignore them. Raises DataError for all that is wrong with the file.
        """

    def write(self, path: Path, table: Table) -> tuple[str, ...]:
        """Writes a file in whole or not at all; notes in words on what it could not express."""


def format_for(path: Path, format: str | None = None) -> Format:
    """The format of a name, or else of a file's suffix; `hf:NAME` is a data set of Hugging Face.

    A name may carry settings, which replace fields of the format: `conll(token=1)`, `xlsx(sheet='B')`.

    Raises:
        UnknownNameError: no format has this name or suffix; the message lists them all.
        ConfigError: the format has no such setting.

    >>> format_for(Path("tweets.CSV.gz")).suffixes
    ('.csv',)
    """
    if format is None and str(path).startswith("hf:"):
        format = "huggingface"
    if format is not None:
        name, settings = parse(format)
        chosen = cast(Format, find("formats", name))
        return _with_settings(chosen, name, settings) if settings else chosen
    ending = path.name.lower().removesuffix(".gz")
    known: dict[str, Format] = {}
    for name in names("formats"):
        try:
            candidate = cast(Format, find("formats", name))
        except ConfigError:
            continue  # a plugin that cannot be loaded must not keep other files from being read
        known = dict.fromkeys(candidate.suffixes, candidate) | known
    if found := [suffix for suffix in known if ending.endswith(suffix)]:
        return known[max(found, key=len)]
    raise UnknownNameError(
        f"cannot tell the format of {path} from its suffix {path.suffix or '(none)'!r}; "
        f"known are {', '.join(sorted(known))}; else name one of the formats: {', '.join(names('formats'))}"
    )


def _with_settings(chosen: Format, name: str, settings: Mapping[str, object]) -> Format:
    known: list[str] = [field.name for field in fields(chosen)] if is_dataclass(chosen) else []
    if unknown := sorted(set(settings) - set(known)):
        raise ConfigError(f"the format {name!r} has no setting {unknown[0]!r}; {near(unknown[0], known)}")
    return replace(chosen, **settings)  # type: ignore[type-var]  # a dataclass: it has fields


def write_rows(
    path: str | Path, columns: Mapping[str, Sequence[object]], *, format: str | None = None
) -> tuple[str, ...]:
    """Writes columns of equal length to a file, in the format of its suffix or in the one named.

    Notes in words on what the file does not hold as it was.
    """
    path = Path(path)
    count = len(next(iter(columns.values()), ()))
    return format_for(path, format).write(path, Table(columns, range(1, count + 1)))


def string_columns(columns: Mapping[str, Sequence[object]], *, sample: int = 1000) -> tuple[str, ...]:
    """The names of the columns that hold words: some cell of the first few is a string that is not a number.

    >>> string_columns({"sentence": ["1", "two"], "score": ["1", "2.5"], "tags": [["a"], []]})
    ('sentence',)
    """
    return tuple(name for name, cells in columns.items() if any(map(_is_word, cells[:sample])))


def _is_word(cell: object) -> bool:
    if not isinstance(cell, str) or not cell or cell.isspace():
        return False
    try:
        float(cell)
    except ValueError:
        return True
    return False
