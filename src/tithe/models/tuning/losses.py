"""Losses by name, over any leading axes: a stack of models has the losses of its models one by one.

`logits` are (..., s, K), a row a segment; `targets` (..., s) int64 for one label of many, (..., s, K) in [0, 1] for
sets of labels; `weights` (..., s), 0 for padding. The result (...,) is the weighted mean over a model's own segments,
0 where none has a weight. All is computed in float32 at least. `docs/losses.md` says which is worth what.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import torch
from torch import Tensor
from torch.nn import functional

from tithe import registry
from tithe.errors import ConfigError, UnknownNameError, near

TaskKind = Literal["one", "set"]
"""Whether a segment has one label of many or a set of them."""

_NEVER = -1e30  # a masked term of a log-sum-exp: finite, so that a sum without any term has slope 0 and not NaN
_LEAST = 1e-12  # below this, a power with an exponent under 1 would have an endless slope


class Loss(Protocol):
    """A loss of segments, as the head of this file says."""

    def __call__(self, logits: Tensor, targets: Tensor, weights: Tensor) -> Tensor: ...


def build(spec: str, task_kind: TaskKind, *, class_weights: Tensor | None = None, smoothing: float = 0.0) -> Loss:
    """The loss that a spec such as `two_way(tp=4, tn=1)` names; `auto` is cross_entropy for one label, bce for sets.

    Args:
        spec: `cross_entropy`, `bce`, `two_way`, `asymmetric`, `focal` or `auto`, with settings.
        task_kind: "one" label a segment, or a "set".
        class_weights: (K,), or (..., K) where the models of a stack have each their own; a label's terms count so much.
        smoothing: in [0, 1), the share of a target that is spread evenly over the labels; cross_entropy and bce only.

    Raises:
        UnknownNameError: no loss has this name.
        ConfigError: it is for the other kind, or takes no such setting, class weights or smoothing.

    >>> build("two_way(tp=2)", "set")
    TwoWay(tp=2, tn=1.0)
    """
    name = registry.name_of(spec)
    if name == "auto":
        spec = spec.replace(name, name := "cross_entropy" if task_kind == "one" else "bce", 1)
    homes = [kind for kind, losses in LOSSES.items() if name in losses]
    if not homes:
        raise UnknownNameError(f"unknown loss {name!r}; {near(name, {'auto', *LOSSES['one'], *LOSSES['set']})}")
    if task_kind not in homes:
        what = "one label of many" if task_kind == "one" else "sets of labels"
        raise ConfigError(f"the loss {name!r} is not for {what}; take one of: {', '.join(LOSSES[task_kind])}")
    if not 0 <= smoothing < 1:
        raise ConfigError(f"label smoothing is a share in [0, 1); given {smoothing}")
    factory = LOSSES[task_kind][name]
    takes = factory.__dataclass_fields__
    # Options of the trainer, whatever the loss: given to all that know them, and so not to be set in the spec.
    options = {"class_weights": class_weights, "smoothing": smoothing}
    for key in ([] if class_weights is None else ["class_weights"]) + (["smoothing"] if smoothing else []):
        if key not in takes:
            able = [other for other, one in LOSSES[task_kind].items() if key in one.__dataclass_fields__]
            words = {"class_weights": "class weights", "smoothing": "label smoothing"}[key]
            raise ConfigError(f"the loss {name!r} takes no {words}; leave them out, or take one of: {', '.join(able)}")
    given = {key: value for key, value in options.items() if key in takes}
    built: Loss = registry.made(factory, spec, "loss", **given)
    return built


@dataclass(frozen=True, eq=False)
class CrossEntropy:
    """-log softmax(x)[y], the label's class weight before it; smoothing spreads its share over all labels.

    Departs from `torch.nn.CrossEntropyLoss` in the mean alone: it divides by the weights of the segments, not by the
    class weights of the batch too, so that the mean over batches is that of all segments.
    """

    class_weights: Tensor | None = None
    smoothing: float = 0.0

    def __call__(self, logits: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
        """(...,) the mean loss."""
        logs = functional.log_softmax(precise(logits), dim=-1)
        own = _own(logs, targets)
        if self.class_weights is None:
            each, spread = own, logs.mean(dim=-1)
        else:
            shares = _over_rows(self.class_weights, logs)
            each, spread = own * _own(shares.expand_as(logs), targets), (logs * shares).mean(dim=-1)
        if self.smoothing:
            each = (1 - self.smoothing) * each + self.smoothing * spread
        return _mean(-each, weights)


@dataclass(frozen=True, eq=False)
class BinaryCrossEntropy:
    """The mean over labels of -y log p - (1 - y) log(1 - p), p = sigmoid(x); smoothing moves y towards 1/2."""

    class_weights: Tensor | None = None
    smoothing: float = 0.0

    def __call__(self, logits: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
        """(...,) the mean loss."""
        logits = precise(logits)
        wanted = targets.to(logits.dtype) * (1 - self.smoothing) + self.smoothing / 2
        terms = functional.softplus(logits) - wanted * logits
        return _mean(_over_labels(terms, self.class_weights), weights)


@dataclass(frozen=True, eq=False)
class TwoWay:
    """The hardest label that does not apply against the hardest that does, within segments and within labels.

    With logits x and labels P, each way is the mean of
    softplus(tn log sum_{not P} exp(x / tn) + tp log sum_P exp(-x / tp)); the first over segments with a label, the
    second over labels that a segment of the batch has. So it depends on the batch, and a constant added to all logits
    leaves it as it is: the logits rank labels, and only a fitted `Calibration` makes probabilities of them.

    A segment of weight 2 counts as two such segments would.

    Source: Kobayashi 2023, Two-Way Multi-Label Loss (CVPR).
    """

    tp: float = 4.0
    tn: float = 1.0

    def __post_init__(self) -> None:
        if min(self.tp, self.tn) <= 0:
            raise ConfigError(f"the temperatures of two_way must be above 0; given tp={self.tp}, tn={self.tn}")

    def __call__(self, logits: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
        """(...,) the sum of both ways."""
        logits = precise(logits)
        weights = weights.to(logits.dtype)
        applies, counts = targets > 0.5, (weights > 0)[..., None]
        by_segment = self._hardness(logits, applies, dim=-1)
        # As often as its weight says, a segment stands in the sums over segments.
        often = torch.where(weights > 0, weights, 1.0).log()[..., None]
        by_label = self._hardness(logits, applies, dim=-2, often=often, counts=counts)
        has_label, has_segment = applies.any(dim=-1), (applies & counts).any(dim=-2)
        return _mean(by_segment, weights * has_label) + _mean(by_label, has_segment.to(logits.dtype))

    def _hardness(
        self, logits: Tensor, applies: Tensor, *, dim: int, often: Tensor | float = 0.0, counts: Tensor | bool = True
    ) -> Tensor:
        others = torch.where(counts & ~applies, logits / self.tn + often, _NEVER).logsumexp(dim=dim)
        own = torch.where(counts & applies, often - logits / self.tp, _NEVER).logsumexp(dim=dim)
        return functional.softplus(self.tn * others + self.tp * own)


@dataclass(frozen=True, eq=False)
class Asymmetric:
    """Binary cross-entropy that makes less of easy terms, and least of labels that do not apply.

    The mean over labels of -y (1 - p)^gamma_pos log p - (1 - y) q^gamma_neg log(1 - q), q = max(p - clip, 0): where a
    label that does not apply has at most the probability `clip`, it is left alone.

    Source: Ridnik et al. 2021, Asymmetric Loss for Multi-Label Classification (arXiv 2009.14119).
    Departs: their code sums over labels and segments, and floors the arguments of the logarithms at 1e-8, where the
    slope ends; these are exact.
    """

    gamma_neg: float = 4.0
    gamma_pos: float = 1.0
    clip: float = 0.05
    class_weights: Tensor | None = None

    def __post_init__(self) -> None:
        if min(self.gamma_neg, self.gamma_pos) < 0 or not 0 <= self.clip < 1:
            raise ConfigError(
                f"asymmetric needs gammas of at least 0 and a clip in [0, 1); given gamma_neg={self.gamma_neg}, "
                f"gamma_pos={self.gamma_pos}, clip={self.clip}"
            )

    def __call__(self, logits: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
        """(...,) the mean loss."""
        logits = precise(logits)
        applies = targets.to(logits.dtype)
        log_p, log_not = functional.logsigmoid(logits), functional.logsigmoid(-logits)
        positive = -torch.exp(self.gamma_pos * log_not) * log_p
        log_rest = torch.logaddexp(log_not, logits.new_full((), math.log(self.clip) if self.clip else -math.inf))
        over = torch.sigmoid(logits) - self.clip
        negative = torch.where(over > 0, -(over.clamp(min=_LEAST) ** self.gamma_neg) * log_rest, 0.0)
        return _mean(_over_labels(applies * positive + (1 - applies) * negative, self.class_weights), weights)


@dataclass(frozen=True, eq=False)
class FocalOne:
    """-(1 - p)^gamma log p of the label's probability p = softmax(x)[y].

    Source: Lin et al. 2017, Focal Loss for Dense Object Detection; its alpha are the class weights.
    """

    gamma: float = 2.0
    class_weights: Tensor | None = None

    def __post_init__(self) -> None:
        _check_gamma(self.gamma)

    def __call__(self, logits: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
        """(...,) the mean loss."""
        own = _own(functional.log_softmax(precise(logits), dim=-1), targets)
        each = -((-torch.expm1(own)).clamp(min=_LEAST) ** self.gamma) * own
        if self.class_weights is not None:
            each = each * _own(_over_rows(self.class_weights, logits).expand(logits.shape), targets)
        return _mean(each, weights)


@dataclass(frozen=True, eq=False)
class FocalSet:
    """The mean over labels of -(1 - p)^gamma log p, p = sigmoid(x) where the label applies and 1 - that where not.

    Source: Lin et al. 2017, Focal Loss for Dense Object Detection.
    """

    gamma: float = 2.0
    class_weights: Tensor | None = None

    def __post_init__(self) -> None:
        _check_gamma(self.gamma)

    def __call__(self, logits: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
        """(...,) the mean loss."""
        logits = precise(logits)
        applies = targets.to(logits.dtype)
        log_p, log_not = functional.logsigmoid(logits), functional.logsigmoid(-logits)
        terms = -applies * torch.exp(self.gamma * log_not) * log_p
        terms = terms - (1 - applies) * torch.exp(self.gamma * log_p) * log_not
        return _mean(_over_labels(terms, self.class_weights), weights)


LOSSES: dict[TaskKind, dict[str, Any]] = {
    "one": {"cross_entropy": CrossEntropy, "focal": FocalOne},
    "set": {"bce": BinaryCrossEntropy, "two_way": TwoWay, "asymmetric": Asymmetric, "focal": FocalSet},
}
"""The losses of each kind of task, by name."""


def precise(logits: Tensor) -> Tensor:
    """Logits as float32 where they are less: sums of bfloat16 would lose what tells the labels apart."""
    return logits.float() if logits.dtype in (torch.bfloat16, torch.float16) else logits


def _check_gamma(gamma: float) -> None:
    if gamma < 0:
        raise ConfigError(f"gamma of focal must be at least 0; given {gamma}")


def _own(values: Tensor, targets: Tensor) -> Tensor:
    """(..., s) of the values (..., s, K) that of each target; padding may have any negative target."""
    return values.gather(-1, targets.clamp(min=0)[..., None])[..., 0]


def _over_rows(class_weights: Tensor, like: Tensor) -> Tensor:
    """(..., 1, K) class weights that broadcast over segments."""
    return class_weights.to(like)[..., None, :]


def _over_labels(terms: Tensor, class_weights: Tensor | None) -> Tensor:
    """(..., s) the mean over labels, by class weight."""
    return (terms if class_weights is None else terms * _over_rows(class_weights, terms)).mean(dim=-1)


def _mean(each: Tensor, weights: Tensor) -> Tensor:
    """(...,) of (..., s); what has no weight may be anything, and where nothing has one the mean is 0."""
    weights = weights.to(each.dtype)
    total = weights.sum(dim=-1)
    return (torch.where(weights > 0, each, 0.0) * weights).sum(dim=-1) / torch.where(total > 0, total, 1.0)
