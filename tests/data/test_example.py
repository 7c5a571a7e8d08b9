"""The bundled example and the generator that wrote it."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path
from typing import Literal

import pytest

from tithe.data.example import generator, grammar, path
from tithe.rng import stream

Split = Literal["train", "test"]


def read(split: Split) -> list[dict[str, str]]:
    with path(split).open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


@pytest.mark.parametrize("split", ["train", "test"])
def test_the_shipped_file_is_what_the_generator_writes(split: Split) -> None:
    assert path(split).read_bytes().decode() == generator.as_csv(split)


def test_running_the_generator_writes_both_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generator, "__file__", str(tmp_path / "generator.py"))
    monkeypatch.setattr(generator, "as_csv", str.upper)
    generator.main()
    assert {file.name: file.read_text() for file in tmp_path.iterdir()} == {"train.csv": "TRAIN", "test.csv": "TEST"}


def test_ids_are_unique_and_no_test_text_stands_in_the_training_file() -> None:
    train, test = read("train"), read("test")
    assert len({row["id"] for row in train + test}) == len(train + test) == 1900
    texts = Counter(row["text"].casefold() for row in train)
    assert not texts.keys() & {row["text"].casefold() for row in test}
    assert len(train) - len(texts) < 30


def test_the_classes_are_skewed_as_the_readme_says() -> None:
    readme = (path("train").parent / "README.md").read_text("utf-8")
    train, test = (Counter(row["label"] for row in read(split)) for split in ("train", "test"))
    for label in grammar.INTENTS:
        assert f"| `{label}` | {train[label]} | {test[label]} |" in readme
    assert 0.28 < max(train.values()) / 1500 < 0.33
    assert 0.02 < min(train.values()) / 1500 < 0.04


def test_a_text_never_has_two_labels() -> None:
    labels: dict[str, set[str]] = {}
    for row in read("train") + read("test"):
        labels.setdefault(row["text"].casefold(), set()).add(row["label"])
    assert not [text for text, names in labels.items() if len(names) > 1]


def test_no_mark_of_the_grammar_is_left_in_a_text() -> None:
    assert not [row["text"] for row in read("train") if set(row["text"]) & set("[]{}|<>")]


def test_every_sentence_of_the_grammar_can_be_expanded() -> None:
    for name, intent in grammar.INTENTS.items():
        for sentence in (*intent.asks, *intent.asides, *(words[name] for _, words in grammar.TWINS if name in words)):
            text = generator.expand(sentence, stream(0, sentence))
            assert text
            assert not set(text) & set("[]{}|")


def test_the_shares_of_the_intents_add_up_to_one() -> None:
    assert sum(intent.share for intent in grammar.INTENTS.values()) == pytest.approx(1.0)
