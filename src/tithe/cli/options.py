"""Options of commands that are too long to stand in their signatures."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

People = Annotated[
    str,
    typer.Option(
        help="Who answers: exact(seconds=20), noisy(accuracy=0.8), noisy(towards=similar), "
        "noisy(towards=frequent), split at commas (default: the file's own labels)."
    ),
]
Answers = Annotated[int, typer.Option(help="How many people answer each item; budgets count answers.")]
Format = Annotated[
    str | None,
    typer.Option(help="The format of the file, where its name does not tell: label-studio, doccano, prodigy, ..."),
]
Late = Annotated[int, typer.Option(help="How many rounds late the answers to a batch arrive.")]
Imbalance = Annotated[
    float,
    typer.Option(help="Thin the pool to a long tail: its largest class is this many times its smallest (choice)."),
]
Only = Annotated[str, typer.Option(help="Of PLAN.toml, the data sets with these names alone: atis,trec.")]
Cache = Annotated[Path | None, typer.Option(help="Where embeddings are kept (default: the user's cache folder).")]
ExportRounds = Annotated[Path | None, typer.Option(help="A folder for each round's train, pool and test CSV.")]
Initial = Annotated[
    str,
    typer.Option(help="Who chooses the first batch; k_shot(k=5) draws 5 items of each class, by their labels."),
]
