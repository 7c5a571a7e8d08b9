"""A start adapted to a domain: what is hidden, that it learns, that it can be killed, and what it refuses."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tithe import Items
from tithe.errors import ConfigError, DataError, TrainingError
from tithe.models.adapting import Adaptation, adapt
from tithe.models.encoder import Encoder
from tithe.models.tuning.dropout import Moment
from tithe.models.tuning.masked import Blanks
from tithe.models.tuning.pieces import Feed, Frame
from tithe.rng import stream
from tithe.views import ViewStore

Make = Callable[..., str]
FAST = Adaptation("masked", steps=40, batch=16, rate=2e-3, words=True, every=10, device="cpu")


@pytest.fixture(scope="module")
def start(tiny_start: Make) -> str:
    return tiny_start()


def feed_of(start: str, items: Items) -> Feed:
    prepared = Encoder(start).prepare(items, store=ViewStore(None), rng=stream(0))
    tokenizer, _, most = prepared.pretrained()
    return Feed.of(prepared.view("pieces", items), Frame.of(tokenizer, most), items, "items", "cpu")


def view(folder: str | Path, items: Items) -> np.ndarray:
    return Encoder(str(folder)).prepare(items, store=ViewStore(None), rng=stream(0)).view("embeddings", items)


def test_pieces_are_hidden_in_the_right_shares(start: str, cyclic: Items) -> None:
    feed, blanks = feed_of(start, cyclic), Blanks(4, 35)
    seen = {"asked": 0, "text": 0, "mask": 0, "same": 0}
    for step in range(60):
        shown, ids, asked, mask = blanks.hide(feed, np.arange(240), Moment(1, step))
        special = (ids == 2) | (ids == 3) | ~mask
        assert not (asked & special).any()
        assert (shown == ids)[~asked].all()
        seen["asked"] += int(asked.sum())
        seen["text"] += int((~special).sum())
        seen["mask"] += int((shown == 4)[asked].sum())
        seen["same"] += int((shown == ids)[asked].sum())
    # 120,000 pieces: the share's standard error is .001, those among the 18,000 asked .003; bounds are five of each.
    assert abs(seen["asked"] / seen["text"] - 0.15) < 0.005
    assert abs(seen["mask"] / seen["asked"] - (0.8 + 0.1 / 35)) < 0.015
    assert abs(seen["same"] / seen["asked"] - (0.1 + 0.1 / 35)) < 0.012


def test_what_is_hidden_depends_on_seed_step_and_text_alone(start: str, cyclic: Items) -> None:
    feed, blanks = feed_of(start, cyclic), Blanks(4, 35)
    size = int(feed.length[7])

    def hidden(rows: list[int], seed: int = 1, step: int = 3) -> list[int]:
        shown = blanks.hide(feed, np.asarray(rows), Moment(seed, step))[0]
        found: list[int] = shown[rows.index(7), : size + 2].tolist()
        return found

    longest = int(np.argmax(feed.length))
    assert hidden([7]) == hidden([1, longest, 7])
    assert len({tuple(hidden([7], step=step)) for step in range(8)}) > 1
    assert any(hidden([7], 1, step) != hidden([7], 2, step) for step in range(8))


@pytest.mark.parametrize("objective", ["masked", "simcse"])
def test_the_loss_on_held_texts_falls(start: str, cyclic: Items, tmp_path: Path, objective: Any) -> None:
    heard: list[tuple[str, int, int]] = []
    how = replace(FAST, objective=objective, steps=120 if objective == "masked" else 40)
    about = adapt(cyclic, start, tmp_path / "out", how, tell=lambda *said: heard.append(said))
    assert (heard[0], heard[-1][2]) == (("training", 1, how.steps), how.steps)
    assert min(loss for _, loss in about["held_losses"]) < 0.85 * about["held_loss_before"]
    assert json.loads((tmp_path / "out" / "tithe.json").read_text())["from"] == start
    assert [one.name for one in tmp_path.iterdir()] == ["out"]
    assert np.isfinite(view(tmp_path / "out", cyclic)).all()
    assert not np.allclose(view(tmp_path / "out", cyclic), view(start, cyclic), atol=1e-3)


def test_the_head_goes_along_and_is_taken_up_again(start: str, cyclic: Items, tmp_path: Path) -> None:
    first = adapt(cyclic, start, tmp_path / "one", FAST)
    again = adapt(cyclic, str(tmp_path / "one"), tmp_path / "two", replace(FAST, objective="auto"))
    assert again["objective"] == "masked"
    assert (first["head"], again["head"]) == ("fresh", "its own")
    assert abs(again["held_loss_before"] - min(loss for _, loss in first["held_losses"])) < 0.01


def test_a_start_without_such_a_head_is_trained_by_simcse(start: str, cyclic: Items, tmp_path: Path) -> None:
    about = adapt(cyclic, start, tmp_path / "out", replace(FAST, objective="auto", steps=2))
    assert (about["objective"], about["head"]) == ("simcse", "none")


@pytest.mark.parametrize(
    ("kind", "objective", "head"), [("ForPreTraining", "simcse", "none"), ("ForMaskedLM", "masked", "its own")]
)
def test_of_electra_the_generator_says_hidden_words_and_the_discriminator_does_not(
    start: str, cyclic: Items, tmp_path: Path, kind: str, objective: str, head: str
) -> None:
    import transformers

    tokenizer = transformers.AutoTokenizer.from_pretrained(start)
    settings = transformers.ElectraConfig(
        vocab_size=len(tokenizer), embedding_size=16, hidden_size=32, num_hidden_layers=1, num_attention_heads=2,
        intermediate_size=32, max_position_embeddings=64,
    )  # fmt: skip
    getattr(transformers, f"Electra{kind}")(settings).save_pretrained(tmp_path / "electra")
    tokenizer.save_pretrained(tmp_path / "electra")
    about = adapt(cyclic, str(tmp_path / "electra"), tmp_path / "made", Adaptation(steps=2, batch=8))
    assert (about["objective"], about["head"]) == (objective, head)


def test_word_pieces_stay_where_they_are_unless_asked_for(start: str, cyclic: Items, tmp_path: Path) -> None:
    from transformers import AutoModel

    adapt(cyclic, start, tmp_path / "still", replace(FAST, steps=3, words=False))
    adapt(cyclic, start, tmp_path / "moved", replace(FAST, steps=3))

    def words(folder: object) -> torch.Tensor:
        found: torch.Tensor = AutoModel.from_pretrained(str(folder)).get_input_embeddings().weight.detach()
        return found

    assert torch.equal(words(tmp_path / "still"), words(start))
    assert not torch.equal(words(tmp_path / "moved"), words(start))


class Killed(BaseException):
    """Ends training from the outside."""


@pytest.mark.parametrize("objective", ["masked", "simcse"])
def test_killed_it_goes_on_and_ends_where_it_would_have(
    start: str, cyclic: Items, tmp_path: Path, objective: Any
) -> None:
    how = replace(FAST, objective=objective)
    whole = adapt(cyclic, start, tmp_path / "whole", how)
    steps: list[int] = []

    def killing(what: str, done: int, total: int) -> None:
        if done == 25:
            raise Killed

    with pytest.raises(Killed):
        adapt(cyclic, start, tmp_path / "cut", how, tell=killing)
    assert not (tmp_path / "cut").exists()
    with pytest.raises(ConfigError, match="the checkpoint of another run"):
        adapt(cyclic, start, tmp_path / "cut", how, seed=1)
    about = adapt(cyclic, start, tmp_path / "cut", how, tell=lambda what, done, total: steps.append(done))
    assert steps[0] == 21  # the checkpoint of step 20 was the last
    assert about == whole
    for name in ("model.safetensors", "config.json", "tithe.json"):
        assert (tmp_path / "cut" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    assert sorted(one.name for one in tmp_path.iterdir()) == ["cut", "whole"]


def test_copies_and_empty_texts_are_left_out(start: str, cyclic: Items, tmp_path: Path) -> None:
    texts = [*cyclic.texts[:110], *cyclic.texts[:50], "", ""]
    about = adapt(Items([str(n) for n in range(162)], texts), start, tmp_path / "out", replace(FAST, steps=1))
    assert about["texts"] + about["held"] == 110


def test_what_cannot_be_adapted_is_refused_before_any_work(tiny_start: Make, cyclic: Items, tmp_path: Path) -> None:
    start, out = tiny_start(), tmp_path / "out"
    with pytest.raises(DataError, match=r"at least 100 different texts.*has 60"):
        adapt(cyclic.take(np.arange(60)), start, out, FAST)
    for spec in ("lexical", "minilm+lexical"):
        with pytest.raises(ConfigError, match="is not one encoder"):
            adapt(cyclic, spec, out, FAST)
    with pytest.raises(ConfigError, match="cannot load the start 'no/such-model'"):
        adapt(cyclic, "no/such-model", out, FAST)
    with pytest.raises(ConfigError, match="does not fit its weights"):
        adapt(cyclic, tiny_start(vocab_size=20), out, FAST)
    with pytest.raises(ConfigError, match=r"mask_token.*simcse"):
        adapt(cyclic, tiny_start(mask_token=False), out, FAST)
    assert not any(tmp_path.iterdir())
    out.mkdir()
    with pytest.raises(ConfigError, match="exists already"):
        adapt(cyclic, start, out, FAST)


def test_a_loss_that_is_no_number_names_step_and_ids(start: str, cyclic: Items, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"at step \d+, on the ids t\d+.*; try a smaller --rate$"):
        adapt(cyclic, start, tmp_path / "out", replace(FAST, rate=1e30))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"objective": "other"}, "give one of auto, masked, simcse"),
        ({"batch": 1}, "a batch of 2 or more"),
        ({"steps": 0}, "steps and every of 1 or more"),
        ({"share": 1.0}, "are shares below 1"),
        ({"objective": "simcse", "dropout": 0.0}, "give a dropout above 0"),
    ],
)
def test_settings_that_make_no_sense_are_refused(wrong: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        Adaptation(**wrong)
