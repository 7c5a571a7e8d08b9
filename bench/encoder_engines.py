"""Would another engine embed texts faster? MiniLM by torch and by onnxruntime, float32 and int8, on the same texts.

    python bench/encoder_engines.py --data ../shared/data [--texts 512] [--rounds 3] [--threads 1]

Needs onnx and onnxruntime, in an environment of its own beside tithe: neither is a dependency. Engines take turns in
one process, `--rounds` times; a line has the best round in texts a second of CPU time and of the clock. Batches are
those of the start `minilm`: 32 texts of like length. int8 is dynamic, per channel, reduced range (without, AVX2
saturates). Then `linear` on TREC with the views of each engine, at 109 and 545 drawn labels, the same draws for each.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

RESULTS = Path(__file__).parent / "results" / "encoder_engines.json"
_BATCH, _TOKENS = 32, 256


def main() -> None:
    """Prints tables and writes the results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--texts", type=int, default=512)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seeds", type=int, default=5)
    given = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = str(given.threads)  # before torch is loaded
    import torch

    torch.set_num_threads(given.threads)
    engines = made(given.threads)
    found: dict[str, Any] = {"threads": given.threads, "speed": {}, "accuracy": {}}
    for name in ("trec", "arxiv_titles"):
        texts = read(given.data / name / "train.parquet").texts
        some = [texts[row] for row in np.random.default_rng(0).choice(len(texts), given.texts, replace=False)]
        found["speed"][name] = speed(engines, some, given.rounds)
    found["accuracy"] = accuracy(engines, given.data / "trec", given.seeds)
    RESULTS.write_text(json.dumps(found, indent=1) + "\n")


def read(path: Path) -> Any:
    """The items of a file."""
    from tithe.data.reading import read_items

    return read_items(path, text="text" if "titles" not in path.parent.name else None, task="choice")


def made(threads: int) -> dict[str, Callable[[list[str]], Any]]:
    """What turns a batch of texts into (n, 768): `embeddings` and `middle` side by side."""
    import torch
    from transformers import AutoModel

    from tithe.models.encoder import minilm
    from tithe.types import Items
    from tithe.views import ViewStore

    start = minilm().prepare(Items([], []), store=ViewStore(None), rng=np.random.default_rng(0))
    tokenizer, model = start._loaded
    middle = round(model.config.num_hidden_layers * 2 / 3)

    class Pooled(torch.nn.Module):
        """The encoder with the pooling of the start."""

        def __init__(self, inside: Any) -> None:
            super().__init__()
            self.inside = inside

        def forward(self, input_ids: Any, attention_mask: Any, token_type_ids: Any) -> Any:
            layers = self.inside(
                input_ids=input_ids,
                attention_mask=attention_mask,
                token_type_ids=token_type_ids,
                output_hidden_states=True,
            ).hidden_states
            mask = attention_mask.unsqueeze(-1).float()
            means = [(layers[k] * mask).sum(1) / mask.sum(1).clamp(min=1) for k in (-1, middle)]
            return torch.cat([torch.nn.functional.normalize(mean.float(), dim=1) for mean in means], dim=1)

    def tokens(texts: list[str], kind: str) -> dict[str, Any]:
        return dict(tokenizer(texts, padding=True, truncation=True, max_length=_TOKENS, return_tensors=kind))

    def by_torch(module: Any) -> Callable[[list[str]], Any]:
        def run(texts: list[str]) -> Any:
            with torch.inference_mode():
                return module(**tokens(texts, "pt")).float().numpy()

        return run

    folder = Path(tempfile.mkdtemp())
    eager = AutoModel.from_pretrained(start.source, local_files_only=True, attn_implementation="eager").eval()
    plain, small = folder / "float32.onnx", folder / "int8.onnx"
    example = tokens(["one text of some words", "another"], "pt")
    names = ["input_ids", "attention_mask", "token_type_ids"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            Pooled(eager), tuple(example[name] for name in names), str(plain), input_names=names,
            output_names=["pooled"], dynamo=False, opset_version=17,
            dynamic_axes={name: {0: "n", 1: "t"} for name in names} | {"pooled": {0: "n"}},
        )  # fmt: skip
        from onnxruntime import InferenceSession, SessionOptions
        from onnxruntime.quantization import QuantType, quantize_dynamic

        quantize_dynamic(plain, small, per_channel=True, reduce_range=True, weight_type=QuantType.QInt8)
        linears = torch.ao.quantization.quantize_dynamic(Pooled(eager), {torch.nn.Linear}, dtype=torch.qint8)

    def by_onnx(path: Path) -> Callable[[list[str]], Any]:
        options = SessionOptions()
        options.intra_op_num_threads = threads
        session = InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        return lambda texts: session.run(None, tokens(texts, "np"))[0]

    half = AutoModel.from_pretrained(start.source, local_files_only=True, dtype=torch.bfloat16).eval()
    return {
        "torch float32": by_torch(Pooled(model)),
        "onnxruntime float32": by_onnx(plain),
        "onnxruntime int8": by_onnx(small),
        "torch int8": by_torch(linears),
        "torch bfloat16": by_torch(Pooled(half)),
    }


def embedded(run: Callable[[list[str]], Any], texts: list[str]) -> Any:
    """(n, 768), batches by length."""
    order = sorted(range(len(texts)), key=lambda row: len(texts[row]))
    out = np.empty((len(texts), 768), np.float32)
    for at in range(0, len(order), _BATCH):
        rows = order[at : at + _BATCH]
        out[rows] = run([texts[row] for row in rows])
    return out


def speed(engines: dict[str, Callable[[list[str]], Any]], texts: list[str], rounds: int) -> dict[str, Any]:
    """Texts a second, and cosines to torch float32."""
    best: dict[str, list[float]] = {name: [np.inf, np.inf] for name in engines}
    views = {}
    for run in engines.values():
        run(texts[:_BATCH])
    for number in range(rounds):
        for name, run in engines.items():
            if "bfloat16" in name and number:
                continue  # seven times slower here: once will do
            wall, cpu = time.perf_counter(), time.process_time()
            views[name] = embedded(run, texts)
            best[name] = [
                min(best[name][0], time.process_time() - cpu), min(best[name][1], time.perf_counter() - wall)
            ]  # fmt: skip
    exact, found = views["torch float32"], {}
    print(f"{'':22}{'texts/CPU-s':>12}{'texts/s':>9}{'times':>7}{'cos mean':>10}{'min':>8}{'middle':>8}{'min':>8}")
    for name, (cpu_s, wall_s) in best.items():
        ends, middles = ((exact[:, part] * views[name][:, part]).sum(axis=1) for part in (slice(384), slice(384, 768)))
        found[name] = {
            "texts_per_cpu_s": round(len(texts) / cpu_s, 1),
            "texts_per_s": round(len(texts) / wall_s, 1),
            "times_torch": round(best["torch float32"][0] / cpu_s, 2),
            "cosine_mean": round(float(ends.mean()), 5),
            "cosine_min": round(float(ends.min()), 5),
            "middle_cosine_mean": round(float(middles.mean()), 5),
            "middle_cosine_min": round(float(middles.min()), 5),
        }
        one = list(found[name].values())
        print(f"{name:22}{one[0]:12}{one[1]:9}{one[2]:7}{one[3]:10.4f}{one[4]:8.4f}{one[5]:8.4f}{one[6]:8.4f}")
    return found


def accuracy(engines: dict[str, Callable[[list[str]], Any]], folder: Path, seeds: int) -> dict[str, Any]:
    """Test accuracy of `linear` at two sizes, by engine: mean over seeds, and of the difference its standard error."""
    from tithe.models.linear import Linear
    from tithe.pool import declared_task
    from tithe.rng import stream
    from tithe.types import Examples

    pool, test = read(folder / "train.parquet"), read(folder / "test.parquet")
    task = declared_task("choice", pool)
    scores: dict[str, dict[int, list[float]]] = {}
    for name in ("torch float32", "onnxruntime int8"):
        both = {items.digest: embedded(engines[name], list(items.texts)) for items in (pool, test)}
        start = Halves(both)
        for labels in (109, 545):
            for seed in range(seeds):
                rows = stream(seed, "encoder engines", labels).choice(len(pool), labels, replace=False)
                examples = Examples(pool.take(rows), [pool.gold[row] for row in rows])
                model = Linear().fit(task, examples, start=start, rng=stream(seed, "fit"))
                score = task.score(list(test.gold), model.view("proba", test))["accuracy"]
                scores.setdefault(name, {}).setdefault(labels, []).append(score)
    found = {}
    for labels in (109, 545):
        exact, small = (np.array(scores[name][labels]) for name in ("torch float32", "onnxruntime int8"))
        gap = small - exact
        found[str(labels)] = {
            "float32": round(float(exact.mean()), 4),
            "int8": round(float(small.mean()), 4),
            "difference_se": round(float(gap.std(ddof=1) / np.sqrt(seeds)), 4),
        }
        print(f"TREC, {labels} labels: {found[str(labels)]}")
    return found


class Halves:
    """A start of embedded items: the first half of the columns is `embeddings`, the other `middle`."""

    provides = frozenset({"embeddings", "middle"})

    def __init__(self, arrays: dict[str, Any]) -> None:
        self.arrays = arrays
        self.fingerprint = "encoder engines"

    def view(self, name: str, items: Any) -> Any:
        """The columns of a view."""
        whole, rows = (items, slice(None)) if items.base is None else (items.base, items.rows)
        return self.arrays[whole.digest][rows, :384] if name == "embeddings" else self.arrays[whole.digest][rows, 384:]


if __name__ == "__main__":
    main()
