"""Small functions that write HTML; all text that comes from outside goes through `text`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import NewType

Html = NewType("Html", str)
"""Markup that is safe to put into the page as it is."""


def text(value: object) -> Html:
    """A value as text: escaped, with numbers and their units kept on one line.

    >>> text("<b> 95 %")
    '&lt;b&gt; 95&nbsp;%'
    """
    return Html(escape(str(value)).replace(" %", "&nbsp;%"))


def tag(name: str, *inside: str, cls: str = "") -> Html:
    """An element around markup.

    >>> tag("p", text("a < b"), cls="note")
    '<p class="note">a &lt; b</p>'
    """
    return Html(f"<{name}{f' class={chr(34)}{escape(cls)}{chr(34)}' if cls else ''}>{''.join(inside)}</{name}>")


def table(
    caption: str, head: Sequence[str], rows: Iterable[Sequence[object]], *, note: str = "", cls: str = ""
) -> Html:
    """A table whose first column names the row; it scrolls sideways on a narrow screen rather than the page."""
    top = "".join(f'<th scope="col">{text(cell)}</th>' for cell in head)
    body = "".join(
        "<tr>" + f'<th scope="row">{cell(row[0])}</th>' + "".join(f"<td>{cell(one)}</td>" for one in row[1:]) + "</tr>"
        for row in rows
    )
    return Html(
        f'<div class="scroll" role="region" tabindex="0" aria-label="{escape(caption)}"><table class="{escape(cls)}">'
        f"<caption><b>{text(caption)}</b>{f'<span>{text(note)}</span>' if note else ''}</caption>"
        f"<thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>"
    )


class Rich(str):
    """Markup in a cell, to be told from text."""

    __slots__ = ()


def cell(value: object) -> str:
    """A table cell: markup as it is, anything else as text."""
    return str(value) if isinstance(value, Rich) else text(value)


def details(summary: str, *inside: str) -> Html:
    """A part that opens on a click, and always in print."""
    return Html(f"<details><summary>{text(summary)}</summary>{''.join(inside)}</details>")
