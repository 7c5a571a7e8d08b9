"""A child process that answers requests: how it is started, asked, watched and ended.

Requests and answers are lines of JSON on its standard input and output. When the parent dies, however it dies, its end
of the pipe closes and the child ends itself: a killed server leaves nothing running. What the child writes to standard
error goes to a file, whose end is told when it dies.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from pathlib import Path
from queue import Queue
from typing import Any, TypeAlias

from tithe.errors import JobError, TitheError

Told: TypeAlias = Callable[[str, int, int], None]
Handlers: TypeAlias = Mapping[str, Callable[..., Any]]

_TAIL = 4_000  # characters of standard error that are told of a dead child


class ChildError(JobError):
    """A request failed, or the child `died`; `trace` has the traceback or what it last wrote."""

    def __init__(self, message: str, trace: str = "", *, died: bool = False) -> None:
        super().__init__(message)
        self.trace, self.died = trace, died


class Child:
    """A child process, started at the first request and again after it died. Threads may share it."""

    def __init__(self, module: str, arguments: list[str], *, errors: Path, told: Told, nice: int = 0) -> None:
        """It will run `python -m module arguments`; `told` hears of its progress."""
        self._command = [sys.executable, "-m", module, *arguments]
        self._errors, self._told, self._nice = errors, told, nice
        self._guard = threading.Lock()
        self._process: subprocess.Popen[str] | None = None
        self._waiting: dict[int, Future[Any]] = {}
        self._number = 0
        self._closed = False

    @property
    def pid(self) -> int | None:
        """The number of the running process; None where none runs."""
        process = self._process
        return process.pid if process is not None and process.poll() is None else None

    def call(self, do: str, **arguments: Any) -> Any:
        """What the child answers; it does one thing after the other.

        Raises:
            ChildError: the request failed in a way nobody foresaw, or the child died, or was closed meanwhile.
            TitheError: as the request itself raised it.
        """
        future: Future[Any] = Future()
        with self._guard:
            if self._closed:
                raise ChildError("the server is closing")
            if self.pid is None:
                self._start()
            process = self._process
            assert process is not None
            assert process.stdin is not None
            self._number += 1
            self._waiting[self._number] = future
            try:
                process.stdin.write(json.dumps({"id": self._number, "do": do, "with": arguments}) + "\n")
                process.stdin.flush()
            except (OSError, ValueError):
                pass  # it has just died, and the reader may have closed the pipe: it tells everyone who waits
        return future.result()

    def rest(self) -> None:
        """Ends the child to give its memory back; the next request starts it again. Nothing may be under way."""
        process = self._process
        if process is not None and process.poll() is None and process.stdin is not None:
            process.stdin.close()
            process.wait()

    def stop(self) -> None:
        """Ends the child at once; whoever waits for it hears that it died. The next request starts it again."""
        process = self._process
        if process is not None and process.poll() is None:
            process.kill()
            process.wait()

    def close(self) -> None:
        """Ends the child at once and for good; what it was doing is lost, and what it has written stays."""
        with self._guard:
            self._closed = True
        self.stop()

    def _start(self) -> None:
        self._errors.parent.mkdir(parents=True, exist_ok=True)
        with self._errors.open("wb") as errors:
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                encoding="utf-8",
                env=os.environ | {"TITHE_NICE": str(self._nice)},
                start_new_session=True,  # Ctrl-C is for the parent
            )
        self._waiting = {}  # of this process alone: the reader of the last one may still be at its own
        threading.Thread(target=self._read, args=(self._process, self._waiting), daemon=True).start()

    def _read(self, process: subprocess.Popen[str], waiting: dict[int, Future[Any]]) -> None:
        """Hands answers to those who wait for them, until the child is gone."""
        assert process.stdout is not None
        for line in process.stdout:
            if not line.endswith("\n"):
                break  # it died in the middle of an answer
            said = json.loads(line)
            if "told" in said:
                self._told(*said["told"])
                continue
            future = waiting.pop(said["id"])
            if "error" in said:
                future.set_exception(_error(said))
            else:
                future.set_result(said["answer"])
        code = process.wait()
        for stream in (process.stdin, process.stdout):
            try:
                if stream is not None:
                    stream.close()
            except OSError:
                pass
        with self._guard:
            left = list(waiting.values())
        for future in left:
            future.set_exception(self._death(code))

    def _death(self, code: int) -> ChildError:
        if self._closed:
            return ChildError("the server is closing")
        tail = self._errors.read_text("utf-8", "replace")[-_TAIL:] if self._errors.exists() else ""
        how = f"was ended by signal {-code}" if code < 0 else f"ended with exit code {code}"
        why = "; most likely for lack of memory" if code == -9 else ""
        return ChildError(f"the process that learns {how}{why}", tail, died=True)


def _error(said: dict[str, Any]) -> Exception:
    if said["trace"]:
        return ChildError(said["error"], said["trace"])
    import tithe.errors

    kind = getattr(tithe.errors, said["kind"], TitheError)
    error: Exception = kind(said["error"])
    return error


def serve(make: Callable[[Told], Handlers]) -> None:
    """The child's side: answers requests until the parent is gone. `make` gets a function that tells of progress.

    The handler `idle`, if there is one, runs after each answer.
    """
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever prints must not stand between the answers
    guard = threading.Lock()

    def send(said: dict[str, Any]) -> None:
        with guard:
            out.write(json.dumps(said) + "\n")
            out.flush()

    os.nice(int(os.environ.get("TITHE_NICE", "0")))
    requests: Queue[str] = Queue()
    threading.Thread(target=_listen, args=(requests,), daemon=True).start()
    handlers = make(lambda what, done, total: send({"told": [what, done, total]}))
    while True:
        said = json.loads(requests.get())
        send({"id": said["id"]} | _answer(handlers, said))
        if "idle" in handlers:
            handlers["idle"]()


def _listen(requests: Queue[str]) -> None:
    """Puts requests into the queue; ends the process, whatever it is doing, once nobody can send any more."""
    for line in sys.stdin:
        requests.put(line)
    os._exit(0)


def _answer(handlers: Handlers, said: dict[str, Any]) -> dict[str, Any]:
    try:
        return {"answer": handlers[said["do"]](**said["with"])}
    except TitheError as error:
        return {"error": str(error), "kind": type(error).__name__, "trace": ""}
    except Exception as error:  # noqa: BLE001  # whatever a fit raises must reach a person, with its traceback
        return {"error": f"{type(error).__name__}: {error}", "kind": "", "trace": traceback.format_exc()}
