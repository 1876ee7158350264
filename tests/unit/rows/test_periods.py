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
from shotclock.rows.periods import CALENDAR, by_month, cut, in_parts


def half(year, month):
    return f"{year:04d}, {'second' if month > 6 else 'first'} half"


PERIODS = (half, month)


@pytest.fixture(scope="module")
def shots(prod_path) -> pa.Table:
    return pq.read_table(prod_path)


def parts(times, by):
    """The names of the parts, each with the numbers of its rows."""
    table = pa.table({"when": times, "row": range(len(times))})
    return {name: part["row"].to_pylist() for name, part in cut(table, "when", by_month(by)).items()}


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
    found = cut(shots, "game_date", CALENDAR["month"])
    assert len(found) == 140
    assert (min(found), max(found)) == ("1996-11", "2016-04")
    assert {day[:7] for day in found["2008-12"]["game_date"].to_pylist()} == {"2008-12"}


def test_all_columns_and_what_the_file_says_of_itself_are_kept(shots):
    marked = shots.replace_schema_metadata({b"mark": b"kept"})
    for part in cut(marked, "game_date", by_month(half)).values():
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


@pytest.mark.parametrize(
    ("by", "names"),
    [
        ("day", ["2024-12-30", "2024-12-31", "2025-01-01", "2025-04-01"]),
        ("week", ["2025-W01", "2025-W14"]),
        ("month", ["2024-12", "2025-01", "2025-04"]),
        ("quarter", ["2024-Q4", "2025-Q1", "2025-Q2"]),
        ("year", ["2024", "2025"]),
    ],
)
def test_every_project_can_be_cut_by_the_calendar(by, names):
    table = pa.table({"when": ["2025-04-01", "2024-12-30", "2024-12-31T23:59", "2025-01-01"]})
    assert list(cut(table, "when", CALENDAR[by])) == names


@given(dates, st.sampled_from(sorted(CALENDAR)))
def test_calendar_names_sort_as_time_does_and_hold_every_row_once(days, by):
    found = cut(pa.table({"when": pa.array(days, pa.date32())}), "when", CALENDAR[by])
    assert list(found) == sorted(found)
    assert sum(part.num_rows for part in found.values()) == len(days)


def test_equal_parts_go_by_time_and_not_by_the_order_of_the_file():
    times = pa.chunked_array([["2025-01-03", "2025-01-01"], ["2025-01-02", "2025-01-05", "2025-01-04"]])
    assert in_parts(times, 2).tolist() == [1, 0, 0, 2, 1]
