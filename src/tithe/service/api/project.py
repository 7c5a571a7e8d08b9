"""The project itself: what it is, what it does now, its settings and labels, and its way out."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import FileResponse, StreamingResponse
from starlette.background import BackgroundTask

from tithe.data import format_for
from tithe.errors import ConfigError, UnknownNameError
from tithe.service.api.bodies import LabelsIn, ProjectIn, ProjectOut, StatusOut, TroubleLong
from tithe.service.state import Here, house_of, updates_of

router = APIRouter(prefix="/projects", tags=["project"])


@router.get("", summary="All projects of this server", response_model=list[ProjectOut])
def projects(request: Request) -> Any:
    """The oldest first."""
    return [live.info() for live in house_of(request).all()]


@router.post("", status_code=201, summary="A new project", response_model=ProjectOut)
def create(request: Request, body: ProjectIn) -> Any:
    """Without items; `POST /projects/{project}/items` adds them. Its id is made of its name."""
    return house_of(request).create(body.name, body.task, body.labels, settings=body.settings).info()


@router.get("/{project}", summary="A project", response_model=ProjectOut)
def project(live: Here) -> Any:
    """Its task, labels and settings."""
    return live.info()


@router.get("/{project}/status", summary="What the service does now", response_model=StatusOut)
def status(live: Here) -> Any:
    """How much is labelled, which model serves, and what goes on in the background."""
    return live.status()


@router.get(
    "/{project}/events",
    summary="The status as it changes",
    response_class=StreamingResponse,
    responses={
        200: {"content": {"text/event-stream": {}}, "description": "Events `status`; their data is the status."}
    },
)
async def events(request: Request, live: Here) -> StreamingResponse:
    """Server-sent events: the status now, and again whenever it changes."""
    return StreamingResponse(updates_of(request, live).stream(), media_type="text/event-stream")


@router.get("/{project}/settings", summary="The settings")
def settings(live: Here) -> dict[str, Any]:
    """All of them, with the defaults."""
    return live.settings()


@router.patch("/{project}/settings", summary="Change settings")
def configure(live: Here, changes: dict[str, Any]) -> dict[str, Any]:
    """Those given; the others stay. What does not fit is refused, and nothing is changed."""
    try:
        return live.configure(changes)
    except UnknownNameError as error:  # no path but a value is wrong
        raise ConfigError(str(error)) from None


@router.post("/{project}/labels", summary="Add, rename or merge labels", response_model=ProjectOut)
def labels(live: Here, body: LabelsIn) -> Any:
    """`{"add": "x"}`, or `{"rename": "x", "to": "y"}`: where there is a `y` already, the two become one."""
    adds, renames = body.add is not None, body.rename is not None and body.to is not None
    if adds == renames or (adds and (body.rename or body.to)):
        raise ConfigError('give either {"add": "x"} or {"rename": "x", "to": "y"}')
    if body.add is not None:
        live.declare(body.add)
    elif body.rename is not None and body.to is not None:
        live.rename(body.rename, body.to)
    return live.info()


@router.get("/{project}/troubles", summary="What went wrong in the background", response_model=list[TroubleLong])
def troubles(live: Here) -> Any:
    """With tracebacks. Meanwhile the model from before goes on serving."""
    return live.troubles()


@router.get(
    "/{project}/export",
    summary="The answers, or all items labelled, as a file",
    response_class=FileResponse,
    responses={
        200: {
            "content": {"application/octet-stream": {}},
            "description": "The file. The header Tithe-Notes has a JSON list of what the format could not express.",
        }
    },
)
def export(
    live: Here,
    format: Annotated[str, Query(min_length=1, max_length=100, description="csv, jsonl, ...")] = "jsonl",
    with_predictions: Annotated[bool, Query(description="Every item, the rest labelled by the model.")] = False,
) -> FileResponse:
    """One row an annotation, or with predictions one an item."""
    folder = TemporaryDirectory(prefix="tithe-")
    try:
        into = Path(folder.name) / f"{live.project.id}{_suffix(format)}"
        done = live.export(format, into, with_predictions=with_predictions)
    except BaseException as error:
        folder.cleanup()
        if isinstance(error, UnknownNameError):  # no path but a value is wrong
            raise ConfigError(str(error)) from None
        raise
    return FileResponse(
        done.path,
        media_type="application/octet-stream",
        filename=done.path.name,
        headers={"Tithe-Notes": json.dumps(done.notes)},
        background=BackgroundTask(folder.cleanup),
    )


def _suffix(format: str) -> str:
    """What the name of a file of this format ends in. Raises ConfigError for a format that is no single file."""
    suffixes = format_for(Path(), format).suffixes
    if not suffixes:
        raise ConfigError(f"the format {format!r} is no single file; export it with `tithe export`")
    return suffixes[0]
