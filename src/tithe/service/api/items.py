"""Items: searched, shown one by one, and new ones from a file."""

from __future__ import annotations

from functools import partial
from pathlib import Path as FilePath
from tempfile import TemporaryDirectory
from typing import Annotated, Any

from anyio.to_thread import run_sync
from fastapi import APIRouter, Path, Request
from fastapi import Query as In
from fastapi.responses import JSONResponse

from tithe.service.api.bodies import AddedOut, FoundOut, FoundPage, ItemId, SimilarOut
from tithe.service.api.uploads import TYPES, Columns, Format, added, format_of, stored
from tithe.service.search import Order, Query, State
from tithe.service.state import Here

router = APIRouter(prefix="/projects/{project}/items", tags=["items"])

Share = Annotated[float | None, In(ge=0, le=1)]
Column = Annotated[str | None, In(max_length=200, description="The column with it; by default found by its name.")]
Which = Annotated[ItemId, Path(description="The item's id; %2F for a slash in it.")]


@router.get("", summary="Search and filter", response_model=FoundPage)
def items(
    live: Here,
    *,
    text: Annotated[str, In(max_length=1_000, description="What its text holds, in any case.")] = "",
    label: Annotated[str | None, In(max_length=200, description="Its label, or one of them.")] = None,
    state: Annotated[State | None, In(description="What has become of it.")] = None,
    below: Annotated[Share, In(description="The model's confidence is below this.")] = None,
    above: Annotated[Share, In(description="The model's confidence is above this.")] = None,
    order: Annotated[Order, In(description="As in the file, or unsure ones first.")] = "file",
    after: Annotated[int, In(ge=0, le=10**9, description="How many to pass over.")] = 0,
    limit: Annotated[int, In(ge=1, le=500)] = 50,
) -> Any:
    """Filters are joined by "and". They are plain values, never a language."""
    return live.items(Query(text, label, state, below, above, order), after=after, limit=limit)


@router.post(
    "",
    status_code=201,
    summary="Add the items of a file",
    response_model=AddedOut,
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {kind: {"schema": {"type": "string", "format": "binary"}} for kind in TYPES},
        }
    },
)
async def add(
    request: Request,
    live: Here,
    *,
    format: Annotated[Format | None, In(description="Where the Content-Type does not tell.")] = None,
    text: Column = None,
    id: Column = None,
) -> Any:
    """The body is the file itself: all of its items are added, or none."""
    chosen = format_of(request.headers.get("content-type", ""), format)
    with TemporaryDirectory(prefix="tithe-") as folder:
        path = FilePath(folder) / f"body.{chosen}"
        await stored(request, path)
        return await run_sync(partial(added, live, path, Columns(text, id)))


@router.get("/{id:path}/similar", summary="Items that say nearly the same", response_model=list[SimilarOut])
def similar(
    request: Request,
    live: Here,
    id: Which,
    n: Annotated[int, In(ge=1, le=100)] = 10,
    at_least: Annotated[float, In(ge=0, le=1, description="1 is the same.")] = 0.9,
) -> Any:
    """By their embeddings, the nearest first; none while they are not ready."""
    if not request.scope["raw_path"].endswith(b"/similar"):  # "a%2Fsimilar": an id that ends like this
        return JSONResponse(live.item(f"{id}/similar"))
    return live.similar(id, n, at_least)


@router.get("/{id:path}", summary="One item and its answers", response_model=FoundOut)
def item(live: Here, id: Which) -> Any:
    """With what everybody said of it."""
    return live.item(id)
