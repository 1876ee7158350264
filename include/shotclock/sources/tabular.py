"""Text files as Arrow tables. How a file is written is seen from its first lines; later ones of the same system are read so."""

import codecs
import csv
import io
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv

from shotclock.config import Columns, Reading
from shotclock.errors import ContractError, SourceError

MISSING = (
    "None",
    "none",
    "NULL",
    "null",
    "Null",
    "NaN",
    "nan",
    "n/a",
    "N/A",
    "#N/A",
    "-",
    "--",
    "?",
    ".",
    "unknown",
    "missing",
)
"""Words that stand for a missing number in many exports; only `NA` and nothing at all are taken so unasked."""
_SEPARATORS = (",", ";", "\t", "|")
_HEAD = 1 << 16  # bytes that separator, decimal mark and leading zeros are seen from
_LINES = 200
_BLOCK = 1 << 22
_NUMBER = re.compile(r"[+-]?\d+([.,]\d+)?([eE][+-]?\d+)?")
_PADDED = re.compile(r"0\d+")
_BOMS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))


def read_csv(content: bytes, shown: str) -> pa.Table:
    """Read a CSV file with a line of names. Empty fields and `NA` are null; a column without a name is called `unnamed`.

    Args:
        content: the file's. It is held whole: were Arrow given a Python file, its threads would call Python, and a process
            that ends meanwhile would crash.
        shown: what messages call the file.

    Raises:
        SourceError: the file is empty, has no line of names, names a column twice, or has lines of different lengths.
    """
    return read(content, sniff(content, shown), shown)


def sniff(content: bytes, shown: str) -> Reading:
    """How a file with a line of names is written.

    The separator is what a first line `sep=;` says, or the one of `, ; tab |` that cuts the first lines into equally many
    fields; a decimal comma is known by the values; the encoding by a byte order mark, else UTF-8, else Windows' own.

    Raises:
        SourceError: the file is empty, or holds no lines of fields.
    """
    with _of_fields(shown):
        return _sniffed(content, shown)


@contextmanager
def _of_fields(shown: str) -> Iterator[None]:
    try:
        yield
    except csv.Error as error:
        raise SourceError(
            f"{shown}: found no lines of fields ({error}), expected a line of column names and rows below it, as CSV"
        ) from error


def _sniffed(content: bytes, shown: str) -> Reading:
    encoding = _encoding(content)
    lines = _head(content, encoding)
    if not "".join(lines).strip():
        raise SourceError(f"{shown}: found an empty file, expected a line of column names and rows below it")
    told = _told(lines)
    lines = lines[1:] if told else lines
    separator = told or max(_SEPARATORS, key=lambda mark: _evenness(lines, mark))
    rows = list(csv.reader(lines, delimiter=separator))
    padded = [
        name.strip() or "unnamed"
        for place, name in enumerate(rows[0])
        if any(len(row) > place and _PADDED.fullmatch(row[place].strip()) for row in rows[1:])
    ]
    return Reading(separator=separator, decimal=_decimal(rows[1:]), encoding=encoding, text=tuple(padded))


def read(content: bytes, reading: Reading, shown: str) -> pa.Table:
    """The whole file, with the types that its values show.

    Raises:
        SourceError: see `read_csv`.
    """
    content, names, skip = _prepared(content, reading, shown)
    try:
        return pacsv.read_csv(
            pa.BufferReader(content),
            pacsv.ReadOptions(column_names=names, skip_rows=skip),
            pacsv.ParseOptions(delimiter=reading.separator, newlines_in_values=True),
            pacsv.ConvertOptions(
                decimal_point=reading.decimal,
                strings_can_be_null=True,
                null_values=["", "NA"],
                column_types=dict.fromkeys(reading.text, pa.string()),
            ),
        )
    except pa.ArrowInvalid as error:
        raise SourceError(f"{shown}: not a readable CSV file ({error}); correct that line") from error


def trimmed(table: pa.Table) -> pa.Table:
    """The table with its texts as `read_rows` takes them: without white space around them."""
    for place, field in enumerate(table.schema):
        if pa.types.is_string(field.type):
            table = table.set_column(place, field.name, pc.utf8_trim_whitespace(table.column(place)))
    return table


def read_rows(content: bytes, columns: Columns, reading: Reading, shown: str) -> Iterator[pa.RecordBatch]:
    """The columns that the project names, as far as the file has them, by its rules: what `reading` says decides.

    Raises:
        SourceError: see `read_csv`.
        ContractError: a value is not what its column holds: the column, the row, what was found and expected.
    """
    content, names, skip = _prepared(content, reading, shown)
    wanted = [name for name in columns.all if name in names]
    row = 0
    if not "".join(_head(content, "utf-8-sig")[skip:]).strip():
        texts = pa.array([], pa.string())
        empty = [_Column(name, columns, reading, shown, 0).typed(texts) for name in wanted]
        yield pa.RecordBatch.from_arrays(empty, wanted)
        return
    try:
        batches = pacsv.open_csv(
            pa.BufferReader(content),
            pacsv.ReadOptions(column_names=names, skip_rows=skip, block_size=_BLOCK),
            pacsv.ParseOptions(delimiter=reading.separator, newlines_in_values=True),
            pacsv.ConvertOptions(column_types=dict.fromkeys(names, pa.string()), include_columns=wanted),
        )
        for batch in batches:
            read_columns = [_Column(name, columns, reading, shown, row).typed(batch[name]) for name in wanted]
            yield pa.RecordBatch.from_arrays(read_columns, wanted)
            row += batch.num_rows
    except pa.ArrowInvalid as error:
        raise SourceError(f"{shown}: not a readable CSV file ({error}); correct that line") from error


class _Column:
    """A column of text, and what it holds by the project's rules."""

    def __init__(self, name: str, columns: Columns, reading: Reading, shown: str, first: int) -> None:
        self._name, self._reading, self._shown, self._first = name, reading, shown, first
        feature = columns.features.get(name)
        self._role = (
            feature.type if feature else next(r for r in ("id", "time", "target") if getattr(columns, r) == name)
        )

    def typed(self, texts: pa.Array) -> pa.Array:
        known = pc.utf8_trim_whitespace(texts)
        if self._role == "id":
            return known if self._name in self._reading.text else self._integers_or_text(known)
        known = pc.if_else(pc.is_in(known, pa.array(self._reading.missing, pa.string())), None, known)
        if self._role == "time":
            return self._times(known)
        return known if self._role == "category" else self._numbers(known)

    def _integers_or_text(self, ids: pa.Array) -> pa.Array:
        try:
            return ids.cast(pa.int64())
        except pa.ArrowInvalid:
            return ids

    def _times(self, texts: pa.Array) -> pa.Array:
        layout = self._reading.times.get(self._name)
        if layout is None:
            return texts
        if layout.startswith("epoch "):
            return epochs(self._read(texts, lambda found: found.cast(pa.int64()), "whole seconds or so"), layout)
        return self._read(texts, lambda found: pc.strptime(found, layout, "us"), f"a time such as {layout}")

    def _numbers(self, texts: pa.Array) -> pa.Array:
        ones, zeros = (
            [word for word in words if self._role == "target" or not _NUMBER.fullmatch(word)]
            for words in (self._reading.ones, self._reading.zeros)
        )
        is_one, is_zero = (pc.is_in(texts, pa.array(words, pa.string())) for words in (ones, zeros))
        texts = pc.if_else(is_one, "1", pc.if_else(is_zero, "0", texts))
        if self._reading.decimal == ",":
            texts = pc.replace_substring(texts, ",", ".")
        return self._read(texts, lambda found: found.cast(pa.float64()), "a number")

    def _read(self, texts: pa.Array, way: Any, expected: str) -> pa.Array:
        try:
            return way(texts)
        except pa.ArrowInvalid as error:
            place = next(place for place in range(len(texts)) if not _fits(way, texts[place : place + 1]))
            raise ContractError(
                f"{self._shown}: column '{self._name}', row {self._first + place + 1:,}: found '{texts[place]}', expected "
                f"{expected}; correct the value, or say under `reading` in the project file what it means ('missing', 'ones', "
                "'zeros', 'decimal', 'times')"
            ) from error


def _fits(way: Any, text: pa.Array) -> bool:
    try:
        way(text)
    except pa.ArrowInvalid:
        return False
    return True


def epochs(numbers: Any, layout: str) -> Any:
    """Moments that are counted from 1970 on, as `epoch s` says, or ms, us, ns."""
    unit = layout.removeprefix("epoch ")
    return numbers.cast(pa.timestamp(unit)).cast(pa.timestamp("ns" if unit == "ns" else "us"))


def _prepared(content: bytes, reading: Reading, shown: str) -> tuple[bytes, list[str], int]:
    """The file in UTF-8, the names of its columns, and how many lines stand above the rows."""
    try:
        content = content if _is_utf_8(reading.encoding) else content.decode(reading.encoding).encode()
        lines = _head(content, "utf-8-sig")
    except UnicodeDecodeError as error:
        raise SourceError(
            f"{shown}: found bytes that are no {reading.encoding} ({error.reason} at byte {error.start:,}); correct "
            "`reading.encoding` in the project file, or write the file so"
        ) from error
    skip = 1 + bool(lines and _told(lines))
    if len(lines) < skip:
        raise SourceError(f"{shown}: found an empty file, expected a line of column names and rows below it")
    with _of_fields(shown):
        header = next(csv.reader([lines[skip - 1]], delimiter=reading.separator))
    return content, _names(header, shown), skip


def _is_utf_8(encoding: str) -> bool:
    return codecs.lookup(encoding).name in ("utf-8", "utf-8-sig", "ascii")


def _encoding(content: bytes) -> str:
    for mark, name in _BOMS:
        if content.startswith(mark):
            return name
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        for start in range(0, len(content), _BLOCK):
            decoder.decode(content[start : start + _BLOCK])
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return "cp1252" if _can(content, "cp1252") else "latin-1"
    return "utf-8"


def _can(content: bytes, encoding: str) -> bool:
    try:
        content.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def _head(content: bytes, encoding: str) -> list[str]:
    decoder = codecs.getincrementaldecoder(encoding)(errors="strict")
    return list(
        islice(io.StringIO(decoder.decode(content[:_HEAD])), _LINES)
    )  # a character may be cut in two at its end


def _told(lines: list[str]) -> str:
    """The separator that a first line such as `sep=;` tells; empty where there is none."""
    found = re.fullmatch(r'"?sep=(.)"?\s*', lines[0])
    return found[1] if found else ""


def _evenness(lines: list[str], mark: str) -> tuple[bool, int]:
    widths = Counter(len(row) for row in csv.reader(lines, delimiter=mark) if row)
    width, often = widths.most_common(1)[0]
    return width > 1 and often > 0.8 * widths.total(), width


def _decimal(rows: list[list[str]]) -> str:
    numbers = [field.strip() for row in rows for field in row if _NUMBER.fullmatch(field.strip())]
    return "," if any("," in number for number in numbers) and not any("." in number for number in numbers) else "."


def _names(header: list[str], shown: str) -> list[str]:
    names = [name.strip() or "unnamed" for name in header]
    if all(_NUMBER.fullmatch(name) for name in names):
        raise SourceError(f"{shown}: found {', '.join(names[:4])} in the first line, expected the names of the columns")
    twice = sorted(name for name, times in Counter(names).items() if times > 1)
    if twice:
        raise SourceError(f"{shown}: column '{twice[0]}' stands twice in the first line, expected once; rename one")
    return names
