"""When something was, and how long ago, as people read it."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from shotclock.words.moments import age, moment, when

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def test_a_moment_is_told_to_the_minute_in_utc_wherever_it_was_written_down():
    there = datetime(2026, 3, 1, 1, 30, 59, tzinfo=timezone(timedelta(hours=2)))
    assert (moment(there), when(there)) == ("2026-02-28 23:30", "2026-02-28 23:30 UTC")


@pytest.mark.parametrize(
    ("passed", "told"),
    [
        (timedelta(seconds=20), "less than a minute"),
        (timedelta(seconds=-5), "less than a minute"),
        (timedelta(minutes=1), "1 minute"),
        (timedelta(hours=5, minutes=59), "5 hours"),
        (timedelta(days=31), "31 days"),
    ],
)
def test_an_age_is_told_in_its_largest_whole_unit(passed, told):
    assert age(NOW - passed, NOW) == told
