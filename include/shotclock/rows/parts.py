"""What a row's time tells besides its place in the order: month, weekday and hour, as features of the project.

They are made in one way wherever a row comes from, a file or a request. A time with a zone is read in UTC, or by the clocks of
the zone that the project names: what zone a system writes may change from one export to the next, and the model must not
notice. One without is read as it is written.
"""

from collections.abc import Container, Iterable
from datetime import datetime
from typing import TypeVar
from zoneinfo import ZoneInfo

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


def given(names: Iterable[str], of_time: Container[str], time: str) -> list[str]:
    """What a row has to bring for features of these names: in place of the parts of its time, the time."""
    named = list(names)
    kept = [name for name in named if name not in of_time]
    return kept if len(kept) == len(named) else [*kept, time]


def part(times: Column, feature: Feature) -> Column:
    """A part of each time: dates, moments, or ISO text; null where the time is."""
    assert feature.of_time
    numbers = _TELLS[feature.of_time](moments(times, feature.zone or "UTC"))
    return numbers.cast(pa.string() if feature.is_text else pa.int64())


def moments(times: Column, zone: str = "UTC") -> Column:
    """Times as moments without a zone: of those that have one, as clocks in `zone` showed them.

    Raises:
        ValueError: a text is no ISO 8601 time.
    """
    if pa.types.is_dictionary(times.type):
        times = times.cast(times.type.value_type)
    if pa.types.is_timestamp(times.type):
        return pc.local_timestamp(times.cast(pa.timestamp(times.type.unit, zone))) if times.type.tz else times
    if not pa.types.is_string(times.type) and not pa.types.is_large_string(times.type):
        return times.cast(pa.timestamp("s"))
    try:
        return times.cast(pa.timestamp("us"))
    except pa.ArrowInvalid:  # with zones, or in one of ISO's rarer forms
        distinct, clocks = pc.unique(times), ZoneInfo(zone)
        known = pa.array([text and _moment(text, clocks) for text in distinct.to_pylist()], pa.timestamp("us"))
        return known.take(pc.index_in(times, distinct))


def zone_of(times: Column) -> str | None:
    """The zone that times are in: `Europe/Berlin` where that is kept with them, else the difference to UTC of the first of
    them; None where they have none."""
    if pa.types.is_timestamp(times.type):
        return str(times.type.tz) if times.type.tz else None
    first = next((time.as_py() for time in times if time.is_valid), None) if pa.types.is_string(times.type) else None
    clocks = datetime.fromisoformat(first).tzinfo if first else None
    return str(clocks) if clocks else None


def _moment(text: str, clocks: ZoneInfo) -> datetime:
    found = datetime.fromisoformat(text)
    return found.astimezone(clocks).replace(tzinfo=None) if found.tzinfo else found
