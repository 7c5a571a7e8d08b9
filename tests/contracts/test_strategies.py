"""The kit passes every registered strategy, and rejects each of these broken ones for the right reason."""

from dataclasses import dataclass
from itertools import count

import numpy as np
import pytest

from tithe import registry
from tithe.strategies.random import Random
from tithe.strategies.ranking import largest, wanted
from tithe.strategies.uncertainty import Uncertainty
from tithe.tasks import tasks_of
from tithe.testing import ConformanceError, check_strategy
from tithe.testing.strategies import CHECKS
from tithe.types import Selection


@pytest.mark.parametrize("name", registry.names("strategies"))
def test_registered_strategy_conforms(name):
    assert check_strategy(name) == list(CHECKS)


@pytest.mark.parametrize(
    "name", [one for one in registry.names("strategies") if tasks_of(registry.build("strategies", one)) is None]
)
def test_registered_strategy_for_any_task_conforms_on_tokens(name):
    assert check_strategy(name, tasks={"spans"}) == list(CHECKS)


def test_the_kit_takes_names_with_settings_objects_and_factories():
    for given in ("auto(per_class=2)", Uncertainty("entropy"), Random, lambda: Random()):
        assert check_strategy(given, seed=3) == list(CHECKS)


class Broken:
    needs = frozenset({"proba"})
    cold = None

    def good(self, pool, n, rng):
        return Uncertainty("margin").select(pool, n, rng)

    def select(self, pool, n, rng):
        selection = self.good(pool, n, rng)
        return Selection(*self.spoil(pool, selection.ids, selection.scores))


class TooFew(Broken):
    def spoil(self, pool, ids, scores):
        return ids[:3], scores[:3]


class Twice(Broken):
    def spoil(self, pool, ids, scores):
        return (ids[0],) * len(ids), scores


class AsksLabelled(Broken):
    def spoil(self, pool, ids, scores):
        done = [pool.ids[row] for row in pool.labelled[:1]]
        return (*done, *ids[len(done) :]), scores


class AsksPending(Broken):
    def spoil(self, pool, ids, scores):
        shut = [one for row, one in enumerate(pool.ids) if not pool.open[row] and row not in pool.labelled][:1]
        return (*shut, *ids[len(shut) :]), scores


class Invents(Broken):
    def spoil(self, pool, ids, scores):
        return ("nobody", *ids[1:]), scores


class NotFinite(Broken):
    def spoil(self, pool, ids, scores):
        return ids, (float("nan"), *scores[1:])


class ScoreForEachRow(Broken):
    def spoil(self, pool, ids, scores):
        return ids, (*scores, 0.0)


class TakesAnyNumber(Broken):
    def select(self, pool, n, rng):
        return self.good(pool, n, rng) if n > 0 else Selection((), ())


class FirstRows(Broken):
    def select(self, pool, n, rng):
        self.good(pool, n, rng)
        rows = np.flatnonzero(pool.open)[:n]
        return pool.pick(rows, np.zeros(len(rows)))


class Mutates(Broken):
    def select(self, pool, n, rng):
        pool.view("proba")[:] *= 0.5
        return self.good(pool, n, rng)


class MutatesByForce(Broken):
    def select(self, pool, n, rng):
        proba = pool.view("proba")
        proba.setflags(write=True)
        proba[:, 0] += 0.125
        return self.good(pool, n, rng)


class OwnStream(Broken):
    numbers = count()

    def select(self, pool, n, rng):
        self.good(pool, n, rng)
        rows = np.random.default_rng(next(self.numbers)).permutation(pool.candidates)[:n]
        return pool.pick(rows, np.zeros(len(rows)))


class Undeclared(Broken):
    def select(self, pool, n, rng):
        pool.view("embeddings")
        return self.good(pool, n, rng)


class PeeksWhereProvided(Broken):
    def select(self, pool, n, rng):
        if "committee" in pool.provides:
            pool.view("committee")
        return self.good(pool, n, rng)


class NeedsTooMuch(Broken):
    needs = frozenset({"proba", "embeddings"})

    def select(self, pool, n, rng):
        return self.good(pool, n, rng)


class ColdNeedsAModel(Broken):
    cold = Uncertainty("margin")

    def select(self, pool, n, rng):
        return self.good(pool, n, rng)


class ReadsTexts(Broken):
    """Asks for long texts first, by `words`."""

    needs = frozenset()

    def words(self, pool, row):
        return len(pool.items[row].text.split())

    def select(self, pool, n, rng):
        n, rows = wanted(pool, n), pool.candidates
        scores = np.array([self.words(pool, row) for row in rows], float)
        best = largest(scores, n)
        return pool.pick(rows[best], scores[best])


class ReadsTextsOfPlaces(ReadsTexts):
    def words(self, pool, row):
        place = int(np.flatnonzero(pool.candidates == row)[0])
        return len(pool.items[place].text.split())


class ReadsNoEmptyText(ReadsTexts):
    def words(self, pool, row):
        return len(pool.items[row].text.split()[0])


class KeyErrors(Broken):
    def select(self, pool, n, rng):
        return {}["no"]


@dataclass
class Learns:
    rounds: int = 0
    needs = frozenset()
    cold = None

    def select(self, pool, n, rng):
        self.rounds += 1
        return Random().select(pool, n, rng)


@pytest.mark.parametrize(
    ("broken", "check"),
    [
        (TooFew, "leaves its inputs alone|picks as many open items as asked"),
        (Twice, "expected no id twice"),
        (AsksLabelled, "expected no labelled id"),
        (AsksPending, "expected no pending id"),
        (Invents, "expected ids of the pool only"),
        (NotFinite, "expected finite scores"),
        (ScoreForEachRow, "one for each id; given 8"),
        (TakesAnyNumber, "a ConfigError for n=0"),
        (FirstRows, "does not depend on the order of the rows"),
        (Mutates, "leaves its inputs alone"),
        (MutatesByForce, "leaves its inputs alone"),
        (OwnStream, "does the same again for the same stream"),
        (Undeclared, "asked for embeddings"),
        (PeeksWhereProvided, "asked for committee"),
        (NeedsTooMuch, "a NeedsError where 'embeddings' is missing"),
        (ColdNeedsAModel, "a cold part that needs no model"),
        (KeyErrors, "expected no error; given KeyError"),
        (Learns, "leaves its settings alone"),
        (ReadsTextsOfPlaces, "does not depend on the order of the rows"),
        (ReadsNoEmptyText, "copes with empty and odd texts”: expected no error; given IndexError"),
    ],
)
def test_the_kit_rejects_a_broken_strategy(broken, check):
    with pytest.raises(ConformanceError, match=check):
        check_strategy(broken())


def test_a_strategy_that_reads_texts_gets_texts_of_different_lengths():
    seen = set()

    class Watching(ReadsTexts):
        def words(self, pool, row):
            seen.add(super().words(pool, row))
            return super().words(pool, row)

    assert check_strategy(Watching()) == list(CHECKS)
    assert set(range(3, 21)) <= seen


def test_scores_may_rise():
    class Backwards(Uncertainty):
        def select(self, pool, n, rng):
            ranked = super().select(pool, n, rng)
            return Selection(ranked.ids[::-1], ranked.scores[::-1])

    assert check_strategy(Backwards()) == list(CHECKS)


def test_a_view_that_the_kit_cannot_make_is_named():
    class Strange(Random):
        needs = frozenset({"moonlight"})

        def select(self, pool, n, rng):
            pool.view("moonlight")
            return super().select(pool, n, rng)

        cold = None

    with pytest.raises(ConformanceError, match="moonlight"):
        check_strategy(Strange())
    assert check_strategy(Strange(), views={"moonlight": lambda rng, rows: rng.random((rows, 2))}) == list(CHECKS)


def test_a_strategy_is_tried_on_pools_of_the_tasks_that_it_names():
    seen = set()

    class Watching(Uncertainty):
        tasks = frozenset({"choice", "multilabel"})

        def select(self, pool, n, rng):
            seen.add((pool.task.name, *{type(label) for label in pool.answers.values()}))
            return super().select(pool, n, rng)

    check_strategy(Watching())
    assert {("choice", str), ("multilabel", frozenset)} <= seen


@pytest.mark.parametrize("tasks", [{"dreams", "choice"}, set()])
def test_tasks_that_the_kit_cannot_make_are_named(tasks):
    class Strange(Uncertainty):
        pass

    Strange.tasks = frozenset(tasks)
    with pytest.raises(
        ConformanceError, match=r"tasks that the kit cannot make: (choice, dreams|none); there are: choice"
    ):
        check_strategy(Strange())
