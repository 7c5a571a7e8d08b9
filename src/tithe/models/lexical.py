"""`lexical`: TF-IDF of words and word pairs, reduced to a dense space by truncated SVD (latent semantic analysis).

Words are split at white space and punctuation is kept: on TREC the "?" alone is worth .008. Beside an embedding these
features are worth up to six points where form matters more than topic; alone they need no encoder at all.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tithe.errors import DataError, NeedsError
from tithe.models import Tell, quiet
from tithe.models.forms import RECIPE, Forms
from tithe.ragged import Ragged
from tithe.types import Floats, Items, View
from tithe.views import ViewStore

if TYPE_CHECKING:
    from numpy.random import Generator

_FIT_ROWS = 20_000  # the SVD is fitted on a draw of this many: its cost grows with rows x dims
_SHARD = 65_536


@dataclass(frozen=True)
class Lexical:
    """TF-IDF and SVD with `dims` dimensions; the vocabulary keeps n-grams of at least two texts, 200,000 at most."""

    dims: int = 512

    def prepare(self, items: Items, *, store: ViewStore, rng: Generator, tell: Tell = quiet) -> LexicalStart:
        """Learns vocabulary, weights and axes from the texts. Cost: a few seconds for 5,000 short texts, once."""
        seed = int(rng.integers(2**31))
        key = hashlib.blake2b(f"{items.digest}|{self.dims}|{seed}|lexical v1".encode(), digest_size=16).hexdigest()
        return LexicalStart(self.dims, key, store, items, seed, tell=tell)

    def load(self, folder: Path, settings: dict[str, Any], *, store: ViewStore, tell: Tell = quiet) -> LexicalStart:
        """The vocabulary and axes that `save` wrote."""
        from safetensors.numpy import load_file

        words = json.loads((folder / "vocabulary.json").read_text("utf-8"))
        arrays = load_file(folder / "lexical.safetensors")
        start = LexicalStart(settings["dims"], settings["fingerprint"], store, None, 0, tell=tell)
        if (folder / "forms.safetensors").is_file():
            start.__dict__["_forms"] = Forms.load(folder)
        start.__dict__["_fitted"] = _Fitted(tuple(words), arrays["idf"], arrays["axes"])
        return start


@dataclass(frozen=True, eq=False)
class _Fitted:
    words: tuple[str, ...]
    idf: Any  # (V,)
    axes: Any  # (V, dims)

    @cached_property
    def vectorizer(self) -> Any:
        vectorizer = _vectorizer(vocabulary=list(self.words))
        vectorizer.idf_ = self.idf
        return vectorizer


def _vectorizer(**more: Any) -> Any:
    import numpy as np
    from sklearn.feature_extraction.text import TfidfVectorizer

    return TfidfVectorizer(
        token_pattern=r"[^\s?!.,;:()\"]+|[?!.,;:()\"]", ngram_range=(1, 2), sublinear_tf=True, dtype=np.float32, **more
    )


@dataclass(frozen=True, eq=False)
class LexicalStart:
    """A fitted vocabulary; fitted when its first view is computed."""

    dims: int
    key: str
    store: ViewStore
    items: Items | None
    seed: int
    tell: Tell = quiet
    asked: set[View] = field(default_factory=set, repr=False)
    """Views that were looked at: what no view needed is not learned for the sake of `save`."""

    @property
    def provides(self) -> frozenset[View]:
        """`lexical`; `word_forms` of tokens; and alone in a recipe it stands in for `embeddings` too.

        One that was saved before anybody looked at `word_forms` comes back without them.
        """
        words = self.items is not None or "_forms" in self.__dict__
        return frozenset({"lexical", "embeddings"} | ({"word_forms"} if words else set()))

    @property
    def fingerprint(self) -> str:
        """The hash of the texts that it was fitted on and of its settings."""
        return self.key

    def view(self, name: View, items: Items) -> Floats | Ragged:
        """(n, dims) rows of length 1 (0 for a text without a known word); for `word_forms` ragged rows of (t, d)."""
        if name not in self.provides:
            raise NeedsError(f"the start 'lexical' gives {', '.join(sorted(self.provides))}; not {name!r}")

        def tell(done: int, total: int) -> None:
            self.tell("counting words", done, total)

        if name == "word_forms":
            self.asked.add(name)
            return self.store.get_tokens(items, self.key, RECIPE, self._word_forms, shard_rows=_SHARD, tell=tell)
        rows: Floats = self.store.get(items, self.key, "lexical", self._rows, shard_rows=_SHARD, tell=tell)
        return rows

    def save(self, into: Path) -> dict[str, Any]:
        """Vocabulary and axes: they depend on the pool and cannot be had again by name."""
        from safetensors.numpy import save_file

        fitted = self._fitted
        (into / "vocabulary.json").write_text(json.dumps(list(fitted.words), ensure_ascii=False), "utf-8")
        save_file({"idf": fitted.idf, "axes": fitted.axes}, into / "lexical.safetensors")
        if "word_forms" in self.asked or "_forms" in self.__dict__:
            self._forms.save(into)
        return {"dims": self.dims, "fingerprint": self.key}

    @cached_property
    def _forms(self) -> Forms:
        return Forms.of(self._drawn("lexical forms"), self.seed)

    def _word_forms(self, items: Items) -> Ragged:
        return self._forms.rows(items)

    def _drawn(self, name: str) -> Items:
        """The texts to learn from: all, or a draw of them."""
        import numpy as np

        from tithe.rng import stream

        items = self.items
        if items is None or not len(items):
            raise DataError("the start 'lexical' has no texts to learn words from; give it at least one")
        if len(items) <= _FIT_ROWS:
            return items
        return items.take(np.sort(stream(self.seed, name).choice(len(items), _FIT_ROWS, replace=False)))

    @cached_property
    def _fitted(self) -> _Fitted:
        import numpy as np
        from sklearn.utils.extmath import randomized_svd
        from threadpoolctl import threadpool_limits

        texts = list(self._drawn("lexical").texts)
        for fewest in (2, 1):  # tiny pools may have no word twice
            try:
                vectorizer = _vectorizer(min_df=fewest, max_features=200_000)
                counts = vectorizer.fit_transform(texts)
                break
            except ValueError as error:
                if fewest == 1:
                    raise DataError(f"no text of the pool has a word in it ({error}); use the start 'minilm'") from None
        wanted = min(self.dims, *counts.shape)
        with threadpool_limits(1, user_api="blas"):  # the sums must not depend on the number of cores
            _, _, axes = randomized_svd(counts, wanted, n_iter=4, random_state=self.seed)
        axes = np.ascontiguousarray(axes.T.astype(np.float32))
        return _Fitted(tuple(vectorizer.get_feature_names_out()), vectorizer.idf_.astype(np.float32), axes)

    def _rows(self, items: Items) -> Floats:
        import numpy as np

        rows = np.asarray(self._fitted.vectorizer.transform(list(items.texts)) @ self._fitted.axes, dtype=np.float32)
        return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-6))
