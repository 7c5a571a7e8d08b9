"""Line charts as SVG that is written out directly, so that the page's own colours (and its dark mode) apply.

A line is told by colour, dash and marker, so that it is readable without colour and on paper. Nothing is drawn by
a script, and sizes are those of the viewBox.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise

from tithe.experiment.report.scale import Scale, nice_ticks

DASHES = ("6 4", "", "9 3 2 3", "2 3", "12 4", "5 2 2 2 2 2", "3 6")
MARKERS = ("circle", "square", "triangle", "diamond", "cross", "down", "ring")
COLOURS = 7
"""`--line-0` to `--line-6` of the style sheet; the first is the quiet one, of the baseline."""


@dataclass(frozen=True)
class Line:
    """A curve; `style` picks its colour, dash and marker."""

    name: str
    style: int
    x: Sequence[float]
    y: Sequence[float]
    low: Sequence[float | None] = ()
    high: Sequence[float | None] = ()


@dataclass(frozen=True)
class Bridge:
    """A horizontal mark between two curves: how far apart they reach the same score."""

    left: float
    right: float
    y: float
    text: str


@dataclass(frozen=True)
class Chart:
    """What a chart shows; `svg` draws it at a size. `span` fixes the y axis, so that several charts can be compared."""

    name: str
    title: str
    description: str
    lines: Sequence[Line]
    y_title: str
    level: tuple[float, str] | None = None
    bridge: Bridge | None = None
    x_title: str = "Labels"
    span: tuple[float, float] | None = None

    def svg(self, width: int, height: int, *, suffix: str = "") -> str:
        """The chart as one `<svg>`; `suffix` keeps the ids apart where a page has it in two sizes."""
        ident = escape(f"{self.name}{suffix}")
        plot = _Plot(self, width, height)
        body = [plot.grid(), *(plot.band(line) for line in self.lines), plot.full_data()]
        body += [plot.curve(line) for line in reversed(self.lines)]
        body += [plot.mark(), plot.axis_titles()]
        return (
            f'<svg class="chart" viewBox="0 0 {width} {height}" role="img" aria-labelledby="{ident}-t {ident}-d">'
            f'<title id="{ident}-t">{escape(self.title)}</title><desc id="{ident}-d">{escape(self.description)}</desc>'
            + "".join(body)
            + "</svg>"
        )


class _Plot:
    """A chart with its scales at one size."""

    def __init__(self, chart: Chart, width: int, height: int) -> None:
        self.chart = chart
        self.width, self.height = width, height
        self.left, self.right, self.top, self.bottom = 62, width - 14, 34, height - 46
        xs = [x for line in chart.lines for x in line.x]
        low, high = chart.span or _y_range(chart)
        self.logarithmic = min(xs) > 0 and max(xs) / min(xs) > 8
        self.x = Scale(min(xs), max(xs), self.left + 10, self.right - 10, self.logarithmic)
        self.y = Scale(low, high, self.bottom, self.top, False)

    def grid(self) -> str:
        """Lines and numbers of both axes."""
        parts = []
        for tick, text in nice_ticks(self.y.low, self.y.high, 6 if self.height > 260 else 5):
            y = self.y(tick)
            parts.append(f'<line class="grid" x1="{self.left}" x2="{self.right}" y1="{y:.1f}" y2="{y:.1f}"/>')
            parts.append(f'<text class="tick" x="{self.left - 8}" y="{y + 4:.1f}" text-anchor="end">{text}</text>')
        for tick in self.x.ticks(7 if self.width > 500 else 5):
            x = self.x(tick)
            parts.append(f'<line class="axis" x1="{x:.1f}" x2="{x:.1f}" y1="{self.bottom}" y2="{self.bottom + 5}"/>')
            parts.append(
                f'<text class="tick" x="{x:.1f}" y="{self.bottom + 19}" text-anchor="middle">{tick:,.0f}</text>'
            )
        parts.append(f'<line class="axis" x1="{self.left}" x2="{self.right}" y1="{self.bottom}" y2="{self.bottom}"/>')
        return "".join(parts)

    def axis_titles(self) -> str:
        """What the axes are."""
        centre = (self.left + self.right) / 2
        below = escape(self.chart.x_title) + (" (log scale)" if self.logarithmic else "")
        return (
            f'<text class="name" x="{centre:.0f}" y="{self.height - 6}" text-anchor="middle">{below}</text>'
            f'<text class="name" x="8" y="14">{escape(self.chart.y_title)}</text>'
        )

    def band(self, line: Line) -> str:
        """The interval about a curve."""
        bounds = [
            (x, a, b) for x, a, b in zip(line.x, line.low, line.high, strict=False) if a is not None and b is not None
        ]
        if len(bounds) < 2:
            return ""
        over = [self._point(x, b) for x, _, b in bounds]
        under = [self._point(x, a) for x, a, _ in reversed(bounds)]
        return f'<polygon class="band line-{line.style % COLOURS}" points="{" ".join(over + under)}"/>'

    def curve(self, line: Line) -> str:
        """The line and its markers."""
        points = list(zip(line.x, line.y, strict=True))
        colour, dash = f"line-{line.style % COLOURS}", DASHES[line.style % len(DASHES)]
        path = " ".join(self._point(x, y) for x, y in points)
        marks = "".join(marker(line.style, self.x(x), self._clip(y)) for x, y in points)
        return (
            f'<g class="{colour}"><polyline class="curve" stroke-dasharray="{dash}" points="{path}"/>{marks}'
            f"<title>{escape(line.name)}</title></g>"
        )

    def full_data(self) -> str:
        """The level of a model that has all labels."""
        if self.chart.level is None:
            return ""
        score, text = self.chart.level
        y = self.y(score)
        return (
            f'<line class="level" x1="{self.left}" x2="{self.right}" y1="{y:.1f}" y2="{y:.1f}"/>'
            f'<text class="note halo" x="{self.left + 6}" y="{y - 6:.1f}">{escape(text)}</text>'
        )

    def mark(self) -> str:
        """The bridge between two curves."""
        bridge = self.chart.bridge
        if bridge is None:
            return ""
        left, right, y = self.x(bridge.left), self.x(bridge.right), self.y(bridge.y)
        ends = "".join(
            f'<line class="bridge" x1="{x:.1f}" x2="{x:.1f}" y1="{y - 5:.1f}" y2="{y + 5:.1f}"/>' for x in (left, right)
        )
        # Under the right end of all curves: they rise, so the text is clear of them where its left end is.
        below = max(self._height(line, self.right - 8.2 * len(bridge.text)) for line in self.chart.lines)
        return (
            f'<line class="bridge" x1="{left:.1f}" x2="{right:.1f}" y1="{y:.1f}" y2="{y:.1f}"/>{ends}'
            f'<text class="strong halo" x="{self.right}" y="{min(max(below, y) + 24, self.bottom - 8):.1f}" '
            f'text-anchor="end">{escape(bridge.text)}</text>'
        )

    def _height(self, line: Line, place: float) -> float:
        """Where the curve is at this horizontal place."""
        points = [(self.x(x), self._clip(y)) for x, y in zip(line.x, line.y, strict=True)]
        for (x0, y0), (x1, y1) in pairwise(points):
            if x0 <= place <= x1:
                return y0 + (y1 - y0) * (place - x0) / (x1 - x0)
        return points[0][1] if place < points[0][0] else points[-1][1]

    def _point(self, x: float, y: float) -> str:
        return f"{self.x(x):.1f},{self._clip(y):.1f}"

    def _clip(self, y: float) -> float:
        return min(max(self.y(y), self.top), self.bottom)


def _y_range(chart: Chart) -> tuple[float, float]:
    """Room for all means and the full-data level; a wide band may be cut, a mean may not."""
    means = [y for line in chart.lines for y in line.y] + ([chart.level[0]] if chart.level else [])
    bounds = [b for line in chart.lines for b in (*line.low, *line.high) if b is not None]
    span = max(max(means) - min(means), 0.01)
    low = max(min([min(means), *bounds]), min(means) - 0.25 * span)
    high = min(max([max(means), *bounds]), max(means) + 0.25 * span)
    return low - 0.04 * span, high + (0.12 if chart.level else 0.04) * span


def marker(style: int, x: float, y: float, r: float = 4.0) -> str:
    """The marker of a style, centred at x, y."""
    shape = MARKERS[style % len(MARKERS)]
    if shape == "circle":
        return f'<circle class="dot" cx="{x:.1f}" cy="{y:.1f}" r="{r}"/>'
    if shape == "ring":
        return f'<circle class="dot open" cx="{x:.1f}" cy="{y:.1f}" r="{r}"/>'
    if shape == "square":
        side = 2 * r - 0.8
        return f'<rect class="dot" x="{x - side / 2:.1f}" y="{y - side / 2:.1f}" width="{side}" height="{side}"/>'
    corner: Callable[[float, float], str] = lambda a, b: f"{x + a * r:.1f},{y + b * r:.1f}"  # noqa: E731
    if shape == "cross":
        ends = [corner(-1, -1), corner(1, 1)], [corner(-1, 1), corner(1, -1)]
        return "".join(f'<polyline class="stroke" points="{" ".join(end)}"/>' for end in ends)
    height = math.sqrt(3) / 2
    corners = {
        "triangle": [(0, -1.25), (1.2, height), (-1.2, height)],
        "down": [(0, 1.25), (1.2, -height), (-1.2, -height)],
        "diamond": [(0, -1.3), (1.3, 0), (0, 1.3), (-1.3, 0)],
    }[shape]
    return f'<polygon class="dot" points="{" ".join(corner(a, b) for a, b in corners)}"/>'


def swatch(style: int) -> str:
    """A short piece of the line, for a legend in the text."""
    dash = DASHES[style % len(DASHES)]
    return (
        f'<svg class="swatch line-{style % COLOURS}" viewBox="0 0 40 14" width="40" height="14" aria-hidden="true">'
        f'<polyline class="curve" stroke-dasharray="{dash}" points="1,7 39,7"/>{marker(style, 20, 7)}</svg>'
    )
