"""`multilabel`: each item has any number of the declared labels, none included."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from tithe.errors import ConfigError, DataError, LabelError, near
from tithe.tasks import Measure, declared, refuse_doubles
from tithe.tasks.counting import Counts, count_names, ratio
from tithe.types import Item, Label

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

LEVELS = "."
"""What parts the levels of a hierarchical name, as in `cs.AI`."""


@dataclass(frozen=True)
class MultiLabel:
    """Any number of labels.

    An output is `proba` (n, L): a row per item, for each declared label the probability that it applies.

    >>> task = MultiLabel(("math", "physics", "biology"))
    >>> task.encode([frozenset({"math", "biology"}), frozenset()]).tolist()
    [[True, False, True], [False, False, False]]
    """

    labels: tuple[str, ...]
    name: str = "multilabel"

    def __post_init__(self) -> None:
        object.__setattr__(self, "labels", declared(self.labels))
        refuse_doubles(self.labels)
        if not self.labels or not all(isinstance(label, str) and label for label in self.labels):
            raise LabelError(f"a multilabel task needs at least one label, each a word; given: {list(self.labels)}")

    @cached_property
    def _columns(self) -> dict[str, int]:
        return {label: column for column, label in enumerate(self.labels)}

    def check(self, label: Label) -> frozenset[str]:
        """The set itself. Raises LabelError where one of its labels was not declared, or it is no set."""
        if isinstance(label, str) or not isinstance(label, Iterable):
            raise LabelError(
                f"{label!r} is no set of labels; give a set such as {{'a', 'b'}}, or an empty one for none"
            )
        found = frozenset(map(str, label))
        for one in sorted(found - self._columns.keys()):
            raise LabelError(f"{one!r} is not a label of this task; {near(one, self.labels)}")
        return found

    def encode(self, labels: Sequence[Label]) -> NDArray[np.bool_]:
        """(n, L) which labels apply; labels that were never declared have no column."""
        import numpy as np

        out = np.zeros((len(labels), len(self.labels)), dtype=bool)
        for row, label in enumerate(labels):
            for one in _names(label):
                if one in self._columns:
                    out[row, self._columns[one]] = True
        return out

    def decode(self, output: NDArray[np.floating[Any]]) -> list[Label]:
        """The labels with a probability of at least one half, for each row."""
        return [frozenset(self.labels[c] for c in row.nonzero()[0]) for row in output >= 0.5]

    def uncertainty(self, output: NDArray[np.floating[Any]], measure: Measure) -> NDArray[np.float64]:
        """(n,) in [0, 1], the mean over the labels of how unsure each is.

        A label's own measure is 1 - max(p, 1 - p) for least confidence, doubled to reach 1; 1 - |2p - 1| for margin,
        which is the same; the binary entropy in bits for entropy.
        """
        import numpy as np

        total = np.empty(len(output))
        for start in range(0, len(output), 65536):  # float64 for blocks, not for the whole matrix
            p = output[start : start + 65536].astype(np.float64)
            if measure == "entropy":
                q = np.clip(p, 1e-12, 1 - 1e-12)
                each = -(q * np.log2(q) + (1 - q) * np.log2(1 - q))
            elif measure in ("least_confidence", "margin"):
                each = 1.0 - np.abs(2.0 * p - 1.0)
            else:
                raise ConfigError(f"unknown measure {measure!r}; there are: least_confidence, margin, entropy")
            total[start : start + 65536] = each.mean(axis=1)
        return total

    def confidence(self, output: NDArray[np.floating[Any]], labels: Sequence[Label]) -> NDArray[np.float64]:
        """(n,) how probable each set is as a whole: of labels independent of one another, the product over all of them.

        Not the mean, which is nearly 1 whatever is guessed, since of many labels most surely do not apply. 0 for a set
        with a label that was never declared.

        >>> import numpy as np
        >>> MultiLabel(("a", "b")).confidence(np.array([[0.9, 0.2]]), [frozenset("a")]).round(2).tolist()
        [0.72]
        """
        import numpy as np

        known = np.array([_names(label) <= self._columns.keys() for label in labels], bool)
        whole = np.empty(len(output))
        for start in range(0, len(output), 65536):  # float64 for blocks, not for the whole matrix
            block = slice(start, start + 65536)
            p, applies = output[block].astype(np.float64), self.encode(labels[block])
            whole[block] = np.where(applies, p, 1.0 - p).prod(axis=1)
        return np.where(known, whole, 0.0)

    def score(
        self, truth: Sequence[Label], output: NDArray[np.floating[Any]], guess: Sequence[Label] | None = None
    ) -> dict[str, float]:
        """The metrics of rows whose true sets are `truth`; `guess` is what was decided, by default `decode(output)`.

        A true label that was never declared counts as missed. `lrap` is label-ranking average precision, `map_label`
        the mean over labels of average precision (labels that occur), `map_sample` the same over rows with a label.
        For hierarchical names (`cs.AI`), `f1_micro_level_1` and so on compare the names cut at each level.
        """
        if not len(truth) or len(truth) != len(output):
            raise DataError(f"{len(truth)} true labels and {len(output)} outputs were given; give one for each row")
        decided = self.decode(output) if guess is None else guess
        gold_sets, guess_sets = [_names(one) for one in truth], [_names(one) for one in decided]
        return {
            **self._counted(gold_sets, guess_sets),
            **self._ranked(self.encode(truth), output),
            **self._levels(gold_sets, guess_sets),
        }

    def _counted(self, truth: Sequence[frozenset[str]], guess: Sequence[frozenset[str]]) -> dict[str, float]:
        import numpy as np

        names = sorted({*self.labels, *(one for label in truth for one in label)})
        at = {name: column for column, name in enumerate(names)}
        hits, given, asked = np.zeros(len(names)), np.zeros(len(names)), np.zeros(len(names))
        for true, guessed in zip(truth, guess, strict=True):
            for into, labels in ((hits, true & guessed), (given, guessed), (asked, true)):
                for one in labels:
                    into[at[one]] += 1
        wrong = float(given.sum() + asked.sum() - 2 * hits.sum()) / (len(truth) * len(names))
        used = (given + asked) > 0
        f1 = 2 * hits[used] / (given + asked)[used]
        return {
            "f1_micro": ratio(2 * hits.sum(), given.sum() + asked.sum()),
            "f1_macro": float(f1.mean()) if used.any() else 0.0,
            "precision_micro": ratio(hits.sum(), given.sum()),
            "recall_micro": ratio(hits.sum(), asked.sum()),
            "subset_accuracy": float(np.mean([t == g for t, g in zip(truth, guess, strict=True)])),
            "hamming_loss": wrong,
            "one_minus_hamming": 1.0 - wrong,
        }

    def _ranked(self, truth: NDArray[np.bool_], output: NDArray[np.floating[Any]]) -> dict[str, float]:
        import numpy as np

        rows = _precision_of_ranking(truth, output)
        some = truth.any(axis=1)
        # A row with no label, or with all, is ranked right whatever the order.
        ranking = np.where(some & ~truth.all(axis=1), rows, 1.0)
        columns = _precision_of_ranking(truth.T, output.T)[truth.any(axis=0)]
        return {
            "lrap": float(ranking.mean()),
            "map_label": float(columns.mean()) if len(columns) else float("nan"),
            "map_sample": float(rows[some].mean()) if some.any() else float("nan"),
        }

    def _levels(self, truth: Sequence[frozenset[str]], guess: Sequence[frozenset[str]]) -> dict[str, float]:
        depth = max(label.count(LEVELS) for label in self.labels)
        out = {}
        for level in range(1, depth + 1):
            cut = [[frozenset(_cut(one, level) for one in label) for label in side] for side in (truth, guess)]
            hits = sum(len(t & g) for t, g in zip(*cut, strict=True))
            out[f"f1_micro_level_{level}"] = ratio(2 * hits, sum(len(t) + len(g) for t, g in zip(*cut, strict=True)))
        return out

    def per_class(self, truth: Sequence[Label], guess: Sequence[Label]) -> Counts:
        """For each label that occurs or is declared: items that rightly have it, that are guessed and that truly do."""
        return count_names(self.labels, truth, guess)

    def distance(self, a: Label, b: Label) -> float:
        """1 - the Jaccard similarity of the two sets; 0 for two empty ones."""
        one, other = _names(a), _names(b)
        return 1.0 - len(one & other) / len(one | other) if one | other else 0.0

    def cost(self, item: Item) -> float:
        """1: one answer an item, however many labels it has."""
        return 1.0


def _names(label: Label) -> frozenset[str]:
    if not isinstance(label, frozenset):
        raise LabelError(f"{label!r} is no set of labels; give a frozenset, empty for none")
    return label


def _precision_of_ranking(truth: NDArray[np.bool_], output: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """(n,) the average precision of each row: the mean, over the labels that apply, of the precision down to each.

    Equal scores stand or fall together, as in scikit-learn. Rows without a label get 0. Cost: O(n m log m).
    """
    import numpy as np

    order = np.argsort(-output, axis=1, kind="stable")
    scores = np.take_along_axis(np.asarray(output), order, axis=1)
    hits = np.take_along_axis(truth, order, axis=1)
    found = np.cumsum(hits, axis=1)
    # The last place of each run of equal scores, carried back over the run.
    places = np.where(np.diff(scores, axis=1, append=-np.inf) != 0, np.arange(scores.shape[1]), scores.shape[1])
    last = np.minimum.accumulate(places[:, ::-1], axis=1)[:, ::-1]
    precision = np.take_along_axis(found, last, axis=1) / (last + 1)
    return np.asarray((precision * hits).sum(axis=1) / np.maximum(hits.sum(axis=1), 1))


def _cut(name: str, level: int) -> str:
    return LEVELS.join(name.split(LEVELS)[:level])


def anls(truth: Sequence[Iterable[str]], guess: Sequence[Iterable[str]], *, threshold: float = 0.5) -> float:
    """Average normalised Levenshtein similarity of sets of names, free of order, in [0, 1].

    Names are matched one to one so that the total similarity is greatest; a similarity below `threshold` counts 0; the
    sum is divided by the size of the larger set. Two empty sets are alike.

    Source: Biten et al. 2019, Scene Text Visual Question Answering; the matching: Van Landeghem et al. 2023, Document
    Understanding Dataset and Evaluation (DUDE).

    >>> anls([["cat", "dog"]], [["dog", "cats"]])
    0.875
    """
    import numpy as np
    from scipy.optimize import linear_sum_assignment

    scores = []
    for true, guessed in zip(truth, guess, strict=True):
        a, b = sorted(set(true)), sorted(set(guessed))
        if not a or not b:
            scores.append(float(not a and not b))
            continue
        alike = np.array([[_similarity(x, y) for y in b] for x in a])
        alike[alike < threshold] = 0.0
        rows, columns = linear_sum_assignment(-alike)
        scores.append(float(alike[rows, columns].sum()) / max(len(a), len(b)))
    return float(np.mean(scores)) if scores else float("nan")


def _similarity(a: str, b: str) -> float:
    """1 - edit distance over the longer length."""
    previous = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        current = [i]
        for j, y in enumerate(b, 1):
            current.append(min(previous[j] + 1, current[j - 1] + 1, previous[j - 1] + (x != y)))
        previous = current
    return 1.0 - previous[-1] / max(len(a), len(b), 1)
