"""The view store: computed once, whole or absent, the same bits however it came about."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections import namedtuple
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tithe.errors import CacheError, ConfigError, DataError
from tithe.log import joined
from tithe.ragged import Ragged
from tithe.tokens import places
from tithe.types import Items
from tithe.views import ViewStore, default_root, folder

N, SHARD = 50, 8


def some_items(count: int = N) -> Items:
    return Items([f"id{n:03d}" for n in range(count)], ["x" * (n * 7 % 13 + 1) for n in range(count)], ["a"] * count)


class Producer:
    """Computes 3 numbers an item, and counts how often it was asked."""

    def __init__(self) -> None:
        self.calls: list[list[str]] = []

    def __call__(self, items: Items) -> NDArray[np.float32]:
        assert items.gold is None, "a producer never sees gold labels"
        self.calls.append(list(items.ids))
        # The second column depends on the batch, as the last bits of an encoder do.
        return np.array([[len(t), len(items), int(i[2:])] for i, t in zip(items.ids, items.texts, strict=True)], "f4")


def view(store: ViewStore, compute: Producer, items: Items | None = None) -> NDArray[np.float32]:
    return store.get(items or some_items(), "producer-1", "embeddings", compute, shard_rows=SHARD)


def the_folder(root: Path) -> Path:
    (found,) = (path for path in root.iterdir() if path.is_dir())
    return found


@pytest.fixture(params=["disk", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ViewStore:
    return ViewStore(tmp_path if request.param == "disk" else None)


def test_rows_come_back_in_the_order_of_the_items_and_read_only(store: ViewStore) -> None:
    array = view(store, Producer())
    assert array.shape == (N, 3)
    assert array.dtype == np.float32
    assert array[:, 2].tolist() == list(range(N))
    with pytest.raises(ValueError, match="read-only"):
        array[0] = 0


def test_shards_hold_items_of_like_length(store: ViewStore) -> None:
    compute = Producer()
    view(store, compute)
    texts = dict(zip(some_items().ids, some_items().texts, strict=True))
    asked = [(len(texts[one]), one) for call in compute.calls for one in call]
    assert asked == sorted(asked)
    assert [len(call) for call in compute.calls] == [8, 8, 8, 8, 8, 8, 2]


def test_a_view_is_computed_once(store: ViewStore) -> None:
    compute = Producer()
    first = view(store, compute)
    assert view(store, compute) is first
    assert len(compute.calls) == 7


def test_another_process_would_find_it_on_disk(tmp_path: Path) -> None:
    first, second = Producer(), Producer()
    one, two = view(ViewStore(tmp_path), first), view(ViewStore(tmp_path), second)
    assert second.calls == []
    assert one.tobytes() == two.tobytes()
    record = json.loads((the_folder(tmp_path) / "view.json").read_text())
    assert (record["items"], record["producer"], record["view"]) == (some_items().digest, "producer-1", "embeddings")
    assert sorted(path.name for path in the_folder(tmp_path).iterdir()) == ["view.json", "view.npy"]


def test_disk_and_memory_give_the_same_bits(tmp_path: Path) -> None:
    assert view(ViewStore(tmp_path), Producer()).tobytes() == view(ViewStore(), Producer()).tobytes()


def test_items_producers_and_names_have_views_of_their_own(store: ViewStore) -> None:
    compute = Producer()
    for items, producer, name in [(N, "p", "v"), (N - 1, "p", "v"), (N, "q", "v"), (N, "p", "w")]:
        store.get(some_items(items), producer, name, compute)
    assert [len(call) for call in compute.calls] == [N, N - 1, N, N]


def test_a_part_is_cut_out_of_the_view_of_the_whole(store: ViewStore) -> None:
    compute, whole = Producer(), some_items()
    view(store, compute, whole)
    part = whole.take(np.array([7, 3, 3])).take(np.array([2, 0]))
    assert view(store, compute, part)[:, 2].tolist() == [3, 7]
    assert len(compute.calls) == 7


def stages(sizes: tuple[int, ...] = (20, 12, 18)) -> list[Items]:
    """The items of `some_items`, in several batches."""
    whole, at, found = some_items(), 0, []
    for size in sizes:
        found.append(Items(whole.ids[at : at + size], whole.texts[at : at + size], ["a"] * size))
        at += size
    return found


def test_a_whole_joined_of_parts_has_their_views_and_computes_only_what_is_new(store: ViewStore) -> None:
    compute, (first, second, third) = Producer(), stages()
    view(store, compute, first)
    both = joined([first, second])
    assert view(store, compute, both)[:, 2].tolist() == list(range(32))
    assert sorted(one for call in compute.calls for one in call) == sorted(both.ids), "each item once"
    whole = joined([both, third])
    assert whole.parts == (first, second, third)
    array = view(store, compute, whole)
    assert array[:, 2].tolist() == list(range(N))
    assert np.array_equal(array[:20], view(store, compute, first)), "to the last bit"
    assert sorted(one for call in compute.calls for one in call) == sorted(whole.ids), "each item once"
    with pytest.raises(ValueError, match="read-only"):
        array[0] = 0


def test_in_memory_is_the_whole_that_was_joined_and_not_its_parts_as_well(tmp_path: Path) -> None:
    store, whole = ViewStore(tmp_path), joined(stages())
    found = view(store, Producer(), whole)
    assert sum(array.nbytes for array in store._kept.values()) == found.nbytes


def test_a_part_of_a_joined_whole_is_cut_out_of_its_view(store: ViewStore) -> None:
    compute, whole = Producer(), joined(stages())
    cut = whole.take(np.array([45, 3, 25])).take(np.array([2, 0]))
    assert cut.base is whole
    assert view(store, compute, cut)[:, 2].tolist() == [25, 45]
    assert len(compute.calls) == 3 + 2 + 3
    assert view(store, compute, joined([cut, Items(["id999"], ["new"])]))[:, 2].tolist() == [25, 45, 999]
    assert len(compute.calls) == 9


def test_a_joined_whole_is_the_same_to_a_content_key_however_it_was_joined() -> None:
    assert {joined(stages(sizes)).digest for sizes in ((50,), (20, 12, 18), (1, 49))} == {some_items().digest}


def test_progress_of_a_joined_whole_is_told_as_that_of_one(store: ViewStore) -> None:
    told: list[tuple[int, int]] = []
    whole = joined(stages((8, 12)))
    store.get(whole, "p", "v", Producer(), shard_rows=8, tell=lambda done, total: told.append((done, total)))
    assert told == [(8, 20), (16, 20), (20, 20)]


def test_a_large_view_comes_mapped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder, "MAP_ABOVE", 0)
    array = view(ViewStore(tmp_path), Producer())
    assert isinstance(array, np.memmap)
    assert not array.flags.writeable
    assert array[:, 2].tolist() == list(range(N))


def test_progress_is_told_after_each_shard(store: ViewStore) -> None:
    told: list[tuple[int, int]] = []
    store.get(some_items(20), "p", "v", Producer(), shard_rows=8, tell=lambda done, total: told.append((done, total)))
    assert told == [(8, 20), (16, 20), (20, 20)]


CHILD = """
import sys, time
from pathlib import Path
import numpy as np
sys.path.insert(0, {tests!r})
from test_views import Producer, some_items, view
from tithe.views import ViewStore
slow, root, limit = Producer(), Path(sys.argv[1]), int(sys.argv[2])
def compute(items):
    if len(slow.calls) == limit:
        (root / "halfway").touch()
        time.sleep(60)
    return slow(items)
array = view(ViewStore(root / "cache"), compute)
print(len(slow.calls), array.tobytes().hex())
"""


def child(root: Path, limit: int) -> subprocess.Popen[str]:
    code = CHILD.format(tests=str(Path(__file__).parent))
    return subprocess.Popen([sys.executable, "-c", code, str(root), str(limit)], stdout=subprocess.PIPE, text=True)


def test_after_sigkill_only_the_missing_shards_are_computed(tmp_path: Path) -> None:
    process = child(tmp_path, 4)
    while not (tmp_path / "halfway").exists():
        assert process.poll() is None, "the child ended by itself"
        os.sched_yield()
    process.send_signal(signal.SIGKILL)
    process.communicate()
    shards = the_folder(tmp_path / "cache") / f"shards-{SHARD}"
    assert len(list(shards.iterdir())) == 4
    (shards / ".000004.npy.99.part").write_bytes(b"half a shard")
    (shards / "000005.npy").write_bytes(b"whole, but not named yet")
    (shards.parent / ".view.npy.99.part").write_bytes(b"half a view")

    compute, told = Producer(), list[int]()
    array = ViewStore(tmp_path / "cache").get(
        some_items(), "producer-1", "embeddings", compute, shard_rows=SHARD, tell=lambda done, _: told.append(done)
    )
    assert len(compute.calls) == 3
    assert told == [8, 16, 24, 32, 40, 48, 50]
    assert array.tobytes() == view(ViewStore(), Producer()).tobytes()
    assert sorted(path.name for path in shards.parent.iterdir()) == ["view.json", "view.npy"]


def test_two_processes_at_once_compute_it_once_between_them(tmp_path: Path) -> None:
    both = [child(tmp_path, -1) for _ in range(2)]
    answers = [process.communicate()[0].split() for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert sorted(int(calls) for calls, _ in answers) == [0, 7]
    assert answers[0][1] == answers[1][1]


def test_threads_at_once_compute_it_once_between_them(tmp_path: Path) -> None:
    compute = Producer()
    threads = [threading.Thread(target=view, args=(ViewStore(tmp_path), compute)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(compute.calls) == 7


def test_a_failing_producer_keeps_whole_shards_and_leaves_no_empty_folders(tmp_path: Path) -> None:
    compute = Producer()

    def failing(items: Items) -> NDArray[np.float32]:
        if len(compute.calls) == 2:
            raise RuntimeError("out of memory")
        return compute(items)

    with pytest.raises(RuntimeError, match="out of memory"):
        view(ViewStore(tmp_path), failing)  # type: ignore[arg-type]
    view(ViewStore(tmp_path), again := Producer())
    assert len(again.calls) == 5
    with pytest.raises(RuntimeError, match="out of memory"):
        ViewStore(tmp_path).get(some_items(3), "other", "v", failing)
    assert len([path for path in tmp_path.iterdir() if path.is_dir()]) == 1


def test_shards_of_another_size_are_not_mixed_in(tmp_path: Path) -> None:
    def stopping(items: Items) -> NDArray[np.float32]:
        if items.ids[0] != "id000":
            raise RuntimeError
        return Producer()(items)

    with pytest.raises(RuntimeError):
        ViewStore(tmp_path).get(some_items(), "producer-1", "embeddings", stopping, shard_rows=5)
    assert view(ViewStore(tmp_path), Producer()).tobytes() == view(ViewStore(), Producer()).tobytes()
    assert sorted(path.name for path in the_folder(tmp_path).iterdir()) == ["view.json", "view.npy"]


def damage(path: Path, how: str) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes({"flipped": content, "cut": content[:-7], "empty": b""}[how])


@pytest.mark.parametrize("how", ["flipped", "cut", "empty"])
@pytest.mark.parametrize("name", ["view.npy", "view.json"])
def test_a_damaged_view_is_an_error_that_names_the_folder_to_delete(tmp_path: Path, how: str, name: str) -> None:
    view(ViewStore(tmp_path), Producer())
    damage(the_folder(tmp_path) / name, how)
    compute = Producer()
    with pytest.raises(CacheError, match=f"delete {the_folder(tmp_path)} to compute it again"):
        view(ViewStore(tmp_path), compute)
    assert compute.calls == [], "never computed again in silence"
    shutil.rmtree(the_folder(tmp_path))
    view(ViewStore(tmp_path), compute)
    assert len(compute.calls) == 7


def test_a_view_whose_rows_are_gone_is_an_error(tmp_path: Path) -> None:
    view(ViewStore(tmp_path), Producer())
    (the_folder(tmp_path) / "view.npy").unlink()
    with pytest.raises(CacheError, match="cannot be read"):
        view(ViewStore(tmp_path), Producer())


def test_a_damaged_shard_is_an_error(tmp_path: Path) -> None:
    compute = Producer()

    def failing(items: Items) -> NDArray[np.float32]:
        if len(compute.calls) == 2:
            raise RuntimeError
        return compute(items)

    with pytest.raises(RuntimeError):
        view(ViewStore(tmp_path), failing)  # type: ignore[arg-type]
    damage(next(the_folder(tmp_path).glob("*/*.npy")), "flipped")
    with pytest.raises(CacheError, match="is damaged: its checksum"):
        view(ViewStore(tmp_path), Producer())


def test_a_view_of_other_items_in_the_folder_is_an_error(tmp_path: Path) -> None:
    view(ViewStore(tmp_path), Producer())
    path = the_folder(tmp_path) / "view.json"
    path.write_text(path.read_text().replace("producer-1", "producer-2"))
    with pytest.raises(CacheError, match="of producer-2 for other items"):
        view(ViewStore(tmp_path), Producer())


def test_nan_names_the_first_item(store: ViewStore) -> None:
    def compute(items: Items) -> NDArray[np.float32]:
        out = Producer()(items)
        out[[one == "id009" for one in items.ids], 1] = np.inf
        return out

    with pytest.raises(DataError, match="is NaN or infinite for the item 'id009'"):
        view(store, compute)  # type: ignore[arg-type]


def test_what_is_not_a_row_for_each_item_is_refused(store: ViewStore) -> None:
    with pytest.raises(ConfigError, match=r"a row for each of 50 items; given shape \(3, 2\)"):
        store.get(some_items(), "p", "v", lambda _: np.zeros((3, 2)))
    with pytest.raises(ConfigError, match="an array of numbers; given list"):
        store.get(some_items(), "p", "v", lambda items: [0] * len(items))  # type: ignore[arg-type,return-value]
    with pytest.raises(ConfigError, match="changes its form from shard to shard"):
        store.get(some_items(12), "p", "v", lambda items: np.zeros((len(items), len(items))), shard_rows=8)


def test_no_items_and_no_shard_rows_are_refused(store: ViewStore) -> None:
    with pytest.raises(DataError, match="no items"):
        store.get(Items([], []), "p", "v", Producer())
    with pytest.raises(ConfigError, match="shard_rows must be at least 1"):
        store.get(some_items(), "p", "v", Producer(), shard_rows=0)


def test_too_little_space_is_an_error_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(9000, 8000, 1000))
    compute = Producer()
    with pytest.raises(CacheError, match=r"is full: 0\.0 MB are needed, 0\.0 MB are free; make room"):
        view(ViewStore(tmp_path), compute)
    assert len(compute.calls) == 1, "the width is known after one shard"
    assert not [path for path in tmp_path.iterdir() if path.is_dir()]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    disk = tmp_path / "disk"
    disk.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)]
    if not shutil.which("mount") or subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("a small disk cannot be mounted here")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def test_a_disk_that_fills_up_midway_leaves_whole_shards_alone(small_disk: Path) -> None:
    compute, filler = Producer(), small_disk / "filler"

    def greedy(items: Items) -> NDArray[np.float32]:
        if len(compute.calls) == 3:
            filler.write_bytes(b"x" * (shutil.disk_usage(small_disk).free))
        return compute(items)

    with pytest.raises(CacheError, match=r"is full: .* 0\.0 MB are free; make room"):
        view(ViewStore(small_disk / "cache"), greedy)  # type: ignore[arg-type]
    left = [path for path in (small_disk / "cache").rglob("*") if path.is_file() and path.suffix != ".lock"]
    assert len(left) == 3
    assert all("-" in path.name for path in left)
    filler.unlink()
    view(ViewStore(small_disk / "cache"), again := Producer())
    assert len(again.calls) == 4


def test_a_cache_that_cannot_be_written_says_where_to_put_it(tmp_path: Path) -> None:
    (tmp_path / "taken").touch()
    with pytest.raises(CacheError, match="name another folder in TITHE_CACHE"):
        view(ViewStore(tmp_path / "taken" / "cache"), Producer())


def test_old_views_can_be_cleared(tmp_path: Path) -> None:
    store = ViewStore(tmp_path)
    view(store, Producer())
    assert store.size() > N * 12
    assert store.clear(older_than_days=1) == 0
    unfinished = tmp_path / "abandoned" / "shards-8"
    unfinished.mkdir(parents=True)
    os.utime(unfinished, (0, 0))
    assert store.clear() == 2
    assert not [path for path in tmp_path.iterdir() if path.is_dir()]
    view(store, again := Producer())
    assert len(again.calls) == 7


def test_the_root_is_that_of_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TITHE_CACHE", "~/views")
    assert default_root() == Path.home() / "views"
    monkeypatch.delenv("TITHE_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert default_root() == tmp_path / "tithe"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert default_root() == Path.home() / ".cache" / "tithe"


def test_a_producer_sees_the_tokens_of_the_file() -> None:
    items = Items(["b", "a"], ["so so", "so"], tokens=[((0, 2), (3, 5)), ((0, 2),)])
    given = ViewStore().get(items, "p", "tokens", lambda some: np.array([[len(t)] for t in some.tokens or ()]))
    assert given.tolist() == [[2], [1]]


def token_items() -> Items:
    texts = ["so so", "", "one two three", "x"] * 6
    return Items([f"id{n:02d}" for n in range(len(texts))], texts)


def token_rows(items: Items) -> Ragged:
    where = places(items)
    numbers = [float(one[2:]) for one in items.ids]
    return where.with_values(np.stack([np.repeat(numbers, where.lengths), where.values[:, 0]], axis=1).astype("f2"))


def test_rows_of_tokens_come_back_in_the_order_of_the_items_with_their_places(store: ViewStore) -> None:
    items = token_items()
    given = store.get_tokens(items, "p", "tokens", token_rows, shard_rows=5)
    wanted = token_rows(items)
    assert np.array_equal(given.values, wanted.values)
    assert np.array_equal(given.splits, wanted.splits)
    assert np.array_equal(given.places, wanted.places)
    assert given.values.dtype == np.float16
    part = store.get_tokens(items.take(np.array([2, 0, 1])), "p", "tokens", token_rows, shard_rows=5)
    assert part.lengths.tolist() == [3, 2, 0]
    assert part.values[:, 0].tolist() == [2, 2, 2, 0, 0]


def test_rows_of_tokens_of_a_joined_whole_are_those_of_its_parts(store: ViewStore) -> None:
    items, computed = token_items(), list[str]()

    def rows(some: Items) -> Ragged:
        computed.extend(some.ids)
        return token_rows(some)

    parts = [Items(items.ids[a:b], items.texts[a:b]) for a, b in ((0, 5), (5, 6), (6, 24))]
    store.get_tokens(parts[0], "p", "tokens", rows)
    given, wanted = store.get_tokens(joined(parts), "p", "tokens", rows), token_rows(items)
    for name in ("values", "splits", "places"):
        assert np.array_equal(getattr(given, name), getattr(wanted, name))
    assert sorted(computed) == sorted(items.ids)
    cut = store.get_tokens(joined(parts).take(np.array([6, 0])), "p", "tokens", rows)
    assert cut.values[:, 0].tolist() == [6, 6, 6, 0, 0]


def test_a_whole_without_tokens_of_its_own_has_those_of_no_part(store: ViewStore) -> None:
    with_tokens = Items(["id01"], ["so so"], tokens=[((0, 5),)])
    whole = joined([with_tokens, Items(["id02"], ["x y z"])])
    assert store.get_tokens(with_tokens, "p", "tokens", token_rows).lengths.tolist() == [1]
    assert store.get_tokens(whole, "p", "tokens", token_rows).lengths.tolist() == [2, 3]


def test_finished_shards_of_tokens_are_not_computed_again(tmp_path: Path) -> None:
    calls = 0

    def breaks(items: Items) -> Ragged:
        nonlocal calls
        calls += 1
        if calls == 3:
            raise RuntimeError("killed")
        return token_rows(items)

    with pytest.raises(RuntimeError, match="killed"):
        ViewStore(tmp_path).get_tokens(token_items(), "p", "tokens", breaks, shard_rows=5)
    again = ViewStore(tmp_path).get_tokens(token_items(), "p", "tokens", breaks, shard_rows=5)
    assert calls == 3 + 3  # five shards, two of them kept
    assert np.array_equal(again.values, token_rows(token_items()).values)


def test_a_damaged_file_of_tokens_is_told(tmp_path: Path) -> None:
    ViewStore(tmp_path).get_tokens(token_items(), "p", "tokens", token_rows)
    path = the_folder(tmp_path) / "view.npy"
    raw = bytearray(path.read_bytes())
    raw[-1] ^= 1
    path.write_bytes(raw)
    with pytest.raises(CacheError, match="is damaged"):
        ViewStore(tmp_path).get_tokens(token_items(), "p", "tokens", token_rows)


def test_rows_of_other_tokens_are_refused(store: ViewStore) -> None:
    def short(items: Items) -> Ragged:
        return Ragged.of([np.zeros((1, 2), "f4")] * len(items))

    with pytest.raises(ConfigError, match="a row for each of the tokens"):
        store.get_tokens(token_items(), "p", "tokens", short)


def test_a_token_that_is_not_a_number_names_its_item(store: ViewStore) -> None:
    def broken(items: Items) -> Ragged:
        rows = token_rows(items)
        values = rows.values.copy()
        values[places(items).values[:, 0] == 8] = np.nan  # "three"
        return rows.with_values(values)

    with pytest.raises(DataError, match="NaN or infinite for the item 'id02'"):
        store.get_tokens(token_items(), "p", "tokens", broken)


def test_texts_without_any_token_have_a_view_without_rows(store: ViewStore) -> None:
    given = store.get_tokens(Items(["id01", "id02"], ["", " "]), "p", "tokens", token_rows)
    assert given.values.shape == (0, 2)
    assert len(given) == 2
