"""What holds of files wherever they lie: on a disk and in an object store."""

import multiprocessing
import os
import signal
import threading
import time

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from shotclock.errors import SourceError, StoreError
from shotclock.files import objects, storage

TABLE = pa.table({"id": range(1000), "name": [f"n{i % 7}" for i in range(1000)], "x": np.linspace(0, 1, 1000)})
LEASE = 0.6  # seconds


@pytest.fixture(params=["disk", "s3"])
def folder(request, tmp_path):
    """An empty folder of either kind."""
    if request.param == "disk":
        return tmp_path / "data"
    return storage.at(f"s3://{request.getfixturevalue('object_store').bucket()}/deep down/data")


@pytest.fixture
def short_leases(monkeypatch):
    monkeypatch.setattr(objects, "LEASE_SECONDS", LEASE)
    monkeypatch.setattr(objects, "_LOOK_SECONDS", 0.01)


def write(address, text):
    with storage.replacing(address) as partial:
        partial.write_text(text)


def text(address):
    return storage.read(address).decode()


def names(folder):
    return [address.name for address in storage.listing(folder, "*")]


# Writing


def test_a_file_appears_whole_and_alone(folder):
    with storage.replacing(folder / "out.txt") as partial:
        partial.write_text("whole")
        assert not storage.is_file(folder / "out.txt")
    assert text(folder / "out.txt") == "whole"
    assert names(folder) == ["out.txt"]
    assert storage.size(folder / "out.txt") == 5


def test_a_failed_write_leaves_what_was_there_before_and_nothing_else(folder):
    write(folder / "out.txt", "old")
    with pytest.raises(RuntimeError, match="half"), storage.replacing(folder / "out.txt") as partial:
        partial.write_text("new")
        raise RuntimeError("half")
    assert text(folder / "out.txt") == "old"
    assert names(folder) == ["out.txt"]


def test_a_reader_sees_the_old_content_or_the_new_and_never_half(folder):
    contents = ["old" * 100_000, "new" * 200_000]
    write(folder / "out.txt", contents[0])
    seen, done = set(), threading.Event()

    def look():
        while not done.is_set():
            seen.add(text(folder / "out.txt"))

    readers = [threading.Thread(target=look) for _ in range(2)]
    for reader in readers:
        reader.start()
    for number in range(1, 9):
        write(folder / "out.txt", contents[number % 2])
    done.set()
    for reader in readers:
        reader.join()
    assert seen <= set(contents)


def test_files_that_are_moved_in_were_seen_by_nobody_before(folder):
    with storage.filling(folder) as staging:
        for name in ("a.txt", "b.txt"):
            (staging / name).write_text(name)
        assert storage.listing(folder, "*.txt") == []
        storage.move(staging / "a.txt", folder / "a.txt")
        assert [address.name for address in storage.listing(folder, "*.txt")] == ["a.txt"]
    assert names(folder) == ["a.txt"]


def test_a_withdrawn_file_is_gone_and_may_be_withdrawn_again(folder):
    write(folder / "out.txt", "old")
    storage.withdraw(folder / "out.txt")
    storage.withdraw(folder / "out.txt")
    assert not storage.exists(folder / "out.txt")


def test_a_discarded_folder_is_gone_with_all_below_it_and_its_neighbours_stay(folder):
    for name in ("run/a/x", "run/y", "run2/z"):
        write(folder / name, name)
    storage.discard(folder / "run")
    storage.discard(folder / "run")
    assert not storage.exists(folder / "run" / "a" / "x")
    assert text(folder / "run2" / "z") == "run2/z"


def test_the_same_table_has_the_same_digest_wherever_it_lies(folder, tmp_path):
    storage.write_table(TABLE, folder / "t.parquet")
    storage.write_table(TABLE, tmp_path / "t.parquet")
    assert storage.digest(folder / "t.parquet") == storage.digest(tmp_path / "t.parquet")
    assert storage.read_table(folder / "t.parquet").equals(TABLE)
    assert storage.read_table(folder / "t.parquet", ["x"]).equals(TABLE.select(["x"]))


# Reading


def test_a_missing_file_is_named(folder):
    for read in (storage.read_table, storage.read, storage.size):
        with pytest.raises((SourceError, FileNotFoundError), match=r"gone\.parquet"):
            read(folder / "gone.parquet")
    assert not storage.is_file(folder / "gone.parquet")
    assert storage.listing(folder / "nowhere", "*") == []


@pytest.mark.parametrize("keep", [0, 3, 600])
def test_a_truncated_file_is_named_by_every_reader(folder, tmp_path, keep):
    pq.write_table(TABLE, tmp_path / "whole.parquet")
    with storage.replacing(folder / "in.parquet") as partial:
        partial.write_bytes((tmp_path / "whole.parquet").read_bytes()[:keep])
    for read in (storage.read_table, lambda path: list(storage.read_batches(path, ["id"], 10))):
        with pytest.raises(SourceError, match=r"in\.parquet: not a readable parquet file .*; fetch it again"):
            read(folder / "in.parquet")


@pytest.mark.parametrize("rows", [7, 250, 5000])
def test_batches_hold_all_rows_in_order_and_no_other_column(folder, rows):
    with storage.replacing(folder / "in.parquet") as partial:
        pq.write_table(TABLE, partial, row_group_size=100)
    batches = list(storage.read_batches(folder / "in.parquet", ["id", "x"], rows))
    assert max(batch.num_rows for batch in batches) == min(rows, 1000)
    assert pa.Table.from_batches(batches).equals(TABLE.select(["id", "x"]))


def test_a_listing_holds_what_matches_in_the_order_of_names_and_nothing_below(folder):
    for name in ("b.parquet", "a.parquet", "notes.txt", "deeper/c.parquet", "folder.parquet/d.parquet"):
        write(folder / name, name)
    assert storage.listing(folder, "*.parquet") == [folder / "a.parquet", folder / "b.parquet"]


def test_a_local_view_of_a_file_has_its_name_and_bytes(folder):
    write(folder / "model.pickle", "bytes")
    with storage.local(folder / "model.pickle") as path:
        assert (path.name, path.read_text()) == ("model.pickle", "bytes")
    assert text(folder / "model.pickle") == "bytes"


def test_an_address_survives_as_text(folder):
    address = folder / "a b" / "c.parquet"
    assert storage.at(str(address)) == address
    assert (address.name, address.stem, address.parent) == ("c.parquet", "c", folder / "a b")
    assert storage.at("a b/c.parquet", folder) == address
    assert storage.at(str(address), folder / "elsewhere") == address


# Publishing


def test_nothing_is_published_at_first(folder):
    assert storage.published(folder, "kobe", "champion") is None


def test_publishing_shows_the_newest_folder_whole(folder):
    for run in ("one", "two: b"):
        made = storage.run_folder(folder, "kobe", "inference", run)
        write(made / "x.txt", run)
        storage.publish(made, "predictions")
        assert text(storage.published(folder, "kobe", "predictions") / "x.txt") == run
    assert storage.published(folder, "kobe", "champion") is None


def test_who_reads_while_others_publish_sees_one_whole_run(folder):
    runs = [storage.run_folder(folder, "kobe", "inference", f"r{number}") for number in range(4)]
    for run in runs:
        for name in ("a", "b"):
            write(run / name, run.name)
    storage.publish(runs[0], "predictions")
    seen, done = set(), threading.Event()

    def look():
        while not done.is_set():
            found = storage.published(folder, "kobe", "predictions")
            seen.add((text(found / "a"), text(found / "b")))

    reader = threading.Thread(target=look)
    reader.start()
    for number in range(12):
        storage.publish(runs[number % 4], "predictions")
    done.set()
    reader.join()
    assert seen <= {(run.name, run.name) for run in runs}


def test_only_a_plain_address_below_the_folder_is_inside(folder):
    write(folder / "kobe" / "report.html", "mine")
    write(folder.parent / "secret.html", "secret")
    write(folder.with_name("data-other") / "secret.html", "secret")
    good = str(folder / "kobe" / "report.html")
    assert text(storage.inside(good, folder)) == "mine"
    tricks = [
        str(folder.parent / "secret.html"),
        f"{folder}/../secret.html",
        f"{folder}/kobe/../../secret.html",
        f"{folder}-other/secret.html",
        f"{folder}/kobe/gone.html",
        f"{folder}/kobe/null\0.html",
        f"{folder}/kobe",
        str(folder),
        "kobe/report.html",
        f"{good}::file:///etc/passwd",
        f"simplecache::{good}",
        "file:///etc/passwd",
        "/etc/passwd",
        "s3://bucket-1/other/secret.html",
        "",
    ]
    assert [trick for trick in tricks if storage.inside(trick, folder)] == []


# Locks


def test_one_holder_at_a_time(folder, short_leases):
    write(folder / "count", "0")

    def add():
        for _ in range(3):
            with storage.locked(folder / ".lock"):
                found = int(text(folder / "count"))
                time.sleep(0.002)
                write(folder / "count", str(found + 1))

    adders = [threading.Thread(target=add) for _ in range(3)]
    for adder in adders:
        adder.start()
    for adder in adders:
        adder.join()
    assert text(folder / "count") == "9"


def test_a_lease_that_is_held_for_longer_than_it_lasts_is_not_taken_over(object_store, short_leases):
    address = storage.at(f"s3://{object_store.bucket()}/.lock")
    order = []

    def wait():
        with storage.locked(address):
            order.append("second")

    with storage.locked(address):
        waiter = threading.Thread(target=wait)
        waiter.start()
        time.sleep(2 * LEASE)
        order.append("first")
    waiter.join()
    assert order == ["first", "second"]


def test_the_lock_of_a_killed_process_comes_free(folder, short_leases):
    context = multiprocessing.get_context("fork")
    here, there = context.Pipe()

    def hold():
        with storage.locked(folder / ".lock"):
            there.send("held")
            time.sleep(60)

    holder = context.Process(target=hold)
    holder.start()
    assert here.recv() == "held"
    os.kill(holder.pid, signal.SIGKILL)
    holder.join()
    with storage.locked(folder / ".lock"):
        write(folder / "done", "")
    assert storage.is_file(folder / "done")


def test_an_error_under_a_lock_is_the_callers_own_and_frees_it(folder, short_leases):
    for _ in range(2):
        with pytest.raises(RuntimeError, match="inside"), storage.locked(folder / ".lock"):
            raise RuntimeError("inside")


def test_a_folder_can_be_locked_itself(folder, short_leases):
    with storage.alone_in(folder / "raw"):
        pass
    with storage.alone_in(folder / "raw"):
        write(folder / "raw" / "x.parquet", "")
    assert [address.name for address in storage.listing(folder / "raw", "*.parquet")] == ["x.parquet"]


def test_who_stood_still_and_lost_the_lock_is_told(object_store, short_leases, monkeypatch):
    address = storage.at(f"s3://{object_store.bucket()}/.lock")
    monkeypatch.setattr(objects.Lease, "_renew", lambda self: None)
    with pytest.raises(StoreError, match=r"\.lock: the lock was lost: .* look at what both have written"):  # noqa: SIM117
        with storage.locked(address):
            with storage.locked(address):
                pass
