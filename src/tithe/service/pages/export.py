"""The way out: the answers, or all items labelled, in any format; what a format leaves out is said first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from fastapi import Request

from tithe import registry
from tithe.errors import TitheError
from tithe.service.pages import Page

if TYPE_CHECKING:
    from tithe.service.live import Live

# The name that people know, and whose format it is. What it cannot express is said by the file that was made.
_FORMATS = {
    "csv": ("CSV", "for spreadsheets; cells that a spreadsheet would run are made harmless"),
    "jsonl": ("JSON lines", "a row an answer, for scripts; tithe reads it again"),
    "parquet": ("Parquet", "typed columns, small and fast"),
    "tsv": ("TSV", "as CSV, with tabs"),
    "xlsx": ("Excel", "needs tithe[xlsx]"),
    "conll": ("CoNLL", "a token a line with its tag, for spans"),
    "label-studio": ("Label Studio", "JSON of tasks with annotations, and predictions apart"),
    "doccano": ("doccano", "JSON lines as doccano imports them"),
    "prodigy": ("Prodigy", "JSON lines as Prodigy keeps them"),
    "crowd": ("Crowd table", "task, worker, label: for crowd-kit and other judges of annotators"),
}
_ONLY: dict[str, tuple[str, ...]] = {"conll": ("spans",), "txt": ()}  # a text file holds no labels


def more(live: Live, request: Request) -> Mapping[str, Any]:
    """The formats, and how much there is to export."""
    status, task = live.status(), live.info()["task"]
    count = status["labelled"] + status["skipped"]
    return {
        "formats": formats(task),
        "has_model": status["model"] is not None,
        "answered": f"{count:,} of {status['items']:,} items are answered."
        if count
        else "Nothing is answered yet; the file will have no rows, or, with the model, no labels.",
    }


def formats(task: str) -> list[dict[str, str]]:
    """The formats that can be written for a task, known ones first; plugins stand behind, by name.

    >>> [one["name"] for one in formats("choice")][:2], "conll" in [one["name"] for one in formats("choice")]
    (['csv', 'jsonl'], False)
    """
    there = [name for name in registry.names("formats") if _can_write(name) and task in _ONLY.get(name, (task,))]
    known = [name for name in _FORMATS if name in there]
    others = [name for name in there if name not in _FORMATS]
    return [
        {"name": name, "title": _FORMATS.get(name, (name, ""))[0], "what": _FORMATS.get(name, (name, ""))[1]}
        for name in [*known, *others]
    ]


def _can_write(name: str) -> bool:
    """Whether a format is a file: data sets of Hugging Face are folders or names."""
    try:
        return bool(registry.find("formats", name).suffixes)
    except TitheError:
        return False  # `tithe plugins` says what is wrong with it


page = Page("export", "Export", 60, more)
