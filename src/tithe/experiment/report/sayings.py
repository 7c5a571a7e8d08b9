"""What a profile means, in sentences: for the page and for the terminal."""

from __future__ import annotations

from pathlib import Path

from tithe.data.profile import Profile

_CUT_AT_WORDS = 200
"""About the 256 tokens at which the packaged encoder cuts a text."""


def count(number: int) -> str:
    """A number with its thousands apart."""
    return f"{number:,}"


def share(part: int, whole: int) -> str:
    """A share in per cent; never 0 or 100 % for what is only nearly so.

    >>> share(1, 10_000), share(9_999, 10_000), share(1, 3), share(0, 5)
    ('< 0.1 %', '> 99.9 %', '33.3 %', '0 %')
    """
    if part in (0, whole):
        return "100 %" if part else "0 %"
    if 1000 * part < whole:
        return "< 0.1 %"
    if 1000 * (whole - part) < whole:
        return "> 99.9 %"
    return f"{100 * part / whole:.1f} %"


def many(number: int, one: str, several: str) -> str:
    """A clause with the number in it, in the singular for 1.

    >>> many(1, "text is near", "texts are near"), many(1200, "text is near", "texts are near")
    ('1 text is near', '1,200 texts are near')
    """
    return f"{count(number)} {one if number == 1 else several}"


def headline(profile: Profile) -> str:
    """The data set in one sentence."""
    name = Path(profile.source).name
    labels = profile.labels
    if labels is None:
        return f"{name}: {count(profile.items)} texts without labels"
    if labels.span_words is not None:
        entities = many(sum(number for _, number in labels.counts), "entity", "entities")
        kinds = many(len(labels.counts), "kind", "kinds")
        return f"{name}: {many(profile.items, 'text', 'texts')} with {entities} of {kinds}"
    each = "" if labels.per_item is None else f", {labels.per_item.mean:.1f} a text"
    return f"{name}: {count(profile.items)} texts, {len(labels.counts)} labels{each}"


def findings(profile: Profile) -> list[str]:
    """What deserves a look before anything is labelled or trained, the gravest first."""
    return [*_leaks(profile), *_copies(profile), *_labels(profile), *_texts(profile), *_notes(profile)]


def _leaks(profile: Profile) -> list[str]:
    found, leakage = [], profile.leakage
    if leakage is None:
        return []
    known = leakage.identical + leakage.same_words
    if known:
        other = (
            f"; {many(leakage.other_label, 'of them bears', 'of them bear')} another label there"
            if leakage.other_label
            else ""
        )
        advice = "simulate with --drop-leaks" if leakage.identical else "take them out of one of the two"
        found.append(
            f"{count(known)} of {count(leakage.test)} test texts ({share(known, leakage.test)}) stand in the training "
            f"file too{other}: scores come out too high for it; {advice}"
        )
    if leakage.near:
        subject = many(leakage.near, "further test text is", "further test texts are")
        found.append(f"{subject} nearly the same as one in the training file")
    if leakage.undeclared:
        names = ", ".join(name for name, _ in leakage.undeclared[:5])
        more = f" and {len(leakage.undeclared) - 5} more" if len(leakage.undeclared) > 5 else ""
        found.append(f"labels that only the test file has, which no model can learn here: {names}{more}")
    return found


def _copies(profile: Profile) -> list[str]:
    found, copies = [], profile.copies
    if copies.conflicting:
        subject = many(copies.conflicting, "text stands", "texts stand")
        found.append(f"{subject} several times, with labels that disagree")
    exact = copies.identical + copies.same_words
    if exact * 100 > profile.items:
        found.append(
            f"{share(exact, profile.items)} of the rows repeat the words of an earlier one: "
            "do not label them twice (--dedupe merges identical texts)"
        )
    if copies.near * 50 > profile.items:
        found.append(f"{share(copies.near, profile.items)} of the rows are nearly the same as an earlier one")
    if copies.near_conflicting:
        subject = many(
            copies.near_conflicting, "pair of nearly the same texts has", "pairs of nearly the same texts have"
        )
        found.append(f"{subject} different labels")
    return found


def _labels(profile: Profile) -> list[str]:
    found, labels = [], profile.labels
    if labels is None:
        return []
    if labels.unlabelled:
        found.append(many(labels.unlabelled, "item has no label yet", "items have no label yet"))
    rare = [name for name, number in labels.counts if number < 10]
    if rare:
        names = ", ".join(rare[:5]) + (f" and {len(rare) - 5} more" if len(rare) > 5 else "")
        of = many(len(labels.counts), "label", "labels")
        found.append(f"{len(rare)} of {of} occur{'s' * (len(rare) == 1)} fewer than ten times: {names}")
    if labels.per_item is None and labels.counts[0][1] * 2 > labels.labelled and len(labels.counts) > 2:
        top = share(labels.counts[0][1], labels.labelled)
        found.append(
            f"{top} of the items are {labels.counts[0][0]}: always answering that has this accuracy; look at F1 instead"
        )
    if labels.overlapping:
        found.append(
            f"{many(labels.overlapping, 'item has', 'items have')} spans that overlap, which BIO tags cannot say"
        )
    return found


def _texts(profile: Profile) -> list[str]:
    found = []
    if profile.wordless:
        found.append(f"{many(profile.wordless, 'text has', 'texts have')} no letter or digit at all")
    if profile.words.most > _CUT_AT_WORDS:
        above = "some" if profile.words.percentiles[99] <= _CUT_AT_WORDS else "more than 1 % of the"
        found.append(
            f"{above} texts are over {_CUT_AT_WORDS} words (the longest: {count(profile.words.most)}); "
            "the packaged encoder reads their beginning alone"
        )
    names = [
        name
        for name, number in profile.languages.counts
        if name != "unclear" and number * 100 > profile.languages.looked_at
    ]
    if len(names) > 1:
        found.append(f"several languages: {', '.join(names)}; the packaged encoder knows English")
    elif names and names[0] not in ("English", "unclear"):
        found.append(f"the texts seem to be {names[0]}; the packaged encoder knows English")
    broken = [
        one for one in profile.oddities if one.kind in ("replacement character", "mojibake", "half a surrogate pair")
    ]
    found.extend(f"{many(one.texts, 'text holds', 'texts hold')} {one.kind}: {one.meaning}" for one in broken)
    return found


def _notes(profile: Profile) -> list[str]:
    """What the reader said, but for what is said better above."""
    return [note for note in profile.notes if "repeat" not in note and "overlap" not in note]
