"""Bad weather for the browser tests: `TITHE_TEST_CHAOS=SEED` has all that may be late be late, at random.

Nothing is reordered that a platform keeps in order, so whatever fails here can fail for a person with a slow computer:
processes are stopped for a moment, the server is slow before and after its work, and the page is given late what comes
from outside of it. A seed draws another weather, but the processes' own timing stays: it is not the same run again.
"""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from tithe.rng import stream

SEED = int(os.environ.get("TITHE_TEST_CHAOS", "0"))

PAGE = """(seed => {
  const draw = () => ((seed = (seed * 1103515245 + 12345) % 2 ** 31) / 2 ** 31);
  const later = window.setTimeout.bind(window);
  const pause = () => new Promise(done => later(done, draw() < 0.05 ? 300 : draw() < 0.5 ? 0 : 60 * draw()));
  const fetch = window.fetch.bind(window);
  window.fetch = async (...given) => {
    if (!given[1]?.keepalive) await pause(); // a page that leaves has no time to wait
    return fetch(...given).finally(pause);
  };
  const request = navigator.locks?.request.bind(navigator.locks); // about:blank has none
  if (request) navigator.locks.request = (name, ...rest) => {
    const work = rest.pop();
    return request(name, ...rest, async lock => (lock && (await pause()), work(lock))).finally(pause);
  };
  const turns = new WeakMap(); // what comes of one source stays in its order
  const late = heard => function (event) {
    const turn = (turns.get(this) ?? Promise.resolve()).then(pause).then(() => heard.call(this, event));
    turns.set(this, turn.catch(error => later(() => { throw error; })));
  };
  const { addEventListener } = EventTarget.prototype;
  EventSource.prototype.addEventListener = function (name, heard) {
    addEventListener.call(this, name, name === "status" ? late(heard) : heard);
  };
  const others = [[BroadcastChannel, "message"], [IDBTransaction, "complete"], [IDBOpenDBRequest, "success"]];
  for (const [kind, name] of others)
    Object.defineProperty(kind.prototype, `on${name}`, {
      set(heard) { addEventListener.call(this, name, late(heard)); },
    });
})(SEED)""".replace("SEED", str(SEED))
"""What comes from outside of the page's own turns comes late: replies, locks, events, and that the disk has it."""


class Slow:
    """An app behind this one answers late: before its work, so that requests overtake one another, and after it."""

    def __init__(self, app: Any) -> None:
        self._app, self._chance = app, stream(SEED, "server")

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def late(message: Any) -> None:
            if message["type"] == "http.response.start":
                await asyncio.sleep(self._chance.random() * 0.08)
            await send(message)

        await asyncio.sleep(self._chance.choice([0, 0.08, 0.3], p=[0.5, 0.45, 0.05]) * self._chance.random())
        await self._app(scope, receive, late)


def stop_and_go(ended: threading.Event) -> None:
    """Stops one of this process's descendants after the other for a moment: servers, their children, the browser's."""
    chance = stream(SEED, "processes", os.getpid())
    while not ended.wait(0.3 * chance.random()):
        one = int(chance.choice(_descendants(os.getpid()) or [0]))
        if one and _sent(one, signal.SIGSTOP):
            time.sleep(float(chance.choice([0.02, 0.1, 0.4], p=[0.6, 0.3, 0.1])))
            _sent(one, signal.SIGCONT)


def _sent(process: int, what: signal.Signals) -> bool:
    try:
        os.kill(process, what)
    except ProcessLookupError:
        return False  # it has ended meanwhile
    return True


def _descendants(of: int) -> list[int]:
    children: dict[int, list[int]] = {}
    for file in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it has just ended
            name, _, rest = file.read_text().rpartition(")")
            children.setdefault(int(rest.split()[1]), []).append(int(name.split()[0]))
    found = list(children.get(of, ()))
    for one in found:
        found += children.get(one, ())
    return found


if __name__ == "__main__":  # `tithe`, with a server that is slow
    from tithe.cli import main
    from tithe.service import serving

    made = serving.create_app

    def slow(*given: Any, **named: Any) -> Any:
        app = made(*given, **named)
        app.add_middleware(Slow)
        return app

    serving.create_app = slow
    main()
