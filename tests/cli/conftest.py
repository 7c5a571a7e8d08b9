"""The command line: in this process, to save the start-up time, or as a real command."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tithe.cli import main


@dataclass(frozen=True)
class Said:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def errors(self) -> list[str]:
        """The lines on stderr that are neither notes nor progress."""
        progress = ("note:", "rounds:", "embedding:", "counting words:", "starts:")
        return [line for line in self.err.splitlines() if not line.startswith(progress)]

    @property
    def notes(self) -> list[str]:
        return [line.removeprefix("note: ") for line in self.err.splitlines() if line.startswith("note:")]


Tithe = Callable[..., Said]


@pytest.fixture
def tithe(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Tithe:
    """Runs a command line in this process."""

    def run(*words: object) -> Said:
        capfd.readouterr()
        monkeypatch.setattr(sys, "argv", ["tithe", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            main()
        return Said(int(ended.value.code or 0), *capfd.readouterr())

    return run


@pytest.fixture
def real() -> Tithe:
    """Runs the installed command as a process of its own."""

    def run(*words: object) -> Said:
        command = [str(Path(sys.executable).with_name("tithe")), *map(str, words)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return Said(done.returncode, done.stdout, done.stderr)

    return run


@pytest.fixture
def refused(tithe: Tithe, tmp_path: Path) -> Callable[..., str]:
    """Runs a command that must fail: exit 2, one line on stderr, nothing on stdout, nothing made in `tmp_path`."""

    def run(*words: object) -> str:
        before = sorted(tmp_path.rglob("*"))
        said = tithe(*words)
        return only_line(said) if sorted(tmp_path.rglob("*")) == before else pytest.fail(f"it left files: {said}")

    return run


def only_line(said: Said) -> str:
    """The one line of an error."""
    assert said.code == 2, said
    assert said.out == ""
    (line,) = said.errors
    assert line.startswith("tithe: ")
    return line.removeprefix("tithe: ")
