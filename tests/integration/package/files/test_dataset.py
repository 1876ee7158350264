"""A table as one file or as parts: readers see no difference."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shotclock.errors import SourceError
from shotclock.files import dataset, storage

TABLE = pa.table({"id": range(1000), "x": [number / 7 for number in range(1000)]})


@pytest.fixture(params=["disk", "s3"])
def path(request, tmp_path):
    """The address of a table that is not there yet."""
    if request.param == "disk":
        return tmp_path / "rows.parquet"
    return storage.at(f"s3://{request.getfixturevalue('object_store').bucket()}/deep down/rows.parquet")


def put(folder, cuts, key="k"):
    """Write the table in parts that end at `cuts`; commits nothing."""
    found = []
    for number, (start, end) in enumerate(zip([0, *cuts], [*cuts, 1000], strict=True)):
        name = dataset.part_name(number, key)
        storage.write_table(TABLE.slice(start, end - start), folder / name)
        found.append(dataset.Part(name, end - start, storage.digest(folder / name)))
    return found


def names(folder):
    return [address.name for address in storage.listing(folder, "*")]


@settings(max_examples=10, deadline=None)
@given(st.sets(st.integers(1, 999), max_size=4))
def test_the_rows_are_the_same_in_one_file_and_in_any_parts(tmp_path_factory, cuts):
    path = tmp_path_factory.mktemp("x") / "rows.parquet"
    dataset.commit(path, put(path, sorted(cuts)))
    assert pa.Table.from_batches(dataset.read_batches(path, ["id", "x"], 300)).equals(TABLE)
    assert (dataset.rows(path), dataset.schema(path)) == (1000, TABLE.schema)
    assert pq.read_table(path).equals(TABLE)  # by the folder's name, as other readers do


def test_one_file_is_read_as_itself(path):
    storage.write_table(TABLE, path)
    assert dataset.is_there(path)
    assert dataset.files(path) == [path]
    assert (dataset.rows(path), dataset.schema(path)) == (1000, TABLE.schema)
    assert dataset.digest(path) == storage.digest(path)


def test_parts_without_their_marker_are_no_table(path):
    put(path, [500])
    assert not dataset.is_there(path)
    for read in (dataset.rows, dataset.schema, dataset.files, lambda p: list(dataset.read_batches(p, ["id"], 10))):
        with pytest.raises(
            SourceError, match=r"rows\.parquet: a folder without _commit\.json: its parts are not complete"
        ):
            read(path)


def test_a_table_that_is_not_there_at_all_is_named(path):
    assert not dataset.is_there(path)
    with pytest.raises(SourceError, match=r"rows\.parquet: no such "):
        dataset.rows(path)


def test_a_part_that_was_lost_is_named(path):
    parts = put(path, [500])
    dataset.commit(path, parts)
    storage.withdraw(path / parts[1].name)
    with pytest.raises(SourceError, match=rf"{parts[1].name}: no such "):
        list(dataset.read_batches(path, ["id"], 100))


def test_what_the_marker_does_not_name_is_not_read_and_goes_with_the_next_commit(path):
    old = put(path, [500], "old")
    dataset.commit(path, old)
    before = dataset.digest(path)
    new = put(path, [300, 600], "new")
    assert [file.name for file in dataset.files(path)] == [part.name for part in old]
    assert dataset.digest(path) == before
    dataset.commit(path, new)
    assert names(path) == ["_commit.json", *(part.name for part in new)]


def test_committing_again_leaves_the_same_bytes(path):
    parts = put(path, [500])
    dataset.commit(path, parts)
    before = storage.read(path / dataset.MARKER)
    dataset.commit(path, parts)
    assert storage.read(path / dataset.MARKER) == before


def test_a_folder_that_keeps_nothing_goes(path):
    put(path, [])
    dataset.keep(path, [])
    assert names(path) == []
    dataset.keep(path, [])


def test_a_table_of_the_other_form_makes_room(path):
    storage.write_table(TABLE.slice(0, 5), path)
    dataset.make_room(path, parts=True)
    dataset.commit(path, put(path, [500]))
    assert dataset.rows(path) == 1000
    dataset.make_room(path, parts=False)
    storage.write_table(TABLE.slice(0, 5), path)
    assert dataset.rows(path) == 5
    dataset.make_room(path, parts=False)
    assert dataset.rows(path) == 5
