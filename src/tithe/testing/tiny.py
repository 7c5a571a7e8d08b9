"""A very small encoder with a tokenizer of its own, for trying out trainers that need one: no download, no waiting."""

from __future__ import annotations

import atexit
import json
import shutil
import string
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from tithe.models.encoder import Encoder, EncoderStart
from tithe.rng import stream
from tithe.types import Items
from tithe.views import ViewStore

_SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


def write_tiny_encoder(folder: Path, words: Iterable[str] = (), *, seed: int = 0, **config: Any) -> Path:
    """The folder of a BERT of two layers, 32 wide, with random weights and a WordPiece tokenizer of these words.

    All of ASCII has pieces, so that any other word is read letter by letter.

    Args:
        folder: made here.
        seed: of the weights; far larger than a BERT's first ones, so that attention says something untrained.
        config: further settings of `transformers.BertConfig`, such as `max_position_embeddings`.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as name:
    ...     start = tiny_start(write_tiny_encoder(Path(name) / "tiny", ["red", "bike"]))
    ...     start.view("pieces", Items(["1"], ["Red bikes"])).values.tolist()
    [5, 6, 35]
    """
    import torch
    from safetensors.torch import save_file
    from transformers import BertConfig, BertModel

    settings = {
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 64,
        "max_position_embeddings": 64,
    } | config
    letters = [one for one in string.printable if one.strip() and one.lower() == one]
    vocabulary = dict.fromkeys([*_SPECIAL, *words, *(f"##{one}" for one in letters), *letters])
    model = BertModel(BertConfig(vocab_size=len(vocabulary), architectures=["BertModel"], **settings))
    with torch.no_grad():
        for name, one in model.named_parameters():
            if one.ndim > 1:
                draws = stream(seed, "tiny encoder", name).standard_normal(one.shape)
                one.copy_(torch.as_tensor(draws * (0.5 if "embeddings" in name else one.shape[1] ** -0.5)))
    Path(folder).mkdir(parents=True)
    model.config.save_pretrained(folder)
    save_file(model.state_dict(), Path(folder) / "model.safetensors", metadata={"format": "pt"})
    _write_tokenizer(Path(folder), list(vocabulary), int(settings["max_position_embeddings"]))
    return Path(folder)


def _write_tokenizer(folder: Path, vocabulary: list[str], most: int) -> None:
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

    numbers = {piece: number for number, piece in enumerate(vocabulary)}
    tokenizer: Any = Tokenizer(models.WordPiece(numbers, unk_token="[UNK]", max_input_chars_per_word=100))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[(piece, numbers[piece]) for piece in ("[CLS]", "[SEP]")],
    )
    tokenizer.save(str(folder / "tokenizer.json"))
    names = {f"{name}_token": f"[{name.upper()}]" for name in ("pad", "unk", "cls", "sep", "mask")}
    facts = names | {"model_max_length": most, "tokenizer_class": "PreTrainedTokenizerFast"}
    (folder / "tokenizer_config.json").write_text(json.dumps(facts), "utf-8")


def tiny_start(folder: Path) -> EncoderStart:
    """The encoder of a folder as a start that keeps its views in memory."""
    return Encoder(str(folder)).prepare(Items([], []), store=ViewStore(None), rng=stream(0, "tiny start"))


@cache
def reader_of_clouds() -> EncoderStart:
    """A start whose tokenizer knows the words of `Clouds`; made once a process, and gone with it."""
    folder = Path(mkdtemp(prefix="tithe-tiny-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    words = ("cloud", "point", "of", "train", "held", *(f"c{number}" for number in range(10)))
    return tiny_start(write_tiny_encoder(folder / "encoder", words))
