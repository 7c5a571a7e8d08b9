"""`choice`: each item has exactly one of the declared labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from tithe.errors import LabelError, near
from tithe.tasks import Measure, declared, refuse_doubles
from tithe.tasks.counting import Counts, count_names
from tithe.types import Item, Label

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Choice:
    """One label of many.

    An output is `proba` (n, C): a row per item, a column per declared label, rows adding up to 1.

    >>> task = Choice(("ham", "spam"))
    >>> task.encode(["spam", "ham", "eggs"]).tolist()
    [1, 0, -1]
    """

    labels: tuple[str, ...]
    name: str = "choice"

    def __post_init__(self) -> None:
        object.__setattr__(self, "labels", declared(self.labels))
        if bad := [label for label in self.labels if not isinstance(label, str) or not label]:
            raise LabelError(f"a label must be a non-empty string; given {bad[0]!r}")
        refuse_doubles(self.labels)
        if len(self.labels) < 2:
            given = ", ".join(map(repr, self.labels)) or "none"
            raise LabelError(f"a choice needs at least two labels; given: {given}. Declare them with --labels a,b,c")

    @cached_property
    def _columns(self) -> dict[str, int]:
        return {label: column for column, label in enumerate(self.labels)}

    def check(self, label: Label) -> str:
        """The label itself. Raises LabelError where it was not declared."""
        if not isinstance(label, str) or label not in self._columns:
            raise LabelError(f"{label!r} is not a label of this task; {near(str(label), self.labels)}")
        return label

    def encode(self, labels: Sequence[Label]) -> NDArray[np.int64]:
        """(n,) columns; -1 for a label that was never declared."""
        import numpy as np

        return np.fromiter((self._columns.get(str(label), -1) for label in labels), np.int64, len(labels))

    def decode(self, output: NDArray[np.floating[Any]]) -> list[Label]:
        """The most probable label of each row."""
        return [self.labels[column] for column in output.argmax(axis=1)]

    def uncertainty(self, output: NDArray[np.floating[Any]], measure: Measure) -> NDArray[np.float64]:
        """(n,) in [0, 1]: 1 - p1, 1 - (p1 - p2), or the entropy over log C.

        Source: Settles 2009, Active Learning Literature Survey, section 3.1.
        """
        import numpy as np

        if measure == "least_confidence":
            best: NDArray[np.float64] = output.max(axis=1).astype(np.float64)
            return 1.0 - best
        if measure == "margin":
            top: NDArray[np.float64] = np.partition(output, -2, axis=1)[:, -2:].astype(np.float64)
            return 1.0 - (top[:, 1] - top[:, 0])
        if measure == "entropy":
            total: NDArray[np.float64] = np.empty(len(output))
            for start in range(0, len(output), 65536):  # float64 logs of blocks, not of the whole matrix
                block = output[start : start + 65536].astype(np.float64)
                total[start : start + 65536] = -(block * np.log(np.maximum(block, 1e-300))).sum(axis=1)
            total /= np.log(output.shape[1])
            return total
        raise LabelError(f"unknown measure {measure!r}; there are: least_confidence, margin, entropy")

    def confidence(self, output: NDArray[np.floating[Any]], labels: Sequence[Label]) -> NDArray[np.float64]:
        """(n,) the probability of each label in its row; 0 for one that was never declared.

        >>> import numpy as np
        >>> Choice(("a", "b")).confidence(np.array([[0.25, 0.75], [0.25, 0.75]]), ["b", "a"]).tolist()
        [0.75, 0.25]
        """
        import numpy as np

        columns = self.encode(labels)
        likely = output[np.arange(len(columns)), columns].astype(np.float64)
        return np.where(columns < 0, 0.0, likely)

    def score(
        self, truth: Sequence[Label], output: NDArray[np.floating[Any]], guess: Sequence[Label] | None = None
    ) -> dict[str, float]:
        """Accuracy, F1, precision, recall and AUC. A true label that was never declared counts as wrong.

        Macro averages run over all labels that occur in the truth or the guesses; `auc` is one-vs-rest, averaged over
        the declared labels that some but not all of the truth has (nan where there is none).
        """
        import numpy as np
        from sklearn.metrics import precision_recall_fscore_support, roc_auc_score

        if not len(truth) or len(truth) != len(output):
            raise LabelError(f"a score needs one output row for each true label; given {len(output)} and {len(truth)}")
        gold = [str(label) for label in truth]
        decided = [str(label) for label in (self.decode(output) if guess is None else guess)]
        codes = self.encode(truth)
        areas = [
            float(roc_auc_score(codes == column, output[:, column]))
            for column in range(len(self.labels))
            if 0 < (codes == column).sum() < len(codes)
        ]
        macro = precision_recall_fscore_support(gold, decided, average="macro", zero_division=0.0)
        averages = {
            f"f1_{how}": float(precision_recall_fscore_support(gold, decided, average=how, zero_division=0.0)[2])
            for how in ("micro", "weighted")
        }
        return {
            "accuracy": float(np.mean([g == t for g, t in zip(decided, gold, strict=True)])),
            "f1_macro": float(macro[2]),
            **averages,
            "precision_macro": float(macro[0]),
            "recall_macro": float(macro[1]),
            "auc": float(np.mean(areas)) if areas else float("nan"),
        }

    def per_class(self, truth: Sequence[Label], guess: Sequence[Label]) -> Counts:
        """For each label that occurs or is declared: items that rightly have it, that are guessed and that truly do."""
        return count_names(self.labels, truth, guess)

    def distance(self, a: Label, b: Label) -> float:
        """0 where the labels are the same, else 1."""
        return float(a != b)

    def cost(self, item: Item) -> float:
        """1: a choice costs one answer whatever the item."""
        return 1.0
