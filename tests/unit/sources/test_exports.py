"""Odd exports: each is read rightly, or refused with file, column, row, what was found and expected, and what to do."""

import bz2
import codecs
import gzip
import io
import lzma
import os
import pickle
import tarfile
import zipfile
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from shotclock.config import Columns, Feature, Reading
from shotclock.errors import ContractError, ShotclockError, SourceError
from shotclock.rows import contract
from shotclock.sources import encodings, exports, tabular, told

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
R = '"key"|"at"|"amount"|"visits"|"bought"\n"1"|7|"2025-06-01"|1.5|3|1\n"2"|8|"2025-06-02"|-20.25|4|0\n'


def semicolons(text=TEXT):
    return text.replace(",", ";").replace(".", ",")


def changed(old, new, text=TEXT):
    assert old in text
    return text.replace(old, new)


def archived(**files):
    """A zip archive; two underscores stand for a point."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(name.replace("__", "."), content)
    return buffer.getvalue()


def zipped(**files):
    return archived(**{f"{name}__csv": content for name, content in files.items()})


def tarred(content):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        entry = tarfile.TarInfo("june.csv")
        entry.size = len(content)
        archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def packed_often(content, times):
    for _ in range(times):
        content = gzip.compress(content)
    return content


def as_parquet():
    buffer = io.BytesIO()
    pq.write_table(pa.table({"key": [7, 8], "at": [row["at"] for row in ROWS], "amount": [1.5, -20.25],
                             "visits": [3.0, 4.0], "bought": [1.0, 0.0]}), buffer)  # fmt: skip
    return buffer.getvalue()


def sniffed(path):
    with exports.unpacked(path) as file:
        if exports.is_parquet(file):
            return Reading()
        encoding = encodings.encoding(file, path.name)
        with encodings.in_utf_8(file, encoding, path.name) as plain:
            return tabular.sniff(plain, path.name).model_copy(update={"encoding": encoding})


def read(path, reading=None):
    target = path.parent / "taken.parquet"
    reading = reading or sniffed(path)
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
    "two byte order marks": 2 * codecs.BOM_UTF8 + TEXT.encode(),
    "a title of as many fields": "Sales of June,,,,\n,,,,\n" + TEXT,
    "blanks and a currency as in France": changed("1.5", "1.5\u00a0€").replace("-20.25", "-20.25\u202f€"),
    "wide digits": changed("1.5", "１．５").replace("-20.25", "－２０．２５"),
    "minus apart": changed("-20.25", "- 20.25"),
    "dash for a minus": changed("-20.25", "\u201320.25"),
    "utf-16 without a mark": TEXT.encode("utf-16-le"),
    "utf-16 without a mark, big end first": TEXT.encode("utf-16-be"),
    "utf-32": TEXT.encode("utf-32"),
    "lines end as on an old Macintosh": TEXT.replace("\n", "\r"),
    "lines end in two ways": TEXT.replace("\n", "\r\n", 1),
    "a title above": "Sales of June\n\n" + TEXT,
    "comments above": "# exported on 2025-07-01\n# by sales\n" + TEXT,
    "empty lines above": "\n\n" + TEXT,
    "single quotes": "\n".join(",".join(f"'{field}'" for field in line.split(",")) for line in LINES),
    "caret": TEXT.replace(",", "^"),
    "colon": TEXT.replace(",", ":"),
    "control A, as Hive writes": TEXT.replace(",", "\x01"),
    "blanks": TEXT.replace(",", " "),
    "comma and blank": TEXT.replace(",", ", "),
    "bzip2": bz2.compress(TEXT.encode()),
    "xz": lzma.compress(TEXT.encode()),
    "zstandard": pa.compress(TEXT.encode(), codec="zstd", asbytes=True),
    "gzip twice": gzip.compress(gzip.compress(TEXT.encode())),
    "gzip of several members": gzip.compress(TEXT[:40].encode()) + gzip.compress(TEXT[40:].encode()),
    "gzip in zip": archived(export__csv__gz=gzip.compress(TEXT.encode())),
    "zip in a folder of its own": archived(**{"june/": b"", "june/export__csv": TEXT}),
    "zip of a Macintosh": archived(export__csv=TEXT, **{"__MACOSX/__export__csv": "x", "__DS_Store": "x"}),
    "zip of parquet": archived(export__parquet=as_parquet()),
    "gzip of parquet": gzip.compress(as_parquet()),
    "parquet under another name": as_parquet(),
    "currency": changed("1.5", "1.5 €").replace("-20.25", "-20.25 €"),
    "currency before": changed("1.5", "$1.5").replace("-20.25", "$-20.25"),
    "percent": changed("1.5", "1.5%").replace("-20.25", "-20.25%"),
    "lz4": pa.compress(TEXT.encode(), codec="lz4", asbytes=True),
    "minus as accounts write it": changed("-20.25", "(20.25)"),
    "minus as SAP writes it": changed("-20.25", "20.25-"),
    "minus as it is set in books": changed("-20.25", "\u221220.25"),
    "minus before the currency": changed("1.5", "$1.5").replace("-20.25", "-$20.25"),
    "currency as accounts write it": changed("1.5", "$1.5").replace("-20.25", "($20.25)"),
    "comma, blank and quotes": "\n".join(", ".join(f'"{field}"' for field in line.split(",")) for line in LINES),
    "semicolon, blank and quotes around a semicolon": (
        'key; at; amount; visits; bought; note\n7; 2025-06-01; 1,5; 3; 1; "a; b"\n8; 2025-06-02; -20,25; 4; 0; x\n'
    ),
    "a separator at the end of each row": TEXT.replace("1\n8", "1,\n8").replace("4,0\n", "4,0,\n"),
    "a semicolon at the end of each row": semicolons().replace("1\n8", "1;\n8").replace("4;0\n", "4;0;\n"),
    "rows with names, as R writes them": R.replace("|", " "),
    "rows with names, as R writes them with tabs": R.replace("|", "\t"),
    "fields for Excel to leave alone": changed("7,", '="7",').replace("1.5", '"=""1.5"""'),
    "unit separators": TEXT.replace(",", "\x1f"),
}


@pytest.mark.parametrize("content", SAME_ROWS.values(), ids=SAME_ROWS)
def test_the_same_rows_are_read_however_the_file_is_written(tmp_path, content):
    path = tmp_path / "export.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    assert read(path) == [{name: row[name] for name in COLUMNS.all} for row in ROWS]


@pytest.mark.parametrize("name", ["june.csv.gz", "june.bz2", "june.csv.zst", "june.lz4", "june.xlsx", "50% of #1?.csv"])
def test_how_a_file_is_called_does_not_matter(tmp_path, name):
    (tmp_path / name).write_text(TEXT)
    assert len(read(tmp_path / name)) == 2


@pytest.mark.parametrize(
    ("text", "reading", "column", "values"),
    [
        (changed("3,1", "3, YES ").replace("4,0", "4,No"), {"ones": ("yes",), "zeros": ("no",)}, "bought", [1.0, 0.0]),
        (changed("3,1", "3,TRUE").replace("4,0", "4,false"), {"ones": ("True",), "zeros": ("False",)}, "bought", [1.0, 0.0]),
        (changed("3,1", "3,2.00").replace("4,0", "4,1.00"), {"ones": ("2.0",), "zeros": ("1.0",)}, "bought", [1.0, 0.0]),
        (changed("3,1", "3,a").replace("4,0", "4,A"), {"ones": ("a",), "zeros": ("A",)}, "bought", [1.0, 0.0]),
        (changed("7,", "köln,").encode(), {"encoding": "cp1252"}, "key", ["köln", "8"]),
        (changed("7,", "köln,").encode("utf-16"), {}, "key", ["köln", "8"]),
        (changed("7,", ","), {}, "key", [None, 8]),
        (TEXT + ",,,,\n", {}, "key", [7, 8, None]),
        ("\n\n" + TEXT, {}, "key", [7, 8]),
        (changed("2025-06-01", "2025-Q2").replace("2025-06-02", "Q3 2025"), {"times": {"at": "quarter"}}, "at",
         [datetime(2025, 4, 1), datetime(2025, 7, 1)]),
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
        (changed("7,", '"7,008",'), {"thousands": ","}, "key", [7008, 8]),
        (changed("7,", "köln,").encode("cp1252"), {"encoding": "cp1252"}, "key", ["köln", "8"]),
        (changed("7,", "9223372036854775807,"), {}, "key", [9223372036854775807, 8]),
        (changed("7,", '"a, b",'), {}, "key", ["a, b", "8"]),
        (changed("7,", "ko\u0308ln,"), {}, "key", ["k\u00f6ln", "8"]),
        (changed("3,1", "3,gelo\u0308st"), {"ones": ("gel\u00f6st",)}, "bought", [1.0, 0.0]),
        (changed("7,", '"a\nb",'), {}, "key", ["a\nb", "8"]),
        (LINES[0] + "\n", {}, "amount", []),
        (TEXT.replace(",", "\x1f"), {"separator": "\x1f"}, "amount", [1.5, -20.25]),
        (changed("-20,25", "-1.234,5", semicolons()), None, "amount", [1.5, -1234.5]),
        (changed("-20.25", '"-1,234.5"'), None, "amount", [1.5, -1234.5]),
        (changed("-20.25", '"1,234"'), None, "amount", [1.5, 1234.0]),
        (changed("-20,25", "1 234,5", semicolons()), None, "amount", [1.5, 1234.5]),
        (changed("-20,25", "1\u202f234,5", semicolons()), None, "amount", [1.5, 1234.5]),
        (changed("-20.25", "1'234'567.5"), None, "amount", [1.5, 1234567.5]),
        (changed("7,", r'"say \"a, b\"",').replace("8,2025", "x,2025"), None, "key", ['say "a, b"', "x"]),
        (changed("7,", '"5"" wide",'), None, "key", ['5" wide', "8"]),
        (changed("7,", "\ufeff7,").replace("\ufeff7", "7"), None, "key", [7, 8]),
        (changed("7,", "A\0,"), None, "key", ["A\0", "8"]),
        (changed("7,", f"{10**30},"), None, "key", [str(10**30), "8"]),
        (changed("1.5", "nan"), {"missing": ("nan",)}, "amount", [None, -20.25]),
        (changed("1.5", "#DIV/0!"), {"missing": ("#DIV/0!",)}, "amount", [None, -20.25]),
        (changed("1.5", "\\N"), {"missing": ("\\N",)}, "amount", [None, -20.25]),
        (changed("2025-06-01", "45809").replace("2025-06-02", "45810.5"), {"times": {"at": "excel"}}, "at",
         [datetime(2025, 6, 1), datetime(2025, 6, 2, 12)]),
        (changed("2025-06-01", "1748736000.5").replace("2025-06-02", "1748822400"), {"times": {"at": "epoch s"}}, "at",
         [datetime(2025, 6, 1, 0, 0, 0, 500_000), datetime(2025, 6, 2)]),
        (changed("2025-06-01", "1-Jun-25").replace("2025-06-02", "2-Jun-25"), {"times": {"at": "%d-%b-%y"}}, "at",
         [datetime(2025, 6, 1), datetime(2025, 6, 2)]),
        (changed("2025-06-01", "06/01/2025 12:30 AM").replace("2025-06-02", "06/02/2025 01:30 PM"),
         {"times": {"at": "%m/%d/%Y %I:%M %p"}}, "at", [datetime(2025, 6, 1, 0, 30), datetime(2025, 6, 2, 13, 30)]),
        (changed("2025-06-01", "01.06.2025 10:00:00.25").replace("2025-06-02", "02.06.2025 10:00:00.5"),
         {"times": {"at": "%d.%m.%Y %H:%M:%S.%f"}}, "at",
         [datetime(2025, 6, 1, 10, 0, 0, 250_000), datetime(2025, 6, 2, 10, 0, 0, 500_000)]),
        (changed("2025-06-01", "2025-06-01 10:00 +0200").replace("2025-06-02", "2025-06-02 10:00 +0200"),
         {"times": {"at": "%Y-%m-%d %H:%M %z"}}, "at",
         [datetime(2025, 6, 1, 8, tzinfo=UTC), datetime(2025, 6, 2, 8, tzinfo=UTC)]),
    ],
)  # fmt: skip
def test_what_the_project_says_of_its_files_decides(tmp_path, text, reading, column, values):
    path = tmp_path / "june.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    reading = None if reading is None else Reading(**reading)
    assert [row[column] for row in read(path, reading)] == values


@pytest.mark.parametrize(
    ("content", "reading", "said"),
    [
        (changed("-20.25", "lots"), {}, ["june.csv: column 'amount', row 2: found 'lots', expected a number", "'missing'"]),
        (changed("-20,25", "1.234,5", semicolons()), {"separator": ";", "decimal": ","}, ["column 'amount'"]),
        (changed("-20.25", "12 €"), {}, ["column 'amount', row 2: found '12 €', expected a number"]),
        (changed("4,0", "4,maybe"), {}, ["column 'bought', row 2: found 'maybe', expected 0 or 1", "'ones'"]),
        (changed("2025-06-02", "02.06.2025"), {"times": {"at": "%Y-%m-%d"}}, ["column 'at', row 2: found '02.06.2025'"]),
        (changed("2025-06-02", "soon"), {"times": {"at": "epoch s"}}, ["column 'at', row 1"]),
        (TEXT + "9,2025-06-03,1\n", {}, ["june.csv: not a readable CSV file", "or correct it: the first line names"]),
        ("", {}, ["june.csv: found an empty file, expected a line of column names"]),
        (changed("amount", "key"), {}, ["column 'key' stands twice in the first line"]),
        ("1,2,3\n4,5,6\n", {}, ["found 1, 2, 3 in the first line, expected the names"]),
        ("köln,1\n".encode("cp1252"), {}, ["june.csv: found bytes that are no utf-8", "reading.encoding"]),
        (gzip.compress(TEXT.encode())[:-12], {}, ["june.csv: cannot be unpacked", "half-written or damaged"]),
        (zipped(a=TEXT, b=TEXT), {}, ["june.csv: found 2 files in the archive (a.csv, b.csv), expected one"]),
        (zipped(a=TEXT)[:40], {}, ["june.csv: cannot be unpacked"]),
        (archived(a__csv=TEXT, readme__txt="x"), {}, ["june.csv: found 2 files in the archive (a.csv, readme.txt)"]),
        (packed_often(TEXT.encode(), 4), {}, ["june.csv: found a file that is packed more than 3 times"]),
        (gzip.compress(TEXT.encode() * 99)[:80] + bytes(40), {}, ["june.csv: cannot be unpacked"]),
        (archived(), {}, ["june.csv: found 0 files in the archive"]),
        (archived(mimetype="x", content__xml="x"), {},
         ["june.csv: found an OpenDocument table", "read_excel(…).to_parquet(…)"]),
        (b"HEADER RECORD*******LIBRARY", {}, ["june.csv: found a SAS file", "such as by pandas: read_sas(…).to_parquet(…)"]),
        (b"\x72\x02\x01\x00" + bytes(60), {}, ["june.csv: found a Stata file"]),
        (b"\xff\xff\xff\xff\x10\x00" + bytes(60), {}, ["june.csv: found an Arrow stream"]),
        (b"X\n\x00\x00\x00\x03" + bytes(60), {}, ["june.csv: found an R file"]),
        (b"MATLAB 5.0 MAT-file" + bytes(60), {}, ["june.csv: found a MATLAB file"]),
        (b"\x00\x01\x00\x00Standard Jet DB" + bytes(60), {}, ["june.csv: found an Access database"]),
        ("version https://git-lfs.github.com/spec/v1\noid sha256:4d\n", {}, ["june.csv: found a pointer of Git LFS"]),
        ("-----BEGIN PGP MESSAGE-----\n\nhQ\n", {}, ["june.csv: found an encrypted file"]),
        ("[\n  {\"key\": 7}\n]", {}, ["june.csv: found JSON"]),
        ("[[7, 8]]", {}, ["june.csv: found JSON"]),
        (codecs.BOM_UTF8 + b'{"key": 7}', {}, ["june.csv: found JSON"]),
        ('{"key": 7}'.encode("utf-16"), {}, ["june.csv: found JSON"]),
        ("\n<div>Sign in</div>", {}, ["june.csv: found a page of HTML or XML"]),
        (changed("1.5", "1.850").replace("-20.25", "950"), {},
         ["column 'amount', row 1: found '1.850', expected fractions behind this mark, and all of these seem to be thousands"]),
        (bz2.compress(TEXT.encode())[:-9], {}, ["june.csv: cannot be unpacked"]),
        (archived(**{"[Content_Types]__xml": "x", "xl/workbook__xml": "x"}), {}, ["june.csv: found an Excel workbook"]),
        (b"\xd0\xcf\x11\xe0" + bytes(60), {}, ["june.csv: found an Excel workbook", "export it as one of these"]),
        (b'{"key": 7}\n', {}, ["june.csv: found JSON, expected text (CSV) or parquet"]),
        (b'[{"key": 7}]', {}, ["june.csv: found JSON"]),
        (b"\n<!DOCTYPE html><html>Log in</html>", {}, ["june.csv: found a page of HTML or XML"]),
        (b"SQLite format 3\0" + bytes(60), {}, ["june.csv: found an SQLite database"]),
        (b"ARROW1\0\0" + bytes(60), {}, ["june.csv: found an Arrow file"]),
        (as_parquet()[:-9], {}, ["june.csv: not a readable parquet file"]),
        (TEXT.replace("1\n", "1,\n"), {}, ["line 2: found 6 fields, expected 5: '7,2025-06-01,1.5,3,1,'"]),
        (R.replace("|", "\t").replace('"', ""), {"separator": "\t"}, ["line 2: found 6 fields", "(in R: row.names = FALSE)"]),
        (R.replace("|", ","), {}, ["line 2: found 6 fields, expected 5: '\"1\",7,", "(in R: row.names = FALSE)"]),
        (TEXT + TEXT, {}, ["june.csv: row 3: found the names of the columns again, expected a row; take it out"]),
        (TEXT + "2 rows\n", {}, ["line 4: found 1 fields, expected 5: '2 rows'"]),
        (TEXT + "\x1a", {}, ["line 4: found 1 fields, expected 5"]),
        (changed("7,", '"7,'), {}, ["june.csv: not a readable CSV file"]),
        (TEXT + '9,2025-06-03,"' + "x" * (1 << 21), {}, ["found a line of more than 1 MB: is a quotation mark not closed?"]),
        (changed("1.5", "(a)"), {}, ["column 'amount', row 1: found '(a)', expected a number"]),
        (changed("-20.25", "-"), {}, ["column 'amount', row 2: found '-', expected a number"]),
        (semicolons(), {}, ["june.csv: found 'key;at;amount;visits;bought' in the first line, expected names such as 'key'",
                            "fields are parted by ','"]),
        ("\n".join(LINES[1:]), {}, ["june.csv: found 7, 2025-06-01, 1.5, 3 in the first line, expected the names of"]),
        (b"Rar!\x1a\x07" + bytes(60), {}, ["june.csv: found a RAR archive"]),
        (b"\x1f\x9d\x90" + bytes(60), {}, ["june.csv: found a file packed by compress"]),
        (b"ORC" + bytes(60), {}, ["june.csv: found an ORC file"]),
        (b"\x93NUMPY\x01" + bytes(60), {}, ["june.csv: found an array of NumPy's"]),
        (pickle.dumps(ROWS), {}, ["june.csv: found a pickle, which is code and is not read, expected text (CSV) or parquet"]),
        (pa.compress(TEXT.encode() * 9, codec="brotli", asbytes=True), {}, ["june.csv: found bytes that are no text"]),
        (tarred(TEXT.encode()), {}, ["june.csv: found bytes that are no text"]),
        (bytes(5000), {}, ["june.csv: found bytes that are no text"]),
        (changed("1.5", "0x1f"), {}, ["column 'amount', row 1: found '0x1f', expected a number"]),
        (changed("1.5", "1.5"), {"decimal": ","}, ["column 'amount', row 1: found '1.5', expected a number"]),
        (changed("1.5", "1.23"), {"decimal": ",", "thousands": "."}, ["column 'amount', row 1: found '1.23'"]),
        (changed("1.5", "1.5 $"), {"units": ("€",)}, ["column 'amount', row 1: found '1.5 $', expected a number", "'units'"]),
        (changed("2025-06-02", "30.02.2025").replace("2025-06-01", "01.02.2025"), {"times": {"at": "%d.%m.%Y"}},
         ["column 'at', row 2: found '30.02.2025', expected a time such as %d.%m.%Y"]),
        (changed("2025-06-01", "01.06.25"), {"times": {"at": "%d.%m.%Y"}}, ["column 'at', row 1: found '01.06.25'"]),
        ((TEXT + "\n" * 2_000_000 + "köln,2025-06-03,1,3,1\n").encode("cp1252"), {},
         ["june.csv: found bytes that are no utf-8"]),
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


@pytest.mark.parametrize("named", ["june.parquet", "visits=3"])
@pytest.mark.parametrize("text", [True, False], ids=["text", "parquet"])
def test_what_the_names_of_folders_say_is_a_column_of_their_rows(tmp_path, text, named):
    inner = "" if "=" in named else "visits=3/"
    for day, part in ((1, "at=2025-06-01"), (2, "at=2025-06-02"), (3, "at=__HIVE_DEFAULT_PARTITION__")):
        path = tmp_path / named / f"{inner}{part}/part-0.csv"
        path.parent.mkdir(parents=True)
        rows = pa.table({"key": [day], "amount": [1.5], "bought": [1]})
        path.write_text(f"key,amount,bought\n{day},1.5,1\n") if text else pq.write_table(rows, path)
    found = read(tmp_path / named, Reading())
    assert [row["at"] for row in found] == ["2025-06-01", "2025-06-02", None]
    assert [row["visits"] for row in found] == [3.0] * 3


def test_a_value_that_a_folder_names_wrongly_is_refused(tmp_path):
    place = folder(tmp_path / "june", **{"visits=many__0.parquet": PARTS.drop_columns(["visits"])})
    with pytest.raises(
        ContractError, match=r"visits=many/0\.parquet: column 'visits', row 1: found 'many', expected a number"
    ):
        read(place, Reading())


def test_a_missing_column_is_looked_for_among_all_that_the_file_has(tmp_path):
    for name, content in (("june.csv", changed("amount", "Amount").encode()), ("june.parquet", None)):
        if content is None:
            pq.write_table(
                PARTS.rename_columns({"amount": "Amount"}).set_column(5, "bought", pa.array(["1"])), tmp_path / name
            )
        else:
            (tmp_path / name).write_bytes(content)
        exports.write_parquet(tmp_path / name, COLUMNS, Reading(), tmp_path / "taken.parquet")
        with pytest.raises(ContractError, match="column 'amount' is missing; near to it: Amount"):
            contract.check_schema(pq.read_schema(tmp_path / "taken.parquet"), COLUMNS, name, needs_target=True)


def test_a_name_in_another_spelling_of_its_letters_is_the_same(tmp_path):
    columns = COLUMNS.model_copy(update={"features": {"m\u00e9nage": Feature(type="number")}})
    pq.write_table(pa.table(PLAIN).rename_columns({"amount": "me\u0301nage"}), tmp_path / "june.parquet")
    assert not exports.is_as_kept(tmp_path / "june.parquet", columns, Reading())
    exports.write_parquet(tmp_path / "june.parquet", columns, Reading(), tmp_path / "taken.parquet")
    assert pq.read_table(tmp_path / "taken.parquet")["m\u00e9nage"].to_pylist() == [1.5]


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


def test_what_is_neither_a_file_nor_a_folder_is_refused_and_not_read(tmp_path):
    os.mkfifo(tmp_path / "pipe.csv")
    for place in (tmp_path / "pipe.csv", Path("/dev/null"), Path("/dev/zero")):
        with pytest.raises(SourceError, match=f"{place}: found neither a file nor a folder"):
            read(place, Reading())


def test_parts_of_other_types_become_alike_and_other_columns_are_refused(tmp_path):
    narrow = PARTS.set_column(0, "key", PARTS["key"].cast(pa.int32()))
    assert len(read(folder(tmp_path / "a", **{"0.parquet": PARTS, "1.parquet": narrow}), Reading())) == 2
    with pytest.raises(
        SourceError, match=r"1\.parquet: column 'visits' is missing, which other parts have; write them alike"
    ):
        read(folder(tmp_path / "b", **{"0.parquet": PARTS, "1.parquet": PARTS.drop_columns(["visits"])}), Reading())


def test_an_id_of_another_kind_deep_in_a_file_is_named_with_its_row(tmp_path):
    path = tmp_path / "june.csv"
    path.write_text(LINES[0] + "\n" + f"1,2025-06-01,1.{'5' * 50},3,1\n" * 80_000 + "Total,2025-06-01,1,3,1\n")
    with pytest.raises(
        SourceError,
        match=r"june\.csv: column 'key', row 80,001: found 'Total' \(string\), expected int64 as in the rows before",
    ):
        read(path, Reading())


def test_a_table_of_many_versions_is_refused(tmp_path):
    place = folder(tmp_path / "june", **{"0.parquet": PARTS, "1.parquet": PARTS})
    (place / "_delta_log").mkdir()
    with pytest.raises(
        SourceError, match=r"june: found a table of many versions \(_delta_log\), of which not all parts are rows"
    ):
        read(place, Reading())


def test_a_parquet_file_in_words_without_rows_is_a_table_of_none(tmp_path):
    rows = PARTS.set_column(4, "bought", pa.array(["yes"]))[:0]
    pq.write_table(rows, tmp_path / "june.parquet")
    assert read(tmp_path / "june.parquet", Reading(ones=("yes",))) == []


WORDS = Reading(ones=("yes", "2"), zeros=("no", "1"), times={"at": "epoch s"})
AT = 1_748_736_000
PLAIN = {"key": [7], "at": pa.array([AT], pa.timestamp("s")), "amount": [1.5], "visits": [3], "bought": [1]}


@pytest.mark.parametrize(
    ("change", "is_plain", "found"),
    [
        ({}, True, {"bought": [1], "at": [datetime(2025, 6, 1)]}),
        ({"bought": ["yes"]}, False, {"bought": [1.0]}),
        ({"bought": ["1"]}, False, {"bought": [0.0]}),  # in words, a number is the code that the project names
        ({"bought": [1]}, True, {"bought": [1]}),  # and as a number it is what it says
        ({"bought": pa.nulls(1)}, True, {"bought": [None]}),
        ({"bought": pa.array([None], pa.string())}, False, {"bought": [None]}),
        ({"at": [AT]}, False, {"at": [datetime(2025, 6, 1)]}),
        ({"at": [str(AT)]}, False, {"at": [datetime(2025, 6, 1)]}),
        ({"at": [AT + 0.5]}, False, {"at": [datetime(2025, 6, 1, 0, 0, 0, 500_000)]}),
        ({"bought": pa.ExtensionArray.from_storage(pa.bool8(), pa.array([1], pa.int8()))}, False, {"bought": [1]}),
        ({"amount": ["1.5"], "visits": ["NA"]}, False, {"amount": [1.5], "visits": [None]}),
        ({"amount": pa.array(["1.5"]).dictionary_encode()}, False, {"amount": [1.5]}),
        ({"key": ["007"]}, True, {"key": ["007"]}),
        ({"key": pa.array([Decimal(7)], pa.decimal128(20, 0))}, False, {"key": [7]}),
        ({"key": pa.array(["007"], pa.string_view())}, False, {"key": ["007"]}),
        ({"key": pa.array([7]).dictionary_encode()}, True, {"key": [7]}),
        ({"bought": [True]}, False, {"bought": [1]}),
        ({"bought": pa.array([Decimal("1.00")], pa.decimal128(3, 2))}, False, {"bought": [1.0]}),
        ({"amount": pa.array([Decimal("-20.25")], pa.decimal128(9, 2))}, False, {"amount": [-20.25]}),
        ({"amount": pa.array([1.5]).cast(pa.float16())}, False, {"amount": [1.5]}),
        ({"visits": [True]}, True, {"visits": [True]}),  # no number: the contract will say so
    ],
)
def test_what_stands_in_words_in_a_parquet_file_is_read_and_the_rest_is_what_it_is(tmp_path, change, is_plain, found):
    path = tmp_path / "rows.parquet"
    pq.write_table(pa.table({**PLAIN, **change}), path)
    assert exports.is_as_kept(path, COLUMNS, WORDS) == is_plain
    exports.write_parquet(path, COLUMNS, WORDS, tmp_path / "read.parquet")
    table = pq.read_table(tmp_path / "read.parquet")
    assert {name: table[name].to_pylist() for name in found} == found


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"amount": ["a lot"]}, "column 'amount', row 1: found 'a lot', expected a number"),
        (
            {"bought": ["perhaps"]},
            "column 'bought', row 1: found 'perhaps', expected no or 1 or yes or 2; correct the value, or say",
        ),
        ({"at": ["yesterday"]}, "column 'at', row 1: found 'yesterday', expected a number"),
    ],
)
def test_words_in_a_parquet_file_that_mean_nothing_are_refused_with_their_row(tmp_path, change, said):
    pq.write_table(pa.table({**PLAIN, **change}), tmp_path / "rows.parquet")
    with pytest.raises(ContractError, match=f"rows.parquet: {said}"):
        exports.write_parquet(tmp_path / "rows.parquet", COLUMNS, WORDS, tmp_path / "read.parquet")


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


def test_rows_without_a_time_stand_in_their_order_after_those_of_earlier_files(tmp_path):
    without = ["amount,bought,visits,key", "1.5,1,3,7", "-20.25,0,4,8"]
    moments = []
    for name, moment in (("june.csv", 1_750_000_000), ("july.csv", 1_760_000_000)):
        (tmp_path / name).write_text("\n".join(without) + "\n")
        os.utime(tmp_path / name, (moment, moment))
        moments += [row["at"] for row in read(tmp_path / name, Reading(row_order=True))]
    assert moments == sorted(moments) and len(set(moments)) == 4
    assert moments[0] == datetime.fromtimestamp(1_750_000_000, UTC).replace(tzinfo=None)


def test_a_file_is_read_in_pieces(tmp_path):
    path = tmp_path / "large.csv"
    path.write_text(LINES[0] + "\n" + "".join(f"{n},2025-06-01,1.5,3,1\n" for n in range(200_000)))
    before = pa.total_allocated_bytes()
    sizes = [batch.num_rows for batch in told.read_rows(path, COLUMNS, Reading(), "large.csv")]
    assert sum(sizes) == 200_000 and max(sizes) < 100_000
    assert pa.total_allocated_bytes() - before < 1 << 20
