"""LoRA: adapters and head alone are trained and saved, through the loop and the model of every other fit."""

from __future__ import annotations

import builtins

import numpy as np
import pytest
import torch

from tithe import rng
from tithe.errors import ConfigError, MissingExtraError
from tithe.models.encoder import EncoderStart, minilm
from tithe.models.finetune import Finetune
from tithe.models.saving import load_model
from tithe.models.starts import prepare_start, pretrained_of
from tithe.models.tuning import adapters
from tithe.models.tuning.programs import freeze
from tithe.tasks.choice import Choice
from tithe.testing.tiny import tiny_start, write_tiny_encoder
from tithe.types import Examples, Items
from tithe.views import ViewStore

pytest.importorskip("peft", reason="needs the extra [peft]: pip install 'tithe[peft]'")

TASK = Choice(("fruit", "tool"))
WORDS = {"fruit": ["apple", "pear", "plum", "fig"], "tool": ["saw", "file", "drill", "vice"]}


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> EncoderStart:
    words = [*WORDS["fruit"], *WORDS["tool"], "a", "the", "with"]
    return tiny_start(write_tiny_encoder(tmp_path_factory.mktemp("starts") / "tiny", words))


def examples(count: int, seed: int = 0) -> Examples:
    draws = rng.stream(seed, "texts")
    labels = [TASK.labels[at % 2] for at in range(count)]
    texts = [
        f"{draws.choice(['a', 'the'])} {draws.choice(WORDS[one])} with a {at % 7}" for at, one in enumerate(labels)
    ]
    return Examples(Items([f"{seed}-{at}" for at in range(count)], texts), labels)


def fit(start, **settings):
    trainer = Finetune(**{"steps": 60, "batch": 8, "lora": 4} | settings)
    return trainer.fit(TASK, examples(24), start=start, rng=rng.stream(0, "fit"))


def share_right(model, held):
    guessed = model.decide(model.view("proba", held.items))
    return np.mean([a == b for a, b in zip(guessed, held.labels, strict=True)])


def test_adapters_learn_and_are_all_that_is_kept(start):
    model = fit(start, steps=100)
    assert share_right(model, examples(40, seed=1)) >= 0.85
    assert all(".lora_" in name or name.startswith("head.") for name in model.arrays)
    linear = 6 * 2  # query, key, value, output, up and down in each of two layers
    assert len(model.arrays) == 2 * linear + 2
    full = fit(start, lora=0, steps=1)
    size, whole = (sum(array.nbytes for array in one.arrays.values()) for one in (model, full))
    assert size < 0.4 * whole


def test_a_saved_model_is_the_same_when_restored(start, tmp_path):
    wide = prepare_start(start.source, Items([], []), store=ViewStore(None))
    model = fit(wide, steps=5)
    model.save(tmp_path / "model")
    items = examples(9, seed=2).items
    back = load_model(tmp_path / "model", store=ViewStore(None))
    for view in ("proba", "embeddings", "committee"):
        assert np.array_equal(model.view(view, items), back.view(view, items))


def test_the_same_stream_gives_the_same_adapters(start):
    assert fit(start, steps=5).fingerprint == fit(start, steps=5).fingerprint


def test_adapters_say_nothing_before_training(start):
    _, plain, _ = pretrained_of(start)
    _, adapted, _ = pretrained_of(start)
    before = torch.random.get_rng_state()
    adapters.inject(adapted, 3)
    adapters.draw(adapted, rng.stream(1, "draw"))
    assert torch.equal(before, torch.random.get_rng_state())
    ids = torch.arange(5, 15)[None]
    with torch.inference_mode():
        assert torch.equal(plain(ids).last_hidden_state, adapted(ids).last_hidden_state)


def test_frozen_layers_get_no_adapters(start):
    _, encoder, _ = pretrained_of(start)
    adapters.inject(encoder, 3, frozen=2)
    freeze(encoder, 2)
    trained = [name for name, one in encoder.named_parameters() if one.requires_grad]
    assert trained
    assert all("layer.1." in name and ".lora_" in name for name in trained)
    _, encoder, _ = pretrained_of(start)
    with pytest.raises(ConfigError, match="freeze fewer"):
        adapters.inject(encoder, 3, frozen=3)


def test_without_peft_the_error_says_what_to_install(start, monkeypatch):
    real = builtins.__import__

    def without(name, *more, **others):
        if name == "peft":
            raise ImportError(name)
        return real(name, *more, **others)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingExtraError, match=r"pip install 'tithe\[peft\]'"):
        fit(start)


@pytest.mark.parametrize("settings", [{"lora": -1}, {"lora": 4, "words": True}])
def test_settings_that_make_no_sense_are_refused(settings):
    with pytest.raises(ConfigError, match="lora"):
        Finetune(**settings)


def test_minilm_learns_by_adapters_alone():
    start = minilm().prepare(Items([], []), store=ViewStore(None), rng=rng.stream(0, "start"))
    model = fit(start, steps=12)
    assert share_right(model, examples(20, seed=1)) >= 0.9
    assert sum(array.nbytes for array in model.arrays.values()) < 2**21
