"""Measures the speed and the memory of selection, beside scikit-activeml and small-text on the same arrays.

    python bench/selection.py --quick
    python bench/selection.py --large --peer-python /path/to/python-with-scikit-activeml
    python bench/selection.py --more --large --out bench/results/selection-more.json
    python bench/selection.py --only margin,k_center,cal --peer-python ... --out bench/results/selection-peers.json

Each measurement is a fresh process with the same number of threads, so that its peak memory is its own. Arrays are made
from a seed in that process: a mixture of Gaussians with rows of length 1, the probabilities of a linear model, and for
those who ask for it a committee of ten such models. Our
time includes building the pool. `extra MB` is the peak during the call less what was held before it. The floor is the
time of 100 passes `X @ c` over the embeddings in the same process: what plain farthest-first of 100 items cannot beat.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

from small_text_peer import KNOWN, small_text

CHOOSE, LABELLED, WIDTH, CLOUDS = 100, 100, 384, 100
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
PAIRS = [
    ("least_confidence", 50),
    ("entropy", 8),
    ("entropy", 50),
    ("margin", 50),
    ("k_center", 8),
    ("badge", 8),
    ("badge", 50),
    ("typiclust", 8),
]
LARGE = ["margin", "entropy", "k_center", "badge", "typiclust"]
MORE = [
    "bald",
    "power_bald",
    "cluster_margin",
    "probcover",
    "max_herding",
    "cal",
    "drop_query",
    "discriminative",
    "cvirs",
    "density",
    "balanced_margin",
    "mix",
]
ALONE = {
    "cvirs",
    "power_bald",
    "cluster_margin",
    "density",
    "balanced_margin",
    "mix",
}  # scikit-activeml 1.0.1 has no such
SMALL = {"probcover": 10_000}  # the peer's matrices of N x N would not fit
MEMBERS = 10
COMMITTEE = {"bald", "power_bald", "drop_query"}
MOST_S, MOST_BYTES = 120, 12 << 30  # a peer that takes more is tried with a quarter of the items


def main() -> int:
    """Runs all measurements, prints the table and writes the JSON."""
    options = read_options()
    if options.child:
        print(json.dumps(measure(**json.loads(options.child))))
        return 0
    rows, count = [], 2000 if options.quick else options.n
    has_peer = peer_version(options.peer_python, "scikit-activeml")
    has_small = peer_version(options.peer_python, "small-text")
    if not has_peer:
        print(
            f"scikit-activeml is not installed for {options.peer_python}: its columns stay empty (--peer-python PATH)"
        )
    others = [(name, 8) for name in MORE]
    pairs = [one for one in PAIRS + others if one[0] in options.only.split(",")] if options.only else PAIRS
    for strategy, classes in others if options.more and not options.only else pairs:
        few = min(count, SMALL.get(strategy, count))
        peers = (["peer"] if has_peer and strategy not in ALONE else []) + (
            ["small-text"] if has_small and strategy in KNOWN else []
        )
        rows.append(compare(options, strategy, few, classes, peers=peers))
        write(options, rows, {"peer": has_peer, "small-text": has_small})
    for large in (100_000, 1_000_000) if options.large else ():
        rows += [compare(options, strategy, large, 50, peers=[]) for strategy in (MORE if options.more else LARGE)]
        write(options, rows, {"peer": has_peer, "small-text": has_small})
    print(f"written: {options.out}")
    return 0


def write(options: argparse.Namespace, rows: list[dict[str, Any]], versions: dict[str, str]) -> None:
    """The results so far: a run that is stopped keeps what it has measured."""
    options.out.parent.mkdir(parents=True, exist_ok=True)
    record = {
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, {options.threads} used",
        "python": platform.python_version(),
        **versions,
        "choose": CHOOSE,
        "labelled": LABELLED,
        "width": WIDTH,
        "rows": rows,
    }
    options.out.write_text(json.dumps(record, indent=1) + "\n")


def read_options() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="2000 items, seconds in all")
    parser.add_argument("--n", type=int, default=20_000, help="items for the comparison (default 20000)")
    parser.add_argument("--large", action="store_true", help="ours at 100 000 and 1 000 000 items too (4 GB of memory)")
    parser.add_argument("--more", action="store_true", help="the other strategies, of issue 3")
    parser.add_argument("--only", default="", help="these strategies alone, of both lists, split at commas")
    parser.add_argument("--threads", type=int, default=1, help="threads for both (default 1)")
    parser.add_argument("--peer-python", default=sys.executable, help="a Python that has scikit-activeml")
    parser.add_argument("--out", type=Path, default=Path("bench/results/selection.json"))
    parser.add_argument("--child", help=argparse.SUPPRESS)
    return parser.parse_args()


def peer_version(python: str, package: str) -> str:
    """The version of a package there, or nothing."""
    code = f"from importlib.metadata import version; print(version({package!r}))"
    return subprocess.run([python, "-c", code], capture_output=True, text=True, check=False).stdout.strip()


def compare(
    options: argparse.Namespace, strategy: str, count: int, classes: int, *, peers: list[str]
) -> dict[str, Any]:
    """One row of the table."""
    job = {"strategy": strategy, "count": count, "classes": classes}
    ours = child(options, sys.executable, {**job, "who": "tithe"})
    row: dict[str, Any] = {**job, "tithe": ours, "ours/floor": round(ours["seconds"] / ours["floor_s"], 3)}
    if options_first(options):
        print(f"{'strategy':<16}{'N':>9}{'C':>4}{'seconds':>9}{'extra MB':>10}{'floor s':>9}{'/floor':>8}", end="")
        print(f"{'peer':>12}{'N':>8}{'peer s':>9}{'peer MB':>9}{'faster':>8}")
    print(f"{strategy:<16}{count:>9}{classes:>4}{ours['seconds']:>9.3f}{ours['extra_mb']:>10.1f}", end="")
    print(f"{ours['floor_s']:>9.2f}{row['ours/floor']:>8.2f}", end="", flush=True)
    for who in peers:
        row[who] = capped(options, {**job, "who": who})
        same = ours
        if row[who]["count"] != count:  # ours again, at the number that the peer can do
            same = row[who]["tithe"] = child(
                options, sys.executable, {**job, "count": row[who]["count"], "who": "tithe"}
            )
        row[who]["times faster"] = round(row[who]["seconds"] / same["seconds"], 2)
        print(f"{who:>12}{row[who]['count']:>8}{row[who]['seconds']:>9.2f}{row[who]['extra_mb']:>9.0f}", end="")
        print(f"{row[who]['times faster']:>7.2f}x", end="", flush=True)
    print(flush=True)
    return row


def capped(options: argparse.Namespace, job: dict[str, Any]) -> dict[str, Any]:
    """A peer's measurement, with a quarter of the items for as long as it takes too much time or memory."""
    count = int(job["count"])
    while True:
        try:
            return {**child(options, options.peer_python, {**job, "count": count}), "count": count}
        except (subprocess.TimeoutExpired, MemoryError):
            count //= 4


def options_first(options: argparse.Namespace) -> bool:
    """Whether this is the first row."""
    first = not getattr(options, "begun", False)
    options.begun = True
    return first


def child(options: argparse.Namespace, python: str, job: dict[str, Any]) -> dict[str, float]:
    """The measurement of a fresh process."""
    env = {**os.environ, **dict.fromkeys(THREADS, str(options.threads))}
    command = [python, __file__, "--child", json.dumps(job)]
    limits: dict[str, Any] = {}
    if job["who"] != "tithe":
        limits = {
            "timeout": 2 * MOST_S,  # with the imports and the arrays
            "preexec_fn": lambda: resource.setrlimit(resource.RLIMIT_AS, (MOST_BYTES, MOST_BYTES)),
        }
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False, **limits)
    if limits and (done.returncode < 0 or "MemoryError" in done.stderr):
        raise MemoryError
    if done.returncode:
        raise SystemExit(f"the measurement {job} failed:\n{done.stderr}")
    result: dict[str, float] = json.loads(done.stdout.strip().splitlines()[-1])
    return result


def measure(*, who: str, strategy: str, count: int, classes: int) -> dict[str, float]:
    """Seconds, extra MB at the peak and the floor of one selection."""
    make: Callable[..., Callable[[], list[Any]]] = {"tithe": ours, "peer": peers, "small-text": small}[who]
    make(strategy, *arrays(300, classes, strategy in COMMITTEE))()  # imports and first calls are not what is measured
    points, *others = arrays(count, classes, strategy in COMMITTEE)
    call = make(strategy, points, *others)
    before = start_peak()
    chosen, seconds = timed(call)
    extra = (memory("VmHWM") - before) / 1024
    # Short calls suffer most from other work on the machine: the best of three.
    for _ in range(2 if seconds < 2 else 0):
        seconds = min(seconds, timed(call)[1])
    if len(set(chosen)) != CHOOSE:
        raise SystemExit(f"{who} {strategy} chose {len(set(chosen))} items, not {CHOOSE}")
    begun = time.perf_counter()
    for row in range(CHOOSE):
        points @ points[row]
    floor = time.perf_counter() - begun
    return {"seconds": round(seconds, 4), "extra_mb": round(extra, 1), "floor_s": round(floor, 3)}


def timed(call: Callable[[], list[Any]]) -> tuple[list[Any], float]:
    """What a call returns, and its seconds."""
    begun = time.perf_counter()
    result = call()
    return result, time.perf_counter() - begun


def arrays(count: int, classes: int, committee: bool) -> tuple[Any, Any, Any, Any]:
    """Embeddings (N, 384), probabilities (N, C), the weights (384, C) that gave them, and (10, N, C) or None."""
    import numpy as np

    rng = np.random.default_rng(20_000)
    clouds = rng.standard_normal((CLOUDS, WIDTH), dtype=np.float32)
    weights = 8 * rng.standard_normal((WIDTH, classes), dtype=np.float32)
    points, proba = np.empty((count, WIDTH), np.float32), np.empty((count, classes), np.float32)
    spread = np.random.default_rng(10).standard_normal((MEMBERS, WIDTH, classes), dtype=np.float32)
    members = np.empty((MEMBERS, count, classes), np.float32) if committee else None
    for start in range(0, count, 16384):
        part = slice(start, start + 16384)
        block = clouds[rng.integers(CLOUDS, size=len(points[part]))]
        block += rng.standard_normal(block.shape, dtype=np.float32)
        block /= np.linalg.norm(block, axis=1, keepdims=True)
        points[part], proba[part] = block, softmax(block @ weights)
        for member in range(MEMBERS) if members is not None else ():
            members[member, part] = softmax(block @ (weights + 4 * spread[member]))
    return points, proba, weights, members


def softmax(scores: Any) -> Any:
    """(n, C), rows adding up to 1."""
    import numpy as np

    scores = np.exp(scores - scores.max(axis=1, keepdims=True))
    return scores / scores.sum(axis=1, keepdims=True)


def ours(strategy: str, points: Any, proba: Any, weights: Any, committee: Any) -> Callable[[], list[Any]]:
    """Builds the pool and selects."""
    from tithe.pool import Pool
    from tithe.registry import build
    from tithe.rng import stream

    ids = [f"item-{row:07d}" for row in range(len(points))]
    labels: dict[str, Any] = {ids[row]: str(row % 3) for row in range(LABELLED)}
    task, width = None, proba.shape[1]
    if strategy == "cvirs":
        task = build("tasks", "multilabel", labels=tuple(map(str, range(width))))
        labels = {ids[row]: frozenset({str(row % width), str((row + 1) % width)}) for row in range(LABELLED)}

    def call() -> list[Any]:
        pool = Pool.from_views(ids, embeddings=points, proba=proba, committee=committee, labelled=labels, task=task)
        return list(build("strategies", strategy).select(pool, CHOOSE, stream(0, "bench")).ids)

    return call


def peers(strategy: str, points: Any, proba: Any, weights: Any, committee: Any) -> Callable[[], list[Any]]:
    """The same choice by scikit-activeml; its classifier computes the same probabilities.

    Its GreedyBALD is given the committee, as ours is. Its DropQuery makes its own five predictions under dropout. Its
    DiscriminativeAL fits once, on all items (ours: ten times, on drawn ones, as the paper and small-text do).
    """
    import numpy as np

    base: Any = import_module("skactiveml.base").SkactivemlClassifier
    pool: Any = import_module("skactiveml.pool")

    class Linear(base):  # type: ignore[misc]
        def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Any:
            return self

        def predict_proba(self, X: Any) -> Any:
            return softmax(X @ weights)

        def predict(self, X: Any) -> Any:
            return self.predict_proba(X).argmax(axis=1)

        def members(self, X: Any) -> Any:  # BALD asks for the candidates, which are the last rows, and writes to them
            return committee[:, -len(X) :].copy()

    labels = np.full(len(points), np.nan)
    labels[:LABELLED] = np.arange(LABELLED) % proba.shape[1]
    model: Any = Linear(classes=list(range(proba.shape[1])))
    model.classes_ = np.arange(proba.shape[1])
    trained = {"clf": model, "fit_clf": False}
    by_name: dict[str, tuple[Any, dict[str, Any]]] = {
        "least_confidence": (pool.UncertaintySampling(method="least_confident", random_state=0), trained),
        "entropy": (pool.UncertaintySampling(method="entropy", random_state=0), trained),
        "margin": (pool.UncertaintySampling(method="margin_sampling", random_state=0), trained),
        "k_center": (pool.CoreSet(random_state=0), {}),
        "badge": (pool.Badge(random_state=0), trained),
        "typiclust": (pool.TypiClust(random_state=0), {}),
        "bald": (
            pool.GreedyBALD(sample_predictions_method_name="members", random_state=0),
            {"ensemble": model, "fit_ensemble": False},
        ),
        "probcover": (pool.ProbCover(random_state=0), {}),
        "max_herding": (pool.MaxHerding(random_state=0), {}),
        "cal": (pool.ContrastiveAL(nearest_neighbors_dict={"n_neighbors": 10}, random_state=0), trained),
        "drop_query": (pool.DropQuery(random_state=0), trained),
        "discriminative": (
            pool.DiscriminativeAL(greedy_selection=True, random_state=0),
            {"discriminator": regression()},
        ),
    }
    query, extra = by_name[strategy]
    return lambda: list(query.query(X=points, y=labels, batch_size=CHOOSE, **extra))


def small(strategy: str, points: Any, proba: Any, weights: Any, committee: Any) -> Callable[[], list[Any]]:
    """The same choice by small-text."""
    return small_text(strategy, points, proba, committee, choose=CHOOSE, labelled=LABELLED)


def regression() -> Any:
    """scikit-learn's logistic regression in the peer's clothes."""
    model: Any = import_module("skactiveml.classifier").SklearnClassifier
    return model(import_module("sklearn.linear_model").LogisticRegression(max_iter=1000), classes=[0, 1])


def memory(name: str) -> int:
    """A figure of /proc/self/status, in KiB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name + ":"))


def start_peak() -> int:
    """What is held now, in KiB; the kernel forgets earlier peaks."""
    Path("/proc/self/clear_refs").write_text("5")
    return memory("VmRSS")


if __name__ == "__main__":
    sys.exit(main())
