"""The labelling itself: next items, answers, undo, history, leases."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Header, Path, Query

from tithe.errors import ConflictError, LabelError
from tithe.log import Answered
from tithe.service import words
from tithe.service.api.bodies import (
    AnnotationIn,
    AnnotationOut,
    HistoryOut,
    ItemId,
    LeaseOut,
    LeasesIn,
    NextOut,
    ReleaseIn,
)
from tithe.service.problems import Refused
from tithe.service.state import Here, Who

router = APIRouter(prefix="/projects/{project}", tags=["labelling"])

Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=200,
        description="Sent again with the same body it gets the same answer; with another body it is refused (422).",
    ),
]


Number = Annotated[int, Path(ge=1, lt=2**31, description="The number of an annotation.")]  # what a database can hold


@router.get("/next", summary="Items to label now", response_model=NextOut)
def next_items(
    live: Here,
    who: Who,
    n: Annotated[int, Query(ge=1, le=100, description="How many.")] = 1,
    item: Annotated[ItemId | None, Query(description="This one, from the history or a search.")] = None,
) -> Any:
    """Items that nobody else is shown until their leases end. An empty list says why."""
    return live.next(who, n, item=item)


@router.post("/annotations", status_code=201, summary="Answer an item", response_model=AnnotationOut)
def annotate(live: Here, who: Who, body: AnnotationIn, key: Key = None) -> Any:
    """The answer is on the disk when this returns. It is kept also where the lease has ended."""
    if body.action != "label" and body.label is not None:
        raise LabelError(f"an answer with the action {body.action!r} has no label; leave the label out")
    said = body.model_dump(include={"label"})["label"]  # spans as plain JSON, which `form_in` takes
    answer = Answered(
        body.item,
        None if said is None else words.form_in(live.desk.task(live.desk.snapshot()), said),
        annotator=who,
        action=body.action,
        replaces=body.replaces,
        seconds=body.lead_s,
        flagged=body.flagged,
        comment=body.comment,
        proposal=body.proposal,
    )
    try:
        return {"annotation": live.submit(answer, key)}
    except ConflictError as error:  # the key came with another body before: it is this request that is wrong
        raise Refused(422, str(error), kind="key-used-before") from None


@router.post("/annotations/{number}/undo", status_code=201, summary="Take an answer back", response_model=AnnotationOut)
def undo(live: Here, who: Who, number: Number, key: Key = None) -> Any:
    """By a further event: the answer before it stands again, or none."""
    return {"annotation": live.undo(number, who, key)}


@router.get("/annotations", summary="Your own answers, the newest first", response_model=list[HistoryOut])
def history(live: Here, who: Who, limit: Annotated[int, Query(ge=1, le=1_000)] = 50) -> Any:
    """With those that were replaced or taken back."""
    return live.history(who, limit)


@router.post("/leases", summary="Keep items for longer", response_model=list[LeaseOut])
def renew(live: Here, who: Who, body: LeasesIn) -> Any:
    """Those of them that are still yours, or yours again: a lease that is over comes back while the item is free."""
    return live.renew(who, body.items)


@router.post("/leases/release", status_code=204, summary="Give items back")
def release(live: Here, who: Who, body: ReleaseIn) -> None:
    """So that others may be shown them."""
    live.release(who, body.items)
