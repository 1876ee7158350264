"""The types that a project's columns have from the moment a file is taken in, and how others become these without a loss.

Features have the type that the project file says. Id and time are as the training rows have them: whole numbers or text,
moments or ISO text. So nothing later on ever meets two types of one column.
"""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import cast as as_type

import pyarrow as pa
import pyarrow.compute as pc

from shotclock.config import Columns
from shotclock.errors import ContractError
from shotclock.kinds import composed, inner, is_text
from shotclock.rows.contract import Column, Rows

FEATURES = {"number": pa.float64(), "integer": pa.int64(), "boolean": pa.int8(), "category": pa.string()}
TARGET = pa.int64()
_KNOWN_AS = {"id": "the project's ids", "time": "the project's times"}


def of(columns: Columns, known: pa.Schema) -> pa.Schema:
    """The project's types: id, time, features and target, in this order.

    Args:
        known: the columns of the rows that the project learns from, of which id and time decide.
    """
    fields = [(columns.id, _id(known.field(columns.id).type)), (columns.time, _time(known.field(columns.time).type))]
    features = [(name, FEATURES[rule.type]) for name, rule in columns.features.items()]
    return pa.schema([*fields, *features, (columns.target, TARGET)])


def _id(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_integer(kind):
        return pa.uint64() if pa.types.is_uint64(kind) else pa.int64()
    return pa.string() if is_text(kind) else kind


def _time(kind: pa.DataType) -> pa.DataType:
    if is_text(kind):
        return pa.string()
    if not pa.types.is_timestamp(kind):
        return pa.date32()
    return pa.timestamp("ns" if kind.unit == "ns" else "us", tz="UTC" if kind.tz else None)


def refuse_others(found: pa.Schema, types: pa.Schema, source: str, where: Callable[[str], str] = lambda _: "") -> None:
    """Refuse a file whose ids or times are of another kind than the project's: they could never meet.

    Args:
        where: says of a column in which row the first such value stands; empty where that is not looked for.

    Raises:
        ContractError: it lists each such column with both types.
    """
    wanted = dict(zip(types.names, ("id", "time"), strict=False))
    problems = [
        f"column '{name}'{where(name)}: found type {inner(found.field(name).type)}, expected {types.field(name).type}, as "
        f"{_KNOWN_AS[role]} are that the model has learnt from; write both from the same column"
        for name, role in wanted.items()
        if name in found.names and not _same_kind(found.field(name).type, types.field(name).type)
    ]
    if problems:
        raise ContractError("\n".join(f"{source}: {problem}" for problem in problems))


def first_text(batches: Iterable[pa.RecordBatch]) -> str:
    """Where the first text stands that is no whole number, in a column of ids: `, row 601 ('Total')`; empty where none is."""
    row = 0
    for batch in batches:
        ids = batch.column(0)
        if not is_text(ids.type):
            return ""
        texts = ids.cast(pa.string())
        place = pc.index(pc.match_substring_regex(texts, r"^\s*[+-]?\d+\s*$"), False).as_py()
        if place >= 0:
            return f", row {row + place + 1:,} ('{texts[place]}')"
        row += batch.num_rows
    return ""


def _same_kind(found: pa.DataType, wanted: pa.DataType) -> bool:
    if pa.types.is_temporal(wanted):
        return is_text(found) or (pa.types.is_temporal(found) and _zoned(found) == _zoned(wanted))
    if is_text(wanted):
        return is_text(found) or pa.types.is_temporal(found)
    return bool(pa.types.is_integer(found))


def _zoned(kind: pa.DataType) -> bool:
    return bool(pa.types.is_timestamp(kind) and kind.tz)


def cast(rows: Rows, types: pa.Schema, source: str) -> Rows:
    """The rows with the project's types; columns that it does not name stay as they are.

    Args:
        types: the id comes first.

    Raises:
        ContractError: a value has no equal in the project's type; it names column, both types, value, and the row by its id.
    """
    given = rows
    for place, field in enumerate(given.schema):
        if field.name not in types.names:
            continue
        wanted, column = types.field(field.name), given.column(place)
        try:
            typed = column if field.type == wanted.type else _cast(column, wanted.type)
            typed = composed(typed) if is_text(wanted.type) and inner(wanted.type) == wanted.type else typed
            rows = rows if typed is column else rows.set_column(place, field.name, typed)
        except _LostError as lost:
            value, key = given.column(place)[lost.row], types.names[0]
            raise ContractError(
                f"{source}: column '{field.name}', row with {key} {given[key][lost.row]}: found {value} ({inner(field.type)}), "
                f"which is no {wanted.type}, the project's type of this column; correct the value, or write it so"
            ) from lost
    return rows


class _LostError(Exception):
    """The value in a row has no equal in the type that is wanted."""

    def __init__(self, row: int) -> None:
        super().__init__()
        self.row = row


def _cast(column: Column, kind: pa.DataType) -> Column:
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if pa.types.is_temporal(column.type) and is_text(kind):
        return iso(column)
    if is_text(column.type) and pa.types.is_temporal(kind):
        return _moments(column, kind)
    if pa.types.is_boolean(column.type):
        column = column.cast(pa.int8())
    found = _equal(column, kind)
    if found is None:
        raise _LostError(_first_lost(column, kind))
    return found


def _equal(column: Column, kind: pa.DataType) -> Column | None:
    """The same values in another type; None where there is one that it cannot hold."""
    if not pa.types.is_date(kind):  # Arrow takes a moment's day without a word
        try:
            return column.cast(kind)
        except pa.ArrowInvalid:
            if not pa.types.is_floating(kind):
                return None
    found = column.cast(kind, safe=False)  # of whole numbers above 2**53 Arrow refuses also those that are exact
    return found if found.cast(column.type, safe=False).equals(column) else None


def _first_lost(column: Column, kind: pa.DataType) -> int:
    low, high = 0, len(column)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if _equal(column[low:middle], kind) is None else (middle, high)
    return low


def iso(times: Column) -> Column:
    """Dates and moments as ISO text: a day alone where all of them are at midnight."""
    if not pa.types.is_timestamp(times.type):
        return times.cast(pa.string())
    zone = "%z" if times.type.tz else ""
    days = pc.all(pc.equal(times, pc.floor_temporal(times, unit="day"))).as_py() is not False and not zone
    return as_type(Column, pc.strftime(times, format="%Y-%m-%d" if days else f"%Y-%m-%dT%H:%M:%S{zone}"))


def _moments(texts: Column, kind: pa.DataType) -> Column:
    """ISO text as moments. Days repeat, so each distinct text is read once."""
    distinct = pc.unique(texts)
    known = pa.array([_moment(text, kind) for text in distinct.to_pylist()], kind)
    found = known.take(pc.index_in(texts, distinct))
    lost = pc.and_(pc.is_null(found), pc.is_valid(texts))
    if pc.any(lost).as_py():
        raise _LostError(pc.index(lost, True).as_py())
    return found


def _moment(text: str | None, kind: pa.DataType) -> datetime | None:
    try:
        found = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    if bool(found.tzinfo) != _zoned(kind) or (pa.types.is_date(kind) and found != datetime(*found.timetuple()[:3])):
        return None
    return found.astimezone(UTC) if found.tzinfo else found
