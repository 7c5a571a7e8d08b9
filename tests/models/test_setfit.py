"""The trainer `setfit`: what its phases do, its heads, what it refuses, and that its models come back the same."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch

from tithe import registry, rng
from tithe.errors import ConfigError, LabelError
from tithe.models import for_task
from tithe.models.finetune import Finetune
from tithe.models.saving import load_model
from tithe.models.setfit import SetFit
from tithe.models.starts import prepare_start
from tithe.models.tuning import programs
from tithe.tasks.choice import Choice
from tithe.tasks.multilabel import MultiLabel
from tithe.testing.tiny import write_tiny_encoder
from tithe.types import Examples, Items
from tithe.views import ViewStore

CHOICE = Choice(("fruit", "tool", "city"))
SETS = MultiLabel(("fruit", "tool", "city"))
WORDS = {
    "fruit": ["apple", "pear", "plum", "fig"],
    "tool": ["saw", "file", "drill", "vice"],
    "city": ["rome", "oslo", "lima", "bern"],
}


@pytest.fixture(scope="module")
def start(tmp_path_factory):
    words = [*(word for own in WORDS.values() for word in own), "a", "the", "with", "and"]
    folder = write_tiny_encoder(tmp_path_factory.mktemp("starts") / "tiny", words)
    return prepare_start(str(folder), Items([], []), store=ViewStore(None))


def choices(count, seed=0):
    draws = rng.stream(seed, "texts")
    labels = [CHOICE.labels[at % 3] for at in range(count)]
    texts = [
        f"{draws.choice(['a', 'the'])} {draws.choice(WORDS[label])} with the {at % 7}"
        for at, label in enumerate(labels)
    ]
    return Examples(Items([f"{seed}-{at}" for at in range(count)], texts), labels)


def sets(count, seed=0):
    draws = rng.stream(seed, "sets")
    labels = [frozenset(name for name in SETS.labels if draws.random() < 0.4) for _ in range(count)]
    texts = [
        "the " + " and ".join(draws.choice(WORDS[name]) for name in sorted(label)) + f" {at % 7}"
        for at, label in enumerate(labels)
    ]
    return Examples(Items([f"{seed}-{at}" for at in range(count)], texts), labels)


def fit(start, task, examples, **settings):
    return SetFit(**{"steps": 60, "rate": 1e-2} | settings).fit(task, examples, start=start, rng=rng.stream(0, "fit"))


def score(model, held, name):
    proba = model.view("proba", held.items)
    return model.task.score(held.labels, proba, model.decide(proba))[name]


@pytest.mark.parametrize("name", ["setfit", "generate"])
def test_a_server_lists_it_without_loading_torch(name):
    code = (
        f"import sys; from tithe import registry; registry.build('trainers', {name!r}); print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_it_is_a_registered_trainer_for_choice_and_multilabel():
    assert isinstance(registry.build("trainers", "setfit(head=chain)"), SetFit)
    with pytest.raises(ConfigError, match="choice and multilabel"):
        for_task(SetFit(), registry.build("tasks", "spans", labels=("a",)), "setfit")


def test_pairs_bring_items_of_a_label_together(start):
    held = choices(30, seed=1)
    codes = CHOICE.encode(held.labels)
    same = codes[:, None] == codes[None]

    def gap(steps):
        rows = fit(start, CHOICE, choices(24), steps=steps).view("embeddings", held.items)
        cosines = rows @ rows.T
        return cosines[same].mean() - cosines[~same].mean()

    assert gap(60) > gap(1) + 0.3


@pytest.mark.parametrize("head", ["logistic", "differentiable"])
def test_a_choice_is_learned_by_each_head(start, head):
    model = fit(start, CHOICE, choices(24), head=head, steps=80)
    assert score(model, choices(60, seed=1), "accuracy") >= 0.8  # chance is one in three


@pytest.mark.parametrize("head", ["ovr", "chain", "differentiable"])
def test_sets_are_learned_by_each_head_and_come_back_the_same(start, head, tmp_path):
    model = fit(start, SETS, sets(60), head=head, steps=100)
    held = sets(60, seed=1)
    assert score(model, held, "f1_micro") > 0.65  # giving every label to all scores .57
    model.save(tmp_path / "model")
    back = load_model(tmp_path / "model", store=ViewStore(None))
    for view in ("proba", "embeddings", "committee"):
        assert np.array_equal(model.view(view, held.items), back.view(view, held.items))
    assert back.decide(back.view("proba", held.items)) == model.decide(model.view("proba", held.items))


def test_from_200_labels_on_it_is_calibrated_on_held_ones(start):
    model = fit(start, CHOICE, choices(210), steps=40)
    assert model.settings["held"] == 21
    assert model.settings["temperature"] != 1
    assert fit(start, CHOICE, choices(30), steps=2).settings["held"] == 0


def test_the_same_stream_gives_the_same_model(start):
    one, other = (fit(start, SETS, sets(20), head="chain", steps=5) for _ in range(2))
    assert one.fingerprint == other.fingerprint
    assert fit(start, SETS, sets(20), head="ovr", steps=5).fingerprint != one.fingerprint


def test_a_third_label_without_an_answer_is_improbable_but_possible(start):
    examples = choices(30)
    two = [at for at, label in enumerate(examples.labels) if label != "city"]
    some = Examples(examples.items.take(np.array(two)), [examples.labels[at] for at in two])
    proba = fit(start, CHOICE, some, steps=30).view("proba", choices(9, seed=1).items)
    assert (proba[:, 2] > 0).all()
    assert (proba[:, 2] < 0.2).all()


def test_one_class_alone_and_undeclared_labels_are_refused(start):
    examples = choices(6)
    with pytest.raises(LabelError, match="at least two labels"):
        fit(start, CHOICE, replace(examples, labels=["fruit"] * 6))
    with pytest.raises(LabelError, match="moon"):
        fit(start, CHOICE, replace(examples, labels=["moon", *examples.labels[1:]]))


@pytest.mark.parametrize(
    ("settings", "task", "says"),
    [
        ({"head": "moon"}, CHOICE, "no head 'moon'"),
        ({"head": "chain"}, CHOICE, "not for a choice task"),
        ({"head": "logistic"}, SETS, "not for a multilabel task"),
        ({"batch": 1}, CHOICE, "2 pairs or more"),
        ({"steps": -5}, CHOICE, "steps is 0, for as many as the labels ask for, or more; given -5"),
        ({"freeze": 9}, CHOICE, "freeze=9 is more layers than this encoder has; freeze at most 2"),
        ({"freeze": 2}, CHOICE, "freeze=2 leaves nothing of this encoder to train; freeze fewer layers"),
    ],
)
def test_settings_that_make_no_sense_are_refused(start, settings, task, says):
    with pytest.raises(ConfigError, match=says):
        fit(start, task, choices(6) if task is CHOICE else sets(6), **settings)


def test_too_little_memory_for_a_batch_of_pairs_halves_it(start, monkeypatch, caplog):
    losses = programs.Single.losses

    def small(self, rows, step, course, before=None):
        if len(rows[0]) > 10:
            raise torch.OutOfMemoryError("out of memory")
        return losses(self, rows, step, course, before)

    monkeypatch.setattr(programs.Single, "losses", small)
    model = fit(start, CHOICE, choices(24), steps=8)
    assert "halved from here on" in caplog.text
    assert len(model.view("proba", choices(3).items)) == 3


def test_a_lora_rank_trains_adapters_in_the_first_phase_too(start):
    pytest.importorskip("peft", reason="needs the extra [peft]: pip install 'tithe[peft]'")
    model = fit(start, CHOICE, choices(24), lora=4, steps=2)
    assert all(".lora_" in name or name.startswith("head.") for name in model.arrays)
    assert any(array.any() for name, array in model.arrays.items() if ".lora_B." in name)


def test_what_it_shares_with_finetune_is_checked_alike():
    with pytest.raises(ConfigError, match="dropout"):
        SetFit(dropout=1.5)
    assert SetFit().needs_any == Finetune().needs_any
