"""Files of annotation tools on the command line, and the page that says what each format holds."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tithe import registry
from tithe.data import format_for, write_rows

WORDS = {"travel": "train ticket hotel flight journey", "food": "bread soup dinner kitchen recipe"}
DOCS = Path(__file__).parents[2] / "docs"


def labelled(task: str, count: int) -> dict[str, list[Any]]:
    """Texts that are easy to tell apart, in ordinary columns, each answered by two people who agree."""
    names = [sorted(WORDS)[at % 2] for at in range(count)]
    texts = [f"{WORDS[name].split()[at % 5]} number {at} of {WORDS[name]}" for at, name in enumerate(names)]
    labels = {
        "choice": names,
        "multilabel": [[name, "long"] if at % 3 else [name] for at, name in enumerate(names)],
        "spans": [
            [{"start": 0, "end": len(text.split()[0]), "label": name}] for text, name in zip(texts, names, strict=True)
        ],
    }[task]
    column = {"choice": "label", "multilabel": "labels", "spans": "spans"}[task]
    return {
        "id": [str(at) for at in range(count) for _ in "ab"],
        "text": [text for text in texts for _ in "ab"],
        column: [label for label in labels for _ in "ab"],
        "annotator": ["anna", "ben"] * count,
        "action": ["label"] * 2 * count,
    }


@pytest.mark.parametrize("format", ["label-studio", "doccano", "prodigy"])
@pytest.mark.parametrize("task", ["choice", "multilabel", "spans"])
def test_a_file_of_a_tool_is_profiled_and_simulated(
    tmp_path: Path, tithe: Callable[..., Any], task: str, format: str
) -> None:
    train, test = tmp_path / "train.data", tmp_path / "test.data"
    write_rows(train, labelled(task, 40), format=format)
    write_rows(test, labelled(task, 20), format=format)
    said = tithe("profile", train, "--test", test, "--task", task, "--format", format, "--out", tmp_path / "p.html")
    assert said.code == 0, said.err
    assert "40 texts" in said.out
    options = ["--strategy", "random", "--start", "lexical", "--budgets", "10,20", "--seeds", "1", "--engine", "inline"]
    out = tmp_path / "out"
    said = tithe("simulate", train, "--test", test, "--task", task, "--format", format, *options, "--out", out)
    assert said.code == 0, said.err
    assert "answers of 2 annotators" in said.err
    assert f'format = "{format}"' in (out / "plan.toml").read_text()
    assert json.loads((out / "summary.json").read_text())


def test_the_page_of_formats_names_each_with_the_end_of_its_files() -> None:
    page = (DOCS / "formats.md").read_text("utf-8")
    rows = {name: row for row in page.splitlines() if row.startswith("| `") for name in re.findall("`([^`]+)`", row)}
    for name in set(registry.names("formats")) - {"txt", "huggingface"}:
        assert name in rows, f"docs/formats.md does not name {name}"
        assert f"`{format_for(Path(), name).suffixes[0]}`" in rows[name]


@pytest.mark.parametrize("format", ["label-studio", "prodigy"])
@pytest.mark.parametrize("task", ["choice", "multilabel", "spans"])
def test_a_project_is_made_of_a_tools_file_grows_by_another_and_goes_out(
    tmp_path: Path, tithe: Callable[..., Any], task: str, format: str
) -> None:
    from tithe.data.reading import read_items
    from tithe.service import making

    column = {"choice": "label", "multilabel": "labels", "spans": "spans"}[task]
    rows = labelled(task, 12)
    rows[column] = [label if at < 16 else None for at, label in enumerate(rows[column])]
    rows["action"] = ["label" if at < 16 else "" for at in range(24)]
    write_rows(tmp_path / "first.data", rows, format=format)
    more = labelled(task, 14)
    write_rows(tmp_path / "more.data", {name: cells[24:] for name, cells in more.items()}, format=format)
    source = making.Source(tmp_path / "first.data", task, format=format)
    making.make(tmp_path / "p", source, note=print, tell=lambda *_: None)
    assert tithe("import", tmp_path / "p", tmp_path / "more.data", "--format", format).out == (
        "imported: 2 new items, 14 in all\n"
    )
    said = tithe("export", tmp_path / "p", "--format", format, "--out", tmp_path / "out.data")
    assert said.code == 0, said.err
    back = read_items(tmp_path / "out.data", task=task, format=format)
    before = [
        dict(zip(one.ids, one.gold or (), strict=True))
        for name in ("first", "more")
        for one in [read_items(tmp_path / f"{name}.data", task=task, format=format)]
    ]
    answered = {id: label for part in before for id, label in part.items() if label is not None}
    assert dict(zip(back.ids, back.gold or (), strict=True)) == answered
    assert len(answered) == 10
