"""Bad inputs, one by one: each is a named error that says where and what; nothing published changes.

Parameters of a trigger are in `tests/dags/test_bag.py` and `tests/unit/sources/test_named.py`, requests in
`tests/unit/serving`, stored models in `store/test_planted_code.py`.
"""

import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from shotclock import config
from shotclock.config import settings


@pytest.fixture
def refused(at, shotclock, published, monkeypatch):
    """`refused(cases)`: each is refused; a case is what to put, the command, and words of its error."""
    at("rested")
    before = published()

    def told(put, command, words):
        with monkeypatch.context() as patch:
            put(patch)
            config.project.cache_clear()
            found = shotclock(*command)
        config.project.cache_clear()
        said = " ".join(found.output.replace("│", " ").split())
        if found.exit_code not in (2, 3) or not isinstance(found.exception, SystemExit):
            return f"ended with {found.exit_code} {found.exception!r}: {said[-300:]}"
        lacking = [word for word in words if word not in said]
        return f"lacks {lacking}: {said[-500:]}" if lacking or "Traceback" in said else ""

    def check(cases):
        wrong = {name: fault for name, case in cases.items() if (fault := told(*case))}
        assert wrong == {}
        assert published() == before

    return check


def nothing(patch):
    pass


@pytest.fixture
def file(at, prod, dev):
    """`file(name, content)`: a raw file of these bytes, or of what this makes of the production rows, to be scored by name."""

    def case(name, content, *words, rows=prod, command="score"):
        def put(patch):
            path = settings().data / "raw" / f"{name.replace(' ', '_')}.parquet"
            if isinstance(content, bytes):
                path.write_bytes(content)
            else:
                content(rows.copy()).to_parquet(path)

        return put, (command, "shots", "--file", f"{name.replace(' ', '_')}.parquet"), words

    return case


def test_files(file, refused, prod, tmp_path):
    prod.to_parquet(tmp_path / "whole.parquet")
    whole = (tmp_path / "whole.parquet").read_bytes()
    unreadable = "not a readable parquet file"
    cases = {
        "empty": file("empty", b"", unreadable, "empty.parquet"),
        "text": file("text", b"lat,lon\n1,2\n", unreadable),
        "only marks": file("marks", b"PAR1PAR1", unreadable),
        "half": file("half", whole[: len(whole) // 2], unreadable),
        "without its end": file("end", whole[:-1], unreadable),
        "without its begin": file("begin", whole[1000:], unreadable),
        "a damaged footer": file("footer", whole[:-300] + b"\xff" * 292 + whole[-8:], unreadable),
        "zeros": file("zeros", b"\0" * 5000, unreadable),
        "no rows": file(
            "no rows", lambda rows: rows.head(0).astype({"game_date": "string"}), "found no rows, expected at least one"
        ),
    }
    for name, address, words in (
        ("missing", "nowhere.parquet", "no such file"),
        ("a long name", "x" * 300, "the name is too long"),
        ("a long path", "/".join(["x" * 200] * 30), "the name is too long"),
        ("a null byte", "a\0b", "no such file"),
        ("an unknown scheme", "nope://a/b", "found the scheme 'nope', allowed"),
        ("no bucket", "s3://", "no bucket in it, expected"),
        ("another host", "file://host/x", "found the host 'host', expected three slashes"),
        ("an address in an address", "simplecache::s3://a/b", "found the scheme 'simplecache::s3', allowed"),
    ):
        cases[name] = nothing, ("score", "shots", "--file", address), [words]
    refused(cases)


def test_columns_and_types(file, refused, prod):
    features = ["lat", "lon", "minutes_remaining", "period", "playoffs", "shot_distance"]
    cases = {
        f"without {name}": file(
            f"without {name}", lambda rows, name=name: rows.drop(columns=name), f"column '{name}' is missing"
        )
        for name in (*features, "shot_id", "game_date")
    }
    for name, values, found in (
        ("lat", "north", "string"),
        ("lat", [[1, 2]] * len(prod), "list"),
        ("lat", [{"a": 1}] * len(prod), "struct"),
        ("lat", True, "bool"),
        ("lat", pd.Timestamp("2020-01-01"), "timestamp"),
        ("lat", b"x", "binary"),
        ("period", "1", "string"),
        ("shot_id", 1.5, "double"),
        ("game_date", 7, "int64"),
        ("shot_made_flag", "yes", "string"),
    ):
        put = file(
            f"{name} as {found}",
            lambda rows, n=name, v=values: _with(rows, n, v),
            f"'{name}': found type",
            found,
            "expected",
        )
        cases[f"{name} as {found}"] = put
    refused(cases)


def _with(rows, name, value):
    column = pd.Series(value, index=rows.index) if isinstance(value, list) else value
    return rows.drop(columns=name).assign(**{name: column})


def test_rows(file, refused):
    share = "that break the contract, expected at most"
    cases = {}
    for name, value, rule in (
        ("lat", 1e9, "above"),
        ("lat", -1e9, "below"),
        ("lat", np.inf, "infinite"),
        ("lat", -np.inf, "infinite"),
        ("lat", np.nan, "null"),
        ("lat", 1e39, "above"),
        ("period", -7, "below"),
        ("period", 1.5, "not whole"),
        ("playoffs", 2, "not among 0, 1"),
        ("shot_distance", -1, "below 0"),
        ("shot_id", 1, "repeated"),
        ("game_date", "soon", "not an ISO date"),
    ):
        change = lambda rows, n=name, v=value: rows.head(900).assign(**{n: v})  # noqa: E731
        cases[f"{name} {value}"] = file(f"rows {name} {len(cases)}", change, share, f"column '{name}'", rule)
    refused(cases)


def test_labels(file, refused, dev):
    train = {"rows": dev, "command": "train"}
    flag = "shot_made_flag"
    refused(
        {
            "one class": file("one", lambda rows: rows.assign(**{flag: 1.0}), "of one class (1)", **train),
            "none": file("none", lambda rows: rows.assign(**{flag: np.nan}), "no labelled rows left", **train),
            "a third": file("third", lambda rows: rows.assign(**{flag: 2.0}), "not 0 or 1", **train),
            "five rows": file("five", lambda rows: rows.dropna().head(5), "expected at least", **train),
            "one of a kind": file(
                "single",
                lambda rows: rows.dropna().head(50).assign(**{flag: [1.0, *[0.0] * 49]}),
                "expected at least two rows of each",
                **train,
            ),
        }
    )


@pytest.fixture
def yaml():
    """`yaml(old, new)`: the project file with some text replaced; `yaml(None, content)`: with this content instead."""

    def case(old, new, *words):
        def put(patch):
            path = settings().projects / "shots.yaml"
            text = path.read_text("utf-8")
            folder = path.parents[1] / f"projects-{abs(hash((old, new)))}"
            folder.mkdir()
            (folder / "court").symlink_to(path.parent / "court")
            changed = new if old is None else text.replace(old, new).encode()
            assert changed != text.encode(), old
            (folder / "shots.yaml").write_bytes(changed)
            patch.setenv("SHOTCLOCK_PROJECTS", str(folder))

        return put, ("status", "shots"), ["shots.yaml", *words]

    return case


def test_project_files(yaml, refused):
    refused(
        {
            "empty": yaml(None, b"", "found an empty file"),
            "a list": yaml(None, b"- a\n", "found a list"),
            "a text": yaml(None, b"hello", "found a str"),
            "no UTF-8": yaml(None, b"name: \xff\xfe", "not text in UTF-8"),
            "no YAML": yaml(None, b"name: [a", "not valid YAML"),
            "a tab": yaml(None, b"name:\n\tx: 1", "not valid YAML"),
            "very deep": yaml(None, b"[" * 50_000, "sections in one another"),
            "very large": yaml(None, b"#" * (2**20 + 1), "bytes, allowed are"),
            "unfolds": yaml(None, b"a: &a [x,x,x,x,x,x,x,x,x,x]\n" + _bomb(), "keys and values, aliases followed"),
            "a null byte": yaml(None, b"name: a\0b", "not valid YAML"),
            "twice": yaml("title:", "name: shots\ntitle:", "found a second time"),
            "unknown": yaml("title:", "titel: x\ntitle:", "unknown key; allowed"),
            "another name": yaml("name: shots", "name: other", "found 'other', allowed: 'shots'"),
            "an odd name": yaml("name: shots", "name: ../x", "field 'name'"),
            "no title": yaml("title:", "x-title:", "field 'title': missing; it is required"),
            "a backend": yaml("backend: scikit-learn", "backend: xgboost", "allowed: 'pycaret' or 'scikit-learn'"),
            "a cron": yaml("drift:\n", "retraining: {schedule: monthly}\ndrift:\n", "shots.yaml"),
        }
    )


def _bomb():
    return b"".join(b"%c: &%c [%s]\n" % (n, n, b",".join([b"*%c" % (n - 1)] * 10)) for n in range(ord("b"), ord("i")))


@pytest.fixture
def setting(tmp_path):
    """`setting(NAME, value)`: with this in the environment."""

    def case(name, value, *words):
        return (lambda patch: patch.setenv(name, str(value))), ("status", "shots"), words

    return case


def test_settings_and_stores(setting, refused, tmp_path, free_tcp_port):
    (tmp_path / "garbage.db").write_bytes(b"no database at all " * 500)
    (tmp_path / "file").write_bytes(b"")
    with closing(sqlite3.connect(tmp_path / "locked.db", timeout=0)) as holder:
        holder.execute("create table a (b)")
        holder.commit()
        holder.execute("begin exclusive")
        refused(
            {
                "projects far away": setting(
                    "SHOTCLOCK_PROJECTS", "s3://a/b", "SHOTCLOCK_PROJECTS: found s3://a/b, allowed"
                ),
                "an unknown scheme": setting("SHOTCLOCK_DATA", "nope://a", "found the scheme 'nope', allowed"),
                "a question mark": setting(
                    "SHOTCLOCK_HOME", "/a?b", "SHOTCLOCK_HOME: found /a?b, allowed: a path without"
                ),
                "a percent sign": setting("SHOTCLOCK_HOME", "/a%25b", "SHOTCLOCK_HOME: found /a%25b"),
                "a relative address": setting(
                    "SHOTCLOCK_ALLOWED_ADDRESSES", "x", "SHOTCLOCK_ALLOWED_ADDRESSES: found 'x'"
                ),
                "nobody answers": setting(
                    "MLFLOW_TRACKING_URI", f"http://127.0.0.1:{free_tcp_port}", "gives no answer", "MLFLOW_TRACKING_URI"
                ),
                "no store's scheme": setting("MLFLOW_TRACKING_URI", "htp://a/b", "htp", "MLFLOW_TRACKING_URI"),
                "garbage": setting(
                    "MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/garbage.db", "restore it from a backup"
                ),
                "locked": setting(
                    "MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/locked.db", "another program holds the database"
                ),
                "below a file": setting(
                    "MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/file/m.db", "a file stands where a folder"
                ),
            }
        )


def test_arguments(refused, tmp_path):
    reason = ("--reason", "why")
    refused(
        {
            " ".join(command): (nothing, command, [word])
            for command, word in (
                (("nonsense",), "No such command"),
                (("status", "shot"), "did you mean 'shots'?"),
                (("status", "../shots"), "found '../shots'"),
                (("retrain", "shots"), "--reason"),
                (("rollback", "shots"), "--reason"),
                (("rollback", "shots", "--reason", " "), "expected a sentence"),
                (("rollback", "shots", *reason, "--version", "0"), "--version"),
                (("rollback", "shots", *reason, "--version", "-1"), "--version"),
                (("rollback", "shots", *reason, "--version", "x"), "--version"),
                (("rollback", "shots", *reason, "--version", "99"), "no such version in MLflow"),
                (("rollback", "shots", *reason, "--version", "2"), "is the champion already"),
                (("history", "shots", "--on", "yesterday"), "expected a day such as"),
                (("history", "shots", "--on", "2026-13-01"), "expected a day such as"),
                (("prune", "shots", "--older-than", "-1"), "--older-than"),
                (("prune", "shots", "--keep", "-1"), "--keep"),
                (("split-history", "shots", "--by", "decade"), "expected"),
                (("init", str(tmp_path / "nowhere.csv"), "--split-by-time", "0.5"), "nowhere.csv"),
                (("init", str(tmp_path), "--split-by-time", "2"), "expected between 0 and 1"),
            )
        }
    )


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full on this system")
def test_a_full_disk_is_told_with_the_remedy_and_nothing_changes(at, shotclock, published, monkeypatch):
    at("rested")
    before = published()

    def full(*arguments, **options):
        with Path("/dev/full").open("wb") as file:  # what a full disk answers
            file.write(b"x")

    monkeypatch.setattr("pyarrow.parquet.ParquetWriter.write_batch", full)
    monkeypatch.setattr("pyarrow.parquet.ParquetWriter.write_table", full)
    found = shotclock("train", "shots")
    assert (found.exit_code, "no space is left on the disk; free some of it" in found.output) == (3, True)
    assert isinstance(found.exception, SystemExit)
    assert published() == before


@pytest.mark.parametrize("mark", ["\n", "\r\n", "\u2028", "\x1b[2K", "\u202e", "\u2066", "\0", "\t"])
def test_a_reason_cannot_show_as_another_line_or_in_another_direction(at, shotclock, mark):
    at("rested")
    faked = f"complaints{mark}2026-01-01 00:00:00  retraining: PROMOTE, champion v9"
    assert shotclock("rollback", "shots", "--reason", faked).exit_code == 0
    for command in ("history", "status"):
        lines = shotclock(command, "shots").output.splitlines()
        told = [line for line in lines if "champion v9" in line]
        assert told
        assert all("complaints" in line and line.isprintable() for line in told)
        assert not [line for line in lines if line.startswith("2026-01-01 00:00:00")]
