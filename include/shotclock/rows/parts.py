"""What a row's time tells besides its place in the order: month, weekday and hour, as features of the project.

They are made in one way wherever a row comes from, a file or a request. A time with a zone is read in UTC: what zone a system
writes may change from one export to the next, and the model must not notice. One without is read as it is written.
"""

from datetime import UTC, datetime
from typing import TypeVar

import pyarrow as pa
import pyarrow.compute as pc

from shotclock.config import Columns, Feature

Column = TypeVar("Column", pa.ChunkedArray, pa.Array)
Rows = TypeVar("Rows", pa.Table, pa.RecordBatch)

_TELLS = {"month": pc.month, "weekday": pc.day_of_week, "hour": pc.hour}


def added(rows: Rows, columns: Columns) -> Rows:
    """The rows with the parts of their time that the project asks for, in the project's order. Every time must be one."""
    for name, feature in columns.of_time.items():
        known = rows.drop_columns([name]) if name in rows.schema.names else rows
        place = min(columns.all.index(name), known.num_columns)
        rows = known.add_column(place, name, part(rows[columns.time], feature))
    return rows


def part(times: Column, feature: Feature) -> Column:
    """A part of each time: dates, moments, or ISO text; null where the time is."""
    assert feature.of_time
    numbers = _TELLS[feature.of_time](moments(times))
    return numbers.cast(pa.string() if feature.is_text else pa.int64())


def moments(times: Column) -> Column:
    """Times as moments without a zone.

    Raises:
        ValueError: a text is no ISO 8601 time.
    """
    if pa.types.is_dictionary(times.type):
        times = times.cast(times.type.value_type)
    if pa.types.is_timestamp(times.type):
        return times.cast(pa.timestamp(times.type.unit)) if times.type.tz else times  # Arrow keeps zoned times in UTC
    if not pa.types.is_string(times.type) and not pa.types.is_large_string(times.type):
        return times.cast(pa.timestamp("s"))
    try:
        return times.cast(pa.timestamp("us"))
    except pa.ArrowInvalid:  # with zones, or in one of ISO's rarer forms
        distinct = pc.unique(times)
        known = pa.array([text and _moment(text) for text in distinct.to_pylist()], pa.timestamp("us"))
        return known.take(pc.index_in(times, distinct))


def _moment(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    return found.astimezone(UTC).replace(tzinfo=None) if found.tzinfo else found
