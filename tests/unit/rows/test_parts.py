"""The parts of a row's time: the same from every way in which a moment may be written."""

from datetime import UTC, date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shotclock.config import TIME_PARTS, Columns, Feature
from shotclock.errors import ContractError
from shotclock.rows import contract, parts, types

HOUR = Feature.model_validate({"of_time": "hour"})
COLUMNS = Columns.model_validate(
    {
        "id": "id",
        "time": "at",
        "target": "won",
        "features": {
            "at_month": {"of_time": "month"},
            "size": {"type": "number"},
            "at_weekday": {"of_time": "weekday", "type": "integer"},
            "at_hour": {"of_time": "hour"},
        },
    }
)
LISBON, NEW_YORK = "Europe/Lisbon", "America/New_York"
WEDNESDAY = datetime(2016, 4, 13, 20, 15)
TOLD = ("4", 2, "20")  # of it: month, weekday, hour
MIDNIGHT = ("4", 2, "0")


def rows(times, kind=None):
    many = len(times)
    return pa.table(
        {
            "id": range(many),
            "at": pa.array(times, kind),
            "size": [0.5] * many,
            "won": [number % 2 for number in range(many)],
        }
    )


def examined(times, kind=None):
    found = contract.examine(rows(times, kind), COLUMNS)
    told = found.good.select(["at_month", "at_weekday", "at_hour"]).to_pylist()
    return [tuple(row.values()) for row in told], found.reasons


@pytest.mark.parametrize(
    ("written", "kind", "told"),
    [
        (WEDNESDAY, pa.timestamp("s"), TOLD),
        (WEDNESDAY, pa.timestamp("ms"), TOLD),
        (WEDNESDAY, pa.timestamp("us"), TOLD),
        (WEDNESDAY, pa.timestamp("ns"), TOLD),
        (WEDNESDAY, pa.timestamp("us", "UTC"), TOLD),
        (datetime(2016, 4, 13, 20, 15, tzinfo=UTC), pa.timestamp("us", NEW_YORK), TOLD),
        (datetime(2016, 4, 13, 20, 15, tzinfo=UTC), pa.timestamp("ns", LISBON), TOLD),
        (datetime(1969, 12, 31, 23, 59, 59), pa.timestamp("us"), ("12", 2, "23")),  # before 1970
        (WEDNESDAY.replace(hour=0, minute=0), pa.timestamp("us"), MIDNIGHT),
        ("2016-04-13T20:15", pa.string(), TOLD),
        ("2016-04-13 20:15:59", pa.string(), TOLD),
        ("2016-04-13T20:15:00.123456789", pa.string(), TOLD),
        ("2016-04-13T20:15Z", pa.string(), TOLD),
        ("2016-04-13T17:15-03:00", pa.string(), TOLD),
        ("2016-04-14T01:45+05:30", pa.string(), TOLD),
        ("20160413T201500", pa.string(), TOLD),
        ("2016-W15-3T20:15", pa.string(), TOLD),
        ("2016-04-13T20", pa.large_string(), TOLD),
        ("2016-04-13T20:15", pa.dictionary(pa.int32(), pa.string()), TOLD),
        ("2016-04-13T22:15+02:00", pa.dictionary(pa.int8(), pa.string()), TOLD),
    ],
)
def test_a_moment_has_one_month_weekday_and_hour_however_it_is_written(written, kind, told):
    plain = pa.array([written], kind.value_type if pa.types.is_dictionary(kind) else kind)
    found, reasons = examined(plain.cast(kind), kind)
    assert (found, reasons) == ([told], {})


@pytest.mark.parametrize("kind", [pa.date32(), pa.date64(), pa.timestamp("s"), pa.string()])
def test_month_and_weekday_need_no_time_of_day(kind):
    features = {name: rule for name, rule in COLUMNS.features.items() if rule.of_time != "hour"}
    columns = COLUMNS.model_copy(update={"features": features})
    days = rows(["2016-04-13", "2016-12-31"]).set_column(
        1, "at", pa.array([date(2016, 4, 13), date(2016, 12, 31)]).cast(kind)
    )
    contract.check_schema(days.schema, columns, "days", needs_target=True)
    good = contract.examine(days, columns).good
    assert (good["at_month"].to_pylist(), good["at_weekday"].to_pylist()) == (["4", "12"], [2, 5])


@pytest.mark.parametrize(
    ("time", "rule"),
    [
        (None, "at: null"),
        ("2016-04-13", "at: no time of day"),
        ("20160413", "at: no time of day"),
        ("2016-W15-3", "at: no time of day"),
        ("2016", "at: not an ISO date"),
        ("soon", "at: not an ISO date"),
        ("", "at: not an ISO date"),
    ],
)
def test_a_row_whose_time_tells_no_hour_is_set_aside_and_stops_no_other(time, rule):
    assert examined(["2016-04-13T20:15", time, "2016-04-13T20:15Z"], pa.string()) == ([TOLD, TOLD], {rule: 1})


def test_a_null_among_moments_is_set_aside():
    assert examined([WEDNESDAY, None], pa.timestamp("us")) == ([TOLD], {"at: null": 1})


@pytest.mark.parametrize("kind", [pa.date32(), pa.date64()])
def test_the_hour_of_a_date_is_refused_with_what_to_do(kind):
    schema = rows(["x"]).schema.set(1, pa.field("at", kind))
    with pytest.raises(
        ContractError, match=r"column 'at': found type date.*expected timestamp, or text such as .*'at_hour' is"
    ) as e:
        contract.check_schema(schema, COLUMNS, "days.parquet", needs_target=True)
    assert str(e.value).endswith("bring times that tell it, or take the feature out of the project file")


@pytest.mark.parametrize(
    ("times", "said"),
    [
        (
            pd.to_datetime(["2016-01-01", "2017-02-02"]),
            "the hour is 0 in all 2 rows, expected several, as feature 'at_hour'",
        ),
        (pd.to_datetime(["2016-01-01 05:00", "2017-01-01 06:00"]), "the month is 1 in all 2 rows"),  # years
        (pd.to_datetime(["2016-01-01 05:00", "2016-02-05 06:00"]), "the weekday is 4 in all 2 rows"),
    ],
)
def test_times_too_coarse_to_tell_a_part_are_refused_for_training(times, said):
    good = contract.examine(rows(times), COLUMNS).good
    with pytest.raises(ContractError, match=said):
        contract.refuse_untold(good, COLUMNS, "years.parquet")


def test_times_that_tell_every_part_may_be_learnt_from():
    good = contract.examine(rows(pd.date_range("2016-01-01", periods=400, freq="25h")), COLUMNS).good
    contract.refuse_untold(good, COLUMNS, "fine.parquet")
    assert set(good["at_month"].to_pylist()) == {str(month) for month in TIME_PARTS["month"]}
    assert set(good["at_weekday"].to_pylist()) == set(TIME_PARTS["weekday"])
    assert set(good["at_hour"].to_pylist()) == {str(hour) for hour in TIME_PARTS["hour"]}


def test_rows_hold_the_parts_in_the_projects_order_and_with_its_types():
    table = rows([WEDNESDAY])
    for given_rows in (table, table.to_batches()[0]):
        good = contract.examine(given_rows, COLUMNS).good
        assert good.schema.names == COLUMNS.all
        assert types.cast(good, types.of(COLUMNS, table.schema), "rows").schema == types.of(COLUMNS, table.schema)
        assert parts.added(good, COLUMNS) == good  # what holds them already


def test_what_the_file_says_in_a_column_of_that_name_does_not_count():
    lying = rows([WEDNESDAY]).append_column("at_hour", pa.array(["3"]))
    assert contract.examine(lying, COLUMNS).good["at_hour"].to_pylist() == ["20"]


@given(st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1)), st.integers(-14 * 60, 14 * 60))
def test_text_with_any_zone_and_the_moment_itself_agree(moment, minutes):
    zoned = moment.replace(tzinfo=UTC).astimezone(timezone(timedelta(minutes=minutes)))
    by_text = parts.part(pa.array([zoned.isoformat()]), HOUR)
    by_moment = parts.part(pa.array([moment.replace(tzinfo=UTC)], pa.timestamp("us", "UTC")), HOUR)
    assert by_text.to_pylist() == by_moment.to_pylist() == [str(moment.hour)]


BERLIN = Feature.model_validate({"of_time": "hour", "zone": "Europe/Berlin"})
SHIFTS = Feature.model_validate({"of_time": "weekday", "zone": "Pacific/Auckland"})


@pytest.mark.parametrize(
    ("times", "kind", "hours"),
    [
        (["2024-01-15T09:00:00Z", "2024-07-15T09:00:00Z"], None, ["10", "11"]),  # clocks are put forward in summer
        (["2024-01-15T04:00:00-05:00", None], None, ["10", None]),
        (["2024-01-15T09:00:00+00:00", "2024-01-15T09:00:00"], None, ["10", "9"]),  # who says no zone means the clock
        ([WEDNESDAY.replace(tzinfo=UTC)], pa.timestamp("ns", "UTC"), ["22"]),
        ([WEDNESDAY.replace(tzinfo=UTC)], pa.timestamp("s", "America/New_York"), ["22"]),
        ([WEDNESDAY], pa.timestamp("ms"), ["20"]),
        (["2016-04-13T20:15:00"], None, ["20"]),
    ],
)
def test_in_a_zone_a_moment_has_the_hour_of_the_clocks_there(times, kind, hours):
    for column in (pa.array(times, kind), pa.chunked_array([pa.array(times, kind)])):
        assert parts.part(column, BERLIN).to_pylist() == hours


def test_a_weekday_is_that_of_the_place():
    assert parts.part(pa.array(["2024-01-14T12:00:00Z", "2024-01-14T10:00:00Z"]), SHIFTS).to_pylist() == ["0", "6"]


@given(
    st.datetimes(datetime(1970, 1, 2), datetime(2037, 1, 1)), st.sampled_from([LISBON, NEW_YORK, "Asia/Kolkata", "UTC"])
)
def test_text_and_the_moment_itself_agree_in_every_zone(moment, zone):
    there = Feature.model_validate({"of_time": "hour", "zone": zone})
    aware = moment.replace(tzinfo=UTC)
    by_text = parts.part(pa.array([aware.isoformat()]), there)
    by_moment = parts.part(pa.array([aware], pa.timestamp("us", "UTC")), there)
    assert by_text.to_pylist() == by_moment.to_pylist() == [str(aware.astimezone(ZoneInfo(zone)).hour)]


@pytest.mark.parametrize(
    ("times", "kind", "zone"),
    [
        ([WEDNESDAY], pa.timestamp("s"), None),
        ([WEDNESDAY], pa.timestamp("s", LISBON), LISBON),
        ([WEDNESDAY], pa.timestamp("s", "UTC"), "UTC"),
        ([date(2016, 4, 13)], None, None),
        ([None, "2016-04-13T20:15:00"], None, None),
        ([None, "2016-04-13T20:15:00+02:00"], None, "UTC+02:00"),
        (["2016-04-13T20:15:00Z"], None, "UTC"),
        ([None], pa.string(), None),
    ],
)
def test_the_zone_of_times_is_that_which_they_are_kept_with(times, kind, zone):
    assert parts.zone_of(pa.array(times, kind)) == zone
