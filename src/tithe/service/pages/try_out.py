"""Try out: texts in, labels with confidence out, and the call of the API that says the same."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from tithe.errors import ConfigError
from tithe.experiment.summary.words import score_percent
from tithe.service.pages import Page, render
from tithe.service.showing import colour_of, names_of, stretches
from tithe.service.state import Here

if TYPE_CHECKING:
    from tithe.service.live import Live

MOST_TEXTS = 1_000
MOST_CHARACTERS = 100_000
_SHOWN = 5  # labels with their scores; the rest stands folded

router = APIRouter()


class Asked(BaseModel):
    """What the form sends."""

    text: str = Field(max_length=MOST_CHARACTERS)
    lines: bool = True
    model: int | None = None
    labels: list[str] | None = None


def more(live: Live, request: Request) -> Mapping[str, Any]:
    """The models that can be asked, and the colours of labels."""
    labels = live.info()["labels"]
    return {
        "models": live.models(),
        "colours": {name: colour_of(name, labels) for name in labels},
        "most_characters": MOST_CHARACTERS,
    }


@router.post("/try/answer")
def answer(live: Here, request: Request, asked: Asked) -> dict[str, str]:
    """What the model says, as a part of the page."""
    project = live.info()
    texts = texts_in(asked.text, lines=asked.lines)
    found = live.predict(texts, asked.model, asked.labels)
    body = {"texts": texts, "model": asked.model, "labels": asked.labels}
    drawn = render(
        "try-answer.html",
        version=found["model"],
        answers=[_shown(text, one, project) for text, one in zip(texts, found["predictions"], strict=True)],
        colours={name: colour_of(name, project["labels"]) for name in project["labels"]},
        curl=curl(f"{request.base_url}api/v1/projects/{project['id']}/predict", body),
    )
    return {"html": bytes(drawn.body).decode()}


def texts_in(text: str, *, lines: bool) -> list[str]:
    """The texts that were typed: each line that is not blank, or the whole.

    Raises ConfigError where there is none, or more than `MOST_TEXTS`.

    >>> texts_in("one\\n\\n two ", lines=True), texts_in("one\\ntwo", lines=False)
    (['one', 'two'], ['one\\ntwo'])
    """
    found = [part for one in (text.splitlines() if lines else [text]) if (part := one.strip())]
    if not found:
        raise ConfigError("there is no text to judge; type one")
    if len(found) > MOST_TEXTS:
        raise ConfigError(f"at most {MOST_TEXTS:,} lines at once; given {len(found):,}: use the API for more")
    return found


def curl(url: str, body: Mapping[str, Any]) -> str:
    """The call of the API as a command of a POSIX shell; what is left at its default is left out.

    >>> print(curl("http://localhost/predict", {"texts": ["it's"], "model": None}))
    curl -H "Authorization: Bearer $TITHE_TOKEN" -H 'Content-Type: application/json' \\
      -d '{"texts": ["it'"'"'s"]}' \\
      http://localhost/predict
    """
    data = json.dumps({key: value for key, value in body.items() if value is not None}, ensure_ascii=False)
    parts = [
        """curl -H "Authorization: Bearer $TITHE_TOKEN" -H 'Content-Type: application/json'""",
        f"-d {shlex.quote(data)}",
        shlex.quote(url),
    ]
    return " \\\n  ".join(parts)


def _shown(text: str, said: Mapping[str, Any], project: Mapping[str, Any]) -> dict[str, Any]:
    """One text with what was predicted of it."""
    is_spans = project["task"] == "spans"
    of_set = " of exactly these" if project["task"] == "multilabel" and said["label"] else ""
    spans: Sequence[Mapping[str, Any]] = said.get("spans") or []
    scores = sorted((said.get("scores") or {}).items(), key=lambda one: -one[1])
    rows = [{"label": name, "share": share, "words": score_percent(share)} for name, share in scores]
    return {
        "text": text,
        "pieces": stretches(text, spans, project["labels"]) if is_spans else None,
        "spans": [
            {
                "label": one["label"],
                "text": text[one["start"] : one["end"]],
                "confidence": one["confidence"],
                "words": score_percent(one["confidence"]),
            }
            for one in spans
        ]
        if is_spans
        else None,
        "names": names_of(said["label"]),
        "words": f"{score_percent(said['confidence'])} sure{of_set}",
        "scores": rows[:_SHOWN],
        "rest": rows[_SHOWN:],
    }


page = Page("try", "Try out", 40, more)
