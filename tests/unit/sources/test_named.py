"""What a trigger may name: judged by its text before anything is opened, and by where links lead before it is read."""

import socket
from pathlib import Path

import pytest

from shotclock.config import Settings, settings
from shotclock.errors import ConfigError, SourceError
from shotclock.sources import named

ELSEWHERE = [
    "/etc/passwd",
    "/proc/self/environ",
    "//etc/passwd",
    "../secret.parquet",
    "a/../../secret.parquet",
    "./../secret.parquet",
    "a/./b.parquet",
    "..",
    ".",
    "a//b.parquet",
    "a/",
    "file:///etc/passwd",
    "file://localhost/etc/passwd",
    "http://127.0.0.1:1/x.parquet",
    "https://example.org/x.parquet",
    "HTTP://example.org/x.parquet",
    "github://org:repo@main/x.parquet",
    "ftp://example.org/x.parquet",
    "sftp://example.org/x.parquet",
    "smb://host/share/x.parquet",
    "memory://x.parquet",
    "data://text/plain;base64,AAAA",
    "s3://other/x.parquet",
    "s3://buckets/x.parquet",
    "s3://bucket",
    "s3://bucket/",
    "s3://bucket/allowed",
    "s3://bucket/allowedx/x.parquet",
    "s3://bucket/allowed/../secret.parquet",
    "s3://bucket/allowed//x.parquet",
    "s3://key:word@bucket/allowed/x.parquet",
    "S3://bucket/allowed/x.parquet",
    "s3a://bucket/allowed/x.parquet",
    "gs://bucket/allowed/x.parquet",
    "simplecache::s3://bucket/allowed/x.parquet",
    "filecache::http://example.org/x.parquet",
    "zip://x.parquet::/etc/archive.zip",
    "s3://bucket/allowed/x.zip::file:///etc/passwd",
    "%2e%2e/secret.parquet",
    "..%2fsecret.parquet",
    "s3://bucket/allowed/%2e%2e/secret.parquet",
    "a\\..\\..\\secret.parquet",
    "\\\\host\\share\\x.parquet",
    "x.parquet\0",
    "\0",
    "x\n.parquet",
    "x\u202e.parquet",
    "x\u200b.parquet",
    "x\u2028.parquet",
    "x\ud800.parquet",
    "x" * 300 + ".parquet",
    "/srv/allowedx/x.parquet",
    "/srv/allowed",
    "/srv/allowed/../x.parquet",
]


@pytest.fixture
def place(tmp_path) -> Settings:
    (tmp_path / "data" / "raw" / "folder").mkdir(parents=True)
    (tmp_path / "secret.parquet").write_bytes(b"secret")
    allowed = "/srv/allowed, s3://bucket/allowed/"
    return settings({"SHOTCLOCK_HOME": str(tmp_path), "SHOTCLOCK_ALLOWED_ADDRESSES": allowed})


@pytest.fixture
def watched(place, monkeypatch) -> Settings:
    """The same; whatever opens a file or asks the network while a text is judged is found out."""

    def touched(*arguments, **options):
        raise AssertionError(f"touched: {arguments}")

    monkeypatch.setattr(socket, "getaddrinfo", touched)
    monkeypatch.setattr(socket.socket, "connect", touched)
    monkeypatch.setattr(Path, "open", touched)
    monkeypatch.setattr("builtins.open", touched)
    return place


@pytest.mark.parametrize("text", ELSEWHERE, ids=ascii)
def test_what_is_not_allowed_is_refused_by_its_text(watched, text):
    with pytest.raises(SourceError, match=r"data_path: found .*name a file under data/raw") as refused:
        named.named(text, watched)
    assert refused.value.may_pass is False
    assert str(refused.value).isprintable()
    assert len(str(refused.value)) < 1500


@pytest.mark.parametrize(
    "text", ["x.parquet", "folder/x.parquet", "März 2024 (2).parquet", "[1]", "2024", "None", "{}"]
)
def test_a_name_under_the_raw_folder_is_taken_as_it_is_written(place, text):
    assert named.named(text, place) == place.data / "raw" / text


def test_an_address_below_an_allowed_one_is_taken(place):
    assert named.named("/srv/allowed/a/x.parquet", place) == Path("/srv/allowed/a/x.parquet")
    assert str(named.named("s3://bucket/allowed/a/x.parquet", place)) == "s3://bucket/allowed/a/x.parquet"
    assert named.named(f"{place.data}/raw/x.parquet", place) == place.data / "raw" / "x.parquet"


def test_where_the_data_lie_in_a_store_names_stay_below_its_raw_folder(tmp_path):
    far = settings({"SHOTCLOCK_HOME": str(tmp_path), "SHOTCLOCK_DATA": "s3://bucket/data"})
    assert str(named.named("a/x.parquet", far)) == "s3://bucket/data/raw/a/x.parquet"
    for text in ("../x.parquet", "s3://bucket/x.parquet", "s3://bucket/data/rawx/y", "/x.parquet", "a/../../x"):
        with pytest.raises(SourceError, match="data_path"):
            named.named(text, far)
    assert str(named.named("s3:/x", far)).startswith("s3://bucket/data/raw/")


def test_a_link_is_followed_before_its_file_is_named(place, tmp_path):
    raw = place.data / "raw"
    (raw / "out.parquet").symlink_to(tmp_path / "secret.parquet")
    (raw / "up").symlink_to(tmp_path)
    (raw / "loop").symlink_to(raw / "loop")
    (raw / "x.parquet").write_bytes(b"")
    (raw / "other.parquet").symlink_to(raw / "x.parquet")
    for text in ("out.parquet", "up/secret.parquet", "loop", "loop/x"):
        with pytest.raises(SourceError, match="a link that leads out of"):
            named.named(text, place)
    assert named.named("other.parquet", place) == raw / "other.parquet"
    wider = place.model_copy(update={"allowed": (str(tmp_path),)})
    assert named.named("out.parquet", wider) == raw / "out.parquet"


def test_the_raw_folder_itself_may_be_a_link(tmp_path):
    (tmp_path / "disk").mkdir()
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "raw").symlink_to(tmp_path / "disk")
    (tmp_path / "disk" / "x.parquet").write_bytes(b"")
    assert named.named("x.parquet", settings({"SHOTCLOCK_HOME": str(tmp_path)})).is_file()


def test_of_a_folder_links_that_lead_out_are_left_out_and_said(place, tmp_path, caplog):
    folder = place.data / "raw" / "folder"
    (folder / "a.parquet").write_bytes(b"")
    (folder / "b.parquet").symlink_to(tmp_path / "secret.parquet")
    (folder / "c.parquet").symlink_to(folder / "a.parquet")
    assert [file.name for file in named.files_in("folder", place)] == ["a.parquet", "c.parquet"]
    assert "b.parquet: left out, a link that leads out of its folder" in caplog.text
    assert [file.name for file in named.files_in(str(folder), place)] == ["a.parquet", "c.parquet"]


@pytest.mark.parametrize("wrong", ["folder", "../folder", "/srv/../etc", "zip://x::s3://b", "s3:/b", "/srv, x"])
def test_the_operators_list_holds_whole_addresses(wrong):
    with pytest.raises(ConfigError, match=r"SHOTCLOCK_ALLOWED_ADDRESSES: found '.*', allowed: whole addresses"):
        settings({"SHOTCLOCK_HOME": "/", "SHOTCLOCK_ALLOWED_ADDRESSES": wrong})
