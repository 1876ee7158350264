"""Odd exports: each is read rightly, or refused with file, column, row, what was found and expected, and what to do."""

import codecs
import gzip
import io
import zipfile
from datetime import date, datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from shotclock.config import Columns, Feature, Reading
from shotclock.errors import ContractError, ShotclockError, SourceError
from shotclock.sources import exports, tabular

COLUMNS = Columns(
    id="key",
    time="at",
    target="bought",
    features={"amount": Feature(type="number"), "visits": Feature(type="integer")},
)
LINES = ["key,at,amount,visits,bought", "7,2025-06-01,1.5,3,1", "8,2025-06-02,-20.25,4,0"]
ROWS = [
    {"key": 7, "at": "2025-06-01", "amount": 1.5, "visits": 3.0, "bought": 1.0},
    {"key": 8, "at": "2025-06-02", "amount": -20.25, "visits": 4.0, "bought": 0.0},
]
TEXT = "\n".join(LINES) + "\n"


def semicolons(text=TEXT):
    return text.replace(",", ";").replace(".", ",")


def changed(old, new, text=TEXT):
    assert old in text
    return text.replace(old, new)


def zipped(**files):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(f"{name}.csv", content)
    return buffer.getvalue()


def read(path, reading=None):
    target = path.parent / "taken.parquet"
    reading = reading or tabular.sniff(exports.content(path), path.name)
    exports.write_parquet(path, COLUMNS, reading, target)
    return pq.read_table(target).to_pylist()


SAME_ROWS = {
    "comma": TEXT,
    "semicolon and decimal comma": semicolons(),
    "semicolon and point": TEXT.replace(",", ";"),
    "tab": TEXT.replace(",", "\t"),
    "bar": TEXT.replace(",", "|"),
    "lines end as on Windows": TEXT.replace("\n", "\r\n"),
    "no line end at the last line": TEXT.rstrip("\n"),
    "sep= in the first line": "sep=;\n" + semicolons(),
    "quoted sep=": '"sep=,"\n' + TEXT,
    "byte order mark": codecs.BOM_UTF8 + TEXT.encode(),
    "utf-16": TEXT.encode("utf-16"),
    "utf-16, big end first": codecs.BOM_UTF16_BE + TEXT.encode("utf-16-be"),
    "gzip": gzip.compress(TEXT.encode()),
    "gzip of utf-16": gzip.compress(TEXT.encode("utf-16")),
    "zip": zipped(export=TEXT),
    "quoted fields": "\n".join(",".join(f'"{field}"' for field in line.split(",")) for line in LINES),
    "spaces around values": changed("1.5", " 1.5 "),
    "spaces around names": changed("key,at", " key , at "),
    "whole numbers with a point": changed(",3,", ",3.0,"),
    "scientific": changed("1.5", "0.15e1"),
    "plus sign": changed("1.5", "+1.5"),
    "other columns too": changed(
        "bought\n", "bought,note\n", TEXT.replace("1\n8", "1,x\n8").replace("4,0\n", "4,0,y\n")
    ),
    "other order": "amount,bought,visits,at,key\n1.5,1,3,2025-06-01,7\n-20.25,0,4,2025-06-02,8\n",
    "blank last line": TEXT + "\n",
}


@pytest.mark.parametrize("content", SAME_ROWS.values(), ids=SAME_ROWS)
def test_the_same_rows_are_read_however_the_file_is_written(tmp_path, content):
    path = tmp_path / "export.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    assert read(path) == [{name: row[name] for name in COLUMNS.all} for row in ROWS]


@pytest.mark.parametrize(
    ("text", "reading", "column", "values"),
    [
        (changed("1.5", "None"), {"missing": ("None",)}, "amount", [None, -20.25]),
        (changed("1.5", "-"), {"missing": ("-", "?")}, "amount", [None, -20.25]),
        (changed("1.5", ""), {}, "amount", [None, -20.25]),
        (changed("1.5", "NA"), {}, "amount", [None, -20.25]),
        (changed("3,1", "3,"), {}, "bought", [None, 0.0]),
        (changed("3,1", "3,yes").replace("4,0", "4,no"), {"ones": ("yes",), "zeros": ("no",)}, "bought", [1.0, 0.0]),
        (changed("3,1", "3,Ja").replace("4,0", "4,Nein"), {"ones": ("Ja",), "zeros": ("Nein",)}, "bought", [1.0, 0.0]),
        (changed("2025-06-01", "01/06/2025").replace("2025-06-02", "02/06/2025"), {"times": {"at": "%d/%m/%Y"}}, "at",
         [datetime(2025, 6, 1), datetime(2025, 6, 2)]),
        (changed("2025-06-01", "20250601").replace("2025-06-02", "20250602"), {"times": {"at": "%Y%m%d"}}, "at",
         [datetime(2025, 6, 1), datetime(2025, 6, 2)]),
        (changed("2025-06-01", "1748736000").replace("2025-06-02", "1748822400"), {"times": {"at": "epoch s"}}, "at",
         [datetime(2025, 6, 1), datetime(2025, 6, 2)]),
        (changed("2025-06-01", "1748736000000").replace("2025-06-02", "1748822400000"), {"times": {"at": "epoch ms"}}, "at",
         [datetime(2025, 6, 1), datetime(2025, 6, 2)]),
        (changed("2025-06-01", "2025").replace("2025-06-02", "2026"), {"times": {"at": "%Y"}}, "at",
         [datetime(2025, 1, 1), datetime(2026, 1, 1)]),
        (changed("7,", "0007,").replace("8,2025", "0008,2025"), {"text": ("key",)}, "key", ["0007", "0008"]),
        (changed("7,", "A7,").replace("8,2025", "A8,2025"), {}, "key", ["A7", "A8"]),
        (changed("7,", "köln,").encode("cp1252"), {"encoding": "cp1252"}, "key", ["köln", "8"]),
        (changed("7,", "9223372036854775807,"), {}, "key", [9223372036854775807, 8]),
        (changed("7,", '"a, b",'), {}, "key", ["a, b", "8"]),
        (changed("7,", '"a\nb",'), {}, "key", ["a\nb", "8"]),
        (LINES[0] + "\n", {}, "amount", []),
    ],
)  # fmt: skip
def test_what_the_project_says_of_its_files_decides(tmp_path, text, reading, column, values):
    path = tmp_path / "june.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    assert [row[column] for row in read(path, Reading(**reading))] == values


@pytest.mark.parametrize(
    ("content", "reading", "said"),
    [
        (changed("-20.25", "lots"), {}, ["june.csv: column 'amount', row 2: found 'lots', expected a number", "'missing'"]),
        (changed("-20,25", "1.234,5", semicolons()), {"separator": ";", "decimal": ","}, ["column 'amount'"]),
        (changed("-20.25", "12 €"), {}, ["column 'amount', row 2: found '12 €', expected a number"]),
        (changed("4,0", "4,maybe"), {}, ["column 'bought', row 2: found 'maybe', expected a number", "'ones'"]),
        (changed("2025-06-02", "02.06.2025"), {"times": {"at": "%Y-%m-%d"}}, ["column 'at', row 2: found '02.06.2025'"]),
        (changed("2025-06-02", "soon"), {"times": {"at": "epoch s"}}, ["column 'at', row 1"]),
        (TEXT + "9,2025-06-03,1\n", {}, ["june.csv: not a readable CSV file", "correct that line"]),
        ("", {}, ["june.csv: found an empty file, expected a line of column names"]),
        (changed("amount", "key"), {}, ["column 'key' stands twice in the first line"]),
        ("1,2,3\n4,5,6\n", {}, ["found 1, 2, 3 in the first line, expected the names"]),
        ("köln,1\n".encode("cp1252"), {}, ["june.csv: found bytes that are no utf-8", "reading.encoding"]),
        (gzip.compress(TEXT.encode())[:-12], {}, ["june.csv: cannot be unpacked", "half-written or damaged"]),
        (zipped(a=TEXT, b=TEXT), {}, ["june.csv: found 2 files in the archive, expected one"]),
        (zipped(a=TEXT)[:40], {}, ["june.csv: cannot be unpacked"]),
    ],
    ids=lambda value: f"{len(value)} bytes" if isinstance(value, bytes) else None,  # archives hold the time of day
)  # fmt: skip
def test_what_cannot_be_read_is_refused_with_place_and_remedy(tmp_path, content, reading, said):
    path = tmp_path / "june.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ShotclockError) as error:
        read(path, Reading(**reading))
    assert not (tmp_path / "taken.parquet").exists()
    for part in said:
        assert part in str(error.value)


PARTS = pa.table({"key": [7], "at": [date(2025, 6, 1)], "amount": [1.5], "visits": [3], "bought": [1], "else": ["x"]})


def folder(place, **parts):
    for name, table in parts.items():
        path = place / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(table, path)
    return place


@pytest.mark.parametrize(
    "parts",
    [
        ["part-00000-aa.c000.snappy.parquet", "part-00001-aa.c000.snappy.parquet"],
        ["part.0.parquet", "part.1.parquet"],
        ["day=1__part-0.parquet", "day=2__part-0.parquet"],
    ],
    ids=["Spark", "Dask", "hive"],
)
def test_a_folder_of_parts_is_one_table(tmp_path, parts):
    place = folder(tmp_path / "june.parquet", **dict.fromkeys(parts, PARTS))
    (place / "_SUCCESS").touch()
    (place / ".part.crc").touch()
    found = read(place, Reading())
    assert len(found) == 2
    assert list(found[0]) == ["key", "at", "amount", "visits", "bought"]


def test_parts_of_text_are_one_table_too(tmp_path):
    (tmp_path / "june").mkdir()
    for number in range(2):
        (tmp_path / "june" / f"part-{number}.csv").write_text(TEXT)
    assert len(read(tmp_path / "june", Reading())) == 4


def test_a_folder_that_is_being_written_or_holds_nothing_is_refused(tmp_path):
    place = folder(tmp_path / "june.parquet", **{"_temporary__0__part-0.parquet": PARTS})
    with pytest.raises(SourceError, match="what is there while a folder is written"):
        read(place, Reading())
    (tmp_path / "empty").mkdir()
    with pytest.raises(SourceError, match="found a folder without data"):
        read(tmp_path / "empty", Reading())


def test_parts_of_other_types_become_alike_and_other_columns_are_refused(tmp_path):
    narrow = PARTS.set_column(0, "key", PARTS["key"].cast(pa.int32()))
    assert len(read(folder(tmp_path / "a", **{"0.parquet": PARTS, "1.parquet": narrow}), Reading())) == 2
    with pytest.raises(SourceError, match="its parts have different columns or types"):
        read(folder(tmp_path / "b", **{"0.parquet": PARTS, "1.parquet": PARTS.drop_columns(["visits"])}), Reading())


def test_a_wrong_value_deep_in_a_file_is_found_by_its_row(tmp_path):
    path = tmp_path / "june.csv"
    long = f"1,2025-06-01,1.{'5' * 50},3,1\n"
    path.write_text(LINES[0] + "\n" + long * 80_000 + "1,2025-06-01,x,3,1\n")
    assert path.stat().st_size > tabular._BLOCK
    with pytest.raises(ContractError, match="row 80,001: found 'x'"):
        read(path, Reading())


def test_a_part_that_is_a_link_out_of_its_folder_is_refused(tmp_path):
    outside = folder(tmp_path / "outside", **{"secret.parquet": PARTS})
    place = folder(tmp_path / "june", **{"0.parquet": PARTS})
    (place / "1.parquet").symlink_to(outside / "secret.parquet")
    with pytest.raises(SourceError, match=r"1\.parquet: a link that leads out of its folder"):
        read(place, Reading())
