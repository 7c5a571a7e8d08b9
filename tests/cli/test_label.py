"""`tithe label`, `tithe import`, `tithe export`: real processes where a server runs, this one where it is refused."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tithe.data import write_rows
from tithe.data.reading import read_items
from tithe.store import open_store
from tithe.store.folder import ProjectFolder

pytestmark = pytest.mark.system

TITHE = str(Path(sys.executable).with_name("tithe"))
TEXTS = [f"{word} number {n}" for n in range(8) for word in ("apple", "pear", "plum")]
Refused = Callable[..., str]


@dataclass
class Running:
    """A server of `tithe label`."""

    process: subprocess.Popen[str]
    link: str
    token: str

    def client(self) -> httpx.Client:
        base = re.sub(r"/open.*", "/api/v1/projects", self.link)
        (project,) = httpx.get(base, headers=self._headers, verify=False).json()
        return httpx.Client(base_url=f"{base}/{project['id']}", headers=self._headers, timeout=120, verify=False)

    @property
    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    def end(self, number: int = signal.SIGINT) -> tuple[int, str, str]:
        self.process.send_signal(number)
        out, err = self.process.communicate(timeout=120)
        return self.process.returncode, out, err


Start = Callable[..., Running]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Runs `tithe label` until it says where; port 0 is one that the system chooses."""
    begun: list[subprocess.Popen[str]] = []

    def run(*words: object, token: str = "for-scripts", port: object = 0) -> Running:
        command = [TITHE, "label", *map(str, words), "--no-browser", "--port", str(port)]
        pipes: Any = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        process = subprocess.Popen(command, cwd=tmp_path, env={**os.environ, "TITHE_TOKEN": token}, **pipes)
        begun.append(process)
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            pytest.fail(f"no server: {process.communicate(timeout=120)}")
        found = re.findall(r"http://\S+", line)
        assert len(found) == 1
        return Running(process, found[0], token)

    yield run
    for process in begun:
        if process.poll() is None:
            process.kill()
        process.communicate(timeout=120)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "fruits.csv"
    write_rows(path, {"id": [f"i{n}" for n in range(24)], "text": TEXTS})
    return path


@pytest.fixture
def made(file: Path, tithe: Any, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a project that was made and is not served."""
    from tithe.service import making

    folder = file.parent / "p"
    source = making.Source(file, "choice", ("fruit", "tree"))
    making.make(folder, source, note=print, tell=lambda *_: None)
    return folder


# --- it works


def test_a_file_is_labelled_ended_and_gone_on_with(start: Start, file: Path, tmp_path: Path) -> None:
    first = start("fruits.csv", "--labels", "fruit,tree")
    with first.client() as client:
        item = client.get("/next").json()["items"][0]
        assert client.post("/annotations", json={"item": item["id"], "label": "tree"}).status_code == 201
    code, out, err = first.end()
    assert (code, err) == (0, "importing: 24 of 24\n")
    assert out == "ended; every answer is kept. Go on with: tithe label --project fruits-labels\n"
    for words in (("--project", "fruits-labels"), ("fruits.csv", "--labels", "fruit,tree")):
        again = start(*words)
        with again.client() as client:
            assert client.get(f"/items/{item['id']}").json()["label"] == "tree"
            assert client.get("/status").json()["labelled"] == 1
        assert again.end(signal.SIGTERM)[0] == 0


def test_after_kill_9_it_starts_again_with_every_answer(start: Start, file: Path) -> None:
    first = start(file, "--labels", "fruit,tree", "--project", "p")
    with first.client() as client:
        sent = {"item": "i3", "label": "fruit"}
        assert client.post("/annotations", json=sent).status_code == 201
    first.end(signal.SIGKILL)
    with start("--project", "p").client() as client:
        assert client.get("/items/i3").json()["label"] == "fruit"


def test_the_link_opens_the_page_and_secrets_are_private(start: Start, file: Path, tmp_path: Path) -> None:
    running = start(file, "--labels", "fruit,tree", "--project", "p")
    with httpx.Client(verify=False) as browser:
        assert browser.get(running.link).status_code == 200
        assert browser.get(re.sub(r"/open.*", "/api/v1/projects", running.link)).status_code == 200
    for name in ("secret", "project.toml", "lock"):
        assert (tmp_path / "p" / name).stat().st_mode & 0o777 == 0o600, name
    address = running.link.split("/")[2].split(":")[0]
    assert address == "127.0.0.1"


def test_the_server_loads_no_learning_library(start: Start, file: Path) -> None:
    running = start(file, "--labels", "fruit,tree", "--project", "p")
    with running.client() as client:
        client.get("/next")
    loaded = Path(f"/proc/{running.process.pid}/maps").read_text()
    assert "libtorch" not in loaded
    assert "sklearn" not in loaded


def test_with_no_port_the_next_free_one_is_taken(start: Start, file: Path) -> None:
    from tithe.service.serving import PORT, claimed

    with closing(claimed("127.0.0.1", None)) as one, closing(claimed("127.0.0.1", None)) as two:
        assert PORT <= one.getsockname()[1] < two.getsockname()[1]


# --- labels of the file


def answers_in(folder: Path) -> dict[str, str]:
    with closing(open_store(ProjectFolder(folder).url)) as store:
        project = store.project(store.projects()[0])
        return {one.answer.item: f"{one.answer.annotator}:{one.answer.label}" for one in project.annotations()}


def make(folder: Path, columns: dict[str, list[Any]], task: str = "choice", **options: Any) -> list[str]:
    from tithe.service import making

    path = folder.parent / "some.jsonl"
    write_rows(path, columns)
    notes: list[str] = []
    making.make(folder, making.Source(path, task, **options), note=notes.append, tell=lambda *_: None)
    return notes


def test_labels_of_some_rows_count_as_answers_and_declare_the_labels(tmp_path: Path) -> None:
    columns = {"id": ["1", "2", "3"], "text": ["a", "b", "c"], "label": ["y", None, "x"]}
    notes = make(tmp_path / "p", columns)
    assert "2 of 3 rows have a label already and count as answered" in notes[-1]
    assert answers_in(tmp_path / "p") == {"1": "file:y", "3": "file:x"}


def test_labels_of_some_rows_are_left_out_when_asked(tmp_path: Path) -> None:
    columns = {"id": ["1", "2", "3"], "text": ["a", "b", "c"], "label": ["y", None, "strange"]}
    make(tmp_path / "p", columns, labels=("x", "y"), ignore_labels=True)
    assert answers_in(tmp_path / "p") == {}


def test_a_file_whose_rows_all_have_labels_is_asked_anew(tmp_path: Path) -> None:
    columns = {"id": ["1", "2"], "text": ["a", "b"], "label": ["y", "x"]}
    notes = make(tmp_path / "p", columns)
    assert "every row has a label already; all are asked anew" in notes[-1]
    assert answers_in(tmp_path / "p") == {}


def test_spans_and_label_sets_are_labelled_too(start: Start, tmp_path: Path) -> None:
    write_rows(tmp_path / "s.jsonl", {"text": ["Ada lives in Rome.", "I do 👍🏿 not."]})
    with start("s.jsonl", "--task", "spans", "--labels", "PER,LOC").client() as client:
        item = client.get("/next").json()["items"][0]
        assert item["tokens"][0][0] == 0
        span = [{"start": 0, "end": 1, "label": "PER"}]
        assert client.post("/annotations", json={"item": item["id"], "label": span}).status_code == 201
        assert client.get(f"/items/{item['id']}").json()["label"] == span
    with start("s.jsonl", "--task", "multilabel", "--labels", "x,y", "--project", "m").client() as client:
        item = client.get("/next").json()["items"][0]
        assert client.post("/annotations", json={"item": item["id"], "label": ["y", "x"]}).status_code == 201
        assert client.get(f"/items/{item['id']}").json()["label"] == ["x", "y"]


# --- bad input


def test_a_file_without_labels_and_no_labels_given(refused: Refused, file: Path) -> None:
    assert "has no labels of its own; say which there are: --labels a,b,c" in refused("label", file, "--no-browser")


def test_a_file_of_words_and_a_task_of_spans(refused: Refused, tmp_path: Path) -> None:
    (tmp_path / "words.csv").write_text("text,label\na b,billing\n")
    line = refused("label", tmp_path / "words.csv", "--task", "spans", "--no-browser")
    assert "words.csv the column 'label' holds words such as 'billing', not spans; docs/formats.md" in line
    assert line.endswith("or say which labels there are: --labels a,b,c")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--labels", "a"), "at least two labels"),
        (("--labels", ","), "--labels names no labels"),
        (("--labels", "a,a"), "declared twice: a"),
        (("--labels", "a,b", "--labels-from", "x.txt"), "either --labels or --labels-from"),
        (("--labels-from", "x.txt"), "there is no file x.txt"),
        (("--labels", "a,b", "--task", "choise"), "did you mean 'choice'?"),
        (("--labels", "a,b", "--text", "words"), "has no column 'words'"),
        (("--labels", "a,b", "--host", "0.0.0.0"), "give a token"),
        (("--labels", "a,b", "--host", "0.0.0.0", "--token", "short"), "16 characters"),
        (("--labels", "a,b", "--host", "203.0.113.7", "--token", "0123456789abcdef"), "cannot listen at 203.0.113.7"),
        (("--labels", "a,b", "--guidelines", "none.md"), "there is no file none.md"),
        (("--labels", "a,b", "--port", "70000"), "65535"),
        (("--labels", "a,b", "--token", "two words"), "ASCII"),
    ],
)
def test_options_that_do_not_fit(refused: Refused, file: Path, words: tuple[str, ...], said: str) -> None:
    assert said in refused("label", file, "--project", file.parent / "p", "--no-browser", *words)


def test_neither_a_file_nor_a_project(refused: Refused, tmp_path: Path) -> None:
    assert "give a FILE" in refused("label", "--no-browser")
    assert "there is no project in" in refused("label", "--project", tmp_path / "none", "--no-browser")


def test_files_that_cannot_be_read(refused: Refused, tmp_path: Path) -> None:
    (tmp_path / "bad.jsonl").write_text('{"text": "a"}\n{"text": \n')
    (tmp_path / "empty.csv").write_text("")
    (tmp_path / "dir.csv").mkdir()
    for name, said in (
        ("bad.jsonl", "line 2"),
        ("empty.csv", "empty.csv"),
        ("dir.csv", "folder"),
        ("no.csv", "there is no file"),
    ):
        assert said in refused("label", tmp_path / name, "--labels", "a,b", "--project", tmp_path / "p", "--no-browser")


def test_a_folder_that_is_there_and_no_project(refused: Refused, file: Path, tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine")
    assert "is no project" in refused("label", file, "--labels", "a,b", "--project", tmp_path / "full", "--no-browser")


def test_a_port_that_is_taken(refused: Refused, file: Path, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        said = refused("label", file, "--labels", "a,b", "--project", tmp_path / "p", "--port", port, "--no-browser")
    assert f"the port {port} is taken by another program; name another with --port" in said


def test_a_second_server_of_one_project(start: Start, file: Path, tithe: Any) -> None:
    running = start(file, "--labels", "fruit,tree", "--project", "p")
    said = tithe("label", "--project", file.parent / "p", "--no-browser")
    assert (said.code, said.out) == (2, "")
    assert f"process {running.process.pid} has {file.parent / 'p'} open; stop it first, or use its page" in said.err


def test_a_file_that_has_changed_says_what(start: Start, refused: Refused, made: Path, file: Path) -> None:
    texts = ["new text" if n == 5 else text for n, text in enumerate(TEXTS)]
    write_rows(file, {"id": [f"i{n}" for n in range(2, 27)], "text": [*texts[2:], "x", "y", "z"]})
    said = refused("label", file, "--project", made, "--no-browser")
    assert "has changed since the project was made: 3 new items, 2 gone, 1 changed; --add adds what is new" in said
    with start(file, "--project", made, "--add").client() as client:
        assert client.get("/status").json()["items"] == 27
        assert client.get("/items/i5").json()["text"] == TEXTS[5]


def test_guidelines_that_are_a_book_are_refused(refused: Refused, made: Path, tmp_path: Path) -> None:
    (tmp_path / "book.md").write_text("long " * 30_000)
    said = refused("label", "--project", made, "--guidelines", tmp_path / "book.md", "--no-browser")
    assert "at most 100,000 characters" in said


def test_another_file_for_a_project_is_refused(refused: Refused, made: Path, tmp_path: Path) -> None:
    write_rows(tmp_path / "other.csv", {"text": ["something", "else"]})
    said = refused("label", tmp_path / "other.csv", "--project", made, "--no-browser")
    assert "is not the file that the project was made of" in said
    assert "2 new items, 24 gone, 0 changed" in said


def test_labels_and_a_task_that_no_longer_fit(refused: Refused, made: Path, file: Path) -> None:
    said = refused("label", file, "--labels", "fruit,nut", "--project", made, "--no-browser")
    assert "the project has the labels fruit, tree, and of those given 'nut' is none of them" in said
    said = refused("label", file, "--labels", "fruit", "--project", made, "--no-browser")
    assert "some of them are missing" in said
    said = refused("label", file, "--task", "spans", "--project", made, "--no-browser")
    assert "the project is of the task 'choice', and --task says 'spans'" in said


def test_labels_that_were_renamed_on_the_page_do_not_stop_the_first_command(start: Start, file: Path) -> None:
    words = (file, "--labels", "fruit,tree", "--project", "p")
    first = start(*words)
    with first.client() as client:
        assert client.post("/labels", json={"rename": "tree", "to": "plant"}).status_code == 200
    first.end()
    with start(*words).client() as client:
        assert client.get("/settings").status_code == 200


def test_labels_of_the_file_that_were_not_declared(refused: Refused, tmp_path: Path) -> None:
    write_rows(tmp_path / "l.csv", {"text": ["a", "b", "c"], "label": ["x", "y", ""]})
    said = refused("label", tmp_path / "l.csv", "--labels", "x,z", "--project", tmp_path / "p", "--no-browser")
    assert "has the label 'y' (1 rows), which --labels does not" in said


def test_a_database_of_a_newer_version(refused: Refused, made: Path) -> None:
    with closing(sqlite3.connect(made / "tithe.sqlite")) as database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")
        database.commit()
    assert "newer" in refused("label", "--project", made, "--no-browser")


def test_a_full_disk_leaves_nothing(small_disk: Path, tithe: Any, tmp_path: Path) -> None:
    write_rows(tmp_path / "big.csv", {"text": [f"{n} " + "x" * 200 for n in range(20_000)]})
    said = tithe("label", tmp_path / "big.csv", "--labels", "a,b", "--project", small_disk / "p", "--no-browser")
    assert (said.code, said.out) == (2, "")
    assert "full" in said.errors[-1]
    assert list(small_disk.iterdir()) == []


def test_a_disk_that_fills_while_labelling_loses_no_acknowledged_answer(
    start: Start, file: Path, small_disk: Path
) -> None:
    from tithe.service import making

    source = making.Source(file, "choice", ("fruit", "tree"))
    making.make(small_disk / "p", source, note=print, tell=lambda *_: None)
    lexical(small_disk / "p")
    filler, kept = small_disk / "filler", set[str]()
    with start("--project", small_disk / "p").client() as client:
        with filler.open("wb", buffering=0) as full, suppress(OSError):
            while full.write(b"x" * 1024):
                pass
        for n in range(24):
            sent = client.post("/annotations", json={"item": f"i{n}", "label": "tree", "comment": "x" * 5_000})
            if sent.status_code == 201:
                kept.add(f"i{n}")
                continue
            assert sent.status_code == 503
            assert "the disk" in sent.json()["detail"]
        filler.unlink()
        assert client.post("/annotations", json={"item": "i23", "label": "fruit"}).status_code == 201
        found = {one["item"] for one in client.get("/annotations", params={"limit": 100}).json()}
    assert len(kept) < 24
    assert found == kept | {"i23"}


def test_what_a_killed_making_left_is_no_hindrance(start: Start, file: Path, tmp_path: Path) -> None:
    left = tmp_path / ".p.making"
    ProjectFolder.make(left)
    (left / "tithe.sqlite").write_bytes(b"half a database")
    with start(file, "--labels", "fruit,tree", "--project", "p").client() as client:
        assert client.get("/status").json()["items"] == 24
    assert not left.exists()


# --- in and out


def lexical(folder: Path) -> None:
    """Has a project embedded sooner, without an encoder."""
    with closing(open_store(ProjectFolder(folder).url)) as store:
        store.project("p").configure({"start": "lexical"})


def test_items_come_in_while_the_server_runs_and_while_none_does(start: Start, tithe: Any, made: Path) -> None:
    lexical(made)
    running = start("--project", made)
    more, folder = made.parent / "more.csv", made
    write_rows(more, {"id": ["i0", "m1"], "text": [TEXTS[0], "kiwi"], "label": ["fruit", "tree"]})
    said = tithe("import", folder, more)
    assert (said.code, said.out) == (0, "imported: 1 new items, 25 in all\n")
    with running.client() as client:
        assert client.get("/items/m1").json()["label"] == "tree"
        client.get("/next")
        deadline = time.monotonic() + 120
        while client.get("/status").json()["embedded"] < 25:  # the running server embeds it too
            assert time.monotonic() < deadline
            time.sleep(0.1)
    running.end()
    assert tithe("import", folder, more).out == "imported: 0 new items, 25 in all\n"


def test_a_file_with_other_labels_is_not_imported(refused: Refused, made: Path, tmp_path: Path) -> None:
    write_rows(tmp_path / "more.csv", {"text": ["kiwi"], "label": ["nut"]})
    assert "has the label 'nut' (1 rows)" in refused("import", made, tmp_path / "more.csv")
    assert "is no project" in refused("import", tmp_path, tmp_path / "more.csv")


def test_answers_go_out_while_the_server_runs_and_while_none_does(start: Start, tithe: Any, file: Path) -> None:
    running = start(file, "--labels", "fruit,tree", "--project", "p")
    with running.client() as client:
        for n in (1, 2):
            client.post("/annotations", json={"item": f"i{n}", "label": "tree", "comment": "=1+1"})
        by_api = [json.loads(line) for line in client.get("/export?format=jsonl").text.splitlines()]
    out = file.parent / "out.jsonl"
    for _ in range(2):
        said = tithe("export", file.parent / "p", "--out", out)
        assert (said.code, said.out) == (0, f"exported: 2 rows to {out}\n")
        rows = [json.loads(line) for line in out.read_text().splitlines()]
        assert rows == by_api
        assert [(row["id"], row["label"], row["annotator"], row["action"]) for row in rows] == [
            ("i1", "tree", "me", "label"),
            ("i2", "tree", "me", "label"),
        ]
        running.process.poll() is None and running.end()


def test_with_predictions_every_row_goes_out(start: Start, tithe: Any, example: Any, tmp_path: Path) -> None:
    columns: dict[str, list[Any]] = {"id": list(example.pool.ids[:60]), "text": list(example.pool.texts[:60])}
    make(tmp_path / "p", columns, labels=example.task.labels)
    lexical(tmp_path / "p")
    running = start("--project", "p")
    with running.client() as client:
        for one in example.pool.ids[:20]:
            client.post("/annotations", json={"item": one, "label": example.gold[one]})
    running.end()
    out = tmp_path / "all.csv"
    said = tithe("export", tmp_path / "p", "--with-predictions", "--out", out)
    assert said.code == 0, said
    rows = read_items(out)
    assert sorted(rows.ids) == sorted(example.pool.ids[:60])
    assert "labels by people: 20, by the model: 40" in said.err


def test_an_export_that_cannot_be_written(refused: Refused, made: Path, tmp_path: Path) -> None:
    assert "cannot tell the format" in refused("export", made, "--out", tmp_path / "x.doc")
    assert "none" in refused("export", made, "--out", tmp_path / "none" / "x.csv")
