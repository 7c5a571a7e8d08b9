"""What a command shows while it works: progress, notes, a live chart. On stderr, so that output can be piped."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import pairwise

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from tithe.models import Tell

_EVERY_S = 5.0  # between two plain lines where there is no terminal

console = Console(stderr=True, highlight=False)


def note(text: str) -> None:
    """A line a person should see: about the data, not an error."""
    console.print(f"note: {text}", style="yellow", markup=False, soft_wrap=True)


class Notes(logging.Handler):
    """What the library warns of, as notes."""

    def emit(self, record: logging.LogRecord) -> None:
        """One line a warning."""
        note(record.getMessage())


class Plain:
    """Progress as lines, for logs: at most one every few seconds.

    `what` may say after a colon what is under way just now: "rounds: trec/lexical/linear/auto" belongs to "rounds".
    """

    def __init__(self) -> None:
        self._last = 0.0
        self._began: dict[str, tuple[float, int]] = {}
        self._at: dict[str, tuple[int, int]] = {}

    def __call__(self, what: str, done: int, total: int) -> None:
        """Says how far it is, with the rate and the time left; what a killed run had done has no part in the rate."""
        now = time.monotonic()
        kind, _, at = what.partition(": ")
        was, of = self._at.get(kind, (done, total))
        if done < was or total != of:  # the same kind of work on other items
            del self._began[kind]
        self._at[kind] = done, total
        began, before = self._began.setdefault(kind, (now, done))
        if now - self._last < _EVERY_S:
            return
        self._last = now
        spent, new = now - began, done - before
        pace = f" ({new / spent:.1f}/s, {left((total - done) * spent / new)} left)" if new and spent > 1 else ""
        sys.stderr.write(f"{kind}: {done} of {total}{pace}{f', now {at}' if at else ''}\n")


def left(seconds: float) -> str:
    """A time in words.

    >>> left(41.2), left(754), left(9000)
    ('41 s', '13 min', '2.5 h')
    """
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


class Bars:
    """Progress as bars that redraw themselves, one for each kind of work."""

    def __init__(self, progress: Progress) -> None:
        self.progress = progress
        self._bars: dict[str, TaskID] = {}

    def __call__(self, what: str, done: int, total: int) -> None:
        """Moves the bar of this kind of work; what a killed run had done has no part in its rate."""
        kind = what.partition(": ")[0]
        if kind not in self._bars:
            self._bars[kind] = self.progress.add_task(what, total=total, completed=done)
        bar = self._bars[kind]
        if self.progress.tasks[self.progress.task_ids.index(bar)].finished and done < total:
            self.progress.reset(bar)
        self.progress.update(bar, completed=done, total=total, description=what)


class Rate(TextColumn):
    """Items a second."""

    def __init__(self) -> None:
        super().__init__("{task.speed:.0f}/s")

    def render(self, task):  # type: ignore[no-untyped-def]
        """Empty until there is a rate."""
        return super().render(task) if task.speed else ""


@contextmanager
def progress() -> Iterator[Tell]:
    """A `Tell` that shows progress: bars on a terminal, lines elsewhere. What the library warns of becomes a note."""
    notes = Notes(logging.WARNING)
    logging.getLogger("tithe").addHandler(notes)
    try:
        if not console.is_terminal:
            yield Plain()
            return
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), Rate(), TimeRemainingColumn())
        with Progress(*columns, console=console, transient=True) as bars:
            yield Bars(bars)
    finally:
        logging.getLogger("tithe").removeHandler(notes)


_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))  # Braille bits by row and column


def chart(
    curves: Mapping[str, Sequence[tuple[float, float]]], *, width: int = 64, height: int = 14, x_most: float = 0
) -> list[tuple[str, str]]:
    """A line chart in Braille dots: rows of (text, colour name) pieces, ready to print one after another.

    Args:
        curves: points (x, y) of each named curve, x ascending.
        width, height: of the plot in characters; each holds 2 x 4 dots.
        x_most: the end of the x axis, so that it stays while points come in.
    """
    colours = ("white", "cyan", "yellow", "magenta", "green")
    points = [point for curve in curves.values() for point in curve]
    if not points:
        return [("waiting for the first round ...\n", "white")]
    right = max(x_most, *(x for x, _ in points), 1.0)
    low, high = min(y for _, y in points), max(y for _, y in points)
    low, high = max(0.0, low - 0.02), min(1.0, high + 0.02)
    cells: dict[tuple[int, int], tuple[int, str]] = {}
    for (_, curve), colour in zip(curves.items(), colours * len(curves), strict=False):
        for px, py in _line(curve, right, low, high, width * 2, height * 4):
            at = (py // 4, px // 2)
            cells[at] = (cells.get(at, (0, ""))[0] | _DOTS[py % 4][px % 2], colour)
    pieces: list[tuple[str, str]] = []
    for row in range(height):
        value = high - (high - low) * row / (height - 1)
        pieces.append((f"{value:6.1%} ┤" if row % 4 == 0 else "       │", "bright_black"))
        for column in range(width):
            bits, colour = cells.get((row, column), (0, "white"))
            pieces.append((chr(0x2800 + bits) if bits else " ", colour))
        pieces.append(("\n", "white"))
    pieces.append(("       └" + "─" * width + "\n", "bright_black"))
    pieces.append((f"        0{'labels':^{width - 8}}{right:>6.0f}\n", "bright_black"))
    for name, colour in zip(curves, colours * len(curves), strict=False):
        pieces.append((f"        ━━ {name}", colour))
    pieces.append(("\n", "white"))
    return pieces


def _line(
    curve: Sequence[tuple[float, float]], right: float, low: float, high: float, wide: int, tall: int
) -> Iterator[tuple[int, int]]:
    """The dots (column, row) of a polyline."""
    span = max(high - low, 1e-9)
    dots = [(round(x / right * (wide - 1)), round((high - y) / span * (tall - 1))) for x, y in curve]
    yield from dots[:1]
    for (x0, y0), (x1, y1) in pairwise(dots):
        steps = max(abs(x1 - x0), abs(y1 - y0), 1)
        for step in range(1, steps + 1):
            yield round(x0 + (x1 - x0) * step / steps), round(y0 + (y1 - y0) * step / steps)
