"""Starts by name, alone or side by side: `minilm`, `minilm+lexical`, `bert-base-uncased`, `./my-encoder`."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from tithe import registry, rng
from tithe.errors import ConfigError, NeedsError, UnknownNameError, meant
from tithe.models import Start, StartMaker, Tell, quiet
from tithe.models.encoder import Encoder
from tithe.models.given import SPEC, GivenStart
from tithe.types import Items, View, check_items
from tithe.views import ViewStore

DEFAULT_START = "minilm+lexical"


@dataclass(frozen=True, eq=False)
class Together:
    """Several starts side by side; a view comes from the first that provides it."""

    spec: str
    parts: tuple[Start, ...]
    names: tuple[str, ...] = ()
    """Of each part what the spec calls it, as it was split where its folders were in sight."""

    @property
    def provides(self) -> frozenset[View]:
        """All views of all parts."""
        return frozenset().union(*(part.provides for part in self.parts))

    @cached_property
    def fingerprint(self) -> str:
        """The hash of the parts' fingerprints, in order."""
        return hashlib.blake2b("+".join(p.fingerprint for p in self.parts).encode(), digest_size=16).hexdigest()

    def view(self, name: View, items: Items) -> Any:
        """The view of the first part that provides it."""
        check_items(items)
        for part in self.parts:
            if name in part.provides:
                return part.view(name, items)
        raise NeedsError(f"the start {self.spec!r} gives {', '.join(sorted(self.provides))}; not {name!r}")

    def save(self, into: Path) -> dict[str, Any]:
        """A folder and an entry for each part."""
        entries = []
        for number, part in enumerate(self.parts):
            (into / f"start-{number}").mkdir()
            entries.append(part.save(into / f"start-{number}"))
            if not any((into / f"start-{number}").iterdir()):
                (into / f"start-{number}").rmdir()
        return {"spec": self.spec, "names": list(self.names), "parts": entries}


def makers(spec: str) -> list[tuple[str, StartMaker]]:
    """What each part of a spec names; a name that is not registered is taken for a Hugging Face name or a folder."""
    return [(part, _maker(part)) for part in _parts(spec)]


def _maker(part: str) -> StartMaker:
    packaged = registry.names("starts")
    is_folder = bool(part) and part not in packaged and Path(part).is_dir()  # its name may hold brackets
    known = not is_folder and registry.parse(part)[0] in packaged
    # A slip in a packaged name is told at once; names of that hub's own begin with OWNER/, or differ more.
    hint = "" if known or is_folder or "/" in part else meant(part, packaged)
    if hint:
        raise UnknownNameError(f"unknown start {part!r}; {hint} A folder or OWNER/NAME of Hugging Face will do too")
    made: StartMaker = registry.build("starts", part) if known else Encoder(part)
    return made


def _saved_makers(saved: dict[str, Any]) -> list[tuple[str, StartMaker]]:
    """The makers of a saved start. The folders of encoders need not be where their names lead to from here."""
    if not saved.get("names"):  # of a tithe that did not keep them
        return makers(saved["spec"])
    packaged, found = registry.names("starts"), list[tuple[str, StartMaker]]()
    for name, settings in zip(saved["names"], saved["parts"], strict=True):
        is_encoder = "source" in settings and name.partition("(")[0].strip() not in packaged
        found.append((name, Encoder(name) if is_encoder else _maker(name)))
    return found


def _parts(spec: str) -> list[str]:
    """The parts of a spec, split at `+`, but for those that stand in the name of a folder that is there."""
    pieces, found = spec.split("+"), list[str]()
    while pieces:
        joined = ("+".join(pieces[:count]).strip() for count in range(len(pieces), 1, -1))
        part = next((one for one in joined if Path(one).is_dir()), pieces[0].strip())
        found.append(part)
        pieces = pieces[part.count("+") + 1 :]
    return found


def prepare_start(spec: str, items: Items, *, store: ViewStore, seed: int = 0, tell: Tell = quiet) -> Together:
    """The start that a spec names, prepared on these unlabelled items.

    Raises ConfigError where a part is neither registered nor an encoder that can be loaded.
    """
    found = makers(spec)
    parts = [
        # Named by the part: alone or beside others, a start draws the same and shares its stored views.
        maker.prepare(items, store=store, rng=rng.stream(seed, "start", part), tell=tell)
        for part, maker in found
    ]
    return Together(spec, tuple(parts), tuple(part for part, _ in found))


def pretrained_of(start: Start) -> tuple[Any, Any, int]:
    """The tokenizer, a copy of the encoder, and the most pieces it reads, of the first part of a start that has one.

    Raises NeedsError where none has: only encoders can be fine-tuned. Cost: the copy; see `reader_of`.
    """
    found: tuple[Any, Any, int] = _with_encoder(start).pretrained()
    return found


def reader_of(start: Start) -> tuple[Any, int]:
    """The tokenizer of `pretrained_of` and the most pieces, without a copy of the encoder. Raises as that does."""
    found: tuple[Any, int] = _with_encoder(start).reader()
    return found


def _with_encoder(start: Start) -> Any:
    for part in start.parts if isinstance(start, Together) else (start,):
        if hasattr(part, "pretrained"):
            return part
    raise NeedsError(
        "fine-tuning needs a start with an encoder, and this one has none; name minilm, a folder or a Hugging Face name"
    )


def load_start(
    folder: Path, saved: dict[str, Any], *, store: ViewStore, tell: Tell = quiet, own: Start | None = None
) -> Start:
    """The start that `save` wrote below a model's folder.

    A model on embeddings of the user's own has none there: `own` takes its place, or else a start that knows no items.
    """
    if saved["spec"] == SPEC:
        return own or GivenStart()
    if own is not None:
        raise ConfigError(f"this model embeds texts itself, with {saved['spec']}; leave --embeddings out")
    found = _saved_makers(saved)
    parts = [
        maker.load(folder / f"start-{number}", settings, store=store, tell=tell)
        for number, ((_, maker), settings) in enumerate(zip(found, saved["parts"], strict=True))
    ]
    return Together(saved["spec"], tuple(parts), tuple(part for part, _ in found))
