"""Values as the contract wants them: truth values as 0 and 1, dates that are written some other way than ISO."""

from datetime import datetime
from typing import TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

from shotclock.errors import ContractError

Column: TypeAlias = pa.ChunkedArray

_TRUE = {"yes", "y", "true", "t", "on"}
_FALSE = {"no", "n", "false", "f", "off"}
_DAYS = ("%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y", "%d-%m-%Y", "%Y/%m/%d", "%Y.%m.%d", "%d %b %Y", "%b %d, %Y")
_HOURS = ("", " %H:%M", " %H:%M:%S")
FORMATS = tuple(day + hour for day in _DAYS for hour in _HOURS)


def tidy(table: pa.Table) -> tuple[pa.Table, dict[str, str]]:
    """The table with plain numbers: no truth values, decimals, NaN or infinity; and what was changed, by column."""
    notes: dict[str, str] = {}
    for place, name in enumerate(table.column_names):
        column, note = _tidied(table[name])
        if note:
            notes[name] = note
        table = table.set_column(place, name, column)
    return table, notes


def _tidied(column: Column) -> tuple[Column, str]:
    kind = column.type
    if pa.types.is_dictionary(kind):
        column = column.cast(kind.value_type)
        kind = column.type
    if pa.types.is_boolean(kind):
        return column.cast(pa.int8()), "true and false became 1 and 0"
    if pa.types.is_decimal(kind):
        return column.cast(pa.float64()), ""
    if pa.types.is_floating(kind):
        return pc.if_else(pc.is_finite(column), column, None), ""
    if is_text(kind) and (binary := from_words(column)) is not None:
        return binary, f"{' and '.join(sorted(_distinct(column)))} became 0 and 1"
    return column, ""


def from_words(column: Column) -> Column | None:
    """0 and 1 for a column of yes and no, true and false and the like; None for any other."""
    words = _distinct(column)
    if len(words) != 2 or not {word.strip().lower() for word in words} <= _TRUE | _FALSE:
        return None
    true = [word for word in words if word.strip().lower() in _TRUE]
    if len(true) != 1:
        return None
    return pc.equal(column, pa.scalar(true[0], column.type)).cast(pa.int8())


def is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind))


def _distinct(column: Column) -> list[str]:
    return [value for value in column.unique().to_pylist() if value is not None] if is_text(column.type) else []


def as_time(column: Column, layout: str | None = None) -> Column | None:
    """The column as dates or times; None where it holds none, or where day and month cannot be told apart.

    ISO text stays as it is. Other text becomes a timestamp, by `layout` or by the one usual layout that fits all of it.

    Raises:
        ContractError: `layout` was given, and a value is not written so.
    """
    if pa.types.is_date(column.type) or pa.types.is_timestamp(column.type):
        return column
    if not is_text(column.type):
        return None
    words = _distinct(column)
    if layout is not None:
        return _parsed(column, words, layout, strict=True)
    if words and all(map(_is_iso, words)):
        return column
    fitting = [
        found for found in FORMATS if (found_all := _parsed(column, words, found)) is not None and len(found_all)
    ]
    return _parsed(column, words, fitting[0]) if len(fitting) == 1 else None


def _parsed(column: Column, words: list[str], layout: str, *, strict: bool = False) -> Column | None:
    times: dict[str, datetime] = {}
    for word in words:
        try:
            times[word] = datetime.strptime(word.strip(), layout)
        except ValueError as error:
            if strict:
                raise ContractError(f"--time-format: found '{word}', expected text like {layout}") from error
            return None
    encoded = pa.chunked_array([column.combine_chunks().dictionary_encode()]).combine_chunks()
    known = pa.array([times.get(word) for word in encoded.dictionary.to_pylist()], pa.timestamp("s"))
    return pa.chunked_array([known.take(encoded.indices)])


def _is_iso(word: str) -> bool:
    try:
        datetime.fromisoformat(word)
    except ValueError:
        return False
    return not word.isdecimal()  # 20130101 may as well be a number
