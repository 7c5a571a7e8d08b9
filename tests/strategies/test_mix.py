from collections import Counter

import numpy as np
import pytest

from tithe import registry
from tithe.errors import ConfigError, UnknownNameError
from tithe.pool import Pool
from tithe.rng import stream
from tithe.strategies.k_center import KCenter
from tithe.strategies.mix import Mix, mix
from tithe.strategies.random import Random
from tithe.strategies.typiclust import TypiClust
from tithe.strategies.uncertainty import margin
from tithe.testing import check_strategy


def made(labelled=()):
    rng = stream(0, "mix")
    ids = [f"{row:03d}" for row in range(300)]
    return Pool.from_views(
        ids, embeddings=rng.standard_normal((300, 4)), proba=rng.dirichlet(np.ones(3), 300), labelled=labelled
    )


def test_each_part_gives_its_share_and_no_item_comes_twice():
    selection = mix(margin=0.75, k_center=0.25).select(made(), 20, stream(0))
    assert selection.reason == "15 by margin, 5 by k_center"
    assert len(set(selection.ids)) == 20
    unsure = margin().select(made(), 15, stream(0)).ids
    assert [one for one in selection.ids if one in unsure] == list(unsure)
    far = KCenter().select(made().without(unsure), 5, stream(0)).ids  # margin's picks are centres already
    assert [one for one in selection.ids if one not in unsure] == list(far)


def test_the_order_of_the_parts_is_that_of_the_spec_and_overlap_is_passed_over():
    selection = registry.build("strategies", "mix(entropy=1, margin=1)").select(made(), 10, stream(0))
    assert len(set(selection.ids)) == 10
    entropy = registry.build("strategies", "entropy").select(made(), 5, stream(0)).ids
    rest = [one for one in margin().select(made(), 300, stream(0)).ids if one not in entropy][:5]
    assert selection.ids[::2] == entropy
    assert list(selection.ids[1::2]) == rest


def test_every_beginning_of_a_batch_follows_the_shares():
    unsure = set(margin().select(made(), 18, stream(0)).ids)
    selection = mix(margin=0.9, random=0.1).select(made(), 20, stream(0))
    for end in range(1, 21):
        assert abs(sum(one in unsure for one in selection.ids[:end]) - 0.9 * end) <= 1


def test_batches_of_one_follow_the_shares():
    draws = 2000
    parts = Counter(
        mix(margin=0.9, random=0.1).select(made(), 1, stream(number, "one")).reason for number in range(draws)
    )
    # 200 expected, sd sqrt(2000 * .09) = 13.4; 4.5 sd: false alarms under 1e-5.
    assert abs(parts["0 by margin, 1 by random"] - 200) < 4.5 * 13.4


def test_needs_are_those_of_all_parts_and_the_cold_form_is_a_mix_of_theirs():
    assert mix(auto=1, bald=1).needs == {"embeddings", "proba", "committee"}
    assert mix(auto=9, random=1).cold == Mix((("auto", TypiClust(), 9.0), ("random", Random(), 1.0)))
    assert mix(auto=0.5, badge=0.5).cold is None
    assert mix() == mix(auto=0.9, random=0.1)


def test_ids_of_labels_suffice_where_no_part_reads_their_values():
    assert len(mix(margin=1, random=1).select(made(["000"]), 6, stream(0))) == 6


@pytest.mark.parametrize("spec", ["mix(auto=0.5,badge=0.5)", "mix(probcover=1, bald=1, cal=2)", "mix(random=1)"])
def test_mixes_conform(spec):
    assert check_strategy(spec)


@pytest.mark.parametrize("share", [0, -1, float("nan"), float("inf"), "half", True])
def test_a_share_that_makes_no_sense_is_an_error(share):
    with pytest.raises(ConfigError, match="a finite number above 0; given random="):
        mix(margin=1, random=share)


def test_an_unknown_part_is_named():
    with pytest.raises(UnknownNameError, match="'margn'"):
        mix(margn=1)
