"""Rows cut by the calendar of their time column: one table for each period. Tables in, tables out."""

from datetime import datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from shotclock.config.extension import Period
from shotclock.errors import ContractError

Months = NDArray[np.int64]
"""Calendar months counted from year 0: `12 * year + month - 1`."""


def cut(rows: pa.Table, time: str, period: Period) -> dict[str, pa.Table]:
    """Cut rows by the period that the month of each is part of: all columns, and the order that they had.

    The calendar is that of the value as it is written: of a time with a zone, the day in that zone.

    Args:
        time: a column of dates, timestamps, or ISO text.

    Returns:
        The parts by name, in the order of time, which is also that of the names.

    Raises:
        ContractError: a time is missing, or is text but not an ISO date.
    """
    months, part = np.unique(_months(rows[time], time), return_inverse=True)
    names = np.array([period(month // 12, month % 12 + 1) for month in months.tolist()])
    return {name: rows.filter(pa.array((names == name)[part])) for name in dict.fromkeys(names.tolist())}


def _months(times: pa.ChunkedArray, name: str) -> Months:
    if times.null_count:
        raise ContractError(
            f"column '{name}': {times.null_count:,} of {len(times):,} rows have no time, expected one in every row: "
            "without it a row belongs to no period; fill it in or leave these rows out"
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
