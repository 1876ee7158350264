"""Addresses: what a text means, and what is refused."""

import subprocess
import sys
from pathlib import Path

import pytest

from shotclock.errors import ConfigError
from shotclock.files.addresses import at


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("/data/raw/x.parquet", "/data/raw/x.parquet"),
        ("raw/x.parquet", "/start/raw/x.parquet"),
        ("file:///data/a%20b.parquet", "/data/a b.parquet"),
        ("file://localhost/data", "/data"),
        (Path("/data/a b#c.parquet").as_uri(), "/data/a b#c.parquet"),
    ],
)
def test_a_path_or_a_file_address_is_a_path(text, path):
    found = at(text, Path("/start"))
    assert isinstance(found, Path)
    assert found == Path(path)


def test_an_object_s_address_is_joined_as_a_path_is():
    found = at("s3://bucket/a b/c") / "raw" / "x.parquet"
    assert not isinstance(found, Path)
    assert str(found) == "s3://bucket/a b/c/raw/x.parquet"
    assert (found.name, found.stem, found.suffix) == ("x.parquet", "x", ".parquet")
    assert str(found.parents[2]) == "s3://bucket/a b"
    assert str(found.with_name("y")) == "s3://bucket/a b/c/raw/y"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("s4://bucket/x", "s4://bucket/x: found the scheme 's4', allowed: a path, file://, s3:// or another"),
        ("s3:///x", "s3:///x: no bucket in it, expected s3://bucket/folder"),
        ("s3://", "s3://: no bucket in it"),
        ("file://data/x", "file://data/x: found the host 'data', expected three slashes"),
    ],
)
def test_what_is_no_address_is_refused(text, says):
    with pytest.raises(ConfigError, match=f"^{says}"):
        at(text)


def test_a_store_whose_package_is_missing_is_named():
    from shotclock.files import storage

    with pytest.raises(ConfigError, match=r"gs://bucket/x: .*gcsfs.*; install the package that knows 'gs'"):
        storage.read(at("gs://bucket/x"))


def test_local_files_need_no_object_store():
    code = "import sys; from shotclock.files import storage; storage.at('/x'); print([m for m in sys.modules if 'fs' in m])"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert not {"fsspec", "s3fs", "upath"} & set(eval(loaded))
