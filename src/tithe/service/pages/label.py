"""The labelling page: one item, its labels, and what the project asks of who labels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from fastapi import Request

from tithe.service import guidelines
from tithe.service.pages import Page

if TYPE_CHECKING:
    from tithe.service.live import Live


def more(live: Live, request: Request) -> Mapping[str, Any]:
    """The guidelines as HTML; all else the page asks of the API."""
    return {"guidelines": guidelines.render(live.settings()["guidelines"], below=1)}


page = Page("label", "Label", 10, more)
