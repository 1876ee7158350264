"""Rows cut by the calendar of their time column, or into equal parts: one table for each. Tables in, tables out."""

from collections.abc import Callable
from datetime import date, datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from shotclock.config.extension import Period
from shotclock.errors import ContractError

Days = NDArray[np.int64]
"""Days counted as `date.toordinal` does."""
OfDay = Callable[[date], str]
"""What the stretch of time is called that a day is part of. Names sort as time does."""

_FIRST = date(1970, 1, 1).toordinal()


def week(day: date) -> str:
    """The ISO week: `2025-W09`."""
    year, number, _ = day.isocalendar()
    return f"{year:04d}-W{number:02d}"


CALENDAR: dict[str, OfDay] = {
    "day": date.isoformat,
    "week": week,
    "month": lambda day: f"{day.year:04d}-{day.month:02d}",
    "quarter": lambda day: f"{day.year:04d}-Q{(day.month + 2) // 3}",
    "year": lambda day: f"{day.year:04d}",
}
"""Ways to cut that every project has."""


def by_month(period: Period) -> OfDay:
    """A project's own period, which goes by year and month."""
    return lambda day: period(day.year, day.month)


def cut(rows: pa.Table, time: str, of_day: OfDay) -> dict[str, pa.Table]:
    """Cut rows by the period that the day of each is part of: all columns, and the order that they had.

    The calendar is that of the value as it is written: of a time with a zone, the day in that zone.

    Args:
        time: a column of dates, timestamps, or ISO text.

    Returns:
        The parts by name, in the order of time, which is also that of the names.

    Raises:
        ContractError: a time is missing, or is text but not an ISO date.
    """
    days, part = np.unique(_days(rows[time], time), return_inverse=True)
    names = np.array([of_day(date.fromordinal(day)) for day in days.tolist()])
    return {name: rows.filter(pa.array((names == name)[part])) for name in dict.fromkeys(names.tolist())}


def in_parts(times: pa.ChunkedArray, size: int) -> NDArray[np.int64]:
    """The number of the part, from 0, that each row belongs to: `size` rows each, in the order of time."""
    part: NDArray[np.int64] = np.empty(len(times), dtype=np.int64)
    part[pc.sort_indices(times).to_numpy()] = np.arange(len(times)) // size
    return part


def _days(times: pa.ChunkedArray, name: str) -> Days:
    if times.null_count:
        raise ContractError(
            f"column '{name}': {times.null_count:,} of {len(times):,} rows have no time, expected one in every row: "
            "without it a row belongs to no period; fill it in or leave these rows out"
        )
    if pa.types.is_temporal(times.type):
        zoned = pa.types.is_timestamp(times.type) and times.type.tz
        days = (pc.local_timestamp(times) if zoned else times).cast(pa.date32(), safe=False)
        return np.asarray(days.cast(pa.int32()).to_numpy(), dtype=np.int64) + _FIRST
    encoded = pa.chunked_array([times.combine_chunks()]).dictionary_encode().combine_chunks()
    known = np.array([_day_of(text, name) for text in encoded.dictionary.to_pylist()], dtype=np.int64)
    return np.asarray(known[encoded.indices.to_numpy()], dtype=np.int64)


def _day_of(text: object, name: str) -> int:
    try:
        return datetime.fromisoformat(str(text)).toordinal()
    except ValueError as error:
        raise ContractError(
            f"column '{name}': found {text!r}, expected an ISO date such as 2016-04-13; correct the file"
        ) from error
