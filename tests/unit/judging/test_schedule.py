"""Points of a schedule are points: each is answered once, whatever time its run takes."""

from datetime import UTC, datetime, timedelta

import pytest
from croniter import croniter

from shotclock.judging.schedule import answered_point

JUNE = datetime(2026, 6, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("cron", "points"),
    [("0 0 1 * *", 24), ("0 6 * * *", 48), ("0 0 1 */3 *", 12), ("*/30 * * * *", 50), ("0 0 29 2 *", 3)],
)
@pytest.mark.parametrize("takes", [timedelta(seconds=1), timedelta(minutes=20)])
def test_every_point_of_a_schedule_is_waited_for_by_its_own_run(cron, points, takes):
    times, decided, ran = (
        croniter(cron, datetime(2026, 1, 1, tzinfo=UTC)),
        datetime(2025, 12, 31, 23, 59, tzinfo=UTC),
        0,
    )
    for _ in range(points):
        starts = times.get_next(datetime) + timedelta(seconds=2)
        if answered_point(cron, decided, starts) is None:
            ran, decided = ran + 1, starts + takes
    assert ran == points


@pytest.mark.parametrize("after", [timedelta(0), timedelta(seconds=1), timedelta(days=3)])
def test_a_decision_since_the_point_answers_it_and_the_point_is_named(after):
    assert answered_point("0 0 1 * *", JUNE + after, JUNE + timedelta(days=4)) == JUNE


@pytest.mark.parametrize("before", [timedelta(seconds=1), timedelta(hours=2), timedelta(days=29)])
def test_a_decision_before_the_point_does_not_answer_it_however_short_the_time_between(before):
    assert answered_point("0 0 1 * *", JUNE - before, JUNE) is None


def test_the_first_run_of_a_fresh_start_is_about_the_point_before_it_and_finds_it_answered():
    first_training = datetime(2026, 6, 17, 12, tzinfo=UTC)
    assert answered_point("0 0 1 * *", first_training, first_training + timedelta(minutes=1)) == JUNE
