"""Which start helps in a new domain: COVID-Q with fine-tuning, from four starts, by four strategies.

The starts are the encoder as it is (baseline), adapted to tweets about COVID by masked training (domain), fine-tuned on
the questions of TREC (task), one after the other (domain+task), and adapted by simcse (contrast). The rate of adapting
is decided by a probe on the training questions alone. Test questions are scored on and nothing else. Needs neither
pyarrow nor a network.

    python bench/transfer.py --root ../shared/data --export /tmp/transfer-data         # where pyarrow is
    python bench/transfer.py --data /tmp/transfer-data --start MINILM_FOLDER --work /tmp/starts --out transfer.json

Starts that `--work` holds already are not made again.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
import time
import tomllib
from dataclasses import replace
from importlib.metadata import entry_points
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

STRATEGIES = ("random", "least_confidence", "margin", "entropy")
STARTS = ("baseline", "domain", "task", "domain+task", "contrast")
KINDS = {"domain": "masked", "contrast": "simcse"}
VARIANTS = {"masked": {}, "masked-fast": {"rate": 5e-5}, "simcse": {}, "simcse-fast": {"rate": 5e-5}}
FILES = {
    "train": "covidq/category_train", "test": "covidq/category_testA", "tweets": "covid_tweets/train",
    "task": "trec/train",
}  # fmt: skip
SPLITS, HELD = 20, 60  # of the probe


def main() -> None:
    """Makes the starts, plays the grid, prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, help="the folder of the data sets, for --export")
    parser.add_argument("--export", type=Path, help="write the data as CSV here, and stop")
    parser.add_argument("--data", type=Path, help="the folder that --export wrote")
    parser.add_argument("--start", help="the folder of the baseline")
    parser.add_argument("--work", type=Path, help="a folder for the starts")
    parser.add_argument("--out", type=Path, help="all numbers, as JSON")
    parser.add_argument("--budgets", default="60,120,180,240,300")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--variants", default=",".join(VARIANTS), help="ways of adapting that the probe compares")
    parser.add_argument("--strategies", default=",".join(STRATEGIES))
    parser.add_argument("--played", type=Path, help="what --out held: its grid is not played again, only judged")
    parser.add_argument("--starts", default=",".join(STARTS), help="those of the grid, baseline first")
    parser.add_argument("--adapt-steps", type=int, default=300)
    parser.add_argument("--task-steps", type=int, default=0, help="0: as many as the labels ask for")
    parser.add_argument("--trainer", default="finetune")
    parser.add_argument("--engine", default="stacked")
    parser.add_argument("--texts", type=int, default=0, help="tweets and TREC questions used; 0: all")
    args = parser.parse_args()
    if args.export:
        export(args.root, args.export)
        return
    known()
    found: dict[str, Any] = {"settings": {name: str(value) for name, value in vars(args).items()}}
    folders = starts_of(args, found)
    if args.played:
        before = json.loads(args.played.read_text("utf-8"))
        rows = before["rows"]
        found |= {name: before[name] for name in ("pool", "test", "notes", "round_seconds", "seconds", "adapted")}
    else:
        rows = play(args, folders, found)
    found["picks"] = picks(args, folders, rows)
    print(table(rows, found), flush=True)
    args.out.write_text(json.dumps(found | {"rows": rows}, indent=1), "utf-8")


def known() -> None:
    """Where tithe is on the path but not installed, tells Python of its entry points all the same."""
    if entry_points(group="tithe.tasks"):
        return
    import tempfile

    folder = Path(tempfile.mkdtemp()) / "tithe-0.dist-info"
    folder.mkdir()
    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text("utf-8"))["project"]
    lines = [
        f"[{group}]\n" + "".join(f"{name} = {target}\n" for name, target in points.items())
        for group, points in project["entry-points"].items()
    ]
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: tithe\nVersion: 0\n", "utf-8")
    (folder / "entry_points.txt").write_text("\n".join(lines), "utf-8")
    sys.path.append(str(folder.parent))


def export(root: Path, into: Path) -> None:
    """The data as CSV: text and label."""
    from tithe.data.reading import read_items

    into.mkdir(parents=True, exist_ok=True)
    for name, file in FILES.items():
        items = read_items(root / f"{file}.parquet", task="choice")
        with (into / f"{name}.csv").open("w", newline="", encoding="utf-8") as out:
            writer = csv.writer(out)
            writer.writerow(["text", "label"])
            writer.writerows(zip(items.texts, items.gold or (), strict=True))


def starts_of(args: argparse.Namespace, found: dict[str, Any]) -> dict[str, str]:
    """The folder of each start, made where it is not there."""
    from tithe.data.reading import read_items
    from tithe.models.adapting import Adaptation, adapt

    args.work.mkdir(parents=True, exist_ok=True)
    tweets = read_items(args.data / "tweets.csv", text="text")
    tweets = tweets.take(np.arange(len(tweets))[: args.texts or None])
    train = read_items(args.data / "train.csv", task="choice")
    seconds = found["seconds"] = {}
    probes = found["probes"] = {"baseline": probe(args.start, train)}
    adapted = found["adapted"] = {}
    for variant in args.variants.split(","):
        folder = args.work / variant
        if not folder.exists():
            began = time.perf_counter()
            how = Adaptation(variant.split("-")[0], args.adapt_steps, **VARIANTS[variant])  # type: ignore[arg-type]  # names and rates of VARIANTS
            adapt(tweets, args.start, folder, how)
            seconds[variant] = round(time.perf_counter() - began, 1)
        adapted[variant] = json.loads((folder / "tithe.json").read_text("utf-8"))
        probes[variant] = probe(str(folder), train)
        print(f"{variant}: {seconds.get(variant)} s, probe {probes[variant]}", flush=True)
    folders = {"baseline": args.start}
    best = found["best"] = {}
    for name, kind in KINDS.items():
        own = [one for one in args.variants.split(",") if one.startswith(kind)]
        if own:
            best[name] = max(own, key=lambda one: probes[one]["240"])
            folders[name] = str(args.work / best[name])
    print(f"baseline: probe {probes['baseline']}; {best}", flush=True)
    for name, begin in (("task", "baseline"), ("domain+task", "domain")):
        if name not in args.starts.split(","):
            continue
        folder = args.work / (name if name == "task" else f"{best['domain']}+task")
        if not folder.exists():
            began = time.perf_counter()
            fine_tuned(args, folders[begin], folder)
            seconds[name] = round(time.perf_counter() - began, 1)
        folders[name] = str(folder)
        probes[name] = probe(str(folder), train)
        print(f"{name}: {seconds.get(name)} s, probe {probes[name]}", flush=True)
    return {name: folders[name] for name in args.starts.split(",") if name in folders}


def fine_tuned(args: argparse.Namespace, start: str, into: Path) -> None:
    """Fine-tunes a start on the questions of TREC, and saves it."""
    from tithe.data.reading import read_items
    from tithe.loop.training import train
    from tithe.models.start_folder import save_start
    from tithe.pool import Pool, declared_task

    items = read_items(args.data / "task.csv", task="choice")
    items = items.take(np.arange(len(items))[: args.texts or None])
    trainer = f"finetune(steps={args.task_steps})"
    save_start(train(Pool(items), declared_task("choice", items), trainer=trainer, start=start), into)


def probe(start: str, train: Any) -> dict[str, float]:
    """Accuracy of a logistic regression on the start's embeddings of 60 and of 240 training questions, on others."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedShuffleSplit, cross_val_score

    from tithe.models.starts import prepare_start
    from tithe.views import ViewStore

    rows = prepare_start(start, train, store=ViewStore(None)).view("embeddings", train)
    labels = np.array(train.gold)
    found = {}
    for size in (60, 240):
        splits = StratifiedShuffleSplit(SPLITS, train_size=size, test_size=HELD, random_state=0)
        scores = cross_val_score(LogisticRegression(C=20, max_iter=300), rows, labels, cv=splits)
        found[str(size)] = round(float(scores.mean()), 4)
    return found


def play(args: argparse.Namespace, folders: dict[str, str], found: dict[str, Any]) -> list[dict[str, Any]]:
    """All runs side by side, round by round; a row for each run and round."""
    from tithe import registry
    from tithe.engines import Job
    from tithe.experiment.plan import Plan
    from tithe.experiment.runs import runs_of, take_step
    from tithe.experiment.world import warm_up, world_of

    plan = Plan(
        str(args.data / "train.csv"), str(args.data / "test.csv"), starts=tuple(folders.values()), dedupe=True,
        strategies=tuple(args.strategies.split(",")), trainers=(args.trainer,), seeds=args.seeds, full=False,
        drop_leaks=True, budgets=(1,),
    )  # fmt: skip
    whole = len(world_of(plan, None).pool)  # without the questions that are in the test file too: 296
    plan = replace(plan, budgets=tuple(sorted({min(int(one), whole) for one in args.budgets.split(",")})))
    world = world_of(plan, None)
    found["notes"], found["pool"], found["test"] = list(world.notes), len(world.pool), len(world.test)
    warm_up(world, plan)
    names = {folder: name for name, folder in folders.items()}
    runs = {run.key: run for run in runs_of(plan)}
    batches: dict[str, list[tuple[str, ...]]] = {key: [] for key in runs}
    engine = registry.build("engines", args.engine)
    rows, rounds = [], found.setdefault("round_seconds", [])
    for number in range(len(world.steps) + 1):
        began = time.perf_counter()
        jobs = [Job(key, take_step, (plan, None, run, list(batches[key]))) for key, run in runs.items()]
        for result in engine.map(jobs, stackable=True):
            step, run = result.value, runs[result.key]
            if step.asked:
                batches[result.key].append(step.asked)
            if step.row is not None:
                kept = ("labelled", "accuracy", "f1_macro", "fit_s", "score_s")
                row = {name: step.row[name] for name in kept}
                asked = [one for batch in batches[result.key][:number] for one in batch]
                assert len(set(asked)) == len(asked) == row["labelled"], "rows are asked once"
                rows.append({"start": names[run.start], "strategy": run.strategy, "seed": run.seed, **row})
                rows[-1]["asked"] = asked
        rounds.append(round(time.perf_counter() - began, 1))
        args.out.write_text(json.dumps(found | {"rows": rows}), "utf-8")
        print(f"round {number} of {len(world.steps)}: {rounds[-1]} s for {len(runs)} runs", flush=True)
    engine.close()
    return rows


def curves(rows: list[dict[str, Any]], start: str, strategy: str, metric: str) -> np.ndarray:
    """(seeds, budgets) a metric of the runs of one start and strategy."""
    own = [row for row in rows if (row["start"], row["strategy"]) == (start, strategy)]
    seeds = sorted({row["seed"] for row in own})
    return np.array([[row[metric] for row in own if row["seed"] == seed] for seed in seeds])


def picks(args: argparse.Namespace, folders: dict[str, str], rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What `tithe starts` says of the first batch of each seed, beside the start that then did best in that seed."""
    try:
        from tithe.models.transfer.ranking import rank_starts
    except ImportError:
        print("tithe starts is not here: nothing is said of what it would have picked", flush=True)
        return []
    from tithe.data.reading import read_items
    from tithe.pool import Pool, declared_task
    from tithe.types import Items
    from tithe.views import ViewStore

    train = read_items(args.data / "train.csv", task="choice", dedupe=True)
    names, task = {folder: name for name, folder in folders.items()}, declared_task("choice", train)
    found = []
    for seed in sorted({row["seed"] for row in rows}):
        first = set(next(row["asked"] for row in rows if row["seed"] == seed))
        gold = [label if one in first else None for one, label in zip(train.ids, train.gold or (), strict=True)]
        pool = Pool(Items(train.ids, train.texts, gold))
        ranking = rank_starts(pool, list(folders.values()), task=task, seed=seed, store=ViewStore(None))
        order = [names[one.start] for one in ranking.rows]
        played = dict.fromkeys(row["strategy"] for row in rows)
        area = {
            start: float(np.mean([curves(rows, start, one, "accuracy")[seed - rows[0]["seed"]] for one in played]))
            for start in folders
        }
        best = max(area, key=area.__getitem__)
        level = [names[one] for one in ranking.level]
        found.append({"seed": seed, "labels": len(first), "order": order, "level": level, "best": best, "areas": area})
    return found


def table(rows: list[dict[str, Any]], found: dict[str, Any]) -> str:
    """The grid as one Markdown table; means over seeds with 95 % intervals of Student's t, differences paired by seed.

    "mean" is over all budgets but that of the whole pool, where strategies have nothing left to choose.
    """
    from tithe.stats import mean_interval, paired_t

    budgets = sorted({row["labelled"] for row in rows})
    few = max(1, sum(budget < found["pool"] for budget in budgets))
    spread = len({row["seed"] for row in rows}) > 1

    def said(values: np.ndarray) -> str:
        half = mean_interval(values).high - values.mean() if spread else float("nan")
        return f"{values.mean():.3f} ± {half:.3f}"

    def against(own: np.ndarray, other: np.ndarray, same: bool) -> str:
        if same or not spread:
            return ""
        test = paired_t(own, other)
        return f"{test.gain:+.3f} [{test.low:+.3f}, {test.high:+.3f}]"

    head = ["start", "strategy", *(f"acc {budget}" for budget in budgets), "acc mean", "macro-F1 mean"]
    head += ["to baseline", "to random"]
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    strategies = list(dict.fromkeys(row["strategy"] for row in rows))
    for start, strategy in product(dict.fromkeys(row["start"] for row in rows), strategies):
        accuracy = curves(rows, start, strategy, "accuracy")
        area = accuracy[:, :few].mean(axis=1)
        macro = curves(rows, start, strategy, "f1_macro")[:, :few].mean(axis=1)
        base = curves(rows, "baseline", strategy, "accuracy")[:, :few].mean(axis=1)
        drawn = curves(rows, start, "random", "accuracy")[:, :few].mean(axis=1)
        cells = [start, strategy, *(said(column) for column in accuracy.T), said(area), said(macro)]
        cells += [against(area, base, start == "baseline"), against(area, drawn, strategy == "random")]
        lines.append(f"| {' | '.join(cells)} |")
    lines.append("")
    lines.append(f"probe on training rows alone: {found['probes']}; taken: {found['best']}")
    lines.append(f"seconds of the starts {found['seconds']}, of the rounds {found['round_seconds']}")
    right = sum(one["order"][0] == one["best"] for one in found["picks"])
    if found["picks"]:
        orders = "; ".join(f"seed {one['seed']}: {one['order']}, best {one['best']}" for one in found["picks"])
        lines.append(f"tithe starts picked the best start in {right} of {len(found['picks'])} seeds ({orders})")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
