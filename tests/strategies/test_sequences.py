"""Strategies for spans against all legal paths written out, and against their formulas token by token."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from tithe import Pool, strategy
from tithe.errors import ConfigError
from tithe.loop.propose import check_task
from tithe.rng import stream
from tithe.strategies import sequences
from tithe.tasks.spans import Spans
from tithe.types import Span


def sentences(seed: int) -> list[np.ndarray]:
    rng = stream(seed, "sentences")
    return [rng.dirichlet(np.full(5, 0.4), int(t)) for t in rng.integers(0, 5, 14)]


def legal(path: tuple[int, ...]) -> bool:
    return all(at % 2 or not at or before in (at, at - 1) for before, at in zip((0, *path), path, strict=False))


def paths(p: np.ndarray) -> list[float]:
    """The probabilities of all legal paths of a sentence (t, 5), the largest first."""
    every = filter(legal, product(range(5), repeat=len(p)))
    return sorted((float(np.prod([p[token, tag] for token, tag in enumerate(path)])) for path in every), reverse=True)


def scored(spec: str, rows: list[np.ndarray]) -> dict[str, float]:
    """The score of each item, by id."""
    pool = Pool.from_views([f"i{n:02d}" for n in range(len(rows))], proba=rows, task=Spans(("PER", "LOC")))
    picked = strategy(spec).select(pool, len(rows), stream(0))
    assert list(picked.scores) == sorted(picked.scores, reverse=True)
    return dict(zip(picked.ids, picked.scores, strict=True))


def expected(spec: str, p: np.ndarray) -> float:
    each = -(p * np.log(np.maximum(p, 1e-300))).sum(axis=1)
    if not len(p):
        return 0.0
    if spec == "mnlp":
        return float(-np.log(paths(p)[0]) / len(p))
    if spec.startswith("n_best_entropy"):
        count = int(spec[len("n_best_entropy(paths=") : -1])
        best = np.array(paths(p)[:count])
        best = best / best.sum()
        return float(-(best * np.log(best)).sum() / np.log(count))
    return float(
        {
            "token_entropy": each.mean(),
            "token_entropy(how='total')": each.sum(),
            "token_least_confidence": (1 - p.max(axis=1)).mean(),
            "token_least_confidence(how='sum')": (1 - p.max(axis=1)).sum(),
            "token_least_confidence(how='max')": (1 - p.max(axis=1)).max(),
        }[spec]
    )


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize(
    "spec",
    [
        "mnlp",
        "token_entropy",
        "token_entropy(how='total')",
        "token_least_confidence",
        "token_least_confidence(how='sum')",
        "token_least_confidence(how='max')",
        "n_best_entropy(paths=2)",
        "n_best_entropy(paths=6)",
    ],
)
def test_scores_are_those_of_the_formula(spec: str, seed: int) -> None:
    rows = sentences(seed)
    found = scored(spec, rows)
    for number, p in enumerate(rows):
        assert found[f"i{number:02d}"] == pytest.approx(expected(spec, p), abs=1e-9)


def test_blocks_change_no_score(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = sentences(3) * 3
    for spec in ("mnlp", "n_best_entropy", "token_entropy", "margin"):
        whole = scored(spec, rows)
        with monkeypatch.context() as patch:
            patch.setattr(sequences, "block_rows", lambda width: 4)
            assert scored(spec, rows) == whole


@pytest.mark.parametrize("spec", ["token_entropy(how='most')", "token_least_confidence(how=3)", "n_best_entropy(1)"])
def test_unknown_settings_are_refused(spec: str) -> None:
    with pytest.raises(ConfigError, match="takes"):
        strategy(spec.replace("(1)", "(paths=1)"))


def test_a_matrix_of_probabilities_is_refused() -> None:
    pool = Pool.from_views(["a", "b"], proba=np.full((2, 2), 0.5))
    with pytest.raises(ConfigError, match="mnlp needs token marginals"):
        strategy("mnlp").select(pool, 1, stream(0))


@pytest.mark.parametrize("name", ["badge", "bald", "power_bald", "cal", "drop_query", "balanced_margin", "mix(lci=1)"])
def test_strategies_that_read_one_row_an_item_refuse_spans_before_any_work(name: str) -> None:
    with pytest.raises(ConfigError, match="the task is spans"):
        check_task(strategy(name), "spans")


@pytest.mark.parametrize("name", ["margin", "entropy", "least_confidence", "density", "cluster_margin", "auto"])
def test_strategies_that_leave_unsureness_to_the_task_take_tokens(name: str) -> None:
    rows, task = sentences(4), Spans(("PER", "LOC"))
    ids = [f"i{n:02d}" for n in range(len(rows))]
    labelled = {"i00": (Span(0, 1, "PER"),), "i01": (Span(0, 1, "LOC"),)}
    points = stream(0, "points").standard_normal((len(rows), 3))
    pool = Pool.from_views(ids, embeddings=points, proba=rows, labelled=labelled, task=task)
    check_task(strategy(name), "spans")
    assert len(strategy(name).select(pool, 5, stream(0)).ids) == 5


def test_auto_hands_over_to_mnlp() -> None:
    rows, task = sentences(5), Spans(("PER", "LOC"))
    ids = [f"i{n:02d}" for n in range(len(rows))]
    pool = Pool.from_views(ids, embeddings=np.eye(len(rows)), proba=rows, labelled={"i00": ()}, task=task)
    found = strategy("auto(share=0)").select(pool, 4, stream(0))
    assert found.ids == strategy("mnlp").select(pool, 4, stream(0)).ids
