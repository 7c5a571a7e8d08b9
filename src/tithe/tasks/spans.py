"""`spans`: each item has any number of labelled stretches of its text, none included."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from tithe.errors import DataError, LabelError, near
from tithe.ragged import Ragged
from tithe.tasks import Measure, declared, refuse_doubles
from tithe.tasks.entities import entity_scores, overlap
from tithe.tasks.tags import fit_spans
from tithe.tokens import places, tokens_of
from tithe.types import Item, Items, Label, Span

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FLOOR = 1e-30
"""The least probability that a logarithm is taken of, so that every legal path has one."""


@dataclass(frozen=True)
class Spans:
    """Labelled spans, in code points, end exclusive; tokens are a view of them.

    An output is `proba`: a `Ragged` of (T, C) token marginals with `places`, a column for each of `tags`, rows adding
    up to 1. With `overlaps=False` a label whose spans overlap is refused; else it is taken, and tags hold the longer
    of two that do (see `tag`).

    >>> task = Spans(("PER", "LOC"))
    >>> task.tags
    ('O', 'B-PER', 'I-PER', 'B-LOC', 'I-LOC')
    >>> task.encode([(Span(0, 2, "LOC"),), ()]).tolist()
    [[False, True], [False, False]]
    """

    labels: tuple[str, ...]
    name: str = "spans"
    overlaps: bool = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "labels", declared(self.labels))
        refuse_doubles(self.labels)
        if not self.labels or not all(isinstance(label, str) and label for label in self.labels):
            raise LabelError(f"a spans task needs at least one label, each a word; given: {list(self.labels)}")

    @cached_property
    def tags(self) -> tuple[str, ...]:
        """(C,) the columns of an output: O, then B and I of each label."""
        return ("O", *(f"{letter}-{label}" for label in self.labels for letter in "BI"))

    @cached_property
    def _columns(self) -> dict[str, int]:
        return {label: column for column, label in enumerate(self.labels)}

    def check(self, label: Label) -> tuple[Span, ...]:
        """The spans in their own form, ascending; triples (start, end, label) are taken for spans.

        Whether an offset lies inside the text is not known here. Raises LabelError for a label that was not declared,
        a span without length, one that is given twice and, with `overlaps=False`, two that overlap.
        """
        if isinstance(label, str | frozenset | set) or not isinstance(label, Iterable):
            raise LabelError(
                f"{label!r} is no tuple of spans; give one such as (Span(0, 5, 'PER'),), or () where there is none"
            )
        found = sorted(_span(one) for one in label)
        for span in found:
            if span.label not in self._columns:
                raise LabelError(f"{span.label!r} is not a label of this task; {near(span.label, self.labels)}")
        for one, other in pairwise(found):
            if one == other:
                raise LabelError(f"the span {tuple(one)} is given twice; give each once")
        if not self.overlaps and (pair := _overlapping(found)):
            raise LabelError(
                f"the spans {tuple(pair[0])} and {tuple(pair[1])} overlap, which this task refuses; leave one out"
            )
        return tuple(found)

    def encode(self, labels: Sequence[Label]) -> NDArray[np.bool_]:
        """(n, L) which labels occur in each item; labels that were never declared have no column."""
        import numpy as np

        out = np.zeros((len(labels), len(self.labels)), dtype=bool)
        for row, label in enumerate(labels):
            for span in spans_in(label):
                if span.label in self._columns:
                    out[row, self._columns[span.label]] = True
        return out

    def tag(self, labels: Sequence[Label], places: Ragged) -> Ragged:
        """The columns of `tags` for each token: ragged rows of (t,) int64; -1 for a label that was never declared.

        A span that begins or ends inside a token is widened to it; of two that overlap the longer one stays; one that
        covers no token is lost. `tithe.tasks.tags.fit_spans` counts them.

        Args:
            places: ragged rows with places, such as `tithe.tokens.places(items)` or an output.
        """
        import numpy as np

        where = _places(places)
        if len(labels) != len(places):
            raise DataError(f"{len(labels)} labels and the tokens of {len(places)} items were given; give one for each")
        columns = np.zeros(len(where), dtype=np.int64)
        for row, label in enumerate(labels):
            if not spans_in(label):
                continue
            begin, end = places.splits[row : row + 2].tolist()
            tokens = [(a, b) for a, b in where[begin:end].tolist()]
            for first, last, name in fit_spans(tuple(tokens), spans_in(label), "expand").ranges:
                column = self._columns.get(name)
                inside, start = (-1, -1) if column is None else (2 + 2 * column, 1 + 2 * column)
                columns[begin + first : begin + last + 1] = inside
                columns[begin + first] = start
        return places.with_values(columns)

    def tags_in(self, labels: Sequence[Label], items: Items) -> frozenset[str]:
        """The tags that these labels give the tokens of their items; it stops looking once there are two.

        >>> sorted(Spans(("PER",)).tags_in([(), (Span(0, 3, "PER"),)], Items(["1", "2"], ["so", "Zoë"])))
        ['B-PER', 'O']
        """
        found: set[str] = set()
        for item, label in zip(items, labels, strict=True):
            tokens = tokens_of(item)
            ranges = fit_spans(tokens, spans_in(label), "expand").ranges
            found |= {f"B-{name}" for _, _, name in ranges} | {f"I-{name}" for a, b, name in ranges if b > a}
            if sum(b + 1 - a for a, b, _ in ranges) < len(tokens):
                found.add("O")
            if len(found) > 1:
                break
        return frozenset(found)

    def silent(self, items: Items) -> Ragged:
        """The output that is sure of O for every token of these items: a guess of no entity at all."""
        import numpy as np

        where = places(items)
        values = np.zeros((len(where.values), len(self.tags)), np.float32)
        values[:, 0] = 1.0
        return where.with_values(values)

    def decode(self, output: Any) -> list[Label]:
        """The spans of the most probable legal path of each item, its tokens being independent."""
        from tithe.tasks.paths import best_paths

        return self.spans_of(best_paths(logs(output))[0])

    def spans_of(self, path: Ragged) -> list[Label]:
        """The spans that legal paths of columns (T,) say, a tuple for each item. Raises DataError without places."""
        import numpy as np

        where, columns = _places(path), path.values
        starts = np.flatnonzero(columns % 2 == 1)
        # An entity ends before the next token that is no I; a legal row begins with none.
        others = np.append(np.flatnonzero((columns == 0) | (columns % 2 == 1)), len(columns))
        ends = others[np.searchsorted(others, starts, side="right")] - 1
        rows = np.searchsorted(path.splits, starts, side="right") - 1
        found: list[list[Span]] = [[] for _ in range(len(path))]
        for row, start, end, column in zip(
            rows.tolist(),
            where[starts, 0].tolist(),
            where[ends, 1].tolist(),
            (columns[starts] // 2).tolist(),
            strict=True,
        ):
            found[row].append(Span(start, end, self.labels[column]))
        return [tuple(row) for row in found]

    def uncertainty(self, output: Any, measure: Measure) -> NDArray[np.float64]:
        """(n,) in [0, 1], the mean over the tokens of how unsure each is: 0 for an item without tokens.

        A token's own measure is that of a choice among the columns of `tags`. Being a mean, it does not grow with the
        length of a sentence; `token_entropy(how="total")` and others do.
        """
        from tithe.tasks.choice import Choice

        return _ragged(output).mean(Choice(self.tags).uncertainty(_ragged(output).values, measure))

    def confidence(self, output: Any, labels: Sequence[Label]) -> NDArray[np.float64]:
        """(n,) how probable it is that the spans of each item are all right and none is missing.

        The tokens of a span stand or fall together, so a span is as sure as the least sure of its tags; spans and
        tokens outside of any are taken as independent, and multiply. That is better calibrated than the product over
        all tokens (`bench/confidence.py`). An item without tokens has 1, one with an undeclared label 0.

        >>> import numpy as np
        >>> tokens = np.array([[0.1, 0.8, 0.1], [0.2, 0.1, 0.7], [0.9, 0.1, 0.0]])
        >>> rows = Ragged.of([tokens], [np.array([(0, 2), (3, 5), (6, 8)])])
        >>> Spans(("PER",)).confidence(rows, [(Span(0, 5, "PER"),)]).round(2).tolist()
        [0.63]
        """
        import numpy as np

        rows = _ragged(output)
        tags, likely = self._likely(rows, labels)
        begins = (tags <= 0) | (tags % 2 == 1)  # O, undeclared or B: not the inside of what began before
        firsts = np.flatnonzero(begins)
        logs = np.zeros(len(tags))
        if len(firsts):
            logs[firsts] = np.log(np.maximum(np.minimum.reduceat(likely, firsts), FLOOR))
        sure = np.exp(rows.reduce(np.add, logs))
        return np.where(rows.reduce(np.minimum, likely, empty=1.0) > 0, sure, 0.0)

    def span_confidence(self, output: Any, labels: Sequence[Label]) -> list[list[float]]:
        """For each item how probable each of its spans is, with just these ends: as sure as the least sure of its tags.

        That the next token goes on with it counts against its end. Two spans of one item stand in their order.

        >>> import numpy as np
        >>> tokens = np.array([[0.1, 0.8, 0.1], [0.2, 0.1, 0.7], [0.3, 0.1, 0.6]])
        >>> rows = Ragged.of([tokens], [np.array([(0, 2), (3, 5), (6, 8)])])
        >>> Spans(("PER",)).span_confidence(rows, [(Span(0, 5, "PER"),)])
        [[0.4]]
        """
        import numpy as np

        rows = _ragged(output)
        where, found = _places(rows), list[list[float]]()
        for row, label in enumerate(labels):
            first, end = rows.splits[row : row + 2].tolist()
            values, places = rows.values[first:end].astype(np.float64), where[first:end]
            found.append([self._whole(values, places, span) for span in spans_in(label)])
        return found

    def _whole(self, values: NDArray[np.float64], places: NDArray[np.int64], span: Span) -> float:
        inside = ((places[:, 0] < span.end) & (places[:, 1] > span.start)).nonzero()[0]
        column = self._columns.get(span.label)
        if column is None or not len(inside):
            return 0.0
        begin, more = 1 + 2 * column, 2 + 2 * column
        after = inside[-1] + 1
        ends = 1.0 - values[after, more] if after < len(values) else 1.0
        return float(min(values[inside[0], begin], ends, *values[inside[1:], more]))

    def _likely(self, rows: Ragged, labels: Sequence[Label]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """(T,) the tag that labels give each token, -1 for an undeclared one, and its probability, 0 for that."""
        import numpy as np

        tags = self.tag(labels, rows).values
        likely = rows.values[np.arange(len(tags)), tags].astype(np.float64)
        return tags, np.where(tags < 0, 0.0, likely)

    def score(self, truth: Sequence[Label], output: Any, guess: Sequence[Label] | None = None) -> dict[str, float]:
        """Entity F1, precision and recall, the F1 of overlapping entities, and the share of tokens tagged right.

        `entity_*` count a guess as right where start, end and label are those of a true span, summed over all items
        (seqeval's micro average, CoNLL's evaluation); 0 where there is nothing to count. `entity_f1_overlap` asks for
        the same label and any overlap, each span matched with one other at most, as many as can be. `token_accuracy`
        compares IOB2 tags on the tokens of the output (nan without tokens). True spans that no token can hold, or whose
        label was never declared, count as missed. `guess` is what was decided, by default `decode(output)`.
        """
        if not len(truth) or len(truth) != len(output):
            raise DataError(f"{len(truth)} true labels and {len(output)} outputs were given; give one for each row")
        decided = [spans_in(one) for one in (self.decode(output) if guess is None else guess)]
        gold = [spans_in(one) for one in truth]
        return {**entity_scores(gold, decided), "token_accuracy": self._token_accuracy(gold, decided, output)}

    def _token_accuracy(self, truth: Sequence[Label], guess: Sequence[Label], output: Any) -> float:
        import numpy as np

        true, guessed = self.tag(truth, _ragged(output)).values, self.tag(guess, _ragged(output)).values
        right = (true == guessed) & (true >= 0)
        return float(np.mean(right)) if len(right) else float("nan")

    def per_class(self, truth: Sequence[Label], guess: Sequence[Label]) -> dict[str, tuple[int, int, int]]:
        """For each label that occurs or is declared: spans that are exactly right, spans guessed, true spans."""
        names = list(self.labels)
        names += sorted({s.label for side in (truth, guess) for one in side for s in spans_in(one)} - {*names})
        counts = {name: [0, 0, 0] for name in names}
        for true, guessed in zip(truth, guess, strict=True):
            a, b = set(spans_in(true)), set(spans_in(guessed))
            for at, side in enumerate((a & b, b, a)):
                for span in side:
                    counts[span.label][at] += 1
        return {name: (hits, given, right) for name, (hits, given, right) in counts.items()}

    def distance(self, a: Label, b: Label) -> float:
        """1 - the F1 of the spans that are exactly alike; 0 for two without any."""
        one, other = set(spans_in(a)), set(spans_in(b))
        return 1.0 - 2 * len(one & other) / (len(one) + len(other)) if one or other else 0.0

    def cost(self, item: Item) -> float:
        """The number of tokens, at least 1: those of the item's file, else those of `tithe.tokens.tokenise`."""
        return float(max(1, len(tokens_of(item))))


def spans_in(label: Label) -> tuple[Span, ...]:
    """The spans of a label of this task. Raises LabelError where it is one of another task."""
    if not isinstance(label, tuple):
        raise LabelError(f"{label!r} is no tuple of spans; give one such as (Span(0, 5, 'PER'),), or ()")
    return label


def logs(output: Any) -> Ragged:
    """The logarithms of an output, as float64; a probability below 1e-30 counts as that."""
    import numpy as np

    ragged = _ragged(output)
    return ragged.with_values(np.log(np.maximum(ragged.values.astype(np.float64), FLOOR)))


def _ragged(output: Any) -> Ragged:
    if not isinstance(output, Ragged):
        raise DataError(f"an output of a spans task is Ragged, rows of (t, C) token marginals; given {type(output)}")
    return output


def _places(rows: Ragged) -> NDArray[np.int64]:
    if rows.places is None:
        raise DataError("these tokens have no places in the text; give Ragged(values, splits, places=...)")
    return rows.places


def _span(one: object) -> Span:
    if isinstance(one, tuple | list) and len(one) == 3:
        start, end, label = one
        whole = all(isinstance(at, int) and not isinstance(at, bool) for at in (start, end))
        if whole and 0 <= start < end and isinstance(label, str):
            return Span(start, end, label)
    raise LabelError(f"{one!r} is no span; give Span(start, end, label) in code points with 0 <= start < end")


def _overlapping(spans: Sequence[Span]) -> tuple[Span, Span] | None:
    """The first two of ascending spans that overlap."""
    return next((pair for pair in pairwise(spans) if overlap(*pair)), None)
