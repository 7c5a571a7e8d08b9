"""Items searched and filtered; each opens for labelling."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, get_args
from urllib.parse import urlencode

from fastapi import Request

from tithe.errors import ConfigError, TitheError, near
from tithe.experiment.summary.words import score_percent
from tithe.service.pages import Page
from tithe.service.search import Order, Query, State
from tithe.service.showing import colour_of, names_of, shortened, stretches

if TYPE_CHECKING:
    from tithe.service.live import Live

STATES = (
    ("", "any"),
    ("open", "not answered"),
    ("labelled", "labelled"),
    ("skipped", "skipped or rejected"),
    ("flagged", "flagged"),
    ("audit", "audit items"),
)
ORDERS = (("file", "as in the file"), ("confidence", "least sure first"))
_WORDS = dict(STATES)
_PER_PAGE = 50
_FIELDS = ("text", "label", "state", "from", "to", "order")


def more(live: Live, request: Request) -> Mapping[str, Any]:
    """The items that fit the query of the address, or why it cannot be met."""
    given = request.query_params
    filters = {name: given.get(name, "").strip() for name in _FIELDS}
    project = live.info()
    said: dict[str, Any] = {
        "filters": filters,
        "filtered": any(filters[name] for name in _FIELDS if name != "order"),
        "needs_model": bool(filters["from"] or filters["to"]),
        "states": STATES,
        "orders": ORDERS,
        "colours": {name: colour_of(name, project["labels"]) for name in project["labels"]},
        "found": None,
        "refused": None,
    }
    try:
        said["found"] = _found(live, project, filters, given.get("after", "0"))
    except TitheError as error:
        said["refused"] = str(error)
    return said


def _found(live: Live, project: Mapping[str, Any], filters: Mapping[str, str], after: str) -> dict[str, Any]:
    if not after.isdecimal():
        raise ConfigError(f"a page begins after a number of items; given {after!r}")
    skipped = int(after)
    state = _one_of(State, filters["state"], "state")
    if filters["label"] and state is None and live.status()["model"] is None:
        state = "labelled"  # nobody has guessed a label of the others yet
    query = Query(
        text=filters["text"],
        label=filters["label"] or None,
        state=state,
        above=_share(filters["from"], "at least"),
        below=_share(filters["to"], "below"),
        order=_one_of(Order, filters["order"], "order") or "file",
    )
    page = live.items(query, after=skipped, limit=_PER_PAGE)
    kept = {name: value for name, value in filters.items() if value}

    def to(place: int) -> str:
        return "items?" + urlencode({**kept, "after": place})

    rows = [_row(one, project) for one in page["items"]]
    count = page["count"]
    here = f"{skipped + 1:,} to {skipped + len(rows):,} of " if rows and count > len(rows) else ""
    return {
        "rows": rows,
        "first": skipped + 1,
        "guessed": any(row["guess"] for row in rows),
        "sentence": f"{here}{count:,} item{'' if count == 1 else 's'}",
        "before": to(max(skipped - _PER_PAGE, 0)) if skipped else None,
        "next": to(skipped + _PER_PAGE) if page["more"] else None,
    }


def _row(one: Mapping[str, Any], project: Mapping[str, Any]) -> dict[str, Any]:
    suggestion, label = one["suggestion"], one["label"]
    text = shortened(one["text"])
    spans = label if project["task"] == "spans" and label else None
    return {
        "id": one["id"],
        "text": text,
        # Spans behind the cut are left out by `stretches`: they begin where the text ends.
        "pieces": stretches(text, spans, project["labels"]) if spans else None,
        "state": one["state"],
        "state_words": _WORDS[one["state"]],
        "flagged": one["flagged"],
        "names": None if label is None or spans else names_of(label),  # spans stand in the text
        "guess": names_of(suggestion["label"]) if suggestion and label is None else None,
        "confidence": suggestion["confidence"] if suggestion else None,
        "confidence_words": score_percent(suggestion["confidence"]) if suggestion else None,
    }


def _one_of(kind: Any, said: str, what: str) -> Any:
    """One of the values of a Literal, or None where none was said. Raises ConfigError for any other."""
    if said and said not in get_args(kind):
        raise ConfigError(f"there is no {what} {said!r}; {near(said, get_args(kind))}")
    return said or None


def _share(percent: str, which: str) -> float | None:
    """A share from what stands in a field for per cent. Raises ConfigError for anything but a number from 0 to 100."""
    if not percent:
        return None
    try:
        share = float(percent) / 100
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        raise ConfigError(f"the confidence {which} is a number from 0 to 100; given {percent!r}")
    return share


page = Page("items", "Items", 30, more)
