"""What a training step asks of a device: few operators for dropout, one copy for a batch."""

import hashlib
from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from tithe.models.tuning import dropout, moving
from tithe.models.tuning.dropout import HashDropout, Moment, kept
from tithe.models.tuning.programs import Single, outputs

SITES, SHAPE = 13, (8, 6, 16)


class Counted(TorchDispatchMode):
    """Counts operators, those that only look at memory in another way left out."""

    VIEWS = ("view", "reshape", "unsqueeze", "unbind", "detach", "select", "expand", "alias", "_unsafe_view", "slice")

    def __init__(self) -> None:
        super().__init__()
        self.names = Counter[str]()
        self.unwaited = 0
        """Copies that nothing waits for."""

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]  # torch's own
        name = function.overloadpacket.__name__
        if name not in self.VIEWS:
            self.names[name] += 1
        self.unwaited += bool((kwargs or {}).get("non_blocking"))
        return function(*args, **(kwargs or {}))


def layers(moment: Moment, count: int = SITES) -> torch.nn.Sequential:
    return torch.nn.Sequential(*(HashDropout(0.1, site, moment) for site in range(count))).train()


def operators(run: Callable[[], object]) -> int:
    with Counted() as counted:
        run()
    return counted.names.total()


@pytest.fixture
def as_on_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """Masks of all places at once, which on a CPU would be slower."""
    monkeypatch.setattr(dropout, "at_once", lambda units, device: 1000)


@pytest.mark.usefixtures("as_on_a_gpu")
def test_masks_of_all_places_cost_few_operators_a_step() -> None:
    moment = Moment(5)
    network, x = layers(moment), torch.ones(SHAPE, requires_grad=True)
    network(x)  # which places ask for masks alike is learned in the first step
    moment.step = 1
    steps = operators(lambda: network(x).sum().backward())
    assert steps <= 3 * SITES + 40  # three of each place, two forward and one back, and the masks of all


def test_masks_made_at_once_are_those_made_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    found = []
    for together in (1, 5, 1000):
        monkeypatch.setattr(dropout, "at_once", lambda units, device, together=together: together)
        moment = Moment(5)
        network = layers(moment)
        outs = []
        for moment.step, moment.windows in ((0, 0), (1, 0), (1, 3), (2, 0)):
            for x in (torch.ones(SHAPE), torch.ones(8, 7, 16), torch.ones(8, 16)):
                outs += [one(x) for one in network]
        found.append(outs)
    for one in found[1:]:
        assert all(torch.equal(a, b) for a, b in zip(found[0], one, strict=True))


@pytest.mark.usefixtures("as_on_a_gpu")
def test_masks_made_for_a_committee_do_not_stand_in_the_way_of_training() -> None:
    network, x = layers(Moment(5, -1)), torch.ones(SHAPE, requires_grad=True)
    with torch.inference_mode():
        for _ in range(2):
            first = network(x)
    again = network(x)
    again.sum().backward()
    assert torch.equal(first, again)


def test_a_compiled_step_takes_what_a_committee_made_first() -> None:
    dropout.numbers_of.cache_clear()
    with torch.inference_mode():
        dropout.numbers_of(16, torch.device("cpu"))
    numbers, places = dropout.numbers_of(16, torch.device("cpu")), torch.arange(6, dtype=torch.int32)
    x = torch.ones(6, 16, requires_grad=True)

    def step(x: torch.Tensor, places: torch.Tensor, numbers: torch.Tensor) -> torch.Tensor:
        return dropout.dropped(x, dropout.kept_of(places, numbers, 0.1), 0.1)

    torch.compile(step, backend="aot_eager", dynamic=True)(x, places, numbers).sum().backward()
    assert x.grad is not None


@pytest.mark.parametrize(
    ("moment", "site", "key", "digest", "units"),
    [
        ((1, 0), 0, 1646307384, "fdf287d349d8636f", "1110111010101111"),
        ((7, 300), 13, -739045031, "a2deaa224ac3b059", "0101111011111110"),
        ((2**31, 5), 2, -539276754, "e9bff04ff0ce50f6", "1011111001110101"),
    ],
)
def test_masks_are_these_bits_for_ever(moment, site, key, digest, units):
    """Runs that were begun with another version go on with the same masks."""
    assert Moment(*moment).key(site) == key
    mask = kept(torch.tensor(key, dtype=torch.int32), 5, 7, 16, 0.3, first=3).numpy()
    assert "".join(str(int(unit)) for unit in mask[0, 0]) == units
    assert hashlib.blake2b(mask.tobytes(), digest_size=8).hexdigest() == digest


def test_parts_packed_for_a_copy_come_out_as_they_were() -> None:
    rng = np.random.default_rng(1)
    parts = [
        torch.as_tensor(rng.random((3, 5)) < 0.5),
        torch.as_tensor(rng.integers(0, 9, (2, 3, 4))),
        torch.empty(0, dtype=torch.int64),
        torch.as_tensor(rng.integers(-9, 9, 7).astype(np.int32)),
        torch.as_tensor(rng.integers(0, 9, (4, 6))).T,
    ]
    for part, out in zip(parts, moving.unpacked(moving.packed(parts), parts), strict=True):
        assert out.dtype == part.dtype
        assert torch.equal(out, part)


def test_a_batch_comes_to_a_device_in_one_copy(problem_of) -> None:
    """On the device `meta`, whose tensors have no values: what would be read back from it would fail."""
    feed = problem_of().feed
    away = replace(feed, pieces=feed.pieces.to("meta"), segment=feed.segment.to("meta"))
    vars(away)["_on_cpu"] = feed._on_cpu  # what a device gives back once
    with Counted() as counted:
        batch = away.batch(np.arange(9))
    assert {part.device.type for part in (batch.ids, batch.mask, batch.segment, batch.which)} == {"meta"}
    assert counted.names["_to_copy"] == 1
    assert not counted.unwaited  # only what is pinned stays where it is until it is copied
    assert (batch.ids.shape, batch.ids.dtype) == (feed.batch(np.arange(9)).ids.shape, torch.int64)


def test_a_committee_leaves_no_masks_behind(problem_of) -> None:
    """A model that answers is kept on its device, and masks of a large batch are tens of megabytes."""
    program = Single(problem_of())
    outputs(program.module, program.problem.feed, member=1)
    assert program.moment.masks._made == {}
