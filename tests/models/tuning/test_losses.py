"""Each loss against torch's own or a plain-loop rewrite of its paper; slopes, leading axes, padding, bad names."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch.nn import functional

from tithe.errors import ConfigError, UnknownNameError
from tithe.models.tuning.losses import LOSSES, build
from tithe.rng import stream

ROWS, LABELS = 7, 5
SETS = ("bce", "two_way", "two_way(tp=1, tn=2)", "asymmetric", "asymmetric(gamma_neg=2, gamma_pos=0, clip=0)")
SETS = (*SETS, "asymmetric(gamma_neg=0.5, gamma_pos=0.5)", "focal", "focal(gamma=0.5)")
ONES = ("cross_entropy", "focal", "focal(gamma=0.5)")
ALL = [(spec, "set") for spec in SETS] + [(spec, "one") for spec in ONES]


def made(kind: str, *, rows: int = ROWS, lead: tuple[int, ...] = (), name: str = "losses"):
    """Logits, targets and weights of segments, in float64; the first segment of a set has no label."""
    rng = stream(5, name, kind, rows)
    logits = torch.from_numpy(2 * rng.standard_normal((*lead, rows, LABELS)))
    weights = torch.from_numpy(rng.uniform(0.2, 1.0, (*lead, rows)))
    if kind == "one":
        return logits, torch.from_numpy(rng.integers(LABELS, size=(*lead, rows))), weights
    targets = rng.random((*lead, rows, LABELS)) < 0.4
    targets[..., 0, :] = False
    targets[..., 1, :3] = True
    return logits, torch.from_numpy(targets.astype(np.float64)), weights


def ones(weights: torch.Tensor) -> torch.Tensor:
    return torch.ones_like(weights)


# --- against others -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("weighted", [False, True])
def test_cross_entropy_is_torchs(smoothing: float, weighted: bool) -> None:
    logits, targets, weights = made("one")
    shares = torch.tensor([0.5, 2.0, 1.0, 3.0, 0.1], dtype=torch.float64) if weighted else None
    loss = build("cross_entropy", "one", class_weights=shares, smoothing=smoothing)
    each = functional.cross_entropy(logits, targets, weight=shares, label_smoothing=smoothing, reduction="none")
    assert loss(logits, targets, weights).item() == pytest.approx(np.average(each, weights=weights), rel=1e-12)
    if not weighted:
        mean = functional.cross_entropy(logits, targets, label_smoothing=smoothing)
        assert loss(logits, targets, ones(weights)).item() == pytest.approx(mean.item(), rel=1e-12)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("weighted", [False, True])
def test_bce_is_torchs(smoothing: float, weighted: bool) -> None:
    logits, targets, weights = made("set")
    shares = torch.tensor([0.5, 2.0, 1.0, 3.0, 0.1], dtype=torch.float64) if weighted else None
    soft = torch.from_numpy(np.where(targets > 0, 1 - smoothing / 2, smoothing / 2))
    terms = functional.binary_cross_entropy_with_logits(logits, soft, weight=shares, reduction="none")
    given = build("bce", "set", class_weights=shares, smoothing=smoothing)(logits, targets, weights)
    assert given.item() == pytest.approx(np.average(terms.mean(dim=1), weights=weights), rel=1e-12)


def two_way_by_hand(x: np.ndarray, y: np.ndarray, tp: float, tn: float) -> float:
    """The loss of Kobayashi 2023, in loops."""
    total = 0.0
    for scores, truth in ((x, y), (x.T, y.T)):
        found = []
        for row, own in zip(scores, truth, strict=True):
            if own.sum() == 0:
                continue
            others = sum(math.exp(value / tn) for value, one in zip(row, own, strict=True) if not one)
            labels = sum(math.exp(-value / tp) for value, one in zip(row, own, strict=True) if one)
            found.append(math.log1p(others**tn * labels**tp))
        total += sum(found) / len(found)
    return total


@pytest.mark.parametrize(("tp", "tn"), [(4.0, 1.0), (1.0, 1.0), (0.5, 3.0)])
def test_two_way_is_that_of_the_paper(tp: float, tn: float) -> None:
    logits, targets, weights = made("set")
    targets[2] = 1.0  # a segment that has all labels: nothing stands against them
    targets[:, 4] = 0.0  # a label that nobody has
    given = build(f"two_way(tp={tp}, tn={tn})", "set")(logits, targets, ones(weights))
    assert given.item() == pytest.approx(two_way_by_hand(logits.numpy(), targets.numpy(), tp, tn), rel=1e-9)


def test_two_way_does_not_see_a_constant_added_to_all_logits() -> None:
    logits, targets, weights = made("set")
    loss = build("two_way", "set")
    at = loss(logits, targets, weights).item()
    for constant in (-300.0, -3.0, 50.0, 1000.0):
        assert loss(logits + constant, targets, weights).item() == pytest.approx(at, rel=1e-9)


def test_two_way_counts_a_segment_of_weight_two_twice() -> None:
    logits, targets, weights = made("set")
    loss = build("two_way", "set")
    twice = ones(weights)
    twice[3] = 2.0
    copied = [torch.cat([one, one[3:4]]) for one in (logits, targets, ones(weights))]
    assert loss(logits, targets, twice).item() == pytest.approx(loss(*copied).item(), rel=1e-12)


def asymmetric_by_hand(x: np.ndarray, y: np.ndarray, *, neg: float, pos: float, clip: float) -> float:
    """The loss of Ridnik et al. 2021, in loops, with the floor of their code under the logarithm."""
    found = []
    for value, applies in zip(x.ravel(), y.ravel(), strict=True):
        p = 1 / (1 + math.exp(-value))
        shifted = max(p - clip, 0.0)
        if applies:
            found.append(-((1 - p) ** pos) * math.log(max(p, 1e-8)))
        else:
            found.append(-(shifted**neg) * math.log(max(1 - shifted, 1e-8)))
    return sum(found) / len(found)


@pytest.mark.parametrize(("neg", "pos", "clip"), [(4.0, 1.0, 0.05), (2.0, 0.0, 0.2), (1.0, 1.0, 0.0), (0.5, 0.5, 0.1)])
def test_asymmetric_is_that_of_the_paper(neg: float, pos: float, clip: float) -> None:
    logits, targets, weights = made("set")
    given = build(f"asymmetric(gamma_neg={neg}, gamma_pos={pos}, clip={clip})", "set")(logits, targets, ones(weights))
    wanted = asymmetric_by_hand(logits.numpy(), targets.numpy(), neg=neg, pos=pos, clip=clip)
    assert given.item() == pytest.approx(wanted, rel=1e-9)


def test_asymmetric_and_focal_without_their_gammas_are_bce() -> None:
    given = made("set")
    wanted = build("bce", "set")(*given).item()
    assert build("asymmetric(gamma_neg=0, gamma_pos=0, clip=0)", "set")(*given).item() == pytest.approx(wanted)
    assert build("focal(gamma=0)", "set")(*given).item() == pytest.approx(wanted)


def test_focal_without_its_gamma_is_cross_entropy() -> None:
    given = made("one")
    wanted = build("cross_entropy", "one")(*given).item()
    assert build("focal(gamma=0)", "one")(*given).item() == pytest.approx(wanted)


def test_focal_is_that_of_the_paper() -> None:
    logits, targets, weights = made("one")
    logs = functional.log_softmax(logits, dim=1)
    each = [-((1 - math.exp(row[at])) ** 3) * row[at].item() for row, at in zip(logs, targets, strict=True)]
    given = build("focal(gamma=3)", "one")(logits, targets, weights)
    assert given.item() == pytest.approx(np.average(each, weights=weights), rel=1e-9)
    logits, targets, weights = made("set")
    p = torch.where(targets > 0, torch.sigmoid(logits), 1 - torch.sigmoid(logits))
    terms = -((1 - p) ** 3) * p.log()
    given = build("focal(gamma=3)", "set")(logits, targets, weights)
    assert given.item() == pytest.approx(np.average(terms.mean(dim=1), weights=weights), rel=1e-9)


@pytest.mark.parametrize("spec", ["asymmetric", "focal"])
def test_class_weights_count_the_terms_of_their_label(spec: str) -> None:
    logits, targets, weights = made("set")
    alone = torch.zeros(LABELS, dtype=torch.float64)
    alone[2] = LABELS  # the mean over labels is then that of the third
    given = build(spec, "set", class_weights=alone)(logits, targets, weights)
    assert given.item() == pytest.approx(build(spec, "set")(logits[:, 2:3], targets[:, 2:3], weights).item())


def test_class_weights_of_focal_count_the_segments_of_their_label() -> None:
    logits, targets, weights = made("one")
    shares = torch.tensor([0.5, 2.0, 1.0, 3.0, 0.1], dtype=torch.float64)
    given = build("focal", "one", class_weights=shares)(logits, targets, weights).item()
    plain = build("focal", "one")(logits, targets, weights * shares[targets]).item()
    assert given == pytest.approx(plain * float((weights * shares[targets]).sum() / weights.sum()))


# --- what holds of all ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("spec", "kind"), ALL)
def test_slopes_are_those_of_finite_differences(spec: str, kind: str) -> None:
    logits, targets, weights = made(kind)
    loss = build(spec, kind)
    assert torch.autograd.gradcheck(lambda x: loss(x, targets, weights), logits.requires_grad_())


@pytest.mark.parametrize(("spec", "kind"), ALL)
def test_a_stack_has_the_losses_of_its_models_one_by_one(spec: str, kind: str) -> None:
    logits, targets, weights = made(kind, lead=(2, 3))
    loss = build(spec, kind)
    together = loss(logits, targets, weights)
    assert together.shape == (2, 3)
    for at in np.ndindex(2, 3):
        assert together[at].item() == pytest.approx(loss(logits[at], targets[at], weights[at]).item(), rel=1e-12)


@pytest.mark.parametrize("spec", ["cross_entropy", "focal"])
def test_the_models_of_a_stack_may_have_class_weights_of_their_own(spec: str) -> None:
    logits, targets, weights = made("one", lead=(2,))
    shares = torch.tensor([[0.5, 2.0, 1.0, 3.0, 0.1], [1.0, 1.0, 4.0, 0.2, 0.7]], dtype=torch.float64)
    together = build(spec, "one", class_weights=shares)(logits, targets, weights)
    for at in range(2):
        single = build(spec, "one", class_weights=shares[at])(logits[at], targets[at], weights[at])
        assert together[at].item() == pytest.approx(single.item(), rel=1e-12)


@pytest.mark.parametrize(("spec", "kind"), ALL)
def test_padding_takes_part_in_nothing(spec: str, kind: str) -> None:
    logits, targets, weights = made(kind)
    loss = build(spec, kind)
    wanted = loss(logits, targets, weights).item()
    wild = torch.full((2, LABELS), 500.0, dtype=torch.float64)
    filler = torch.full((2,), -100) if kind == "one" else torch.ones((2, LABELS), dtype=torch.float64)
    padded = torch.cat([logits, wild]).requires_grad_()
    given = loss(padded, torch.cat([targets, filler]), torch.cat([weights, torch.zeros(2, dtype=torch.float64)]))
    assert given.item() == pytest.approx(wanted, rel=1e-12)
    given.backward()
    assert not padded.grad[-2:].any()


@pytest.mark.parametrize(("spec", "kind"), ALL)
def test_nothing_but_padding_is_no_loss(spec: str, kind: str) -> None:
    logits, targets, weights = made(kind)
    given = build(spec, kind)(logits.requires_grad_(), targets, torch.zeros_like(weights))
    given.backward()
    assert given.item() == 0.0
    assert not logits.grad.any()


def test_two_way_without_any_label_in_the_batch_is_no_loss() -> None:
    logits, targets, weights = made("set")
    given = build("two_way", "set")(logits.requires_grad_(), torch.zeros_like(targets), weights)
    given.backward()
    assert given.item() == 0.0
    assert not logits.grad.any()


@pytest.mark.parametrize(("spec", "kind"), ALL)
def test_large_logits_in_float32_neither_overflow_nor_leave_a_slope_undefined(spec: str, kind: str) -> None:
    logits, targets, weights = made(kind)
    for size in (1e2, 1e4):
        large = (size * logits).float().requires_grad_()
        given = build(spec, kind)(large, targets, weights.float())
        given.backward()
        assert torch.isfinite(given)
        assert torch.isfinite(large.grad).all()


@pytest.mark.parametrize(("spec", "kind"), ALL)
def test_bfloat16_logits_are_reckoned_with_in_float32(spec: str, kind: str) -> None:
    logits, targets, weights = made(kind)
    coarse = logits.bfloat16()
    given = build(spec, kind)(coarse, targets, weights.float())
    assert given.dtype == torch.float32
    assert given.item() == pytest.approx(build(spec, kind)(coarse.double(), targets, weights).item(), rel=1e-5)


# --- names ----------------------------------------------------------------------------------------------------------


def test_auto_is_the_plain_loss_of_the_kind() -> None:
    assert type(build("auto", "one")) is LOSSES["one"]["cross_entropy"]
    assert type(build("auto", "set")) is LOSSES["set"]["bce"]


@pytest.mark.parametrize(
    ("spec", "kind", "said"),
    [
        ("bce", "one", "'bce' is not for one label of many; take one of: cross_entropy, focal"),
        ("cross_entropy", "set", "'cross_entropy' is not for sets of labels"),
        ("two_way(tq=4)", "set", "the loss 'two_way' has no setting 'tq'"),
        ("two_way(tp=hot)", "set", "tp of 'two_way\\(tp=hot\\)' must be float; given 'hot'"),
        ("two_way(tp=0)", "set", "must be above 0; given tp=0"),
        ("asymmetric(clip=1)", "set", "a clip in \\[0, 1\\)"),
        ("focal(gamma=-1)", "one", "gamma of focal must be at least 0; given -1"),
        ("bce(smoothing=0.1)", "set", "has no setting 'smoothing'"),
    ],
)
def test_what_does_not_fit_is_told_in_one_line(spec: str, kind: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        build(spec, kind)


def test_an_unknown_loss_names_its_neighbour() -> None:
    with pytest.raises(UnknownNameError, match="unknown loss 'cross_entrpy'; did you mean 'cross_entropy'"):
        build("cross_entrpy", "one")


def test_options_that_a_loss_does_not_know_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"'two_way' takes no class weights; .* one of: bce, asymmetric, focal"):
        build("two_way", "set", class_weights=torch.ones(3))
    with pytest.raises(ConfigError, match=r"'focal' takes no label smoothing; .* one of: cross_entropy"):
        build("focal", "one", smoothing=0.1)
    with pytest.raises(ConfigError, match="a share in \\[0, 1\\); given 1"):
        build("bce", "set", smoothing=1.0)
