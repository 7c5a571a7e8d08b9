"""How fast `finetune` trains on the CPU, beside the Trainer of transformers.

    python bench/training.py --data ../shared/data/atis8/train.parquet --out bench/results/training.json

Same rows, same encoder, batches of 32, AdamW, the same number of steps, dropout .1. The Trainer pads to 128 pieces, as
systems do that tokenise once and for all (S4), and then to the longest row of each batch. Ours trains all weights (as
the Trainer does), and with word embeddings left alone (as `finetune` does). The arms take turns, a few steps each, so
that what else the machine does falls on all; times are medians over the turns. One turn before them is not counted.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers

from tithe.data.reading import read_items
from tithe.models.encoder import minilm
from tithe.models.tuning import losses
from tithe.models.tuning.orders import Shuffled
from tithe.models.tuning.pieces import Feed, Frame, split_texts
from tithe.models.tuning.programs import Problem, Single
from tithe.models.tuning.training import Course, train
from tithe.rng import stream
from tithe.types import Items

BATCH = 32


class World:
    """Rows, labels and the start."""

    def __init__(self, path: str, rows: int) -> None:
        whole = read_items(path, task="choice")
        picked = stream(0, "bench").permutation(len(whole))[:rows]
        self.items = Items([whole.ids[row] for row in picked], [whole.texts[row] for row in picked])
        names = sorted({str(label) for label in whole.gold or ()})
        self.labels = np.array([names.index(str((whole.gold or ())[row])) for row in picked])
        self.classes = len(names)
        self.folder = minilm().source
        self.tokenizer = transformers.AutoTokenizer.from_pretrained(self.folder)

    def ours(self, steps: int, frozen: int) -> float:
        """Seconds a step of our loop."""
        encoder = transformers.AutoModel.from_pretrained(self.folder)
        pieces = split_texts(self.tokenizer, self.items, "minilm")
        feed = Feed.of(pieces, Frame.of(self.tokenizer, 256), self.items, "items", "cpu")
        head = torch.nn.Linear(encoder.config.hidden_size, self.classes)
        weights = torch.ones(len(self.labels))
        loss = losses.build("auto", "one")
        problem = Problem(encoder, head, feed, torch.as_tensor(self.labels), weights, loss, None, 0.1, 1, frozen)
        stamps = [0.0]

        def tell(what: str, done: int, total: int) -> None:
            if done in (1, total):
                stamps.append(time.perf_counter())

        order = Shuffled(feed.sizes, BATCH, seed=1)
        train(Single(problem), [order], Course(steps + 1, BATCH, judgements=0), tell=tell)
        return (stamps[-1] - stamps[1]) / steps

    def peer(self, steps: int, padded: bool) -> float:
        """Seconds a step of the Trainer."""
        model = transformers.AutoModelForSequenceClassification.from_pretrained(self.folder, num_labels=self.classes)
        how: dict[str, Any] = {"padding": "max_length", "max_length": 128} if padded else {}
        coded = self.tokenizer(list(self.items.texts), truncation=True, **how)
        rows = [
            {"input_ids": ids, "attention_mask": mask, "labels": int(label)}
            for ids, mask, label in zip(coded["input_ids"], coded["attention_mask"], self.labels, strict=True)
        ]
        watch = _Watch()
        with tempfile.TemporaryDirectory() as folder:
            settings = transformers.TrainingArguments(
                folder,
                per_device_train_batch_size=BATCH,
                max_steps=steps + 1,
                learning_rate=1e-4,
                weight_decay=0.01,
                report_to=[],
                save_strategy="no",
                logging_strategy="no",
                use_cpu=True,
                disable_tqdm=True,
                dataloader_pin_memory=False,
            )
            collate = transformers.DataCollatorWithPadding(self.tokenizer)
            trainer = transformers.Trainer(
                model, settings, data_collator=collate, train_dataset=rows, callbacks=[watch]
            )
            trainer.train()
        return (watch.stamps[-1] - watch.stamps[0]) / steps


class _Watch(transformers.TrainerCallback):
    def __init__(self) -> None:
        self.stamps: list[float] = []

    def on_step_end(self, *args: Any, **more: Any) -> None:
        self.stamps.append(time.perf_counter())


def main() -> None:
    """Takes turns, prints the table, writes JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", default="../shared/data/atis8/train.parquet")
    parser.add_argument("--rows", type=int, default=640)
    parser.add_argument("--steps", type=int, default=12, help="of each arm in each turn")
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--out", type=Path, default=Path("bench/results/training.json"))
    args = parser.parse_args()
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    world = World(args.data, args.rows)
    arms: dict[str, Callable[[int], float]] = {
        "Trainer, padded to 128": lambda steps: world.peer(steps, True),
        "Trainer, dynamic padding": lambda steps: world.peer(steps, False),
        "ours, all weights": lambda steps: world.ours(steps, 0),
        "ours, as finetune does": lambda steps: world.ours(steps, 1),
    }
    seconds: dict[str, list[float]] = {name: [] for name in arms}
    for turn in range(args.turns + 1):
        for name, arm in arms.items():
            found = arm(args.steps)
            if turn:
                seconds[name].append(found)
    medians = {name: statistics.median(own) for name, own in seconds.items()}
    print(f"{os.cpu_count()} cores, {torch.get_num_threads()} threads, load {os.getloadavg()[0]:.1f}")
    for name, own in medians.items():
        times = "  ".join(f"{ratio(seconds, peer, name):5.2f}x" for peer in list(arms)[:2])
        print(f"{name:<26} {1000 * own:8.1f} ms a step   {times}")
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(json.dumps({"seconds": seconds, "steps": args.steps, "rows": args.rows}, indent=1))


def ratio(seconds: dict[str, Sequence[float]], peer: str, own: str) -> float:
    """How many times as fast as a peer: the median over turns."""
    return statistics.median(a / b for a, b in zip(seconds[peer], seconds[own], strict=True))


if __name__ == "__main__":
    main()
