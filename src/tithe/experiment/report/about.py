"""What was run, and how to read the report."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib.resources import files
from typing import Any

from tithe.experiment.report.markup import Html, details, table, tag, text
from tithe.experiment.report.read import Run


def method() -> Html:
    """How to read the report: what each number is and where it comes from."""
    return Html(files("tithe.experiment.report").joinpath("method.html").read_text(encoding="utf-8"))


def what_was_run(runs: list[Run]) -> Html:
    """Plan, command, versions and digests of each folder."""
    return tag("section", tag("h2", "What was run"), *(_run(run, len(runs) > 1) for run in runs))


def _run(run: Run, several: bool) -> Html:
    command = run.environment.get("command") or f"tithe simulate {run.name}/plan.toml --out {run.name}"
    words = command if isinstance(command, str) else " ".join(map(str, command))
    facts = list(_flat(run.environment)) + [(f"sha256 of {name}", digest) for name, digest in run.digests.items()]
    parts = [
        tag("h3", text(run.name)) if several else "",
        tag("p", "To run it again:"),
        tag("pre", text(words)),
        table("Settings", ["Setting", "Value"], list(_flat(run.plan))) if run.plan else "",
        table("Environment", ["What", "Value"], facts) if facts else "",
        details("plan.toml", tag("pre", text(run.plan_text))) if run.plan_text else "",
    ]
    return tag("div", *parts, cls="run")


def _flat(value: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Nested settings as one list of dotted names."""
    for key, one in value.items():
        name = f"{prefix}{key}"
        if isinstance(one, Mapping):
            yield from _flat(one, f"{name}.")
        elif isinstance(one, list):
            yield name, ", ".join(map(str, one))
        else:
            yield name, str(one)
