"""The store: rows a second of an import, and how long `submit` and the next question take, alone and with 8 clients.

Prints, for each number of items and each database, the distribution in milliseconds; `--out` writes JSON too.
A client leases the next item of a fixed order, answers it and folds the log forward, as the service does.

    python bench/service.py --items 10000,100000 --seconds 10
"""

from __future__ import annotations

import argparse
import json
import resource
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from tithe.log import Answered
from tithe.rng import stream
from tithe.store import Project, open_store
from tithe.types import Items

WORDS = 12


def texts(count: int) -> Items:
    """Items of about the length of a question or a title."""
    words = stream(0, "bench", "service").integers(0, 9_999, size=(count, WORDS))
    return Items([f"{row:07d}" for row in range(count)], [" ".join(f"w{word}" for word in row) for row in words])


def parts(items: Items, size: int = 10_000) -> Iterator[Items]:
    """As a reader streams them."""
    for start in range(0, len(items), size):
        yield items.take(np.arange(start, min(start + size, len(items))))


def in_ms(waits: list[float]) -> dict[str, float]:
    """Percentiles of seconds."""
    return {f"p{q}": round(1e3 * float(np.percentile(waits, q)), 2) for q in (50, 99, 100)}


def clients(project: Project, ids: list[str], count: int, seconds: float) -> dict[str, Any]:
    """Waits of `count` threads that take, answer and fold for some seconds."""
    waits: dict[str, list[float]] = {"next": [], "submit": [], "snapshot": []}
    end = time.perf_counter() + seconds

    def work(who: str) -> None:
        while time.perf_counter() < end:
            marks = [time.perf_counter()]
            order = ids[(done := len(project.snapshot().labels)) : done + 200]
            marks.append(time.perf_counter())
            took = project.take(who, order, 1, seconds=60)
            marks.append(time.perf_counter())
            project.submit(Answered(took[0].item, "x", who, seconds=2.0), took[0].item)
            marks.append(time.perf_counter())
            for name, wait in zip(("snapshot", "next", "submit"), np.diff(marks), strict=True):
                waits[name].append(float(wait))

    threads = [threading.Thread(target=work, args=(f"client {n}",)) for n in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return {name: in_ms(values) for name, values in waits.items()} | {"answers": len(waits["submit"])}


def measure(url: str, count: int, seconds: float) -> dict[str, Any]:
    """All of it on one database."""
    items = texts(count)
    store = open_store(url)
    project = store.create("bench", "choice", ("x", "y"))
    began = time.perf_counter()
    project.add(parts(items))
    found: dict[str, Any] = {"rows_per_s": round(count / (time.perf_counter() - began))}
    began = time.perf_counter()
    project.snapshot()
    found["first_fold_s"] = round(time.perf_counter() - began, 3)
    ids = list(items.ids)
    for number in (1, 8):
        found[f"clients_{number}"] = clients(project, ids, number, seconds)
    began = time.perf_counter()
    exported = sum(1 for _ in project.annotations())
    found["export_rows_per_s"] = round(exported / (time.perf_counter() - began))
    faults = store.faults()
    store.close()
    if faults:
        raise SystemExit(f"the store is not sound: {faults[0]}")
    return found


def main() -> None:
    """Measures, prints and, if asked to, writes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", default="10000,100000")
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--out", type=Path, help="bench/results/service.json, on a quiet machine")
    args = parser.parse_args()
    found = {}
    for count in map(int, args.items.split(",")):
        with TemporaryDirectory(dir=".") as folder:  # on a disk: /tmp may be memory
            found[f"sqlite, {count} items"] = measure(f"sqlite:///{folder}/bench.sqlite", count, args.seconds)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    for name, one in found.items():
        print(f"{name}: {json.dumps(one)}")
    print(f"peak memory {memory} MB")
    if args.out:
        args.out.write_text(json.dumps({"store": found, "peak_mb": memory}, indent=1) + "\n")


if __name__ == "__main__":
    main()
