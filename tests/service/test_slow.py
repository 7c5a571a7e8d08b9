"""The slow model's work with a child that is made up: what counts as a failure, and what does not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from tithe.loop.propose import Recipe
from tithe.service import slow
from tithe.service.child import ChildError

RECIPE = Recipe("lexical", "linear", slow="finetune")
BEGUN = SimpleNamespace(
    begun=SimpleNamespace(fast="linear", slow="finetune", start="lexical"), at=SimpleNamespace(position=90)
)


class Made:
    """Slow work that began at position 90; the first request to its child runs `meanwhile` and ends with `error`."""

    def __init__(self, meanwhile: Callable[[Made], None], error: ChildError) -> None:
        self.meanwhile, self.error = meanwhile, error
        self.asked = list[int]()
        self.written = list[Any]()
        snapshot = SimpleNamespace(begun=BEGUN, compared=None, stages=(("a",),))
        self.desk: Any = SimpleNamespace(
            settings=SimpleNamespace(recipe=RECIPE, seed=0),
            snapshot=lambda: snapshot,
            project=SimpleNamespace(append=self.written.append),
        )
        self.work = slow.SlowWork(
            self.desk, SimpleNamespace(ring=lambda: None), None, lambda told: self,  # type: ignore[arg-type]  # made up
            clock=lambda: 0.0, swapped=lambda: None, trouble=lambda *_: None,
        )  # fmt: skip

    def configure(self, trainer: str | None) -> None:
        """Another slow trainer in the settings, or none."""
        self.desk.settings.recipe = replace(RECIPE, slow=trainer)
        self.work.changed()

    # --- the child

    def call(self, do: str, *, position: int) -> dict[str, Any]:
        self.asked.append(position)
        if len(self.asked) == 1:
            self.meanwhile(self)
            raise self.error
        return {"compared": {"position": position, "better": False, "held": 20}}

    def stop(self) -> None:
        pass

    rest = close = stop


@pytest.fixture(autouse=True)
def few_labels(monkeypatch: pytest.MonkeyPatch) -> None:
    """A quarter more labels would have to come before another model is begun."""
    monkeypatch.setattr(slow, "due", lambda *_: False)


@pytest.mark.parametrize("between", [None, "linear(members=2)"])
def test_switched_off_and_on_again_while_it_learns_it_goes_on(between: str | None) -> None:
    made = Made(lambda one: one.configure(between), ChildError("was ended by signal 9", died=True))
    made.work.want()
    made.work.work()
    assert (made.asked, made.written) == ([90], [])
    made.configure("finetune")
    made.work.work()
    assert made.asked == [90, 90]
    assert [one.position for one in made.written] == [90]


def test_a_closing_server_has_not_failed() -> None:
    made = Made(lambda one: one.work.close(), ChildError("the server is closing"))
    made.work.want()
    made.work.work()
    assert made.work._failed == -1


def test_a_real_failure_is_told_and_not_tried_again() -> None:
    made = Made(lambda _: None, ChildError("ValueError: C"))
    made.work.want()
    with pytest.raises(ChildError, match="ValueError: C"):
        made.work.work()
    made.work.want()
    made.work.work()
    assert made.asked == [90]
