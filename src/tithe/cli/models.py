"""`tithe train`, `tithe predict`, `tithe evaluate`: one model, outside the loop."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tithe.cli.options import Cache
from tithe.errors import ConfigError, LabelError

if TYPE_CHECKING:
    from tithe.models import Model, Tell
    from tithe.types import Items


def add_to(app: typer.Typer) -> None:
    """Adds the commands."""
    for command in (train, predict, evaluate):
        app.command(no_args_is_help=True)(command)


Text = Annotated[str | None, typer.Option(help="The text column (default: text, else the only string column).")]
LabelColumn = Annotated[str | None, typer.Option(help="The label column (default: label).")]
Own = Annotated[Path | None, typer.Option(help="Your own embeddings X.npy, a row for each row of the file.")]


def train(
    file: Annotated[Path, typer.Argument(help="A file of texts with labels; rows without one are left out.")],
    out: Annotated[Path, typer.Option(help="A new folder for the model.")],
    task: Annotated[str, typer.Option(help="What a label means: choice, multilabel or spans.")] = "choice",
    text: Text = None,
    label: LabelColumn = None,
    labels: Annotated[str, typer.Option(help="The declared labels, a,b,c (default: those of the file).")] = "",
    trainer: Annotated[str, typer.Option(help="The trainer (default: linear).")] = "",
    prior: Annotated[
        str, typer.Option(help="Instead of training, guess from the labels' names: names. Labels of rows are not read.")
    ] = "",
    start: Annotated[str, typer.Option(help="The start.")] = "minilm+lexical",
    embeddings: Own = None,
    save_start: Annotated[
        Path | None, typer.Option(help="Also a new folder for the trained encoder, a start for other tasks (finetune).")
    ] = None,
    seed: Annotated[int, typer.Option(help="Fixes every draw.")] = 0,
    cache: Cache = None,
) -> None:
    """Train one model on a labelled file.

    A fine-tuning that is interrupted goes on from OUT.checkpoint when the same command is given again.

    Example: tithe train labelled.csv --out model

    Without labels, from their names: tithe train messages.csv --labels billing,support,other --prior names --out model
    """
    import time
    from functools import partial

    from tithe import registry
    from tithe.cli.show import note, progress
    from tithe.cli.story import story
    from tithe.data.reading import read_items
    from tithe.loop.propose import trainer_of
    from tithe.loop.training import guess
    from tithe.loop.training import train as train_model
    from tithe.models import start_folder
    from tithe.models.given import given_start
    from tithe.models.saving import check_free
    from tithe.models.starts import makers
    from tithe.models.tuning.checkpoints import kept_in
    from tithe.models.tuning.joint import leads
    from tithe.pool import Pool, declared_task
    from tithe.views import ViewStore, default_root

    if prior:
        _check_trains_nothing(prior, trainer, save_start)
    items = read_items(file, task=task, text=text, label=label)
    for line in items.notes:
        note(f"{file}: {line}")
    declared = declared_task(task, items, tuple(registry.split_list(labels)) or None)
    trainer = trainer or "linear"
    made = trainer_of(trainer, declared)
    if not embeddings:
        makers(start)
    if save_start:
        _check_apart(out, save_start)
        start_folder.check_tunes(made, trainer)
        check_free(save_start, "the start")
    check_free(out, "the model")  # told now, not after the work, but after what is wrong with the options
    checkpoint = out.with_name(f"{out.name}.checkpoint")
    if checkpoint.exists():
        note(f"{checkpoint} is of a training that broke off; of other data or settings, it is not gone on with")
    with kept_in(checkpoint):
        with progress() as tell:
            store = ViewStore(cache or default_root())
            source = given_start(items, embeddings) if embeddings else start
            how = partial(guess, prior=prior) if prior else partial(train_model, trainer=trainer)
            begun = time.monotonic()
            model = how(Pool(items), declared, start=source, seed=seed, store=store, tell=tell)
        seconds = time.monotonic() - begun
        if not leads():  # another process of `accelerate launch` writes
            return
        model.save(out)
    said = f"guesses by {prior}" if prior else f"{sum(one is not None for one in items.gold or ())} labels"
    typer.echo(f"model of {said}: {out}" + ("" if prior else f"\n{story(model.settings, seconds)}"))
    if save_start:
        _save_encoder(model, save_start)


def _save_encoder(model: Model, folder: Path) -> None:
    """Makes a start of the model's encoder, and tells."""
    from tithe.cli.show import note
    from tithe.models import start_folder

    start_folder.save_start(model, folder)
    typer.echo(f"its encoder, as a start: {folder}")
    if not start_folder.has_head(folder):
        note("its head also reads word forms and stays with the model; with --start minilm it would go along")


def _check_trains_nothing(prior: str, trainer: str, save_start: Path | None) -> None:
    """Raises ConfigError for what needs a training beside a prior."""
    if trainer:
        raise ConfigError(f"--prior {prior} trains nothing, so --trainer {trainer} has no part; leave one of them out")
    if save_start:
        raise ConfigError("--prior trains nothing, so there is no encoder to save; leave --save-start out")


def _check_apart(out: Path, save_start: Path) -> None:
    """Raises ConfigError where a model and its start cannot both be new folders: one would take the other's place."""
    model, start = out.resolve(), save_start.resolve()
    if start == model or start in model.parents:
        raise ConfigError(
            f"--out {out} and --save-start {save_start} are to be two new folders, and the first is "
            f"{'the second too' if start == model else 'inside the second'}; give another folder for the start"
        )


def predict(
    folder: Annotated[Path, typer.Argument(help="A folder that `tithe train` wrote.")],
    file: Annotated[Path, typer.Argument(help="A file of texts.")],
    out: Annotated[Path, typer.Option(help="Where the predictions go: id, text, prediction, confidence.")],
    text: Text = None,
    embeddings: Own = None,
    cache: Cache = None,
) -> None:
    """Label a file with a model.

    Example: tithe predict model new.csv --out labelled.csv
    """
    from tithe.cli.show import note, progress
    from tithe.data import format_for, write_rows
    from tithe.data.reading import read_items
    from tithe.models.saving import read_record
    from tithe.types import in_words

    format_for(out)  # a suffix that cannot be written is told now, not after the work
    with progress() as tell:
        items = read_items(file, task=read_record(folder)["task"], text=text)
        for line in items.notes:
            note(f"{file}: {line}")
        model = _loaded(folder, items, embeddings, cache, tell)
        proba = model.view("proba", items)
    labels = model.decide(proba)
    columns: dict[str, Sequence[object]] = {
        "id": list(items.ids),
        "text": list(items.texts),
        "prediction": [in_words(label) for label in labels],
        "confidence": [round(float(one), 4) for one in model.task.confidence(proba, labels)],
    }
    write_rows(out, columns)
    typer.echo(f"{len(items)} predictions: {out}")


def evaluate(
    folder: Annotated[Path, typer.Argument(help="A folder that `tithe train` wrote.")],
    file: Annotated[Path, typer.Argument(help="A file of texts with labels.")],
    text: Text = None,
    label: LabelColumn = None,
    start: Annotated[
        str | None, typer.Option(help="Another start for the head of a fine-tuned model; nothing is trained.")
    ] = None,
    names: Annotated[str, typer.Option(help="What labels of the model are called in the file: old=new,b=c.")] = "",
    embeddings: Own = None,
    cache: Cache = None,
) -> None:
    """Score a model on a labelled file; prints JSON.

    Example: tithe evaluate model test.csv
    """
    import json

    from tithe.cli.show import note, progress
    from tithe.data.reading import read_items
    from tithe.models.saving import read_record
    from tithe.models.starts import prepare_start
    from tithe.models.transplant import renamed, transplant
    from tithe.types import names_in
    from tithe.views import ViewStore, default_root

    with progress() as tell:
        items = read_items(file, task=read_record(folder)["task"], text=text, label=label, require_label=True)
        model = _loaded(folder, items, embeddings, cache, tell)
        if start:
            prepared = prepare_start(start, items, store=ViewStore(cache or default_root()), tell=tell)
            model = transplant(model, prepared)
        if names:
            model = renamed(model, _pairs(names))
        truth = [one for one in items.gold or () if one is not None]
        said = {name for one in truth for name in names_in(one)}
        undeclared = sorted(said - set(model.task.labels))
        if said and not said & set(model.task.labels):
            raise LabelError(
                f"the model has none of the labels of {file} ({', '.join(undeclared)}); it has "
                f"{', '.join(model.task.labels)}: say which is which with --names old=new"
            )
        proba = model.view("proba", items)
    if undeclared:
        note(f"{file} has labels that the model does not know ({', '.join(undeclared)}); they count as wrong")
    scores = {
        name: None if value != value else round(value, 6)
        for name, value in model.task.score(truth, proba, model.decide(proba)).items()
    }
    typer.echo(json.dumps({"items": len(items), **scores}, indent=1))


def _pairs(names: str) -> dict[str, str]:
    """old=new,b=c as a mapping. Raises ConfigError for a part without one `=`."""
    parts = [part.split("=") for part in names.split(",")]
    if any(len(part) != 2 or not all(map(str.strip, part)) for part in parts):
        raise ConfigError(
            f"cannot read --names {names!r}: write old=new,b=c, each a label of the model and of the file"
        )
    return {old.strip(): new.strip() for old, new in parts}


def _loaded(folder: Path, items: Items, embeddings: Path | None, cache: Path | None, tell: Tell) -> Model:
    """The model of a folder, for these items."""
    from tithe.models.given import given_start
    from tithe.models.saving import load_model, read_record
    from tithe.views import ViewStore, default_root

    width = read_record(folder)["start"].get("width", 0)
    start = given_start(items, embeddings, width) if embeddings else None
    return load_model(folder, store=ViewStore(cache or default_root()), tell=tell, start=start)
