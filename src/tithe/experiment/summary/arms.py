"""The rows of a simulation as arms: one strategy's scores as a seeds × budgets table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tithe.errors import ColumnError, DataError
from tithe.experiment.classes import COLUMNS

if TYPE_CHECKING:
    import pyarrow as pa

Table: TypeAlias = NDArray[np.float64]
Columns: TypeAlias = Mapping[str, Sequence[Any]]

FULL = "full"
"""The strategy name of a run on all labels, which sets the target of the others."""

WHO = (
    *("config", "dataset", "strategy", "trainer", "start", "seed"),
    *("round", "cold", "labelled", "cost", "people", "initial", "budget"),
)
_TOLD = ("initial", "people")  # columns whose sentence stands beside all that is said of a group
BUDGET = "budget"
"""The column of runs whose budgets are in tokens: what a round was to spend, in all."""

ITEMS = ("test_correct", "test_items", *COLUMNS)
PER_ITEM = ("accuracy", "subset_accuracy")
SECONDS = ("fit_s", "view_s", "select_s")


@dataclass(frozen=True, eq=False)
class Arm:
    """One strategy in one group; `budgets` are those that every seed has reached.

    Attributes:
        name: The strategy, with its config where a group has the strategy twice.
        seeds: S of them, rising.
        budgets: (B,) labels or tokens, rising.
        scores: (S, B) for each metric.
        seconds: (S, B) for each of fit_s, view_s, select_s.
        correct: (B, S, items) whether each test item was right; None where that was not kept.
        unfinished: Budgets that only some seeds have reached.
        ends: (S,) labels at the last round of each seed, where a stop rule may have ended it.
        last: (S,) for each metric, the score there.
    """

    name: str
    seeds: tuple[int, ...]
    budgets: Table
    scores: Mapping[str, Table]
    seconds: Mapping[str, Table]
    correct: NDArray[np.bool_] | None
    unfinished: int
    ends: Table
    last: Mapping[str, Table]

    def only(self, seeds: Sequence[int], budgets: Table) -> Arm:
        """The arm at some of its seeds and budgets."""
        rows = np.array([self.seeds.index(seed) for seed in seeds], dtype=np.int64)
        columns = np.flatnonzero(np.isin(self.budgets, budgets))
        cut = np.ix_(rows, columns)
        return Arm(
            self.name,
            tuple(seeds),
            self.budgets[columns],
            {name: table[cut] for name, table in self.scores.items()},
            {name: table[cut] for name, table in self.seconds.items()},
            None if self.correct is None else self.correct[np.ix_(columns, rows)],
            self.unfinished,
            self.ends[rows],
            {name: table[rows] for name, table in self.last.items()},
        )


@dataclass(frozen=True, eq=False)
class Group:
    """What may be compared: the arms of one data set, trainer and start, and its run on all labels.

    `people` says who answered, where it was no oracle.
    """

    dataset: str
    trainer: str
    start: str
    arms: tuple[Arm, ...]
    full: Arm | None
    people: str = ""
    unit: str = "labels"
    """What the budgets count: labels, or tokens."""

    @property
    def name(self) -> str:
        """The group in words.

        >>> Group("atis", "linear", "minilm", (), None).name
        'atis, linear on minilm'
        """
        return f"{self.dataset}, {self.trainer} on {self.start}"


def columns_of(rounds: pa.Table | Columns) -> Columns:
    """The columns as plain lists. Raises ColumnError where one of `WHO` is not there."""
    columns = rounds if isinstance(rounds, Mapping) else rounds.to_pydict()
    optional = ("cost", "round", "cold", "people", "initial", "budget")
    missing = [name for name in WHO if name not in columns and name not in optional]
    if missing:
        raise ColumnError(f"rounds lack {', '.join(missing)}; given: {', '.join(map(str, columns))}")
    return columns


def metrics_of(columns: Columns) -> list[str]:
    """The names of the columns that hold scores."""
    return [name for name in columns if name not in (*WHO, *ITEMS) and not name.endswith("_s")]


def groups_of(columns: Columns) -> list[Group]:
    """All groups, in order of their names. Each has the metrics of its own task: columns that hold only null go."""
    rows_of: dict[tuple[str, str, str], dict[tuple[str, str], list[int]]] = {}
    keys = zip(*(columns[name] for name in ("dataset", "trainer", "start", "strategy", "config")), strict=True)
    for row, (dataset, trainer, start, strategy, config) in enumerate(keys):
        group = rows_of.setdefault((str(dataset), str(trainer), str(start)), {})
        group.setdefault((str(strategy), str(config)), []).append(row)
    groups = []
    for where, by_arm in sorted(rows_of.items()):
        strategies = [strategy for strategy, _ in by_arm]
        named = {
            (strategy if strategies.count(strategy) == 1 or strategy == FULL else f"{strategy} ({config})"): rows
            for (strategy, config), rows in sorted(by_arm.items())
        }
        every = [row for rows in named.values() for row in rows]
        own = {name: column for name, column in columns.items() if any(column[row] is not None for row in every)}
        arms = {name: _arm(name, rows, own) for name, rows in named.items()}
        full = arms.pop(FULL, None)
        told = (
            next((str(said) for row in every if (said := own[of][row])), "")
            for of in ("initial", "people")
            if of in own
        )
        people = "; ".join(filter(None, told))
        groups.append(Group(*where, tuple(arms.values()), full, people, "tokens" if BUDGET in own else "labels"))
    return groups


def _arm(name: str, rows: Sequence[int], columns: Columns) -> Arm:
    """The arm of these rows."""
    seeds = sorted({int(columns["seed"][row]) for row in rows})
    # By what was meant to be spent, where that is a cost: each run overshoots it a little, by its own last item.
    spent = columns[BUDGET if BUDGET in columns else "labelled"]
    all_budgets = sorted({float(spent[row]) for row in rows})
    at = np.full((len(seeds), len(all_budgets)), -1)
    for row in rows:
        where = seeds.index(int(columns["seed"][row])), all_budgets.index(float(spent[row]))
        if at[where] >= 0:
            raise DataError(f"{name} has two rows for seed {seeds[where[0]]} at a budget of {all_budgets[where[1]]:g}")
        at[where] = row
    whole = (at >= 0).all(axis=0)
    final = at.shape[1] - 1 - (at >= 0)[:, ::-1].argmax(axis=1)
    ends = at[np.arange(len(seeds)), final]
    at = at[:, whole]
    return Arm(
        name,
        tuple(seeds),
        np.array(all_budgets)[whole],
        {metric: _table(columns[metric], at) for metric in metrics_of(columns)},
        {part: _table(columns[part], at) for part in SECONDS if part in columns},
        _correct(name, columns, at),
        int((~whole).sum()),
        np.array(all_budgets)[final],
        {metric: _table(columns[metric], ends) for metric in metrics_of(columns)},
    )


def _table(column: Sequence[Any], at: NDArray[np.int64]) -> Table:
    """(S, B) the values of a column at these rows; nan for null."""
    values = [float("nan") if column[row] is None else float(column[row]) for row in at.ravel().tolist()]
    return np.array(values, dtype=np.float64).reshape(at.shape)


def _correct(name: str, columns: Columns, at: NDArray[np.int64]) -> NDArray[np.bool_] | None:
    """(B, S, items) whether each test item was right, unpacked; None where a row lacks it."""
    packed, counts = columns.get("test_correct"), columns.get("test_items")
    per_item = next((metric for metric in PER_ITEM if metric in columns), "")  # what the bits average to
    if (
        packed is None
        or counts is None
        or per_item not in columns
        or any(packed[row] is None for row in at.ravel().tolist())
    ):
        return None
    sizes = {int(counts[row]) for row in at.ravel().tolist()}
    if len(sizes) != 1:
        return None
    items = sizes.pop()
    bits = [np.unpackbits(np.frombuffer(packed[row], dtype=np.uint8), count=items) for row in at.T.ravel().tolist()]
    correct = np.array(bits, dtype=np.bool_).reshape(at.shape[1], at.shape[0], items)
    if not np.allclose(correct.mean(axis=2).T, _table(columns[per_item], at), atol=1e-4):
        raise DataError(f"test_correct of {name} does not average to its {per_item}; the rows are damaged")
    return correct
