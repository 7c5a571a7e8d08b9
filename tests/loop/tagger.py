"""A small honest tagger for tests: how often each word had each tag, and sentences to learn from."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tithe import registry
from tithe.data import write_rows
from tithe.errors import LabelError
from tithe.rng import stream
from tithe.tokens import places

NAMES = {
    "PER": ["Ada", "Grace Hopper", "Alan Turing", "Emmy", "Zoë", "李雷"],
    "LOC": ["Paris", "New York", "Kyōto", "Oslo"],
}
FRAMES = (
    "{PER} lives in {LOC} .",
    "Nobody came .",
    "They flew from {LOC} to {LOC} on Monday .",
    "{PER} and {PER} met .",
    "The weather was fine 👍🏿 , said {PER} , and so it was for many days afterwards .",
    "No .",
)


def sentences(seed: int, count: int) -> tuple[list[list[str]], list[list[str]]]:
    """Tokens and IOB2 tags of made-up sentences, no two the same."""
    rng = stream(seed, "made sentences")
    tokens: list[list[str]] = []
    tags: list[list[str]] = []
    while len(tokens) < count:
        words, marks = [f"{len(tokens)}", ":"], ["O", "O"]
        for part in FRAMES[int(rng.integers(len(FRAMES)))].split():
            kind = part.strip("{}")
            name = NAMES[kind][int(rng.integers(len(NAMES[kind])))].split() if kind in NAMES else []
            words += name or [part]
            marks += [f"{'I' if at else 'B'}-{kind}" for at in range(len(name))] or ["O"]
        tokens.append(words)
        tags.append(marks)
    return tokens, tags


def file_of(path: Path, seed: int, count: int) -> Path:
    tokens, tags = sentences(seed, count)
    write_rows(path, {"id": [f"s{seed}-{n:04d}" for n in range(count)], "tokens": tokens, "tags": tags})
    return path


def words_of(items: Any, where: Any) -> list[str]:
    rows = np.repeat(np.arange(len(items)), where.lengths)
    return [items.texts[row][a:b].lower() for row, (a, b) in zip(rows, where.values, strict=True)]


@dataclass(frozen=True)
class Frequencies:
    """For each word the counts of its tags, smoothed by the counts of all words."""

    needs_any = frozenset({"lexical", "embeddings"})
    provides = frozenset({"proba"})

    def fit(self, task, examples, *, start, rng, unlabelled=None, tell=None, warm=None):
        where = places(examples.items)
        columns = task.tag(examples.labels, where).values
        if len(set(columns.tolist())) < 2:
            raise LabelError("answers with two tags are needed")
        counts = Counter(zip(words_of(examples.items, where), columns.tolist(), strict=True))
        return Tagger(task, counts, np.bincount(columns, minlength=len(task.tags)) + 0.01, examples.digest)


@dataclass(frozen=True, eq=False)
class Tagger:
    task: Any
    counts: Counter
    total: Any
    digest: str
    provides = frozenset({"proba"})
    settings = {"accuracy_on_asked": 0.5}  # noqa: RUF012

    @property
    def fingerprint(self) -> str:
        return hashlib.blake2b(self.digest.encode()).hexdigest()

    def view(self, name, items):
        where = places(items)
        rows = np.tile(self.total / self.total.sum(), (len(where.values), 1))
        for row, word in enumerate(words_of(items, where)):
            rows[row] += [self.counts[word, column] for column in range(len(self.task.tags))]
        return where.with_values((rows / rows.sum(axis=1, keepdims=True)).astype(np.float32))

    def decide(self, output):
        return self.task.decode(output)


def register(monkeypatch: pytest.MonkeyPatch) -> str:
    """The name under which the tagger is registered from now on, in this process, for one test."""
    find = registry.find
    monkeypatch.setattr(registry, "find", lambda kind, name: Frequencies if name == "frequencies" else find(kind, name))
    return "frequencies"
