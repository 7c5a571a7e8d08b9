"""A slow model learns beside the fast one while a project is labelled: real processes, a real database, made texts."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from tests.service.made_project import Served, made, open_live, until

from tithe.errors import ConfigError
from tithe.log import Asked, Begun, Compared, Published
from tithe.loop.replay import replay
from tithe.loop.workshop import Workshop
from tithe.service.embedder import Embedder
from tithe.service.settings import Settings
from tithe.service.tuner import Tuner
from tithe.tasks.choice import Choice
from tithe.views import ViewStore

pytestmark = pytest.mark.system

POOR, GOOD = "sklearn(sklearn.dummy.DummyClassifier, strategy=prior)", "linear(members=2)"
LONG = "sklearn(sklearn.ensemble.ExtraTreesClassifier, n_estimators=600)"
"""It takes seconds to fit, so that a test can look at it meanwhile."""


def events(served: Served, kind: type[Any]) -> list[Any]:
    return [one for one in served.project.events() if isinstance(one, kind)]


def slow(served: Served) -> dict[str, Any]:
    found: dict[str, Any] = served.live.status()["slow"]
    return found


class Swapped(NamedTuple):
    """A project that tests share: 70 answers, then the slow model asked, then 20 answers to its questions."""

    served: Served
    before: dict[str, Any]
    shown: list[dict[str, Any]]


@pytest.fixture(scope="module")
def swapped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Swapped]:
    one = open_live(tmp_path_factory.mktemp("swapped"), trainer=POOR, slow=GOOD, refit_every=10)
    with one.live:
        one.answer(20)
        before = slow(one)
        one.answer(50)
        until(lambda: slow(one)["asking"])
        until(lambda: slow(one)["state"] == "waiting")
        shown = one.answer(20)
        until(lambda: one.live.status()["embedded"] == 120)
        yield Swapped(one, before, shown)
    one.store.close()


def test_the_slow_model_asks_once_it_is_better(swapped: Swapped) -> None:
    served, before, shown = swapped
    assert (before["asking"], before["state"], before["compared"]) == (False, "waiting", None)
    assert before["words"].endswith("The slow model (linear) begins to learn at 50 labels.")
    now = slow(served)
    assert now["asking"]
    assert now["compared"]["held"] == 20
    assert now["compared"]["slow_right"] > now["compared"]["fast_right"]
    right = f"linear has {now['compared']['slow_right']} right and sklearn {now['compared']['fast_right']}"
    assert now["words"].startswith(f"Asking with the slow model (linear), of {now['labels']} labels. Of 20 answers")
    assert right in now["words"]
    sure = [one["suggestion"] for one in shown if one["suggestion"] is not None]
    assert len(sure) >= 10
    assert max(one["confidence"] for one in sure) > 0.9  # the fast one says the same of every text
    assert served.live.status()["trouble"] is None


def test_the_log_tells_of_the_swap_and_every_question_is_made_again(swapped: Swapped) -> None:
    log = swapped.served.project.events()
    begun = next(at for at, one in enumerate(log, 1) if isinstance(one, Begun))
    compared = next(one for one in log if isinstance(one, Compared))
    assert log[begun - 1] == Begun(POOR, GOOD, "lexical", 0)
    assert (compared.position, compared.better) == (begun, True)
    of_fit = next(one for one in log if isinstance(one, Published) and one.position == begun)
    assert of_fit.labelled >= 50
    rounds = replay(swapped.served.project, workshop=Workshop(ViewStore()))
    assert {one.recipe.slow for one in rounds} == {GOOD}
    assert [one for one in rounds if one.trouble or one.strangers] == []
    after = log.index(compared)
    assert any(one.position > after for one in rounds)


def test_both_kinds_of_versions_are_listed_and_judged_on_the_audit_items(swapped: Swapped) -> None:
    models = swapped.served.live.models()
    kinds = {(one["trainer"], one["slow"]) for one in models}
    assert kinds == {(POOR, False), (GOOD, True)}
    served = next(one for one in models if one["serving"])
    assert (served["trainer"], served["on_disk"]) == (GOOD, True)
    fast = next(one for one in models if not one["slow"])
    assert served["audit"]["score"] > fast["audit"]["score"]
    assert len({one["version"] for one in models}) == len(models)
    outlook = swapped.served.live.progress()
    assert {point["version"] for point in outlook["curve"]} == {one["version"] for one in models if one["slow"]}


def test_predictions_come_from_the_one_that_asks_and_a_person_can_go_back(swapped: Swapped) -> None:
    live = swapped.served.live
    here = slow(swapped.served)["version"]
    said = live.predict(["the boat and the harbour by a rope with wind"])
    assert (said["model"], said["predictions"][0]["label"]) == (here, "sea")
    assert said["predictions"][0]["confidence"] > 0.8
    fast = next(one["version"] for one in live.models() if not one["slow"])
    live.serve(fast)
    assert live.predict(["a boat"])["model"] == fast
    assert next(one["version"] for one in live.models() if one["serving"]) == fast
    live.serve(None)
    assert live.predict(["a boat"])["model"] == here


def test_new_items_are_read_by_the_model_that_asks_before_a_round_sees_them(swapped: Swapped, tmp_path: Path) -> None:
    served = swapped.served
    items, truth = made(10, first=1000)
    folder = Path(served.live.folder)
    url = f"sqlite:///{folder}/tithe.sqlite"

    def read(cache: Path) -> set[str]:
        return {json.loads(path.read_text())["view"] for path in cache.glob("*/view.json")}

    embedder = Embedder(url, "p", folder, tmp_path, told=lambda *_: None)
    assert embedder.stage(served.project.snapshot().items.ids[:30]) == 30
    assert "slow:proba" in read(tmp_path)
    served.live.add(items)
    served.truth.update(truth)
    until(lambda: served.live.status()["embedded"] == 130)
    served.answer(5)
    rounds = replay(served.project, workshop=Workshop(ViewStore()))
    assert [one for one in rounds if one.trouble or one.strangers] == []


def test_without_a_slow_trainer_there_is_no_word_of_it(tmp_path: Path) -> None:
    one = open_live(tmp_path)
    assert one.live.status()["slow"] is None
    assert one.live.background.slow.child.pid is None
    one.live.close()
    one.store.close()


def test_a_killed_child_goes_on_and_is_told(tmp_path: Path) -> None:
    one = open_live(tmp_path, trainer=POOR, slow=LONG, audit=0.0)
    with one.live:
        one.answer(55)
        until(lambda: slow(one)["state"] == "learning")
        child = one.live.background.slow.child
        pid = until(lambda: child.pid)
        os.kill(pid, signal.SIGKILL)
        one.answer(3)  # labelling does not notice
        until(lambda: slow(one)["compared"])
        assert len(events(one, Begun)) == 1
        told = one.live.troubles()
        assert [trouble["what"] for trouble in told] == ["slow model"]
        assert "signal 9" in told[0]["error"]
        until(lambda: slow(one)["state"] == "waiting" and child.pid is None)  # its memory is given back
    one.store.close()


def test_a_server_that_was_ended_in_between_goes_on_where_it_was(tmp_path: Path) -> None:
    one = open_live(tmp_path, trainer=POOR, slow=LONG, audit=0.0)
    with one.live:
        one.answer(55)
        until(lambda: events(one, Begun))
        os.kill(until(lambda: one.live.background.slow.child.pid), signal.SIGSTOP)  # it is not done before the end
    one.store.close()
    again = open_live(tmp_path)
    assert not events(again, Compared)
    with again.live:
        until(lambda: slow(again)["compared"])
        assert len(events(again, Begun)) == 1
        assert again.live.status()["trouble"] is None
    again.store.close()


def test_a_slow_trainer_that_fails_leaves_the_old_model_and_is_not_tried_at_every_answer(tmp_path: Path) -> None:
    one = open_live(tmp_path, trainer=POOR, slow="sklearn(sklearn.svm.SVC, C=-1)", audit=0.0, refit_every=5)
    with one.live:
        one.answer(52)
        until(lambda: one.live.troubles())
        until(lambda: slow(one)["state"] == "waiting")
        one.answer(6)
        one.make_round()
        told = one.live.troubles()
        assert [trouble["what"] for trouble in told] == ["slow model"]
        assert "C" in told[0]["error"]
        assert slow(one)["asking"] is False
        assert one.live.status()["model"]["labels"] >= 52
        one.live.configure({"slow": GOOD})  # another one is tried at once
        until(lambda: slow(one)["asking"])
    one.store.close()


def test_switched_off_the_fast_model_asks_again(tmp_path: Path) -> None:
    one = open_live(tmp_path, trainer=POOR, slow=GOOD, audit=0.0)
    with one.live:
        one.answer(55)
        until(lambda: slow(one)["asking"])
        one.live.configure({"slow": "none"})
        until(lambda: one.live.desk.queue is not None and one.live.desk.queue.slow is None)
        assert one.live.status()["slow"] is None
        one.answer(2)
        assert events(one, Asked)[-1].slow == ""
        one.live.configure({"slow": GOOD})  # it is still the better one, and nothing is fitted for it
        until(lambda: slow(one)["asking"])
        assert len(events(one, Begun)) == 1
    one.store.close()


def test_a_renamed_label_ends_a_slow_model(tmp_path: Path) -> None:
    one = open_live(tmp_path, trainer=POOR, slow=GOOD, audit=0.0)
    with one.live:
        one.answer(55)
        until(lambda: slow(one)["asking"])
        one.live.rename("sea", "ocean")
        assert slow(one)["version"] is None
        until(lambda: slow(one)["asking"])  # it learns anew, with the new names
        assert len(events(one, Begun)) == 2
        assert one.live.predict(["a boat by the harbour"])["predictions"][0]["label"] == "ocean"
    one.store.close()


def test_a_fit_that_is_on_the_disk_is_not_made_again(tmp_path: Path) -> None:
    one = open_live(tmp_path, trainer=POOR, slow=GOOD, audit=0.0)
    with one.live:
        one.answer(55)
        until(lambda: slow(one)["asking"])
        position = slow(one)["version"]
        url = f"sqlite:///{tmp_path}/tithe.sqlite"
        told = list[str]()
        tuner = Tuner(url, "p", tmp_path, tmp_path / "cache", told=lambda what, *_: told.append(what))
        tuner.workshop.model = None  # type: ignore[method-assign, assignment]  # any fit would fail
        said = tuner.learn(position)
        assert said is not None
        assert said["compared"]["better"]
        read = tuner.read(position)
        assert read is not None
        assert (read["version"]["version"], read["version"]["slow"]) == (position, True)
        assert told == []  # nor is anything read again
        assert tuner.learn(position - 1) is None
        assert tuner.read(position - 1) is None
    one.store.close()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"slow": "finetun"}, "slow: .*finetune"),
        ({"slow": "linear"}, "slow: 'linear' is the fast trainer already; name another one, or none"),
        ({"slow": "proxy(slow=linear)"}, "slow: a proxy is for simulations"),
        ({"trainer": "proxy(slow=linear)"}, "trainer: a proxy is for simulations"),
        (
            {"slow": "finetune", "start": "lexical"},
            "slow: 'finetune' trains an encoder, and the start 'lexical' has none",
        ),
        ({"strategy": "bald", "slow": "sklearn(GaussianNB)"}, "the strategy 'bald' reads the view committee"),
        ({"slow": 3}, "slow: must be a name"),
    ],
)
def test_a_slow_trainer_that_cannot_be_is_refused_in_words(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        Settings().changed(changes, Choice(("a", "b")))


def test_the_slow_trainer_is_a_part_of_the_recipe() -> None:
    chosen = Settings().changed({"slow": "finetune(steps=30)"}, Choice(("a", "b")))
    assert chosen.recipe.slow == "finetune(steps=30)"
    assert chosen.changed({"slow": "none"}, Choice(("a", "b"))).recipe.slow is None
