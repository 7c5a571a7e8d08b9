"""Data sets of Hugging Face, through `datasets`: by name, or from a folder."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from tithe.data import Table, hub
from tithe.errors import ConfigError, DataError, MissingExtraError, near

_PATH = re.compile(r"hf:(?P<name>[^:]+)(?::(?P<split>[^:/]+))?")


class Address(NamedTuple):
    """What follows `hf:`; `split` None means `train`, or the only one."""

    name: str
    split: str | None


@dataclass(frozen=True)
class HuggingFace:
    """`hf:NAME`, `hf:NAME:SPLIT`, `hf:OWNER/NAME/CONFIG:SPLIT`, or a folder in place of the name.

    A folder is one that `save_to_disk` wrote, or one of data files. Columns are memory-mapped and read one by one.
    Numbers that stand for names (ClassLabel) become the names, in lists too.
    """

    suffixes: tuple[str, ...] = ()

    def read(self, path: Path, *, header: bool = True, columns: Sequence[str] | None = None) -> Table:
        """The rows of one split; `header` and `columns` do not apply.

        Raises:
            DataError: there is no such data set, or it cannot be fetched; says what to do.
            ConfigError: it has several splits or configurations, and which one is meant is not clear.
        """
        address = parsed(str(path))
        loaded = _load(address)
        if isinstance(loaded, Mapping):
            loaded = _split(loaded, address)
        found = _Columns(loaded)
        strings = tuple(name for name in found if _holds_words(loaded.features[name]))
        return Table(found, range(1, len(loaded) + 1), strings, unit="row")

    def write(self, path: Path, table: Table) -> tuple[str, ...]:
        """Always raises DataError: nothing is uploaded from here."""
        raise DataError(f"cannot write {path}: write .parquet or .jsonl, which `datasets` reads, and upload that")


def parsed(path: str) -> Address:
    """The parts of a path.

    >>> parsed("hf:stanfordnlp/imdb:test")
    Address(name='stanfordnlp/imdb', split='test')
    """
    match = _PATH.fullmatch(path)
    if match is None:
        raise ConfigError(f"cannot read {path!r}: write hf:NAME, hf:NAME:SPLIT or hf:NAME/CONFIG:SPLIT")
    return Address(match["name"].rstrip("/"), match["split"])


def _load(address: Address) -> Any:
    """A data set or a mapping of splits."""
    try:
        import datasets
    except ImportError:
        raise MissingExtraError(
            "data sets of Hugging Face need `datasets`: python -m pip install 'tithe[huggingface]'"
        ) from None
    datasets.disable_progress_bars()
    folder = Path(address.name).expanduser()
    try:
        if (folder / "dataset_info.json").is_file() or (folder / "dataset_dict.json").is_file():
            return datasets.load_from_disk(str(folder))
        if folder.is_dir():
            return datasets.load_dataset(str(folder))
    except (OSError, ValueError) as error:
        raise DataError(f"cannot read the folder {folder} as a data set: {_line(error)}") from None
    failure: Exception | None = None
    for name, config in _readings(address.name):
        try:
            with _offline_if_unreachable(datasets.config):
                return datasets.load_dataset(name, config)
        except datasets.exceptions.DatasetNotFoundError as error:
            failure = failure or error
        except ValueError as error:  # several configurations, and none or an unknown one named
            raise ConfigError(f"hf:{address.name}: {_line(error)}; write hf:NAME/CONFIG:SPLIT") from None
        except (OSError, datasets.exceptions.DatasetsError) as error:
            failure = failure or error
    raise DataError(
        f"cannot get hf:{address.name} ({_line(failure)}). Check the name and the connection; without one, give a "
        "folder that save_to_disk wrote (hf:FOLDER:SPLIT) or a Parquet, JSONL or CSV file"
    )


@contextmanager
def _offline_if_unreachable(config: Any) -> Iterator[None]:
    """Without a connection only what was fetched before can be had; asking anyway takes half a minute of retries."""
    from huggingface_hub import constants

    before = constants.HF_HUB_OFFLINE, config.HF_HUB_OFFLINE  # read from the environment once, so set here
    try:
        if not any(before) and not hub.reachable(constants.ENDPOINT):
            constants.HF_HUB_OFFLINE = config.HF_HUB_OFFLINE = True
        yield
    finally:
        constants.HF_HUB_OFFLINE, config.HF_HUB_OFFLINE = before


def _readings(name: str) -> Iterator[tuple[str, str | None]]:
    """What a name may mean: NAME, OWNER/NAME, NAME/CONFIG or OWNER/NAME/CONFIG."""
    parts = name.split("/")
    if len(parts) > 3 or not all(parts):
        raise ConfigError(f"hf:{name} is no folder and has too many parts for a name; write hf:OWNER/NAME/CONFIG:SPLIT")
    if len(parts) < 3:
        yield name, None
    if len(parts) > 1:
        yield "/".join(parts[:-1]), parts[-1]


def _split(splits: Mapping[str, Any], address: Address) -> Any:
    wanted = address.split or ("train" if "train" in splits else None)
    if wanted is None and len(splits) == 1:
        return next(iter(splits.values()))
    if wanted is None or wanted not in splits:
        said = f"has no split {wanted!r}" if wanted else "has several splits and none is 'train'"
        raise ConfigError(f"hf:{address.name} {said}; {near(wanted or '', splits)}; write hf:NAME:SPLIT")
    return splits[wanted]


def _line(error: Exception | None) -> str:
    return " ".join(str(error).split())[:200].rstrip(".")


class _Columns(Mapping[str, Sequence[object]]):
    """The columns of a data set, read one by one and kept."""

    def __init__(self, loaded: Any) -> None:
        self._loaded = loaded
        self._read: dict[str, list[object]] = {}

    def __getitem__(self, name: str) -> Sequence[object]:
        if name not in self._read:
            if name not in self._loaded.column_names:
                raise KeyError(name)
            arrow = self._loaded.select_columns([name]).with_format("arrow")[:]
            self._read[name] = _named(self._loaded.features[name], arrow.column(0).to_pylist())
        return self._read[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._loaded.column_names)

    def __len__(self) -> int:
        return len(self._loaded.column_names)


def _named(feature: Any, cells: list[object]) -> list[object]:
    """The cells with the names of their labels in place of the numbers; -1 stands for a missing one."""
    names = _names_of(feature)
    if names is None:
        return cells

    def name(number: object) -> object:
        return names[number] if isinstance(number, int) and 0 <= number < len(names) else None

    return [[name(one) for one in cell] if isinstance(cell, list) else name(cell) for cell in cells]


def _names_of(feature: Any) -> list[str] | None:
    """The names of a ClassLabel, or of a list of them."""
    inner = getattr(feature, "feature", None)
    if inner is None and isinstance(feature, list) and len(feature) == 1:
        inner = feature[0]
    names = getattr(feature if inner is None else inner, "names", None)
    return list(names) if names else None


def _holds_words(feature: Any) -> bool:
    return getattr(feature, "dtype", "") in ("string", "large_string")


HUGGINGFACE = HuggingFace()
