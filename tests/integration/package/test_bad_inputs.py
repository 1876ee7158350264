"""Bad inputs, one by one: each is a named error that says where and what; nothing published changes.

Parameters of a trigger are in `tests/dags/test_bag.py` and `tests/unit/sources/test_named.py`, requests in
`tests/unit/serving`, stored models in `store/test_planted_code.py`.
"""

import contextlib
import gzip
import os
import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
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
        ("lat", [[1, 2]] * len(prod), "list"),
        ("lat", [{"a": 1}] * len(prod), "struct"),
        ("lat", True, "bool"),
        ("lat", pd.Timestamp("2020-01-01"), "timestamp"),
        ("lat", b"x", "binary"),
        ("shot_id", 1.5, "double"),
        ("game_date", 7, "int64"),
    ):
        put = file(
            f"{name} as {found}",
            lambda rows, n=name, v=values: _with(rows, n, v),
            f"'{name}': found type",
            found,
            "expected",
        )
        cases[f"{name} as {found}"] = put
    for name, word in (("lat", "north"), ("period", "first"), ("shot_made_flag", "yes")):  # digits in words are read
        cases[f"{name} in words"] = file(
            f"{name} in words",
            lambda rows, n=name, v=word: _with(rows, n, v),
            f"column '{name}', row 1: found '{word}'",
            "; correct the value, or say under `reading`",
        )
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
        output = shotclock(command, "shots").output
        lines = output.splitlines()
        assert "PROMOTE, champion v9" in " ".join(output.split())  # lines of 80 columns
        assert all(line.isprintable() for line in lines)
        assert not [line for line in lines if line.startswith("2026-01-01 00:00:00")]


# Found later: each is one that somebody tried on the running code


def _zipped(name, content, **more):
    import io
    from zipfile import ZIP_DEFLATED, ZipFile

    kept = io.BytesIO()
    with ZipFile(kept, "w", ZIP_DEFLATED) as zipped:
        for each, text in {name: content, **more}.items():
            zipped.writestr(each, text)
    return kept.getvalue()


@pytest.fixture
def lies():
    """`lies(name, make)`: what `make` leaves at that place under data/raw, to be scored."""

    def case(name, make, *words):
        return (lambda patch: make(settings().data / "raw" / name)), ("score", "shots", "--file", name), words

    return case


def test_what_is_no_file_of_rows(lies, refused, prod):
    header = ",".join(prod.columns)
    line = ",".join(["1"] * len(prod.columns))
    gz = gzip.compress(f"{header}\n{line}\n".encode())
    refused(
        {
            "a pipe": lies("pipe.parquet", os.mkfifo, "pipe.parquet"),
            "a device": (nothing, ("score", "shots", "--file", "/dev/zero"), ["/dev/zero"]),
            "a socket": lies("socket.parquet", _socket, "socket.parquet"),
            "an empty folder": lies("folder.parquet", Path.mkdir, "folder.parquet"),
            "a loop of links": lies("loop.parquet", lambda path: path.symlink_to(path), "loop.parquet"),
            "a link to nowhere": lies("link.parquet", lambda path: path.symlink_to("/nowhere"), "no such file"),
            "a CSV without rows": lies("a.csv", lambda path: path.write_text(header), "a.csv"),
            "a CSV of nothing": lies("b.csv", lambda path: path.write_bytes(b""), "b.csv"),
            "a CSV with too many fields": lies(
                "c.csv", lambda path: path.write_text(f"{header}\n{line}\n{line},7\n"), "c.csv"
            ),
            "a CSV with a name twice": lies(
                "d.csv", lambda path: path.write_text(f"{header},lat\n{line},1\n"), "d.csv"
            ),
            "a CSV with an open quote": lies("e.csv", lambda path: path.write_text(f'{header}\n"{line}\n'), "e.csv"),
            "a CSV of another encoding": lies(
                "f.csv", lambda path: path.write_bytes(f"{header},é\n{line},é\n".encode("latin-1")), "f.csv"
            ),
            "a CSV with null bytes": lies("g.csv", lambda path: path.write_bytes(b"\0" * 5000), "g.csv"),
            "half a gzip": lies("h.csv.gz", lambda path: path.write_bytes(gz[:-9]), "h.csv.gz"),
            "no gzip": lies("i.csv.gz", lambda path: path.write_bytes(b"hello"), "i.csv.gz"),
            "a zip of two": lies(
                "j.zip", lambda path: path.write_bytes(_zipped("a.csv", header, **{"b.csv": header})), "j.zip"
            ),
            "a zip of nothing": lies("k.zip", lambda path: path.write_bytes(_zipped("a.txt", "x")), "k.zip"),
            "a zip that leads out": lies("l.zip", lambda path: path.write_bytes(_zipped("../../x.csv", "x")), "l.zip"),
            "no zip": lies("m.zip", lambda path: path.write_bytes(b"PK\3\4hello"), "m.zip"),
            "a sheet": lies("n.xlsx", lambda path: path.write_bytes(_zipped("xl/workbook.xml", "x")), "n.xlsx"),
            "encrypted": lies("o.parquet", lambda path: path.write_bytes(b"PARE" + b"x" * 99 + b"PARE"), "o.parquet"),
        }
    )


def _socket(path):
    import socket

    with socket.socket(socket.AF_UNIX) as one, contextlib.chdir(path.parent):
        one.bind(path.name)


def test_columns_that_are_stranger_still(lies, refused, prod):
    def written(change):
        return lambda path: pq.write_table(change(pa.Table.from_pandas(prod, preserve_index=False)), path)

    def twice(table):
        return table.append_column("lat", table["lat"])

    def replaced(name, values):
        return lambda table: table.set_column(table.column_names.index(name), name, values)

    rows = len(prod)
    refused(
        {
            "a name twice": lies("twice.parquet", written(twice), "twice.parquet", "lat"),
            "no columns": lies("none.parquet", written(lambda table: table.select([])), "is missing"),
            "nothing but gaps": lies("null.parquet", written(replaced("lat", pa.nulls(rows))), "lat"),
            "a decimal too long": lies(
                "long.parquet",
                written(replaced("shot_id", pa.array([2**63] * rows, pa.uint64()))),
                "shot_id",
            ),
            "ids missing": lies("ids.parquet", written(replaced("shot_id", pa.nulls(rows, pa.int64()))), "shot_id"),
            "a time of day": lies(
                "day.parquet", written(replaced("game_date", pa.array([1] * rows, pa.time64("us")))), "game_date"
            ),
            "a duration": lies(
                "duration.parquet", written(replaced("lat", pa.array([1] * rows, pa.duration("s")))), "lat"
            ),
            "a map": lies(
                "map.parquet",
                written(replaced("lat", pa.array([[("a", 1)]] * rows, pa.map_(pa.string(), pa.int64())))),
                "lat",
            ),
            "bytes for a date": lies(
                "bytes.parquet", written(replaced("game_date", pa.array([b"\xff"] * rows))), "game_date"
            ),
        }
    )


def test_project_files_that_are_stranger_still(yaml, refused):
    section = lambda text, *words: yaml("title:", f"{text}\ntitle:", *words)  # noqa: E731
    number = "\n      type: number\n      min: 32\n      max: 36"
    refused(
        {
            "an infinite bound": yaml(number, " {type: number, min: -.inf}", "features.lat.min"),
            "a bound that is none": yaml(number, " {type: number, max: .nan}", "features.lat.max"),
            "bounds turned round": yaml(number, " {type: number, min: 5, max: 4}", "features.lat"),
            "nothing allowed": yaml(number, " {type: integer, allowed: []}", "features.lat.allowed"),
            "a type": yaml(number, " {type: float}", "features.lat.type"),
            "no feature": yaml(number, " null", "features.lat"),
            "a seed of 33 bits": yaml("iterations: 2", f"iterations: 2\n  seed: {2**32}", "seed"),
            "a seed below 0": yaml("iterations: 2", "iterations: 2\n  seed: -1", "seed"),
            "a seed with a point": yaml("iterations: 2", "iterations: 2\n  seed: 1.5", "seed"),
            "no folds": yaml("folds: 5", "folds: 0", "training.folds"),
            "all for the test": yaml("test_share: 0.2", "test_share: 1", "split.test_share"),
            "recent rows too few for the gate": yaml("ships: refit", "ships: refit\n  recent_rows: 499", "recent_rows"),
            "what nobody ships": yaml("ships: refit", "ships: nothing", "retraining.ships"),
            "resamples without end": yaml("min_rows: 500", "min_rows: 500\n  resamples: 1000000000000", "resamples"),
            "a cron of six": yaml("schedule: 0 0 1 * *", "schedule: 0 0 1 * * *", "retraining.schedule"),
            "a cron that never comes": yaml("schedule: 0 0 1 * *", "schedule: 0 0 31 2 *", "retraining.schedule"),
            "an id for a feature": yaml("id: shot_id", "id: lat", "lat"),
            "a target for a time": yaml("time: game_date", "time: shot_made_flag", "shot_made_flag"),
            "an algorithm": yaml("- decision_tree", "- xgboost", "training.candidates"),
            "one twice": yaml("- decision_tree", "- logistic_regression", "training.candidates"),
            "a section that is a number": yaml("title:", "notify: 5\ntitle:", "notify"),
            "an object of Python": section("notify: !!python/object/apply:os.mkdir [x]"),
            "a tag": section("notify: !foo {}"),
            "an anchor that is not there": section("notify: *nowhere"),
            "a key that is a list": section("[1, 2]: x"),
            "two documents": yaml(None, b"name: shots\n---\nname: shots\n"),
            "half a digest": yaml("3a177adbf7e4ef40", "3a17", "data.sha256"),
            "another way to download": yaml("https://raw", "ftp://raw", "data.download_from"),
            "a file far out": yaml("training: dataset_kobe_dev.parquet", "training: nope://x/y", "data.training"),
            "nobody's mail": section("notify: {smtp: mail, mail_to: [nobody]}", "notify.mail_to"),
            "a slice of nothing": yaml("column: playoffs", "column: nowhere", "nowhere"),
        }
    )


def test_settings_that_are_stranger_still(setting, refused, tmp_path, free_tcp_port):
    (tmp_path / "file").write_bytes(b"")
    store = "MLFLOW_TRACKING_URI"
    refused(
        {
            "no projects": setting("SHOTCLOCK_PROJECTS", tmp_path / "nowhere", "none yet"),
            "a file for projects": setting("SHOTCLOCK_PROJECTS", tmp_path / "file", "none yet"),
            "a database that is away": setting(store, f"postgresql://u:secret@127.0.0.1:{free_tcp_port}/x", store),
            "a database of no driver": setting(store, "mysql://u:p@127.0.0.1:1/x", store),
            "a server of no name": setting(store, "http://", store),
            "a port that is none": setting(store, "http://127.0.0.1:99999", store),
            "a folder": setting(store, tmp_path, store),
        }
    )


def test_arguments_that_are_stranger_still(refused, tmp_path, prod):
    binary, one = tmp_path / "binary.csv", tmp_path / "one.csv"
    binary.write_bytes(bytes(range(256)) * 50)
    one.write_text("a\n1\n2\n3\n")
    prod.head(300).to_csv(tmp_path / "table.csv", index=False)
    rows, half, reason = str(tmp_path / "table.csv"), ("--split-by-time", "0.5"), ("--reason", "why")
    refused(
        {
            " ".join(map(repr, command))[:200]: (nothing, command, [word])
            for command, word in (
                (("rollback", "shots", *reason, "--version", str(10**30)), "version"),
                (("rollback", "shots", "--reason", "x" * 2001), "found 2,001 characters"),
                (("status", "\udcff"), "found"),
                (("status", ""), "name one of"),
                (("prune", "shots", "--older-than", "nan"), "--older-than"),
                (("prune", "shots", "--older-than", "inf"), "--older-than"),
                (("prune", "shots", "--older-than", "1e300"), "--older-than"),
                (("prune", "shots", "--keep", str(10**30), "--older-than", "x"), "--older-than"),
                (("split-history", "shots", "--rows", "0"), "--rows"),
                (("split-history", "shots", "--by", "month", "--rows", "5"), "--rows"),
                (("history", "shots", "--on", ""), "expected a day"),
                (("history", "shots", "--on", "0000-01-01"), "expected a day"),
                (("score", "shots", "--file", ""), "--file: found nothing"),
                (("score", "shots", "--file", "\udcff.parquet"), "no such file"),
                (("train", "shots", "--file", "dataset_kobe_prod.parquet/x"), "dataset_kobe_prod.parquet"),
                (("init", str(binary), *half), "binary.csv"),
                (("init", str(one), *half), "found one column, 'a', expected several"),
                (("init", rows, *half, "--target", "nowhere"), "nowhere"),
                (("init", rows, *half, "--id", "nowhere"), "nowhere"),
                (("init", rows, *half, "--time", "lat"), "lat"),
                (("init", rows, *half, "--name", "A b"), "A b"),
                (("init", rows, *half, "--name", "shots"), "is there already"),
                (("init", rows, *half, "--target", "shot_made_flag", "--positive", "7"), "7"),
                (("init", rows, "--split-by-time", "nan"), "expected between 0 and 1"),
                (("init", rows, *half, "--feature", "nowhere"), "nowhere"),
                (("init", rows, *half, "--category", "nowhere"), "nowhere"),
                (("validate", "nowhere"), "expected"),
            )
        }
    )
