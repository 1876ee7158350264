"""Values as the contract wants them: truth values as 0 and 1, dates that are written some other way than ISO."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from shotclock.config import Reading
from shotclock.errors import ContractError
from shotclock.kinds import is_number, is_text, known
from shotclock.projects.init.columns import Column, Rows
from shotclock.rows import values
from shotclock.sources import tabular
from shotclock.sources.tabular import MISSING

_TRUE = {
    "yes",
    "y",
    "true",
    "t",
    "on",
    "ja",
    "oui",
    "si",
    "sí",
    "sì",
    "sim",
    "tak",
    "да",
    "wahr",
    "vrai",
    "verdadero",
    "vero",
}
_FALSE = {"no", "n", "false", "f", "off", "nein", "non", "não", "nao", "nie", "nee", "нет", "falsch", "faux", "falso"}
_DAYS = (
    *(
        "%d/%m/%Y",
        "%m/%d/%Y",
        "%d.%m.%Y",
        "%d-%m-%Y",
        "%m-%d-%Y",
        "%Y/%m/%d",
        "%Y.%m.%d",
        "%d %b %Y",
        "%d-%b-%Y",
        "%d %B %Y",
        "%Y-%m-%d",  # without zeros before one digit
        "%d%b%Y",
        "%Y年%m月%d日",
    ),
    *("%b %d, %Y", "%B %d, %Y", "%A, %B %d, %Y", "%a %d %b %Y", "%d.%m.%y", "%d/%m/%y", "%m/%d/%y", "%d-%b-%y"),
    *("%y.%m.%d", "%y/%m/%d", "%y-%m-%d"),
)
_CLOCKS = ("%H:%M", "%H:%M:%S", "%H:%M:%S.%f", "%I:%M %p", "%I:%M:%S %p", "%I:%M:%S.%f %p", "%I:%M%p", "%I:%M:%S%p")
_HOURS = ("", *(before + clock for before in (" ", ", ") for clock in _CLOCKS), " %H:%M Uhr", ", %H:%M Uhr")
_MONTHS = ("%Y-%m", "%m/%Y", "%Y/%m", "%b-%Y", "%b %Y", "%Y %b", "%B %Y", "%b-%y", tabular.QUARTER)
_MOMENTS = (  # of mails, BigQuery, SQL Server, C, and a web server's log
    *(
        "%a, %d %b %Y %H:%M:%S GMT",
        "%a, %d %b %Y %H:%M:%S %z",
        "%Y-%m-%d %H:%M:%S UTC",
        "%b %d %Y %I:%M%p",
        "%a %b %d %H:%M:%S %Y",
    ),
    *("%d/%b/%Y:%H:%M:%S %z", "[%d/%b/%Y:%H:%M:%S %z]", "%d%b%Y:%H:%M:%S", "%d-%b-%y %I.%M.%S.%f %p"),
)
FORMATS = (*(day + hour for day in _DAYS for hour in _HOURS), *_MONTHS, *_MOMENTS)
_APART = 10
_TRIED = 50  # different values that a layout is tried on before all are
_PIECE = 1 << 13  # rows that are looked at together
_MANY = 20  # different values beyond which a column is no pair of words


@dataclass
class Words:
    """What words of a file of text stand for: 1, 0, and a missing number."""

    ones: set[str] = field(default_factory=set)
    zeros: set[str] = field(default_factory=set)
    missing: set[str] = field(default_factory=set)


def tidy(table: Rows, reading: Reading) -> tuple[dict[str, str], Words]:
    """Make plain numbers of truth values, decimals, NaN and infinity; what was changed, by column, and the words."""
    notes: dict[str, str] = {}
    words = Words()
    for name in table.column_names:
        column, note = _tidied(known(table[name]), words, reading)
        if note:
            notes[name] = note
        table.put(name, column)
    return notes, words


def _tidied(column: Column, words: Words, reading: Reading) -> tuple[Column, str]:
    kind = column.type
    if pa.types.is_boolean(kind):
        words.ones |= {"true", "True", "TRUE"}
        words.zeros |= {"false", "False", "FALSE"}
        return column.cast(pa.int8()), "true and false became 1 and 0"
    if pa.types.is_floating(kind):
        return pc.if_else(pc.is_finite(column), column, None), ""
    if is_text(kind) and (binary := from_words(column)) is not None:
        found = {word.strip() for word in few(column)}
        ones, zeros, missing = ({word for word in found if _means(word) is meaning} for meaning in (True, False, None))
        words.ones, words.zeros, words.missing = words.ones | ones, words.zeros | zeros, words.missing | missing
        lost = f"; {_and(missing)} became missing values" if missing else ""
        return binary, f"{_and(zeros | ones)} became 0 and 1{lost}"
    if is_text(kind) and (numbers := without_words(column, reading)) is not None:
        meant = sorted(_not_numbers(column, reading))
        words.missing |= set(meant)
        return numbers, f"{_and(meant)} became missing values" if meant else "text that became numbers"
    return column, ""


def few(column: Column, most: int = _MANY) -> list[Any]:
    """The different values that are not null, in their order; of many, about the first ones."""
    found: dict[Any, None] = {}
    for chunk in column.chunks:
        for start in range(0, len(chunk), _PIECE):
            found |= dict.fromkeys(chunk.slice(start, _PIECE).unique().drop_null().slice(0, most + 1).to_pylist())
            if len(found) > most:
                return list(found)
    return list(found)


def without_words(column: Column, reading: Reading) -> Column | None:
    """Numbers, where all else are words that stand for a missing one; None of other text, and of digits alone, as of codes."""
    meant = _not_numbers(column, reading)
    if not meant <= set(MISSING):
        return None
    told = pc.if_else(pc.is_in(pc.utf8_trim_whitespace(column), pa.array(sorted(meant), column.type)), None, column)
    if told.null_count == len(told):
        return None
    found = tabular.typed(tabular.trimmed(told), reading)
    return found if pa.types.is_floating(found.type) or (meant and is_number(found.type)) else None


def names(column: Column, words: Words) -> Column | None:
    """Plain text and codes as the text of a category, null for the file's words for what is missing; None of other values."""
    if not is_text(column.type) and not is_number(column.type):
        return None
    there = values.without_nan(column)
    texts = values.as_text(there)
    if texts.null_count > there.null_count:  # a float that is no whole number
        return None
    return pc.if_else(pc.is_in(texts, pa.array(sorted(words.missing), pa.string())), None, texts)


def _not_numbers(column: Column, reading: Reading) -> set[str]:
    """The different texts that are no numbers; of many, the first ones."""
    found: set[str] = set()
    for chunk in column.chunks:
        others = _no_numbers(pc.utf8_trim_whitespace(chunk), reading).unique()
        others = others.filter(pc.is_in(tabular.signed(others), _no_numbers(tabular.signed(others), reading)))
        found |= {word for word in others.slice(0, len(MISSING) + 1).to_pylist() if word is not None}
        if not found <= set(MISSING):
            break
    return found


def _no_numbers(texts: pa.Array, reading: Reading) -> pa.Array:
    numbers = pc.match_substring_regex(tabular.plain_numbers(texts, reading), r"^[+-]?\d+(\.\d+)?([eE][+-]?\d+)?$")
    return texts.filter(pc.invert(numbers))


def from_words(column: Column) -> Column | None:
    """0 and 1 for a column of yes and no, true and false and the like, in one way or several, and of words for what is missing;
    None for any other."""
    found = few(column)
    plain = {word.strip().lower() for word in found} - {word.lower() for word in MISSING}
    if not plain <= _TRUE | _FALSE | {"0", "1"} or not plain & (_TRUE | _FALSE):
        return None
    true, false = ([word for word in found if _means(word) is meaning] for meaning in (True, False))
    if not true or not false:
        return None
    is_true, is_false = (pc.is_in(column, pa.array(words, column.type)) for words in (true, false))
    return pc.if_else(is_true, 1, pc.if_else(is_false, 0, None)).cast(pa.int8())


def _means(word: str) -> bool | None:
    plain = word.strip().lower()
    return True if plain in _TRUE or plain == "1" else False if plain in _FALSE or plain == "0" else None


def _and(words: Iterable[str]) -> str:
    return " and ".join(sorted(words))


def as_time(column: Column, layout: str | None = None) -> Column | None:
    """The column as dates or times; None where it holds none, or where day and month cannot be told apart.

    ISO text stays as it is. Other text, and digits, become a timestamp, by `layout` or by the one usual layout that fits.

    Raises:
        ContractError: `layout` was given, and a value is not written so.
    """
    if pa.types.is_date(column.type) or pa.types.is_timestamp(column.type):
        return column
    if is_number(column.type) and layout is not None:
        return _counted(column, layout) if _counts(layout) else as_time(column.cast(pa.string()), layout)
    if not is_text(column.type):
        return None
    if layout is None and is_iso(column):
        return column
    layout = layout or usual_layout(column)
    return None if layout is None else _seconds(read_by(column, layout))


def _counts(layout: str) -> bool:
    return layout == "excel" or layout.startswith("epoch ")


def _counted(column: Column, layout: str) -> Column:
    try:
        return tabular.counted(column, layout)
    except (pa.ArrowInvalid, ValueError) as error:
        raise ContractError(
            f"--time-format: found '{layout}', expected epoch s, epoch ms, epoch us, epoch ns or excel"
        ) from error


def layouts(column: Column) -> list[str]:
    """The usual layouts that all of its values are written in, but for ISO.

    Digits are a year (2013), a month (201301), a day (20130131), a moment (20130131235959), days as Excel counts them, or are
    counted from 1970 on, by their number of digits.
    """
    digits = of_digits(column)
    if digits is not None and (found := _layout_of_digits(digits)):
        return [found]
    if not is_text(column.type) or not few(column, 1) or is_iso(column):
        return []
    first = few(column, _TRIED)
    fitting = [layout for layout in FORMATS if _is_written_so(first, layout) and _fits(column, layout)]
    return _narrow(column, fitting) if len(fitting) > 1 else fitting


def of_digits(column: Column) -> Column | None:
    """Numbers, also of text that is of digits alone; None of anything else."""
    try:
        return column.cast(pa.int64()) if is_text(column.type) else column if is_number(column.type) else None
    except pa.ArrowInvalid:
        return None


def _narrow(column: Column, fitting: Sequence[str]) -> list[str]:
    """Without layouts by which the rows lie many times as far apart: there the day of the month was taken for the year."""
    ends = {layout: pc.min_max(read_by(column, layout)) for layout in fitting}
    apart = {layout: found["max"].as_py() - found["min"].as_py() for layout, found in ends.items()}
    return [layout for layout in fitting if apart[layout] <= _APART * min(apart.values())]


def usual_layout(column: Column) -> str | None:
    """The one usual layout that all of its values are written in; None where none is, or several are."""
    fitting = layouts(column)
    return fitting[0] if len(fitting) == 1 else None


def _layout_of_digits(column: Column) -> str | None:
    there = column.drop_null()
    if not len(there):
        return None
    low, high = pc.min(there).as_py(), pc.max(there).as_py()
    for layout, least, most in (
        ("%Y", 1900, 2100),
        ("excel", 20_000, 80_000),  # 1954 to 2119
        ("%Y%m", 190001, 210012),
        ("%Y%m%d", 19000101, 21001231),
        ("epoch s", 10**8, 10**10),
        ("epoch ms", 10**11, 10**13),
        ("%Y%m%d%H%M%S", 19000101000000, 21001231235959),
        ("epoch us", 10**14, 10**16),
        ("epoch ns", 10**17, 9 * 10**18),
    ):
        if least <= low and high <= most:
            counts = layout in ("epoch s", "excel") or (_counts(layout) and pa.types.is_integer(column.type))
            return layout if counts or _fits(column, layout) else None
    return None


def _fits(column: Column, layout: str) -> bool:
    if pa.types.is_floating(column.type):
        return False
    try:
        read_by(column.cast(pa.string()), layout)
    except ContractError:
        return False
    return True


def read_by(column: Column, layout: str) -> Column:
    """Text as the moments that it stands for.

    Raises:
        ContractError: a value is not written so.
    """
    texts = pc.utf8_trim_whitespace(column)
    try:
        return pa.chunked_array([tabular.moments(chunk, layout) for chunk in texts.chunks])
    except ValueError as error:
        wrong = next(text for text in _different(texts) if not _is_written_so([text], layout))
        raise ContractError(f"--time-format: found '{wrong}', expected text like {layout}") from error


def _seconds(moments: Column) -> Column:
    """Whole seconds where all are."""
    try:
        return moments.cast(pa.timestamp("s", moments.type.tz))
    except pa.ArrowInvalid:
        return moments


def _different(texts: Column) -> Iterator[str]:
    """Piece by piece; what stands in several pieces comes again."""
    for chunk in texts.chunks:
        for start in range(0, len(chunk), _PIECE):
            yield from chunk.slice(start, _PIECE).unique().drop_null().to_pylist()


def _is_written_so(texts: list[str], layout: str) -> bool:
    try:
        tabular.moments(pa.array(texts), layout)
    except ValueError:
        return False
    return True


def _is_one(text: str, layout: str) -> bool:
    return _is_written_so([text], layout)


def is_iso(column: Column) -> bool:
    """Whether all values of a column of text are days or moments in ISO's way, all with a zone or all without."""
    return any(all(map(way, _different(column))) for way in _ISO.values()) and bool(few(column, 1))


def no_time(column: Column) -> tuple[int, str, str] | None:
    """What keeps a column of text from being one of times: the first such row, from 0, what it holds, and what most others do;
    None where these are no times."""
    if not is_text(column.type):
        return None
    first = few(column, _TRIED)
    ways: list[tuple[str, Callable[[str], bool]]] = [
        *_ISO.items(),
        *(("dates", partial(_is_one, layout=layout)) for layout in ("%Y%m%d", *FORMATS)),
    ]
    told, best = max(ways, key=lambda way: sum(map(way[1], first)))
    if 2 * sum(map(best, first)) < len(first):
        return None
    wrong = next((text for text in _different(column) if not best(text)), None)
    return None if wrong is None else (pc.index(column, wrong).as_py(), wrong, told)


def _is_iso(word: str, *, zoned: bool) -> bool:
    try:
        found = datetime.fromisoformat(word)
    except ValueError:
        return False
    return bool(found.tzinfo) == zoned and not word.isdecimal()  # 20130101 may as well be a number


_ISO = {"dates": partial(_is_iso, zoned=False), "dates with a zone": partial(_is_iso, zoned=True)}
