"""The service: a real `tithe label` over HTTP, at 10,000 and 100,000 items, idle, learning and while embedding.

For each number of items: seconds from the file to the first question and from a restart to it, rows a second of an
import over HTTP, waits for `next` and `submit` with one client and with eight, processor time of the server an answer,
memory of its processes. Then an export of 10,000 answers, 20 kills and the replay of what was asked; and the store
alone. Prints a table; `--out` writes JSON.

    python bench/service.py --seconds 60 --out bench/results/service.json      # about half an hour, on a quiet machine
    python bench/service.py --items 2000,10000 --seconds 5 --kills 5           # a first look

"idle" is after embedding and with no refits between; "learning" refits every five answers, as people have it. Clients
answer as fast as they can, which no person does. `cpu_ms` counts the server's threads alone.
"""

from __future__ import annotations

import argparse
import json
import shutil
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from served import KINDS, Kills, People, Server, cpu_s, messages, pss_mb, replayed

from tithe.log import Answered
from tithe.store import Project, open_store
from tithe.types import Items

NEVER = 1_000_000
"""Answers between two refits where none shall come between."""


def in_ms(waits: list[float]) -> dict[str, float]:
    """Percentiles of seconds."""
    return {f"p{q}": round(1e3 * float(np.percentile(waits, q)), 2) for q in (50, 99, 100)} if waits else {}


@contextmanager
def memory(server: Server) -> Iterator[dict[str, float]]:
    """Peaks of the memory of a server and its children meanwhile, and of all together, in MB, five times a second."""
    peaks: dict[str, float] = defaultdict(float)
    over = threading.Event()

    def watch() -> None:
        while not over.wait(0.2):
            now = {name: pss_mb(pid) for name, pid in server.processes().items()}
            for name, value in (now | {"together": sum(now.values())}).items():
                peaks[name] = max(peaks[name], round(value))

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield peaks
    finally:
        over.set()
        thread.join()


def answering(server: Server, truth: dict[str, str], count: int, seconds: float) -> dict[str, Any]:
    """Waits of `count` clients that answer for some seconds."""
    people, began = People(server, truth), cpu_s(server.process.pid)
    people.begin(count)
    time.sleep(seconds)
    people.end()
    answers = len(people.answered)
    used = cpu_s(server.process.pid) - began
    if people.again:
        raise SystemExit(f"{people.again[0]} was shown again after its answer")
    return {
        "answers": answers,
        "cpu_ms": round(1e3 * used / max(answers, 1), 2),
        "empty": len(people.empty),
        **{name: in_ms(waits) for name, waits in people.waits.items()},
    }


def clients(server: Server, truth: dict[str, str], seconds: float) -> dict[str, Any]:
    """One client, then eight."""
    return {f"clients_{count}": answering(server, truth, count, seconds) for count in (1, 8)}


def served(root: Path, count: int, seconds: float, cache: Path) -> dict[str, Any]:
    """All of it at one number of items. What was embedded before, in the same `cache`, is not embedded again."""
    folder, file = root / f"items-{count}", root / f"items-{count}.csv"
    truth = messages(file, count)
    server = Server(folder, file, cache=root / f"fresh-cache-{count}")
    found: dict[str, Any] = {"file_to_question_s": round(server.first_question(), 2)}
    with memory(server) as peaks:
        found["embedding"] = answering(server, truth, 1, seconds)
        found["embedding"]["stage"] = server.until(lambda _: True)["state"]
    found["mb_embedding"] = dict(peaks)
    server.end()
    shutil.rmtree(folder)
    server = Server(folder, file, cache=cache)
    server.first_question()
    with memory(server) as peaks:
        server.until(lambda status: status["embedded"] == count and status["state"] == "idle")
        with server.client() as client:
            client.ask("PATCH", f"{server.path}/settings", {"refit_every": NEVER, "strategy": "random"})
            found["idle"] = clients(server, truth, seconds)
            client.ask("PATCH", f"{server.path}/settings", {"refit_every": 5, "strategy": "auto"})
            found["learning"] = clients(server, truth, seconds)
    found["mb"] = dict(peaks)
    server.end()
    server = Server(folder, cache=cache)
    found["restart_to_question_s"] = round(server.first_question(), 2)
    more = root / "more.csv"
    messages(more, count, first=count)
    began = time.perf_counter()
    with server.client() as client:
        client.send("POST", f"{server.path}/items", more.read_bytes(), Content_Type="text/csv")
    found["import_rows_per_s"] = round(count / (time.perf_counter() - began))
    server.end()
    found["replay"] = replayed(folder, cache)
    return found


def exported(root: Path, cache: Path, count: int = 10_000) -> dict[str, float]:
    """Seconds of an export of so many answers, in each of several formats."""
    folder, file = root / "answered", root / "answered.csv"
    messages(file, 2 * count, labelled=count)
    server = Server(folder, file, cache=cache)
    server.first_question()
    found = {}
    with server.client() as client:
        client.ask("PATCH", f"{server.path}/settings", {"start": "lexical", "refit_every": NEVER})
        for format in ("jsonl", "csv", "parquet"):
            began = time.perf_counter()
            client.send("GET", f"{server.path}/export?format={format}")
            found[f"{format}_s"] = round(time.perf_counter() - began, 2)
    server.end()
    return found


def killed(root: Path, cache: Path, times: int, seed: int) -> dict[str, Any]:
    """The server killed so many times, in the middle of each kind of work in turn; what was wrong after, and replay."""
    folder, file = root / "killed", root / "killed.csv"
    truth = messages(file, 2_000)
    server = Server(folder, file, cache=cache)
    server.first_question()
    server.kill()
    kills = Kills(folder, cache, truth, seed=seed)
    for number in range(times):
        kills.one(number, KINDS[number % len(KINDS)])
    return {
        "kills": times,
        "seed": seed,
        "faults": kills.faults,
        "answers": len(kills.answered),
        "restart_to_question_s": {"median": round(float(np.median(kills.ready_s)), 2), "most": max(kills.ready_s)},
        "replay": replayed(folder, cache),
    }


def stored(url: str, count: int, seconds: float) -> dict[str, Any]:
    """The store alone, without a server: rows a second of an import, and waits of threads that take, answer, fold."""
    ids = [f"{row:07d}" for row in range(count)]
    items = Items(ids, [f"what the item {one} says, in about as many words as a short message has" for one in ids])
    store = open_store(url)
    project = store.create("bench", "choice", ("x", "y"))
    began = time.perf_counter()
    project.add(items.take(np.arange(at, min(at + 10_000, count))) for at in range(0, count, 10_000))
    found: dict[str, Any] = {"rows_per_s": round(count / (time.perf_counter() - began))}
    began = time.perf_counter()
    project.snapshot()
    found["first_fold_s"] = round(time.perf_counter() - began, 3)
    for number in (1, 8):
        found[f"clients_{number}"] = _threads(project, ids, number, seconds)
    faults = store.faults()
    store.close()
    if faults:
        raise SystemExit(f"the store is not sound: {faults[0]}")
    return found


def _threads(project: Project, ids: list[str], count: int, seconds: float) -> dict[str, Any]:
    waits: dict[str, list[float]] = {"snapshot": [], "next": [], "submit": []}
    end = time.perf_counter() + seconds

    def work(who: str) -> None:
        while time.perf_counter() < end:
            marks = [time.perf_counter()]
            order = ids[(done := len(project.snapshot().labels)) : done + 200]
            marks.append(time.perf_counter())
            took = project.take(who, order, 1, seconds=60)
            marks.append(time.perf_counter())
            if not took:
                return  # all items are answered
            project.submit(Answered(took[0].item, "x", who, seconds=2.0), took[0].item)
            marks.append(time.perf_counter())
            for name, wait in zip(waits, np.diff(marks), strict=True):
                waits[name].append(float(wait))

    threads = [threading.Thread(target=work, args=(f"client {n}",)) for n in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return {name: in_ms(values) for name, values in waits.items()} | {"answers": len(waits["submit"])}


def ratios(least: dict[str, Any], most: dict[str, Any]) -> dict[str, float]:
    """How much more each wait is with the most items than with the least: 1 is flat."""
    found = {}
    for state in ("idle", "learning"):
        for name in ("next", "submit"):
            for q in ("p50", "p99"):
                a, b = (one[state]["clients_1"][name].get(q) for one in (least, most))
                if a and b:
                    found[f"{state} {name} {q}"] = round(b / a, 2)
    return found


def table(found: dict[str, Any]) -> Iterator[str]:
    """What was measured, for people."""
    for count, one in found.get("served", {}).items():
        yield f"{count} items"
        for name in (
            "file_to_question_s",
            "restart_to_question_s",
            "import_rows_per_s",
            "mb",
            "mb_embedding",
            "replay",
        ):
            yield f"  {name}: {one[name]}"
        for state in ("idle", "learning"):
            for number, said in one[state].items():
                yield f"  {state}, {number}: {said}"
        yield f"  embedding, clients_1: {one['embedding']}"
    for name in ("ratios", "export", "kills", "store"):
        if name in found:
            yield f"{name}: {json.dumps(found[name])}"


def main() -> None:
    """Measures, prints and, if asked to, writes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", default="10000,100000")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="served,export,kills,store")
    parser.add_argument("--cache", type=Path, help="where views stay for the next run (default: nowhere)")
    parser.add_argument("--out", type=Path, help="bench/results/service.json, on a quiet machine")
    args = parser.parse_args()
    counts, only = [int(one) for one in args.items.split(",")], args.only.split(",")
    found: dict[str, Any] = {"seconds": args.seconds}
    with TemporaryDirectory(dir=".", prefix="bench-") as folder:  # on a disk: /tmp may be memory
        root = Path(folder).resolve()
        cache = (args.cache or root / "cache").resolve()
        if "served" in only:
            found["served"] = {str(count): served(root, count, args.seconds, cache) for count in counts}
            found["ratios"] = ratios(*(found["served"][str(count)] for count in (min(counts), max(counts))))
        if "export" in only:
            found["export"] = exported(root, cache)
        if "kills" in only:
            found["kills"] = killed(root, cache, args.kills, args.seed)
        if "store" in only:
            urls = {count: f"sqlite:///{root}/store-{count}.sqlite" for count in counts}
            found["store"] = {str(count): stored(url, count, args.seconds) for count, url in urls.items()}
    print(*table(found), sep="\n")
    if args.out:
        args.out.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
