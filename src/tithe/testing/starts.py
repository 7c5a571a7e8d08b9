"""The conformance kit for starts: views that depend on what they say they depend on, and on nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tithe.errors import ConfigError, NeedsError
from tithe.models import Start, StartMaker
from tithe.models.starts import makers
from tithe.ragged import Ragged
from tithe.rng import stream
from tithe.testing.conformance import expect, run_checks
from tithe.testing.outputs import values_of
from tithe.tokens import places
from tithe.types import Items, View
from tithe.views import ViewStore

_TEXTS = (
    "The red bike has a flat tyre",
    "My red bike was stolen!",
    "Where is the blue boat?",
    "A blue boat left the harbour, slowly.",
    "Close my account, please",
    "please open an account for me",
    "Ein Fahrrad, zwei Fahrräder",
    "bike",
    "the boat and the bike and the account",
    "My red bike was stolen!",
)
_OTHER_TEXTS = ("Two loaves of bread", "Fresh bread and butter", "butter, jam, tea", "A cup of tea?", "jam and bread")
_NEW_TEXTS = ("the bike of the harbour", "Zebra", "", "日本語 🙂", "boat " * 400)
_TOLERANCE = 1e-4

Rows: TypeAlias = Any
"""A view: an array with a row for each item, or a `Ragged` with one for each token."""


def check_start(start: str | StartMaker | Callable[[], StartMaker], *, seed: int = 0) -> list[str]:
    """The names of the checks that the start passed.

    Args:
        start: a registered name (with settings, if need be), what an entry point makes, or what makes one.
        seed: of the streams that it is prepared with.

    Raises:
        ConformanceError: at the first check that fails; says what was expected and given.

    >>> "gives the rows of the whole for a part" in check_start("lexical")
    True
    """
    part: Any = _named(start) if isinstance(start, str) else start
    if isinstance(part, type) or not hasattr(part, "prepare"):
        part = part()
    return run_checks(part, CHECKS, _Probe(part, seed))


def _named(spec: str) -> StartMaker:
    found = makers(spec)
    if len(found) != 1:
        raise ConfigError(f"{spec!r} names {len(found)} starts; check each by itself")
    return found[0][1]


def _items(texts: Sequence[str]) -> Items:
    # Shuffled, so that the order of the ids is not the order of the rows.
    numbers = stream(0, "testing", "starts", len(texts)).permutation(len(texts))
    return Items([f"item-{number:04d}" for number in numbers], list(texts))


@dataclass(frozen=True)
class _Probe:
    """A start on trial. Each `prepared` one has a view store of its own, so that nothing is remembered for it."""

    maker: StartMaker
    seed: int

    def prepared(self, items: Items, *path: str) -> Start:
        rng = stream(self.seed, "testing", "start", *path)
        return self.maker.prepare(items, store=ViewStore(None), rng=rng)

    @cached_property
    def items(self) -> Items:
        return _items(_TEXTS)

    @cached_property
    def start(self) -> Start:
        """One that the checks share; it may remember."""
        return self.prepared(self.items)


def _views(start: Start, items: Items) -> dict[View, Rows]:
    return {name: start.view(name, items) for name in sorted(start.provides)}


def _same(first: Mapping[View, Rows], second: Mapping[View, Rows]) -> bool:
    return first.keys() == second.keys() and all(_alike(first[name], second[name]) for name in first)


def _alike(first: Rows, second: Rows) -> bool:
    """The same bits, and of tokens the same in each item."""
    if isinstance(first, Ragged) != isinstance(second, Ragged):
        return False
    if isinstance(first, Ragged) and not np.array_equal(first.splits, second.splits):
        return False
    return np.array_equal(values_of(first), values_of(second))


def _expect_same(first: Mapping[View, Rows], second: Mapping[View, Rows], claim: str) -> None:
    expect(first.keys() == second.keys(), f"{claim}: {', '.join(first)}", ", ".join(second))
    for name in first:
        same = _alike(first[name], second[name])
        gap = same or _gap(values_of(first[name]), values_of(second[name]))
        expect(same, f"{claim}, the same bits of {name!r}", gap)


def _gap(first: NDArray[Any], second: NDArray[Any]) -> str:
    if first.shape != second.shape:
        return f"shapes {first.shape} and {second.shape}"
    return f"differences up to {np.abs(first - second).max():.2g}"


def _provides(probe: _Probe) -> None:
    expect(isinstance(probe.start.provides, frozenset), "a frozenset of views", type(probe.start.provides).__name__)
    expect(bool(probe.start.provides), "at least one view", "none")
    for name in probe.start.provides:
        try:
            probe.start.view(name, probe.items)
        except NeedsError as error:
            expect(False, f"the view {name!r}, which it provides", f"NeedsError: {error}")


def _shapes(items: Callable[[_Probe], Items]) -> Callable[[_Probe], None]:
    def check(probe: _Probe) -> None:
        some = items(probe)
        for name, rows in _views(probe.start, some).items():
            known = values_of(probe.start.view(name, probe.items))
            if isinstance(rows, Ragged):
                # Whole numbers are those of word pieces, of which a text has as many as its tokenizer says.
                (_pieces if rows.values.ndim == 1 else _tokens)(name, rows, some, known)
                continue
            expect(isinstance(rows, np.ndarray), f"an array for {name!r}", type(rows).__name__)
            expect(rows.ndim == 2 and rows.shape[1] > 0, f"(n, d) for {name!r}", rows.shape)
            expect(len(rows) == len(some), f"{len(some)} rows of {name!r}, one an item", len(rows))
            expect(rows.dtype == np.float32, f"float32 for {name!r}", rows.dtype)
            expect(bool(np.isfinite(rows).all()), f"finite numbers in {name!r}", rows)
            width = known.shape[1]
            expect(rows.shape[1] == width, f"{width} columns of {name!r}, as for other items", rows.shape[1])

    return check


def _tokens(name: View, rows: Ragged, items: Items, known: NDArray[Any]) -> None:
    """What holds for a view with a row for each token."""
    where = places(items)
    same = rows.places is not None and np.array_equal(rows.splits, where.splits)
    same = same and np.array_equal(rows.places, where.values)  # type: ignore[arg-type]  # not None
    expect(same, f"{name!r} to have the tokens of tithe.tokens.places(items), with their places", rows.lengths)
    kind = rows.values.dtype
    expect(kind in (np.float32, np.float16), f"float32 or float16 for {name!r}", kind)
    shape = (len(where.values), known.shape[1])
    expect(rows.values.shape == shape, f"{shape} for {name!r}, as wide as for other items", rows.values.shape)
    expect(bool(np.isfinite(rows.values).all()), f"finite numbers in {name!r}", rows.values)


def _pieces(name: View, rows: Ragged, items: Items, known: NDArray[Any]) -> None:
    """What holds for a view of word pieces: numbers, with the places in the text that they stand for."""
    expect(rows.values.dtype == known.dtype == np.int32, f"int32 for {name!r}", rows.values.dtype)
    expect(len(rows) == len(items), f"{len(items)} rows of {name!r}, one an item", len(rows))
    expect(bool((rows.values >= 0).all()), f"no negative number in {name!r}", rows.values)
    where = rows.places
    shape = (len(rows.values), 2)
    if where is None or where.shape != shape:
        expect(False, f"places {shape} of {name!r}: where each begins and ends", None if where is None else where.shape)
        return
    length = np.repeat([len(text) for text in items.texts], rows.lengths)
    inside = (where[:, 0] >= 0) & (where[:, 0] <= where[:, 1]) & (where[:, 1] <= length)
    expect(bool(inside.all()), f"places of {name!r} inside of their texts, in code points", where[~inside])
    for row in range(len(rows)):
        begins = where[slice(*rows.splits[row : row + 2]), 0]
        expect(bool((np.diff(begins) >= 0).all()), f"the pieces of {name!r} in the order of their text", begins)


def _unknown_view(probe: _Probe) -> None:
    try:
        given = probe.start.view("moonlight", probe.items)
    except NeedsError:
        return
    expect(False, "a NeedsError for the view 'moonlight'", given)


def _again(probe: _Probe) -> None:
    """Neither a second look nor a second start, prepared alike, sees anything else."""
    first = _views(probe.start, probe.items)
    _expect_same(first, _views(probe.start, probe.items), "the same when looked at twice")
    _expect_same(first, _views(probe.prepared(probe.items), _items(_TEXTS)), "the same when prepared again")


def _part_of_whole(probe: _Probe) -> None:
    start, rows = probe.prepared(probe.items), np.array([7, 2, 3, 2])
    parts = _views(start, probe.items.take(rows))
    whole = {name: view[rows] for name, view in _views(start, probe.items).items()}
    _expect_same(whole, parts, "the rows of the whole for items cut out of it")


def _row_order(probe: _Probe) -> None:
    order = stream(probe.seed, "testing", "order").permutation(len(probe.items))
    ids, texts = [probe.items.ids[row] for row in order], [probe.items.texts[row] for row in order]
    straight = _views(probe.start, probe.items)
    for name, view in _views(probe.start, Items(ids, texts)).items():
        far = float(np.abs(values_of(view) - values_of(straight[name][order])).max())
        expect(far <= _TOLERANCE, f"the same row of {name!r} for an item wherever it stands, to {_TOLERANCE}", far)


def _fingerprint(probe: _Probe) -> None:
    first = probe.prepared(probe.items)
    before = first.fingerprint
    expect(isinstance(before, str) and bool(before), "a fingerprint, a string", repr(before))
    _views(first, probe.items)
    expect(first.fingerprint == before, f"the fingerprint {before} after a view too", first.fingerprint)
    second = probe.prepared(_items(_TEXTS)).fingerprint
    expect(second == before, f"the fingerprint {before} when prepared again", second)


def _fingerprint_differs(probe: _Probe) -> None:
    """Views are stored by fingerprint: two starts that see the same items otherwise must not share one."""
    asked = _items(_NEW_TEXTS)
    for what, other in (("pool", probe.prepared(_items(_OTHER_TEXTS))), ("stream", probe.prepared(probe.items, "b"))):
        if not _same(_views(probe.start, asked), _views(other, asked)):
            claim = f"another fingerprint where another {what} gives other views"
            expect(other.fingerprint != probe.start.fingerprint, claim, f"{other.fingerprint} twice")


def _mutates_nothing(probe: _Probe) -> None:
    items = Items(list(probe.items.ids), list(_TEXTS), ["a"] * len(_TEXTS))
    before = (list(items.ids), list(items.texts), list(items.gold or ()))
    _views(probe.prepared(items), items)
    after = (list(items.ids), list(items.texts), list(items.gold or ()))
    expect(before == after, "ids, texts and gold left as they were", after)


def _blind_to_gold(probe: _Probe) -> None:
    plain = _views(probe.start, probe.items)
    for gold in (["a", "b"] * 5, ["b"] * 10):
        items = Items(probe.items.ids, probe.items.texts, gold)
        start = probe.prepared(items)
        _expect_same(plain, _views(start, items), "the same with and without gold labels")
        same = start.fingerprint == probe.start.fingerprint
        expect(same, "the same fingerprint with and without gold labels", start.fingerprint)


def _saves(probe: _Probe) -> None:
    with TemporaryDirectory() as name:
        settings = probe.start.save(Path(name))
        loaded = probe.maker.load(Path(name), json.loads(json.dumps(settings)), store=ViewStore(None))
        new = _items(_NEW_TEXTS)
        _expect_same(_views(probe.start, new), _views(loaded, new), "the same when saved and loaded")
        same = loaded.fingerprint == probe.start.fingerprint
        expect(same, f"the fingerprint {probe.start.fingerprint} when loaded", loaded.fingerprint)


CHECKS: Mapping[str, Callable[[_Probe], None]] = {
    "leaves its inputs alone": _mutates_nothing,
    "provides the views that it names": _provides,
    "gives a row of finite numbers for each item": _shapes(lambda probe: probe.items),
    "takes texts that it has not seen": _shapes(lambda probe: _items(_NEW_TEXTS)),
    "takes a single text": _shapes(lambda probe: _items(_NEW_TEXTS[:1])),
    "says which view it cannot give": _unknown_view,
    "sees the same again": _again,
    "gives the rows of the whole for a part": _part_of_whole,
    "does not depend on the order of the items": _row_order,
    "has a fingerprint that stays": _fingerprint,
    "has another fingerprint where views differ": _fingerprint_differs,
    "never reads the gold labels": _blind_to_gold,
    "comes back as it was saved": _saves,
}
"""What a start must do. The pool of the kit has ten short texts, one of them twice."""
