"""Finds strategies, starts, trainers and the rest by name, through entry points, as strangers' plugins are found.

A name may carry settings: `power_bald(beta=2)`. They are passed to the factory as keyword arguments. Where the factory
takes a positional-only argument, its value comes first and without a key: `sklearn(LinearSVC, C=2)`.

A name that several packages claim belongs to tithe, if tithe is one of them; else to none of them, and its use is
refused. So no installed package changes what a built-in name means.
"""

from __future__ import annotations

import ast
import re
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from inspect import Parameter, Signature, signature
from typing import Any, Literal, NamedTuple

from tithe.errors import ConfigError, TitheError, UnknownNameError, near

Kind = Literal["strategies", "starts", "trainers", "formats", "stores", "engines", "stops", "tasks", "people", "priors"]

_KINDS: dict[str, tuple[type, ...]] = {
    "int": (int,),
    "float": (int, float),
    "str": (str,),
    "bool": (bool,),
    "None": (type(None),),
}
_SWITCHES = {"true": "True", "false": "False"}
_SPEC = re.compile(r"^(?P<name>[^()]+?)\s*(?:\((?P<settings>.*)\))?$", re.DOTALL)


_OURS = "tithe"


@cache
def _claims(kind: Kind) -> dict[str, tuple[EntryPoint, ...]]:
    """Who claims each name, one entry point for each package: ours first, then by the packages' names."""
    found: dict[str, dict[str, EntryPoint]] = {}
    for point in entry_points(group=f"tithe.{kind}"):
        found.setdefault(point.name, {}).setdefault(_package(point), point)
    return {name: tuple(sorted(of.values(), key=_order)) for name, of in found.items()}


def _package(point: EntryPoint) -> str:
    return point.dist.name if point.dist else "unknown"


def _order(point: EntryPoint) -> tuple[bool, str]:
    return _package(point) != _OURS, _package(point)


def names(kind: Kind) -> tuple[str, ...]:
    """All names registered for a kind, sorted.

    >>> "margin" in names("strategies")
    True
    """
    return tuple(sorted(_claims(kind)))


def origin(kind: Kind, name: str) -> str:
    """Where a name comes from: `distribution version`, for `tithe plugins`.

    Raises ConfigError where several packages claim it and none is tithe.
    """
    return _from(_point(kind, name))


def _from(point: EntryPoint) -> str:
    return f"{point.dist.name} {point.dist.version}" if point.dist else "unknown"


def passed_over(kind: Kind, name: str) -> tuple[str, ...]:
    """The packages that claim a built-in name as well, and do not get it: `distribution version` of each."""
    claims = _claims(kind).get(name, ())
    return tuple(map(_from, claims[1:])) if claims and _package(claims[0]) == _OURS else ()


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
            settings[key.strip()] = ast.literal_eval(_SWITCHES.get(value.strip(), value.strip()))
        except (ValueError, SyntaxError):
            settings[key.strip()] = value.strip()  # a bare word is a string
    return _Spec(match["name"].strip(), first, settings)


def find(kind: Kind, name: str) -> Any:
    """The factory registered under a name.

    Raises:
        UnknownNameError: nothing has this name; the message lists near misses.
        ConfigError: several packages claim the name, or the one that has it cannot be loaded; names them.
    """
    point = _point(kind, name)
    try:
        return point.load()
    except TitheError:
        raise  # says itself what to do: a package that is missing, say
    except Exception as error:  # a stranger's module may raise anything while it is imported
        raise ConfigError(
            f"the {_noun(kind)} {name!r} of the package {_from(point)} cannot be loaded from {point.value}: "
            f"{type(error).__name__}: {' '.join(str(error).split())}; mend that package and "
            f"install it again, or remove it: pip uninstall {_package(point)}"
        ) from error


def _point(kind: Kind, name: str) -> EntryPoint:
    claims = _claims(kind)
    if name not in claims:
        raise UnknownNameError(f"unknown {_noun(kind)} {name!r}; {near(name, claims)}")
    first, *others = claims[name]
    if others and _package(first) != _OURS:
        raise ConfigError(
            f"the {_noun(kind)} {name!r} is claimed by several packages, {' and '.join(map(_from, claims[name]))}; "
            f"uninstall all but one, or rename the entry point of your own"
        )
    return first


def _noun(kind: Kind) -> str:
    return {"strategies": "strategy", "people": "kind of person"}.get(kind, kind.removesuffix("s"))


def build(kind: Kind, spec: str, **given: Any) -> Any:
    """What a spec describes: the factory of its name, called with its settings and `given`.

    Raises:
        UnknownNameError: nothing has this name.
        ConfigError: the settings do not fit the factory, or it cannot be loaded.
    """
    return made(find(kind, name_of(spec)), spec, _noun(kind), **given)


def made(factory: Any, spec: str, noun: str, **given: Any) -> Any:
    """A factory called with the settings of a spec and `given`; `noun` is what errors call its product.

    Raises ConfigError where the settings do not fit the factory.
    """
    name, first, settings = _read(spec)
    takes = signature(factory)
    if first and not any(one.kind is Parameter.POSITIONAL_ONLY for one in takes.parameters.values()):
        parse(spec)  # says how to write it
    known = _settable(takes, given)
    if not any(one.kind is Parameter.VAR_KEYWORD for one in takes.parameters.values()):
        for key in settings.keys() - known.keys():
            raise ConfigError(f"the {noun} {name!r} has no setting {key!r}; {near(key, known)}")
    for key in settings.keys() & takes.parameters.keys() if not first else ():
        if takes.parameters[key].kind is Parameter.POSITIONAL_ONLY:
            raise ConfigError(f"{name!r} takes its {key} first and without a name: {name}({settings[key]})")
    try:
        takes.bind(*first, **given, **settings)
    except TypeError as error:
        raise ConfigError(f"the settings of {spec!r} do not fit: {error}; it takes {_shown(takes, given)}") from None
    for key, value in settings.items():
        _check_type(known[key].annotation if key in known else Parameter.empty, key, value, spec)
    return factory(*first, **given, **settings)


def check_part(part: object, protocol: type, name: str) -> None:
    """Raises ConfigError where an object is not what its protocol asks for; `name` says in words what it is.

    >>> from tithe.strategies import Strategy
    >>> check_part(build("strategies", "margin"), Strategy, "the strategy 'margin'")
    """
    wanted = [one for one in vars(protocol) if not one.startswith("_")]
    what = f"a {protocol.__name__.lower()} has {', '.join(wanted)}"
    if isinstance(part, type):
        raise ConfigError(f"{name} is the class {part.__name__}; {what}: give an object, {part.__name__}(...)")
    missing = [one for one in wanted if not hasattr(part, one)]
    if missing:
        raise ConfigError(f"{name} is a {type(part).__name__} without {' and '.join(missing)}; {what}: add what lacks")


def _settable(takes: Signature, given: dict[str, Any]) -> dict[str, Parameter]:
    """The parameters that a spec may set by key: all but those that the caller gives."""
    return {
        name: one
        for name, one in takes.parameters.items()
        if one.kind in (Parameter.POSITIONAL_OR_KEYWORD, Parameter.KEYWORD_ONLY) and name not in given
    }


def _shown(takes: Signature, given: dict[str, Any]) -> str:
    """What a user may write in the brackets, without types and without what the caller gives."""
    shown = [
        one.replace(annotation=Parameter.empty, kind=Parameter.KEYWORD_ONLY)
        if one.kind is Parameter.POSITIONAL_OR_KEYWORD
        else one.replace(annotation=Parameter.empty)
        for name, one in takes.parameters.items()
        if name not in given
    ]
    return f"({', '.join(map(str, shown))})"


def _check_type(annotation: Any, key: str, value: Any, spec: str) -> None:
    """Raises ConfigError where a setting is not of its declared type; types other than plain ones are not checked."""
    # A module may keep its annotations as strings or not; a union of types prints as it is written.
    wanted = annotation.__name__ if isinstance(annotation, type) else str(annotation)
    kinds = wanted.split(" | ")
    if not all(kind in _KINDS for kind in kinds):
        return
    # bool is an int in Python; a setting that is a number is not true or false.
    fits = any(isinstance(value, _KINDS[kind]) and isinstance(value, bool) == (kind == "bool") for kind in kinds)
    if not fits:
        raise ConfigError(f"{key} of {spec!r} must be {wanted}; given {value!r}")
