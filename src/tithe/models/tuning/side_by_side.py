"""Many fits at once: which go together, how many fit into memory, and what becomes of each."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from tithe.errors import TrainingError
from tithe.models.tuning.programs import Single
from tithe.models.tuning.stacked import Stack, can_stack
from tithe.models.tuning.training import NotANumberError, train

if TYPE_CHECKING:
    from tithe.models import Tell
    from tithe.models.tuning.orders import Order
    from tithe.models.tuning.programs import Problem
    from tithe.models.tuning.training import Course, Trained

log = logging.getLogger(__name__)

_OF_A_WEIGHT = 18  # bytes: itself, its slope, two moments of AdamW in float32, and a copy in bfloat16
_OF_A_STATE = 90  # bytes that a layer keeps for the way back, for each piece and channel; counted, not measured
_SHARE = 0.85  # of the free memory


@dataclass(eq=False)
class Fit:
    """A fit to be made; `trained` or `error` is what comes of it."""

    problem: Problem
    order: Order
    course: Course
    tell: Tell
    trained: Trained | None = None
    error: BaseException | None = None


def groups_of(fits: Sequence[Fit], most: int) -> list[list[Fit]]:
    """Alike fits together, at most so many and no more than memory holds; in the order in which they came."""
    alike = list[list[Fit]]()
    for fit in fits:
        for group in alike:
            if group[0].course == fit.course and can_stack([group[0].problem, fit.problem]):
                group.append(fit)
                break
        else:
            alike.append([fit])
    found = list[list[Fit]]()
    for group in alike:
        size = min(most, _fitting(group))
        if size < min(len(group), most):
            log.warning("memory is short: %d fits are trained %d at a time", len(group), size)
        count = -(-len(group) // size)  # groups of about the same size
        found += [group[at * len(group) // count : (at + 1) * len(group) // count] for at in range(count)]
    return found


def _fitting(group: Sequence[Fit]) -> int:
    """How many of these models the memory of their device holds side by side."""
    device = group[0].problem.feed.device
    if device.type != "cuda":
        return len(group)
    need = max(bytes_of(fit.problem, fit.course.batch) for fit in group)
    torch.cuda.empty_cache()
    return max(1, int(_SHARE * torch.cuda.mem_get_info(device)[0] / need))


def bytes_of(problem: Problem, batch: int) -> int:
    """About how much memory a model takes while it is trained in a stack."""
    config: Any = problem.encoder.config
    weights = sum(one.numel() for one in problem.encoder.parameters() if one.requires_grad)
    pieces = sum(sorted(problem.feed.sizes.tolist())[-batch:])  # batches are of rows about equally long
    channels = int(config.hidden_size) * int(config.num_hidden_layers)
    return int(_OF_A_WEIGHT * weights + _OF_A_STATE * pieces * channels)


def train_all(fits: Sequence[Fit], most: int, *, compiled: bool = False) -> None:
    """Trains all fits, at most so many side by side; those that are the same to the last bit only once.

    The strategies of a seed share their first batch, and so their first model.
    """
    same = list[list[Fit]]()
    for fit in fits:
        for others in same:
            if _same(others[0], fit):
                others.append(fit)
                break
        else:
            same.append([fit])
    for group in groups_of([first for first, *_ in same], most):
        train_group(group, compiled=compiled)
    for first, *others in same:
        for fit in others:
            fit.trained, fit.error = first.trained, first.error


def _same(one: Fit, other: Fit) -> bool:
    """Whether two fits would come to the same weights."""
    if one.problem.seed != other.problem.seed or one.course != other.course:
        return False  # what is compared below takes longer
    a, b = _content(one), _content(other)
    return len(a) == len(b) and all(map(torch.equal, a, b)) and can_stack([one.problem, other.problem])


def _content(fit: Fit) -> list[torch.Tensor]:
    """All that distinguishes alike fits: data, weights, class weights, and the first and the last batch."""
    problem = fit.problem
    batches = [torch.as_tensor(fit.order.rows(step)) for step in (0, fit.course.steps - 1)]
    held = [] if problem.held is None else [problem.held.feed.pieces, problem.held.targets]
    of_classes = getattr(problem.loss, "class_weights", None)
    found = [problem.feed.pieces, problem.targets, problem.weights, *problem.head.parameters(), *batches, *held]
    found += [one for one in (of_classes, problem.feed.beside) if one is not None]
    return [*found, *problem.encoder.parameters()]  # last: large, and alike but where runs have other starts


def train_group(group: Sequence[Fit], *, compiled: bool = False) -> None:
    """Trains fits that `groups_of` put together. Where memory is too small after all, one half after the other.

    A fit whose loss becomes no number leaves the group with its error, and the others begin anew.
    """
    try:
        trained = _trained(group, compiled)
    except NotANumberError as error:
        group[error.model].error = error
        rest = [fit for fit in group if fit.error is None]
        again = [rest] if rest else []
    except (TrainingError, torch.OutOfMemoryError) as error:
        if len(group) == 1:
            group[0].error = error
            return
        half = len(group) // 2
        log.warning("memory is too small for %d models side by side (%s); halved", len(group), str(error)[:200])
        again = [list(group[:half]), list(group[half:])]
    except Exception as error:  # noqa: BLE001  # each job that waits must hear of it, or it would wait for ever
        for fit in group:
            fit.error = error
        return
    else:
        for fit, own in zip(group, trained, strict=True):
            fit.trained = own
        return
    if group[0].problem.feed.device.type == "cuda":  # outside of the handler, which holds on to what filled the memory
        torch.cuda.empty_cache()
    for part in again:
        train_group(part, compiled=compiled)


def _trained(group: Sequence[Fit], compiled: bool) -> list[Trained]:
    first = group[0]
    problems = [fit.problem for fit in group]
    if len(group) == 1:
        return train(Single(first.problem), [first.order], first.course, tell=first.tell)

    def tell(what: str, done: int, total: int) -> None:
        first.tell(f"{what} {len(group)} models side by side", done, total)

    return train(Stack(problems, compiled=compiled), [fit.order for fit in group], first.course, tell=tell)
