"""Raw rows out of a CSV file that an installed package ships."""

import sys
import zipfile

import pyarrow as pa
import pytest

from shotclock.config import PackageTable
from shotclock.errors import ConfigError, SourceError
from shotclock.sources import packaged

CSV = """\
year,month,day,gate,delay,at
2013,1,1,A,20,2013-01-01T05:00:00Z
2013,2,3,B,,2013-02-03T05:00:00Z
2013,9,2,,3,2013-09-02T05:00:00Z
"""


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package that would fail if it were imported, with its table as CSV and as a zip archive."""
    folder = tmp_path / "tinyflights"
    (folder / "data").mkdir(parents=True)
    (folder / "__init__.py").write_text("raise RuntimeError('nobody imports me')")
    (folder / "data" / "flights.csv").write_text(CSV)
    with zipfile.ZipFile(folder / "data" / "flights.csv.zip", "w") as archive:
        archive.writestr("flights.csv", CSV)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    return folder


def wanted(**changes):
    columns = {
        "id": "row",
        "at": "at",
        "late": "delay > 15",
        "at_a": "gate == 'A'",
        "weekday": "(days(year, month, day) + 3) % 7",
    }
    known = {"name": "tinyflights", "file": "data/flights.csv", "training": "month < 9", "production": "month >= 9"}
    return PackageTable(**{**known, "columns": columns, **changes})


@pytest.mark.parametrize("file", ["data/flights.csv", "data/flights.csv.zip"])
def test_rows_and_columns_are_what_the_formulas_say_and_null_where_they_read_a_null(package, file):
    table = packaged.rows(wanted(file=file), "training")
    assert table.drop_columns("at").to_pylist() == [
        {"id": 1, "late": 1, "at_a": 1, "weekday": 1},
        {"id": 2, "late": None, "at_a": 0, "weekday": 6},
    ]
    assert pa.types.is_timestamp(table.schema.field("at").type)
    newer = packaged.rows(wanted(file=file), "production")
    assert newer.select(["id", "late", "at_a"]).to_pylist() == [{"id": 3, "late": 0, "at_a": None}]


def test_a_row_whose_condition_is_null_belongs_to_neither(package):
    both = [
        packaged.rows(wanted(training="delay > 10", production="delay <= 10"), role)
        for role in ("training", "production")
    ]
    assert [table["id"].to_pylist() for table in both] == [[1], [3]]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"training": "mnth < 9"},
            "data.package.training: found 'mnth', allowed: year, month, day, gate, delay, at, row",
        ),
        ({"columns": {"x": "open('a')"}}, "allowed: columns, numbers"),
    ],
)
def test_a_formula_that_cannot_be_is_refused(package, changes, message):
    with pytest.raises(ConfigError, match=message.replace("(", r"\(").replace(")", r"\)")):
        packaged.rows(wanted(**changes), "training")


def test_a_file_that_the_package_does_not_have_is_refused(package):
    with pytest.raises(SourceError, match=r"other\.csv: no such file in the package tinyflights"):
        packaged.rows(wanted(file="data/other.csv"), "training")


@pytest.mark.parametrize("file", ["../secret.csv", "/etc/secret.csv", "data/../../secret.csv", "data/flights.parquet"])
def test_only_a_csv_file_inside_of_the_package_can_be_named(file):
    with pytest.raises(ValueError, match="file"):
        wanted(file=file)
