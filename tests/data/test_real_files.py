"""The real data sets, where they are there."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tithe.data.reading import leaks, read_items

DATA = Path(os.environ.get("TITHE_DATA") or Path(__file__).resolve().parents[3] / "shared" / "data")

pytestmark = [
    pytest.mark.data,
    pytest.mark.skipif(not DATA.is_dir(), reason=f"no data sets in {DATA}; name their folder in TITHE_DATA"),
]


def test_atis_has_335_repeats_and_18_rows_of_the_test_set() -> None:
    train = read_items(DATA / "atis8" / "train.parquet", require_label=True)
    test = read_items(DATA / "atis8" / "test.parquet", require_label=True)
    assert (len(train), len(test)) == (4834, 800)
    # 335 rows beyond the first occurrence of their text; 583 rows share their text with another one.
    assert train.repeats == 335
    assert train.notes == ("335 of 4834 texts repeat an earlier one",)
    assert len(leaks(train, test)) == 18
    assert len(read_items(DATA / "atis8" / "train.parquet", dedupe=True)) == 4499


def test_trec_and_tweets_are_read_by_their_names() -> None:
    trec = read_items(DATA / "trec" / "train.parquet")
    assert len(trec) == 5452
    assert len(set(trec.gold or ())) == 6
    assert len(set(read_items(DATA / "covid_tweets" / "train.parquet").gold or ())) == 3
