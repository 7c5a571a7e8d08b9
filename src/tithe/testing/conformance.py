"""How the kit fails and how it runs a list of checks; shared by all its parts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

from tithe.errors import ConfigError
from tithe.registry import check_part

Probe = TypeVar("Probe")


class ConformanceError(AssertionError):
    """A part does not keep a promise of its protocol; the message names the check, what was expected and given."""


def expect(claim: bool, expected: str, given: object) -> None:
    """Raises ConformanceError unless the claim holds."""
    if not claim:
        raise ConformanceError(f"expected {expected}; given {given}")


def check_shape(part: object, protocol: type) -> None:
    """Raises ConformanceError where the part lacks what its protocol asks for."""
    try:
        check_part(part, protocol, f"{part!r}")
    except ConfigError as error:
        raise ConformanceError(str(error)) from None


def run_checks(part: object, checks: Mapping[str, Callable[[Probe], None]], probe: Probe) -> list[str]:
    """The names of the checks, once all have passed on the probe."""
    for name, check in checks.items():
        try:
            check(probe)
        except ConformanceError as error:
            raise ConformanceError(f"{part!r} fails the check “{name}”: {error}") from None
        except Exception as error:  # a stranger's code may raise anything; the cause stays attached
            given = f"{type(error).__name__}: {error}"
            raise ConformanceError(f"{part!r} fails the check “{name}”: expected no error; given {given}") from error
    return list(checks)
