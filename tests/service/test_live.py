"""A served project learns while it is labelled: real processes, a real database, made texts."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from tests.service.made_project import Served, made, open_live, until

from tithe.errors import ConfigError, ConflictError, DataError, LabelError, UnknownItemError, UnknownNameError
from tithe.log import Answered, Asked, Published, Snapshot
from tithe.loop.replay import replay
from tithe.loop.workshop import Workshop
from tithe.service.search import Query
from tithe.views import ViewStore

pytestmark = pytest.mark.system


@pytest.fixture
def still(tmp_path: Path) -> Iterator[Served]:
    """A project in which nothing goes on in the background: questions are drawn."""
    one = open_live(tmp_path)
    yield one
    one.live.close()
    one.store.close()


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    """A project of the test's own."""
    one = open_live(tmp_path)
    with one.live:
        yield one
    one.store.close()


class Learned(NamedTuple):
    """A project that tests share, which they only look at: 40 items were answered after 10 at random."""

    served: Served
    shown: list[dict[str, Any]]


@pytest.fixture(scope="module")
def learned(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Learned]:
    one = open_live(tmp_path_factory.mktemp("learned"))
    with one.live:
        # A round behind each part, however slow it is: asked without a break, all would come of one.
        shown = one.learn(20) + one.learn(10) + one.learn(10)
        until(lambda: one.live.status()["embedded"] == 120)
        yield Learned(one, shown)
    one.store.close()


def test_the_first_question_comes_before_anything_is_embedded(still: Served) -> None:
    began = time.process_time()  # nothing is waited for here, and others may use the processor too
    offer = still.live.next("me")
    assert time.process_time() - began < 1
    assert offer["items"][0]["text"]
    assert offer["items"][0]["suggestion"] is None
    assert still.live.status()["model"] is None


def test_answers_make_a_model_whose_suggestions_are_right(learned: Learned) -> None:
    served, shown = learned
    suggested = [one for one in shown[20:] if one["suggestion"] is not None]
    assert len(suggested) >= 8
    right = sum(one["suggestion"]["label"] == served.truth[one["id"]] for one in suggested)
    assert right >= 0.7 * len(suggested)
    status = served.live.status()
    assert status["model"]["labels"] <= status["labelled"] == 40
    assert status["trouble"] is None


def test_audit_items_are_asked_without_a_suggestion_and_never_train(learned: Learned) -> None:
    served, shown = learned
    audit = served.project.snapshot().audit
    asked = [one for one in shown if one["id"] in audit]
    assert len(asked) >= 5
    assert all(one["suggestion"] is None and one["audit"] for one in asked)
    latest = served.live.background.latest
    assert latest is not None
    assert latest.labelled == 40 - len(asked)
    assert set(latest.audit) == set(audit)


def test_nothing_is_asked_twice_and_the_log_says_why_each_was_asked(learned: Learned) -> None:
    shown = [one["id"] for one in learned.shown]
    assert len(set(shown)) == len(shown)
    asked = [event for event in learned.served.project.events() if isinstance(event, Asked)]
    assert [event.ids[0] for event in asked] == shown
    assert {event.strategy for event in asked} == {"margin", "audit"}
    assert all(event.n and event.start == "lexical" for event in asked if event.strategy == "margin")


def test_every_question_is_one_that_propose_asks_again(learned: Learned) -> None:
    rounds = replay(learned.served.project, workshop=Workshop(ViewStore()))
    assert sum(len(one.shown) for one in rounds) == sum(not one["audit"] for one in learned.shown)
    assert len(rounds) >= 3
    assert not [one for one in rounds if one.trouble or one.strangers]


def test_an_item_is_kept_for_the_one_who_has_it(still: Served) -> None:
    mine = still.live.next("me", 2)["items"]
    theirs = still.live.next("you", 2)["items"]
    assert not {one["id"] for one in mine} & {one["id"] for one in theirs}
    assert [one["id"] for one in still.live.next("me", 2)["items"]] == [one["id"] for one in mine]  # after a reload
    still.live.release("me")
    again = still.live.next("you", 4)["items"]
    assert {one["id"] for one in mine} <= {one["id"] for one in again}  # shown, left, and free again: first of all


def test_after_a_restart_the_next_question_is_there_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = open_live(tmp_path)
    with one.live:
        one.learn(30)
        held = one.live.next("me")["items"][0]["id"]
    one.store.close()
    again = open_live(tmp_path)
    with again.live:
        with monkeypatch.context() as patch:
            patch.setattr(again.live.background, "refill", lambda: pytest.fail("it waits for a round"))
            assert again.live.next("me")["items"][0]["id"] == held
            assert again.live.next("you")["items"]
        assert again.live.status()["model"]["labels"] <= 30
        assert again.live.desk.queue is not None
        again.learn(10)
        models = [event.fingerprint for event in again.project.events() if isinstance(event, Published)]
        assert len(set(models)) == len(models)  # the same model is not published twice
    again.store.close()


def test_a_killed_learner_leaves_the_questions_and_says_so(served: Served) -> None:
    served.learn(20)
    before = served.live.status()["model"]
    pid = served.live.background.learner.pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)  # so that it is in the middle of a round for sure
    served.live.background.want_round()
    until(lambda: served.live.status()["state"] == "training")
    os.kill(pid, signal.SIGKILL)
    trouble = until(lambda: served.live.status()["trouble"])
    assert "signal 9" in trouble["text"]
    assert served.live.status()["model"] == before
    assert served.answer(1)
    served.learn(6)  # a new process goes on where the old one was
    assert served.live.status()["model"]["version"] > before["version"]


def test_a_trainer_that_fails_shows_its_traceback_and_the_old_model_serves(served: Served) -> None:
    served.learn(20)
    before = served.live.status()["model"]
    served.project.configure({"start": "no/such-encoder"})  # behind the check, as after an upgrade
    served.live.background.want_round()
    trouble = until(served.live.troubles)[0]
    assert "no/such-encoder" in trouble["error"]
    assert served.live.status()["model"] == before
    assert served.answer(1)


def test_versions_roll_back_and_compare(served: Served) -> None:
    served.learn(15)
    served.learn(30)
    models = served.live.models()
    newest, oldest = models[0], models[-1]
    assert newest["version"] > oldest["version"]
    assert newest["serving"]
    assert newest["audit"]["low"] <= newest["audit"]["score"] <= newest["audit"]["high"]
    served.live.serve(oldest["version"])
    assert [one["version"] for one in served.live.models() if one["serving"]] == [oldest["version"]]
    assert served.live.predict(["the boat and the wind"])["model"] == oldest["version"]
    served.live.serve(None)
    assert served.live.predict(["the boat and the wind"])["model"] == newest["version"]
    found = served.live.compare(oldest["version"], newest["version"])
    assert found["n"] == newest["audit"]["n"]
    assert found["low"] <= found["difference"] <= found["high"]
    with pytest.raises(UnknownNameError, match="no version 7"):
        served.live.compare(7, newest["version"])
    with pytest.raises(UnknownNameError, match="no version 7"):
        served.live.serve(7)


def test_a_version_that_is_no_longer_on_the_disk_is_fitted_again(served: Served) -> None:
    import shutil

    served.learn(20)
    served.learn(10)
    old = served.live.models()[-1]["version"]
    texts = ["soup with bread", "a rope in the storm"]
    before = served.live.predict(texts, old)
    until(lambda: served.live.background.versions.model(old).is_dir())
    served.rest()  # a child rests only where nothing is under way
    shutil.rmtree(served.live.background.versions.model(old))
    served.live.background.learner.rest()  # it must not remember
    assert served.live.predict(texts, old) == before


def test_predictions_have_labels_confidence_and_scores(learned: Learned) -> None:
    live = learned.served.live
    said = live.predict(["the soup and the bread", "an anchor on the deck"])["predictions"]
    assert [one["label"] for one in said] == ["food", "sea"]
    for one in said:
        assert sum(one["scores"].values()) == pytest.approx(1, abs=1e-3)
        assert one["confidence"] == max(one["scores"].values())
    some = live.predict(["soup"], labels=["sea"])["predictions"][0]
    assert set(some["scores"]) == {"sea"}
    with pytest.raises(UnknownNameError, match=r"no label 'se'.*sea"):
        live.predict(["soup"], labels=["se"])


def test_before_there_is_a_model_everybody_is_told(still: Served) -> None:
    with pytest.raises(ConfigError, match="no model yet"):
        still.live.predict(["x"])
    assert still.live.progress()["estimates"] == []
    assert still.live.models() == []


def test_labels_are_added_renamed_and_merged_while_labelling(served: Served) -> None:
    served.answer(10)
    assert served.live.declare("air") == ["food", "sea", "air"]
    with pytest.raises(LabelError, match="already"):
        served.live.declare("air")
    assert served.live.rename("food", "meals") == ["meals", "sea", "air"]
    item = served.live.next("me")["items"][0]
    served.live.submit(Answered(item["id"], "food"))  # from a page that was open meanwhile
    assert served.project.snapshot().labels[item["id"]] == "meals"
    assert served.live.rename("air", "sea") == ["meals", "sea"]
    with pytest.raises(UnknownNameError, match="no label 'air'"):
        served.live.rename("air", "x")
    assert served.project.faults() == []
    served.truth.update({one: {"food": "meals"}.get(label, label) for one, label in served.truth.items()})
    served.learn(20)
    assert served.live.predict(["soup"])["predictions"][0]["label"] in ("meals", "sea")


def test_an_older_version_speaks_with_the_names_of_now(served: Served) -> None:
    live = served.live
    served.learn(20)
    version = live.models()[0]["version"]
    live.serve(version)
    served.make_round()
    assert live.items(Query(label="food", state="open"), limit=0)["count"]
    live.rename("food", "meals")
    suggested = live.next("me", 20)["items"]  # at once, by the questions of before
    served.make_round()
    suggested += live.next("me", 40)["items"]
    names = {one["suggestion"]["label"] for one in suggested if one["suggestion"]}
    assert names == {"meals", "sea"}
    assert live.items(Query(label="meals", state="open"), limit=0)["count"]
    assert not live.items(Query(label="food"), limit=0)["count"]
    said = live.predict(["bread and soup"], labels=["meals"])
    assert (said["model"], said["predictions"][0]["label"]) == (version, "meals")
    assert set(said["predictions"][0]["scores"]) == {"meals"}
    live.rename("meals", "sea")
    said = live.predict(["bread and soup"])
    assert said["predictions"][0]["scores"] == {"sea": pytest.approx(1, abs=1e-3)}
    assert live.items(Query(label="sea"), limit=0)["count"] > 90


def test_labels_and_settings_changed_at_once_are_all_kept(still: Served) -> None:
    live = still.live
    names = [f"new {n}" for n in range(12)]
    changes = [partial(live.declare, one) for one in names] + [partial(live.rename, "food", "meals")]
    changes += [
        partial(live.configure, {"trainer": "sklearn(LogisticRegression)"}),
        partial(live.configure, {"seed": 7}),
    ]
    with ThreadPoolExecutor(8) as threads:
        for one in [threads.submit(change) for change in changes]:
            one.result()
    assert set(live.info()["labels"]) == {"meals", "sea", *names}
    assert (live.settings()["trainer"], live.settings()["seed"]) == ("sklearn(LogisticRegression)", 7)


def test_added_items_are_asked_too(served: Served) -> None:
    served.learn(20)
    items, truth = made(40, first=500)
    served.truth.update(truth)
    assert served.live.add(items) == 160
    until(lambda: served.live.status()["embedded"] == 160)
    shown = {one["id"] for one in served.learn(60) + served.answer(40)}
    assert shown & set(truth)
    with pytest.raises(DataError, match="already in the project"):
        served.live.add(items)


@pytest.mark.parametrize("fails", [False, True])
def test_what_is_wanted_while_the_background_looks_is_looked_for_again(
    still: Served, monkeypatch: pytest.MonkeyPatch, fails: bool
) -> None:
    background, looked = still.live.background, list[int]()

    def look(snapshot: Snapshot) -> list[str]:
        looked.append(snapshot.position)
        if len(looked) == 1:
            background.want_stage()  # items were added a moment after it looked, or the wrong start was mended
            if fails:
                raise DataError("no such start")
        else:
            background._closing = True
        return []

    monkeypatch.setattr(background, "_next_stage", look)
    background.want_stage()
    thread = threading.Thread(target=background._run, args=(background._stages,), daemon=True)
    thread.start()
    thread.join(20)
    assert len(looked) == 2


def test_a_lease_that_another_call_of_theirs_has_just_taken_again_is_theirs(
    still: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    (item,) = (one["id"] for one in still.answer(1))
    still.live.undo(still.live.history("me")[0]["annotation"], "me")
    take = still.project.take

    def late(*given: Any, **named: Any) -> Any:
        take(*given, **named)  # the other call was quicker
        return take(*given, **named)

    monkeypatch.setattr(still.project, "take", late)
    assert [one["item"] for one in still.live.renew("me", [item])] == [item]


def test_an_empty_queue_says_why(served: Served) -> None:
    served.live.configure({"budget": 12})
    served.answer(12)
    assert "the budget of 12 labels is spent" in served.live.next("me")["reason"]
    served.live.configure({"budget": None})
    served.answer(108)
    assert served.live.next("me") == {"items": [], "reason": "all 120 items are answered"}


def test_an_empty_queue_tells_of_audit_items_that_nobody_asks_for(still: Served) -> None:
    still.live.configure({"audit": 0.0})
    still.answer(96)
    reason = still.live.next("me")["reason"]
    assert reason.startswith("96 of 120 items are answered; the other 24 are kept for the audit")
    still.live.configure({"audit": 0.1})
    still.answer(24)
    assert still.live.next("me")["reason"] == "all 120 items are answered"


def test_the_last_items_are_with_others(still: Served) -> None:
    held = still.live.next("you", 100)["items"] + still.live.next("them", 100)["items"]
    assert len(held) == 120
    assert "with others until" in still.live.next("me")["reason"]


def test_what_is_sent_twice_counts_once(still: Served) -> None:
    item = still.live.next("me")["items"][0]["id"]
    first = still.live.submit(Answered(item, "sea"), key="one")
    assert still.live.submit(Answered(item, "sea"), key="one") == first
    with pytest.raises(ConflictError):
        still.live.submit(Answered(item, "food"), key="one")


def test_bad_answers_are_refused_and_late_ones_kept(still: Served) -> None:
    item = still.live.next("me")["items"][0]["id"]
    with pytest.raises(LabelError, match="see"):
        still.live.submit(Answered(item, "see"))
    with pytest.raises(UnknownItemError):
        still.live.submit(Answered("nowhere", "sea"))
    still.live.release("me")
    other = still.live.next("you")["items"][0]["id"]
    assert other == item
    still.live.submit(Answered(item, "sea", "me"))  # its lease is somebody else's now
    assert still.project.snapshot().answers[item]["me"].label == "sea"


def test_undo_brings_the_item_back(still: Served) -> None:
    item = still.live.next("me")["items"][0]["id"]
    number = still.live.submit(Answered(item, "sea"))
    assert still.live.history("me")[0]["standing"]
    still.live.undo(number, "me")
    assert item not in still.project.snapshot().labels
    assert not still.live.history("me")[0]["standing"]
    assert still.live.next("me", item=item)["items"][0]["id"] == item


def test_a_lease_comes_back_while_the_item_is_free(still: Served) -> None:
    item = still.live.next("me")["items"][0]["id"]
    still.live.undo(still.live.submit(Answered(item, "sea")), "me")
    assert [one["item"] for one in still.live.renew("me", [item, "nowhere"])] == [item], "taken again after the undo"
    assert still.live.next("you")["items"][0]["id"] != item
    still.live.release("me")
    assert still.live.next("you", item=item)["items"]
    assert still.live.renew("me", [item]) == [], "somebody else has it now"


def test_items_are_found_by_text_label_state_and_confidence(learned: Learned) -> None:
    served = learned.served
    boats = served.live.items(Query(text="BOAT"), limit=200)
    assert boats["count"] == len(boats["items"]) > 0
    assert all("boat" in one["text"] for one in boats["items"])
    labelled = served.live.items(Query(state="labelled"), limit=200)
    assert labelled["count"] == 40
    unsure = served.live.items(Query(order="confidence"), limit=120)["items"]
    sure = [one["suggestion"]["confidence"] for one in unsure if one["suggestion"]]
    assert sure == sorted(sure)
    middle = sure[len(sure) // 2]
    below, above = (served.live.items(query, limit=0)["count"] for query in (Query(below=middle), Query(above=middle)))
    assert 0 < below < 120
    hidden = sum(one not in served.project.snapshot().answers for one in served.project.snapshot().audit)
    assert below + above == 120 - hidden
    seas = served.live.items(Query(label="sea"), limit=200)["items"]
    assert {one["label"] or one["suggestion"]["label"] for one in seas if one["label"] or one["suggestion"]} == {"sea"}
    page = served.live.items(Query(), after=50, limit=50)
    assert len(page["items"]) == 50
    assert page["more"]


def test_items_nobody_answered_in_the_audit_show_no_guess(learned: Learned) -> None:
    served = learned.served
    found = served.live.items(Query(state="audit", order="confidence"), limit=200)["items"]
    assert {one["suggestion"] is None for one in found if one["state"] == "open"} == {True}
    unsure = [one["state"] for one in found]
    assert unsure == sorted(unsure, key=lambda one: one == "open")  # behind all of which the model says something
    for query in (Query(label="sea"), Query(label="food"), Query(above=0.0), Query(below=1.0)):
        seen = {one["id"] for one in served.live.items(query, limit=200)["items"]}
        assert not seen & {one["id"] for one in found if one["state"] == "open"}


def test_export_holds_every_item_once_by_person_or_model(learned: Learned, tmp_path: Path) -> None:
    served = learned.served
    import json

    done = served.live.export("jsonl", tmp_path / "out.jsonl", with_predictions=True)
    rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert done.rows == len(rows) == len({row["id"] for row in rows}) == 120
    assert sum(row["by"] == "person" for row in rows) == 40
    guessed = [row for row in rows if row["by"] == "model"]
    assert len(guessed) == 80
    assert sum(row["label"] == served.truth[row["id"]] for row in guessed) >= 0.8 * 80


def test_how_good_it_is_comes_with_an_interval(learned: Learned) -> None:
    served = learned.served
    found = served.live.progress()
    assert found["labelled"] == 40
    assert sum(found["counts"].values()) == 40
    estimate = found["estimates"][0]
    assert estimate["low"] <= estimate["mean"] <= estimate["high"]
    assert found["seconds"] == pytest.approx(60)


def test_changing_how_it_learns_takes_effect(served: Served) -> None:
    served.learn(20)
    served.live.configure({"strategy": "random"})
    served.make_round()
    assert until(lambda: served.live.status()["reason"] == "random")
    with pytest.raises(ConfigError, match="strategy: "):
        served.live.configure({"strategy": "nonsense"})
    served.live.configure({"suggestions": False})
    assert all(one["suggestion"] is None for one in served.live.next("me", 3)["items"])


def test_another_trainer_of_the_same_answers_is_another_version(served: Served) -> None:
    served.learn(20)
    before = served.live.status()["model"]["version"]
    served.live.configure({"trainer": "sklearn(LogisticRegression)"})
    served.make_round()
    models = served.live.models()
    assert models[0]["version"] > before
    assert (models[0]["recipe"]["trainer"], models[1]["recipe"]["trainer"]) == ("sklearn(LogisticRegression)", "linear")


def test_watchers_hear_of_changes(still: Served) -> None:
    seen = still.live.wait(-1, 0)
    still.answer(1)
    assert still.live.wait(seen, 10) > seen
