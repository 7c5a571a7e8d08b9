"""What the tests of fine-tuning share: a tiny encoder in a folder, items that it can learn, and problems to train."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from tithe import Choice, Items
from tithe.models.encoder import EncoderStart
from tithe.models.tuning import losses
from tithe.models.tuning.pieces import Feed, Frame
from tithe.models.tuning.programs import Held, Problem
from tithe.rng import stream
from tithe.testing.tiny import tiny_start, write_tiny_encoder

TOPICS = {
    "bike": ["bike", "wheel", "tyre", "bell", "chain", "pedal"],
    "bank": ["bank", "account", "card", "money", "loan", "transfer"],
    "boat": ["boat", "harbour", "sail", "anchor", "river", "wave"],
}
OTHERS = ["the", "a", "of", "and", "please", "where", "is", "my", "open", "close", "new", "old", "for", "with"]


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    words = [word for words in TOPICS.values() for word in words] + OTHERS
    return write_tiny_encoder(tmp_path_factory.mktemp("tiny") / "encoder", words)


@pytest.fixture(scope="session")
def tiny(tiny_folder: Path) -> EncoderStart:
    return tiny_start(tiny_folder)


def messages(count: int, seed: int = 0, *, most: int = 4) -> tuple[Items, list[str]]:
    """Short texts about one of three things, each with its label."""
    rng = stream(seed, "messages", count)
    labels = [list(TOPICS)[number] for number in rng.integers(3, size=count)]
    texts = []
    for label in labels:
        words = [*rng.choice(TOPICS[label], 2), *rng.choice(OTHERS, int(rng.integers(1, most)))]
        texts.append(" ".join(rng.permutation(words)))
    return Items([f"m{seed}-{row}" for row in range(count)], texts, labels), labels


TASK = Choice(tuple(TOPICS))


@pytest.fixture
def problem_of(tiny: EncoderStart) -> Callable[..., Problem]:
    """A problem of its own: so many messages, and others held out."""

    def made(count: int = 48, *, held: int = 0, seed: int = 0, frozen: int = 1, dropout: float = 0.1) -> Problem:
        tokenizer, encoder, most = tiny.pretrained()
        frame = Frame.of(tokenizer, most)

        def fed(items: Items, labels: list[str]) -> tuple[Feed, torch.Tensor]:
            feed = Feed.of(tiny.view("pieces", items), frame, items, "items", "cpu")
            return feed, torch.as_tensor(np.asarray(TASK.encode(labels), np.int64))

        feed, targets = fed(*messages(count, seed))
        head = torch.nn.Linear(32, 3)
        with torch.no_grad():
            head.weight.copy_(torch.as_tensor(stream(seed, "head").normal(0, 0.02, (3, 32))))
            head.bias.zero_()
        return Problem(
            encoder,
            head,
            feed,
            targets,
            torch.ones(count),
            losses.build("auto", "one"),
            Held(*fed(*messages(held, seed + 1)), torch.ones(held)) if held else None,
            dropout,
            seed,
            frozen,
        )

    return made


@pytest.fixture(scope="session")
def task() -> Choice:
    return TASK


@pytest.fixture(scope="session")
def drawn() -> Callable[..., tuple[Items, list[str]]]:
    """`messages`, for tests that cannot import it."""
    return messages
