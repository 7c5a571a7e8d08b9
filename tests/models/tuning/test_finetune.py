"""The trainer `finetune` on a tiny encoder: all three tasks, odd answers, odd starts, and models that are values."""

import logging
import re
import shutil
import threading
from collections import OrderedDict
from dataclasses import replace

import numpy as np
import pytest

from tithe import ActiveLearner, Items, MultiLabel, Pool, Recipe, Spans
from tithe.errors import ConfigError, LabelError, NeedsError, TrainingError
from tithe.loop.propose import trainer_of
from tithe.models.finetune import Finetune
from tithe.models.lexical import Lexical
from tithe.models.saving import load_model
from tithe.models.start_folder import head_of, save_start
from tithe.models.starts import prepare_start
from tithe.models.transplant import transplant
from tithe.models.tuning import programs
from tithe.rng import stream
from tithe.tasks.choice import Choice
from tithe.testing.tiny import tiny_start, write_tiny_encoder
from tithe.tokens import places
from tithe.types import Examples, Span
from tithe.views import ViewStore

QUICK = Finetune(steps=40, batch=24, rate=4e-3, head_rate=2e-2, members=3)
LONG = replace(QUICK, steps=100)


def fit(trainer, task, items, labels, start, *, seed=0, weights=None, **more):
    examples = Examples(items, labels, weights)
    return trainer.for_task(task).fit(task, examples, start=start, rng=stream(seed, "fit"), **more)


def spans_in(texts):
    """Every word of the bank is a thing, every word of the boat another."""
    kinds = {"bank": "money", "account": "money", "boat": "place", "harbour": "place", "river": "place"}
    found = []
    for text in texts:
        at, spans = 0, []
        for word in text.split():
            if word in kinds:
                spans.append(Span(at, at + len(word), kinds[word]))
            at += len(word) + 1
        found.append(tuple(spans))
    return found


@pytest.fixture(scope="module")
def choice_model(tiny, task, drawn):
    return fit(QUICK, task, *drawn(60), tiny)


def test_a_choice_is_learned(choice_model, tiny, task, drawn):
    items, truth = drawn(60, 5)
    model = fit(LONG, task, *drawn(150), tiny)
    proba = model.view("proba", items)
    assert task.score(truth, proba, model.decide(proba))["accuracy"] > 0.9
    assert choice_model.view("embeddings", items).shape == (60, 32)
    np.testing.assert_allclose(np.linalg.norm(choice_model.view("embeddings", items), axis=1), 1, atol=1e-5)
    votes = choice_model.view("committee", items)
    assert votes.shape == (3, 60, 3)
    assert np.abs(votes[0] - votes[1]).max() > 1e-3  # masks of its own for each member


def test_label_sets_are_learned(tiny, drawn):
    task = MultiLabel(("bike", "bank", "boat"))

    def sets(seed):
        items, _ = drawn(150, seed)
        pairs = [
            f"{a} {b}" if row % 2 else a for row, (a, b) in enumerate(zip(items.texts, items.texts[::-1], strict=True))
        ]
        words = {"bike": "bike wheel tyre bell chain pedal", "bank": "bank account card money loan transfer"}
        words["boat"] = "boat harbour sail anchor river wave"
        labels = [
            frozenset(name for name, own in words.items() if set(own.split()) & set(text.split())) for text in pairs
        ]
        return Items(items.ids, pairs), labels

    model = fit(LONG, task, *sets(1), tiny)
    items, truth = sets(2)
    proba = model.view("proba", items)
    assert task.score(truth, proba, model.decide(proba))["f1_micro"] > 0.75


@pytest.mark.parametrize("crf", [False, True])
def test_spans_are_learned_and_decoded_as_legal_paths(tiny, drawn, crf):
    task = Spans(("money", "place"))
    items, _ = drawn(150, 1)
    model = fit(replace(LONG, crf=crf), task, items, spans_in(items.texts), tiny)
    held, _ = drawn(40, 2)
    held = Items([*held.ids, "empty", "long", "odd"], [*held.texts, "", "the river " * 90, "日本 👍🏿 bank"])
    proba = model.view("proba", held)
    assert np.array_equal(proba.splits, places(held).splits)
    assert model.provides == {"proba"}
    truth = spans_in(held.texts)
    assert task.score(truth, proba, model.decide(proba))["entity_f1"] > 0.85
    rng = stream(0, "tags")
    wild = proba.with_values(rng.dirichlet(np.full(5, 0.1), len(proba.values)).astype(np.float32))
    for label, text in zip(model.decide(wild), held.texts, strict=True):
        assert task.check(label) == label
        assert all(0 <= span.start < span.end <= len(text) for span in label)
    with pytest.raises(NeedsError, match="a fine-tuned model of spans gives proba; not 'committee'"):
        model.view("committee", held)


def test_a_crf_learns_which_tag_follows_which_and_comes_back_from_disk(tiny_folder, tmp_path, drawn):
    task = Spans(("pair",))
    rng = stream(0, "pairs")  # the same word begins an entity and ends it, so that only the tag before it tells
    texts = [" ".join("bank" if draw else "river" for draw in rng.integers(2, size=6)) for _ in range(80)]
    texts += ["", " "]
    labels = [tuple(Span(*found.span(), "pair") for found in re.finditer("bank bank", text)) for text in texts]
    items = Items([str(row) for row in range(len(texts))], texts)
    start = prepare_start(str(tiny_folder), items, store=ViewStore(None))
    trainer = replace(QUICK, crf=True, steps=60)
    model = fit(trainer, task, items, labels, start)
    assert np.abs(model.arrays["head.pairs"]).max() > 0.01
    proba = model.view("proba", items)
    np.testing.assert_allclose(proba.values.sum(axis=1), 1, atol=1e-5)
    first = proba.values[proba.splits[:-3]]
    assert first[:, 2].max() < 1e-4, "an inner tag cannot stand first"
    model.save(tmp_path / "model")
    loaded = load_model(tmp_path / "model", store=ViewStore(None))
    assert np.array_equal(loaded.view("proba", items).values, proba.values)
    assert loaded.fingerprint == model.fingerprint
    parts = fit(replace(trainer, accumulate=2), task, items, labels, start)
    np.testing.assert_allclose(parts.view("proba", items).values, proba.values, atol=1e-2)


def test_the_forms_of_words_tell_what_an_encoder_without_upper_case_cannot(tiny_folder, tmp_path, drawn):
    task = Spans(("name",))
    drawn_rows, _ = drawn(80, 3)
    rng = stream(0, "case")
    texts = [
        " ".join(word.upper() if draw < 0.3 else word for word, draw in zip(text.split(), rng.random(99), strict=False))
        for text in drawn_rows.texts
    ]
    labels = [tuple(Span(*found.span(), "name") for found in re.finditer(r"\b[A-Z]+\b", text)) for text in texts]
    items = Items(drawn_rows.ids, texts)
    train, held = items.take(np.arange(60)), items.take(np.arange(60, 80))
    scores = {}
    for spec in (str(tiny_folder), f"{tiny_folder}+lexical"):
        start = prepare_start(spec, items, store=ViewStore(None))
        model = fit(LONG, task, train, labels[:60], start)
        proba = model.view("proba", held)
        scores[spec] = task.score(labels[60:], proba, model.decide(proba))["entity_f1"]
        assert model.sees_forms == (spec != str(tiny_folder))
    blind, seeing = scores.values()
    assert seeing > 0.9 > blind + 0.3
    for texts, tokens in (([], 0), ([" ", ""], 0), (["", "bank"], 1)):
        some = Items([str(at) for at in range(len(texts))], texts)
        assert model.view("proba", some).values.shape == (tokens, 3)
    model.save(tmp_path / "model")
    loaded = load_model(tmp_path / "model", store=ViewStore(None))
    assert np.array_equal(loaded.view("proba", held).values, proba.values)
    save_start(model, tmp_path / "start")
    with pytest.raises(ConfigError, match=r"has no head; give a folder .* an encoder alone"):
        head_of(tmp_path / "start")
    with pytest.raises(ConfigError, match="also reads the forms of words that its own start has learned"):
        transplant(model, prepare_start(str(tmp_path / "start"), items, store=ViewStore(None)))


def test_held_texts_without_tokens_judge_nothing(tiny, drawn):
    task = Spans(("money", "place"))
    items, _ = drawn(30, 1)
    texts = [*items.texts, *[" "] * 220]
    many = Items([str(row) for row in range(250)], texts)
    trainer = replace(QUICK, steps=5)
    for seed in range(40):  # one where nothing but blank texts is held
        held = trainer.split(Examples(many, spans_in(texts)), stream(seed, "fit"))[1]
        if not "".join(held.items.texts).strip():
            break
    else:
        pytest.fail("no such seed")
    model = fit(trainer, task, many, spans_in(texts), tiny, seed=seed)
    assert model.settings["held"] == 25
    assert "token_accuracy_on_asked" not in model.settings


def test_a_crf_beside_another_loss_is_refused(task):
    with pytest.raises(ConfigError, match="leave loss, smoothing and class_weights out, or crf; given loss=focal"):
        replace(QUICK, loss="focal", crf=True)
    spans = Spans(("a",))
    assert replace(QUICK, loss="focal")._head(spans) == "linear"
    assert QUICK._head(spans) == "linked"
    assert replace(QUICK, crf=False)._head(spans) == QUICK._head(task) == "linear"


def test_settings_that_another_task_would_leave_unread_are_refused(task):
    with pytest.raises(ConfigError, match="crf scores neighbouring tags of spans, and the task is choice; leave it"):
        trainer_of("finetune(crf=true)", task)
    with pytest.raises(ConfigError, match="spans would lie elsewhere then; leave it out for spans"):
        trainer_of("finetune(semi=true, augment=.2)", Spans(("a",)))
    assert trainer_of("finetune(semi=true)", Spans(("a",))).semi
    assert trainer_of("finetune(crf=false)", task) == Finetune(crf=False)


def test_a_round_of_one_class_is_cold_and_a_fit_of_it_an_error(tiny, tiny_folder, task, drawn):
    items, labels = drawn(40)
    same = [row for row, label in enumerate(labels) if label == "bike"]
    with pytest.raises(LabelError, match="answers of at least two labels"):
        fit(QUICK, task, items.take(np.array(same)), ["bike"] * len(same), tiny)
    recipe = Recipe(start=str(tiny_folder), trainer=QUICK, strategy="margin")
    learner = ActiveLearner(Pool(Items(items.ids, items.texts)), task, recipe, seed=1)
    learner.ask(4)
    learner.tell({items.ids[row]: "bike" for row in same[:4]})
    assert len(learner.ask(3)) == 3
    with pytest.raises(LabelError, match="answers of two labels are needed for a model, and there are only 'bike'"):
        _ = learner.model


def test_a_label_that_the_task_does_not_have_is_refused(tiny, task, drawn):
    items, labels = drawn(20)
    with pytest.raises(LabelError, match="plane"):
        fit(QUICK, task, items, ["plane", *labels[1:]], tiny)


def test_texts_longer_than_the_encoder_are_read_to_their_end(tiny, task, drawn):
    items, labels = drawn(60, 3)
    long = Items(items.ids, [" ".join(["the of a"] * 40 + [text] * 6) for text in items.texts])
    assert min(tiny.view("pieces", long).lengths) > 2 * 64
    model = fit(LONG, task, long, labels, tiny)
    proba = model.view("proba", long)
    assert task.score(labels, proba)["accuracy"] > 0.9


def test_examples_that_weigh_nothing_much_are_hardly_believed(tiny, task, drawn):
    items, labels = drawn(120, 4)
    lies = [{"bike": "bank", "bank": "bike"}.get(label, label) for label in labels]
    both = Items([*items.ids, *(f"{one}-lie" for one in items.ids)], [*items.texts, *items.texts])
    held, truth = drawn(60, 9)
    right = []
    for first, second in ((1.0, 0.02), (0.02, 1.0)):
        model = fit(LONG, task, both, [*labels, *lies], tiny, weights=[first] * 120 + [second] * 120)
        right.append(task.score(truth, model.view("proba", held))["accuracy"])
    assert right[0] > right[1] + 0.3


def test_class_weights_smoothing_losses_and_frozen_layers_are_settings(tiny, task, drawn):
    items, labels = drawn(60)
    plain = fit(QUICK, task, items, labels, tiny)
    assert not any("word_embeddings" in name for name in plain.arrays)
    for change in ({"class_weights": True}, {"smoothing": 0.2}, {"loss": "focal(gamma=2)"}, {"accumulate": 2}):
        other = fit(replace(QUICK, **change), task, items, labels, tiny)
        assert other.fingerprint != plain.fingerprint, change
        assert other.arrays.keys() == plain.arrays.keys()
    flat = fit(replace(QUICK, smoothing=0.4), task, items, labels, tiny).view("proba", items).max(axis=1)
    assert flat.mean() < plain.view("proba", items).max(axis=1).mean()
    frozen = fit(replace(QUICK, freeze=1), task, items, labels, tiny)
    assert not any("layer.0." in name or "embeddings" in name for name in frozen.arrays)
    assert all(name.startswith("head.") for name in fit(replace(QUICK, freeze=2), task, items, labels, tiny).arrays)
    for more in (replace(QUICK, freeze=3), replace(QUICK, freeze=99, lora=2)):
        with pytest.raises(ConfigError, match="is more layers than this encoder has; freeze at most 2"):
            fit(more, task, items, labels, tiny)
    assert any("word_embeddings" in name for name in fit(replace(QUICK, words=True), task, items, labels, tiny).arrays)


def test_layers_that_share_their_weights_cannot_be_frozen_one_by_one(tmp_path, task, drawn):
    """The first layer of ALBERT is all of them."""
    from transformers import AlbertConfig, AlbertModel, AutoTokenizer

    items, labels = drawn(40)
    folder = write_tiny_encoder(tmp_path / "albert", sorted({word for text in items.texts for word in text.split()}))
    words = len(AutoTokenizer.from_pretrained(folder))
    config = AlbertConfig(
        vocab_size=words, embedding_size=16, hidden_size=32, num_hidden_layers=4, num_attention_heads=2,
        intermediate_size=64, max_position_embeddings=64,
    )  # fmt: skip
    AlbertModel(config).save_pretrained(folder)
    start = prepare_start(str(folder), items, store=ViewStore(None))
    for more in (replace(QUICK, freeze=1), replace(QUICK, freeze=2, lora=2)):
        with pytest.raises(ConfigError, match=r"the 4 layers of this encoder \(albert\) share .* leave freeze out"):
            fit(more, task, items, labels, start)
    model = fit(replace(QUICK, steps=2), task, items, labels, start)  # all of it trains
    assert any("albert_layers.0" in name for name in model.arrays)


def test_every_label_has_a_row_that_trains_when_some_are_held_out(task, drawn):
    items, labels = drawn(300)
    labels = ["boat" if row == 77 else "bank" if row % 2 else "bike" for row in range(300)]
    for seed in range(40):
        train, held = QUICK.split(Examples(items, labels), stream(seed, "split"))
        assert (len(train), len(held)) == (270, 30)
        assert set(train.labels) == set(task.labels)
        assert sorted([*train.items.ids, *held.items.ids]) == sorted(items.ids)
        assert list(train.items.ids) == [one for one in items.ids if one in set(train.items.ids)]


def test_from_200_labels_on_training_stops_early_and_calibrates_on_held_rows(tiny, task, drawn):
    items, labels = drawn(220)
    model = fit(replace(QUICK, steps=60, patience=1), task, items, labels, tiny)
    assert model.settings["held"] == 22
    assert 0 <= model.settings["accuracy_on_asked"] <= 1
    assert model.settings["steps"] <= 60


def test_an_unknown_start_says_what_to_do(drawn, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    items, _ = drawn(4)
    start = prepare_start("nobody/no-such-encoder", items, store=ViewStore(None))
    with pytest.raises(ConfigError, match=r"cannot load the start 'nobody/no-such-encoder'.*a folder that holds one"):
        start.view("pieces", items)


def test_a_tokenizer_that_does_not_fit_is_refused(tiny_folder, tmp_path, drawn):
    """S1's fault: the tokenizer of another model, whose numbers mean other words."""
    import json

    folder = tmp_path / "mixed"
    shutil.copytree(tiny_folder, folder)
    whole = json.loads((folder / "tokenizer.json").read_text())
    vocabulary = whole["model"]["vocab"]
    vocabulary |= {f"word{number}": len(vocabulary) + number for number in range(50)}
    (folder / "tokenizer.json").write_text(json.dumps(whole))
    with pytest.raises(ConfigError, match=r"does not fit its weights: it knows \d+ pieces, and the model embeds \d+"):
        tiny_start(folder).view("pieces", drawn(3)[0])


def test_a_start_without_an_encoder_is_refused(task, drawn):
    items, labels = drawn(20)
    start = Lexical().prepare(items, store=ViewStore(None), rng=stream(0, "x"))
    with pytest.raises(NeedsError, match="fine-tuning needs a start with an encoder"):
        fit(QUICK, task, items, labels, start)


def test_a_loss_that_is_no_number_names_the_step_and_the_items(tiny, task, drawn, monkeypatch):
    items, labels = drawn(30)
    losses = programs.Single.losses

    def broken(self, rows, step, course, before=None):
        found = losses(self, rows, step, course, before)
        return found * float("inf") if step == 4 else found

    monkeypatch.setattr(programs.Single, "losses", broken)
    with pytest.raises(TrainingError, match=r"the loss is inf at step 4, on the items m0-\d+(, m0-\d+){7}; try a smal"):
        fit(QUICK, task, items, labels, tiny)


def test_a_model_comes_back_as_it_was_saved(choice_model, tiny_folder, tmp_path, drawn, task):
    items, labels = drawn(60)
    start = prepare_start(str(tiny_folder), items, store=ViewStore(None))
    model = fit(QUICK, task, items, labels, start)
    model.save(tmp_path / "model")
    size = sum(file.stat().st_size for file in (tmp_path / "model").iterdir())
    assert size < 4 * sum(array.size for array in model.arrays.values()) + 20_000  # what was trained, and no more
    loaded = load_model(tmp_path / "model", store=ViewStore(None))
    held, _ = drawn(40, 8)
    for view in ("proba", "embeddings", "committee"):
        assert np.array_equal(loaded.view(view, held), model.view(view, held))
    assert loaded.fingerprint == model.fingerprint


def test_fingerprints_tell_models_apart_and_nothing_else(choice_model, tiny, task, drawn):
    items, labels = drawn(60)
    assert fit(QUICK, task, items, labels, tiny).fingerprint == choice_model.fingerprint
    assert fit(QUICK, task, items, labels, tiny, seed=1).fingerprint != choice_model.fingerprint
    # The same weights, and another committee.
    assert fit(replace(QUICK, members=4), task, items, labels, tiny).fingerprint != choice_model.fingerprint


def test_what_a_model_says_of_an_item_hardly_depends_on_its_company(choice_model, drawn):
    items, _ = drawn(60, 6)
    whole = choice_model.view("proba", items)
    alone = choice_model.view("proba", Items(items.ids[7:9], items.texts[7:9]))
    np.testing.assert_allclose(alone, whole[7:9], atol=1e-5)
    assert choice_model.view("proba", Items([], [])).shape == (0, 3)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"precision": "fp16"}, "there is no precision 'fp16'; there are: auto, bf16, fp32"),
        ({"freeze": -1}, "freeze is 0 or more; given -1"),
        ({"members": 0}, "members is 1 or more; given 0"),
        ({"patience": 0}, "patience is 1 or more; given 0"),
        ({"head_rate": -1.0}, "head_rate is a number above 0; given -1.0"),
        ({"layer_decay": float("inf")}, "layer_decay is a number above 0; given inf"),
        ({"dropout": 1.0}, "dropout is a share from 0 to below 1; given 1.0"),
        ({"augment": 0.2}, "augment shakes what self-training guessed: say semi=true too; given 0.2"),
    ],
)
def test_settings_that_mean_nothing_are_refused(settings, says):
    with pytest.raises(ConfigError, match=re.escape(says)):
        replace(QUICK, **settings)


def test_examples_of_weight_0_neither_train_nor_judge(tiny, task, drawn):
    items, labels = drawn(260)
    wrong = [labels[0] if row % 2 else label for row, label in enumerate(labels)]
    weights = [1.0 - row % 2 for row in range(260)]
    right = np.flatnonzero(weights)
    model = fit(QUICK, task, items, wrong, tiny, weights=weights)
    other = fit(QUICK, task, items.take(right), [labels[row] for row in right], tiny)
    assert model.settings["held"] == other.settings["held"] == 0  # 130 are too few to hold some out
    np.testing.assert_array_equal(model.view("proba", items), other.view("proba", items))


def test_held_examples_judge_by_their_weight(tiny, task, drawn):
    items, labels = drawn(300)
    rng = stream(0, "wrong")
    wrong = rng.random(300) < 0.5
    guessed = rng.choice(sorted(set(labels)), 300).tolist()
    said = [guess if bad else label for bad, guess, label in zip(wrong, guessed, labels, strict=True)]
    light = fit(QUICK, task, items, said, tiny, weights=np.where(wrong, 1e-3, 1.0).tolist())
    heavy = fit(QUICK, task, items, said, tiny)
    assert light.settings["accuracy_on_asked"] > heavy.settings["accuracy_on_asked"] + 0.1
    assert light.settings["temperature"] < heavy.settings["temperature"]


def test_a_committee_in_one_thread_leaves_the_answers_of_another_alone(choice_model, drawn):
    items, _ = drawn(60, 5)
    parts = [items.take(np.arange(at, at + 3)) for at in range(0, 60, 3)]
    fresh = replace(choice_model, _outputs=OrderedDict())  # nothing kept from before
    expected = [fresh.view("proba", part) for part in parts]
    stop = threading.Event()

    def votes():
        while not stop.is_set():
            choice_model.view("committee", items)

    thread = threading.Thread(target=votes)
    thread.start()
    try:
        for _ in range(5):
            other = replace(choice_model, _outputs=OrderedDict())
            for part, wanted in zip(parts, expected, strict=True):
                np.testing.assert_array_equal(other.view("proba", part), wanted)
    finally:
        stop.set()
        thread.join()


@pytest.mark.parametrize("error", ["gpu", "cpu"])
def test_too_little_memory_for_the_optimizer_is_one_line(tiny, task, drawn, monkeypatch, error):
    import torch

    def full(self, closure=None):
        if error == "gpu":
            raise torch.OutOfMemoryError("CUDA out of memory")
        torch.empty(2**60)  # what the CPU says

    monkeypatch.setattr(torch.optim.AdamW, "step", full)
    with pytest.raises(TrainingError, match=r"memory is too small for this start \(.*\); give a"):
        fit(QUICK, task, *drawn(30), tiny)


def test_too_little_memory_is_told(tiny, task, drawn, monkeypatch, caplog):
    import torch

    items, labels = drawn(30)
    losses = programs.Single.losses

    def small(self, rows, step, course, before=None):
        if len(rows[0]) > 12:
            raise torch.OutOfMemoryError("out of memory")
        return losses(self, rows, step, course, before)

    expected = fit(QUICK, task, items, labels, tiny).view("proba", items)
    monkeypatch.setattr(programs.Single, "losses", small)
    with caplog.at_level(logging.WARNING):
        model = fit(QUICK, task, items, labels, tiny)
    assert "memory is too small for 24 rows at once; halved" in caplog.text
    np.testing.assert_allclose(model.view("proba", items), expected, atol=0.05)


def test_a_model_says_what_was_held_out_and_how_good_it_was_on_that_or_why_none_was(tiny, drawn, choice_model):
    assert choice_model.settings["unheld"] == "there are fewer than 200 labels"
    items, labels = drawn(220)
    told = fit(
        replace(QUICK, steps=20, validation=0.0), Choice(tuple(sorted(set(labels)))), items, labels, tiny
    ).settings
    assert (told["held"], told["unheld"]) == (0, "validation is 0")
    sets = [frozenset({one}) for one in labels]
    task = MultiLabel(tuple(sorted(set(labels))))
    model = fit(QUICK, task, items, sets, tiny)
    told = model.settings
    assert "unheld" not in told
    _, held = QUICK.split(Examples(items, sets), stream(0, "fit"))
    assert told["held"] == len(held) == 22
    scores = task.score(held.labels, model.view("proba", held.items), model.decide(model.view("proba", held.items)))
    assert told["f1_micro_on_asked"] == pytest.approx(scores["f1_micro"], abs=1e-4)
