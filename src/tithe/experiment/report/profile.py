"""The page of `tithe profile`: what a data set is like, before anything is labelled or trained."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from importlib.resources import files
from pathlib import Path
from string import Template

from tithe.data.profile import Copies, Leakage, Profile
from tithe.data.profile.labels import Labels, Together
from tithe.data.profile.lengths import Spread
from tithe.experiment.report.histogram import histogram
from tithe.experiment.report.markup import Html, Rich, details, table, tag, text
from tithe.experiment.report.sayings import count, findings, headline, share

_SHOWN = 25


def write_profile(profile: Profile, into: Path) -> None:
    """Writes the page; the same profile gives the same bytes."""
    into.parent.mkdir(parents=True, exist_ok=True)
    into.write_text(profile_page(profile), encoding="utf-8")


def profile_page(profile: Profile) -> str:
    """The page as one HTML file that needs nothing else."""
    here = files("tithe.experiment.report")
    style = "\n".join(here.joinpath(name).read_text(encoding="utf-8") for name in ("page.css", "profile.css"))
    name = Path(profile.source).name
    parts = [
        _cards(profile),
        _findings(profile),
        _labels(profile.labels),
        _lengths(profile),
        _copies(profile.copies, profile.threshold),
        _leakage(profile.leakage),
        _characters(profile),
    ]
    return Template(here.joinpath("page.html").read_text(encoding="utf-8")).substitute(
        title=text(f"tithe profile: {name}"),
        style=style,
        eyebrow=text(f"profile · {profile.source}"),
        headline=text(headline(profile)),
        contents="",
        sections="".join(parts),
        method=_method(profile),
        run="",
    )


def _section(title: str, *inside: str) -> Html:
    return tag("section", tag("h2", text(title)), *inside)


def _cards(profile: Profile) -> Html:
    labels, copies, leakage = profile.labels, profile.copies, profile.leakage
    cards = [(count(profile.items), "items", f"{profile.words.percentiles[50]:.0f} words in the median text")]
    if labels is not None:
        known = (
            "all known" if not labels.unlabelled else f"{share(labels.labelled, profile.items)} of the items have one"
        )
        cards.append((count(len(labels.counts)), "labels", known))
        cards.append((f"{labels.imbalance:,.0f} : 1", "imbalance", f"{labels.counts[0][0]} to {labels.counts[-1][0]}"))
    copied = copies.identical + copies.same_words + copies.near
    cards.append(
        (share(copied, profile.items), "copies", f"{count(copied)} rows say what an earlier one says, or nearly")
    )
    if leakage is not None:
        leaked = leakage.identical + leakage.same_words + leakage.near
        cards.append(
            (share(leaked, leakage.test), "of the test leaks", f"{count(leaked)} of {count(leakage.test)} texts")
        )
    return Html(
        '<dl class="cards">'
        + "".join(f"<div><dt>{text(b)}</dt><dd>{text(a)}</dd><dd>{text(c)}</dd></div>" for a, b, c in cards)
        + "</dl>"
    )


def _findings(profile: Profile) -> Html:
    found = findings(profile)
    if not found:
        return tag("p", "Nothing here needs a second look.")
    lines = "".join(tag("li", text(one)) for one in found)
    return Html(
        '<aside class="caveats" aria-label="Findings"><strong>Before you label or train</strong>'
        f"<ul>{lines}</ul></aside>"
    )


def _labels(labels: Labels | None) -> Html:
    if labels is None:
        return _section("Labels", tag("p", "The file has no labels."))
    whole = sum(number for _, number in labels.counts)
    of = whole if labels.span_words is not None or labels.per_item is None else labels.labelled
    unit = "entities" if labels.span_words is not None else "items"
    parts: list[str] = [_bars("How often each label occurs", unit, labels.counts, of)]
    if labels.per_item is not None:
        parts.append(_figure(f"{labels.per_item.unit.capitalize()} in an item", labels.per_item, "per-item"))
    if labels.combinations:
        title = f"The most frequent of {count(labels.distinct_combinations)} sets of labels"
        parts.append(_bars(title, "items", labels.combinations, labels.labelled, kind="set"))
    if labels.together is not None and labels.together.rows:
        parts.append(_together(labels.together))
    if labels.span_words is not None:
        parts.append(_figure("Words in an entity", labels.span_words, "span-words"))
        rows = [(name, ", ".join(f"{one} ({number:,})" for one, number in found)) for name, found in labels.surfaces]
        parts.append(table("What is labelled most often", ["Label", "Texts"], rows[:_SHOWN], cls="wrap"))
    return _section("Labels", *parts)


def _bars(title: str, unit: str, rows: Sequence[tuple[str, int]], whole: int, *, kind: str = "label") -> Html:
    """A table whose second column is drawn as bars."""
    most = max((number for _, number in rows), default=1)
    head = [kind.capitalize(), "", unit.capitalize(), "Share"]

    def line(name: str, number: int) -> tuple[object, ...]:
        bar = Rich(f'<span class="bar" style="--part:{number / most:.4f}"></span>')
        return name, bar, f"{number:,}", share(number, whole)

    shown = table(title, head, (line(*row) for row in rows[:_SHOWN]), cls="bars")
    if len(rows) <= _SHOWN:
        return shown
    more = table("The others", head, (line(*row) for row in rows[_SHOWN:]), cls="bars")
    return Html(shown + details(f"{len(rows) - _SHOWN} more {kind}s", more))


def _together(found: Together) -> Html:
    """A heat map as a table: darker is a larger share of the row's items."""
    rows: list[list[object]] = []
    for name, numbers, total in zip(found.rows, found.counts, found.totals, strict=True):
        cells: list[object] = [name, f"{total:,}"]
        for column, number in zip(found.columns, numbers, strict=True):
            heat = number / total if total and column != name else 0.0
            inside = "" if column == name else f"{number:,}" if number else "·"
            cells.append(Rich(f'<span class="heat" style="--heat:{heat:.3f}">{inside}</span>'))
        rows.append(cells)
    if found.is_ordered:
        title, note = "First label and the others", "Rows are the first label of an item, columns the labels beside it."
    else:
        title, note = "Labels that stand together", "Items that have both the label of the row and that of the column."
    note += f" The {len(rows)} most frequent; the darker, the larger the share of the row."
    return table(title, ["", "Items", *found.columns], rows, note=note, cls="together")


def _lengths(profile: Profile) -> Html:
    parts = [_figure("Words", profile.words, "words"), _figure("Characters", profile.characters, "characters")]
    if profile.tokens is not None:
        parts.append(_figure("Tokens of the file", profile.tokens, "tokens"))
    spreads = [one for one in (profile.words, profile.characters, profile.tokens) if one is not None]
    rows = [
        (
            one.unit.capitalize(),
            f"{one.least:,}",
            *(f"{value:,.0f}" for value in one.percentiles.values()),
            f"{one.most:,}",
            f"{one.mean:,.1f}",
        )
        for one in spreads
    ]
    head = ["", "Least", *(f"{each} %" for each in profile.words.percentiles), "Most", "Mean"]
    return _section(
        "Lengths",
        tag("div", *parts, cls="small"),
        table("Percentiles", head, rows),
        details(
            "The shortest and the longest texts", _list(_cut(one) for one in (*profile.shortest, *profile.longest))
        ),
    )


def _figure(title: str, found: Spread, name: str) -> Html:
    return tag("figure", tag("h3", text(title)), histogram(found, f"h-{name}", title))


def _copies(copies: Copies, threshold: float) -> Html:
    kinds = [
        ("identical", f"{copies.identical:,}", "to the letter"),
        ("the same words", f"{copies.same_words:,}", "but for case, punctuation and blanks"),
        ("near", f"{copies.near:,}", f"{threshold:.0%} or more of their word pairs are common".replace("%", " %")),
    ]
    parts: list[str] = [table("Rows that repeat an earlier one", ["Kind", "Rows", "Meaning"], kinds)]
    if not copies.is_whole:
        parts.append(tag("p", "There were too many candidates to look at all of them: there are more near copies."))
    for kind, number, found in (
        ("groups of the same words", copies.conflicting, copies.conflicts),
        ("near pairs", copies.near_conflicting, copies.near_conflicts),
    ):
        if found:
            rows = [
                (" ⇄ ".join(map(_cut, one.texts)), ", ".join(f"{name} ({times})" for name, times in one.labels))
                for one in found
            ]
            title = f"{count(number)} {kind} have labels that differ"
            parts.append(table(title, ["Text", "Labels"], rows, cls="wrap"))
    if copies.closest:
        near = [(_cut(a), _cut(b), f"{alike:.2f}") for a, b, alike in copies.closest]
        parts.append(
            table(
                "Near copies, from the least to the most alike", ["Text", "Other text", "Similarity"], near, cls="wrap"
            )
        )
    if copies.largest:
        large = [(_cut(one), f"{size:,}") for one, size in copies.largest]
        parts.append(
            table(f"The largest of {count(copies.groups)} groups", ["A text of it", "Rows"], large, cls="wrap")
        )
    return _section("Copies", *parts)


def _leakage(leakage: Leakage | None) -> Html:
    if leakage is None:
        return Html("")
    rows = [
        ("identical", f"{leakage.identical:,}", share(leakage.identical, leakage.test)),
        ("the same words", f"{leakage.same_words:,}", share(leakage.same_words, leakage.test)),
        ("near", f"{leakage.near:,}", share(leakage.near, leakage.test)),
        ("identical or same, with another label", f"{leakage.other_label:,}", share(leakage.other_label, leakage.test)),
    ]
    parts: list[str] = [table("Test texts that stand in this file too", ["Kind", "Texts", "Share of the test"], rows)]
    if leakage.undeclared:
        parts.append(table("Labels that only the test has", ["Label", "Texts"], leakage.undeclared))
    if leakage.examples:
        shown = [(_cut(a), "" if a == b else _cut(b), f"{alike:.2f}") for a, b, alike in leakage.examples]
        parts.append(table("Examples", ["Test text", "Text here", "Similarity"], shown, cls="wrap"))
    return _section("Leakage into the test", *parts)


def _characters(profile: Profile) -> Html:
    guessed = profile.languages
    parts: list[str] = [_bars("Languages, as guessed", "texts", guessed.counts, guessed.looked_at, kind="language")]
    if profile.oddities:
        rows = [
            (one.kind, f"{one.texts:,}", one.meaning, "  |  ".join(_cut(example, 60) for _, example in one.examples))
            for one in profile.oddities
        ]
        parts.append(table("Odd characters", ["Kind", "Texts", "Meaning", "Where"], rows, cls="wrap"))
    else:
        parts.append(tag("p", "No odd characters."))
    return _section("Languages and characters", *parts)


def _method(profile: Profile) -> Html:
    lines = (
        "Words are runs of letters and digits, without case; CJK characters count one by one.",
        "Near: the Jaccard similarity of the word pairs of two texts, begin and end included, is "
        f"{profile.threshold} or more. Candidates come from MinHash (96 hashes in 24 bands), and each is then checked "
        "exactly; of pairs just at a threshold of .7 about 2 in 1,000 are missed. Groups are chains of near pairs.",
        f"Languages are a guess: {profile.languages.looked_at:,} texts, each by its alphabet and, in Latin letters, "
        "by a vote of the stop words of ten languages. A text with too few of them is unclear.",
        "Imbalance is the count of the most frequent label over that of the rarest.",
    )  # fmt: skip
    return tag("section", tag("h2", "How this was computed"), _list(lines), cls="method")


def _list(lines: Iterable[str]) -> Html:
    return tag("ul", *(tag("li", text(line)) for line in lines), cls="found")


def _cut(one: str, most: int = 160) -> str:
    return one if len(one) <= most else f"{one[: most - 1]}…"
