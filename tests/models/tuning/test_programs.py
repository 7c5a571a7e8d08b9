"""One model as a program: rates by depth, what is frozen, norms, parts of a batch, outputs."""

import numpy as np
import pytest
import torch

from tithe import Items
from tithe.models.tuning.dropout import HashDropout
from tithe.models.tuning.orders import Shuffled
from tithe.models.tuning.pieces import Feed
from tithe.models.tuning.programs import Single, Tuned, depth_of, outputs, weight_of
from tithe.models.tuning.training import Course, train

COURSE = Course(6, batch=16, precision="fp32")


def weights(program):
    return {name: one.detach().clone() for name, one in program.module.named_parameters()}


def test_rates_fall_by_depth_from_the_topmost_layer(problem_of):
    course = Course(10, rate=1e-3, head_rate=1e-2, layer_decay=0.5)
    program = Single(problem_of(frozen=0))
    rate = {id(one): group["lr"] for group in program.groups(course) for one in group["params"]}
    for name, one in program.trained:
        expected = 1e-2 if name.startswith("head") else 1e-3 * {0: 0.25, 1: 0.5, 2: 1.0}[depth_of(name)]
        assert rate[id(one)] == pytest.approx(expected), name


def test_matrices_decay_and_vectors_do_not(problem_of):
    for group in Single(problem_of()).groups(Course(10, weight_decay=0.3)):
        assert {one.ndim > 1 for one in group["params"]} == {group["weight_decay"] > 0}


@pytest.mark.parametrize(
    ("frozen", "still"),
    [
        (0, []),
        (1, ["embeddings.word_embeddings"]),
        (2, ["embeddings", "encoder.layer.0"]),
        (3, ["embeddings", "encoder.layer.0", "encoder.layer.1"]),
    ],
)
def test_what_is_frozen_does_not_move_and_all_else_does(problem_of, frozen, still):
    program = Single(problem_of(frozen=frozen))
    before = weights(program)
    train(program, [Shuffled(program.problem.feed.sizes, 16, seed=1)], COURSE)
    for name, one in weights(program).items():
        inner = name.removeprefix("encoder.")
        rests = name.startswith("encoder.") and inner.startswith((*still, "pooler."))
        # A key's bias adds the same to all scores, which softmax takes out: its slope is 0 but for rounding.
        if "key.bias" not in name:
            assert torch.equal(one, before[name]) == rests, name


def test_a_state_holds_what_is_trained_and_comes_back(problem_of):
    program = Single(problem_of(frozen=2))
    assert set(program.state(0)) == {name for name, _ in program.trained}
    assert not any("layer.0" in name or "word_embeddings" in name for name in program.state(0))
    first = program.state(0)
    train(program, [Shuffled(program.problem.feed.sizes, 16, seed=1)], COURSE)
    assert not torch.equal(first["head.weight"], program.state(0)["head.weight"])
    program.load(0, first)
    assert all(torch.equal(first[name], one) for name, one in program.state(0).items())


def test_norms_are_those_of_all_gradients_and_scale_multiplies_them(problem_of):
    program = Single(problem_of())
    program.losses([np.arange(16)], 0, COURSE).sum().backward()
    gradients = torch.cat([one.grad.flatten() for _, one in program.trained])
    assert torch.allclose(program.norms()[0], gradients.norm())
    program.scale(torch.tensor([0.25]))
    scaled = torch.cat([one.grad.flatten() for _, one in program.trained])
    assert torch.allclose(scaled, 0.25 * gradients)


def test_parts_of_a_batch_drop_what_the_whole_drops(problem_of):
    program, rows = Single(problem_of(dropout=0.3)), np.arange(20)
    whole = program.losses([rows], 4, COURSE)
    parts = [program.losses([rows[a:b]], 4, COURSE, [rows[:a]]) for a, b in ((0, 7), (7, 20))]
    assert torch.allclose(whole, (7 * parts[0] + 13 * parts[1]) / 20, atol=1e-6)
    alone = program.losses([rows[7:]], 4, COURSE)
    assert not torch.allclose(alone, parts[1], atol=1e-4)


def test_rows_weigh_what_their_segments_do(problem_of):
    problem = problem_of(count=6)
    problem.weights[:] = torch.tensor([1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
    assert weight_of(problem, np.array([5, 1, 1])) == 10
    assert Single(problem).weights_of([np.array([0])]) == [1]


def test_outputs_are_those_of_each_row_alone_in_the_order_of_the_feed(problem_of):
    problem = problem_of(count=10)
    program = Single(problem)
    logits, states = outputs(program.module, problem.feed)
    program.module.eval()
    with torch.no_grad():
        for row in range(10):
            alone = program.module(problem.feed.batch(np.array([row])))
            assert torch.allclose(alone[0], logits[row], atol=1e-5)
    assert logits.shape == (10, 3)
    assert states.shape == (10, 32)


def test_no_rows_have_no_outputs(problem_of, tiny):
    problem = problem_of(count=4)
    none = Items([], [])
    feed = Feed.of(tiny.view("pieces", none), problem.feed.frame, none, "items", "cpu")
    logits, states = outputs(Single(problem).module, feed)
    assert (logits.shape, states.shape) == ((0, 3), (0, 32))


def test_held_losses_are_without_dropout(problem_of):
    program = Single(problem_of(held=12, dropout=0.5))
    first = program.held_losses(COURSE)
    program.losses([np.arange(8)], 3, COURSE)
    assert program.held_losses(COURSE) == first
    assert Single(problem_of()).held_losses(COURSE) is None


def test_every_dropout_of_a_program_is_its_own(problem_of):
    module = Single(problem_of()).module
    assert isinstance(module, Tuned)
    kinds = [one for one in module.modules() if "Dropout" in type(one).__name__]
    assert all(isinstance(one, HashDropout) for one in kinds)
    sites = [one.site for one in kinds if one.p]
    assert len(set(sites)) == len(sites) == 1 + 2 * 2 + 1
