"""Is the store there, and fit to be read?"""

import sqlite3
from contextlib import closing

import pytest

from shotclock.store.server import database, tables


def file(folder, content=None):
    path = folder / "mlflow.db"
    if content is not None:
        with closing(sqlite3.connect(path)) as opened:
            opened.executescript(content)
    return f"sqlite:///{path}"


@pytest.mark.parametrize(
    ("store", "expected"),
    {
        "no file": (file, False),
        "a file that is only begun": (lambda folder: file(folder, "PRAGMA journal_mode=WAL"), False),
        "one that is half made": (lambda folder: file(folder, "CREATE TABLE alembic_version (version_num)"), False),
        "a server": (lambda folder: "http://127.0.0.1:1", True),
        "another database": (lambda folder: "postgresql+psycopg2://nobody@127.0.0.1:1/x", True),
    }.values(),
    ids=["no file", "begun", "half made", "a server", "another database"],
)
def test_a_store_that_is_still_being_made_is_not_read(tmp_path, monkeypatch, store, expected):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store(tmp_path))
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    assert database.is_ready() is expected
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_store_that_is_made_is_read_at_once(at):
    at("trained")
    assert tables.are_known()
    assert database.is_ready()
