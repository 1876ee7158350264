"""Rows cut by the calendar: nothing lost, nothing twice, names that sort as time does."""

from datetime import UTC, date, datetime
from itertools import pairwise

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shotclock.config.extension import month
from shotclock.errors import ContractError
from shotclock.rows.periods import cut


def half(year, month):
    return f"{year:04d}, {'second' if month > 6 else 'first'} half"


PERIODS = (half, month)


@pytest.fixture(scope="module")
def shots(prod_path) -> pa.Table:
    return pq.read_table(prod_path)


def parts(times, by):
    """The names of the parts, each with the numbers of its rows."""
    table = pa.table({"when": times, "row": range(len(times))})
    return {name: part["row"].to_pylist() for name, part in cut(table, "when", by).items()}


dates = st.lists(st.dates(date(1, 1, 1), date(9998, 12, 31)))


@given(dates, st.sampled_from(PERIODS))
def test_every_row_stands_in_exactly_one_part_in_the_order_that_it_had(days, by):
    found = parts(pa.array(days, pa.date32()), by)
    assert sorted(row for rows in found.values() for row in rows) == list(range(len(days)))
    assert all(rows == sorted(rows) for rows in found.values())


@given(dates, st.sampled_from(PERIODS))
def test_the_order_of_the_names_is_the_order_of_time(days, by):
    found = parts(pa.array(days, pa.date32()), by)
    assert list(found) == sorted(found)
    spans = [(min(days[row] for row in rows), max(days[row] for row in rows)) for rows in found.values()]
    assert all(before[1] < after[0] for before, after in pairwise(spans))


@given(dates, st.sampled_from(PERIODS))
def test_text_dates_and_timestamps_are_cut_alike(days, by):
    expected = parts(pa.array(days, pa.date32()), by)
    assert parts(pa.array([str(day) for day in days], pa.string()), by) == expected
    moments = [datetime(day.year, day.month, day.day, 23, 59) for day in days]
    assert parts(pa.array(moments, pa.timestamp("us")), by) == expected
    assert parts(pa.array([moment.isoformat() for moment in moments], pa.large_string()), by) == expected


def test_the_production_shots_are_140_months(shots):
    found = cut(shots, "game_date", month)
    assert len(found) == 140
    assert (min(found), max(found)) == ("1996-11", "2016-04")
    assert {day[:7] for day in found["2008-12"]["game_date"].to_pylist()} == {"2008-12"}


def test_all_columns_and_what_the_file_says_of_itself_are_kept(shots):
    marked = shots.replace_schema_metadata({b"mark": b"kept"})
    for part in cut(marked, "game_date", half).values():
        assert part.schema.equals(marked.schema, check_metadata=True)


def test_a_time_with_a_zone_belongs_to_the_day_in_that_zone():
    late = pa.array([datetime(2016, 6, 30, 23, tzinfo=UTC)], pa.timestamp("us", "Asia/Tokyo"))
    assert parts(late, month) == {"2016-07": [0]}


def test_a_missing_time_is_refused_with_its_count():
    with pytest.raises(ContractError, match="column 'when': 1 of 2 rows have no time"):
        parts(["2016-06-30", None], month)


def test_text_that_is_no_date_is_refused_with_what_it_says():
    with pytest.raises(ContractError, match="column 'when': found 'April', expected an ISO date"):
        parts(["2016-06-30", "April"], month)
