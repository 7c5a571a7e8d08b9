"""A stack of models learns what each of them learns alone: data, order, lengths and dropout are its own."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import torch

from tithe.models.tuning import heads, losses
from tithe.models.tuning.orders import Shuffled
from tithe.models.tuning.pieces import Feed, Frame, split_texts
from tithe.models.tuning.programs import Held, Problem, Single, outputs
from tithe.models.tuning.stacked import Stack, can_stack, why_not
from tithe.models.tuning.training import Course, Trained, train
from tithe.rng import stream
from tithe.stats import mean_interval
from tithe.types import Items

sys.path.insert(0, str(Path(__file__).parent))
from tiny_bert import CONFIG, WORDS, encoder, tokenizer

COURSE = Course(50, batch=6, rate=3e-4, judgements=5, patience=2)


TOKENIZER = tokenizer()


def texts(rng: np.random.Generator, count: int) -> Items:
    """Texts of 0 to 40 words, so that some need windows; some words fall into two pieces."""
    lengths = rng.integers(0, 40, count)
    lengths[:2] = 0, 40
    found = [" ".join(rng.choice([*WORDS, "w1x", "w7xx"], length)) for length in lengths]
    return Items([str(at) for at in range(count)], found)


def problem(
    seed: int,
    segments: Literal["items", "tokens"] = "items",
    kind: Literal["one", "set"] = "one",
    *,
    loss: str = "auto",
    class_weights: bool = False,
    held: bool = False,
    frozen: int = 1,
    dropout: float = 0.1,
    beside: int = 0,
    crf: bool = False,
) -> Problem:
    """A problem of its own data: 17 rows and more, labels by chance."""
    rng = stream(seed, "test", "problem")
    frame = Frame.of(TOKENIZER, CONFIG["max_position_embeddings"])

    def part(count: int) -> tuple[Feed, torch.Tensor]:
        items = texts(rng, count)
        feed = Feed.of(split_texts(TOKENIZER, items, "test"), frame, items, segments, "cpu")
        if beside:
            forms = rng.standard_normal((int(feed.splits[-1]), beside)).astype(np.float32)
            feed = replace(feed, beside=torch.as_tensor(forms))
        size = int(feed.splits[-1])
        if crf:  # legal paths of O and B
            return feed, torch.as_tensor(rng.integers(0, 2, size))
        one = rng.integers(0, 3, size) if kind == "one" else rng.integers(0, 2, (size, 3)).astype(np.float32)
        return feed, torch.as_tensor(one)

    def drawn_weights(feed: Feed) -> torch.Tensor:
        """Alike for all segments of a row."""
        return torch.as_tensor(np.repeat(rng.uniform(0.5, 2, len(feed)), np.diff(feed.splits)).astype(np.float32))

    def judges() -> Held:
        feed, targets = part(9 + seed)
        return Held(feed, targets, drawn_weights(feed))

    feed, targets = part(17 + seed)
    width = CONFIG["hidden_size"] + beside
    head = heads.Linked(width, 3) if crf else torch.nn.Linear(width, 3)
    with torch.no_grad():
        head.weight.copy_(torch.as_tensor(rng.normal(0, 0.02, tuple(head.weight.shape)).astype(np.float32)))
        head.bias.zero_()
    weights = drawn_weights(feed)
    of_classes = torch.as_tensor(rng.uniform(0.5, 2, 3).astype(np.float32)) if class_weights else None
    return Problem(
        encoder(), head, feed, targets, weights, losses.build(loss, kind, class_weights=of_classes),
        judges() if held else None, dropout, seed, frozen,
    )  # fmt: skip


def alone(problems: Sequence[Problem], course: Course = COURSE) -> list[Trained]:
    return [train(Single(one), [order(one)], course)[0] for one in problems]


def stacked(problems: Sequence[Problem], course: Course = COURSE) -> list[Trained]:
    return train(Stack(problems), [order(one) for one in problems], course)


def order(one: Problem) -> Shuffled:
    return Shuffled(one.feed.sizes, 6, seed=one.seed)


def check_same(made: Any, course: Course = COURSE) -> tuple[list[Trained], list[Trained]]:
    one, many = alone(made(), course), stacked(made(), course)
    for single, other in zip(one, many, strict=True):
        np.testing.assert_allclose(other.losses, single.losses, atol=1e-4)
        np.testing.assert_allclose(np.array(other.held), np.array(single.held), atol=1e-4)
        assert other.best == single.best
        assert other.state.keys() == single.state.keys()
        for name, value in single.state.items():
            torch.testing.assert_close(other.state[name], value, atol=2e-3, rtol=0, msg=name)
    return one, many


@pytest.mark.parametrize("settings", [{}, {"segments": "tokens"}, {"kind": "set"}], ids=str)
def test_each_model_of_a_stack_has_the_losses_of_its_single_fit(settings: dict[str, Any]) -> None:
    one, _ = check_same(lambda: [problem(seed, **settings) for seed in range(2)])
    assert all(len(single.losses) == 50 for single in one)
    assert one[0].losses != one[1].losses


@pytest.mark.parametrize(
    "settings",
    [
        {"kind": "set", "loss": "asymmetric", "class_weights": True},
        {"loss": "focal", "class_weights": True, "frozen": 0},
        {"frozen": 2},
        {"segments": "tokens", "beside": 5, "held": True},
        {"segments": "tokens", "crf": True, "held": True},
        {"dropout": 0.0},
    ],
    ids=str,
)
def test_so_it_is_with_other_losses_more_frozen_and_no_dropout(settings: dict[str, Any]) -> None:
    check_same(lambda: [problem(seed, **settings) for seed in range(2)], replace(COURSE, steps=8))


def learnable(seed: int, count: int) -> tuple[Items, torch.Tensor]:
    """Texts of seven of nine words; which third of the words a text has most of is its label."""
    words = stream(seed, "test", "learnable").integers(0, 9, (count, 7))
    thirds = np.stack([(words // 3 == third).sum(axis=1) for third in range(3)], axis=1)
    items = Items([str(at) for at in range(count)], [" ".join(WORDS[word] for word in row) for row in words])
    return items, torch.as_tensor(thirds.argmax(axis=1))


@pytest.mark.slow  # sixty fits
def test_in_bf16_thirty_stacked_runs_are_as_good_as_thirty_alone() -> None:
    frame, course = Frame.of(TOKENIZER, CONFIG["max_position_embeddings"]), Course(40, 16, 5e-3, 2e-2, precision="bf16")

    def fed(items: Items) -> Feed:
        return Feed.of(split_texts(TOKENIZER, items, "test"), frame, items, "items", "cpu")

    def made() -> list[Problem]:
        found = []
        for seed in range(30):
            items, targets = learnable(seed, 64)
            base = problem(seed)
            with torch.no_grad():
                for name, one in base.encoder.named_parameters():
                    if name.endswith("LayerNorm.weight"):
                        one.fill_(1)
            found.append(replace(base, feed=fed(items), targets=targets, weights=torch.ones(64), frozen=0))
        return found

    held, truth = learnable(999, 300)
    judged = fed(held)

    def accuracies(runs: Sequence[Trained]) -> np.ndarray:
        scores = []
        for run, one in zip(runs, made(), strict=True):
            single = Single(one)
            single.load(0, run.state)
            scores.append(float((outputs(single.module, judged)[0].argmax(dim=1) == truth).float().mean()))
        return np.array(scores)

    one, many = accuracies(alone(made(), course)), accuracies(stacked(made(), course))
    interval = mean_interval(one)
    assert one.mean() > 0.6, "the task is not learned"
    assert one.std() > 0.01
    assert interval.low <= many.mean() <= interval.high


def test_models_that_stop_early_leave_and_the_others_go_on_the_same() -> None:
    one, _ = check_same(lambda: [problem(seed, held=True) for seed in range(3)], replace(COURSE, steps=30, rate=3e-3))
    assert len({single.steps for single in one}) > 1, "no model left before the others"


def test_padding_and_the_others_of_a_stack_change_nothing() -> None:
    """A model beside longer ones has the losses and slopes that it has in a stack of its own."""
    one, course = problem(0, kind="set", loss="two_way"), Course(1)
    wide = [problem(seed, kind="set", loss="two_way") for seed in range(3)]
    rows = [np.array([0, 3]), np.array([1, 4, 5, 6, 7]), np.array([1, 1, 8, 9])]
    alone, together = Stack([one]), Stack(wide)
    single = alone.losses([rows[0]], 3, course)
    many = together.losses(rows, 3, course)
    torch.testing.assert_close(many[:1], single, atol=1e-5, rtol=1e-5)
    single.sum().backward()
    many.sum().backward()
    torch.testing.assert_close(together.norms()[:1], alone.norms(), atol=1e-5, rtol=1e-4)
    before = together.norms()
    together.scale(torch.tensor([1.0, 0.5, 0.0]))
    torch.testing.assert_close(together.norms(), before * torch.tensor([1.0, 0.5, 0.0]))


def test_states_go_in_and_out_under_the_names_of_a_single_program() -> None:
    stack, single = Stack([problem(0), problem(1)]), Single(problem(1))
    state, other = {name: value + 1 for name, value in single.state(0).items()}, stack.state(0)
    stack.load(1, state)
    assert all(torch.equal(value, state[name]) for name, value in stack.state(1).items())
    assert all(torch.equal(value, other[name]) for name, value in stack.state(0).items()), "the other one stays"


def test_what_differs_in_more_than_data_is_not_stacked() -> None:
    one = problem(0)
    assert can_stack([one, problem(1)])
    assert not can_stack([one, problem(1, kind="set")])
    assert not can_stack([one, problem(1, frozen=2)])
    assert not can_stack([one, problem(1, loss="focal")])
    assert not can_stack([one, problem(1, held=True)])
    assert not can_stack([one, replace(problem(1), encoder=encoder(num_attention_heads=4))])
    for size in ("intermediate_size", "max_position_embeddings"):
        assert not can_stack([one, replace(problem(1), encoder=encoder(**{size: 2 * CONFIG[size]}))])
    other = problem(1)
    with torch.no_grad():
        other.encoder.embeddings.word_embeddings.weight[7] += 1  # type: ignore[union-attr, index, operator]
    assert not can_stack([one, other])
    assert can_stack([problem(0, frozen=0), replace(other, frozen=0)]), "trained embeddings may differ"
    with pytest.raises(ValueError, match="cannot be stacked"):
        Stack([one, other])


def test_only_encoders_of_the_bert_kind_are_stacked() -> None:
    from transformers import DistilBertConfig, DistilBertModel

    other = DistilBertModel(DistilBertConfig(vocab_size=45, dim=32, n_layers=1, n_heads=2, hidden_dim=64))
    assert "DistilBertModel" in why_not(replace(problem(0), encoder=other))
    assert "tanh" in why_not(replace(problem(0), encoder=encoder(hidden_act="tanh")))


@pytest.mark.filterwarnings("ignore:The .grad attribute")  # torch's compiler hides it by itself, not as an error
def test_a_compiled_stack_computes_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the slow code generator: that the layers can be traced, for shapes that vary, is what could break."""
    from tithe.models.tuning import stacked_bert

    traced = torch.compile(stacked_bert._rest, dynamic=True, backend="aot_eager")
    monkeypatch.setattr(stacked_bert, "_compiled", lambda: traced)
    course = replace(COURSE, steps=4)
    problems = [problem(seed) for seed in range(2)]
    plain = stacked(problems, course)
    other = train(Stack(problems, compiled=True), [order(one) for one in problems], course)
    for a, b in zip(plain, other, strict=True):
        np.testing.assert_allclose(a.losses, b.losses, atol=1e-5)
