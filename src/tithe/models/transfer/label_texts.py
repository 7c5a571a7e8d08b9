"""What the labels' names say: names made plain, descriptions, and the sentences that they stand in."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path

from tithe.errors import ConfigError, near

TEMPLATES = ("{}", "This text is about {}.", "An example of {}.")
"""Sentences that a name stands in; what is said of a label is the mean over them."""

_PARTS = re.compile(r"[_\-./:\s]+")


def plain(labels: Sequence[str]) -> list[str]:
    """Names as words: a first part that all share is left out, and what parts words becomes a space.

    >>> plain(["atis_flight", "atis_ground_service"]), plain(["sport", "world-news"])
    (['flight', 'ground service'], ['sport', 'world news'])
    """
    parts = [[part for part in _PARTS.split(label) if part] or [label] for label in labels]
    while len(parts) > 1 and all(len(one) > 1 for one in parts) and len({one[0] for one in parts}) == 1:
        parts = [one[1:] for one in parts]
    return [" ".join(one) for one in parts]


def descriptions_in(given: Mapping[str, str] | str | None, labels: Sequence[str]) -> dict[str, str]:
    """Descriptions by label, from a mapping or from a JSON or TOML file that holds one.

    Raises ConfigError where the file cannot be read, or a description is of no label or no text.
    """
    said: object = given or {}
    if isinstance(said, str):
        path = Path(said)
        try:
            text = path.read_text("utf-8")
            said = tomllib.loads(text) if path.suffix == ".toml" else json.loads(text)
        except (OSError, ValueError) as error:
            raise ConfigError(
                f"cannot read the descriptions in {path}: {error}; give a JSON or TOML file of label: description"
            ) from None
    if not isinstance(said, Mapping):
        raise ConfigError(f"descriptions are a mapping of label: description; given a {type(said).__name__}")
    for label, text in said.items():
        if label not in labels:
            raise ConfigError(f"there is a description of {label!r}, which is no label; {near(str(label), labels)}")
        if not isinstance(text, str) or not text.strip():
            raise ConfigError(f"the description of {label!r} must be a text; given {text!r}")
    return {str(label): str(text).strip() for label, text in said.items()}


def texts_of(labels: Sequence[str], descriptions: Mapping[str, str]) -> list[str]:
    """What stands for each label: its description, else its plain name."""
    return [descriptions.get(label, name) for label, name in zip(labels, plain(labels), strict=True)]
