"""The kit passes the start `lexical` and a tiny encoder, and rejects each of these broken ones for the right reason."""

import hashlib
from dataclasses import dataclass, field, replace
from itertools import count

import numpy as np
import pytest

from tithe.errors import ConfigError, NeedsError
from tithe.models import quiet
from tithe.models.encoder import Encoder, EncoderStart
from tithe.models.lexical import Lexical
from tithe.testing import ConformanceError, check_start
from tithe.testing.starts import CHECKS
from tithe.testing.tiny import write_tiny_encoder


@pytest.mark.parametrize("given", ["lexical", "lexical(dims=3)", Lexical(), Lexical, lambda: Lexical(dims=4)])
def test_lexical_conforms(given):
    assert check_start(given) == list(CHECKS)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    return Encoder(str(write_tiny_encoder(tmp_path_factory.mktemp("tiny") / "encoder", ["bike", "boat"])))


def test_an_encoder_conforms_with_its_word_pieces_too(tiny):
    assert check_start(tiny) == list(CHECKS)


@pytest.mark.parametrize(
    ("spoil", "claim"),
    [
        (lambda pieces: replace(pieces, values=pieces.values.astype(np.int64)), "int32 for 'pieces'"),
        (lambda pieces: replace(pieces, places=None), "where each begins and ends"),
        (lambda pieces: replace(pieces, places=pieces.places + 2), "inside of their texts, in code points"),
        (lambda pieces: replace(pieces, values=-pieces.values), "no negative number"),
        (
            lambda pieces: replace(pieces, places=pieces.places[::-1].copy()),
            "inside of their texts|order of their text",
        ),
        (lambda pieces: pieces[np.arange(len(pieces) - 1)], "one an item"),
    ],
)
def test_word_pieces_that_are_not_what_they_say_are_found(tiny, spoil, claim):
    class Spoilt(EncoderStart):
        def view(self, name, items):
            seen = super().view(name, items)
            return spoil(seen) if name == "pieces" else seen

    @dataclass(frozen=True)
    class Maker(Encoder):
        def prepare(self, items, *, store, rng, tell=quiet):
            return Spoilt(self.source, "spoilt", store, tell)

    with pytest.raises(ConformanceError, match=claim):
        check_start(Maker(tiny.source))


def test_starts_side_by_side_are_checked_one_by_one():
    with pytest.raises(ConfigError, match="names 2 starts"):
        check_start("lexical+lexical")


@dataclass(frozen=True)
class Letters:
    """A good start: counts of letters, less their mean in the pool. Each double below breaks one promise of it."""

    mean: np.ndarray = field(default_factory=lambda: np.zeros(26, np.float32))
    fingerprint: str = "none"
    provides = frozenset({"embeddings"})

    def prepare(self, items, *, store, rng, tell=None):
        digest = hashlib.blake2b("\n".join(sorted(items.texts)).encode()).hexdigest()
        return replace(self, mean=self.rows(items).mean(axis=0), fingerprint=digest)

    def load(self, folder, settings, *, store, tell=None):
        return replace(self, mean=np.array(settings["mean"], np.float32), fingerprint=settings["fingerprint"])

    def rows(self, items):
        letters = "abcdefghijklmnopqrstuvwxyz"
        return np.array([[text.count(letter) for letter in letters] for text in items.texts], np.float32)

    def view(self, name, items):
        if name not in self.provides:
            raise NeedsError(f"no {name}")
        return self.rows(items) - self.mean

    def save(self, into):
        return {"mean": self.mean.tolist(), "fingerprint": self.fingerprint}


def test_a_good_start_without_a_store_conforms():
    assert check_start(Letters()) == list(CHECKS)


class Boasts(Letters):
    provides = frozenset({"embeddings", "middle"})

    def view(self, name, items):
        return super().view(name, items) if name == "embeddings" else self.refuse(name)

    def refuse(self, name):
        raise NeedsError(f"no {name}")


class GivesAnything(Letters):
    def view(self, name, items):
        return super().view("embeddings", items)


class Doubles(Letters):
    def view(self, name, items):
        return super().view(name, items).astype(np.float64)


class Flat(Letters):
    def view(self, name, items):
        return super().view(name, items)[:, 0]


class OneRowAText(Letters):
    def view(self, name, items):
        first = [list(items.texts).index(text) for text in dict.fromkeys(items.texts)]
        return super().view(name, items)[first]


class NotFinite(Letters):
    def view(self, name, items):
        rows = super().view(name, items)
        with np.errstate(all="ignore"):
            return rows / np.where(self.rows(items).sum(axis=1, keepdims=True) > 0, 1, 0).astype(np.float32)


class WideForLong(Letters):
    def view(self, name, items):
        rows = super().view(name, items)
        return rows[:, : max(map(len, items.texts))]


class OwnStream(Letters):
    numbers = count()

    def view(self, name, items):
        return super().view(name, items) + np.float32(next(self.numbers))


class CentresWhatItSees(Letters):
    def view(self, name, items):
        rows = super().view(name, items)
        return rows - rows.mean(axis=0)


class SeesThePlace(Letters):
    def view(self, name, items):
        whole, rows = (items, np.arange(len(items))) if items.base is None else (items.base, items.rows)
        return (super().view(name, whole) + np.arange(len(whole), dtype=np.float32)[:, None])[rows]


class OneFingerprint(Letters):
    def prepare(self, items, *, store, rng, tell=None):
        return replace(super().prepare(items, store=store, rng=rng), fingerprint="letters v1")


class ForgetsItsStream(Letters):
    def prepare(self, items, *, store, rng, tell=None):
        made = super().prepare(items, store=store, rng=rng)
        return replace(made, mean=rng.random(26, np.float32))


class NewFingerprint(Letters):
    def prepare(self, items, *, store, rng, tell=None):
        made = super().prepare(items, store=store, rng=rng)
        return replace(made, fingerprint=f"{id(made)}-{id(items)}")


class LowersCases(Letters):
    def prepare(self, items, *, store, rng, tell=None):
        items.texts[:] = [text.lower() for text in items.texts]
        return super().prepare(items, store=store, rng=rng)


class ReadsGold(Letters):
    def view(self, name, items):
        gold = np.array([0 if items.gold is None else len(str(one)) for one in items.gold or items.ids], np.float32)
        return super().view(name, items) + (gold[:, None] if items.gold else 0)


class SavesHalf(Letters):
    def save(self, into):
        return {"mean": np.zeros(26).tolist(), "fingerprint": self.fingerprint}


class SavesArrays(Letters):
    def save(self, into):
        return {"mean": self.mean, "fingerprint": self.fingerprint}


class LoadsAnother(Letters):
    def load(self, folder, settings, *, store, tell=None):
        return replace(super().load(folder, settings, store=store), fingerprint="loaded")


@pytest.mark.parametrize(
    ("broken", "check"),
    [
        (Boasts, "provides the views that it names|given NeedsError: no middle"),
        (GivesAnything, "expected a NeedsError for the view 'moonlight'"),
        (Doubles, "expected float32 for 'embeddings'; given float64"),
        (Flat, r"expected \(n, d\) for 'embeddings'; given \(10,\)"),
        (OneRowAText, "expected 10 rows of 'embeddings', one an item; given 9"),
        (NotFinite, "takes texts that it has not seen”: expected finite numbers"),
        (WideForLong, "takes a single text”: expected 26 columns of 'embeddings', as for other items; given 23"),
        (OwnStream, "sees the same again”: expected the same when looked at twice"),
        (CentresWhatItSees, "gives the rows of the whole for a part"),
        (SeesThePlace, "does not depend on the order of the items"),
        (OneFingerprint, "expected another fingerprint where another pool gives other views"),
        (ForgetsItsStream, "expected another fingerprint where another stream gives other views"),
        (NewFingerprint, "has a fingerprint that stays"),
        (LowersCases, "leaves its inputs alone"),
        (ReadsGold, "never reads the gold labels"),
        (SavesHalf, "comes back as it was saved”: expected the same when saved and loaded"),
        (SavesArrays, "given TypeError: Object of type ndarray is not JSON serializable"),
        (LoadsAnother, "when loaded; given loaded"),
    ],
)
def test_the_kit_rejects_a_broken_start(broken, check):
    with pytest.raises(ConformanceError, match=check):
        check_start(broken())
