"""The settings of a project, its labels and guidelines, and new data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request
from pydantic import BaseModel

from tithe.service import choices, guidelines
from tithe.service.pages import Page
from tithe.service.showing import colour_of

if TYPE_CHECKING:
    from tithe.service.live import Live

SUFFIXES = (".csv", ".tsv", ".jsonl", ".parquet", ".txt")
_SHARES = ("threshold", "diversity", "audit")
_NUMBERS = ("budget", "refit_every", "per_label_s")

router = APIRouter()


class Draft(BaseModel):
    """Guidelines that are not saved yet."""

    guidelines: str


def more(live: Live, request: Request) -> Mapping[str, Any]:
    """The settings as they stand, and what they can be chosen from."""
    project, settings = live.info(), live.settings()
    labels, task = project["labels"], project["task"]
    shares = {name: f"{100 * settings[name]:.6g}" for name in _SHARES}
    numbers = {name: "" if settings[name] is None else str(settings[name]) for name in _NUMBERS}
    return {
        "settings": {**settings, "keys": {name: settings["keys"].get(name, "") for name in labels}},
        "shown": shares | numbers,
        "strategies": choices.strategies(task),
        "first_strategies": choices.first_strategies(task),
        "trainers": choices.trainers(),
        "slow_trainers": choices.slow_trainers(),
        "starts": choices.starts(),
        "colours": {name: colour_of(name, labels) for name in labels},
        "longest": guidelines.LONGEST,
        "suffixes": SUFFIXES,
    }


@router.post("/settings/preview")
def preview(draft: Draft) -> dict[str, str]:
    """Guidelines as they will be shown."""
    return {"html": guidelines.render(draft.guidelines)}


page = Page("settings", "Settings", 70, more)
