"""Progress as lines: rates of this run and this work alone."""

import pytest

from tithe.cli import show


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [100.0]
    monkeypatch.setattr(show.time, "monotonic", lambda: now[0])
    return now


def test_work_on_other_items_begins_a_rate_of_its_own(clock: list[float], capsys: pytest.CaptureFixture[str]) -> None:
    tell = show.Plain()
    for step, (done, total) in enumerate([(0, 1500), (1500, 1500), (0, 400), (400, 400)]):
        clock[0] = 100.0 + 10 * step
        tell("embedding", done, total)
    lines = capsys.readouterr().err.splitlines()
    assert lines == [
        "embedding: 0 of 1500",
        "embedding: 1500 of 1500 (150.0/s, 0 s left)",
        "embedding: 0 of 400",
        "embedding: 400 of 400 (40.0/s, 0 s left)",
    ]


def test_what_a_killed_run_had_done_has_no_part_in_the_rate(
    clock: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    tell = show.Plain()
    tell("rounds", 90, 100)
    clock[0] += 10
    tell("rounds: trec/auto", 95, 100)
    assert capsys.readouterr().err.splitlines()[-1] == "rounds: 95 of 100 (0.5/s, 10 s left), now trec/auto"
