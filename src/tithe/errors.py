"""Every error that tithe raises on purpose, as one tree.

    TitheError
    ├── DataError (ValueError)           a file or an array that cannot be read as what it claims to be
    │   ├── ColumnError (KeyError)       a named column is not there
    │   └── LeakError                    test rows inside the training file, where that was forbidden
    ├── LabelError (ValueError)          a label that the task does not have, or a task with too few labels
    ├── ConfigError (ValueError)         options that contradict each other or the data
    │   ├── BudgetError                  a budget that the pool cannot meet
    │   ├── UnknownNameError (KeyError)  no such strategy, trainer, start, ...; lists what is near
    │   └── NeedsError                   a strategy needs a view that nothing provides
    ├── UnknownItemError (KeyError)      an id that the pool does not have
    ├── CacheError (OSError)             a stored view or model that is damaged or belongs to other data
    ├── StoreError (OSError)             a database that cannot be opened, read or written
    │   └── LockedError                  another process has the project open
    ├── ConflictError (ValueError)       a change that another change came before: a taken position, key or name
    ├── MissingExtraError (ImportError)  an optional dependency is absent; says what to install
    ├── TrainingError (RuntimeError)     a fit that broke off: a loss that is no number, or too little memory
    └── JobError (RuntimeError)          a job of an engine failed; carries the job's own traceback

A message says what is wrong, what was given and what to do. Each error is also an instance of the standard error
named in brackets, so callers who do not know tithe still catch it.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class TitheError(Exception):
    """The root of all errors that tithe raises on purpose."""

    def __str__(self) -> str:
        # KeyError's own __str__ is a repr, which would put quotes around the sentence.
        return str(self.args[0]) if self.args else ""


class DataError(TitheError, ValueError):
    """A file or an array cannot be read as what it claims to be."""


class ColumnError(DataError, KeyError):
    """A named column is not in the file."""


class LeakError(DataError):
    """Test rows stand in the training file, where that was forbidden."""


class LabelError(TitheError, ValueError):
    """A label does not belong to the task, or the task has too few labels."""


class ConfigError(TitheError, ValueError):
    """Options contradict each other or do not fit the data."""


class BudgetError(ConfigError):
    """A budget asks for more than the pool holds."""


class UnknownNameError(ConfigError, KeyError):
    """Nothing is registered under this name."""


class NeedsError(ConfigError):
    """A strategy needs a view that no start or trainer of the recipe provides."""


class UnknownItemError(TitheError, KeyError):
    """An id is not in the pool."""


class CacheError(TitheError, OSError):
    """A stored view or model is damaged or belongs to other data."""


class StoreError(TitheError, OSError):
    """A database cannot be opened, read or written."""


class LockedError(StoreError):
    """Another process has the project open."""


class ConflictError(TitheError, ValueError):
    """Another change came before this one: the position, the key or the name is taken."""


class MissingExtraError(TitheError, ImportError):
    """An optional dependency is not installed."""


class TrainingError(TitheError, RuntimeError):
    """A fit broke off: its loss is no number, or the memory is too small for it."""


class JobError(TitheError, RuntimeError):
    """A job of an engine failed; the message holds the job's own traceback."""


def near(name: str, known: Iterable[str], *, most: int = 3) -> str:
    """A clause that names what the writer of `name` may have meant.

    >>> near("margn", ["margin", "random"])
    "did you mean 'margin'?"
    >>> near("zzz", ["margin", "random"])
    'there are: margin, random'
    """
    known = sorted(known)
    return meant(name, known, most=most) or "there are: " + (", ".join(known) if known else "none")


def meant(name: str, known: Iterable[str], *, most: int = 3) -> str:
    """A question that names what the writer of `name` may have meant; empty where nothing is near.

    >>> meant("margn", ["margin", "random"]), meant("zzz", ["margin", "random"])
    ("did you mean 'margin'?", '')
    """
    close = difflib.get_close_matches(name, sorted(known), n=most, cutoff=0.6)
    return "did you mean " + " or ".join(map(repr, close)) + "?" if close else ""
