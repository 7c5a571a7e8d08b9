"""Two speeds: the slow model asks once it is better on answers that neither has seen, and all follows from the log."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tithe import ActiveLearner, Items, Pool, Recipe, propose
from tithe.errors import ConfigError, NeedsError
from tithe.log import Added, Answered, Asked, Begun, Compared, Declared, Drawn, Embedded, Event, Learning, Log
from tithe.loop import Workshop
from tithe.loop.kept import KeptModel
from tithe.loop.replay import replay
from tithe.loop.swapping import compare, due, learned, unfinished
from tithe.models import Model
from tithe.tasks.choice import Choice
from tithe.views import ViewStore

POOR, GOOD = "sklearn(sklearn.dummy.DummyClassifier, strategy=prior)", "linear(members=3)"
RECIPE = Recipe(start="lexical", trainer=POOR, strategy="margin", slow=GOOD)


def log_of(example: Any, *more: Event, labelled: int = 0) -> Log:
    ids = list(example.pool.ids)
    answers = [Answered(one, example.gold[one]) for one in ids[:labelled]]
    return Log([Declared("choice", example.task.labels), Added(Items(ids, example.pool.texts)), *answers, *more])


def begun(log: Log, recipe: Recipe = RECIPE, seed: int = 0) -> Learning:
    log.append(Begun(str(recipe.trainer), str(recipe.slow), recipe.start, seed))
    found = log.snapshot().begun
    assert found is not None
    return found


def swapped(example: Any, recipe: Recipe = RECIPE, labelled: int = 80) -> tuple[Log, Compared]:
    log = log_of(example, labelled=labelled)
    found = compare(begun(log, recipe))
    log.append(found)
    return log, found


def test_the_better_one_of_two_is_found_and_by_how_much(example: Any) -> None:
    log, found = swapped(example)
    assert found.better
    assert found.held == 20  # a tenth of 80 would be 8
    assert found.slow == found.slow_right / 20 > found.fast + 0.1
    assert log.snapshot().slow is not None
    other = swapped(example, replace(RECIPE, trainer=GOOD, slow=POOR))[1]
    assert (other.better, other.fast_right, other.slow_right) == (False, found.slow_right, found.fast_right)


def test_a_tie_keeps_the_fast_one(example: Any) -> None:
    _, found = swapped(example, replace(RECIPE, trainer="linear(members=2)"))
    assert found.held == 20
    assert found.fast == found.slow
    assert not found.better


@pytest.mark.parametrize("labelled", [0, 39])
def test_with_fewer_than_forty_answers_nothing_is_held_back_and_the_fast_one_asks(example: Any, labelled: int) -> None:
    log, found = swapped(example, labelled=labelled)
    assert found == Compared(labelled + 3, better=False, held=0)
    assert log.snapshot().slow is None


def test_a_tenth_is_held_back_of_many(example: Any) -> None:
    assert swapped(example, labelled=230)[1].held == 23


def test_audit_items_take_no_part(example: Any) -> None:
    ids = list(example.pool.ids)
    plain = log_of(example, labelled=60)
    with_audit = log_of(example, labelled=60)
    # Wrong answers to audit items would spoil both models, and the comparison, if they were looked at.
    wrong = example.task.labels[0]
    with_audit.append(Drawn(tuple(ids[200:240])), *[Answered(one, wrong) for one in ids[200:240]])
    first, second = begun(plain), begun(with_audit)
    assert learned(first.at) == learned(second.at)
    moved = Learning(second.begun, replace(second.at, position=first.at.position))
    assert compare(moved) == compare(first)


def test_only_answers_whose_views_are_ready_take_part(example: Any) -> None:
    ids = tuple(example.pool.ids)
    log = log_of(example, Embedded((), start="lexical"), Embedded(ids[::2]), labelled=80)
    one = begun(log)
    assert list(learned(one.at)) == list(ids[:80:2])
    assert compare(one).held == 20


def test_another_seed_holds_other_answers_back(example: Any) -> None:
    log = log_of(example, labelled=120)
    found = {compare(begun(log, seed=seed)).slow_right for seed in range(6)}
    assert len(found) > 1


def test_rounds_ask_with_the_slow_model_from_the_comparison_that_it_wins(example: Any) -> None:
    log, _ = swapped(example)
    at = len(log) - 1
    found = propose(log.snapshot(), RECIPE, seed=0, n=9)
    alone = propose(log.snapshot(at), replace(RECIPE, trainer=GOOD, slow=None), seed=0, n=9)
    assert found.slow == at
    assert found.selection.ids == alone.selection.ids
    assert found.asking is not None
    assert alone.model is not None
    assert found.asking.fingerprint == alone.model.fingerprint
    assert found.serving is found.asking
    assert found.model is not None
    assert found.model.fingerprint != alone.model.fingerprint  # the fast one goes on learning beside it
    fast = propose(log.snapshot(), replace(RECIPE, slow=None), seed=0, n=9)  # a person has switched the slow one off
    assert (fast.slow, fast.serving) == (None, fast.model)
    assert fast.selection.ids != found.selection.ids


def test_answers_that_come_after_its_fit_do_not_change_the_slow_model_and_are_not_asked_again(example: Any) -> None:
    log, _ = swapped(example)
    before = propose(log.snapshot(), RECIPE, seed=0, n=9)
    log.append(*[Answered(one, example.gold[one]) for one in before.selection.ids[:5]])
    after = propose(log.snapshot(), RECIPE, seed=0, n=9)
    assert before.asking is not None
    assert after.asking is not None
    assert after.asking.fingerprint == before.asking.fingerprint
    assert not {*after.selection.ids} & {*before.selection.ids[:5]}


def test_a_comparison_that_the_fast_one_wins_swaps_back(example: Any) -> None:
    log, _ = swapped(example)
    recipe = replace(RECIPE, trainer=GOOD, slow=POOR)
    log.append(Declared("choice", example.task.labels))
    log.append(compare(begun(log, recipe)))
    assert log.snapshot().slow is None
    assert propose(log.snapshot(), RECIPE, seed=0, n=3).slow is None


def test_a_log_with_a_swap_is_replayed_question_by_question(example: Any, cache: Path) -> None:
    """Shown by the fast model, then by the slow one, with answers in between; told where the log is changed."""
    log, workshop = log_of(example, labelled=120), Workshop(ViewStore(cache))

    def show(many: int) -> None:
        at = log.snapshot()
        found = propose(at, RECIPE, seed=2, n=12, workshop=workshop)
        for one in found.selection.ids[:many]:
            log.append(
                Asked(
                    (one,), "margin", 2, at.position, n=12, start="lexical", trainer=POOR, initial="random", slow=GOOD
                )
            )
            log.append(Answered(one, example.gold[one]))

    show(4)
    one = begun(log, seed=2)
    show(4)  # while the slow one learns
    log.append(compare(one, workshop=workshop))
    assert log.snapshot().slow is not None
    show(6)
    show(6)
    for fresh in (Workshop(ViewStore(cache)), Workshop(ViewStore(None), warm=False)):
        found = replay(log, workshop=fresh)
        assert [len(one.shown) for one in found] == [4, 4, 6, 6]
        assert [one.strangers for one in found] == [()] * 4
        assert {one.recipe for one in found} == {RECIPE}
    changed = Log([replace(one, better=False) if isinstance(one, Compared) else one for one in log.events()])
    assert [bool(one.strangers) for one in replay(changed)] == [False, False, True, True]


def test_the_slow_model_is_taken_from_the_shelf_where_it_lies_ready(example: Any, tmp_path: Path) -> None:
    log, _ = swapped(example)
    fitted = propose(log.snapshot(), RECIPE, seed=0, n=5)
    asked, workshop = list[Learning](), Workshop(ViewStore(tmp_path))

    def shelf(one: Learning) -> Model | None:
        asked.append(one)
        return fitted.asking

    workshop.shelf = shelf
    for _ in range(2):
        found = propose(log.snapshot(), RECIPE, seed=0, n=5, workshop=workshop)
    assert asked == [log.snapshot().slow]
    assert found.selection == fitted.selection


def test_views_of_the_slow_model_are_computed_once_by_stage_and_go_on_after_a_kill(
    example: Any, tmp_path: Path
) -> None:
    ids = tuple(example.pool.ids)
    log = log_of(example, Embedded((), start="lexical"), Embedded(ids[:100]), labelled=60)
    log.append(compare(begun(log)))

    class Counted:
        def __init__(self, model: Model, most: int = 1000) -> None:
            self.model, self.most, self.seen = model, most, list[str]()

        def view(self, name: str, items: Items) -> Any:
            if len(self.seen) >= self.most:
                raise KeyboardInterrupt  # as a kill does, it ends the work between two shards
            self.seen += items.ids
            return self.model.view(name, items)

        def __getattr__(self, name: str) -> Any:
            return getattr(self.model, name)

    model = propose(log.snapshot(), RECIPE, seed=0, n=0).asking
    assert isinstance(model, KeptModel)
    plain: Any = model.model
    window = Workshop().window(log.snapshot())
    monkey = pytest.MonkeyPatch()
    monkey.setattr("tithe.loop.kept.SHARD", 30)
    with monkey.context():
        killed: Any = Counted(plain, 60)
        with pytest.raises(KeyboardInterrupt):
            KeptModel(killed, ViewStore(tmp_path)).view("proba", window)
        told = list[int]()
        again: Any = Counted(plain)
        kept = KeptModel(again, ViewStore(tmp_path), lambda what, done, total: told.append(done))
        proba = kept.view("proba", window)
        assert sorted(killed.seen + again.seen) == sorted(window.ids)
        assert told == [30, 60, 90, 100]
        np.testing.assert_array_equal(proba, plain.view("proba", window))
        log.append(Embedded(ids[100:]))
        kept.view("proba", Workshop().window(log.snapshot()))
        assert sorted(again.seen[40:]) == sorted(ids[100:])  # the new stage, and nothing of the first
    monkey.undo()


def test_views_that_a_model_makes_in_one_go_are_made_once(tmp_path: Path) -> None:
    items, asked = Items([f"i{n}" for n in range(5)], list("abcde")), list[str]()

    class Both:
        provides, task, fingerprint = frozenset({"proba", "embeddings", "committee"}), Choice(("a", "b")), "both"
        last: Items | None = None

        def view(self, name: str, part: Items) -> Any:
            asked.append(name if part is not self.last else "free")
            self.last = part
            return np.ones((len(part), {"proba": 2, "embeddings": 3}[name]), np.float32)

    model: Any = Both()
    kept = KeptModel(model, ViewStore(tmp_path))
    kept.keep(["proba", "embeddings", "committee"], items)
    assert asked == ["embeddings", "free"]
    assert kept.view("proba", items).shape == (5, 2)
    assert kept.view("embeddings", items.take(np.array([1, 3]))).shape == (2, 3)
    assert len(asked) == 2


@pytest.mark.parametrize(
    ("labelled", "before", "expected"),
    [(49, None, False), (50, None, True), (74, 60, False), (75, 60, True), (60, 10, True), (49, 10, False)],
)
def test_it_learns_at_fifty_labels_and_then_at_a_quarter_more(
    example: Any, labelled: int, before: int | None, expected: bool
) -> None:
    log = log_of(example, labelled=before or 0)
    if before is not None:
        log.append(Compared(begun(log).at.position, better=True, held=20))
    log.append(*[Answered(one, example.gold[one]) for one in example.pool.ids[before or 0 : labelled]])
    assert due(log.snapshot(), RECIPE) is expected
    assert not due(log.snapshot(), replace(RECIPE, slow=None))
    assert due(log.snapshot(), replace(RECIPE, slow="linear")) is (labelled >= 50)  # another one: as if for the first


def test_what_was_begun_and_not_compared_is_unfinished(example: Any) -> None:
    log = log_of(example, labelled=60)
    assert unfinished(log.snapshot(), RECIPE) is None
    one = begun(log)
    assert unfinished(log.snapshot(), RECIPE) is one
    assert unfinished(log.snapshot(), replace(RECIPE, start="minilm")) is None
    log.append(Compared(one.at.position, better=True, held=20))
    assert unfinished(log.snapshot(), RECIPE) is None


def test_a_strategy_that_the_slow_model_cannot_serve_is_refused_before_any_work(example: Any) -> None:
    recipe = replace(RECIPE, trainer="linear", slow="sklearn(GaussianNB)", strategy="bald")
    with pytest.raises(NeedsError, match="once the slow model asks, needs the view committee"):
        propose(log_of(example).snapshot(), recipe, seed=0, n=1)


def test_a_slow_trainer_that_the_start_has_no_view_for_fails_when_it_is_to_learn_and_stops_no_round(
    example: Any,
) -> None:
    recipe = replace(RECIPE, trainer="linear", slow="finetune")
    log = log_of(example, labelled=60)
    assert len(propose(log.snapshot(), recipe, seed=0, n=3).selection.ids) == 3
    with pytest.raises(NeedsError, match="the trainer needs one of the views pieces"):
        compare(begun(log, recipe))


def test_an_active_learner_swaps_when_it_is_told_to(example: Any) -> None:
    learner = ActiveLearner(Pool(example.pool), example.task, RECIPE)
    assert not learner.swap().held  # nothing is answered yet
    learner.tell({one: example.gold[one] for one in example.pool.ids[:160]})
    fast = learner.model
    assert learner.swap().better
    assert learner.model.fingerprint != fast.fingerprint
    assert len(learner.ask(3)) == 3
    learner.recipe = replace(RECIPE, slow=None)
    with pytest.raises(ConfigError, match=r"Recipe\(slow=...\)"):
        learner.swap()
