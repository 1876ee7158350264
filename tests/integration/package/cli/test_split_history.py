"""The production file cut into batches."""

import json

import pyarrow.parquet as pq
import pytest
from yaml import safe_dump, safe_load

from shotclock import config
from shotclock.config import settings
from shotclock.files import storage


def cut(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*"))}


def test_the_production_file_is_cut_into_seasons_that_hold_all_of_it(at, shotclock, prod_path):
    folder = at("empty") / "data" / "raw" / "seasons"
    found = shotclock("split-history", "shots", "--into", "seasons")
    assert found.exit_code == 0
    assert found.stdout.splitlines()[0].split() == ["1996-97.parquet", "159", "rows"]
    tables = [pq.read_table(path) for path in sorted(folder.iterdir())]
    whole = pq.read_table(prod_path)
    assert len(tables) == 20
    assert sum(table.num_rows for table in tables) == 6_426
    assert all(table.schema.equals(whole.schema, check_metadata=True) for table in tables)
    rows = [row for table in tables for row in table.to_pylist()]
    assert sorted(rows, key=lambda row: row["shot_id"]) == sorted(whole.to_pylist(), key=lambda row: row["shot_id"])


def test_a_project_without_an_extension_is_cut_by_the_calendar_and_nothing_else(at, shotclock):
    folder = at("empty") / "data" / "raw"
    path = settings().projects / "shots.yaml"
    path.write_text(safe_dump(safe_load(path.read_text("utf-8")) | {"demonstration": None}), "utf-8")
    config.project.cache_clear()
    refused = shotclock("split-history", "shots", "--by", "season")
    assert refused.exit_code == 2
    assert "found 'season', expected month" in refused.stderr
    assert shotclock("split-history", "shots", "--into", "parts").exit_code == 0
    assert len(list((folder / "parts").iterdir())) == 140
    assert shotclock("split-history", "shots", "--by", "year", "--into", "years").exit_code == 0
    assert len(list((folder / "years").iterdir())) == 21
    assert shotclock("split-history", "shots", "--rows", "1000", "--into", "thousands").exit_code == 0
    sizes = [pq.read_metadata(path).num_rows for path in sorted((folder / "thousands").iterdir())]
    assert sizes == [1000] * 6 + [426]


def test_cutting_again_leaves_the_same_bytes(at, shotclock):
    folder = at("empty") / "data" / "raw" / "months"
    arguments = ("split-history", "shots", "--by", "month", "--into", "months")
    assert len(json.loads(shotclock(*arguments, "--json").stdout)["files"]) == 140
    before = cut(folder)
    assert shotclock(*arguments).exit_code == 0
    assert cut(folder) == before
    assert list(before)[:2] == ["1996-11.parquet", "1996-12.parquet"]


def test_the_folder_is_the_projects_own_where_none_is_named(at, shotclock):
    folder = at("empty")
    path = settings().projects / "shots.yaml"
    path.write_text(path.read_text("utf-8").replace("data:\n", "data:\n  batches: arrivals\n"), "utf-8")
    config.project.cache_clear()
    shotclock("split-history", "shots", "--file", "dataset_kobe_dev.parquet")
    files = sorted((folder / "data" / "raw" / "arrivals").glob("*.parquet"))
    assert sum(pq.read_metadata(file).num_rows for file in files) == 24_271


def test_a_cut_may_go_to_an_object_store_and_has_the_same_bytes(at, shotclock, object_store):
    folder = at("empty") / "data" / "raw" / "shots"
    address = storage.at(f"s3://{object_store.bucket()}/arrivals")
    for into in ((), ("--into", str(address)), ("--into", str(address))):
        found = shotclock("split-history", "shots", "--by", "season", *into)
        assert found.exit_code == 0, found.stderr
    there = {file.name: storage.digest(file) for file in storage.listing(address, "*.parquet")}
    assert there == {file.name: storage.digest(file) for file in storage.listing(folder, "*.parquet")}
    assert len(there) == 20


def test_files_of_another_cut_are_not_mixed_with_this_one(at, shotclock):
    folder = at("empty") / "data" / "raw" / "seasons"
    shotclock("split-history", "shots", "--into", "seasons")
    before = cut(folder)
    found = shotclock("split-history", "shots", "--into", "seasons", "--by", "month")
    assert found.exit_code == 3
    assert "1996-97.parquet: found a file that is not of this cut" in found.stderr
    assert cut(folder) == before


def test_a_batch_that_is_there_already_is_not_changed(at, shotclock, prod):
    folder = at("empty") / "data" / "raw" / "seasons"
    shotclock("split-history", "shots", "--into", "seasons")
    before = cut(folder)
    prod.assign(lat=33.0).to_parquet(settings().data / "raw" / "other.parquet")
    found = shotclock("split-history", "shots", "--into", "seasons", "--file", "other.parquet")
    assert found.exit_code == 3
    assert "1996-97.parquet: found other rows than those of this cut" in found.stderr
    assert cut(folder) == before


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda rows: rows.drop(columns="game_date"), "column 'game_date' (columns.time) is missing"),
        (lambda rows: rows.assign(game_date=None), "column 'game_date': 6,426 of 6,426 rows have no time"),
        (lambda rows: rows.assign(game_date="April"), "column 'game_date': found 'April', expected an ISO date"),
    ],
)
def test_rows_without_a_time_are_refused_and_leave_no_file(at, shotclock, prod, change, message):
    folder = at("empty") / "data" / "raw"
    change(prod).to_parquet(folder / "bad.parquet")
    found = shotclock("split-history", "shots", "--file", "bad.parquet", "--into", "seasons")
    assert found.exit_code == 3
    assert message in found.stderr
    assert not list((folder / "seasons").glob("*"))


def test_a_large_file_is_cut_in_pieces_into_the_same_rows(at, shotclock, monkeypatch):
    from shotclock.projects import split_history

    folder = at("empty") / "data" / "raw"
    shotclock("split-history", "shots", "--into", "whole")
    monkeypatch.setattr(split_history, "_HELD", 500)
    monkeypatch.setattr(split_history, "_ROWS", 100)
    shotclock("split-history", "shots", "--into", "pieces")
    for path in sorted((folder / "whole").iterdir()):
        assert pq.read_table(folder / "pieces" / path.name).equals(pq.read_table(path))
