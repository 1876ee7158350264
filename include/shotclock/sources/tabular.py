"""A CSV file as an Arrow table, whatever its separator, decimal mark and encoding. Types are what the values show."""

import csv
import re
from collections import Counter

import pyarrow as pa
import pyarrow.csv as pacsv

from shotclock.errors import SourceError

_SEPARATORS = (",", ";", "\t", "|")
_HEAD = 1 << 16  # bytes that separator and decimal mark are read from
_LINES = 50
_NUMBER = re.compile(r"[+-]?\d+([.,]\d+)?([eE][+-]?\d+)?")


def read_csv(content: bytes, shown: str) -> pa.Table:
    """Read a CSV file with a line of names. Empty fields and `NA` are null; a column without a name is called `unnamed`.

    The separator is the one of `, ; tab |` that cuts the first lines into equally many fields; a decimal comma is known by
    the values. Text that is not UTF-8 is read as Latin-1.

    Args:
        content: the file's. It is held whole: were Arrow given a Python file, its threads would call Python, and a process
            that ends meanwhile would crash.
        shown: what messages call the file.

    Raises:
        SourceError: the file is empty, has no line of names, names a column twice, or has lines of different lengths.
    """
    content = _in_utf_8(content)
    head = content[:_HEAD].decode("utf-8-sig", errors="ignore")  # a character may be cut in two at its end
    lines = head.splitlines()[:_LINES]
    if not "".join(lines).strip():
        raise SourceError(f"{shown}: found an empty file, expected a line of column names and rows below it")
    separator = _separator(lines)
    names = _names(next(csv.reader(lines[:1], delimiter=separator)), shown)
    decimal = _decimal(lines[1:], separator)
    return _read(content, names, separator, decimal, shown)


def _in_utf_8(content: bytes) -> bytes:
    try:
        content.decode()
    except UnicodeDecodeError:
        return content.decode("latin-1").encode()
    return content


def _read(content: bytes, names: list[str], separator: str, decimal: str, shown: str) -> pa.Table:
    try:
        return pacsv.read_csv(
            pa.BufferReader(content),
            pacsv.ReadOptions(column_names=names, skip_rows=1),
            pacsv.ParseOptions(delimiter=separator, newlines_in_values=True),
            pacsv.ConvertOptions(decimal_point=decimal, strings_can_be_null=True),
        )
    except pa.ArrowInvalid as error:
        raise SourceError(f"{shown}: not a readable CSV file ({error}); correct that line") from error


def _separator(lines: list[str]) -> str:
    """The one that gives the first lines most fields, equally many in nearly all of them."""
    return max(_SEPARATORS, key=lambda mark: _evenness(lines, mark))


def _evenness(lines: list[str], mark: str) -> tuple[bool, int]:
    widths = Counter(len(row) for row in csv.reader(lines, delimiter=mark) if row)
    width, often = widths.most_common(1)[0]
    return width > 1 and often > 0.8 * widths.total(), width


def _decimal(lines: list[str], separator: str) -> str:
    numbers = [
        field.strip()
        for row in csv.reader(lines, delimiter=separator)
        for field in row
        if _NUMBER.fullmatch(field.strip())
    ]
    return "," if any("," in number for number in numbers) and not any("." in number for number in numbers) else "."


def _names(header: list[str], shown: str) -> list[str]:
    names = [name.strip() or "unnamed" for name in header]
    if all(_NUMBER.fullmatch(name) for name in names):
        raise SourceError(f"{shown}: found {', '.join(names[:4])} in the first line, expected the names of the columns")
    twice = sorted(name for name, times in Counter(names).items() if times > 1)
    if twice:
        raise SourceError(f"{shown}: column '{twice[0]}' stands twice in the first line, expected once; rename one")
    return names
