"""prior: another strategy, that has guesses to go by before there is a model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from tithe import registry
from tithe.errors import ConfigError
from tithe.pool import Pool
from tithe.strategies import Strategy
from tithe.strategies.named import strategy as named
from tithe.tasks import tasks_of
from tithe.types import Selection, View

if TYPE_CHECKING:
    from numpy.random import Generator


class Guesses(Protocol):
    """What a strategy must know of a prior: the views that its models give. `tithe.models.Prior` is all of it."""

    @property
    def provides(self) -> frozenset[View]: ...


@dataclass(frozen=True)
class FirstGuess:
    """The first batches of `WithPrior`: `select` finds the views of `prior` in the pool, as if a model gave them.

    `propose` makes that model; `spec` is the prior's name with its settings.
    """

    spec: str
    prior: Guesses
    inner: Strategy

    @property
    def needs(self) -> frozenset[View]:
        """What the strategy needs."""
        return self.inner.needs

    @property
    def cold(self) -> FirstGuess:
        """Itself."""
        return self

    def select(self, pool: Pool, n: int, rng: Generator) -> Selection:
        """What the strategy asks, with a reason that says what it went by."""
        found = self.inner.select(pool, n, rng)
        by = f"guesses of {self.spec}, no model yet" if self.needs & self.prior.provides else ""
        return Selection(found.ids, found.scores, "; ".join(filter(None, (found.reason, by))))


@dataclass(frozen=True)
class WithPrior:
    """A strategy that goes by a prior until there is a model, and then is itself; made by `prior`."""

    spec: str
    prior: Guesses
    inner: Strategy

    @property
    def needs(self) -> frozenset[View]:
        """What the strategy needs."""
        return self.inner.needs

    @property
    def tasks(self) -> frozenset[str] | None:
        """The tasks that both strategy and prior are for; None for any."""
        said = [tasks for part in (self.inner, self.prior) if (tasks := tasks_of(part)) is not None]
        return frozenset.intersection(*said) if said else None

    @property
    def cold(self) -> FirstGuess:
        """The strategy's own first batch where it has one, else the strategy itself on the prior's guesses."""
        return FirstGuess(self.spec, self.prior, self.inner.cold or self.inner)

    def select(self, pool: Pool, n: int, rng: Generator) -> Selection:
        """What the strategy asks."""
        return self.inner.select(pool, n, rng)


def prior(by: str = "names", strategy: str = "margin") -> WithPrior:
    """Another strategy with guesses to go by before there is a model, such as `prior(by=names, strategy=margin)`.

    In cold rounds the model of `by` stands in: the strategy reads its `proba`, and the labelling page shows what it
    suggests. A strategy that chooses its own first batch without a model (`auto`, `typiclust`) still does, with
    suggestions beside it.

    Raises:
        UnknownNameError: nothing has such a name.
        ConfigError: settings do not fit, or the strategy within is such a one itself.

    >>> prior(strategy="entropy").cold.needs
    frozenset({'proba'})
    """
    made, inner = registry.build("priors", by), named(strategy)
    if isinstance(inner, WithPrior):
        raise ConfigError(f"a prior stands within a prior in {strategy!r}; name a strategy such as margin")
    return WithPrior(by, made, inner)
