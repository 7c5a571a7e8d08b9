"""LEEP against plain loops of its definition, and heads read from real folders."""

from __future__ import annotations

import math
import sys
from pathlib import Path

import numpy as np
import pytest

from tithe import Items
from tithe.errors import ConfigError, DataError
from tithe.models.transfer.leep import head_classes, head_probabilities, leep
from tithe.rng import stream

sys.path.insert(0, str(Path(__file__).parent))
import tiny


def by_loops(source: np.ndarray, targets: np.ndarray) -> float:
    """Equations 1 and 2 of the paper, number by number."""
    n, classes = len(source), sorted(set(targets.tolist()))
    total = 0.0
    for i in range(n):
        expected = 0.0
        for z in range(source.shape[1]):
            joint = {y: sum(source[j, z] for j in range(n) if targets[j] == y) / n for y in classes}
            expected += joint[int(targets[i])] / sum(joint.values()) * source[i, z]
        total += math.log(expected)
    return total / n


@pytest.mark.parametrize(("n", "z", "c"), [(12, 3, 2), (20, 2, 5), (7, 10, 3)])
def test_leep_is_what_loops_say(n: int, z: int, c: int) -> None:
    draw = stream(0, "leep", n)
    source, targets = draw.dirichlet(np.ones(z), n), draw.integers(0, c, n)
    assert leep(source, targets) == pytest.approx(by_loops(source, targets))


def test_label_sets_are_the_mean_over_labels() -> None:
    draw = stream(1, "leep")
    source, applies = draw.dirichlet(np.ones(4), 15), draw.random((15, 3)) < 0.4
    expected = np.mean([by_loops(source, column.astype(int)) for column in applies.T])
    assert leep(source, applies) == pytest.approx(expected)


def test_a_head_that_tells_nothing_leaves_the_classes_entropy() -> None:
    targets = np.array([0, 0, 0, 1])
    entropy = 0.75 * math.log(0.75) + 0.25 * math.log(0.25)
    assert leep(np.full((4, 3), 1 / 3), targets) == pytest.approx(entropy)
    assert leep(np.eye(2)[targets], targets) == pytest.approx(0.0)


def test_shapes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(DataError, match="LEEP takes"):
        leep(np.ones((3, 2)) / 2, np.array([0, 1]))


def test_the_head_of_a_folder_is_read_and_run(tmp_path: Path) -> None:
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    folder = tiny.encoder(tmp_path / "head", labels=["one", "two", "three"])
    assert head_classes(folder) == ("one", "two", "three")
    items = Items(["a", "b"], ["where is it?", "a much longer question than the first one"])
    found = head_probabilities(folder, items)
    model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    for text, row in zip(items.texts, found, strict=True):
        with torch.inference_mode():
            alone = model(**tokenizer(text, return_tensors="pt")).logits.softmax(dim=1)[0].numpy()
        np.testing.assert_allclose(row, alone, atol=1e-5)


def test_a_bare_encoder_or_a_name_has_no_head(tmp_path: Path) -> None:
    assert head_classes(tiny.encoder(tmp_path / "bare")) == ()
    assert head_classes("bert-base-uncased") == ()


def test_a_broken_config_and_missing_weights_are_told(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("[1")
    with pytest.raises(DataError, match="cannot read"):
        head_classes(tmp_path)
    folder = tiny.encoder(tmp_path / "head", labels=["one", "two"])
    (folder / "model.safetensors").unlink()
    with pytest.raises(ConfigError, match="cannot load the start"):
        head_probabilities(folder, Items(["a"], ["b"]))
