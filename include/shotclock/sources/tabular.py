"""Text files as Arrow columns. How a file is written is seen from its first lines; later ones of the same system are read so.

Files are streamed: a few megabytes of one are held, whatever its size.
"""

import codecs
import csv
import io
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from itertools import islice, pairwise, zip_longest
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv

from shotclock.config import Reading
from shotclock.errors import SourceError
from shotclock.kinds import composed
from shotclock.sources import encodings

MISSING = (
    *(
        "None",
        "none",
        "NULL",
        "null",
        "Null",
        "(null)",
        "\\N",
        "<NA>",
        "NaN",
        "nan",
        "NaT",
        "N/A",
        "n/a",
        "N.A.",
        "n.a.",
    ),
    *("#N/A", "#NAME?", "#DIV/0!", "#VALUE!", "#REF!", "#NUM!", "#NULL!", "inf", "-inf", "Infinity", "-Infinity"),
    *("k.A.", "k. A.", "-", "--", "?", ".", "…", "unknown", "Unknown", "unbekannt", "Unbekannt", "missing"),
)
"""Words that stand for a missing number in many exports; only `NA` and nothing at all are taken so unasked."""
_SEPARATORS, _RARE_SEPARATORS = (",", ";", "\t", "|"), ("^", "~", "\x01", "\x1f", ":", " ")
_UNITS = ("€", "US$", "R$", "$", "£", "¥", "₹", "₽", "₺", "₩", "zł", "kr", "Kč", "%", "‰", "EUR", "USD", "GBP", "CHF")
_RATES = ("%", "‰")
_HEAD = 1 << 20  # bytes that all but the encoding is seen from
_LINES = 1000
_BLOCK = 1 << 20  # Arrow holds several dozen of them
_FEW = 1000  # values that are tried before all are
_SHOWN, _FIRST = 60, 4
_FEW_NAMES = 2  # fewer than any table for a project has
_AXIS = 2  # more fractions than these, in their order, are names
NUMBER = re.compile(r"[+-]?\d+([.,]\d+)?([eE][+-]?\d+)?")
_PADDED, _DIGITS = r"^0\d+$", r"^[+-]?\d+$"
_SIGNS = (("^[-\u2212\u2013]\\s*(\\S)", r"-\1"), (r"^\((.*\d.*)\)$", r"-\1"), (r"^(\D*\d[\d.,' ]*)-$", r"-\1"))
_SPACES, _APOSTROPHES, _WIDE = "[ \u00a0\u2009\u202f]", "['\u2019]", "[\uff01-\uff5e]"
_NOT_ARROWS = re.compile(r"%[^YmdHMSyBbIp]")  # what Arrow does not read as Python does
QUARTER = "quarter"
_QUARTER = re.compile(r"(?P<year>\d{4})[- /]?Q(?P<quarter>[1-4])|Q(?P<first>[1-4])[- /]?(?P<last>\d{4})")
_EXCEL = 25_569  # days that Excel counts from its own beginning to 1970

Texts = TypeVar("Texts", pa.Array, pa.ChunkedArray)

csv.field_size_limit(_HEAD)


def read_csv(path: Path, shown: str) -> pa.Table:
    """Read a small CSV file in UTF-8. Empty fields and `NA` are null; a column without a name is called `unnamed`.

    Args:
        shown: what messages call the file.

    Raises:
        SourceError: the file is empty, has no line of names, names a column twice, or has lines of different lengths.
    """
    reading = sniff(path, shown)
    rows = pa.Table.from_batches(texts(path, reading, shown))
    return pa.table({name: typed(trimmed(rows[name]), reading) for name in rows.column_names})


# How a file is written


def sniff(path: Path, shown: str) -> Reading:
    """How a file in UTF-8 with a line of names is written.

    The separator is what a first line `sep=;` says, or the one that cuts the first lines into equally many fields. Decimal
    mark, mark of thousands and units are known by the values. What stands above the names is passed over: a title, empty
    lines, lines that begin with `#`.

    Raises:
        SourceError: the file is empty, or its first lines are no lines of a table.
    """
    lines = _head(path, shown)
    if not "".join(lines).strip():
        raise SourceError(f"{shown}: found an empty file, expected a line of column names and rows below it")
    told = _told(lines)
    lines = lines[1:] if told else lines
    quote = "'" if re.match(r"'[^']*'\s*[^\w\s']", "".join(lines[:1])) else '"'
    escapes = ("\\", "") if any(f"\\{quote}" in line for line in lines) else ("",)
    try:
        ways = [_parted(lines, told, Reading(quote=quote, escape=escape)) for escape in escapes]
        written = max(
            ways, key=lambda way: _width(lines, way)[1]
        )  # a field may end in a backslash, and not escape its mark
        above = _above(lines, written)
        columns = _columns(lines[above:], written)
    except csv.Error as error:
        raise _no_table(shown, error) from error
    fields = [field for column in columns for field in column]
    units = tuple(unit for unit in _UNITS if any(_beside(field, unit) for field in fields))
    money = [_beside(field, *(unit for unit in units if unit not in _RATES)) for field in fields]
    bare = [[_beside(field, *units) or field for field in column] for column in columns]
    decimal, thousands = _marks(bare, written.separator, money)
    return written.model_copy(update={"above": above, "decimal": decimal, "thousands": thousands, "units": units})


def _columns(lines: list[str], written: Reading) -> list[list[str]]:
    """The fields below the line of names, without signs."""
    rows = ([_unsigned(field.strip()) for field in row] for row in _rows(lines, written)[1:])
    return [[field for field in column if field] for column in zip_longest(*rows, fillvalue="")]


def _head(path: Path, shown: str) -> list[str]:
    decoder = codecs.getincrementaldecoder("utf-8-sig")()  # a character may be cut in two at the end
    try:
        with path.open("rb") as file:
            return list(islice(io.StringIO(decoder.decode(file.read(_HEAD)), newline=""), _LINES))
    except UnicodeDecodeError as error:
        raise encodings.refused(path, "utf-8", shown) from error


def _told(lines: list[str]) -> str:
    """The separator that a first line such as `sep=;` tells; empty where there is none."""
    found = re.fullmatch(r'"?sep=(.)"?\s*', lines[0]) if lines else None
    return found[1] if found else ""


def _no_table(shown: str, error: csv.Error) -> SourceError:
    return SourceError(
        f"{shown}: found no lines of fields ({error}), expected a line of column names and rows below it, as CSV"
    )


def _rows(lines: Sequence[str], written: Reading) -> list[list[str]]:
    return list(csv.reader(lines, **_marks_of(written)))


def _marks_of(written: Reading) -> Any:
    marks = {"delimiter": written.separator, "quotechar": written.quote, "escapechar": written.escape or None}
    return marks | {"skipinitialspace": written.separator != " "}


def _parted(lines: list[str], told: str, written: Reading) -> Reading:
    return written.model_copy(update={"separator": told or _separator(lines, written)})


def _separator(lines: list[str], written: Reading) -> str:
    def evenness(mark: str, lines: list[str] = lines) -> tuple[bool, int, int]:
        """Whether lines are of one width; if so, from which line on, for a text may hold as many other marks in each row."""
        width, share, first = _width(lines, written.model_copy(update={"separator": mark}))
        is_even = width > 1 and share > 0.8
        return is_even, -first if is_even else 0, width

    usual = max(_SEPARATORS, key=evenness)
    if evenness(usual)[0]:
        return usual
    # in the line of names too, which may lack one: a colon may stand in every time
    marks = {mark: lines[0].count(mark) for mark in _RARE_SEPARATORS if mark in lines[0]}
    rows = lines[1:] or lines
    rare = [
        mark for mark, often in marks.items() if evenness(mark, rows)[::2] in ((True, often + 1), (True, often + 2))
    ]
    return rare[0] if rare else usual


def _width(lines: list[str], written: Reading) -> tuple[int, float, int]:
    """The most frequent number of fields, the share of lines with so many, and how many lines stand above two of these."""
    widths = [len(row) for row in _rows(lines, written) if row]
    width, often = Counter(widths).most_common(1)[0]
    first = next((place for place, pair in enumerate(pairwise(widths)) if pair == (width, width)), len(widths))
    return width, often / len(widths), first


def _above(lines: list[str], written: Reading) -> int:
    """How many lines stand above the line of names: those of which at least half of the table's fields hold nothing."""
    width, *_ = _width(lines, written)
    for number, line in enumerate(lines):
        is_whole = line.count(written.quote) % 2 == 0
        fields = _rows([line], written)[0] if line.strip() else []
        filled = sum(bool(field.strip()) for field in fields)
        is_title = is_whole and (2 * len(fields) <= width or 2 * filled < width)
        if not is_title and not (line.startswith("#") and len(fields) != width):
            return number
    return 0


def _unsigned(field: str) -> str:
    field = unicodedata.normalize("NFKC", field) if re.search(_WIDE, field) else field
    for shape, plain in _SIGNS:
        field = re.sub(shape, plain, field)
    return field.lstrip("+-")


def _beside(field: str, *units: str) -> str:
    """The number that stands beside one of the units; empty where none does."""
    for unit in units:
        bare = field.removeprefix(unit) if field.startswith(unit) else field.removesuffix(unit)
        if bare != field and re.fullmatch(r"\s*[+-]?\d[\d.,'\u2019\s]*", bare):
            return bare.strip()
    return ""


def _marks(columns: list[list[str]], separator: str, money: list[str]) -> tuple[str, str]:
    """The decimal mark, and the mark of thousands or nothing."""
    fields = [field for column in columns for field in column]

    def any_written(shape: str) -> bool:
        return any(re.fullmatch(shape, field) for field in fields)

    for decimal, thousands in ((",", "."), (".", ","), (",", " "), (".", " "), (".", "'"), (",", "'")):
        if any_written(rf"\d{{1,3}}({_group(thousands)}\d{{2,3}})*{_group(thousands)}\d{{3}}{re.escape(decimal)}\d+"):
            return decimal, thousands
    numbers = [field for field in fields if NUMBER.fullmatch(field)]
    commas, points = ([number for number in numbers if mark in number] for mark in ",.")
    in_groups = {mark: _in_groups(marked, mark) for mark, marked in ((",", commas), (".", points))}
    for decimal, thousands in ((".", ","), (",", ".")):
        # Of money there are hundredths, if any.
        is_money = any(thousands in amount for amount in money)
        if in_groups[thousands] and (is_money or any(are_thousands(column, thousands) for column in columns)):
            return decimal, thousands
    if in_groups[","] and (separator == "," or (points and not in_groups["."])):
        return ".", ","
    if commas and separator != "," and in_groups["."]:
        return ",", "."
    return (".", "") if points or not commas else (",", "")


def are_thousands(fields: Sequence[str], mark: str) -> bool:
    """Whether the mark before three digits of a column parts thousands: where smaller numbers have none, and zeros end others.

    Who writes fractions gives them to all numbers alike, or leaves out the zeros at their end.
    """
    numbers = [field for field in fields if NUMBER.fullmatch(field)]
    marked = [number for number in numbers if mark in number]
    whole = [number for number in numbers if number.isdecimal()]
    return (
        _in_groups(marked, mark)
        and any(number.endswith("0") for number in marked)
        and 0 < max(map(len, whole), default=0) <= 3
    )


def _in_groups(numbers: list[str], mark: str) -> bool:
    """Whether there are some, and all may be thousands with this mark before the last three digits."""
    return bool(numbers) and all(
        re.fullmatch(rf"[+-]?[1-9]\d{{0,2}}{re.escape(mark)}\d{{3}}", number) for number in numbers
    )


def _group(thousands: str) -> str:
    return {" ": _SPACES, "'": _APOSTROPHES}.get(thousands, re.escape(thousands))


def doubts(path: Path, reading: Reading, shown: str) -> list[str]:
    """What the first lines of a file in UTF-8 leave open about its names and numbers, and how it was read."""
    names, above, _ = _header(path, reading, shown)
    lines = _head(path, shown)
    columns = zip(names, zip_longest(*_rows(lines[above:], reading), fillvalue=""), strict=False)
    told = [_doubt(name, [_unsigned(field.strip()) for field in fields], reading) for name, fields in columns]
    if len(_rows(lines[:above], reading)[-1]) < len(names) and not names[-1].startswith("unnamed"):
        told.append(
            f"the first line has a name less than rows have fields: '{names[0]}' is the first field of each, as R writes the "
            "names of rows; write all names there, if another one lacks its own"
        )
    return [*filter(None, told)]


def _doubt(name: str, fields: list[str], reading: Reading) -> str:
    beside = {unit for field in fields for unit in reading.units if _beside(field, unit)}
    if beside and any(map(NUMBER.fullmatch, fields)):
        beside.add("nothing")
    if len(beside) > 1:
        return (
            f"'{name}' has {' and '.join(sorted(beside))} beside its numbers, and all were read as if they were alike: write "
            "them in one unit, if they are not"
        )
    marked = [field for field in fields if NUMBER.fullmatch(field) and reading.decimal in field]
    if reading.thousands or not _in_groups(marked, reading.decimal):
        return ""
    whole = marked[0].replace(reading.decimal, "")
    return f"'{name}' has {marked[0]}, which was read as a fraction: write it without the mark, if that is {whole}"


# Its rows


def texts(path: Path, reading: Reading, shown: str, only: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
    """The rows of a file in UTF-8, or `only` these columns of them, as they are written: one batch at least, if without rows.

    Raises:
        SourceError: see `read_csv`.
    """
    names, above, is_all = _header(path, reading, shown)
    wanted = names if only is None else [name for name in only if name in names]
    if not wanted:
        raise SourceError(
            f"{shown}: found {_listed(names)} in the first line, expected names such as {_listed(only or ())}; write the "
            f"names of the columns there, or correct `reading` in the project file: fields are parted by {reading.separator!r}"
        )
    if is_all:
        yield pa.RecordBatch.from_arrays([pa.array([], pa.string()) for _ in wanted], wanted)
        return
    wrong: list[pacsv.InvalidRow] = []
    row = 0

    def refuse(row: pacsv.InvalidRow) -> str:
        wrong.append(row)
        return "error"

    parsing = pacsv.ParseOptions(
        delimiter=reading.separator,
        quote_char=reading.quote,
        escape_char=reading.escape or False,
        newlines_in_values=True,
        invalid_row_handler=refuse,
    )
    try:
        # Arrow's own file: with one of Python its threads would call Python, and a process that ends would crash; and of a mere
        # path it takes the ending for the way in which the file is packed.
        with _for_arrow(path, reading, shown) as plain:
            for batch in pacsv.open_csv(
                pa.OSFile(str(plain)),
                pacsv.ReadOptions(column_names=names, skip_rows=above, block_size=_BLOCK, use_threads=False),
                parsing,
                pacsv.ConvertOptions(column_types=dict.fromkeys(names, pa.string()), include_columns=wanted),
            ):
                columns = [_plain(column) for column in batch.columns]
                place = pc.index(columns[0], wanted[0]).as_py()
                if place >= 0 and len(wanted) > 1 and [str(column[place]) for column in columns] == wanted:
                    raise SourceError(
                        f"{shown}: row {row + place + 1:,}: found the names of the columns again, expected a row; take it out"
                    )
                yield pa.RecordBatch.from_arrays(columns, wanted)
                row += batch.num_rows
    except pa.ArrowInvalid as error:
        if "UTF8" in str(error):
            raise encodings.refused(path, "utf-8", shown) from error
        raise SourceError(
            f"{shown}: not a readable CSV file ({_said(error, wrong)}); take that line out where it is no row, or correct it: "
            f"the first line names each field (in R: row.names = FALSE), and quotation marks stand around one that holds "
            f"{reading.separator!r}"
        ) from error


@contextmanager
def _for_arrow(path: Path, reading: Reading, shown: str) -> Iterator[Path]:
    """The file itself, or a copy where blanks stand between a separator and a quotation mark: Arrow takes both for text."""
    marks = _marks_of(reading)
    rows = csv.reader(_head(path, shown), **(marks | {"skipinitialspace": False}))
    if not any(field.startswith(" ") and field.lstrip(" ").startswith(reading.quote) for row in rows for field in row):
        yield path
        return
    with TemporaryDirectory(prefix="shotclock-") as folder:
        copy = Path(folder) / path.name
        try:
            with (
                path.open(encoding="utf-8", newline="") as given,
                copy.open("w", encoding="utf-8", newline="") as plain,
            ):
                csv.writer(plain, **marks).writerows(csv.reader(given, **marks))
        except csv.Error as error:
            raise _no_table(shown, error) from error
        except UnicodeDecodeError as error:
            raise encodings.refused(path, "utf-8", shown) from error
        yield copy


def _plain(texts: pa.Array) -> pa.Array:
    """Texts without what is written for Excel alone, `="007"`, and their letters composed: é has two spellings."""
    if pc.any(pc.starts_with(texts, '="')).as_py():
        texts = pc.replace_substring_regex(texts, '^="(.*)"$', r"\1")
    return composed(texts)


def names(path: Path, reading: Reading, shown: str) -> list[str]:
    """The names of the columns of a file in UTF-8.

    Raises:
        SourceError: see `read_csv`.
    """
    return _header(path, reading, shown)[0]


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(f"'{name[:_SHOWN]}'" for name in names[:_FIRST])
    return f"{shown}, …" if len(names) > _FIRST else shown


def _said(error: pa.ArrowInvalid, wrong: list[pacsv.InvalidRow]) -> str:
    if wrong:
        row, text = wrong[0], wrong[0].text
        where = "" if row.number is None else f"line {row.number:,}: "
        begins = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
        return f"{where}found {row.actual_columns:,} fields, expected {row.expected_columns:,}: {begins!r}"
    if "straddl" in str(error):
        return f"found a line of more than {_BLOCK >> 20} MB: is a quotation mark not closed?"
    return " ".join(str(error).split())


def _header(path: Path, reading: Reading, shown: str) -> tuple[list[str], int, bool]:
    """The names of the columns, how many lines stand above the rows, and whether the file ends there."""
    lines = _head(path, shown)
    above = bool(_told(lines)) + reading.above
    if not "".join(lines[above:]).strip():
        raise SourceError(f"{shown}: found an empty file, expected a line of column names and rows below it")
    above += next(number for number, line in enumerate(lines[above:]) if line.strip())
    rows = csv.reader(lines[above:], **_marks_of(reading))
    try:
        header = next(rows)
        above += rows.line_num
        below = [row for row in rows if row]
        names = _named(_whole(header, below, lines[above:], reading), below[0] if below else [], shown)
    except csv.Error as error:
        raise _no_table(shown, error) from error
    return names, above, not "".join(lines[above:]).strip() and len(lines) < _LINES


def _whole(header: list[str], rows: list[list[str]], lines: list[str], reading: Reading) -> list[str]:
    """The names, and an empty one where each row has a field more: nothing behind a separator, or the row's name in quotation
    marks, as R writes it.

    Not where a decimal comma in each row may be what parts one field more.
    """
    rows = rows[: len(rows) // 2 + 1]  # the last one may be cut
    if not rows or any(len(row) != len(header) + 1 for row in rows):
        return header
    is_sure = reading.separator != "," or len(header) > _FEW_NAMES
    if is_sure and not any(row[-1].strip() for row in rows):
        return [*header, ""]
    have_names = all(line.startswith(reading.quote) for line in lines if line.strip())
    return ["", *header] if have_names and reading.separator != "," else header


def _named(header: list[str], below: list[str], shown: str) -> list[str]:
    names = [re.sub(r"\s*[\r\n]+\s*", " ", name.replace("\ufeff", "").strip()) for name in header]
    names = [unicodedata.normalize("NFC", name) for name in names]
    if all(NUMBER.fullmatch(name) for name in names) or _is_row(names, below):
        raise SourceError(
            f"{shown}: found {', '.join(names[:4])} in the first line, expected the names of the columns; write them above it"
        )
    twice = sorted(name for name, times in Counter(filter(None, names)).items() if times > 1)
    if twice:
        raise SourceError(f"{shown}: column '{twice[0]}' stands twice in the first line, expected once; rename one")
    free = (name for name in ("unnamed", *(f"unnamed_{n}" for n in range(2, len(names) + 3))) if name not in names)
    return [name or next(free) for name in names]


def _is_row(names: list[str], below: list[str]) -> bool:
    """Whether the first line is a row: it holds fractions or moments, which no names are but a spectrum's, in their order; and
    numbers, moments and words stand where the row below has them."""
    values = [name for name in names if _kind(name) and not name.isdecimal()]
    numbers = [float(name.replace(",", ".")) for name in values if NUMBER.fullmatch(name)]
    is_spectrum = len(numbers) > _AXIS and numbers in (sorted(numbers), sorted(numbers, reverse=True))
    pairs = zip(map(_kind, names), below, strict=False)
    return bool(values) and not is_spectrum and all(not field or kind == _kind(field) for kind, field in pairs)


def _kind(field: str) -> str:
    if NUMBER.fullmatch(field):
        return "number"
    with suppress(ValueError):
        return "moment" if datetime.fromisoformat(field) else ""
    return ""


# What values say


def typed(texts: pa.ChunkedArray, reading: Reading) -> pa.ChunkedArray:
    """Texts as `trimmed` gives them, as what all of them are: whole numbers, truth values, days, times, numbers; else text.

    Digits with zeros before them, or too many for a whole number, stay text.
    """
    if texts.null_count == len(texts):
        return pa.chunked_array([pa.nulls(len(texts))])
    few = texts.slice(0, 100 * _FEW).drop_null().slice(0, _FEW)
    for way in (_integers, _truth, *map(_as, _MOMENTS), _numbers):
        if way(few, reading) is not None and (found := way(texts, reading)) is not None:
            return found
    return texts


def trimmed(texts: Texts) -> Texts:
    """Texts without white space around them; nothing at all and `NA` are null."""
    texts = pc.utf8_trim_whitespace(texts)
    return pc.if_else(pc.is_in(texts, pa.array(["", "NA"])), None, texts)


_ZONES = (None, "UTC")
_MOMENTS = (pa.date32(), *(pa.timestamp(unit, zone) for zone in _ZONES for unit in ("s", "ns")))
_Way = Callable[[pa.ChunkedArray, Reading], pa.ChunkedArray | None]


def _as(kind: pa.DataType) -> _Way:
    def way(texts: pa.ChunkedArray, _: Reading) -> pa.ChunkedArray | None:
        try:
            return texts.cast(kind)
        except pa.ArrowInvalid:
            return None

    return way


def _truth(texts: pa.ChunkedArray, _: Reading) -> pa.ChunkedArray | None:
    return None if _any_is(texts, "0x") else _as(pa.bool_())(texts, _)


def _any_is(texts: pa.ChunkedArray, beginning: str, shape: str = "") -> bool:
    """Whether a text begins so and, if that is asked for, is of this shape."""
    found = texts.filter(pc.starts_with(texts, beginning))
    return bool(pc.any(pc.match_substring_regex(found, shape)).as_py() if shape else len(found))


def _integers(texts: pa.ChunkedArray, reading: Reading) -> pa.ChunkedArray | None:
    found = _as_numbers(texts, reading, pa.int64())
    return None if found is None or _any_is(texts, "0", r"^0[\dxX]") else found


def _numbers(texts: pa.ChunkedArray, reading: Reading) -> pa.ChunkedArray | None:
    found = _as_numbers(texts, reading, pa.float64())
    if found is None or not pc.all(pc.is_finite(found)).as_py() or _any_is(texts, "0", _PADDED):
        return None
    large = pc.greater_equal(pc.abs(found), float(2**63))
    is_digits = pc.match_substring_regex(texts.filter(large), _DIGITS)
    return None if pc.any(is_digits).as_py() else found


def _as_numbers(texts: pa.ChunkedArray, reading: Reading, kind: pa.DataType) -> pa.ChunkedArray | None:
    try:
        return numbers(texts, reading, kind)
    except pa.ArrowInvalid:
        return None


def numbers(texts: Texts, reading: Reading, kind: pa.DataType) -> Texts:
    """Texts as numbers.

    Raises:
        pa.ArrowInvalid: one is none.
    """
    try:
        return plain_numbers(texts, reading).cast(kind)
    except pa.ArrowInvalid:  # such signs are rare, and looking for them takes its time
        return plain_numbers(signed(texts), reading).cast(kind)


def signed(texts: Texts) -> Texts:
    """Numbers with their sign before them, where accounts write (1.50), SAP 1.50-, typesetters a minus of their own; and in
    ASCII's digits, where Japan's keyboards write wide ones."""
    is_wide = pc.match_substring_regex(texts, _WIDE)
    texts = pc.if_else(is_wide, pc.utf8_normalize(texts, "NFKC"), texts) if pc.any(is_wide).as_py() else texts
    for shape, plain in _SIGNS:
        texts = pc.replace_substring_regex(texts, shape, plain)
    return texts


def plain_numbers(texts: Texts, reading: Reading) -> Texts:
    """Numbers as Arrow reads them: without units and marks of thousands, with a decimal point. Other text stays no number."""
    if reading.units:
        units = "|".join(map(re.escape, reading.units))
        texts = pc.replace_substring_regex(texts, rf"^([+-]?){_SPACES}*({units}){_SPACES}*", r"\1")
        texts = pc.replace_substring_regex(texts, rf"{_SPACES}*({units})$", "")
    if reading.thousands:
        group = _group(reading.thousands)
        is_grouped = pc.match_substring_regex(
            texts, rf"^[+-]?\d{{1,3}}({group}\d{{2,3}})*{group}\d{{3}}({re.escape(reading.decimal)}\d+)?$"
        )
        texts = pc.if_else(is_grouped, pc.replace_substring_regex(texts, group, ""), texts)
    if reading.decimal == ",":
        texts = pc.replace_substring(pc.replace_substring(texts, ".", "no number"), ",", ".")
    return texts


def moments(texts: Texts, layout: str) -> Texts:
    """Moments that are written in a layout: as for strptime, or counted by `epoch s` (ms, us, ns) from 1970 on, or `excel`.

    Of a `quarter`, such as 2024-Q1 and Q1 2024, it is the first day.

    Raises:
        ValueError: one is not written so.
    """
    if is_counted(layout):
        return counted(texts.cast(pa.float64() if layout in ("epoch s", "excel") else pa.int64()), layout)
    if not pc.all(pc.string_is_ascii(texts)).as_py():
        texts = pc.replace_substring_regex(texts, _SPACES, " ")  # such as browsers write before PM
    if layout == QUARTER or _NOT_ARROWS.search(layout):
        return _by_python(texts, layout)
    found = pc.strptime(texts, layout, "us")
    # Arrow takes the 30th of February for the 2nd of March, and 25 for the year 25
    doubtful = pc.or_(pc.less_equal(pc.day(found), 3), pc.less(pc.year(found), 1000))
    _by_python(pc.unique(texts.filter(doubtful)), layout)
    return found


def is_counted(layout: str) -> bool:
    """Whether moments in it are numbers."""
    return layout.startswith("epoch ") or layout == "excel"


def counted(numbers: Any, layout: str) -> Any:
    """Moments that are counted: seconds and days with their fractions, to the microsecond."""
    if layout == "excel":
        numbers, layout = pc.multiply(pc.subtract(numbers.cast(pa.float64()), _EXCEL), 86_400), "epoch s"
    unit = layout.removeprefix("epoch ")
    if unit == "s" and pa.types.is_floating(numbers.type):
        numbers, unit = pc.round(pc.multiply(numbers, 1e6)).cast(pa.int64()), "us"
    return numbers.cast(pa.int64()).cast(pa.timestamp(unit)).cast(pa.timestamp("ns" if unit == "ns" else "us"))


def _by_python(texts: Texts, layout: str) -> Texts:
    """What Arrow cannot read: each different text once."""
    different = pc.unique(texts)
    read = [None if text is None else _moment(text, layout) for text in different.to_pylist()]
    zone = "UTC" if "%z" in layout else None
    known = pa.array(
        [moment and (moment.astimezone(UTC) if zone else moment) for moment in read], pa.timestamp("us", zone)
    )
    return known.take(pc.index_in(texts, different))


def _moment(text: str, layout: str) -> datetime:
    if layout != QUARTER:
        return datetime.strptime(text, layout)
    found = _QUARTER.fullmatch(text)
    if not found:
        raise ValueError(text)
    return datetime(int(found["year"] or found["last"]), 3 * int(found["first"] or found["quarter"]) - 2, 1)
