"""Large pools from the command line: seconds and memory of `tithe rank`, `simulate` and `profile` at N rows.

    python bench/large.py --folder DIR [--rows 1000000] [--width 64] [--half] [--only rank,simulate,profile]

Makes DIR/train-N.csv and DIR/test.csv by the grammar of the bundled example, and embeddings as .npy (a random centre
for each label, and noise); then runs each command as a process of its own. `own MB` is the peak of memory that is the
process's own, children included (RssAnon, looked at ten times a second): pages of a mapped file do not count, since the
system takes them back when it likes. `peak MB` counts them. Results go to bench/results/large.json, by rows and width.
"""

from __future__ import annotations

import argparse
import csv
import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil

from tithe.data.example.generator import LABELS, message
from tithe.rng import stream

RESULTS = Path(__file__).parent / "results" / "large.json"
_BLOCK = 50_000


def make(folder: Path, rows: int, width: int, half: bool) -> tuple[Path, Path, Path]:
    """The training file, the test file and the embeddings of both, one after the other; made once."""
    folder.mkdir(parents=True, exist_ok=True)
    train, test = folder / f"train-{rows}.csv", folder / "test.csv"
    kind = np.float16 if half else np.float32
    array = folder / f"x-{rows}-{width}-{kind.__name__}.npy"
    for path, count, name in ((train, rows, "train"), (test, 2000, "test")):
        if not path.exists():
            draws = stream(0, "large", name)
            with path.open("w", newline="") as file:
                writer = csv.writer(file)
                writer.writerow(["id", "text", "label"])
                for row in range(count):
                    label, text = message(draws)
                    writer.writerow([f"{name}{row}", text, label])
    if not array.exists():
        labels = [row["label"] for path in (train, test) for row in csv.DictReader(path.open(newline=""))]
        codes = np.array([LABELS.index(label) for label in labels])
        draws = stream(0, "large", "embeddings")
        centres = draws.normal(size=(len(LABELS), width))
        out = np.lib.format.open_memmap(array, mode="w+", dtype=kind, shape=(len(codes), width))
        for at in range(0, len(codes), _BLOCK):
            part = codes[at : at + _BLOCK]
            out[at : at + _BLOCK] = centres[part] * 0.35 + draws.standard_normal((len(part), width), dtype=np.float32)
        out.flush()
        pool = np.lib.format.open_memmap(array.with_suffix(".pool.npy"), mode="w+", dtype=kind, shape=(rows, width))
        pool[:] = out[:rows]
        pool.flush()
    return train, test, array


def measured(command: list[str]) -> dict[str, float]:
    """Runs a command; its seconds, the peak of its own memory and of all its pages, in MB."""
    began = time.perf_counter()
    process = psutil.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    own = whole = 0
    while process.poll() is None:
        anonymous = resident = 0
        for one in [process, *process.children(recursive=True)]:
            try:
                status = Path(f"/proc/{one.pid}/status").read_text()
            except OSError:
                continue
            numbers = dict(line.split(":", 1) for line in status.splitlines() if line.startswith("Rss"))
            kilobytes = {name: int(value.split()[0]) for name, value in numbers.items()}
            anonymous += kilobytes.get("RssAnon", 0)
            resident += sum(kilobytes.values())
        own, whole = max(own, anonymous), max(whole, resident)
        time.sleep(0.1)
    said = process.stderr.read().decode()
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{said}")
    return {
        "seconds": round(time.perf_counter() - began, 1), "own_mb": round(own / 1024), "peak_mb": round(whole / 1024)
    }  # fmt: skip


def commands(folder: Path, rows: int, width: int, half: bool) -> dict[str, list[str]]:
    """What is measured, by name."""
    train, test, array = make(folder, rows, width, half)
    tithe = str(Path(sys.executable).with_name("tithe"))
    found = {}
    for strategy in ("random", "k_center", "typiclust", "probcover", "max_herding"):
        found[f"rank {strategy}"] = [
            tithe, "rank", str(train), "--strategy", strategy, "--n", "100",
            "--embeddings", str(array.with_suffix(".pool.npy")), "--out", str(folder / "first.csv"),
        ]  # fmt: skip
    for strategy in ("random", "margin", "auto"):
        found[f"simulate {strategy}"] = [
            tithe, "simulate", str(train), "--test", str(test), "--embeddings", str(array), "--strategy", strategy,
            "--budgets", "50,100,200", "--seeds", "2", "--no-full", "--engine", "inline", "--out", str(folder / "out"),
        ]  # fmt: skip
    found["profile"] = [tithe, "profile", str(train)]
    return found


def main() -> None:
    """Prints a table and writes the results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--half", action="store_true", help="float16 in the file")
    parser.add_argument("--only", default="", help="beginnings of names, split at commas")
    given = parser.parse_args()
    found = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    case = f"{given.rows} x {given.width} {'float16' if given.half else 'float32'}"
    print(f"{case}\n{'':24}{'seconds':>9}{'own MB':>9}{'peak MB':>9}")
    for name, command in commands(given.folder, given.rows, given.width, given.half).items():
        if name.startswith(tuple(given.only.split(","))):
            shutil.rmtree(given.folder / "out", ignore_errors=True)
            one = measured(command)
            found.setdefault(case, {})[name] = one
            print(f"{name:24}{one['seconds']:9}{one['own_mb']:9}{one['peak_mb']:9}", flush=True)
            RESULTS.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
