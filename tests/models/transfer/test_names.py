"""Guesses from labels' names by embeddings, entailment and next words, each against a plain way to get it."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tithe import Choice, Items, MultiLabel, load_model
from tithe.errors import ConfigError, NeedsError
from tithe.models.given import GivenStart
from tithe.models.starts import prepare_start
from tithe.models.transfer.label_texts import TEMPLATES, descriptions_in, plain, texts_of
from tithe.models.transfer.likeness import by_embeddings, by_entailment, by_generation, embedded_labels, kind_of
from tithe.models.transfer.names import Names
from tithe.rng import stream
from tithe.views import ViewStore

sys.path.insert(0, str(Path(__file__).parent))
import tiny

TEXTS = (
    "the striker scored twice and the keeper wept",
    "parliament voted on the new tax law",
    "the telescope saw a distant galaxy",
    "a late goal decided the football match",
    "the minister resigned after the election",
    "physicists measured the particle again",
)
ITEMS = Items([str(n) for n in range(len(TEXTS))], TEXTS)
TASK = Choice(("news_sport", "news_politics", "news_science"))


@pytest.fixture(scope="module")
def minilm() -> Any:
    return prepare_start("minilm", ITEMS, store=ViewStore(None))


@pytest.fixture(scope="module")
def entailment(tmp_path_factory: pytest.TempPathFactory) -> str:
    labels = ["contradiction", "neutral", "ENTAILMENT"]
    return str(tiny.encoder(tmp_path_factory.mktemp("nli") / "nli", labels=labels))


@pytest.fixture(scope="module")
def causal(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tiny.generator(tmp_path_factory.mktemp("lm") / "lm"))


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (["atis_flight", "atis_ground_service"], ["flight", "ground service"]),
        (["a", "b"], ["a", "b"]),
        (["HUM:ind", "NUM:date"], ["HUM ind", "NUM date"]),
        (["x_", "x_y"], ["x", "x y"]),  # a name is never left empty
        (["_", "-"], ["_", "-"]),
        (["only_one"], ["only one"]),
    ],
)
def test_names_are_made_plain(labels: list[str], words: list[str]) -> None:
    assert plain(labels) == words


def test_descriptions_come_from_a_mapping_or_a_file(tmp_path: Path) -> None:
    (tmp_path / "said.json").write_text(json.dumps({"a_b": " about b "}))
    (tmp_path / "said.toml").write_text('a_b = "about b"\n')
    for given in ({"a_b": "about b"}, str(tmp_path / "said.json"), str(tmp_path / "said.toml")):
        assert texts_of(["a_b", "a_c"], descriptions_in(given, ["a_b", "a_c"])) == ["about b", "c"]
    assert descriptions_in(None, ["a"]) == {}


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"x": "y"}, "no label"),
        ({"a": ""}, "must be a text"),
        ("nowhere.json", "cannot read the descriptions"),
        (["a"], "given a list"),
    ],
)
def test_descriptions_that_do_not_fit_are_told(given: Any, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        descriptions_in(given, ["a", "b"])


def test_a_file_that_holds_no_mapping_is_told(tmp_path: Path) -> None:
    (tmp_path / "list.json").write_text("[1]")
    with pytest.raises(ConfigError, match="given a list"):
        descriptions_in(str(tmp_path / "list.json"), ["a"])


def test_cosines_are_those_of_the_mean_of_the_templates(minilm: Any) -> None:
    found = by_embeddings(minilm, ITEMS, embedded_labels(minilm, ["sport", "politics"]))
    for column, name in enumerate(("sport", "politics")):
        filled = [template.format(name) for template in TEMPLATES]
        mean = minilm.view("embeddings", Items(filled, filled)).mean(axis=0)
        for row, text in enumerate(TEXTS):
            item = minilm.view("embeddings", Items([text], [text]))[0]
            cosine = float(item @ mean / np.linalg.norm(item) / np.linalg.norm(mean))
            assert found[row, column] == pytest.approx(cosine, abs=1e-5)


def test_names_alone_tell_plain_topics_apart(minilm: Any) -> None:
    model = Names().model(TASK, ITEMS, start=minilm, rng=stream(0))
    proba = model.view("proba", ITEMS)
    assert model.decide(proba) == [TASK.labels[n] for n in (0, 1, 2, 0, 1, 2)]
    np.testing.assert_allclose(proba.sum(axis=1), 1, atol=1e-5)
    assert model.settings["from"] == "the labels' names"
    with pytest.raises(NeedsError, match="gives proba"):
        model.view("committee", ITEMS)


def test_label_sets_have_their_best_label_and_those_near_it(minilm: Any) -> None:
    task = MultiLabel(TASK.labels)
    model = Names().model(task, ITEMS, start=minilm, rng=stream(0))
    proba = model.view("proba", ITEMS)
    assert [TASK.labels[n] in one for n, one in zip((0, 1, 2, 0, 1, 2), model.decide(proba), strict=True)] == [True] * 6
    assert (proba.max(axis=1) >= 0.5).all()
    assert ((proba > 0) & (proba < 1)).all()


def test_the_level_keeps_a_name_near_everything_from_winning_everywhere(minilm: Any) -> None:
    texts = [f"covid {word}" for word in ("vaccine dose", "travel ban", "vaccine trial", "flights to spain")]
    items = Items([str(n) for n in range(4)], texts)
    task = Choice(("having covid", "covid vaccine", "covid travel"))
    plainly = Names(level=False).model(task, items, start=minilm, rng=stream(0))
    level = Names().model(task, items, start=minilm, rng=stream(0))
    assert not plainly.level.any()
    np.testing.assert_allclose(level.scores(items).mean(axis=0), level.level, atol=1e-6)
    assert [one.split()[-1] for one in level.decide(level.view("proba", items))] != ["covid"] * 4


def test_a_saved_prior_says_the_same(minilm: Any, tmp_path: Path) -> None:
    model = Names({"news_sport": "football and other games"}).model(TASK, ITEMS, start=minilm, rng=stream(0))
    model.save(tmp_path / "model")
    again = load_model(tmp_path / "model", store=ViewStore(None))
    np.testing.assert_allclose(again.view("proba", ITEMS), model.view("proba", ITEMS), atol=1e-6)
    assert again.fingerprint == model.fingerprint
    assert again.settings == model.settings


def test_a_saved_prior_finds_the_folder_that_judges_from_wherever_it_is_loaded(
    entailment: str, minilm: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = Path(entailment)
    monkeypatch.chdir(folder.parent)
    model = Names(by=f"./{folder.name}").model(Choice(("sport", "politics")), ITEMS, start=minilm, rng=stream(0))
    model.save(tmp_path / "model")
    monkeypatch.chdir(tmp_path)
    np.testing.assert_allclose(load_model(tmp_path / "model").view("proba", ITEMS).sum(axis=1), 1, atol=1e-6)
    about = tmp_path / "model" / "model.json"
    about.write_text(about.read_text().replace(json.dumps(str(folder.resolve())), json.dumps(str(tmp_path / "gone"))))
    with pytest.raises(ConfigError, match="gone is no folder of a model"):
        load_model(tmp_path / "model")


def test_embeddings_of_ones_own_have_no_rows_for_the_names() -> None:
    start = GivenStart({ITEMS.digest: np.ones((len(ITEMS), 4))})
    with pytest.raises(NeedsError, match="embeds the names of the labels, for which embeddings of your own have no"):
        Names().model(Choice(("sport", "politics")), ITEMS, start=start, rng=stream(0))


def test_entailment_is_what_transformers_says_of_each_pair(entailment: str, minilm: Any) -> None:
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    names = ["sport", "politics"]
    found = by_entailment(entailment, ITEMS, names)
    tokenizer = AutoTokenizer.from_pretrained(entailment)
    model = AutoModelForSequenceClassification.from_pretrained(entailment).eval()
    for row, text in enumerate(TEXTS):
        for column, name in enumerate(names):
            logs = []
            for template in TEMPLATES[1:]:
                with torch.inference_mode():
                    logits = model(**tokenizer(text, template.format(name), return_tensors="pt")).logits[0]
                logs.append(float(torch.log_softmax(logits, 0)[2]))
            assert found[row, column] == pytest.approx(np.mean(logs), abs=1e-4)
    proba = Names(by=entailment).model(TASK, ITEMS, start=minilm, rng=stream(0)).view("proba", ITEMS)
    np.testing.assert_allclose(proba.sum(axis=1), 1, atol=1e-5)


def test_the_next_words_are_scored_token_by_token(causal: str, minilm: Any) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    names = ["sport", "a longer name"]
    found = by_generation(causal, ITEMS, names)
    tokenizer, model = AutoTokenizer.from_pretrained(causal), AutoModelForCausalLM.from_pretrained(causal).eval()
    for row, text in enumerate(TEXTS):
        for column, name in enumerate(names):
            ids = tokenizer(f"{text}\nThis text is about {name}", add_special_tokens=False)["input_ids"]
            count = len(tokenizer(name, add_special_tokens=False)["input_ids"])
            total = 0.0
            for place in range(len(ids) - count, len(ids)):
                with torch.inference_mode():
                    logits = model(torch.tensor([ids[:place]])).logits[0, -1]
                total += float(torch.log_softmax(logits, 0)[ids[place]])
            assert found[row, column] == pytest.approx(total / count, abs=1e-4)
    proba = Names(by=causal).model(TASK, ITEMS, start=minilm, rng=stream(0)).view("proba", ITEMS)
    np.testing.assert_allclose(proba.sum(axis=1), 1, atol=1e-5)


def test_a_long_text_loses_its_end_and_not_the_question(causal: str) -> None:
    long = Items(["a", "b"], ["star " * 500, "star " * 600])
    found = by_generation(causal, long, ["sport", "tax"])
    np.testing.assert_allclose(found[0], found[1], atol=1e-5)
    assert found[0, 0] != pytest.approx(found[0, 1])
    with pytest.raises(ConfigError, match="too few for the labels' texts"):
        by_generation(causal, long, ["sport " * 60])


def test_other_folders_are_refused(tmp_path: Path, minilm: Any) -> None:
    with pytest.raises(ConfigError, match="no folder of a model"):
        kind_of("roberta-large-mnli")
    with pytest.raises(ConfigError, match="neither an entailment model"):
        Names(by=str(tiny.encoder(tmp_path / "bare"))).model(TASK, ITEMS, start=minilm, rng=stream(0))
