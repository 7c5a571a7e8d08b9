"""Offsets that a browser counted, in UTF-16 units, as code points."""

from __future__ import annotations


def from_utf16(text: str, start: int, end: int) -> tuple[int, int] | None:
    """The code points of a stretch given in UTF-16 units; None where it cuts a character or is not in the text.

    >>> from_utf16("👍 ok", 3, 5), from_utf16("👍 ok", 1, 5)
    ((2, 4), None)
    """
    raw = text.encode("utf-16-le", "surrogatepass")
    if not 0 <= start < end <= len(raw) // 2:
        return None
    try:
        before = len(raw[: 2 * start].decode("utf-16-le"))
        return before, before + len(raw[2 * start : 2 * end].decode("utf-16-le"))
    except UnicodeDecodeError:
        return None


def differ(text: str, end: int) -> bool:
    """Whether code points and UTF-16 units count differently up to `end`.

    >>> differ("so 👍", 3), differ("so 👍", 4)
    (False, True)
    """
    return not text.isascii() and any(character > "\uffff" for character in text[:end])
