"""What failed in the background, the newest first, and what works in spite of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from fastapi import Request

from tithe.service.pages import Page
from tithe.service.showing import when

if TYPE_CHECKING:
    from tithe.service.live import Live


def more(live: Live, request: Request) -> Mapping[str, Any]:
    """The troubles, and sentences on what goes on."""
    found = sorted(live.troubles(), key=lambda one: -one["at"])
    return {"troubles": [_shown(one) for one in found], "still": still_works(live.status())}


def still_works(status: Mapping[str, Any]) -> list[str]:
    """What a person can go on doing, in sentences.

    >>> still_works({"model": None, "slow": None})[1]
    'No model has been fitted yet, so there are no suggestions; items are asked as the first strategy says.'
    """
    model, slow = status["model"], status["slow"]
    served = (
        f"The model of {model['labels']:,} labels (version {model['version']}) goes on suggesting."
        if model
        else "No model has been fitted yet, so there are no suggestions; items are asked as the first strategy says."
    )
    return [
        "Labelling: every answer is saved, as ever.",
        served,
        "The next training is tried after the next answers.",
        *(
            ["A slow model that failed is tried again at a quarter more labels, or with other settings."]
            if slow and slow["state"] == "waiting"
            else []
        ),
        "Search, history and export need no training at all.",
    ]


def _shown(one: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "what": one["what"],
        "when": when(one["at"]),
        "error": one["error"].strip().splitlines()[0] if one["error"].strip() else "It gave no reason.",
        "traceback": one["traceback"] or one["error"],
    }


page = Page("trouble", "Trouble", 90, more)
