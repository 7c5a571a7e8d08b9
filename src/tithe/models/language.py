"""Starts that write: the language model of a folder or a Hugging Face name, with the head that writes text."""

from __future__ import annotations

import copy
from functools import lru_cache
from typing import Any, NamedTuple

from tithe.data import hub
from tithe.errors import ConfigError, NeedsError
from tithe.models import Start
from tithe.models.starts import Together


class Language(NamedTuple):
    """A tokenizer, a model of the caller's own, and whether a decoder of its own writes its answers (T5, BART)."""

    tokenizer: Any
    model: Any
    apart: bool
    most: int


def language_of(start: Start, longest: int) -> Language:
    """The language model of the first part of a start that has one; it reads `longest` pieces at most.

    Raises:
        NeedsError: the start has no encoder or language model at all.
        ConfigError: it has no head that writes text, or cannot be loaded.
    """
    for part in start.parts if isinstance(start, Together) else (start,):
        source: str | None = getattr(part, "source", None)
        if source is not None:
            tokenizer, model, apart = _loaded(source, getattr(part, "identity", ""))
            places = getattr(model.config, "max_position_embeddings", None)
            most = min(longest, tokenizer.model_max_length, places or longest)
            return Language(tokenizer, copy.deepcopy(model), apart, int(most))
    raise NeedsError(
        "generating needs a start that is a language model, and this one is none; name a folder or a Hugging Face name"
    )


@lru_cache(maxsize=1)
def _loaded(source: str, identity: str) -> tuple[Any, Any, bool]:
    """Loaded once for a source; `identity` tells a folder from another that has taken its place."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForSeq2SeqLM, AutoTokenizer, logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()
    local = hub.only_here(source)
    try:
        config = AutoConfig.from_pretrained(source, local_files_only=local)
        said = " ".join(config.architectures or ["a model that does not say what it is"])
        apart = bool(config.is_encoder_decoder)
        if not said.endswith("ForConditionalGeneration" if apart else ("ForCausalLM", "LMHeadModel")):
            raise ConfigError(
                f"the start {source!r} has no head that writes text (it is {said}); `generate` needs a causal or a "
                f"sequence-to-sequence language model, such as a folder of GPT-2, Llama or T5"
            )
        tokenizer = AutoTokenizer.from_pretrained(source, local_files_only=local)
        kind: Any = AutoModelForSeq2SeqLM if apart else AutoModelForCausalLM
        model, loading = kind.from_pretrained(
            source, local_files_only=local, dtype=torch.float32, output_loading_info=True
        )
    except (OSError, ValueError) as error:
        if isinstance(error, ConfigError):
            raise
        raise ConfigError(
            f"cannot load the language model {source!r}: {hub.why_missing(source, error)} Give the name of a model "
            f"that this machine can reach, or a folder that holds one"
        ) from None
    if missing := sorted(loading["missing_keys"]):
        raise ConfigError(f"the start {source!r} has no weights for {missing[0]}: its head would be random")
    return tokenizer, model.eval(), apart
