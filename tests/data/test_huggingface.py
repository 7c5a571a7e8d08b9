"""Data sets of Hugging Face: from folders, since nothing here may use the network."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from tithe.data.huggingface import parsed
from tithe.data.reading import read_items
from tithe.errors import ConfigError, DataError, MissingExtraError
from tithe.types import Span


def test_a_path_has_a_name_and_perhaps_a_split() -> None:
    assert parsed("hf:imdb") == ("imdb", None)
    assert parsed("hf:glue/sst2:train") == ("glue/sst2", "train")
    assert parsed("hf:/a/b/:test") == ("/a/b", "test")
    for wrong in ("hf:", "hf:a:b:c", "hf:a:b/c"):
        with pytest.raises(ConfigError, match="write hf:NAME"):
            parsed(wrong)


def test_without_datasets_the_message_has_the_line_to_type(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(MissingExtraError, match=r"python -m pip install 'tithe\[huggingface\]'"):
        read_items("hf:imdb")


@pytest.fixture(scope="module")
def datasets() -> Any:
    return pytest.importorskip("datasets", reason="datasets is not installed: pip install 'tithe[huggingface]'")


@pytest.fixture
def saved(datasets: Any, tmp_path: Path) -> Path:
    """Three splits in one folder, with label numbers that stand for names, one of them missing (-1)."""
    features = datasets.Features(
        {
            "text": datasets.Value("string"),
            "label": datasets.ClassLabel(names=["neg", "pos"]),
            "tokens": datasets.Sequence(datasets.Value("string")),
            "ner_tags": datasets.Sequence(datasets.ClassLabel(names=["O", "B-LOC", "I-LOC"])),
        }
    )
    rows = {
        "text": ["in New York", "nowhere", "Bonn"],
        "label": [1, 0, -1],
        "tokens": [["in", "New", "York"], ["nowhere"], ["Bonn"]],
        "ner_tags": [[0, 1, 2], [0], [1]],
    }
    whole = datasets.Dataset.from_dict(rows, features=features)
    datasets.DatasetDict({"train": whole, "test": whole.select([2, 0])}).save_to_disk(str(tmp_path / "set"))
    return tmp_path / "set"


def test_numbers_become_the_names_that_they_stand_for(saved: Path) -> None:
    items = read_items(f"hf:{saved}", text="text")
    assert list(items.texts) == ["in New York", "nowhere", "Bonn"]
    assert list(items.gold or ()) == ["pos", "neg", None]
    assert items.source == f"hf:{saved}"


def test_a_split_is_named_behind_a_colon_and_keeps_its_order(saved: Path) -> None:
    assert list(read_items(f"hf:{saved}:test", text="text").texts) == ["Bonn", "in New York"]
    with pytest.raises(ConfigError, match="has no split 'tst'; did you mean 'test'"):
        read_items(f"hf:{saved}:tst")


def test_lists_of_numbered_tags_become_spans(saved: Path) -> None:
    items = read_items(f"hf:{saved}", task="spans")
    assert items.gold == [(Span(3, 11, "LOC"),), (), (Span(0, 4, "LOC"),)]


def test_a_folder_of_data_files_is_a_data_set_too(datasets: Any, tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "train.csv").write_text("text,label\nhello,a\nbye,b\n")
    assert list(read_items(f"hf:{tmp_path / 'set'}").gold or ()) == ["a", "b"]


def test_a_name_that_cannot_be_fetched_is_one_line_that_says_what_to_do(datasets: Any) -> None:
    # conftest.py sets HF_HUB_OFFLINE
    with pytest.raises(DataError, match=r"cannot get hf:nobody/nothing .*save_to_disk .*or a Parquet") as caught:
        read_items("hf:nobody/nothing:train")
    assert "\n" not in str(caught.value)
    with pytest.raises(ConfigError, match="too many parts"):
        read_items("hf:a/b/c/d")
