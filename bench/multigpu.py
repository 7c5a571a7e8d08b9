"""One larger model on several GPUs: steps a second through `tithe.models.tuning`, beside one GPU.

    python bench/multigpu.py --gpus 2 --out bench/results/multigpu.json

A BERT of 24 layers of 1,024 made from a config (335 M parameters), rows of 126 random pieces, batches of 64, bf16. Each
count of processes is started by `accelerate launch`; the loop, the losses and the optimiser are those of `finetune`.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

WARM = 5


def worker(args: argparse.Namespace) -> None:
    """Trains for some steps; the first process writes seconds a step."""
    import numpy as np
    import torch
    from transformers import BertConfig, BertModel

    from tithe.models.finetune_model import device_of
    from tithe.models.tuning import losses
    from tithe.models.tuning.gathering import run
    from tithe.models.tuning.joint import leads
    from tithe.models.tuning.orders import Shuffled
    from tithe.models.tuning.pieces import Feed, Frame
    from tithe.models.tuning.programs import Problem
    from tithe.models.tuning.training import Course
    from tithe.ragged import Ragged
    from tithe.rng import stream
    from tithe.types import Items

    rng = stream(0, "multigpu")
    device = device_of("auto")
    shape = {"hidden_size": args.width, "num_hidden_layers": args.layers, "intermediate_size": 4 * args.width}
    encoder = BertModel(BertConfig(**shape, num_attention_heads=args.width // 64), add_pooling_layer=False)
    count = 1024
    values = rng.integers(1000, 30000, (count, args.length)).astype(np.int32)
    pieces = Ragged(values.reshape(-1), np.arange(count + 1) * args.length, None)
    items = Items([str(row) for row in range(count)], ["" for _ in range(count)])
    feed = Feed.of(pieces, Frame((101,), (102,), 0, 512), items, "items", device)
    targets = torch.as_tensor(rng.integers(0, 10, count), device=device)
    problem = Problem(
        encoder,
        torch.nn.Linear(args.width, 10),
        feed,
        targets,
        torch.ones(count, device=device),
        losses.build("auto", "one"),
    )
    stamps: list[float] = []

    def tell(what: str, done: int, total: int) -> None:
        if done in (WARM, total):
            if device.type == "cuda":
                torch.cuda.synchronize()
            stamps.append(time.perf_counter())

    order = Shuffled(feed.sizes, args.batch, seed=1)
    trained = run(problem, order, Course(WARM + args.steps, batch=args.batch, judgements=0), tell=tell)
    if leads():
        found: dict[str, Any] = {"seconds_a_step": (stamps[1] - stamps[0]) / args.steps, "losses": trained.losses[-3:]}
        if device.type == "cuda":
            found["gib"] = torch.cuda.max_memory_allocated() / 2**30
        args.worker.write_text(json.dumps(found))


def main() -> None:
    """Runs each count of GPUs, prints the gain, writes JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gpus", type=int, default=2)
    parser.add_argument("--layers", type=int, default=24)
    parser.add_argument("--width", type=int, default=1024)
    parser.add_argument("--length", type=int, default=126)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--cpu", action="store_true", help="processes on the CPU, to try it")
    parser.add_argument("--worker", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    if args.worker:
        worker(args)
        return
    found = {}
    for count in (1, args.gpus):
        part = args.out.with_suffix(f".{count}.part")
        shape = [f"--{name}={getattr(args, name)}" for name in ("layers", "width", "length", "batch", "steps")]
        launch = [
            sys.executable,
            "-m",
            "accelerate.commands.launch",
            "--num_processes",
            str(count),
            "--num_machines",
            "1",
        ]
        launch += ["--mixed_precision", "no", "--dynamo_backend", "no", *(["--cpu"] if args.cpu else [])]
        launch += ["--multi_gpu"] if count > 1 and not args.cpu else []
        env = os.environ | ({"CUDA_VISIBLE_DEVICES": ""} if args.cpu else {})
        subprocess.run([*launch, __file__, "--worker", str(part), *shape], check=True, env=env)
        found[count] = json.loads(part.read_text())
        part.unlink()
        print(f"{count} processes: {1000 * found[count]['seconds_a_step']:.1f} ms a step", flush=True)
    gain = found[1]["seconds_a_step"] / found[args.gpus]["seconds_a_step"]
    print(f"{args.gpus} are {gain:.2f} times as fast as one")
    args.out.write_text(
        json.dumps({"runs": found, "gain": gain, "shape": vars(args) | {"out": str(args.out)}}, default=str)
    )


if __name__ == "__main__":
    main()
