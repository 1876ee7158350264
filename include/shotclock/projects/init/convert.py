"""Values as the contract wants them: truth values as 0 and 1, dates that are written some other way than ISO."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

from shotclock.errors import ContractError
from shotclock.rows import values
from shotclock.sources.tabular import MISSING, epochs

Column: TypeAlias = pa.ChunkedArray

_TRUE = {"yes", "y", "true", "t", "on"}
_FALSE = {"no", "n", "false", "f", "off"}
_DAYS = ("%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y", "%d-%m-%Y", "%Y/%m/%d", "%Y.%m.%d", "%d %b %Y", "%b %d, %Y")
_HOURS = ("", " %H:%M", " %H:%M:%S")
FORMATS = tuple(day + hour for day in _DAYS for hour in _HOURS)


@dataclass
class Words:
    """What words of a file of text stand for: 1, 0, and a missing number."""

    ones: set[str] = field(default_factory=set)
    zeros: set[str] = field(default_factory=set)
    missing: set[str] = field(default_factory=set)


def tidy(table: pa.Table) -> tuple[pa.Table, dict[str, str], Words]:
    """The table with plain numbers: no truth values, decimals, NaN or infinity; what was changed, by column; the words."""
    notes: dict[str, str] = {}
    words = Words()
    for place, name in enumerate(table.column_names):
        column, note = _tidied(table[name], words)
        if note:
            notes[name] = note
        table = table.set_column(place, name, column)
    return table, notes, words


def _tidied(column: Column, words: Words) -> tuple[Column, str]:
    kind = column.type
    if pa.types.is_dictionary(kind):
        column = column.cast(kind.value_type)
        kind = column.type
    if pa.types.is_boolean(kind):
        words.ones |= {"true", "True", "TRUE"}
        words.zeros |= {"false", "False", "FALSE"}
        return column.cast(pa.int8()), "true and false became 1 and 0"
    if pa.types.is_decimal(kind):
        return column.cast(pa.float64()), ""
    if pa.types.is_floating(kind):
        return pc.if_else(pc.is_finite(column), column, None), ""
    if is_text(kind) and (binary := from_words(column)) is not None:
        found = sorted(_distinct(column), key=lambda word: word.strip().lower() in _TRUE)
        words.zeros.add(found[0].strip())
        words.ones.add(found[1].strip())
        return binary, f"{' and '.join(sorted(found))} became 0 and 1"
    if is_text(kind) and (numbers := without_words(column)) is not None:
        meant = sorted(_not_numbers(column))
        words.missing |= set(meant)
        return numbers, f"{' and '.join(meant)} became missing values"
    return column, ""


def without_words(column: Column) -> Column | None:
    """Numbers, where all else are words that stand for a missing one; None for any other text."""
    meant = _not_numbers(column)
    if not meant or not meant <= set(MISSING):
        return None
    texts = pc.replace_substring(pc.utf8_trim_whitespace(column), ",", ".")
    known = pc.if_else(pc.is_in(texts, pa.array(sorted(meant), column.type)), None, texts)
    for kind in (pa.int64(), pa.float64()):
        try:
            return known.cast(kind) if known.null_count < len(known) else None
        except pa.ArrowInvalid:
            continue
    return None


def names(column: Column, words: Words) -> Column | None:
    """Text and codes as the text of a category, null for the file's words for what is missing; None of other values."""
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if not is_text(column.type) and not is_number(column.type):
        return None
    known = values.without_nan(column)
    texts = values.as_text(known)
    if texts.null_count > known.null_count:  # a float that is no whole number
        return None
    return pc.if_else(pc.is_in(texts, pa.array(sorted(words.missing), pa.string())), None, texts)


def _not_numbers(column: Column) -> set[str]:
    """The distinct texts that are no numbers; of many, the first ones."""
    numbers = pc.match_substring_regex(column, r"^\s*[+-]?\d+([.,]\d+)?([eE][+-]?\d+)?\s*$")
    others = column.filter(pc.invert(numbers)).unique()
    return {word.strip() for word in others.slice(0, len(MISSING) + 1).to_pylist() if word is not None}


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

    ISO text stays as it is. Other text, and digits, become a timestamp, by `layout` or by the one usual layout that fits.

    Raises:
        ContractError: `layout` was given, and a value is not written so.
    """
    if pa.types.is_date(column.type) or pa.types.is_timestamp(column.type):
        return column
    if pa.types.is_integer(column.type) and layout is not None:
        return _counted(column, layout) if layout.startswith("epoch ") else as_time(column.cast(pa.string()), layout)
    if not is_text(column.type):
        return None
    words = _distinct(column)
    if layout is not None:
        return _parsed(column, words, layout, strict=True)
    if words and all(map(_is_iso, words)):
        return column
    layout = usual_layout(column)
    return None if layout is None else _parsed(column, words, layout)


def _counted(column: Column, layout: str) -> Column:
    try:
        return epochs(column.cast(pa.int64()), layout)
    except (pa.ArrowInvalid, ValueError) as error:
        raise ContractError(
            f"--time-format: found '{layout}', expected epoch s, epoch ms, epoch us or epoch ns"
        ) from error


def usual_layout(column: Column) -> str | None:
    """The one usual layout that all of its values are written in; None where none is, or several are.

    Digits are a year (2013), a day (20130131), or are counted from 1970 on, by their number of digits.
    """
    if pa.types.is_integer(column.type):
        return _layout_of_digits(column)
    if not is_text(column.type):
        return None
    words = _distinct(column)
    if not words or all(map(_is_iso, words)):
        return None
    fitting = [
        found for found in FORMATS if (found_all := _parsed(column, words, found)) is not None and len(found_all)
    ]
    return fitting[0] if len(fitting) == 1 else None


def _layout_of_digits(column: Column) -> str | None:
    known = column.drop_null()
    if not len(known):
        return None
    low, high = pc.min(known).as_py(), pc.max(known).as_py()
    for layout, least, most in (
        ("%Y", 1900, 2100),
        ("%Y%m%d", 19000101, 21001231),
        ("epoch s", 10**8, 10**10),
        ("epoch ms", 10**11, 10**13),
        ("epoch us", 10**14, 10**16),
        ("epoch ns", 10**17, 9 * 10**18),
    ):
        if least <= low and high <= most:
            return layout if layout.startswith("epoch") or _written_so(known, layout) else None
    return None


def _written_so(column: Column, layout: str) -> bool:
    texts = column.cast(pa.string())
    return _parsed(texts, _distinct(texts), layout) is not None


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
