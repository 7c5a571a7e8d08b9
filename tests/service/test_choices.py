"""The lists that the settings page offers come from the registry, and loading them loads no model library."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tithe import registry
from tithe.service import choices
from tithe.tasks import tasks_of


@pytest.mark.parametrize("task", ["choice", "multilabel", "spans"])
def test_each_task_is_offered_every_strategy_that_fits_it_and_no_other(task: str) -> None:
    fitting = {
        name
        for name in registry.names("strategies")
        if (tasks := tasks_of(registry.build("strategies", name))) is None or task in tasks
    }
    assert {one.name for one in choices.strategies(task)} == fitting
    assert [one.name for one in choices.strategies(task)][:2] == ["auto", "random"]


def test_strategies_that_need_a_model_cannot_ask_first() -> None:
    first = {one.name for one in choices.first_strategies("choice")}
    assert {"random", "auto", "typiclust", "k_center", "max_herding"} <= first
    assert not first & {"margin", "entropy", "bald", "badge"}


def test_every_choice_says_in_a_line_what_it_does() -> None:
    for one in [*choices.strategies("choice"), *choices.trainers(), *choices.starts()]:
        assert one.what.endswith((".", ":")), one
        assert "\n" not in one.what


def test_a_plugin_that_cannot_be_loaded_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    from importlib.metadata import EntryPoint

    broken = EntryPoint("broken", "nowhere.to:be_found", "tithe.strategies")
    known = registry._claims("strategies")
    monkeypatch.setattr(registry, "_claims", lambda kind: {**known, "broken": (broken,)})
    assert "broken" in registry.names("strategies")
    assert "broken" not in {one.name for one in choices.strategies("choice")}


def test_listing_the_choices_loads_neither_torch_nor_scikit_learn() -> None:
    code = (
        "import sys; from tithe.service import choices; choices.first_strategies('choice'); choices.trainers();"
        "choices.starts(); print(*sorted({'torch', 'sklearn', 'transformers'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
