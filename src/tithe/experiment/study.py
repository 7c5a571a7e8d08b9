"""A study: the plans of several data sets, played together and reported side by side; and the files of both."""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from tithe.errors import ConfigError, TitheError, near
from tithe.experiment.plan import TOML_HEAD, Plan, toml_lines

_INSTEAD = ({"budgets"}, {"initial", "batches"})
"""Two ways to say the same: a data set that says it in one way has no use for the other from the top of the file."""


@dataclass(frozen=True)
class Study:
    """Data sets x starts x trainers x strategies x seeds: a plan for each data set, in the order of the file.

    Raises ConfigError where there is no plan, where two data sets have one name, or where their roots differ.

    >>> study = Study((Plan("atis/train.csv", "atis/test.csv"), Plan("trec/train.csv", "trec/test.csv", seeds=5)))
    >>> [part.dataset for part in study.parts]
    ['atis', 'trec']
    """

    parts: tuple[Plan, ...]

    def __post_init__(self) -> None:
        if not self.parts:
            raise ConfigError("a plan needs at least one data set; none given")
        names = [part.dataset for part in self.parts]
        if double := sorted({name for name in names if names.count(name) > 1}):
            raise ConfigError(f"two data sets are called {', '.join(double)}; give each a name of its own: name = ...")
        if len({part.root for part in self.parts}) > 1:
            raise ConfigError("the data sets of a plan share one root; give it once, at the top")
        # The name stands in the names of all runs, so it is as fixed as one that was given.
        object.__setattr__(self, "parts", tuple(replace(part, name=part.dataset) for part in self.parts))

    @property
    def seed(self) -> int:
        """The seed of what is drawn for all data sets together."""
        return self.parts[0].seed

    @property
    def digest(self) -> str:
        """A hash of the settings of all data sets."""
        return hashlib.blake2b("".join(part.digest for part in self.parts).encode(), digest_size=16).hexdigest()

    def to_toml(self) -> str:
        """The plan as TOML, what all data sets share at the top; `read_plan` reads it back to an equal study."""
        all_settings = [asdict(part) for part in self.parts]
        first = all_settings[0]
        shared = [name for name in first if all(_same(one[name], first[name]) for one in all_settings)]
        top = toml_lines({name: first[name] for name in shared})
        tables = [
            "\n[[data]]\n" + toml_lines({name: value for name, value in one.items() if name not in shared})
            for one in all_settings
        ]
        return TOML_HEAD + top + "".join(tables)


def read_plan(path: Path, *, root: str | None = None, only: Sequence[str] = ()) -> Plan | Study:
    """The plan in a TOML file: of one data set, or of a `[[data]]` table for each of several.

    A key at the top of the file holds for all data sets; in a table, for that one alone. One table makes a `Plan`.

    Args:
        path: the file.
        root: the folder that relative paths are joined to, instead of the file's own `root`.
        only: the names of the data sets that are wanted; all where none is named. One alone makes a `Plan`.

    Raises:
        ConfigError: a file that cannot be read, a key or a data set that there is not, or a key that is missing.
    """
    try:
        raw = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"cannot read the plan {path}: {error}") from None
    if root is not None:
        raw["root"] = root
    tables = raw.pop("data", None)
    if tables is None:
        return _some((Plan.from_mapping(raw, str(path)),), only, path)
    if not isinstance(tables, list) or not tables or not all(isinstance(one, dict) for one in tables):
        raise ConfigError(f"the data of {path} must be tables, one for each data set; begin each with [[data]]")
    known = {field.name for field in fields(Plan)}
    for key in raw:  # as those of a table would be, but without the number of one
        if key not in known:
            raise ConfigError(f"{path} has an unknown setting {key!r}; {near(key, known | {'data'})}")
    parts = tuple(_part(raw, one, f"data set {number} of {path}") for number, one in enumerate(tables, 1))
    return _some(parts, only, path)


def _some(parts: tuple[Plan, ...], only: Sequence[str], path: Path) -> Plan | Study:
    """The plans of these data sets, in the order of the file."""
    names = [part.dataset for part in parts]
    for name in only:
        if name not in names:
            raise ConfigError(f"{path} has no data set {name!r}; {near(name, names)}")
    whole = parts[0] if len(parts) == 1 else Study(parts)  # which checks that no two have one name
    wanted = tuple(part for part in whole.parts if not only or part.dataset in only)
    return whole if len(wanted) == len(parts) else wanted[0] if len(wanted) == 1 else Study(wanted)


def _part(top: Mapping[str, Any], own: Mapping[str, Any], where: str) -> Plan:
    """The plan of one data set, from the top of the file and its own table."""
    if "root" in own:
        raise ConfigError(f"{where} has a root of its own; give it once, at the top")
    dropped: set[str] = set()
    for one, other in (_INSTEAD, _INSTEAD[::-1]):
        if own.keys() & one and not own.keys() & other:
            dropped |= other
    merged = {**{key: value for key, value in top.items() if key not in dropped}, **own}
    try:
        return Plan.from_mapping(merged, where)
    except TitheError as error:
        called = own.get("name") or own.get("train") or where
        raise ConfigError(f"{error}" if where in f"{error}" else f"{called}: {error}") from None


def _same(one: Any, other: Any) -> bool:
    """Equal and of one type: 1 and 1.0 are two things in a file."""
    return json.dumps(one) == json.dumps(other)
