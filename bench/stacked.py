"""How fast a grid of runs trains side by side on one GPU, beside the Trainer of transformers run after run.

Each of the models has 545 rows of its own drawn from --data, batches of 32, dropout .1, AdamW; bf16 on a GPU. The
Trainer pads to 128 pieces, as systems do that tokenise once and for all, and then with dynamic padding.

    python bench/stacked.py --data train.csv --start MINILM_FOLDER --out stacked.json
    python bench/stacked.py --data train.csv --test test.csv --start MINILM_FOLDER --check --out check.json

The files are CSV with the columns text and label. `--check` asks whether stacked runs are as good as single ones: on
the test file, in bf16, with 30 of the one and 10 of the other.
"""

from __future__ import annotations

import argparse
import copy
import csv
import gc
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers

from tithe.models.tuning import losses
from tithe.models.tuning.orders import Shuffled
from tithe.models.tuning.packing import Packer
from tithe.models.tuning.pieces import Feed, Frame, split_texts
from tithe.models.tuning.programs import Problem, Single, Tuned, outputs
from tithe.models.tuning.stacked import Stack
from tithe.models.tuning.training import Course, train
from tithe.ragged import Ragged
from tithe.rng import stream
from tithe.types import Items

WARM, BLOCK, BLOCKS = 24, 16, 4  # steps before the clock starts, steps between two looks at it, looks


class World:
    """Texts, labels, a start, and the device."""

    def __init__(self, args: argparse.Namespace) -> None:
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.tokenizer = transformers.AutoTokenizer.from_pretrained(args.start)
        self.encoder = transformers.AutoModel.from_pretrained(args.start, dtype=torch.float32)
        self.frame = Frame.of(self.tokenizer, 256)
        self.texts, names = read(args.data)
        self.labels = sorted(set(names))
        self.targets = np.array([self.labels.index(name) for name in names])
        self.pieces = self.split(self.texts)

    def split(self, texts: Sequence[str]) -> Ragged:
        """The word pieces of texts."""
        return split_texts(self.tokenizer, items_of(texts), "bench")

    def problem(self, seed: int, rows: int, tokens: int = 0) -> Problem:
        """A run on rows of its own; with `tokens` texts of just so many random pieces instead."""
        rng = stream(seed, "bench", "stacked")
        chosen = rng.choice(len(self.texts), min(rows, len(self.texts)), replace=False)
        pieces, targets = self.pieces[chosen], self.targets[chosen]
        if tokens:
            inner = tokens - len(self.frame.before) - len(self.frame.after)
            pieces = Ragged.of([rng.integers(1000, 2000, inner).astype(np.int32) for _ in chosen])
        feed = Feed.of(pieces, self.frame, items_of([""] * len(chosen)), "items", self.device)
        head = torch.nn.Linear(self.encoder.config.hidden_size, len(self.labels))
        with torch.no_grad():
            head.weight.copy_(torch.as_tensor(rng.normal(0, 0.02, tuple(head.weight.shape)).astype(np.float32)))
            head.bias.zero_()
        return Problem(
            copy.deepcopy(self.encoder), head, feed, torch.as_tensor(targets, device=self.device),
            torch.ones(len(targets), device=self.device), losses.build("auto", "one"), seed=seed,
        )  # fmt: skip


def read(path: Path) -> tuple[list[str], list[str]]:
    """Texts and labels of a CSV file."""
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return [row["text"] for row in rows], [row["label"] for row in rows]


def items_of(texts: Sequence[str]) -> Items:
    """Items with numbers for ids."""
    return Items([str(number) for number in range(len(texts))], list(texts))


class Clock:
    """Looks at the time every `BLOCK` steps once `WARM` are done, with nothing left under way on the device."""

    def __init__(self, device: torch.device) -> None:
        self.device, self.looks, self.began = device, list[float](), time.perf_counter()
        self.warm_s = 0.0

    def __call__(self, what: str, done: int, total: int) -> None:
        """After each step."""
        if done < WARM or (done - WARM) % BLOCK:
            return
        if self.device.type == "cuda":
            torch.cuda.synchronize()
        self.looks.append(time.perf_counter())
        self.warm_s = self.looks[0] - self.began

    @property
    def step_ms(self) -> float:
        """The median over blocks."""
        return statistics.median(1000 * (b - a) / BLOCK for a, b in zip(self.looks, self.looks[1:], strict=False))


def trainer_ms(world: World, *, pad: int | None) -> Clock:
    """The Trainer of transformers on one model, padded to `pad` pieces, or dynamically."""
    config = transformers.AutoConfig.from_pretrained(world.encoder.config._name_or_path, num_labels=len(world.labels))
    model = transformers.BertForSequenceClassification(config)
    model.bert.load_state_dict(world.encoder.state_dict(), strict=False)
    chosen = stream(0, "bench", "stacked").choice(len(world.texts), 545, replace=False)
    how: dict[str, Any] = {"padding": "max_length", "max_length": pad} if pad else {}
    rows = [
        {**world.tokenizer(world.texts[row], truncation=True, **how), "labels": int(world.targets[row])}
        for row in chosen
    ]
    clock = Clock(world.device)

    class Watch(transformers.TrainerCallback):  # type: ignore[misc]  # transformers has no types here
        def on_step_end(self, args: Any, state: Any, control: Any, **more: Any) -> None:
            clock("", state.global_step, 0)

    with tempfile.TemporaryDirectory() as folder:
        settings = transformers.TrainingArguments(
            folder, max_steps=WARM + BLOCK * BLOCKS, per_device_train_batch_size=32, learning_rate=1e-4,
            bf16=world.device.type == "cuda", report_to=[], save_strategy="no", logging_strategy="no",
            disable_tqdm=True, use_cpu=world.device.type == "cpu",
        )  # fmt: skip
        collator = transformers.DataCollatorWithPadding(world.tokenizer)
        transformers.Trainer(model, settings, collator, rows, callbacks=[Watch()]).train()
    return clock


def ours(world: World, program: Callable[[], Any], orders: Sequence[Shuffled]) -> Clock:
    """Our loop over a program."""
    clock = Clock(world.device)
    train(program(), orders, course(WARM + BLOCK * BLOCKS), tell=clock)
    return clock


def course(steps: int) -> Course:
    """As the trainer `finetune` has it."""
    return Course(steps, 32)


def order(problem: Problem) -> Shuffled:
    """As the trainer `finetune` has it."""
    return Shuffled(problem.feed.sizes, 32, seed=problem.seed)


def flops(world: World, lengths: np.ndarray[Any, Any], padded: int | None = None) -> float:
    """Of a step forward and back over rows of these lengths: products with weights, and attention."""
    config = world.encoder.config
    a_layer = 4 * config.hidden_size**2 + 2 * config.hidden_size * config.intermediate_size
    each = np.full(len(lengths), padded) if padded else lengths
    of_weights = 2 * a_layer * each
    of_attention = 4 * config.hidden_size * each * each
    return float(3 * config.num_hidden_layers * (of_weights + of_attention).sum())


def peak(device: torch.device) -> float:
    """FLOP/s of a product of two 8192 x 8192 matrices in bf16."""
    size = 8192 if device.type == "cuda" else 512
    a = torch.ones(size, size, device=device, dtype=torch.bfloat16)
    best = float("inf")
    for _ in range(5):
        if device.type == "cuda":
            torch.cuda.synchronize()
        began = time.perf_counter()
        for _ in range(10):
            a @ a
        if device.type == "cuda":
            torch.cuda.synchronize()
        best = min(best, (time.perf_counter() - began) / 10)
    return 2 * size**3 / best


def fresh(device: torch.device) -> None:
    """Empties the memory, and begins to count it anew."""
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()


def measure(world: World, args: argparse.Namespace) -> dict[str, Any]:
    """All variants: milliseconds a model-step, share of the peak, memory."""
    top = peak(world.device)
    rows = list[dict[str, Any]]()
    print(f"bf16 peak {top / 1e12:.0f} TFLOP/s")
    heads = ("ms a step", "ms a model-step", "x Trainer", "of peak", "GB a model", "warm s")
    print(" " * 34 + "".join(f"{head:>16}" for head in heads))

    def show(name: str, models: int, clock: Clock, lengths: Sequence[np.ndarray[Any, Any]], tokens: int = 0) -> None:
        each = clock.step_ms / models
        real = statistics.mean(flops(world, one) for one in lengths)
        used = torch.cuda.max_memory_allocated() / 1e9 / models if world.device.type == "cuda" else 0.0
        first = rows[0]["model_step_ms"] if rows else each
        row = {
            "name": name, "models": models, "step_ms": clock.step_ms, "model_step_ms": each,
            "times_trainer": first / each, "of_peak": real / (each / 1000) / top, "gb_a_model": used,
            "warm_s": clock.warm_s, "tokens": tokens,
        }  # fmt: skip
        rows.append(row)
        print(
            f"{name:<34}{clock.step_ms:>16.2f}{each:>16.3f}{row['times_trainer']:>15.1f}x{row['of_peak']:>16.2%}"
            f"{used:>16.3f}{clock.warm_s:>16.1f}",
            flush=True,
        )

    one = world.problem(0, args.rows)
    lengths = [one.feed.sizes[order(one).rows(step)] for step in range(WARM, WARM + BLOCK * BLOCKS)]
    if not args.skip_trainer:
        for name, pad in (("Trainer, padded to 128", 128), ("Trainer, dynamic padding", None)):
            fresh(world.device)
            show(name, 1, trainer_ms(world, pad=pad), lengths)
    fresh(world.device)
    show("single", 1, ours(world, lambda: Single(one), [order(one)]), lengths)
    for spec in args.stacks.split(","):
        compiled, number = "c" in spec, int(spec.strip("ct").split("x")[0])
        tokens = int(spec.split("x")[1].strip("c")) if "x" in spec else 0
        problems = [world.problem(seed, args.rows, tokens) for seed in range(number)]
        fresh(world.device)
        try:
            clock = ours(world, partial(Stack, problems, compiled=compiled), [order(own) for own in problems])
        except Exception as error:  # noqa: BLE001  # a variant that fails is a result too
            print(f"stack {spec}: {type(error).__name__}: {str(error)[:300]}", flush=True)
            continue
        fixed = [np.full(32, tokens)] if tokens else lengths
        what = f"{', compiled' if compiled else ''}{f', {tokens} pieces' if tokens else ''}"
        show(f"stack of {number}{what}", number, clock, fixed, tokens)
        del problems
    lines, batches = filled([world.problem(seed, args.rows) for seed in range(30)])
    print(f"of the places of 30 lines {lines:.1%} hold a piece, of those of padded batches {batches:.1%}")
    return {
        "peak_tflops": top / 1e12,
        "rows": rows,
        "rows_a_model": args.rows,
        "mean_pieces": float(one.feed.sizes.mean()),
        "filled_lines": lines,
        "filled_batches": batches,
    }


def filled(problems: Sequence[Problem]) -> tuple[float, float]:
    """Which share of the places holds a piece: in the lines of a stack, and in the padded batches of single runs."""
    packer, orders = Packer([one.feed for one in problems]), [order(one) for one in problems]
    pieces = places = padded = 0
    for step in range(48):
        rows = [own.rows(step) for own in orders]
        batch = packer.pack(range(len(problems)), rows)
        pieces, places = pieces + int(batch.own.sum()), places + batch.own.numel()
        padded += sum(len(own) * int(one.feed.sizes[own].max()) for one, own in zip(problems, rows, strict=True))
    return pieces / places, pieces / padded


def check(world: World, args: argparse.Namespace) -> dict[str, Any]:
    """Test accuracies of stacked and of single runs, and the interval of the mean of the single ones."""
    texts, names = read(args.test)
    truth = np.array([world.labels.index(name) for name in names])
    feed = Feed.of(world.split(texts), world.frame, items_of(texts), "items", world.device)

    def accuracy(problem: Problem, state: dict[str, torch.Tensor]) -> float:
        single = Single(problem)
        single.load(0, state)
        module: Tuned = single.module
        return float((outputs(module, feed)[0].argmax(dim=1).cpu().numpy() == truth).mean())

    def problems(first: int, count: int) -> list[Problem]:
        return [world.problem(seed, args.rows) for seed in range(first, first + count)]

    began = time.perf_counter()
    many = problems(0, 30)
    trained = train(Stack(many), [order(one) for one in many], course(args.steps))
    stacked = [accuracy(one, own.state) for one, own in zip(many, trained, strict=True)]
    stacked_s = time.perf_counter() - began
    del many
    fresh(world.device)
    began = time.perf_counter()
    alone = []
    for one in problems(100, args.singles):
        own = train(Single(one), [order(one)], course(args.steps))[0]
        alone.append(accuracy(one, own.state))
    alone_s = time.perf_counter() - began
    mean, error = statistics.mean(alone), statistics.stdev(alone) / len(alone) ** 0.5
    quantile = {9: 2.262, 29: 2.045}.get(len(alone) - 1, 2.262)  # Student's t, 95 %, 9 and 29 degrees of freedom
    low, high = mean - quantile * error, mean + quantile * error
    within = low <= statistics.mean(stacked) <= high
    print(f"30 stacked: {statistics.mean(stacked):.4f} in {stacked_s:.1f} s; {len(alone)} single: {mean:.4f}", end=" ")
    print(f"[{low:.4f}, {high:.4f}] in {alone_s:.1f} s; {'within' if within else 'NOT within'}")
    return {
        "stacked": stacked, "single": alone, "interval": [low, high], "within": within,
        "stacked_s": stacked_s, "single_s": alone_s, "labels": args.rows, "steps": args.steps,
    }  # fmt: skip


def main() -> None:
    """Measures, prints and writes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="CSV with the columns text and label")
    parser.add_argument("--test", type=Path, help="for --check: the test file")
    parser.add_argument("--start", required=True, help="the folder of a BERT-like encoder")
    parser.add_argument("--rows", type=int, default=545, help="labels of each run")
    parser.add_argument("--steps", type=int, default=300, help="for --check: steps of each run")
    parser.add_argument("--singles", type=int, default=10, help="for --check: runs one by one")
    parser.add_argument(
        "--stacks", default="1,8,30,60,30c,60c,30x48,30x48c", help="models side by side; c compiled, x48 of 48 pieces"
    )
    parser.add_argument("--skip-trainer", action="store_true", help="leave the Trainer of transformers out")
    parser.add_argument("--check", action="store_true", help="compare accuracies instead of times")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    world = World(args)
    found = check(world, args) if args.check else measure(world, args)
    found["device"] = torch.cuda.get_device_name() if world.device.type == "cuda" else "cpu"
    found["torch"] = torch.__version__
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
