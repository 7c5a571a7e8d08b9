"""Guidelines are rendered as Markdown, and nothing in them can run."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest

from tithe.errors import ConfigError
from tithe.service.guidelines import LONGEST, check, render

# What has run in annotation tools or Markdown renderers before (CVE-2024-26152, CVE-2026-116554 and kin), and usual
# ways around a filter of schemes.
ATTACKS = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg/onload=alert(1)>",
    '<a href="javascript:alert(1)">x</a>',
    "<iframe src=javascript:alert(1)></iframe>",
    "<math><mi//xlink:href='data:x,<script>alert(1)</script>'>",
    "<!-- --!> <img src=x onerror=alert(1)> -->",
    "<style>@import 'http://evil.example/x.css';</style>",
    "[x](javascript:alert(1))",
    "[x](JaVaScRiPt:alert(1))",
    "[x](java\nscript:alert(1))",
    "[x](java&#10;script:alert(1))",
    "[x](java&Tab;script:alert(1))",
    "[x](&#106;avascript:alert(1))",
    "[x](&#x6A&#x61vascript:alert(1))",
    "[x](\\javascript:alert(1))",
    "[x]( javascript:alert(1))",
    "[x](<\x01javascript:alert(1)>)",
    "[x](%6Aavascript:alert(1))",
    "[x](vbscript:msgbox(1))",
    "[x](data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==)",
    "[x](data:image/svg+xml,<svg onload=alert(1)>)",
    "[x](file:///etc/passwd)",
    "[x](//evil.example/x)",
    "[x](?logout)",
    "<javascript:alert(1)>",
    "[x]: javascript:alert(1)\n\n[x]",
    '[x](https://a.example "\\" onmouseover=\\"alert(1)")',
    "![x](javascript:alert(1))",
    "![x](https://evil.example/who-reads.png)",
    '![x" onerror="alert(1)](https://a.example/x.png)',
    "`<img src=x onerror=alert(1)>`",
    "```<img src=x onerror=alert(1)>\n</code></pre><script>alert(1)</script>\n```",
    '```"><script>alert(1)</script>\nx\n```',
    "# <script>alert(1)</script>",
    "| <script>alert(1)</script> |\n|:-|\n| <img src=x onerror=alert(1)> |",
    "> <script\n> >alert(1)</script>",
]
TAGS = {"p", "a", "em", "strong", "code", "pre", "ul", "ol", "li", "blockquote", "hr", "br"}
TAGS |= {"h3", "h4", "h5", "h6", "table", "thead", "tbody", "tr", "th", "td"}


class Seen(HTMLParser):
    """The elements of a page and their attributes, as a parser of HTML reads them."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


@pytest.mark.parametrize("attack", ATTACKS)
def test_an_attack_in_guidelines_stays_text(attack: str) -> None:
    for tag, attributes in Seen(render(attack)).tags:
        assert tag in TAGS
        assert not [name for name in attributes if name.startswith("on")]
        assert set(attributes) <= {"href", "rel", "target", "title", "class", "style"}
        assert attributes.get("style") in (None, "text-align:left")
        assert (attributes.get("href") or "https://").startswith(("https://", "http://", "mailto:"))


def test_a_picture_is_a_link_so_that_its_host_learns_nothing() -> None:
    html = render("![a chart](https://example.org/chart.png)")
    assert "<img" not in html
    assert 'href="https://example.org/chart.png"' in html


def test_links_open_apart_and_tell_nothing_of_this_page() -> None:
    ((_, attributes),) = [seen for seen in Seen(render("[a](http://example.org/b)")).tags if seen[0] == "a"]
    assert attributes == {"href": "http://example.org/b", "rel": "noopener noreferrer", "target": "_blank"}


@pytest.mark.parametrize("link", ["https://example.org", "HTTPS://example.org", "mailto:a@example.org"])
def test_links_with_schemes_of_the_list_are_links(link: str) -> None:
    assert "<a " in render(f"[x]({link})")


def test_headings_stand_below_that_of_the_page_and_never_deeper_than_six() -> None:
    tags = [tag for tag, _ in Seen(render("# a\n## b\n###### c")).tags]
    assert tags == ["h3", "h4", "h6"]
    assert [tag for tag, _ in Seen(render("# a", below=1)).tags] == ["h2"]


def test_tables_and_lists_are_rendered() -> None:
    tags = {tag for tag, _ in Seen(render("- a\n- b\n\n| label | when |\n|-|-|\n| ham | else |")).tags}
    assert {"ul", "li", "table", "th", "td"} <= tags


def test_guidelines_that_are_too_long_are_refused_in_one_line() -> None:
    assert check("a" * LONGEST)
    with pytest.raises(ConfigError, match=f"at most {LONGEST:,} characters; given {LONGEST + 1:,}"):
        render("a" * (LONGEST + 1))


def test_guidelines_that_are_no_text_are_refused() -> None:
    with pytest.raises(ConfigError, match="given a dict"):
        check({"a": 1})  # type: ignore[arg-type]


@pytest.mark.parametrize("hostile", ["[" * 20_000, ">" * 20_000, "*a_" * 10_000, "- " * 20_000, "|" * 20_000])
def test_hostile_nesting_is_rendered_without_failing(hostile: str) -> None:
    assert render(hostile)
