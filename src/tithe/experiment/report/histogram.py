"""A histogram as SVG, in the page's own colours."""

from __future__ import annotations

from html import escape

from tithe.data.profile.lengths import Spread
from tithe.experiment.report.markup import Html

_WIDTH, _HEIGHT, _LEFT, _BOTTOM, _TOP = 380, 190, 8, 40, 22


def histogram(found: Spread, name: str, title: str) -> Html:
    """The bins as bars, with the median; the last bar, of all that is longer, is lighter."""
    most = max(number for _, _, number in found.bins)
    width = (_WIDTH - 2 * _LEFT) / len(found.bins)
    base = _HEIGHT - _BOTTOM
    high = base - _TOP
    bars, ticks = [], []
    every = max(1, -(-len(found.bins) // 7))
    tail = found.bins[-1][1] - found.bins[-1][0] > found.bins[0][1] - found.bins[0][0]
    for place, (low, top, number) in enumerate(found.bins):
        x, height = _LEFT + place * width, number / most * high
        is_tail = tail and place == len(found.bins) - 1
        span = f"{low:,}" if low == top else f"{low:,} to {top:,}"
        kind, y = "column tail" if is_tail else "column", base - height
        bars.append(
            f'<rect class="{kind}" x="{x + 0.5:.1f}" y="{y:.1f}" width="{max(width - 1, 0.5):.1f}" '
            f'height="{height:.1f}">'
            f"<title>{span} {escape(found.unit)}: {number:,}</title></rect>"
        )
        if (place % every == 0 and place < len(found.bins) - every / 2 - 1) or place == len(found.bins) - 1:
            words = f"{low:,}+" if is_tail else f"{low:,}"
            centre = x + width / 2
            ticks.append(f'<text class="tick" x="{centre:.1f}" y="{base + 16}" text-anchor="middle">{words}</text>')
    middle = found.percentiles[50]
    described = f"{title}: from {found.least:,} to {found.most:,}, median {middle:,.0f}, mean {found.mean:,.1f}"
    axis = f'<line class="axis" x1="{_LEFT}" x2="{_WIDTH - _LEFT}" y1="{base}" y2="{base}"/>'
    below = f"{escape(found.unit)} · median {middle:,.0f} · most {found.most:,}"
    return Html(
        f'<svg class="chart" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-labelledby="{escape(name)}">'
        f'<title id="{escape(name)}">{escape(described)}</title>{"".join(bars)}{axis}{"".join(ticks)}'
        f'<text class="name" x="{_WIDTH / 2}" y="{_HEIGHT - 6}" text-anchor="middle">{below}</text>'
        f'<text class="name" x="{_LEFT}" y="14">up to {most:,} items</text></svg>'
    )
