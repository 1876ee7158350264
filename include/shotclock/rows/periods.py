"""Rows cut by the calendar of their time column: one table for each season or month. Tables in, tables out."""

from collections.abc import Callable
from datetime import datetime
from typing import Literal, get_args

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from shotclock.errors import ContractError

Period = Literal["season", "month"]
PERIODS: tuple[Period, ...] = get_args(Period)
SEASON_BEGINS = 7  # July: a season is played from autumn to early summer

Months = NDArray[np.int64]
"""Calendar months counted from year 0: `12 * year + month - 1`."""


def cut(rows: pa.Table, time: str, by: Period) -> dict[str, pa.Table]:
    """Cut rows by season (July to June) or calendar month: all columns, and the order that they had.

    The calendar is that of the value as it is written: of a time with a zone, the day in that zone.

    Args:
        time: a column of dates, timestamps, or ISO text.

    Returns:
        The parts by name, in the order of time, which is also that of the names: `1996-97` or `1996-11`.

    Raises:
        ContractError: a time is missing, or is text but not an ISO date.
    """
    number_of, name_of = _CALENDARS[by]
    numbers = number_of(_months(rows[time], time))
    return {name_of(int(number)): rows.filter(pa.array(numbers == number)) for number in np.unique(numbers)}


def _season(months: Months) -> Months:
    return (months - (SEASON_BEGINS - 1)) // 12


def _season_name(year: int) -> str:
    return f"{year:04d}-{(year + 1) % 100:02d}"


def _month_name(month: int) -> str:
    return f"{month // 12:04d}-{month % 12 + 1:02d}"


_CALENDARS: dict[Period, tuple[Callable[[Months], Months], Callable[[int], str]]] = {
    "season": (_season, _season_name),
    "month": (lambda months: months, _month_name),
}


def _months(times: pa.ChunkedArray, name: str) -> Months:
    if times.null_count:
        raise ContractError(
            f"column '{name}': {times.null_count:,} of {len(times):,} rows have no time, expected one in every row: "
            "without it a row belongs to no season or month; fill it in or leave these rows out"
        )
    if pa.types.is_temporal(times.type):
        return _whole(pc.year(times)) * 12 + _whole(pc.month(times)) - 1
    encoded = pa.chunked_array([times.combine_chunks()]).dictionary_encode().combine_chunks()
    known = np.array([_month_of(text, name) for text in encoded.dictionary.to_pylist()], dtype=np.int64)
    return np.asarray(known[encoded.indices.to_numpy()], dtype=np.int64)


def _whole(found: pa.ChunkedArray) -> Months:
    return np.asarray(found.to_numpy(), dtype=np.int64)


def _month_of(text: object, name: str) -> int:
    try:
        found = datetime.fromisoformat(str(text))
    except ValueError as error:
        raise ContractError(
            f"column '{name}': found {text!r}, expected an ISO date such as 2016-04-13; correct the file"
        ) from error
    return found.year * 12 + found.month - 1
