"""Cuts a development set out of a training file, so that choices can be made without a test file.

Three quarters stay for training; of the rest, rows whose text stands in training too are left out.

    python bench/split.py ../shared/data/atis8/train.parquet dev/atis
    tithe simulate dev/atis/train.parquet --test dev/atis/held.parquet --seed 100 --out dev/atis/out
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq


def main() -> None:
    """Reads, cuts and writes `train.parquet` and `held.parquet`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("into", type=Path)
    parser.add_argument("--text", default="text")
    args = parser.parse_args()
    table = pq.read_table(args.file)
    order = np.random.default_rng(5).permutation(len(table))
    train, rest = np.sort(order[: len(table) * 3 // 4]), np.sort(order[len(table) * 3 // 4 :])
    texts = table[args.text].to_pylist()
    known = {texts[row] for row in train}
    held = [row for row in rest if texts[row] not in known]
    args.into.mkdir(parents=True, exist_ok=True)
    pq.write_table(table.take(train), args.into / "train.parquet")
    pq.write_table(table.take(held), args.into / "held.parquet")
    print(f"{len(train)} rows for training, {len(held)} held out: {args.into}")


if __name__ == "__main__":
    main()
