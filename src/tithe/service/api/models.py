"""The model: what it says of texts, its versions, and how good it is."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query

from tithe.service.api.bodies import ComparedOut, ModelOut, PredictIn, PredictOut
from tithe.service.state import Here

router = APIRouter(prefix="/projects/{project}", tags=["model"])

Version = Annotated[int, Query(ge=0, description="A version of the model.")]


@router.post("/predict", summary="What the model says of texts", response_model=PredictOut)
def predict(live: Here, body: PredictIn) -> Any:
    """Labels with calibrated confidence. At most 1,000 texts at a time."""
    return live.predict(body.texts, body.model, body.labels)


@router.get("/models", summary="All versions of the model", response_model=list[ModelOut])
def versions(live: Here) -> Any:
    """With their scores, and which of them serves."""
    return live.models()


@router.get("/models/compare", summary="Two versions on the same items", response_model=ComparedOut)
def compare(live: Here, a: Version, b: Version) -> Any:
    """On the audit items, with a paired test."""
    return live.compare(a, b)


@router.post("/models/{version}/serve", status_code=204, summary="Use this version from now on")
def serve(live: Here, version: Annotated[int | Literal["latest"], Path(description="A version, or `latest`.")]) -> None:
    """A fixed version stays until another one is chosen; `latest` follows the training."""
    live.serve(None if version == "latest" else version)


@router.get("/progress", summary="How good is it, and can I stop?")
def progress(live: Here) -> dict[str, Any]:
    """The estimate on audit items with its interval, the learning curve, the gain to expect, and advice in words."""
    return live.progress()
