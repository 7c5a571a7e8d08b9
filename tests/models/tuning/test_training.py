"""The loop: it learns, it is the same again, it keeps the best, it says what went wrong, it goes on where it stood."""

import json
import logging
import os
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from tithe.errors import CacheError, ConfigError, TrainingError
from tithe.models.tuning.checkpoints import Checkpoint, checkpoint_of, kept_in
from tithe.models.tuning.orders import Shuffled
from tithe.models.tuning.programs import Single
from tithe.models.tuning.training import Course, NotANumberError, train

COURSE = Course(40, batch=16, rate=1e-3, head_rate=1e-2)


def fitted(problem, course=COURSE, *, seed=1, program=None, **more):
    program = program or Single(problem)
    return train(program, [Shuffled(problem.feed.sizes, course.batch, seed=seed)], course, **more)[0]


def same(first, second):
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


def test_the_loss_falls(problem_of):
    told = []
    course = replace(COURSE, rate=5e-3, head_rate=3e-2)
    trained = fitted(problem_of(), course, tell=lambda *said: told.append(said))
    assert np.mean(trained.losses[-5:]) < 0.5 * np.mean(trained.losses[:5])
    assert told == [("training", step + 1, 40) for step in range(40)]
    assert (trained.steps, trained.best) == (40, 40)


def test_the_same_seeds_are_the_same_weights_and_others_are_others(problem_of):
    first, second = fitted(problem_of()), fitted(problem_of())
    assert first.losses == second.losses
    assert same(first.state, second.state)
    assert not same(first.state, fitted(problem_of(), seed=2).state)
    assert not same(first.state, fitted(replace(problem_of(), seed=9)).state)  # another dropout


def test_rates_rise_over_the_warm_up_and_then_fall_to_nothing():
    course = Course(100, warmup=0.1)
    factors = [course.factor(step) for step in range(100)]
    assert factors[:10] == pytest.approx(np.arange(1, 11) / 10)
    assert factors[10:] == pytest.approx(np.arange(90, 0, -1) / 90)
    assert course.factor(100) == 0
    assert Course(1).factor(0) == 1
    assert Course(10, warmup=0).factor(0) == 1


def test_held_rows_are_looked_at_evenly_and_at_the_end():
    assert [step for step in range(25) if Course(25, judgements=4).judged(step)] == [5, 11, 17, 23, 24]
    assert [step for step in range(3) if Course(3, judgements=10).judged(step)] == [0, 1, 2]


def test_an_early_stop_keeps_the_best_weights(problem_of):
    """Held rows whose labels are all wrong: the better the fit, the worse they are."""
    problem = problem_of(held=24)
    problem = replace(problem, held=replace(problem.held, targets=(problem.held.targets + 1) % 3))
    course = replace(COURSE, judgements=20, patience=3)
    trained = fitted(problem, course)
    steps, losses = zip(*trained.held, strict=True)
    assert trained.best == steps[int(np.argmin(losses))]
    assert trained.steps == steps[-1] == trained.best + 3 * 2 < 40
    program = Single(problem_of())
    program.load(0, trained.state)
    again = replace(problem_of(held=24), held=problem.held)
    fresh = Single(again)
    fresh.load(0, trained.state)
    assert fresh.held_losses(course)[0] == pytest.approx(min(losses), rel=1e-5)


@pytest.mark.parametrize("dropout", [0.0, 0.2])
def test_accumulated_parts_are_the_whole_batch(problem_of, dropout):
    problem = problem_of(dropout=dropout)
    problem.weights[:] = torch.linspace(0.1, 2, 48)  # parts weigh otherwise than by their rows
    course = replace(COURSE, steps=12)
    again = problem_of(dropout=dropout)
    again.weights[:] = problem.weights
    whole, parts = fitted(problem, course), fitted(again, replace(course, accumulate=3))
    assert np.allclose(whole.losses, parts.losses, atol=2e-5)
    # AdamW divides by the size of gradients, so that rounding in tiny ones moves a weight by up to its rate.
    assert all(torch.allclose(whole.state[name], parts.state[name], atol=2e-3) for name in whole.state)


class Explodes(Single):
    """A loss that is no number from a step on."""

    def losses(self, rows, step, course, before=None):
        loss = super().losses(rows, step, course, before)
        return loss * float("nan") if step >= 7 else loss


def test_a_loss_that_is_no_number_stops_with_its_step_and_rows(problem_of):
    problem = problem_of()
    with pytest.raises(
        NotANumberError, match=r"the loss is nan at step 7, on the rows .*; try a smaller rate"
    ) as error:
        fitted(problem, program=Explodes(problem))
    expected = Shuffled(problem.feed.sizes, 16, seed=1).rows(7)
    assert error.value.rows.tolist() == expected.tolist()


class Small(Single):
    """A device whose memory holds `room` rows."""

    def __init__(self, problem, room):
        super().__init__(problem)
        self.room, self.tried = room, []

    def losses(self, rows, step, course, before=None):
        self.tried.append((step, len(rows[0])))
        if len(rows[0]) > self.room:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return super().losses(rows, step, course, before)


def test_too_little_memory_halves_the_batch_once_says_so_and_changes_nothing(problem_of, caplog):
    course = replace(COURSE, steps=6)
    program = Small(problem_of(dropout=0.2), 8)
    with caplog.at_level(logging.WARNING):
        trained = fitted(program.problem, course, program=program)
    assert program.tried == [(0, 16), *[(step, 8) for step in range(6) for _ in range(2)]]
    assert caplog.messages == ["step 0: memory is too small for 16 rows at once; halved from here on"]
    assert np.allclose(trained.losses, fitted(problem_of(dropout=0.2), course).losses, atol=2e-5)


def test_too_little_memory_for_half_a_batch_is_one_clear_error(problem_of):
    program = Small(problem_of(), 7)
    with pytest.raises(TrainingError, match=r"too small for half a batch of 16 rows .*; give a smaller batch, or a sm"):
        fitted(program.problem, program=program)


class Interrupted(Exception):  # noqa: N818  # it stands for a kill
    pass


def stops_at(step):
    def tell(what, done, total):
        if done == step:
            raise Interrupted

    return tell


@pytest.mark.parametrize(("held", "stop"), [(0, 11), (0, 39), (24, 17)])
def test_interrupted_and_resumed_is_uninterrupted_to_the_bit(problem_of, tmp_path, held, stop):
    expected = fitted(problem_of(held=held))
    checkpoint = Checkpoint(tmp_path / "here", "run", every=5)
    with pytest.raises(Interrupted):
        fitted(problem_of(held=held), checkpoint=checkpoint, tell=stops_at(stop))
    told = []
    resumed = fitted(problem_of(held=held), checkpoint=checkpoint, tell=lambda *said: told.append(said[1]))
    assert told[0] == stop - stop % 5 + 1
    assert resumed.losses == expected.losses
    assert (resumed.held, resumed.best) == (expected.held, expected.best)
    assert same(resumed.state, expected.state)


def test_a_kill_at_any_moment_of_writing_loses_no_state(problem_of, tmp_path, monkeypatch):
    """Whatever call a kill comes before: an earlier or the new state is there, and goes on to the same weights."""
    expected = fitted(problem_of())
    for name in ("rename", "fsync", "rmtree"):
        for count in (2, 3, 4):
            folder = tmp_path / f"{name}-{count}"
            left = [count * (3 if name == "rmtree" else 2 if name == "fsync" else 1)]

            def killing(original, left=left):
                def call(*args, **more):
                    left[0] -= 1
                    if left[0] == 0:
                        raise Interrupted
                    return original(*args, **more)

                return call

            with monkeypatch.context() as patch:
                home = {"fsync": os, "rmtree": shutil, "rename": Path}[name]
                patch.setattr(home, name, killing(getattr(home, name)))
                with pytest.raises(Interrupted):
                    fitted(problem_of(), checkpoint=Checkpoint(folder, "run", every=5))
            told = []
            resumed = fitted(
                problem_of(),
                checkpoint=Checkpoint(folder, "run", every=5),
                tell=lambda *said, told=told: told.append(said[1]),
            )
            assert told[0] > 5, (name, count)
            assert same(resumed.state, expected.state)


def test_a_damaged_checkpoint_is_told_and_not_gone_on_with(problem_of, tmp_path):
    checkpoint = Checkpoint(tmp_path / "here", "run", every=5)
    with pytest.raises(Interrupted):
        fitted(problem_of(), checkpoint=checkpoint, tell=stops_at(6))
    (state,) = (tmp_path / "here").iterdir()
    whole = (state / "training.safetensors").read_bytes()
    (state / "training.safetensors").write_bytes(whole[:100])
    with pytest.raises(CacheError, match=r"the checkpoint in .*0000005 is damaged .*; remove that folder"):
        fitted(problem_of(), checkpoint=checkpoint)
    (state / "training.safetensors").write_bytes(whole)
    (state / "training.json").write_text(json.dumps({}))
    with pytest.raises(CacheError, match="is damaged"):
        fitted(problem_of(), checkpoint=checkpoint)


def test_the_checkpoint_of_another_run_is_not_gone_on_with(problem_of, tmp_path):
    with pytest.raises(Interrupted):
        fitted(problem_of(), checkpoint=Checkpoint(tmp_path / "here", "run", every=5), tell=stops_at(6))
    with pytest.raises(ConfigError, match="holds the checkpoint of another run; remove it"):
        fitted(problem_of(), checkpoint=Checkpoint(tmp_path / "here", "another", every=5))


def test_checkpoints_are_for_one_model(problem_of, tmp_path):
    from tithe.models.tuning.stacked import Stack

    problems = [problem_of(seed=1), problem_of(seed=2)]
    orders = [Shuffled(one.feed.sizes, 16, seed=1) for one in problems]
    with pytest.raises(ConfigError, match="one model at a time"):
        train(Stack(problems), orders, COURSE, checkpoint=Checkpoint(tmp_path / "here", "run"))


def test_a_folder_of_checkpoints_goes_when_all_is_done_and_stays_when_not(tmp_path):
    assert checkpoint_of("anything") is None
    with kept_in(tmp_path / "kept"):
        first, second = checkpoint_of("a", 1), checkpoint_of("a", 2)
        assert checkpoint_of("a", 1).folder == first.folder != second.folder
        first.folder.mkdir(parents=True)
    assert not (tmp_path / "kept").exists()
    first.folder.mkdir(parents=True)
    with pytest.raises(Interrupted), kept_in(tmp_path / "kept"):
        raise Interrupted
    assert first.folder.is_dir()
    assert checkpoint_of("anything") is None


def test_a_step_without_any_segment_is_a_loss_of_nothing(problem_of, tiny):
    """Texts without tokens, in a task of spans: all of a batch may be such."""
    from tithe import Items
    from tithe.models.tuning.pieces import Feed

    problem = problem_of(count=4)
    items = Items(list("abcd"), ["", " ", "", ""])
    feed = Feed.of(tiny.view("pieces", items), problem.feed.frame, items, "tokens", "cpu")
    problem = replace(problem, feed=feed, targets=torch.empty(0, dtype=torch.int64), weights=torch.empty(0))
    assert fitted(problem, replace(COURSE, steps=2)).losses == [0, 0]
