"""The report of a simulation: one HTML file that needs nothing else, reads on a phone, in the dark and on paper."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tithe.errors import DataError


def write_report(folders: Sequence[Path], into: Path, *, data: Path | None = None) -> None:
    """Writes the report of one or several simulation folders.

    Args:
        folders: Each with `summary.json` or `rounds.parquet`; `plan.toml` and `environment.json` are shown if there.
        into: The file, or a folder to write `report.html` into.
        data: A folder for the numbers behind each figure, as `tithe.experiment.report.data` describes them.

    The same folders give the same bytes. Raises DataError where a folder holds no simulation.
    """
    from tithe.experiment.report.page import page
    from tithe.experiment.report.read import read_evidence

    if not folders:
        raise DataError("a report needs at least one folder of a simulation; given none")
    target = into if into.suffix == ".html" else into / "report.html"
    evidence = read_evidence([Path(folder) for folder in folders])
    html = page(evidence)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(html, encoding="utf-8")
    if data is not None:
        from tithe.experiment.report.data import write_data

        write_data(evidence, data)


__all__ = ["write_report"]
