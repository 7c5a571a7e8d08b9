"""Tiny models made from a config, with weights drawn by a seed: real loading and real forward passes, no knowledge."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tithe.rng import stream

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
WORDS = [*SPECIAL, *"abcdefghijklmnopqrstuvwxyz", *(f"##{one}" for one in "abcdefghijklmnopqrstuvwxyz"), "?", ".", "-"]


def save_tokenizer(folder: Path) -> None:
    from transformers import BertTokenizerFast

    (folder / "vocab.txt").write_text("\n".join(WORDS))
    BertTokenizerFast(vocab=str(folder / "vocab.txt"), model_max_length=128).save_pretrained(folder)


def _save(model: Any, folder: Path, seed: int) -> Path:
    import torch

    draw = stream(seed, "tiny")
    with torch.no_grad():
        for weights in model.parameters():
            weights.copy_(torch.from_numpy(draw.normal(0, 0.3, weights.shape)))
    model.save_pretrained(folder)
    save_tokenizer(folder)
    return folder


def encoder(folder: Path, *, seed: int = 9, labels: list[str] | None = None) -> Path:
    """A BERT of two layers; with a classification head where labels are given."""
    from transformers import BertConfig, BertForSequenceClassification, BertModel

    more = {"id2label": dict(enumerate(labels)), "label2id": {one: n for n, one in enumerate(labels)}} if labels else {}
    config = BertConfig(
        vocab_size=len(WORDS), hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64,
        max_position_embeddings=128, **more,
    )  # fmt: skip
    return _save((BertForSequenceClassification if labels else BertModel)(config), folder, seed)


def generator(folder: Path, *, seed: int = 9) -> Path:
    """A GPT-2 of two layers."""
    from transformers import GPT2Config, GPT2LMHeadModel

    config = GPT2Config(
        vocab_size=len(WORDS), n_positions=128, n_embd=32, n_layer=2, n_head=2, bos_token_id=2, eos_token_id=3
    )
    return _save(GPT2LMHeadModel(config), folder, seed)
