"""The report of a simulation: one HTML file that needs nothing else, reads on a phone, in the dark and on paper."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tithe.errors import DataError


def write_report(folders: Sequence[Path], into: Path) -> None:
    """Writes the report of one or several simulation folders.

    Args:
        folders: Each with `summary.json` or `rounds.parquet`; `plan.toml` and `environment.json` are shown if there.
        into: The file, or a folder to write `report.html` into.

    The same folders give the same bytes. Raises DataError where a folder holds no simulation.
    """
    from tithe.experiment.report.page import page
    from tithe.experiment.report.read import read_evidence

    if not folders:
        raise DataError("a report needs at least one folder of a simulation; given none")
    target = into if into.suffix == ".html" else into / "report.html"
    html = page(read_evidence([Path(folder) for folder in folders]))
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(html, encoding="utf-8")


__all__ = ["write_report"]
