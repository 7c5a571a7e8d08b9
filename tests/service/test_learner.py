"""The parts of the service that learn, in this process: what files, logs and settings of before may hold."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.service.made_project import QUICK, made

from tithe.log import Answered, Begun, Embedded
from tithe.service.founding import found
from tithe.service.learner import Learner
from tithe.service.tuner import Tuner
from tithe.service.versions import Version
from tithe.store import open_store
from tithe.tasks.choice import Choice

TEXTS = ["soup with bread", "a rope in the storm"]


@pytest.fixture
def place(tmp_path: Path) -> Iterator[tuple[str, str, Path, Path]]:
    """A project of 60 items with 50 answers: its database, its id, its folder, and where views are kept."""
    url = f"sqlite:///{tmp_path}/tithe.sqlite"
    items, truth = made(60)
    store = open_store(url)
    found(store, "p", Choice(("food", "sea")), items, name="made", settings=QUICK | {"audit": 0.0})
    answers = (Answered(one, truth[one], "me") for one in items.ids[:50])
    store.project("p").append(Embedded(items.ids, start="lexical"), *answers)
    yield url, "p", tmp_path, tmp_path / "cache"
    store.close()


@pytest.fixture
def learner(place: tuple[str, str, Path, Path]) -> Learner:
    """What learns, after a round."""
    learner = Learner(*place, told=lambda *_: None)
    learner.versions.add(Version.of(learner.round(3)["version"]))
    return learner


def test_guesses_of_a_tithe_with_another_confidence_are_not_read(learner: Learner) -> None:
    [version] = learner.versions.all()
    learner.guesses.mkdir()
    before = learner.guesses / f"{version.version:08d}-60.jsonl"
    before.write_text('["item-0000", "sea", 0.97]\n')
    path = Path(learner.label_all()["path"])
    assert len([json.loads(line) for line in path.read_text().splitlines()]) == 60
    assert not before.exists()


def test_a_version_is_fitted_again_though_its_cold_start_is_not_installed_any_more(learner: Learner) -> None:
    [version] = learner.versions.all()
    before = learner.predict(TEXTS)["predictions"]
    shutil.rmtree(learner.versions.model(version.version), ignore_errors=True)
    learner.versions.add(replace(version, recipe={**version.recipe, "initial": "of_a_plugin"}))
    learner.versions._known.clear()
    learner._latest = learner._trying = None
    assert learner.predict(TEXTS, version.version)["predictions"] == before


def test_a_slow_model_is_read_though_the_cold_start_is_not_installed_any_more(
    place: tuple[str, str, Path, Path],
) -> None:
    tuner = Tuner(*place, told=lambda *_: None)
    poor, good = "sklearn(sklearn.dummy.DummyClassifier, strategy=prior)", "linear(members=2)"
    position = tuner.project.append(Begun(poor, good, "lexical", seed=0))
    tuner.project.configure({"trainer": poor, "slow": good, "initial": "of_a_plugin"})
    learned = tuner.learn(position)
    assert learned is not None
    assert learned["compared"]["better"]
    read = tuner.read(position)
    assert read is not None
    assert read["version"]["recipe"]["initial"] == "of_a_plugin"
