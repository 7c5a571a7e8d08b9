"""What the trainer `sklearn` makes. It is saved as what it was fitted on, and fitted again when it is loaded."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from itertools import takewhile
from pathlib import Path
from typing import Any

import numpy as np

from tithe.errors import CacheError, ConfigError, NeedsError
from tithe.models import Start
from tithe.models.blocks import Frame
from tithe.models.links import Encoded, link_of
from tithe.models.scikit_fit import Learned, is_forest, learn
from tithe.tasks import Task
from tithe.types import Floats, Items, Label, View

_CHECKED = 64  # rows whose probabilities are saved, to see that a refit is the same
_SAME = 1e-3
_BLOCK = 16_384  # rows at a time: bounds the memory at a million


@dataclass(frozen=True, eq=False)
class SkLearnModel:
    """The result of a `SkLearn` fit; `features` (n, D), `weights` (n,) and `encoded` are what it was fitted on."""

    task: Task
    start: Start
    estimator: Any
    learned: Learned
    frame: Frame
    encoded: Encoded
    features: Floats
    weights: Floats | None
    seed: int

    @property
    def provides(self) -> frozenset[View]:
        """`proba`; of forests `committee` too."""
        return frozenset({"proba", "committee"}) if is_forest(self.estimator) else frozenset({"proba"})

    @property
    def settings(self) -> dict[str, Any]:
        """The estimator in words, the temperature where there is one, and the labels used."""
        cooled = {"temperature": round(self.learned.temperature, 4)} if self.learned.temperature else {}
        return {"estimator": " ".join(repr(self.estimator).split()), "labelled": len(self.features), **cooled}

    @cached_property
    def fingerprint(self) -> str:
        """A hash of all that the fit depends on."""
        facts = (self.task.labels, self.start.fingerprint, repr(self.estimator.get_params()), self.seed)
        state = hashlib.blake2b(repr((type(self.estimator), *facts)).encode(), digest_size=16)
        for array in (self.features, self.encoded.targets, self.encoded.seen, self.weights):
            state.update(b"" if array is None else np.ascontiguousarray(array).tobytes())
        return state.hexdigest()

    def view(self, name: View, items: Items) -> Floats:
        """`proba` (n, C), or `committee` (m, n, C) of a forest.

        Labels without an answer yet share a small probability, since no declared label is impossible.
        """
        from threadpoolctl import threadpool_limits

        if name not in self.provides:
            raise NeedsError(
                f"a model of {type(self.estimator).__name__} gives {', '.join(sorted(self.provides))}; not {name!r}"
            )
        arrays = [self.start.view(one, items) for one in self.frame.names]
        link, blocks = self.learned.link, []
        with threadpool_limits(limits=1):
            for at in range(0, len(items), _BLOCK):
                features = self.frame.features([array[at : at + _BLOCK] for array in arrays])
                if name == "proba":
                    blocks.append(self.encoded.widen(self.learned.proba(features), link))
                else:
                    members = self.learned.committee(features)
                    blocks.append(np.stack([self.encoded.widen(member, link) for member in members]))
        return np.concatenate(blocks, axis=-2)

    def decide(self, output: Floats) -> list[Label]:
        """The labels that the model would give to rows with these probabilities (n, C)."""
        return self.task.decode(output)

    def save(self, into: Path) -> None:
        """The rows that it was fitted on (as features, no texts), its settings, and some of its answers.

        Raises ConfigError for an estimator that is not scikit-learn's own, or has settings that JSON cannot hold.
        """
        import sklearn

        from tithe.models.saving import write_model

        arrays: dict[str, Any] = {
            "features": self.features,
            "targets": self.encoded.targets,
            "seen": self.encoded.seen,
            "rest": self.encoded.rest,
            "answers": self.learned.proba(self.features[:_CHECKED]),
            **{f"mean_{name}": mean for name, mean in zip(self.frame.names, self.frame.means, strict=True)},
            **({} if self.weights is None else {"weights": self.weights}),
        }
        facts = {
            "estimator": _as_json(self.estimator),
            "temperature": self.learned.temperature,
            "names": list(self.frame.names),
            "factors": list(self.frame.factors),
            "seed": self.seed,
            "sklearn": sklearn.__version__,
        }
        write_model(into, "sklearn", self.task, self.start, arrays=arrays, facts=facts)

    @classmethod
    def restore(
        cls, task: Task, start: Start, arrays: dict[str, Any], facts: dict[str, Any], estimator: Any
    ) -> SkLearnModel:
        """The model that `save` wrote, fitted again. Raises CacheError where it does not answer as it did."""
        import sklearn
        from threadpoolctl import threadpool_limits

        link, names, weights = link_of(task, "sklearn"), tuple(facts["names"]), arrays.get("weights")
        frame = Frame(names, tuple(arrays[f"mean_{name}"] for name in names), tuple(facts["factors"]))
        encoded = Encoded(arrays["targets"], arrays["seen"], arrays["rest"])
        features, seed = arrays["features"], int(facts["seed"])
        with threadpool_limits(limits=1):
            learned = learn(
                estimator,
                features,
                encoded.targets,
                link,
                weights=weights,
                seed=seed,
                temperature=facts["temperature"] or None,
            )
            answers = learned.proba(features[:_CHECKED])
        if answers.shape != arrays["answers"].shape or np.abs(answers - arrays["answers"]).max() > _SAME:
            raise CacheError(
                f"the saved model of {type(estimator).__name__} answers otherwise when it is fitted again with "
                f"scikit-learn {sklearn.__version__}; it was made with {facts['sklearn']}: install that, or train again"
            )
        return cls(task, start, estimator, learned, frame, encoded, features, weights, seed)


def _as_json(estimator: Any) -> dict[str, Any]:
    """The public path and the settings of an estimator."""
    kind = type(estimator)
    if not kind.__module__.startswith("sklearn."):
        raise ConfigError(f"a model of {kind.__module__}.{kind.__name__} cannot be saved: only scikit-learn's own can")
    public = takewhile(lambda part: not part.startswith("_"), kind.__module__.split("."))
    settings = estimator.get_params(deep=False)
    for key, value in settings.items():
        try:
            same = json.loads(json.dumps(value)) == (list(value) if isinstance(value, tuple) else value)
        except (TypeError, ValueError):
            same = False
        if not same:
            raise ConfigError(
                f"a model of {kind.__name__} with {key}={value!r} cannot be saved: a setting must be a number, a word, "
                f"or a list of those; nothing is pickled"
            )
    return {"name": ".".join([*public, kind.__name__]), "settings": settings}
