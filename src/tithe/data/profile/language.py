"""A guess at the languages: which alphabets, and for Latin letters which language's small words are there.

It is a vote of stop words, not a trained model: it tells ten languages in Latin letters apart where a text has two
such words or more, and leaves the rest unclear. Other alphabets are named as alphabets.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

STOP_WORDS: dict[str, frozenset[str]] = {
    name: frozenset(words.split())
    for name, words in {
        "English": "the of and to in is that for it with as on are was be at by from or what how which i you a an no "
        "do not we can this does me my has have",
        "German": "der die und das den von zu mit ist des im auf nicht für ein eine dem sich auch es ich wie was aus",
        "French": "le la les de des et en un une du est que pour dans qui sur pas au par il je ce avec plus sont",
        "Spanish": "el la los las de que y en un una por con para del se es no al como su lo más pero está qué",
        "Italian": "il la di che e un una per del con non della sono le i in da nel al come anche più gli dei è",
        "Portuguese": "o a os as de que e do da em um uma para com não no na por se dos mais como é ao das",
        "Dutch": "de het een van en in is dat op te zijn met voor niet aan er om ook als bij maar dan naar wat deze",
        "Swedish": "och att det i en som på är av för med den till inte om ett han var jag har de från så men vi",
        "Polish": "i w na z do się nie to że jest o jak po co ale za od przez dla są był czy tak ma już",
        "Turkish": "ve bir bu da de için ile çok ne gibi daha olarak en kadar sonra var mi ama değil ben o her mı",
    }.items()
}

_LANGUAGES_OF: dict[str, tuple[str, ...]] = {
    word: tuple(name for name, words in STOP_WORDS.items() if word in words)
    for word in frozenset().union(*STOP_WORDS.values())
}

_SCRIPTS: tuple[tuple[str, str], ...] = (
    ("Latin", "A-Za-z\u00aa\u00ba\u00c0-\u024f\u1e00-\u1eff"),
    ("Cyrillic", "\u0400-\u052f"),
    ("Greek", "\u0370-\u03ff\u1f00-\u1fff"),
    ("Hebrew", "\u0590-\u05ff"),
    ("Arabic", "\u0600-\u06ff\u0750-\u077f\ufb50-\ufdff\ufe70-\ufefc"),
    ("Devanagari", "\u0900-\u097f"),
    ("other Indic", "\u0980-\u0dff"),
    ("Thai", "\u0e00-\u0e7f"),
    ("Japanese", "\u3040-\u30ff"),
    ("Korean", "\u1100-\u11ff\uac00-\ud7a3"),
    ("Chinese characters", "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003fffd"),
)
_RUNS = tuple((name, re.compile(f"[{inside}]")) for name, inside in _SCRIPTS)
_WORD = re.compile(r"[^\W\d_]+")
_NO_WORDS = re.compile(r"https?://\S+|[@#]\w+")

UNCLEAR = "unclear"


@dataclass(frozen=True)
class Languages:
    """The guess for a sample of texts."""

    looked_at: int
    counts: tuple[tuple[str, int], ...]
    """Texts by language or alphabet, the most frequent first."""
    others: tuple[tuple[int, str], ...]
    """(row, guess) of the first texts that are surely not in the most frequent language."""


def guess(text: str) -> str:
    """The language of a text in Latin letters that has two of its stop words more than of any other, the alphabet of
    another text, or `unclear`.

    >>> guess("what is the price of it"), guess("Привет, мир"), guess("nonstop"), guess("日本語の本")
    ('English', 'Cyrillic', 'unclear', 'Japanese')
    """
    name, lead = _vote(text)
    return name if lead >= 2 else UNCLEAR


def _vote(text: str) -> tuple[str, int]:
    """The likeliest language or alphabet, and by how many stop words it leads."""
    if not text.isascii():
        letters = {name: len(run.findall(text)) for name, run in _RUNS}
        if letters["Japanese"] and letters["Japanese"] * 10 >= letters["Chinese characters"]:
            letters["Japanese"] += letters.pop("Chinese characters")
        script = max(letters, key=letters.__getitem__)
        if script != "Latin" and letters[script]:
            return script, letters[script] + 1
    votes: Counter[str] = Counter()
    for word in _WORD.findall(_NO_WORDS.sub(" ", text).casefold()):
        votes.update(_LANGUAGES_OF.get(word, ()))
    ranked = [*votes.most_common(2), (UNCLEAR, 0), (UNCLEAR, 0)]
    return ranked[0][0], ranked[0][1] - ranked[1][1]


def languages(texts: Sequence[str], *, most: int = 10_000) -> Languages:
    """The guess for all texts, or for `most` of them at even distances.

    A text where the most frequent language leads by a single word is counted as that one.
    """
    step = max(1, -(-len(texts) // most))
    votes = [(row, *_vote(texts[row])) for row in range(0, len(texts), step)]
    sure = Counter(name for _, name, lead in votes if lead >= 2)
    main = max(sure, key=lambda name: (sure[name], name), default=UNCLEAR)
    guesses = [(row, name if lead >= (1 if name == main else 2) else UNCLEAR) for row, name, lead in votes]
    counts = Counter(name for _, name in guesses)
    ranked = sorted(counts.items(), key=lambda one: (one[0] == UNCLEAR, -one[1], one[0]))
    others = [one for one in guesses if one[1] not in (main, UNCLEAR)][:5]
    return Languages(len(guesses), tuple(ranked), tuple(others))
