"""Files: atomic writing, publishing, reading."""

import errno
import io
import os
import random
import signal
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from shotclock.errors import SourceError
from shotclock.files import storage
from shotclock.models import scoring

TABLE = pa.table({"id": range(1000), "name": [f"n{i % 7}" for i in range(1000)]})


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "in.parquet"
    pq.write_table(TABLE, path, row_group_size=100)
    return path


def names(folder):
    return sorted(path.name for path in folder.iterdir())


# Writing


def test_a_file_appears_whole_and_alone(tmp_path):
    path = tmp_path / "new" / "out.txt"
    with storage.replacing(path) as partial:
        partial.write_text("whole")
        assert not path.exists()
    assert path.read_text() == "whole"
    assert names(path.parent) == ["out.txt"]


def test_a_failed_write_leaves_what_was_there_before_and_nothing_else(tmp_path):
    path = tmp_path / "out.txt"
    path.write_text("old")
    with pytest.raises(RuntimeError, match="half"), storage.replacing(path) as partial:
        partial.write_text("new")
        raise RuntimeError("half")
    assert path.read_text() == "old"
    assert names(tmp_path) == ["out.txt"]


def test_a_retry_replaces_what_a_killed_writer_left(tmp_path):
    (tmp_path / ".out.txt.partial").write_text("much longer than what is written now")
    with storage.replacing(tmp_path / "out.txt") as partial:
        partial.write_text("short")
    assert (tmp_path / "out.txt").read_text() == "short"
    assert names(tmp_path) == ["out.txt"]


def test_a_withdrawn_file_is_gone_with_what_a_killed_writer_left(tmp_path):
    for name in ("out.txt", ".out.txt.partial", "other.txt"):
        (tmp_path / name).touch()
    storage.withdraw(tmp_path / "out.txt")
    storage.withdraw(tmp_path / "out.txt")
    assert names(tmp_path) == ["other.txt"]


def test_the_same_table_gives_the_same_bytes(tmp_path):
    storage.write_table(TABLE, tmp_path / "a.parquet")
    storage.write_table(TABLE, tmp_path / "b.parquet")
    assert storage.digest(tmp_path / "a.parquet") == storage.digest(tmp_path / "b.parquet")
    assert storage.read_table(tmp_path / "a.parquet").equals(TABLE)


def test_a_digest_is_the_sha256_of_the_bytes(tmp_path):
    (tmp_path / "x").write_bytes(b"abc")
    assert storage.digest(tmp_path / "x") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


# Reading


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(SourceError, match=r"gone\.parquet: no such file"):
        storage.read_table(tmp_path / "gone.parquet")


@pytest.mark.parametrize("keep", [0, 3, 600, -1])
def test_a_truncated_file_is_named_by_every_reader(file, keep):
    file.write_bytes(file.read_bytes()[:keep])
    for read in (storage.read_table, lambda path: list(storage.read_batches(path, ["id"], 10))):
        with pytest.raises(SourceError, match=r"in\.parquet: not a readable parquet file .*; fetch it again"):
            read(file)


def test_a_file_damaged_inside_is_named_when_its_rows_are_read(file):
    content = bytearray(file.read_bytes())
    content[4:900] = bytes(896)
    file.write_bytes(content)
    for read in (storage.read_table, lambda path: list(storage.read_batches(path, ["id"], 10))):
        with pytest.raises(SourceError, match=r"in\.parquet: not a readable parquet file"):
            read(file)


def test_what_fails_while_a_file_is_open_is_not_blamed_on_the_file(file):
    with pytest.raises(OSError, match="No space left") as caught, storage.open_parquet(file):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert not isinstance(caught.value, SourceError)


@pytest.mark.parametrize("rows", [1, 7, 250, 5000])
def test_batches_hold_all_rows_in_order_and_no_other_column(file, rows):
    batches = list(storage.read_batches(file, ["id"], rows))
    assert max(batch.num_rows for batch in batches) <= rows
    assert pa.Table.from_batches(batches).equals(TABLE.select(["id"]))


def test_texts_read_as_dictionaries_are_the_same_texts(file):
    batches = list(storage.read_batches(file, ["name"], 300, dictionaries=["name"]))
    assert all(pa.types.is_dictionary(batch.schema.field("name").type) for batch in batches)
    assert [text for batch in batches for text in batch["name"].to_pylist()] == TABLE["name"].to_pylist()


def test_memory_does_not_grow_with_the_row_groups_that_were_read(tmp_path):
    path = tmp_path / "long.parquet"
    numbers = pa.table({"x": np.random.default_rng(0).random(1_000_000)})
    pq.write_table(numbers, path, row_group_size=50_000, use_dictionary=False)
    before = pa.total_allocated_bytes()
    held = [pa.total_allocated_bytes() - before for _ in storage.read_batches(path, ["x"], 50_000)]
    assert len(held) == 20
    assert max(held) < path.stat().st_size / 4


# Folders


def test_run_folders_of_different_runs_stay_apart_whatever_their_ids_hold(tmp_path):
    ids = ["a/b", "a:b", "a-b", "../a", "..", ".a", "scheduled__2026-01-01T00:00:00+00:00"]
    folders = {storage.run_folder(tmp_path, "kobe", "training", run) for run in ids}
    assert len(folders) == len(ids)
    assert all(folder.parent == tmp_path / "kobe" / "runs" / "training" and folder.is_dir() for folder in folders)
    assert storage.run_folder(tmp_path, "kobe", "training", "a/b") in folders


def test_publishing_shows_the_newest_folder_whole_under_a_name_that_survives_a_move(tmp_path):
    for run in ("one", "two"):
        folder = storage.run_folder(tmp_path / "data", "kobe", "inference", run)
        (folder / "x").write_text(run)
        link = storage.publish(folder, "predictions")
        assert (link / "x").read_text() == run
    assert link == tmp_path / "data" / "kobe" / "predictions"
    assert names(tmp_path / "data" / "kobe") == ["predictions", "runs"]
    (tmp_path / "data").rename(tmp_path / "moved")
    assert (tmp_path / "moved" / "kobe" / "predictions" / "x").read_text() == "two"


def test_runs_that_publish_at_the_same_time_do_not_disturb_each_other(tmp_path):
    folders = [storage.run_folder(tmp_path, "kobe", "inference", f"run-{number}") for number in range(4)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda folder: [storage.publish(folder, "predictions") for _ in range(100)], folders))
    assert (tmp_path / "kobe" / "predictions").resolve() in folders
    assert names(tmp_path / "kobe") == ["predictions", "runs"]


def test_discarding_a_folder_twice_is_no_error(tmp_path):
    folder = storage.run_folder(tmp_path, "kobe", "training", "one")
    (folder / "x").touch()
    storage.discard(folder)
    storage.discard(folder)
    assert not folder.exists()


# What a file tells of itself


def test_the_columns_that_stand_still_are_told_over_all_rows_and_nulls_do_not_count(tmp_path, monkeypatch):
    monkeypatch.setattr(storage, "_ROWS", 2)
    path = tmp_path / "in.parquet"
    nan, nothing = float("nan"), pa.array([None] * 6, pa.int64())
    columns = {
        "late": [3, None, 3, 3, 3, 4],
        "still": [0.5, 0.5, nan, 0.5, None, 0.5],
        "moves": range(6),
        "nothing": nothing,
    }
    pq.write_table(pa.table({**columns, "begins": [None, None, nan, nan, 7.0, 7.0]}), path, row_group_size=4)
    assert storage.standing_still(path, ["late", "still", "moves", "nothing", "begins"]) == {
        "still": 0.5,
        "begins": 7.0,
    }
    assert storage.standing_still(path, []) == {}
    pq.write_table(pa.table({"a": pa.array([], pa.int64())}), path)
    assert storage.standing_still(path, ["a"]) == {}


def test_a_file_with_any_byte_of_its_footer_changed_is_read_or_refused_and_never_ends_the_process(tmp_path):
    """pyarrow ends the process where a column's statistics are damaged, so nobody may look at them."""
    content, draw = table_of_three(), random.Random(4)
    first = len(content) - 8 - int.from_bytes(content[-8:-4], "little")
    outcomes = set()
    for number in range(80):
        damaged = bytearray(content)
        damaged[draw.randrange(first, len(content))] = draw.randrange(256)
        path = tmp_path / f"{number}.parquet"
        path.write_bytes(damaged)
        outcomes.add(in_another_process(lambda path=path: read_whole(path)))
    assert outcomes == {0, 3}


def table_of_three():
    file = io.BytesIO()
    columns = {"a": [0.5 * n for n in range(60)], "b": range(60), "c": [str(n % 7) for n in range(60)]}
    pq.write_table(pa.table(columns), file, row_group_size=20)
    return file.getvalue()


def read_whole(path):
    """All that anybody does with somebody's file; 3 where it is refused, the signal's number below 0 where the process ends."""
    try:
        with storage.open_parquet(path) as file:
            assert file.metadata.num_rows >= 0
        scoring.partitions(path, 20)
        storage.standing_still(path, ["a", "b"])
        storage.read_table(path)
        storage.digest(path)
    except SourceError:
        return 3
    return 0


def in_another_process(call):
    child = os.fork()
    if not child:
        signal.alarm(60)
        os._exit(call())
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
