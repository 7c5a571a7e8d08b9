"""An encoder of 40 words and two layers, and its tokenizer: made here, so that tests need no weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer
from tokenizers.models import WordPiece
from tokenizers.pre_tokenizers import Whitespace
from tokenizers.processors import BertProcessing
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

from tithe.rng import stream

WORDS = [f"w{number}" for number in range(40)]
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "##x"]
CONFIG: dict[str, Any] = {
    "vocab_size": len(SPECIAL) + len(WORDS),
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 64,
    "max_position_embeddings": 24,
}


def tokenizer() -> PreTrainedTokenizerFast:
    """Words are pieces; `w7xx` is three of them."""
    inner = Tokenizer(WordPiece({word: at for at, word in enumerate([*SPECIAL, *WORDS])}, unk_token="[UNK]"))
    inner.pre_tokenizer = Whitespace()
    inner.post_processor = BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    return PreTrainedTokenizerFast(tokenizer_object=inner, pad_token="[PAD]", cls_token="[CLS]", sep_token="[SEP]")


def encoder(**changes: Any) -> BertModel:
    """The same weights at each call, as those of a start are."""
    made = BertModel(BertConfig(**(CONFIG | changes)))
    rng = stream(0, "test", "encoder")
    with torch.no_grad():
        for one in made.parameters():
            one.copy_(torch.as_tensor(rng.normal(0, 0.1, tuple(one.shape)).astype(np.float32)))
    return made


def write(folder: Path) -> Path:
    """Encoder and tokenizer as a folder that a start can be named by."""
    encoder().save_pretrained(folder)
    tokenizer().save_pretrained(folder)
    return folder
