"""Settings are checked before they hold, and say what is wrong with which field."""

from __future__ import annotations

from typing import Any

import pytest

from tithe.errors import ConfigError
from tithe.loop.propose import strategy_of
from tithe.service.settings import RESERVED, Settings
from tithe.tasks.choice import Choice
from tithe.tasks.multilabel import MultiLabel
from tithe.tasks.spans import Spans

TASK = Choice(("good", "bad"))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"strategi": "margin"}, "strategi: there is no such setting.*strategy"),
        ({"strategy": "margn"}, "strategy: .*margin"),
        ({"strategy": "mnlp"}, "strategy: .*spans"),
        ({"strategy": 3}, "strategy: must be a name; given 3"),
        ({"trainer": "lineer"}, "trainer: .*linear"),
        ({"start": "minilmm"}, "start: .*minilm"),
        ({"threshold": 1.5}, "threshold: must be a number from 0 to 1; given 1.5"),
        ({"threshold": True}, "threshold: must be"),
        ({"audit": float("nan")}, "audit: must be"),
        ({"diversity": -0.1}, "diversity: must be"),
        ({"budget": 0}, "budget: must be"),
        ({"refit_every": 0}, "refit_every: must be"),
        ({"suggestions": "yes"}, "suggestions: must be true or false"),
        ({"guidelines": "x" * 100_001}, "guidelines: must be text"),
        ({"guidelines": "half an emoji: \ud83d"}, "guidelines: .*half of a surrogate pair"),
        ({"guidelines": "\0"}, "guidelines: .*NUL"),
        ({"per_label_s": float("inf")}, "per_label_s: must be seconds"),
        ({"slots": 0}, "slots: must be"),
        ({"keys": {"god": "g"}}, "keys: there is no label 'god'.*good"),
        ({"keys": {"good": "ab"}}, "keys: .*one character"),
        ({"keys": {"good": "q", "bad": "Q"}}, "keys: .*'Q' stands for 'good' and for 'bad'"),
        ({"keys": {"good": "<script>"}}, "keys: .*one character"),
    ],
)
def test_what_cannot_be_is_refused_by_name(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        Settings().changed(changes, TASK)


@pytest.mark.parametrize("key", sorted(one for one in RESERVED if len(one) == 1))
def test_keys_of_the_page_are_no_label_keys(key: str) -> None:
    with pytest.raises(ConfigError, match="taken by the page"):
        Settings().changed({"keys": {"good": key}}, TASK)


def test_a_refused_change_leaves_the_settings_as_they_were() -> None:
    before = Settings(threshold=0.3)
    with pytest.raises(ConfigError):
        before.changed({"threshold": 0.4, "audit": 7}, TASK)
    assert before.threshold == 0.3


@pytest.mark.parametrize(("diversity", "spec"), [(0, "auto"), (0.25, "mix(auto=0.75, k_center=0.25)"), (1, "k_center")])
def test_diversity_mixes_the_strategy_with_k_center(diversity: float, spec: str) -> None:
    recipe = Settings().changed({"diversity": diversity}, TASK).recipe
    assert recipe.strategy == spec
    strategy_of(spec)


def test_a_strategy_with_settings_and_diversity_is_refused_in_words() -> None:
    with pytest.raises(ConfigError, match=r"diversity: .*set diversity to 0, or write all of it as mix"):
        Settings(strategy="auto(per_class=5)").changed({"diversity": 0.5}, TASK)


def test_settings_survive_json_and_what_is_unknown_is_left_alone() -> None:
    made = Settings().changed({"keys": {"good": "y"}, "budget": 300}, TASK)
    assert Settings.of(made.json() | {"from a newer version": 1}) == made


def test_a_new_project_hides_unsure_choices_but_no_sets_and_spans() -> None:
    """A set is rarely right as a whole, and most of its labels are right all the same."""
    assert Settings.of_new(TASK).threshold == 0.5
    assert Settings.of_new(MultiLabel(("a", "b"))).threshold == Settings.of_new(Spans(("PER",))).threshold == 0.0


def test_strategies_of_the_task_are_taken() -> None:
    assert Settings().changed({"strategy": "mnlp"}, Spans(("PER",))).strategy == "mnlp"
