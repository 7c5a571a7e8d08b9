"""A plan: a grid of runs on one data set as data. `study` puts several together and reads plan files."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from tithe.errors import BudgetError, ConfigError, near
from tithe.models.starts import DEFAULT_START

REMOTE = "hf:"
"""How a path begins that is no file on this machine."""

TOML_HEAD = "# a tithe plan; run it again with: tithe simulate plan.toml --out DIR\n\n"


@dataclass(frozen=True)
class Plan:
    """Starts x trainers x strategies x seeds on one data set.

    `name` is that of the data set, by default `dataset`. Relative paths are joined to `root`, where there is one; it
    says where the files are, not what is done, so it is no part of the plan's `digest`.

    `budgets` are cumulative; a str such as "5%" is a share of the pool. Without `budgets`, `initial` and `batches` say
    the same: the last batch repeats until the pool ends. With `budget_in = "tokens"` all of them count tokens (for
    spans); each round then asks until its budget is spent, and overshoots it by one item at most.

    `format` is that of the training file, where its name does not tell, and of a test file whose name ends alike.

    Without `people` an oracle answers with the file's own labels. With `answers` people for each item all budgets count
    answers, and 5% is that share of the pool, each item answered so often; what is left over of a batch size goes
    into the next. Answers arrive `late` rounds after they were asked for. `imbalance`: see `experiment.long_tail`.
    """

    train: str
    test: str
    name: str | None = None
    root: str | None = None
    task: str = "choice"
    text: str | None = None
    label: str | None = None
    id: str | None = None
    labels: tuple[str, ...] = ()
    format: str | None = None
    header: bool = True
    columns: tuple[str, ...] = ()
    strategies: tuple[str, ...] = ("random", "auto")
    trainers: tuple[str, ...] = ("linear",)
    starts: tuple[str, ...] = (DEFAULT_START,)
    initial_strategy: str = "random"
    budgets: tuple[int | str, ...] = ()
    initial: int | str = 0
    batches: tuple[int | str, ...] = ()
    budget_in: str = "items"
    seeds: int = 10
    seed: int = 0
    subsample: float = 1.0
    embeddings: str | None = None
    test_embeddings: str | None = None
    dedupe: bool = False
    drop_leaks: bool = False
    stop: tuple[str, ...] = ()
    full: bool = True
    people: tuple[str, ...] = ()
    answers: int = 1
    late: int = 0
    imbalance: float = 1.0

    def __post_init__(self) -> None:
        for field in fields(self):  # lists from TOML or a caller become tuples, so that a plan is a value
            value = getattr(self, field.name)
            if isinstance(value, list):
                object.__setattr__(self, field.name, tuple(value))
            self._check_kind(field.name)
        for name in ("strategies", "trainers", "starts"):
            if not getattr(self, name):
                raise ConfigError(f"a plan needs at least one of its {name}; none given")
            double = {one for one in getattr(self, name) if getattr(self, name).count(one) > 1}
            if double:
                raise ConfigError(f"the {name} name {', '.join(sorted(double))} twice; give each once")
        if self.name is not None and (not self.name or "/" in self.name):
            raise ConfigError(f"a data set's name must not be empty and must be without /; given {self.name!r}")
        if self.seeds < 1:
            raise ConfigError(f"a plan needs at least one seed; given {self.seeds}")
        if not 0 < self.subsample <= 1:
            raise ConfigError(f"subsample is a share above 0 and at most 1; given {self.subsample}")
        if self.budgets and (self.initial or self.batches):
            raise ConfigError("give either budgets or initial and batches, not both")
        if not 1 <= self.imbalance < float("inf"):
            raise ConfigError(
                f"imbalance is how often the largest class holds the smallest, 1 or more; given {self.imbalance}"
            )
        if self.answers < 1 or self.late < 0:
            raise ConfigError(
                f"each item has 1 answer or more, and answers come 0 or more rounds late; "
                f"given answers {self.answers} and late {self.late}"
            )
        if self.answers > max(1, len(self.people)):
            raise ConfigError(
                f"{self.answers} answers to each item need as many people; given {len(self.people)}. "
                f'Name some, such as --people "{",".join(["noisy(accuracy=0.8)"] * self.answers)}"'
            )
        if self.budget_in not in ("items", "tokens"):
            raise ConfigError(f"budgets are in items or in tokens; given budget_in = {self.budget_in!r}")
        if self.budget_in == "tokens" and self.task != "spans":
            raise ConfigError(
                f"budgets in tokens are for spans, where labelling costs one look a token; the task is {self.task}: "
                f"leave budget_in out"
            )
        if self.batches and not self.initial:
            raise ConfigError("batches follow an initial one; give its size too, such as --initial 50")

    def _check_kind(self, name: str) -> None:
        """Raises ConfigError where a setting is of the wrong kind, as TOML allows: `seeds = "3"`."""
        value = getattr(self, name)
        declared = str(type(self).__annotations__[name])
        kinds: dict[str, tuple[type, ...]] = {"str": (str,), "int": (int,), "float": (float, int), "bool": (bool,)}
        if declared.startswith("tuple"):
            inside = declared[len("tuple[") : declared.rindex(",")].split(" | ")
            fits = isinstance(value, tuple) and all(
                isinstance(one, tuple(k for i in inside for k in kinds[i])) and not isinstance(one, bool)
                for one in value
            )
        else:
            allowed = tuple(k for kind in declared.split(" | ") if kind != "None" for k in kinds[kind])
            fits = isinstance(value, allowed) or (value is None and "None" in declared)
            fits = fits and (not isinstance(value, bool) or declared == "bool")
        if not fits:
            raise ConfigError(f"the plan's {name} must be {_in_words(declared)}; given {value!r}")

    @property
    def dataset(self) -> str:
        """The name of the data: as given, else the file's, with its folder's where the file is just `train`."""
        if self.name is not None:
            return self.name
        path = Path(self.train)
        stem = path.name.split(".")[0]
        return path.parent.name if stem in ("train", "data", "all") and path.parent.name else stem

    @property
    def parts(self) -> tuple[Plan, ...]:
        """The plans of the data sets: this one."""
        return (self,)

    @property
    def digest(self) -> str:
        """A hash of all settings but the root: a folder of results belongs to one plan, wherever its data lie."""
        settings = {name: value for name, value in asdict(self).items() if name != "root"}
        return hashlib.blake2b(json.dumps(settings, sort_keys=True).encode(), digest_size=16).hexdigest()

    def at(self, path: str) -> str:
        """Where a file of the plan is: below `root`, if there is one and the path is relative.

        >>> Plan("trec/train.csv", "trec/test.csv", root="data").at("trec/train.csv")
        'data/trec/train.csv'
        """
        if self.root is None or path.startswith(REMOTE):
            return path
        return str(Path(self.root) / path)

    def steps(self, pool: int) -> list[int]:
        """The cumulative budgets, in answers, for a pool of this many items; or in tokens, for so many tokens.

        Raises:
            BudgetError: a budget is more than the pool, or budgets do not grow.

        >>> Plan("a.csv", "b.csv", budgets=(10, "5%")).steps(1000)
        [10, 50]
        >>> Plan("a.csv", "b.csv", initial=10, batches=(20, 30)).steps(100)
        [10, 30, 60, 90, 100]
        """
        items, pool = pool, pool * self.answers
        if self.budgets:
            steps = [_count(budget, pool) for budget in self.budgets]
        elif self.initial:
            steps = [_count(self.initial, pool)]
            given = self.batches or (self.initial,)
            batches = [_count(batch, pool) for batch in given]
            if min(batches) < 1:
                few = given[batches.index(min(batches))]
                raise BudgetError(
                    f"a batch is at least 1 {self.budget_in.removesuffix('s').replace('item', 'label')}; "
                    f"given {few!r} for a pool of {pool} {self.budget_in}"
                )
            while steps[-1] < pool:
                steps.append(min(pool, steps[-1] + batches[min(len(steps) - 1, len(batches) - 1)]))
        else:
            shares = (0.01, 0.02, 0.03, 0.05, 0.07, 0.1, 0.15, 0.2)
            steps = sorted({max(2, round(items * share)) * self.answers for share in shares})
        if any(b <= a for a, b in zip([0, *steps], steps, strict=False)):
            raise BudgetError(f"budgets must grow and begin above 0; given {', '.join(map(str, steps))}")
        if steps[-1] > pool:
            many = f" with {self.answers} answers each" if self.answers > 1 else ""
            raise BudgetError(
                f"the budget of {steps[-1]} is more than the pool of {items} {self.budget_in}{many}; "
                f"give at most {pool}"
            )
        if any(b // self.answers <= a // self.answers for a, b in zip([0, *steps], steps, strict=False)):
            raise BudgetError(
                f"each budget must pay for one item more, {self.answers} answers; given {', '.join(map(str, steps))}"
            )
        return steps

    def to_toml(self) -> str:
        """The plan as TOML; `read_plan` reads it back to an equal plan."""
        return TOML_HEAD + toml_lines(asdict(self))

    @classmethod
    def from_mapping(cls, raw: Mapping[str, Any], where: str = "the plan") -> Plan:
        """A plan of these settings. Raises ConfigError for a key that there is not, or a missing one."""
        known = {field.name for field in fields(cls)}
        for key in raw:
            if key not in known:
                raise ConfigError(f"{where} has an unknown setting {key!r}; {near(key, known)}")
        missing = {"train", "test"} - raw.keys()
        if missing:
            raise ConfigError(f"{where} lacks {' and '.join(sorted(missing))}; name the files")
        return cls(**raw)


def _in_words(declared: str) -> str:
    """The type of a setting as the writer of a plan file knows it.

    >>> _in_words("tuple[int | str, ...]"), _in_words("str | None"), _in_words("bool")
    ('a list of whole numbers or words, such as ["5%"]', 'a word', 'true or false')
    """
    known = {"str": "a word", "int": "a whole number", "float": "a number", "bool": "true or false"}
    if not declared.startswith("tuple"):
        return " or ".join(known[kind] for kind in declared.split(" | ") if kind != "None")
    inside = declared[len("tuple[") : declared.rindex(",")].split(" | ")
    many = " or ".join(known[kind].removeprefix("a ") + "s" for kind in inside)
    shown = '["5%"]' if "int" in inside else '["random"]'
    return f"a list of {many}, such as {shown}"


def toml_lines(settings: Mapping[str, Any]) -> str:
    """Settings as TOML, a line each, without those that are None."""
    # JSON is TOML here, but for DEL, which TOML wants escaped.
    lines = (
        f"{name} = {json.dumps(value, ensure_ascii=False)}\n".replace("\x7f", "\\u007f")
        for name, value in settings.items()
        if value is not None
    )
    return "".join(lines)


def _count(given: int | str, pool: int) -> int:
    """A number of items, from a number or a share such as "5%"."""
    try:
        if isinstance(given, str) and given.strip().endswith("%"):
            return round(float(given.strip()[:-1]) / 100 * pool)
        return int(given)
    except (ValueError, OverflowError):
        raise BudgetError(f"cannot read the budget {given!r}; write a whole number or a share such as 5%") from None


def counts(text: str) -> tuple[int | str, ...]:
    """Budgets from a command line.

    >>> counts("48, 97,5%")
    (48, 97, '5%')
    """
    parts: Sequence[str] = [part.strip() for part in text.split(",") if part.strip()]
    return tuple(int(part) if part.isdigit() else part for part in parts)


def one_count(text: str) -> int | str:
    """A single number or share from a command line; 0 for none.

    Raises BudgetError where there are several.

    >>> one_count("5%"), one_count("")
    ('5%', 0)
    """
    found = counts(text)
    if len(found) > 1:
        raise BudgetError(f"--initial is one number; given {text}. Further batches go into --batches")
    return found[0] if found else 0
