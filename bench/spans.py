"""The trainer `linear` for spans beside python-crfsuite: entity F1, seconds to fit and to predict, random labels.

Trains on the training file and scores on the validation file; no test file is read. crfsuite gets the usual features
(word, affixes, shape, a window of two) and, to its favour, of several penalties the one that scores best.

    pip install python-crfsuite==0.9.12
    python bench/spans.py --data ../shared/data --sizes 50,200,1000 --seeds 5
"""

from __future__ import annotations

import argparse
import json
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from tithe.data.reading import read_items
from tithe.loop import Workshop
from tithe.models.forms import shape_of
from tithe.models.tagger import Tagger
from tithe.pool import declared_task
from tithe.rng import stream
from tithe.tasks.tags import spans_to_tags, tags_to_spans
from tithe.types import Examples, Items
from tithe.views import ViewStore, default_root

SETS = {"conll2003": ("train", "valid"), "atis": ("slots_train", "slots_valid")}
PENALTIES = ((0.01, 0.01), (0.05, 0.1), (0.0, 0.3))  # c1, c2


def main() -> None:
    """Measures, prints and writes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--only", default=",".join(SETS))
    parser.add_argument("--sizes", default="50,200,1000")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--out", type=Path, default=Path("bench/results/spans.json"))
    args = parser.parse_args()
    rows: dict[str, Any] = {}
    for name in args.only.split(","):
        pool, held = (read_items(args.data / name / f"{part}.parquet", task="spans") for part in SETS[name])
        task = declared_task("spans", pool)
        start = Workshop(ViewStore(default_root())).start("minilm+lexical", pool)
        for view in ("tokens", "word_forms"):
            start.view(view, pool), start.view(view, held)
        for size in map(int, args.sizes.split(",")):
            found: dict[str, list[tuple[float, float, float]]] = defaultdict(list)
            for seed in range(args.seeds):
                order = stream(seed, "spans", name).permutation(len(pool))[:size]
                chosen = Examples(pool.take(order), [(pool.gold or ())[row] or () for row in order])
                found["linear"].append(linear(task, chosen, held, start, seed))
                tried = [crfsuite(task, chosen, held, c1, c2) for c1, c2 in PENALTIES]
                found["crfsuite"].append(max(tried))
            means = {who: np.mean(values, axis=0).round(4).tolist() for who, values in found.items()}
            gains = [one[0] - other[0] for one, other in zip(found["linear"], found["crfsuite"], strict=True)]
            rows[f"{name} {size}"] = {**means, "gain": [round(gain, 4) for gain in gains]}
            print(f"{name} {size}: {rows[f'{name} {size}']}", flush=True)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    told = {"seeds": args.seeds, "of each": "entity F1, seconds to fit, seconds to predict", "means": rows}
    args.out.write_text(json.dumps(told, indent=1) + "\n")


def linear(task: Any, chosen: Examples, held: Items, start: Any, seed: int) -> tuple[float, float, float]:
    """F1, seconds to fit, seconds to predict."""
    began = time.perf_counter()
    model = Tagger().fit(task, chosen, start=start, rng=stream(seed, "fit"))
    fitted = time.perf_counter()
    guess = model.decide(proba := model.view("proba", held))
    done = time.perf_counter()
    return f1(task, held, proba, guess), fitted - began, done - fitted


def crfsuite(task: Any, chosen: Examples, held: Items, c1: float, c2: float) -> tuple[float, float, float]:
    """F1, seconds to fit, seconds to predict."""
    import pycrfsuite

    from tithe.tokens import places

    with TemporaryDirectory() as folder:
        file = f"{folder}/model"
        began = time.perf_counter()
        trainer = pycrfsuite.Trainer(verbose=False)
        for item, label in zip(chosen.items, chosen.labels, strict=True):
            where = item.tokens or ()
            words = [item.text[a:b] for a, b in where]
            trainer.append(list(features(words)), spans_to_tags(where, label, misfit="expand"))
        trainer.set_params({"c1": c1, "c2": c2, "max_iterations": 150, "feature.possible_transitions": True})
        trainer.train(file)
        fitted = time.perf_counter()
        tagger = pycrfsuite.Tagger()
        tagger.open(file)
        guess = []
        for item in held:
            where = item.tokens or ()
            tags = tagger.tag(list(features([item.text[a:b] for a, b in where])))
            guess.append(tags_to_spans(where, tags))
        done = time.perf_counter()
    nothing = places(held)
    empty = nothing.with_values(np.zeros((len(nothing.values), len(task.tags)), np.float32))
    return f1(task, held, empty, guess), fitted - began, done - fitted


def features(words: list[str]) -> Iterator[list[str]]:
    """The usual features of each token: word, affixes and shape, and those of two neighbours on each side."""
    for at, word in enumerate(words):
        low = word.lower()
        found = ["bias", f"w={word}", f"s={shape_of(word)}"]
        found += [f"<{low[:size]}" for size in (1, 2, 4)] + [f"{low[-size:]}>" for size in (1, 4)]
        for step in (-2, -1, 0, 1, 2):
            if not 0 <= at + step < len(words):
                found.append(f"{step} edge")
                continue
            other = words[at + step].lower()
            found += [f"{step} l={other}", f"{step} s={shape_of(words[at + step])}"]
            if abs(step) < 2:
                found += [f"{step} <{other[:3]}", f"{step} {other[-3:]}>", f"{step} {other[-2:]}>"]
        yield found


def f1(task: Any, held: Items, output: Any, guess: list[Any]) -> float:
    """The strict entity F1 of the guesses."""
    return float(task.score([one or () for one in held.gold or ()], output, guess)["entity_f1"])


if __name__ == "__main__":
    main()
