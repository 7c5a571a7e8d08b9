"""Guidelines, written in Markdown, as HTML that is safe to show.

Whoever may write guidelines must not be able to run a script in the page of whoever reads them. So HTML in the text
stays text, pictures become links (a picture from elsewhere would tell its host who reads), and a link is one only where
its scheme is on a list.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from tithe.errors import ConfigError

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

LONGEST = 100_000
"""Characters of guidelines; far more than anybody reads beside a text, and little work to render."""

_SCHEMES = ("http", "https", "mailto")
_DEEPEST = 6


def check(markdown: str) -> str:
    """The guidelines as they are kept. Raises ConfigError where they are no text or longer than `LONGEST`."""
    if not isinstance(markdown, str):
        raise ConfigError(f"guidelines are text in Markdown; given a {type(markdown).__name__}")
    if len(markdown) > LONGEST:
        raise ConfigError(
            f"guidelines hold at most {LONGEST:,} characters; given {len(markdown):,}: shorten them, "
            f"or link to the rest"
        )
    return markdown


def render(markdown: str, *, below: int = 2) -> str:
    """The HTML of guidelines; their headings begin one level below that of the page's, `below`.

    Raises ConfigError as `check` does. Cost: linear but for hostile nesting, which markdown-it cuts at depth 20.

    >>> render("# Rule\\n*Never* <b>guess</b>.")
    '<h3>Rule</h3>\\n<p><em>Never</em> &lt;b&gt;guess&lt;/b&gt;.</p>\\n'
    """
    parser = _parser()
    tokens = parser.parse(check(markdown))
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(int(token.tag[1:]) + below, _DEEPEST)}"
        for child in token.children or ():
            _tame(child)
    return str(parser.renderer.render(tokens, parser.options, {}))


def _tame(token: Token) -> None:
    """A link opens a page of its own, which learns nothing of this one."""
    if token.type == "link_open":
        token.attrs["rel"] = "noopener noreferrer"
        token.attrs["target"] = "_blank"


@cache
def _parser() -> MarkdownIt:
    from markdown_it import MarkdownIt

    # CommonMark as it stands, with tables; without HTML, and without pictures: `![x](y)` is then a "!" and a link.
    parser = MarkdownIt("commonmark", {"html": False, "maxNesting": 20}).enable("table")
    parser.disable(["image", "html_block", "html_inline"])
    parser.validateLink = _may_link  # type: ignore[method-assign]  # markdown-it's own way to set it
    return parser


def _may_link(url: str) -> bool:
    """Whether a link may go there: a scheme of the list, spelt out. Relative links lead nowhere that guidelines know.

    The URL comes with its entities and escapes decoded, and browsers ignore control characters and spaces before a
    scheme, so a URL that holds any is refused rather than cleaned.
    """
    scheme, colon, _ = url.partition(":")
    return bool(colon) and scheme.lower() in _SCHEMES and all(char.isprintable() and char != " " for char in url)
