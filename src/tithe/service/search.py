"""Finding items by text, label, state and confidence."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from tithe.log import Snapshot
from tithe.service.versions import Guess
from tithe.service.words import label_out
from tithe.types import names_in

State: TypeAlias = Literal["open", "labelled", "skipped", "flagged", "audit"]
Order: TypeAlias = Literal["file", "confidence"]


@dataclass(frozen=True)
class Query:
    """What items must be: all that is given holds.

    `text` stands in the text, whatever its case; `label` is the person's where there is one, else the model's;
    `below` and `above` bound the model's confidence. Least confident first where `order` is "confidence".
    """

    text: str = ""
    label: str | None = None
    state: State | None = None
    below: float | None = None
    above: float | None = None
    order: Order = "file"

    @property
    def needs_guesses(self) -> bool:
        """Whether the model has to say something of every item; of labelled ones the label is known without it."""
        by_guess = self.label is not None and self.state != "labelled"
        return self.below is not None or self.above is not None or self.order == "confidence" or by_guess


def search(snapshot: Snapshot, query: Query, guesses: Mapping[str, Guess]) -> list[int]:
    """The rows of the items that fit, in order. Cost: one pass over the texts."""
    needle = query.text.casefold()
    rows = [row for row, text in enumerate(snapshot.items.texts) if needle in text.casefold()] if needle else None
    found = [
        row
        for row in (range(len(snapshot.items)) if rows is None else rows)
        if _fits(snapshot, snapshot.items.ids[row], query, guesses)
    ]
    if query.order == "confidence":
        found.sort(key=lambda row: (_shown(snapshot, snapshot.items.ids[row], guesses) or (None, 2.0))[1])
    return found


def _shown(snapshot: Snapshot, id: str, guesses: Mapping[str, Guess]) -> Guess | None:
    """What the model may be heard to say of an item: nothing of audit items without an answer, as it must not steer.

    Nor is it found by: who filters by a label would know the guess of each audit item that is found.
    """
    return None if id in snapshot.audit and id not in snapshot.answers else guesses.get(id)


def _fits(snapshot: Snapshot, id: str, query: Query, guesses: Mapping[str, Guess]) -> bool:
    if query.state is not None and query.state not in states(snapshot, id):
        return False
    guess = _shown(snapshot, id, guesses)
    if query.below is not None and (guess is None or guess[1] >= query.below):
        return False
    if query.above is not None and (guess is None or guess[1] < query.above):
        return False
    return query.label is None or query.label in _names(snapshot, id, guess)


def _names(snapshot: Snapshot, id: str, guess: Guess | None) -> frozenset[str]:
    if id in snapshot.labels:
        return names_in(snapshot.labels[id])
    said = None if guess is None else guess[0]
    if said is None or isinstance(said, str):
        return frozenset({said}) if said else frozenset()
    return frozenset(one if isinstance(one, str) else one["label"] for one in said)


def states(snapshot: Snapshot, id: str) -> Iterator[str]:
    """All states that an item is in; the first of them is the one to show.

    >>> from tithe.types import Items
    >>> list(states(Snapshot(Items(["a"], ["text"]), labels={"a": "x"}), "a"))
    ['labelled']
    """
    answers = snapshot.answers.get(id, {})
    if id in snapshot.labels:
        yield "labelled"
    elif answers:
        yield "skipped"
    else:
        yield "open"
    if any(answer.flagged for answer in answers.values()):
        yield "flagged"
    if id in snapshot.audit:
        yield "audit"


def entry(snapshot: Snapshot, row: int, guesses: Mapping[str, Guess]) -> dict[str, Any]:
    """An item as a list shows it."""
    item = snapshot.items[row]
    guess = _shown(snapshot, item.id, guesses)
    return {
        "id": item.id,
        "text": item.text,
        "state": next(states(snapshot, item.id)),
        "flagged": "flagged" in states(snapshot, item.id),
        "label": label_out(snapshot.labels.get(item.id)),
        "suggestion": None if guess is None else {"label": guess[0], "confidence": guess[1]},
    }
