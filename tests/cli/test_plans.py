"""The page on plans: its example is the file beside it, and runs as the page says."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "plans.md").read_text("utf-8")


def test_the_page_shows_the_file_that_it_names() -> None:
    assert (ROOT / "docs" / "plans" / "example.toml").read_text("utf-8") in re.findall(r"```toml\n(.*?)```", PAGE, re.S)


def test_the_command_of_the_page_runs(tithe: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    command, _ = re.findall(r"```sh\n(.*?)\n```", PAGE)
    monkeypatch.chdir(ROOT)
    words = [str(tmp_path / "out") if word == "out" else word for word in shlex.split(command)[1:]]
    said = tithe(*words, "--engine", "inline")
    assert said.code == 0, said.errors
    rounds = pq.read_table(tmp_path / "out" / "rounds.parquet")
    assert set(rounds["dataset"].to_pylist()) == {"messages", "tenth", "other-budgets"}
    assert all(
        config.split("/")[0] == name
        for config, name in zip(*(rounds[c].to_pylist() for c in ("config", "dataset")), strict=True)
    )
    for name in ("messages", "tenth", "other-budgets"):
        assert f"\n{name}, linear on lexical: accuracy; with all" in f"\n{said.out}"
    assert "All data sets: mean gain over random in points" in said.out
    assert "auto: better than random on" in said.out

    moved = tithe(*words, "--root", ROOT / "src" / "tithe" / "data" / "example", "--engine", "inline")
    assert "nothing was run" in moved.notes[0], "another way to the same data is the same plan"
