"""Object stores alone: what goes over the wire, what is said when they cannot be used."""

import contextlib

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from s3fs import S3FileSystem

from shotclock.errors import ConfigError, ShotclockError, SourceError, StoreError
from shotclock.files import objects, storage

READERS = (storage.read, storage.read_table, storage.is_file, storage.size, storage.digest)
WHOLE = pa.table({f"c{number}": np.random.default_rng(number).random(20_000) for number in range(6)})


@pytest.fixture
def anew():
    """Clients remember how they were made; here each is made with the environment of its test."""
    S3FileSystem.clear_instance_cache()
    yield
    S3FileSystem.clear_instance_cache()


def refused(call, *arguments):
    with pytest.raises(ShotclockError) as caught:
        call(*arguments)
    return type(caught.value), str(caught.value)


def everything(address, tmp_path):
    """What each function says about the address."""
    (tmp_path / "file").write_text("")
    calls = [(read, address) for read in READERS]
    calls += [(storage.listing, address.parent, "*"), (storage.withdraw, address), (storage.discard, address)]
    calls += [(storage.move, tmp_path / "file", address), (_locked, address)]
    calls += [(storage.publish, address.parent / "runs" / "training" / "t1", "champion")]
    return [refused(*call) for call in calls]


def _locked(address):
    with storage.locked(address):
        pass


# What is said


def test_a_missing_bucket_is_named_by_everyone(object_store, tmp_path):
    for kind, said in everything(storage.at("s3://no-such-bucket/kobe/x.parquet"), tmp_path):
        assert kind is StoreError
        assert "s3://no-such-bucket/" in said
        assert "there is no bucket 'no-such-bucket'; make it, or correct the address" in said


def test_wrong_credentials_are_named_by_everyone_and_never_shown(object_store, tmp_path):
    address = storage.at(f"s3://{object_store.bucket()}/kobe/x.parquet")
    with object_store.refusing():
        for kind, said in everything(address, tmp_path):
            assert kind is StoreError
            assert f"{address.parent}" in said
            assert "access denied" in said
            assert "check the credentials (AWS_ACCESS_KEY_ID" in said
            assert "store-secret" not in said


def test_missing_credentials_are_named(object_store, anew, monkeypatch, tmp_path):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    kind, said = refused(storage.read, storage.at("s3://bucket/x"))
    assert kind is StoreError
    assert said.startswith("s3://bucket/x: access denied (Unable to locate credentials); check the credentials")


def test_a_server_that_does_not_answer_is_named(object_store, anew, monkeypatch, tmp_path):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setattr(S3FileSystem, "retries", 1)
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    for kind, said in everything(storage.at("s3://bucket/kobe/x.parquet"), tmp_path):
        assert kind is StoreError
        assert "cannot be reached" in said
        assert "http://127.0.0.1:9" in said
        assert "check the network and AWS_ENDPOINT_URL" in said


def test_an_endpoint_that_is_none_is_named(object_store, anew, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "127.0.0.1:9000")
    kind, said = refused(storage.read, storage.at("s3://bucket/x"))
    assert kind is StoreError
    assert "127.0.0.1:9000; correct AWS_ENDPOINT_URL" in said


def test_a_store_that_cannot_lock_is_refused_before_anything_is_written():
    address = storage.at("memory://data/kobe/.lock")
    kind, said = refused(_locked, address)
    assert kind is ConfigError
    assert "'memory' cannot lock" in said
    assert not storage.is_file(address)


def test_another_store_can_be_read(tmp_path):
    folder = storage.at("memory://batches")
    storage.write_table(WHOLE, folder / "b.parquet")
    assert [storage.read_table(found) for found in storage.listing(folder, "*.parquet")] == [WHOLE]


def test_an_object_that_is_replaced_while_it_is_read_is_refused(object_store, monkeypatch):
    monkeypatch.setattr(objects, "_BLOCK", 1 << 14)
    address, numbers = storage.at(f"s3://{object_store.bucket()}/x.parquet"), np.random.default_rng(0).random(100_000)
    storage.write_table(pa.table({"x": numbers}), address)
    batches = storage.read_batches(address, ["x"], 100)
    next(batches)
    storage.write_table(pa.table({"x": numbers[::-1]}), address)
    with pytest.raises(SourceError, match="was replaced while it was read; run again"):
        list(batches)


def test_objects_that_mark_folders_are_neither_files_nor_folders_in_themselves(object_store):
    folder = storage.at(f"s3://{object_store.bucket()}/data")
    for key in ("data/", "data/runs/", "data/runs/t1/"):
        object_store.client().put_object(Bucket=folder.drive, Key=key)
    objects.write(folder / "runs" / "t2" / "x.parquet", b"x")
    assert storage.folders(folder) == [folder / "runs"]
    assert storage.folders(folder / "runs") == [folder / "runs" / "t1", folder / "runs" / "t2"]
    assert storage.listing(folder / "runs" / "t1", "*") == []
    assert storage.listing(folder / "runs" / "t2" / "x.parquet", "*") == []


# What goes over the wire


def test_of_columns_that_are_read_side_by_side_hardly_a_byte_is_asked_for_twice(object_store, monkeypatch, tmp_path):
    monkeypatch.setattr(objects, "_BLOCK", 1 << 13)
    address, asked = storage.at(f"s3://{object_store.bucket()}/x.parquet"), []
    with storage.replacing(address) as partial:
        pq.write_table(WHOLE, partial, row_group_size=5_000, use_dictionary=False, compression="none")
    size, fetch = storage.size(address), objects.opened

    @contextlib.contextmanager
    def counting(*arguments):
        with fetch(*arguments) as file:
            once = file.cache.fetcher
            file.cache.fetcher = lambda start, end: asked.append((start, end)) or once(start, end)
            yield file

    monkeypatch.setattr(objects, "opened", counting)
    rows = list(storage.read_batches(address, WHOLE.column_names, 500))
    assert pa.Table.from_batches(rows).equals(WHOLE)
    assert sum(end - start for start, end in asked) < 1.1 * size


def test_the_blocks_of_a_file_with_many_columns_take_no_more_memory(object_store):
    address = storage.at(f"s3://{object_store.bucket()}/x")
    objects.write(address, b"x")
    for columns in (1, 8, 40, 200):
        with objects.opened(address, columns) as file:
            assert file.cache.maxblocks > columns
            assert file.cache.maxblocks * file.cache.blocksize <= 128 << 20


def test_a_large_file_goes_up_in_parts_and_one_that_fails_leaves_nothing(object_store, monkeypatch, tmp_path):
    monkeypatch.setattr(objects, "_PART", 5 << 20)
    bucket = object_store.bucket()
    address, content = storage.at(f"s3://{bucket}/large"), np.random.default_rng(0).bytes(12 << 20)
    (tmp_path / "large").write_bytes(content)
    objects.put(tmp_path / "large", address)
    assert storage.read(address) == content
    with storage.local(address) as copy:
        assert copy.read_bytes() == content

    upload = S3FileSystem._call_s3

    async def breaking(self, method, *arguments, **options):
        if method == "upload_part" and options["PartNumber"] == 3:
            raise ConnectionError("broken pipe")
        return await upload(self, method, *arguments, **options)

    monkeypatch.setattr(S3FileSystem, "_call_s3", breaking)
    with pytest.raises(StoreError, match=r"broken: cannot be reached \(broken pipe\)"):
        storage.move(tmp_path / "large", storage.at(f"s3://{bucket}/broken"))
    assert object_store.keys(bucket) == ["large"]
    assert "Uploads" not in object_store.client().list_multipart_uploads(Bucket=bucket)


def test_what_is_published_is_named_by_an_object_that_a_copy_of_the_bucket_keeps_true(object_store):
    bucket = object_store.bucket()
    folder = storage.run_folder(storage.at(f"s3://{bucket}/data"), "kobe", "training", "t1")
    storage.publish(folder, "champion")
    assert object_store.keys(bucket) == ["data/kobe/champion"]
    assert storage.read(storage.at(f"s3://{bucket}/data/kobe/champion")) == b"runs/training/t1"


def test_a_log_of_ours_is_not_flooded_by_the_store_s_client(caplog, object_store):
    address = storage.at(f"s3://{object_store.bucket()}/x")
    with caplog.at_level("INFO"), storage.replacing(address) as partial:
        partial.write_text("x")
    with caplog.at_level("INFO"):
        storage.digest(address)
    assert caplog.text == ""
