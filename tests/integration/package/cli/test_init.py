"""The commands `init` and `validate`: what they print, and how they end."""

import json

import numpy as np
import pandas as pd
import pytest

from shotclock import config
from shotclock.config import settings


@pytest.fixture
def file(at, tmp_path):
    """A CSV file, beside a home with the project `shots`."""
    at("empty")
    days = pd.date_range("2024-01-01", periods=400).strftime("%Y-%m-%d")
    rows = pd.DataFrame(
        {"id": range(400), "day": days, "size": np.arange(400) % 9, "city": "Rome", "kind": [*"aab"] * 133 + [None]}
    )
    rows.assign(sold=rows["size"] > 4).to_csv(tmp_path / "flats.csv", index=False)
    return tmp_path / "flats.csv"


def test_init_says_what_it_guessed_and_where_it_wrote(shotclock, file):
    found = shotclock("init", file, "--split-by-time", 0.5)
    assert found.exit_code == 0
    lines = found.stdout.splitlines()
    assert lines[0] == "target       sold: has two outcomes; true and false became 1 and 0"
    assert "feature      size: integer, 0 to 16 allowed, seen 0 to 8" in lines
    assert "feature      kind: category, 2 different ones: a, b, 1 without" in lines
    assert "left out     city: Rome in every row" in lines
    assert any(line.startswith("look         'size' alone tells the target") for line in lines)
    assert lines[-1].endswith("shotclock validate flats")
    assert shotclock("validate", "flats").exit_code == 0
    assert (settings().projects / "flats.yaml").is_file()


def test_init_as_json_holds_all_that_was_guessed(shotclock, file):
    found = json.loads(shotclock("init", file, "--split-by-time", 0.5, "--exclude", "city", "--json").stdout)
    assert found["columns"]["features"]["size"]["max"] == 16
    assert found["left_out"] == {"city": "excluded by --exclude"}
    assert found["training"]["rows"] == 200


def test_init_takes_numbers_for_names_where_it_is_told_to(shotclock, file):
    found = shotclock("init", file, "--split-by-time", 0.5, "--category", "size")
    assert "feature      size: category, 9 different ones, all of digits: 0, 1, 2, …" in found.stdout.splitlines()
    assert shotclock("validate", "flats").exit_code == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ((), "say which rows are production: --production FILE, or --split-by-time"),
        (("--split-by-time", 0.5, "--production", "x.csv"), "say which rows are production"),
        (("--split-by-time", 70), "found 70, expected between 0 and 1"),
        (("--split-by-time", 0.5, "--positive", "yes"), "--positive goes with --target"),
        (("--split-by-time", 0.5, "--time-format", "%Y"), "--time-format with --time"),
        (("--split-by-time", 0.5, "--encoding", "utf-99"), "found utf-99, expected such as utf-8"),
        (("--split-by-time", 0.5, "--time", "day", "--row-order"), "found both --row-order and --time"),
    ],
)
def test_init_that_does_not_say_which_rows_are_which_is_not_understood(shotclock, file, options, message):
    found = shotclock("init", file, *options)
    assert (found.exit_code, found.stdout) == (2, "")
    assert message in " ".join(found.stderr.replace("│", " ").split())
    assert not (settings().projects / "flats.yaml").exists()


def test_init_of_rows_in_their_order_and_the_cut_of_a_later_file(shotclock, file):
    found = shotclock("init", file, "--split-by-time", 0.5, "--row-order", "--leave-out", "day")
    assert (
        "time         row_order: added, as --row-order says: the rows stand in their order" in found.stdout.splitlines()
    )
    assert shotclock("validate", "flats").exit_code == 0
    later = settings().data / "raw" / "later.csv"
    later.write_bytes(file.read_bytes())
    cut = shotclock("split-history", "flats", "--file", "later.csv", "--rows", 150)
    assert [line.split()[1] for line in cut.stdout.splitlines()[:3]] == ["150", "150", "100"]


def test_init_twice_is_refused(shotclock, file):
    shotclock("init", file, "--split-by-time", 0.5)
    found = shotclock("init", file, "--split-by-time", 0.5)
    assert found.exit_code == 3
    assert "is there already and is not overwritten" in found.stderr


def test_validate_without_a_name_looks_at_every_project(at, shotclock):
    at("empty")
    (settings().projects / "wrong.yaml").write_text("name: wrong\n", "utf-8")
    found = shotclock("validate")
    assert found.exit_code == 3
    assert "shots training: " in found.stdout and "24,271 rows, all of them keep the contract" in found.stdout
    assert "wrong " in found.stdout and "field 'title': missing; it is required" in found.stdout
    as_json = shotclock("validate", "--json")
    assert as_json.exit_code == 3
    assert [(checked["project"], bool(checked["faults"])) for checked in json.loads(as_json.stdout)] == [
        ("shots", False),
        ("wrong", True),
    ]
    config.project.cache_clear()
    assert shotclock("validate", "shots").exit_code == 0
