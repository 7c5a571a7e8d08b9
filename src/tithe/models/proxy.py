"""The trainer `proxy`: a fast model chooses what to label, a slow one learns from the labels."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tithe import registry
from tithe.errors import ConfigError, NeedsError
from tithe.models import Model, Start, Tell, Trainer, for_task, quiet, reads_unlabelled
from tithe.tasks import Task
from tithe.types import Examples, Items, Label, View

if TYPE_CHECKING:
    from numpy.random import Generator


class Proxy:
    """Selects with one trainer and scores, saves and serves another, as in `proxy(fast=linear, slow=finetune)`.

    Items are asked as by the fast trainer alone, and the model is that of the slow trainer alone on the same labels. It
    is fitted when it is first asked for anything, so that a round that nobody scores costs the fast fit alone.

    Source: Coleman, Yeh, Mussmann, Mirzasoleiman, Bailis, Liang, Leskovec, Zaharia 2020, Selection via Proxy: Efficient
    Data Selection for Deep Learning. Departs: the paper's proxies are smaller networks of the same kind.
    """

    def __init__(self, *, fast: str = "linear", slow: str = "finetune") -> None:
        """Takes two trainers by name. Raises ConfigError where one of them is a proxy itself."""
        self._names = (fast, slow)
        if any(registry.name_of(one) == "proxy" for one in self._names):
            raise ConfigError(f"a proxy stands between two other trainers; given fast={fast!r} and slow={slow!r}")
        self._trainers: tuple[Trainer, Trainer] = (registry.build("trainers", fast), registry.build("trainers", slow))

    def __repr__(self) -> str:
        return f"Proxy(fast={self._names[0]!r}, slow={self._names[1]!r})"

    def for_task(self, task: Task) -> Proxy:
        """The same of both trainers. Raises ConfigError where one of them is for other tasks."""
        made = Proxy(fast=self._names[0], slow=self._names[1])
        fast, slow = (
            for_task(one, task, f"the trainer {name!r}") for one, name in zip(self._trainers, self._names, strict=True)
        )
        made._trainers = (fast, slow)
        return made

    @property
    def needs_any(self) -> frozenset[View]:
        """Those of the fast trainer; `fit` refuses a start that has none for the slow one."""
        return self._trainers[0].needs_any

    @property
    def provides(self) -> frozenset[View]:
        """What strategies see: the views of the fast model."""
        return self._trainers[0].provides

    @property
    def reads_unlabelled(self) -> bool:
        """Whether one of them does."""
        return any(reads_unlabelled(one) for one in self._trainers)

    def fit(
        self,
        task: Task,
        examples: Examples,
        *,
        start: Start,
        rng: Generator,
        unlabelled: Items | None = None,
        tell: Tell = quiet,
        warm: Model | None = None,
    ) -> ProxyModel:
        """The fast model of these examples, and the slow one once it is asked.

        Raises as both trainers do, and NeedsError, before any work, where the start has no view for the slow one.
        """
        fast, slow = self._trainers
        if not slow.needs_any & start.provides:
            raise NeedsError(
                f"the slow trainer needs one of the views {', '.join(sorted(slow.needs_any))}; "
                f"the start gives {', '.join(sorted(start.provides)) or 'none'}"
            )
        own = deepcopy(rng)  # each draws as if it were alone
        learn = partial(slow.fit, task, examples, start=start, rng=own, unlabelled=unlabelled, tell=tell)
        warm = warm.proxy if isinstance(warm, ProxyModel) else warm
        model = fast.fit(task, examples, start=start, rng=rng, unlabelled=unlabelled, tell=tell, warm=warm)
        return ProxyModel(model, learn, self._names[1])


@dataclass(frozen=True, eq=False)
class ProxyModel:
    """The result of a `Proxy` fit. Strategies see `proxy`; everything else is the slow model, fitted when first needed.

    Saved it is the slow model, and loaded it is that alone.
    """

    proxy: Model
    learn: Callable[[], Model]
    slow_name: str

    @cached_property
    def slow(self) -> Model:
        """The slow model."""
        return self.learn()

    @property
    def provides(self) -> frozenset[View]:
        """The views of the slow model."""
        return self.slow.provides

    @property
    def task(self) -> Task:
        """What the labels mean."""
        return self.proxy.task

    @cached_property
    def fingerprint(self) -> str:
        """A hash of the fast model and the slow trainer: what the slow model is follows from them."""
        return hashlib.blake2b(repr((self.proxy.fingerprint, self.slow_name)).encode(), digest_size=16).hexdigest()

    @property
    def settings(self) -> dict[str, Any]:
        """What the fast fit chose, and the name of the slow trainer."""
        return self.proxy.settings | {"slow": self.slow_name}

    def view(self, name: View, items: Items) -> Any:
        """What the slow model says."""
        return self.slow.view(name, items)

    def decide(self, output: Any) -> list[Label]:
        """As the slow model does."""
        return self.slow.decide(output)

    def save(self, into: Path) -> None:
        """Writes the slow model."""
        self.slow.save(into)
