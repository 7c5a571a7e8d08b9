"""What a person may set on the page, checked before it holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from tithe.errors import ConfigError, DataError, TitheError, near
from tithe.loop.propose import Recipe, check_task, strategy_of, trainer_of
from tithe.models.lexical import Lexical
from tithe.models.starts import DEFAULT_START, makers
from tithe.registry import name_of
from tithe.service.guidelines import LONGEST
from tithe.store.rows import storable
from tithe.tasks import Task

RESERVED = frozenset(
    {"Enter", "Space", "Tab", "Escape", "Backspace", "Delete", "?", "/", "c", "f", "g", "l", "n", "r", "s", "x"}
)
"""Keys that mean something on the labelling page and can be no label's."""


NONE = "none"
"""What the setting `slow` says where there is no slow trainer."""


@dataclass(frozen=True)
class Settings:
    """How a project learns and how its page behaves.

    `threshold` hides suggestions of less confidence (`Task.confidence`); `diversity` is the share of each batch that
    k-center chooses beside the strategy; `audit` the share of the questions that are audit items; `budget` the labels
    after which no question comes; `slots` how many people answer each item; `per_label_s` the seconds that a label is
    taken to cost (None: as measured); `serving` a version that suggestions come from in place of the latest. `slow` is
    the trainer that learns beside `trainer` and asks once it is better, or "none".
    """

    strategy: str = "auto"
    trainer: str = "linear"
    start: str = DEFAULT_START
    initial: str = "random"
    suggestions: bool = True
    threshold: float = 0.5
    diversity: float = 0.0
    audit: float = 0.1
    budget: int | None = None
    refit_every: int = 5
    overlap: bool = False
    guidelines: str = ""
    keys: Mapping[str, str] = field(default_factory=dict)
    seed: int = 0
    slots: int = 1
    per_label_s: float | None = None
    serving: int | None = None
    slow: str = NONE

    @classmethod
    def of_new(cls, task: Task) -> Settings:
        """The settings of a new project.

        A choice that is more likely wrong than right is hidden. A set or spans are shown however sure: most of their
        parts are right long before all are, and the rest is corrected on the page.
        """
        return cls(threshold=cls.threshold if task.name == "choice" else 0.0)

    @classmethod
    def of(cls, said: Mapping[str, Any]) -> Settings:
        """The settings that a project keeps; what this version does not know is left alone."""
        known = {one.name for one in fields(cls)}
        return cls(**{name: value for name, value in said.items() if name in known})

    def changed(self, changes: Mapping[str, Any], task: Task) -> Settings:
        """These settings with some replaced. Raises ConfigError, whose message begins with the name of the field."""
        known = [one.name for one in fields(self)]
        for name in changes:
            if name not in known:
                raise ConfigError(f"{name}: there is no such setting; {near(name, known)}")
        for name, value in changes.items():
            _check(name, value)
        new = replace(self, **changes)
        for name in changes:
            new._check_parts(name, task)
        return new

    @property
    def recipe(self) -> Recipe:
        """How it learns, as `propose` takes it."""
        strategy = self.strategy
        if self.diversity:
            strategy = f"mix({self.strategy}={1 - self.diversity:g}, k_center={self.diversity:g})"
        if self.diversity == 1:
            strategy = "k_center"
        return Recipe.kept(
            start=self.start,
            trainer=self.trainer,
            strategy=strategy,
            initial_strategy=self.initial,
            slow=None if self.slow == NONE else self.slow,
        )

    def json(self) -> dict[str, Any]:
        """All of them, as JSON."""
        return asdict(self) | {"keys": dict(self.keys)}

    def _check_parts(self, name: str, task: Task) -> None:
        try:
            if name == "keys":
                _check_keys(self.keys, task)
            if name in ("strategy", "diversity") and 0 < self.diversity < 1 and "(" in self.strategy:
                raise ConfigError(
                    f"{self.strategy!r} is written out, and cannot be mixed with diversity as well; "
                    f"set diversity to 0, or write all of it as mix(...)"
                )
            if name in ("strategy", "diversity", "trainer", "slow", "start"):
                self._check_speeds(task)
            if name in ("strategy", "diversity", "initial", "trainer", "start"):
                check_task(strategy_of(self.recipe.strategy), task.name, f"the strategy {self.recipe.strategy!r}")
                check_task(strategy_of(self.initial), task.name, f"the strategy {self.initial!r}")
                trainer_of(self.trainer, task)
                makers(self.start)
        except TitheError as error:
            raise ConfigError(f"{name}: {error}") from None

    def _check_speeds(self, task: Task) -> None:
        """Raises ConfigError for a slow trainer that is none or blind to the strategy, or without an encoder."""
        recipe = self.recipe
        for spec in [self.trainer] if recipe.slow is None else [self.trainer, self.slow]:
            blind = all(isinstance(maker, Lexical) for _, maker in makers(self.start))
            if blind and trainer_of(spec, task).needs_any == {"pieces"}:
                raise ConfigError(
                    f"{spec!r} trains an encoder, and the start {self.start!r} has none; take minilm+lexical, or "
                    f"another trainer"
                )
        for name in (self.trainer, self.slow):
            if name_of(name) == "proxy":
                raise ConfigError("a proxy is for simulations; here, name its fast trainer and its slow one")
        if recipe.slow is None:
            return
        if recipe.slow == recipe.trainer:
            raise ConfigError(f"{recipe.slow!r} is the fast trainer already; name another one, or {NONE}")
        fast, slow = trainer_of(recipe.trainer, task), trainer_of(recipe.slow, task)
        lost = strategy_of(recipe.strategy).needs & fast.provides - slow.provides
        if lost:
            raise ConfigError(
                f"the strategy {recipe.strategy!r} reads the view {', '.join(sorted(lost))}, which models of "
                f"{recipe.slow!r} do not give; choose another strategy, or another slow trainer"
            )


def _check(name: str, value: object) -> None:
    """Raises ConfigError where a value cannot be that of this field, whatever the others are."""
    good, form = _FORMS[name]
    if not good(value):
        raise ConfigError(f"{name}: must be {form}; given {value!r:.80}")
    try:
        storable(value if isinstance(value, str) else "")
    except DataError as error:  # no page could show it, not even the one on which to mend it
        raise ConfigError(f"{name}: {error}") from None


def _is_number(value: object, low: float, high: float) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high


def _is_count(value: object, low: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and low <= value <= 10**9


def _is_name(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= 300


_SHARE = (lambda value: _is_number(value, 0, 1), "a number from 0 to 1")
_NAME = (_is_name, "a name")
_FLAG = (lambda value: isinstance(value, bool), "true or false")
_FORMS: dict[str, Any] = {
    "strategy": _NAME,
    "trainer": _NAME,
    "slow": _NAME,
    "start": _NAME,
    "initial": _NAME,
    "suggestions": _FLAG,
    "threshold": _SHARE,
    "diversity": _SHARE,
    "audit": _SHARE,
    "budget": (lambda value: value is None or _is_count(value, 1), "a number of labels, 1 or more, or null"),
    "refit_every": (lambda value: _is_count(value, 1), "a number of answers, 1 or more"),
    "overlap": _FLAG,
    "guidelines": (lambda value: isinstance(value, str) and len(value) <= LONGEST, f"text of up to {LONGEST:,}"),
    "keys": (lambda value: isinstance(value, Mapping), 'an object such as {"label": "key"}'),
    "seed": (lambda value: _is_count(value, 0), "a whole number, 0 or more"),
    "slots": (lambda value: _is_count(value, 1) and value <= 100, "a number of people, 1 to 100"),
    "per_label_s": (lambda value: value is None or (_is_number(value, 0, 1e7) and value > 0), "seconds, or null"),
    "serving": (lambda value: value is None or _is_count(value, 0), "the number of a version, or null"),
}


def _check_keys(keys: Mapping[str, str], task: Task) -> None:
    """Raises ConfigError where a key belongs to two labels, to the page, or to no label."""
    owner: dict[str, str] = {}
    for label, key in keys.items():
        if label not in task.labels:
            raise ConfigError(f"there is no label {label!r}; {near(label, task.labels)}")
        if not isinstance(key, str) or len(key) != 1 or key.isspace() or not key.isprintable():
            raise ConfigError(f"the key of {label!r} must be one character that can be typed; given {key!r:.20}")
        if key.lower() in RESERVED:
            raise ConfigError(f"the key {key!r} of {label!r} is taken by the page itself; choose another")
        if key.lower() in owner:
            raise ConfigError(f"the key {key!r} stands for {owner[key.lower()]!r} and for {label!r}; give each its own")
        owner[key.lower()] = label
