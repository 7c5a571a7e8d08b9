"""Seconds and peak memory of reading a million rows (100,000 from a workbook), and of a profile; a process each.

python bench/reading.py [ROWS]
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SENTENCE = "flight price from boston to denver on monday morning cheap late what is the of and show me"
WORDS = SENTENCE.split()


def make(path: Path, rows: int) -> None:
    """A file of `rows` texts of 12 words and a number, with 10 labels."""
    from tithe.data import write_rows
    from tithe.rng import stream

    draws = stream(0, "bench").integers(0, len(WORDS), size=(rows, 12))
    texts = [f"{' '.join(WORDS[word] for word in row)} {number}" for number, row in enumerate(draws.tolist())]
    write_rows(path, {"text": texts, "label": [f"label {number % 10}" for number in range(rows)]})


def measure(path: str) -> None:
    """Reads a file; prints seconds, the peak, and what the items themselves take."""
    from tithe.data.reading import read_items

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    started = time.perf_counter()
    items = read_items(path)
    spent = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    now = next(int(line.split()[1]) for line in Path("/proc/self/status").read_text().splitlines() if "VmRSS" in line)
    size = Path(path).stat().st_size / 2**20
    print(
        f"{Path(path).suffix:<9} {len(items):>9,} rows {size:6.1f} MiB  {spent:5.1f} s  "
        f"peak {peak:5.0f} MiB (started at {before:.0f}; {now / 1024:.0f} at the end)"
    )


def profile_of(path: str) -> None:
    """Profiles a file; prints seconds and the peak."""
    from tithe.data.profile import profile
    from tithe.data.reading import read_items

    items = read_items(path)
    started = time.perf_counter()
    found = profile(items, tell=lambda what, done, total: None)
    spent = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"profile   {found.items:>9,} rows {spent:5.1f} s  peak {peak:5.0f} MiB, {found.copies.near:,} near copies")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        measure(sys.argv[2])
    elif sys.argv[1:2] == ["--make"]:
        make(Path(sys.argv[2]), int(sys.argv[3]))
    elif sys.argv[1:2] == ["--profile"]:
        profile_of(sys.argv[2])
    else:
        count = int(sys.argv[1]) if sys.argv[1:] else 1_000_000
        with tempfile.TemporaryDirectory() as folder:
            for name in ("csv", "jsonl", "parquet", "csv.gz", "xlsx"):
                path = Path(folder) / f"in.{name}"
                # In a process of its own: a child's peak begins at what its parent holds.
                subprocess.run(
                    [sys.executable, __file__, "--make", str(path), str(count // 10 if name == "xlsx" else count)],
                    check=True,
                )
                subprocess.run([sys.executable, __file__, "--one", str(path)], check=True)
                if name == "parquet":
                    subprocess.run([sys.executable, __file__, "--profile", str(path)], check=True)
                path.unlink()
