"""Finds strategies, starts, trainers and the rest by name, through entry points, as strangers' plugins are found.

A name may carry settings: `power_bald(beta=2)`. They are passed to the factory as keyword arguments. Where the factory
takes a positional-only argument, its value comes first and without a key: `sklearn(LinearSVC, C=2)`.
"""

from __future__ import annotations

import ast
import re
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from inspect import Parameter, signature
from typing import Any, Literal, NamedTuple

from tithe.errors import ConfigError, UnknownNameError, near

Kind = Literal["strategies", "starts", "trainers", "formats", "stores", "engines", "stops", "tasks", "people"]

_KINDS: dict[str, tuple[type, ...]] = {"int": (int,), "float": (int, float), "str": (str,), "bool": (bool,)}
_SPEC = re.compile(r"^(?P<name>[^()]+?)\s*(?:\((?P<settings>.*)\))?$", re.DOTALL)


@cache
def _points(kind: Kind) -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=f"tithe.{kind}")}


def names(kind: Kind) -> tuple[str, ...]:
    """All names registered for a kind, sorted.

    >>> "margin" in names("strategies")
    True
    """
    return tuple(sorted(_points(kind)))


def origin(kind: Kind, name: str) -> str:
    """Where a name comes from: `distribution version`, for `tithe plugins`."""
    dist = _point(kind, name).dist
    return f"{dist.name} {dist.version}" if dist else "unknown"


def split_list(text: str) -> list[str]:
    """Splits at commas outside brackets.

    >>> split_list("random, mix(auto=0.9, random=0.1),margin")
    ['random', 'mix(auto=0.9, random=0.1)', 'margin']
    """
    parts, depth, current = [], 0, ""
    for char in text:
        depth += (char in "([{") - (char in ")]}")
        if char == "," and depth == 0:
            parts.append(current.strip())
            current = ""
        else:
            current += char
    parts.append(current.strip())
    return [part for part in parts if part]


class _Spec(NamedTuple):
    name: str
    first: tuple[str, ...]
    settings: dict[str, Any]


def parse(spec: str) -> tuple[str, dict[str, Any]]:
    """The name and the settings of a spec.

    >>> parse("stabilising(kappa=0.99, window=3)")
    ('stabilising', {'kappa': 0.99, 'window': 3})
    """
    name, first, settings = _read(spec)
    if first:
        raise ConfigError(f"cannot read the setting {first[0]!r} in {spec!r}: write key=value")
    return name, settings


def name_of(spec: str) -> str:
    """The name in a spec, whatever settings it carries.

    >>> name_of("sklearn(LinearSVC, C=2)")
    'sklearn'
    """
    return _read(spec).name


def _read(spec: str) -> _Spec:
    match = _SPEC.match(spec.strip())
    if match is None:
        raise ConfigError(f"cannot read {spec!r}: write a name, or a name with settings such as name(key=1)")
    parts = split_list(match["settings"] or "")
    first = tuple(part for part in parts[:1] if all(word.isidentifier() for word in part.split(".")))
    settings: dict[str, Any] = {}
    for part in parts[len(first) :]:
        key, equals, value = part.partition("=")
        if not equals or not key.strip().isidentifier():
            raise ConfigError(f"cannot read the setting {part!r} in {spec!r}: write key=value")
        if key.strip() in settings:
            raise ConfigError(f"the setting {key.strip()!r} stands twice in {spec!r}; give it once")
        try:
            settings[key.strip()] = ast.literal_eval(value.strip())
        except (ValueError, SyntaxError):
            settings[key.strip()] = value.strip()  # a bare word is a string
    return _Spec(match["name"].strip(), first, settings)


def find(kind: Kind, name: str) -> Any:
    """The factory registered under a name.

    Raises:
        UnknownNameError: nothing has this name; the message lists near misses.
    """
    return _point(kind, name).load()


def _point(kind: Kind, name: str) -> EntryPoint:
    points = _points(kind)
    if name not in points:
        noun = {"strategies": "strategy", "people": "kind of person"}.get(kind, kind.removesuffix("s"))
        raise UnknownNameError(f"unknown {noun} {name!r}; {near(name, points)}")
    return points[name]


def build(kind: Kind, spec: str, **given: Any) -> Any:
    """What a spec describes: the factory of its name, called with its settings and `given`.

    Raises:
        UnknownNameError: nothing has this name.
        ConfigError: the settings do not fit the factory.
    """
    name, first, settings = _read(spec)
    factory = find(kind, name)
    takes = signature(factory).parameters
    if first and not any(one.kind is Parameter.POSITIONAL_ONLY for one in takes.values()):
        parse(spec)  # says how to write it
    try:
        signature(factory).bind(*first, **given, **settings)
    except TypeError as error:
        raise ConfigError(f"the settings of {spec!r} do not fit: {error}; it takes {signature(factory)}") from None
    for key, value in settings.items():
        wanted = str(takes[key].annotation) if key in takes else ""
        if wanted in _KINDS and not (
            isinstance(value, _KINDS[wanted]) and isinstance(value, bool) == (wanted == "bool")
        ):
            raise ConfigError(f"{key} of {spec!r} must be {wanted}; given {value!r}")
    return factory(*first, **given, **settings)
