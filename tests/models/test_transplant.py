"""Trained encoders as starts, heads on other encoders, and labels under other names."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tithe import Choice, Items, MultiLabel
from tithe.errors import CacheError, ConfigError, LabelError, NeedsError
from tithe.models.encoder import Encoder
from tithe.models.finetune import Finetune
from tithe.models.finetune_model import FinetuneModel
from tithe.models.linear import Linear
from tithe.models.saving import load_model
from tithe.models.start_folder import check_tunes, head_of, save_start
from tithe.models.starts import prepare_start
from tithe.models.transfer.leep import head_classes, head_probabilities
from tithe.models.transplant import renamed, transplant
from tithe.rng import stream
from tithe.types import Examples
from tithe.views import ViewStore

Make = Callable[..., str]
QUICK = Finetune(steps=40, batch=16, rate=2e-3, device="cpu")


@pytest.fixture(scope="module")
def folder(tiny_start: Make) -> str:
    return tiny_start()


def fitted(folder: str, items: Items, task: Choice | MultiLabel, trainer: Finetune = QUICK) -> FinetuneModel:
    labels = [one if task.name == "choice" else frozenset([one]) for one in items.gold or ()]
    start = prepare_start(folder, items, store=ViewStore(None))
    return trainer.fit(task, Examples(items, labels), start=start, rng=stream(0))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def model(folder: str, cyclic: Items) -> FinetuneModel:
    return fitted(folder, cyclic.take(np.arange(60)), Choice(("birds", "cats", "dogs")))


def accuracy(model: FinetuneModel, items: Items) -> float:
    guess = model.decide(model.view("proba", items))
    return float(np.mean([one == other for one, other in zip(guess, items.gold or (), strict=True)]))


def test_the_model_that_a_start_was_trained_as_is_saved_and_loaded_like_any_other(
    model: FinetuneModel, cyclic: Items, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_start(model, tmp_path / "minilm")
    monkeypatch.chdir(tmp_path)
    again = head_of("minilm", store=ViewStore(None))
    again.save(tmp_path / "kept")
    rows = load_model(tmp_path / "kept", store=ViewStore(None)).view("proba", cyclic)
    np.testing.assert_allclose(rows, again.view("proba", cyclic), atol=1e-6)


def test_a_saved_start_gives_the_embeddings_of_the_trained_encoder(
    model: FinetuneModel, folder: str, cyclic: Items, tmp_path: Path
) -> None:
    save_start(model, tmp_path / "task")
    saved = Encoder(str(tmp_path / "task")).prepare(cyclic, store=ViewStore(None), rng=stream(0))
    np.testing.assert_allclose(saved.view("embeddings", cyclic), model.view("embeddings", cyclic), atol=1e-5)
    before = Encoder(folder).prepare(cyclic, store=ViewStore(None), rng=stream(0))
    assert not np.allclose(saved.view("embeddings", cyclic), before.view("embeddings", cyclic), atol=1e-2)
    assert json.loads((tmp_path / "task" / "config.json").read_text())["id2label"] == {
        "0": "birds",
        "1": "cats",
        "2": "dogs",
    }


def test_what_lora_adds_is_in_the_saved_weights(folder: str, cyclic: Items, tmp_path: Path) -> None:
    pytest.importorskip("peft", reason="LoRA needs peft")
    trainer = replace(QUICK, lora=4)
    model = fitted(folder, cyclic.take(np.arange(60)), Choice(("cats", "dogs")), trainer)
    save_start(model, tmp_path / "task")
    saved = Encoder(str(tmp_path / "task")).prepare(cyclic, store=ViewStore(None), rng=stream(0))
    np.testing.assert_allclose(saved.view("embeddings", cyclic), model.view("embeddings", cyclic), atol=1e-5)
    again = head_of(tmp_path / "task", store=ViewStore(None))
    np.testing.assert_allclose(again.view("proba", cyclic), model.view("proba", cyclic), atol=1e-5)


def test_the_head_beside_it_says_what_the_model_says(model: FinetuneModel, cyclic: Items, tmp_path: Path) -> None:
    save_start(model, tmp_path / "task")
    again = head_of(tmp_path / "task", store=ViewStore(None))
    assert again.task.labels == ("birds", "cats", "dogs")
    np.testing.assert_allclose(again.view("proba", cyclic), model.view("proba", cyclic), atol=1e-5)
    assert accuracy(again, cyclic) > 0.95
    assert head_classes(tmp_path / "task") == model.task.labels  # so that LEEP can judge it
    np.testing.assert_allclose(head_probabilities(tmp_path / "task", cyclic), model.view("proba", cyclic), atol=1e-5)


def test_a_head_on_the_encoder_that_it_was_trained_with_is_the_model(
    model: FinetuneModel, folder: str, cyclic: Items, tmp_path: Path
) -> None:
    save_start(model, tmp_path / "task")
    same = transplant(model, prepare_start(str(tmp_path / "task"), cyclic, store=ViewStore(None)))
    np.testing.assert_allclose(same.view("proba", cyclic), model.view("proba", cyclic), atol=1e-5)
    other = transplant(model, prepare_start(folder, cyclic, store=ViewStore(None)))
    assert not np.allclose(other.view("proba", cyclic), model.view("proba", cyclic), atol=1e-2)


def test_what_cannot_be_moved_is_refused(
    model: FinetuneModel, tiny_start: Make, folder: str, cyclic: Items, tmp_path: Path
) -> None:
    wide = prepare_start(tiny_start(48), cyclic, store=ViewStore(None))
    with pytest.raises(ConfigError, match=r"reads states of width 32, and .* have 48"):
        transplant(model, wide)
    with pytest.raises(NeedsError, match="needs a start with an encoder"):
        transplant(model, prepare_start("lexical", cyclic, store=ViewStore(None)))
    start = prepare_start("lexical", cyclic, store=ViewStore(None))
    linear = Linear().fit(model.task, Examples(cyclic, list(cyclic.gold or ())), start=start, rng=stream(0))  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="--trainer finetune"):
        transplant(linear, wide)
    with pytest.raises(ConfigError, match="--trainer finetune"):
        save_start(linear, tmp_path / "none")
    with pytest.raises(ConfigError, match="leaves the start as it is"):
        check_tunes(Linear(), "linear")
    with pytest.raises(ConfigError, match="has no head"):
        head_of(folder)
    assert not any(tmp_path.iterdir())


def test_a_damaged_head_is_told(model: FinetuneModel, tmp_path: Path) -> None:
    save_start(model, tmp_path / "task")
    with pytest.raises(ConfigError, match="exists already"):
        save_start(model, tmp_path / "task")
    path = tmp_path / "task" / "head.safetensors"
    path.write_bytes(path.read_bytes()[:20])
    with pytest.raises(CacheError, match="is damaged"):
        head_of(tmp_path / "task", store=ViewStore(None))


def test_labels_under_other_names_give_the_same_answers(model: FinetuneModel, cyclic: Items) -> None:
    proba = model.view("proba", cyclic)
    pets = renamed(model, {"cats": "felines"})
    assert pets.task.labels == ("birds", "felines", "dogs")
    np.testing.assert_array_equal(pets.view("proba", cyclic), proba)
    said = ["felines" if label == "cats" else label for label in model.decide(proba)]
    assert pets.decide(pets.view("proba", cyclic)) == said
    assert pets.fingerprint != model.fingerprint
    two = renamed(model, {"cats": "pet", "dogs": "pet"})
    np.testing.assert_allclose(two.view("proba", cyclic)[:, 1], proba[:, 1:].sum(axis=1), atol=1e-6)
    assert two.decide(two.view("proba", cyclic)) == ["pet"] * 240
    with pytest.raises(LabelError, match="has no label 'fish'; it has 'birds', 'cats', 'dogs'"):
        renamed(model, {"fish": "b"})


def test_names_that_leave_one_label_of_a_choice_are_refused_in_words(model: FinetuneModel) -> None:
    joined = {"cats": "birds", "dogs": "birds"}
    with pytest.raises(LabelError, match="'birds', 'cats', 'dogs' all become 'birds'") as caught:
        renamed(model, joined)
    assert "such as birds=new,cats=other" in str(caught.value)
    assert "may join some labels, but not all" in str(caught.value)


def test_sets_under_other_names_are_decided_by_the_fitted_rule(folder: str, cyclic: Items) -> None:
    model = fitted(folder, cyclic.take(np.arange(60)), MultiLabel(("cats", "dogs")))
    other = renamed(model, {"cats": "felines"})
    proba = model.view("proba", cyclic)
    swapped = [frozenset("felines" if one == "cats" else one for one in label) for label in model.decide(proba)]
    assert other.decide(other.view("proba", cyclic)) == swapped
    with pytest.raises(LabelError, match="labels of sets cannot become one"):
        renamed(model, {"cats": "pet", "dogs": "pet"})
