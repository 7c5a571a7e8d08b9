"""A real `tithe label` process and clients of it: for `bench/service.py` and `tests/service/test_kills.py`."""

from __future__ import annotations

import csv
import http.client
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import quote

from tithe.data.example.generator import LABELS, message
from tithe.log import Asked
from tithe.rng import stream
from tithe.service.bell import Bell
from tithe.service.desk import Desk
from tithe.store import open_store
from tithe.store.folder import ProjectFolder

TITHE = (sys.executable, "-c", "from tithe.cli import main; main()")
"""How `tithe` is started here, whatever is on the path."""

TOKEN = "a-token-for-the-bench"
"""Of the servers that are started here; they listen on this machine alone."""


def messages(path: Path, count: int, *, labelled: int = 0, first: int = 0) -> dict[str, str]:
    """Writes a CSV of made messages, the first few of them with their labels; the labels of all, by id."""
    draws = stream(0, "bench", "messages", first)
    truth = {}
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "text", "label"])
        for row in range(first, first + count):
            label, text = message(draws)
            truth[f"m{row:07d}"] = label
            writer.writerow([f"m{row:07d}", text, label if row - first < labelled else ""])
    return truth


class Client:
    """One connection to a server, kept open, as a browser or a script keeps it. For one thread."""

    def __init__(self, port: int, timeout_s: float = 120.0) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout_s)

    def send(self, method: str, path: str, body: object = None, **headers: str) -> bytes:
        """The body of the answer; OSError where there is no server, RuntimeError where it refuses."""
        raw = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        kind = {} if isinstance(body, bytes | None) else {"Content-Type": "application/json"}
        known = {"Authorization": f"Bearer {TOKEN}"} | kind
        try:
            self._connection.request(method, path, raw, known | {k.replace("_", "-"): v for k, v in headers.items()})
            answer = self._connection.getresponse()
            said = answer.read()
        except http.client.HTTPException as error:  # it was killed in the middle
            raise ConnectionResetError(str(error)) from error
        if answer.status >= 300:
            raise RuntimeError(f"{method} {path}: {answer.status} {said[:500]!r}")
        return said

    def ask(self, method: str, path: str, body: object = None, **headers: str) -> Any:
        """The answer as JSON."""
        return json.loads(self.send(method, path, body, **headers) or b"null")

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()


class Server:
    """`tithe label` as a process of its own, over the project in `folder`, which it makes of `file` if need be."""

    def __init__(
        self, folder: Path, file: Path | None = None, *, cache: Path, command: tuple[str, ...] = TITHE
    ) -> None:
        self.folder = folder
        self.log = folder.with_suffix(".log")
        self._from = self.log.stat().st_size if self.log.exists() else 0  # where this server begins to write
        self.path = f"/api/v1/projects/{quote(folder.name)}"
        made = [str(file), "--labels", ",".join(LABELS)] if file else []
        where = ["--project", str(folder), "--port", "0", "--token", TOKEN]
        self.began = time.perf_counter()
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*command, "label", *made, *where, "--no-browser"],
                env=os.environ | {"TITHE_CACHE": str(cache)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    @property
    def port(self) -> int:
        """The one that it says it is at, of those that were free; ConnectionRefusedError before that."""
        said = self.log.read_bytes()[self._from :].decode("utf-8", "replace")
        if (found := re.search(r"http://127\.0\.0\.1:(\d+)/", said)) is None:
            raise ConnectionRefusedError("the server has not begun yet")
        return int(found[1])

    def client(self) -> Client:
        """A new connection."""
        return Client(self.port)

    def first_question(self, timeout_s: float = 600.0) -> float:
        """Seconds from the start of the process to the first question answered."""
        while time.perf_counter() - self.began < timeout_s:
            try:
                with self.client() as client:
                    if client.ask("GET", f"{self.path}/next")["items"]:
                        return time.perf_counter() - self.began
            except OSError:
                if self.process.poll() is not None:
                    break
                time.sleep(0.01)
        raise RuntimeError(f"no question came:\n{self.log.read_text()[-2000:]}")

    def until(self, claim: Callable[[dict[str, Any]], bool], timeout_s: float = 3600.0) -> dict[str, Any]:
        """The status, once it is as claimed."""
        end = time.monotonic() + timeout_s
        with self.client() as client:
            while time.monotonic() < end:
                status: dict[str, Any] = client.ask("GET", f"{self.path}/status")
                if claim(status):
                    return status
                time.sleep(0.1)
        raise RuntimeError(f"it did not come so far: {status}")

    def processes(self) -> dict[str, int]:
        """The numbers of the server and of its children, by what they do."""
        found = {"server": self.process.pid}
        for status in Path("/proc").glob("[0-9]*/stat"):
            try:
                if int(status.read_text().rpartition(")")[2].split()[1]) == self.process.pid:
                    line = (status.parent / "cmdline").read_bytes().decode().split("\0")
                    name = next((part for part in line if part.startswith("tithe.service.")), "another")
                    found[name.rpartition(".")[2]] = int(status.parent.name)
            except (OSError, ValueError):  # gone meanwhile
                continue
        return found

    def end(self) -> None:
        """Ends it as Ctrl-C does."""
        self.process.send_signal(signal.SIGINT)
        self.process.wait(30)

    def kill(self) -> dict[str, int]:
        """Kills the server alone; those of its children that are still alive half a minute later."""
        children = self.processes()
        del children["server"]
        self.process.kill()
        self.process.wait()
        end = time.monotonic() + 30
        while time.monotonic() < end and children:
            children = {name: pid for name, pid in children.items() if is_alive(pid)}
            time.sleep(0.02)
        return children


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that has ended and waits for its parent does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def cpu_s(pid: int) -> float:
    """Seconds of processor time that a process has used: steadier than waits on a machine that others use too."""
    used = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(used[11]) + int(used[12])) / os.sysconf("SC_CLK_TCK")


def pss_mb(pid: int) -> float:
    """The memory of a process, with its share of what it shares; 0 where it is gone."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024


class People:
    """Clients that answer by the truth as fast as they can, each in a thread. They share the one annotator there is.

    Each asks for as many items as there are clients and works on one that no other client has in hand. `answered` has
    what the server acknowledged: item to annotation number and label; `again` what was shown after that.
    """

    def __init__(
        self, server: Server, truth: dict[str, str], *, known: dict[str, tuple[int, str]] | None = None
    ) -> None:
        self.server, self.truth = server, truth
        self.answered = {} if known is None else known
        self.again: list[str] = []
        self.waits: dict[str, list[float]] = {"next": [], "submit": []}
        self.empty: list[str] = []
        self._hands: set[str] = set()
        self._guard = threading.Lock()
        self._ending = threading.Event()
        self._threads: list[threading.Thread] = []

    def begin(self, count: int, think_s: float = 0.0) -> None:
        """Sends so many to work."""
        self._threads = [threading.Thread(target=self._work, args=(count, think_s)) for _ in range(count)]
        for thread in self._threads:
            thread.start()

    def until(self, answers: int, timeout_s: float = 60.0) -> None:
        """Waits for so many answers."""
        end = time.monotonic() + timeout_s
        while len(self.waits["submit"]) < answers and time.monotonic() < end:
            time.sleep(0.005)

    def end(self) -> None:
        """Waits until all have stopped: after their item, or when the server is gone."""
        self._ending.set()
        for thread in self._threads:
            thread.join()

    def _work(self, count: int, think_s: float) -> None:
        try:
            with self.server.client() as client:
                while not self._ending.is_set():
                    self._one(client, count)
                    time.sleep(think_s)
        except OSError:
            pass  # killed; what was not acknowledged does not count

    def _one(self, client: Client, count: int) -> None:
        before = frozenset(self.answered)
        began = time.perf_counter()
        said = client.ask("GET", f"{self.server.path}/next?n={count}")
        self.waits["next"].append(time.perf_counter() - began)
        with self._guard:
            shown = [one["id"] for one in said["items"]]
            self.again += [one for one in shown if one in before]
            free = [one for one in said["items"] if one["id"] not in self._hands and one["id"] not in self.answered]
            if not free:
                self.empty.append(said["reason"] or "others have them")
                time.sleep(0.005)
                return
            item = free[0]
            self._hands.add(item["id"])
        label = self.truth[item["id"]]
        body = {"item": item["id"], "label": label, "proposal": item["proposal"], "lead_s": 1.0}
        began = time.perf_counter()
        said = client.ask("POST", f"{self.server.path}/annotations", body, Idempotency_Key=item["id"])
        self.waits["submit"].append(time.perf_counter() - began)
        with self._guard:
            self.answered[item["id"]] = (said["annotation"], label)
            self._hands.discard(item["id"])


KINDS = ("submit", "import", "export", "training")
"""What the server is in the middle of when it is killed."""

_ROWS = 3_000  # of an import that may be killed


@dataclass
class Kills:
    """A project whose server is killed again and again at moments drawn by a seed; `faults` says what was wrong after.

    `truth` has the label of each item, `answered` the answers that must be there.
    """

    folder: Path
    cache: Path
    truth: dict[str, str]
    seed: int = 0
    settings: dict[str, Any] = field(default_factory=dict)
    answered: dict[str, tuple[int, str]] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    ready_s: list[float] = field(default_factory=list)

    def one(self, number: int, kind: str, people: int = 2) -> None:
        """Starts the server, has people answer while it does what `kind` says, kills it, and looks at what is left."""
        draws = stream(self.seed, "kill", number)
        server = Server(self.folder, cache=self.cache)
        self.ready_s.append(server.first_question())
        if self.settings:
            with server.client() as client:
                client.ask("PATCH", f"{server.path}/settings", self.settings)
        acknowledged = len(self.answered)
        crowd = People(server, self.truth, known=self.answered)
        crowd.begin(people, think_s=0.02)
        beside = threading.Thread(target=getattr(self, f"_{kind}"), args=(server, number))
        beside.start()
        if kind == "training":
            beside.join()
        else:
            crowd.until(1)
        time.sleep(float(draws.uniform(0.05, 1.5)))
        left = server.kill()
        crowd.end()
        beside.join()
        self._say(number, kind, [f"the {name} lives on" for name in left])
        self._say(number, kind, [f"{one} was shown after its answer" for one in crowd.again])
        self._say(number, kind, self._wrong())
        print(f"kill {number} ({kind}): {len(self.answered) - acknowledged} more answers", flush=True)

    def _say(self, number: int, kind: str, wrong: list[str]) -> None:
        self.faults += [f"kill {number} ({kind}): {one}" for one in wrong]

    def _submit(self, server: Server, number: int) -> None:
        pass  # people answer anyway

    def _import(self, server: Server, number: int) -> None:
        with TemporaryDirectory() as folder:
            path = Path(folder) / "more.csv"
            self.truth |= messages(path, _ROWS, first=1_000_000 + _ROWS * number)
            try:
                with server.client() as client:
                    client.send("POST", f"{server.path}/items", path.read_bytes(), Content_Type="text/csv")
            except OSError:
                pass

    def _export(self, server: Server, number: int) -> None:
        try:
            with server.client() as client:
                while True:
                    client.send("GET", f"{server.path}/export?format=jsonl")
        except OSError:
            pass

    def _training(self, server: Server, number: int) -> None:
        server.until(lambda status: status["state"] == "training", timeout_s=300)

    def _wrong(self) -> list[str]:
        """What is wrong with what the killed server left, a sentence each; takes note of answers not acknowledged."""
        folder = ProjectFolder(self.folder)
        with folder.locked(), closing(open_store(folder.url, fresh=False)) as store:
            found = store.faults()
            project = store.project(store.projects()[0])
            kept = {one.position: one for one in project.annotations()}
            for item, (number, label) in self.answered.items():
                one = kept.get(number)
                if one is None or (one.answer.item, one.answer.label, one.stands) != (item, label, True):
                    found.append(f"the acknowledged answer {number} to {item} is lost: {one}")
            self.answered |= {one.answer.item: (at, str(one.answer.label)) for at, one in kept.items()}
            snapshot = project.snapshot()
            if (len(snapshot.items) - len(self.truth)) % _ROWS:
                found.append(f"an import came in by half: there are {len(snapshot.items)} items")
            asked = Counter(one for event in project.events() if isinstance(event, Asked) for one in event.ids)
            found += [f"{one} was asked {times} times" for one, times in asked.items() if times > 1]
            mine = {one.item for one in project.held()} | self.answered.keys()
            shown = {one["id"] for one in Desk(project, Bell(), lambda: None).next("another", 5)["items"]}
            found += [f"{one} was shown to another person too" for one in shown & mine]
            project.release("another")
        return found


def replayed(folder: Path, cache: Path) -> tuple[bool, str]:
    """Whether `tithe replay` finds every question that was shown in the proposal it came from; and what it says."""
    command = [*TITHE, "replay", str(folder), "--cache", str(cache)]
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    return done.returncode == 0, done.stdout.strip() or done.stderr[-500:]
