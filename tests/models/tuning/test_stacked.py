"""A stack of models learns what each of them learns alone: data, order, lengths and dropout are its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np
import pytest
import torch
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

from tithe.models.tuning import losses
from tithe.models.tuning.orders import Shuffled
from tithe.models.tuning.pieces import Feed, Frame, split_texts
from tithe.models.tuning.programs import Held, Problem, Single
from tithe.models.tuning.stacked import Stack
from tithe.models.tuning.training import Course, Trained, train
from tithe.rng import stream
from tithe.types import Items

WORDS = [f"w{number}" for number in range(40)]
CONFIG: dict[str, Any] = {
    "vocab_size": 45, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64,
    "max_position_embeddings": 24,
}  # fmt: skip
COURSE = Course(50, batch=6, rate=3e-4, judgements=5, patience=2)


def tokenizer() -> PreTrainedTokenizerFast:
    from tokenizers import Tokenizer
    from tokenizers.models import WordPiece
    from tokenizers.pre_tokenizers import Whitespace
    from tokenizers.processors import BertProcessing

    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "##x"]
    inner = Tokenizer(WordPiece({word: at for at, word in enumerate([*special, *WORDS])}, unk_token="[UNK]"))
    inner.pre_tokenizer = Whitespace()
    inner.post_processor = BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    return PreTrainedTokenizerFast(tokenizer_object=inner, pad_token="[PAD]", cls_token="[CLS]", sep_token="[SEP]")


TOKENIZER = tokenizer()


def encoder(**changes: Any) -> BertModel:
    """The same weights at each call, as those of a start are."""
    made = BertModel(BertConfig(**(CONFIG | changes)))
    rng = stream(0, "test", "encoder")
    with torch.no_grad():
        for one in made.parameters():
            one.copy_(torch.as_tensor(rng.normal(0, 0.1, tuple(one.shape)).astype(np.float32)))
    return made


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
) -> Problem:
    """A problem of its own data: 17 rows and more, labels by chance."""
    rng = stream(seed, "test", "problem")
    frame = Frame.of(TOKENIZER, CONFIG["max_position_embeddings"])

    def part(count: int) -> tuple[Feed, torch.Tensor]:
        items = texts(rng, count)
        feed = Feed.of(split_texts(TOKENIZER, items, "test"), frame, items, segments, "cpu")
        size = int(feed.splits[-1])
        one = rng.integers(0, 3, size) if kind == "one" else rng.integers(0, 2, (size, 3)).astype(np.float32)
        return feed, torch.as_tensor(one)

    feed, targets = part(17 + seed)
    head = torch.nn.Linear(CONFIG["hidden_size"], 3)
    with torch.no_grad():
        head.weight.copy_(torch.as_tensor(rng.normal(0, 0.02, (3, CONFIG["hidden_size"])).astype(np.float32)))
        head.bias.zero_()
    weights = torch.as_tensor(rng.uniform(0.5, 2, len(targets)).astype(np.float32))
    of_classes = torch.as_tensor(rng.uniform(0.5, 2, 3).astype(np.float32)) if class_weights else None
    return Problem(
        encoder(), head, feed, targets, weights, losses.build(loss, kind, class_weights=of_classes),
        Held(*part(9 + seed)) if held else None, dropout, seed, frozen,
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


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"segments": "tokens"},
        {"kind": "set"},
        {"kind": "set", "loss": "asymmetric", "class_weights": True},
        {"loss": "focal", "class_weights": True},
        {"frozen": 0},
        {"frozen": 2},
        {"dropout": 0.0},
    ],
    ids=str,
)
def test_each_model_of_a_stack_has_the_losses_of_its_single_fit(settings: dict[str, Any]) -> None:
    one, _ = check_same(lambda: [problem(seed, **settings) for seed in range(3)])
    assert all(len(single.losses) == 50 for single in one)
    assert one[0].losses != one[1].losses


def test_models_that_stop_early_leave_and_the_others_go_on_the_same() -> None:
    one, _ = check_same(lambda: [problem(seed, held=True) for seed in range(4)], replace(COURSE, rate=3e-3))
    assert len({single.steps for single in one}) > 1, "no model left before the others"
