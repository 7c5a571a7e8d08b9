"""Writes the bundled example: `python -m tithe.data.example.generator` makes both CSV files anew, byte for byte.

A message is [greeting] [context] [aside] [hesitation] ask [context] [aside] [closing]; the parts come from `grammar`.
Its label is the intent of the ask, never that of the aside. Then a style is laid over it: hurried people drop capitals
and full stops, and fingers slip. All draws come from `tithe.rng.stream`, one stream a message, so that a changed
sentence changes only the messages that it stands in.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from tithe.data.example import grammar
from tithe.rng import stream

if TYPE_CHECKING:
    from numpy.random import Generator

SEED = 20260
SIZES: dict[Literal["train", "test"], int] = {"train": 1500, "test": 400}
LABELS = tuple(grammar.INTENTS)

# How often a part occurs. Set so that a linear model on MiniLM embeddings learns most of it from a third of the
# labels and has to work for the rest; the README beside this file has the curve.
P_TWIN, P_VAGUE, P_ASIDE, P_CONTEXT, P_GREETING, P_HESITATION, P_CLOSING = 0.05, 0.008, 0.08, 0.16, 0.35, 0.12, 0.35

_INNERMOST = re.compile(r"\[([^\[\]]*)\]|\{(\w+)\}")
_NEIGHBOURS = {
    key: "".join(row[max(at - 1, 0) : at] + row[at + 1 : at + 2])
    for row in ("qwertyuiop", "asdfghjkl", "zxcvbnm")
    for at, key in enumerate(row)
}


def expand(sentence: str, rng: Generator) -> str:
    """The sentence with every `[a|b]` and `{slot}` replaced by one of its wordings.

    >>> from tithe.rng import stream
    >>> expand("Is it [open|open now]?", stream(1, "x")) in ("Is it open?", "Is it open now?")
    True
    """
    while match := _INNERMOST.search(sentence):
        wordings: Sequence[str] = grammar.SLOTS[match[2]] if match[2] else match[1].split("|")
        sentence = sentence[: match.start()] + _one(wordings, rng) + sentence[match.end() :]
    return re.sub(r"\s+([.,?!]|$)", r"\1", re.sub(r"\s+", " ", sentence)).strip()


def message(rng: Generator) -> tuple[str, str]:
    """One message: its label and its text."""
    label, frame = _ask(rng)
    ask = _capital(expand(frame, rng))
    contexts = grammar.CONTEXTS + (grammar.RIDE_CONTEXTS if grammar.INTENTS[label].rides else ())
    before: list[str] = []
    after: list[str] = []
    if rng.random() < P_CONTEXT:
        (before if rng.random() < 0.6 else after).append(_one(contexts, rng))
    if rng.random() < P_ASIDE:
        first = rng.random() < 0.35
        frame = _one(grammar.ASIDES_BEFORE if first else grammar.ASIDES_AFTER, rng)
        (before if first else after).append(_aside(label, frame, rng))
    if rng.random() < P_HESITATION:
        ask = f"{_one(grammar.HESITATIONS, rng)} {_continued(ask)}"
    if rng.random() < P_CLOSING:
        after.append(_one(grammar.CLOSINGS, rng))
    body = " ".join([*(_capital(expand(part, rng)) for part in before), ask, *(expand(part, rng) for part in after)])
    if rng.random() < P_GREETING:
        mark = _one((", ", ", ", "! ", " - "), rng)
        body = _one(grammar.GREETINGS, rng) + mark + (body if mark == "! " else _continued(body))
    return label, _styled(body, rng)


def _ask(rng: Generator) -> tuple[str, str]:
    """The label and the sentence that carries it."""
    kind = rng.random()
    if kind < P_VAGUE:
        sentence, labels = grammar.VAGUE[int(rng.integers(len(grammar.VAGUE)))]
        return _one(labels, rng), sentence
    shares = [intent.share for intent in grammar.INTENTS.values()]
    label = str(rng.choice(LABELS, p=shares))
    if kind < P_VAGUE + P_TWIN:
        twins = [(frame, words[label]) for frame, words in grammar.TWINS if label in words]
        frame, word = twins[int(rng.integers(len(twins)))]
        return label, frame.replace("<x>", word)
    # People mostly ask the same few things: the first asks of an intent are the common ones, with a long tail behind.
    asks = grammar.INTENTS[label].asks
    weights = [1 / (rank + 2.5) for rank in range(len(asks))]
    return label, asks[int(rng.choice(len(asks), p=[weight / sum(weights) for weight in weights]))]


def _aside(label: str, frame: str, rng: Generator) -> str:
    """A sentence about another intent, which the writer does not ask for."""
    other = _one([name for name in LABELS if name != label], rng)
    aside = expand(_one(grammar.INTENTS[other].asides, rng), rng)
    return frame.replace("<aside>", aside).replace("<Aside>", _capital(aside))


def _styled(text: str, rng: Generator) -> str:
    """The text as a careful, a casual or a hurried person would type it."""
    haste = rng.random()
    if haste < 0.35:
        text = text.lower()
    if haste < 0.25:
        text = re.sub(r"[.!](?=$)|,", "", text)
    if haste < 0.10:
        text = text.replace("'", "").replace("?", "")
    slips = int(rng.choice(4, p=(0.74, 0.18, 0.06, 0.02)))
    for _ in range(slips):
        text = _slip(text, rng)
    return text


def _slip(text: str, rng: Generator) -> str:
    """The text with one letter inside a word dropped, doubled, swapped with the next or hit beside its key."""
    inside = [match.start() for match in re.finditer(r"(?<=[a-z])[a-z](?=[a-z])", text)]
    if not inside:
        return text
    at = inside[int(rng.integers(len(inside)))]
    wrong = _NEIGHBOURS[text[at]]
    letter = wrong[int(rng.integers(len(wrong)))]
    changed = _one((text[at + 1] + text[at], text[at + 1], text[at] * 2 + text[at + 1], letter + text[at + 1]), rng)
    return text[:at] + changed + text[at + 2 :]


def _one(of: Sequence[str], rng: Generator) -> str:
    return of[int(rng.integers(len(of)))]


def _continued(text: str) -> str:
    """The text as it stands behind a comma: a small first letter, but for `I` and names."""
    return text if re.match(r"I\b|St ", text) else text[:1].lower() + text[1:]


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def rows(split: Literal["train", "test"]) -> list[tuple[str, str, str]]:
    """The rows (id, text, label) of a split; no text of the test split stands in the training split."""
    seen = {text.casefold() for _, text, _ in rows("train")} if split == "test" else set()
    made: list[tuple[str, str, str]] = []
    draw = 0
    while len(made) < SIZES[split]:
        label, text = message(stream(SEED, "example", split, draw))
        draw += 1
        if text.casefold() not in seen:
            made.append((f"{split}-{len(made) + 1:04d}", text, label))
    return made


def as_csv(split: Literal["train", "test"]) -> str:
    """The split as the text of a CSV file, lines ending in a newline."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(("id", "text", "label"))
    writer.writerows(rows(split))
    return out.getvalue()


def main() -> None:
    """Writes train.csv and test.csv beside this file."""
    for split in SIZES:
        (Path(__file__).parent / f"{split}.csv").write_text(as_csv(split), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
