"""The trainer `generate` on language models made from a config: training, answers, probabilities, and bad input.

There are no large generative weights here; loading, training and decoding are the real ones.
"""

from __future__ import annotations

import logging
from dataclasses import replace

import numpy as np
import pytest
import torch

from tithe import registry, rng
from tithe.errors import ConfigError, LabelError, NeedsError
from tithe.models.encoder import Encoder
from tithe.models.generate import Generate
from tithe.models.language import language_of
from tithe.models.lexical import Lexical
from tithe.models.saving import load_model
from tithe.models.starts import prepare_start
from tithe.models.tuning.script import Script
from tithe.tasks.choice import Choice
from tithe.tasks.multilabel import MultiLabel, anls
from tithe.testing.tiny import tiny_start, write_tiny_encoder
from tithe.types import Examples, Items
from tithe.views import ViewStore

CHOICE = Choice(("fruit", "tool", "big city"))
SETS = MultiLabel(("fruit", "tool", "big city"))
WORDS = {"fruit": ["apple", "pear"], "tool": ["saw", "file"], "big city": ["rome", "oslo"]}
SPECIAL = ["<pad>", "</s>", "<unk>"]
KNOWN = [
    "label",
    "text",
    "fruit",
    "tool",
    "big",
    "city",
    ";",
    ":",
    "a",
    "the",
    "and",
    "apple",
    "pear",
    "saw",
    "file",
    "rome",
    "oslo",
]
TEMPLATE = "text : {text} label :"
QUICK = {"template": TEMPLATE, "lora": 0, "steps": 80, "batch": 12, "rate": 5e-3}


def write_language_model(folder, kind, **config):
    """A GPT-2 or a T5 of two layers with drawn weights, and a tokenizer of whole words."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast, T5Config, T5ForConditionalGeneration

    words = {word: number for number, word in enumerate([*SPECIAL, *KNOWN])}
    inner = Tokenizer(models.WordLevel(words, unk_token="<unk>"))
    inner.pre_tokenizer = pre_tokenizers.Whitespace()
    ids = {"eos_token_id": 1, "pad_token_id": 0}
    if kind == "gpt2":
        settings = {"n_embd": 32, "n_layer": 2, "n_head": 2, "n_positions": 48, "bos_token_id": 1} | config
        model = GPT2LMHeadModel(GPT2Config(vocab_size=len(words), **ids, **settings))
    else:
        settings = {"d_model": 32, "d_kv": 16, "d_ff": 64, "num_layers": 2, "num_heads": 2} | config
        model = T5ForConditionalGeneration(T5Config(vocab_size=len(words), decoder_start_token_id=0, **ids, **settings))
        inner.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    with torch.no_grad():
        for name, one in model.named_parameters():
            if one.ndim > 1:
                draws = rng.stream(0, kind, name).standard_normal(tuple(one.shape)) * one.shape[-1] ** -0.5
                one.copy_(torch.as_tensor(draws))
    model.save_pretrained(folder)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=inner, eos_token="</s>", pad_token="<pad>", unk_token="<unk>", model_max_length=48
    )
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def starts(tmp_path_factory):
    root = tmp_path_factory.mktemp("language")
    return {
        kind: prepare_start(str(write_language_model(root / kind, kind)), Items([], []), store=ViewStore(None))
        for kind in ("gpt2", "t5")
    }


def examples(task, count, seed=0):
    draws = rng.stream(seed, "texts")
    labels, texts = [], []
    for at in range(count):
        names = [task.labels[at % 3]] if task is CHOICE else [one for one in task.labels if draws.random() < 0.45]
        texts.append("the " + " and ".join(str(draws.choice(WORDS[name])) for name in names))
        labels.append(names[0] if task is CHOICE else frozenset(names))
    return Examples(Items([f"{seed}-{at}" for at in range(count)], texts), labels)


def fit(start, task, given, **settings):
    return Generate(**QUICK | settings).fit(task, given, start=start, rng=rng.stream(0, "fit"))


@pytest.mark.parametrize("kind", ["gpt2", "t5"])
def test_a_choice_is_learned_and_its_probabilities_are_likelihoods(starts, kind):
    model, held = fit(starts[kind], CHOICE, examples(CHOICE, 36)), examples(CHOICE, 12, seed=1)
    proba = model.view("proba", held.items)
    assert np.allclose(proba.sum(axis=1), 1, atol=1e-5)
    assert model.decide(proba) == held.labels
    assert model.answers(held.items) == held.labels
    alone = model.view("proba", held.items.take(np.array([3])))
    assert np.allclose(alone, proba[3:4], atol=1e-4)  # padding changes nothing


@pytest.mark.parametrize("kind", ["gpt2", "t5"])
def test_sets_are_learned_and_come_back_the_same(starts, kind, tmp_path):
    model, held = fit(starts[kind], SETS, examples(SETS, 60), steps=160), examples(SETS, 20, seed=1)
    said, proba = model.answers(held.items), model.view("proba", held.items)
    assert np.mean([a == b for a, b in zip(said, held.labels, strict=True)]) > 0.6
    assert ((proba >= 0) & (proba <= 1)).all()
    assert SETS.score(held.labels, proba, model.decide(proba))["f1_micro"] > 0.8
    model.save(tmp_path / "model")
    back = load_model(tmp_path / "model", store=ViewStore(None))
    assert np.array_equal(back.view("proba", held.items), proba)
    assert back.answers(held.items) == said
    assert back.fingerprint == model.fingerprint


def test_probabilities_of_sets_are_sums_over_all_answers_where_all_are_looked_at(starts):
    model = fit(starts["gpt2"], SETS, examples(SETS, 30), steps=20, beams=8)  # three labels have eight sets
    found = model._beams(examples(SETS, 3, seed=1).items)
    for one in found:
        assert len({label for label, _ in one}) == len(one) == 8
        assert sum(likelihood for _, likelihood in one) == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("kind", ["gpt2", "t5"])
def test_a_single_beam_gives_the_likelihood_of_its_answer(starts, kind):
    model = fit(starts[kind], SETS, examples(SETS, 30), steps=20, beams=8)  # all eight sets, with their likelihoods
    alone, items = replace(model, facts=model.facts | {"beams": 1}), examples(SETS, 12, seed=1).items
    whole, greedy = model._beams(items), alone._beams(items)
    assert len({len(found[0][0]) for found in greedy}) > 1  # answers of one batch end at different places
    for all_of_them, ((label, likelihood),) in zip(whole, greedy, strict=True):
        assert likelihood == pytest.approx(dict(all_of_them)[label], rel=1e-3)
        assert 0 < likelihood < 1
    proba = alone.view("proba", items)
    assert ((proba > 0.001) & (proba < 0.999)).all()


def test_what_it_writes_is_judged_free_of_order_and_by_the_larger_set(starts):
    """The faults of an earlier system: answers compared place by place, and sums divided by the true labels alone."""
    model, held = fit(starts["gpt2"], SETS, examples(SETS, 60), steps=160), examples(SETS, 12, seed=1)
    written = model.written(held.items)
    assert all(isinstance(one, str) for names in written for one in names)
    truth = [sorted(label) for label in held.labels]
    turned = [names[::-1] for names in written]
    assert anls(truth, written) == anls(truth, turned) > 0.5
    told_more = [[*names, "zzzzzzzz"] for names in truth if names]
    assert anls([names for names in truth if names], told_more) < 1


def test_lora_trains_adapters_alone_and_they_come_back(starts, tmp_path):
    pytest.importorskip("peft", reason="needs the extra [peft]: pip install 'tithe[peft]'")
    for kind in ("gpt2", "t5"):
        given = examples(CHOICE, 24)
        model = fit(starts[kind], CHOICE, given, lora=4, steps=12)
        assert all(".lora_" in name for name in model.arrays)
        assert any(array.any() for name, array in model.arrays.items() if ".lora_B." in name)
        model.save(tmp_path / kind)
        back = load_model(tmp_path / kind, store=ViewStore(None))
        assert np.array_equal(back.view("proba", given.items), model.view("proba", given.items))


def test_from_200_labels_on_it_is_calibrated_and_says_how_right_it_was(starts):
    settings = fit(starts["gpt2"], SETS, examples(SETS, 200), steps=10, beams=2).settings
    assert settings["held"] == 20
    assert 0 <= settings["exact_match_on_asked"] <= settings["anls_on_asked"] <= 1


def test_the_same_stream_gives_the_same_model(starts):
    one, other = (fit(starts["t5"], CHOICE, examples(CHOICE, 12), steps=3) for _ in range(2))
    assert one.fingerprint == other.fingerprint


def test_examples_count_by_their_weight(starts):
    given = examples(CHOICE, 24)
    lies = [CHOICE.labels[(CHOICE.labels.index(label) + 1) % 3] for label in given.labels]
    items = Items([f"{at}" for at in range(48)], [*given.items.texts, *given.items.texts])
    both = Examples(items, [*given.labels, *lies], [1.0] * 24 + [0.01] * 24)
    assert fit(starts["gpt2"], CHOICE, both, steps=120).answers(given.items) == given.labels


def test_long_texts_lose_their_ends_and_a_warning_counts_them(starts, caplog):
    given = examples(CHOICE, 12)
    texts = [*given.items.texts[:9], *(text + " the a" * 60 for text in given.items.texts[9:])]
    long = replace(given, items=Items(list(given.items.ids), texts))
    with caplog.at_level(logging.WARNING):
        model = fit(starts["gpt2"], CHOICE, long, steps=2)
    assert "3 of 12 texts are longer" in caplog.text
    assert np.isfinite(model.view("proba", long.items)).all()
    with pytest.raises(ConfigError, match="shorter template"):
        fit(starts["gpt2"], CHOICE, given, template="the " * 50 + "{text}")


def test_starts_that_cannot_write_are_refused(tmp_path):
    given = examples(CHOICE, 6)
    encoder = tiny_start(write_tiny_encoder(tmp_path / "encoder", ["apple"]))
    with pytest.raises(ConfigError, match=r"no head that writes text \(it is BertModel\)"):
        fit(encoder, CHOICE, given)
    lexical = Lexical().prepare(given.items, store=ViewStore(None), rng=rng.stream(0, "start"))
    with pytest.raises(NeedsError, match="language model"):
        fit(lexical, CHOICE, given)
    gone = Encoder(str(tmp_path / "encoder")).prepare(Items([], []), store=ViewStore(None), rng=rng.stream(0, "start"))
    with pytest.raises(ConfigError, match="cannot load the language model"):
        language_of(replace(gone, source=str(tmp_path / "nowhere")), 32)


def test_one_class_alone_and_labels_that_cannot_be_said_are_refused(starts):
    given = examples(CHOICE, 6)
    with pytest.raises(LabelError, match="at least two labels"):
        fit(starts["gpt2"], CHOICE, replace(given, labels=["fruit"] * 6))
    with pytest.raises(LabelError, match="moon"):
        fit(starts["gpt2"], CHOICE, replace(given, labels=["moon", *given.labels[1:]]))
    with pytest.raises(ConfigError, match="separates labels"):
        fit(starts["gpt2"], Choice(("a;b", "c")), replace(given, labels=["c", "a;b"] * 3))
    with pytest.raises(ConfigError, match="the same as 'moon'"):  # both are unknown words to this tokenizer
        fit(starts["gpt2"], Choice(("moon", "star")), replace(given, labels=["moon", "star"] * 3))
    spans = registry.build("tasks", "spans", labels=("a",))
    with pytest.raises(ConfigError, match="choice and multilabel"):
        fit(starts["gpt2"], spans, given)


@pytest.mark.parametrize("settings", [{"template": "no place"}, {"beams": 0}, {"separator": " "}, {"batch": 0}])
def test_settings_that_make_no_sense_are_refused(starts, settings):
    with pytest.raises(ConfigError):
        fit(starts["gpt2"], CHOICE, examples(CHOICE, 6), **settings)


class Letters:
    """A tokenizer whose pieces are the letters."""

    eos_token_id, pad_token_id = 0, 0

    def __call__(self, text, add_special_tokens=True, return_special_tokens_mask=False):
        ids = [ord(letter) for letter in text]
        return {"input_ids": ids, "special_tokens_mask": [0] * len(ids)}


def test_every_set_is_said_in_one_way_and_heard_again():
    task = MultiLabel(("a", "ab", "b c"))  # one label begins another
    script = Script.of(task, Letters(), 100, template="{text}", separator=";", apart=False)
    sets = [frozenset(task.labels[at] for at in range(3) if number >> at & 1) for number in range(8)]
    said = {script.answer(label) for label in sets}
    assert len(said) == 8
    assert [script.heard(script.answer(label)) for label in sets] == sets
    reached, open_ends = set(), [()]
    while open_ends:
        prefix = open_ends.pop()
        for piece in script.allowed(prefix):
            (reached.add if piece == 0 else open_ends.append)((*prefix, piece))
    assert reached == said
    assert script.heard(script.answer(sets[5])[:-2]) == {"a"}  # broken off within its second label
    assert script.heard((*script.answer(sets[3]), 0, 0)) == sets[3]  # padding behind the end


def test_a_choice_is_one_label_and_never_none():
    script = Script.of(Choice(("a", "ab")), Letters(), 100, template="{text}", separator=";", apart=False)
    assert script.allowed(()) == [ord(" ")]
    assert sorted(script.allowed((32, ord("a")))) == [0, ord("b")]
    assert script.heard(script.answer("ab")) == "ab"


def test_dropout_of_attention_weights_is_taken_out_of_a_gpt_2_too(starts):
    """It lies in fused kernels, which draw from a global state: fits would not be the same again."""
    from tithe.models.tuning.dropout import Moment, install

    model = language_of(starts["gpt2"], 32).model
    assert install(model, 0.1, Moment(0)) == 1 + 2 * 2  # behind the embeddings, and two in each layer
    assert [block.attn.attn_dropout.p for block in model.transformer.h] == [0.0, 0.0]
