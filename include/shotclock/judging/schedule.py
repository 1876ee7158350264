"""The points of a schedule: one is answered by any decision that came after it, however long before the next one."""

from datetime import datetime, timedelta

from croniter import croniter


def answered_point(schedule: str, decided: datetime, now: datetime) -> datetime | None:
    """The newest point of a cron expression up to `now`, where a decision has come since; None while it waits for one.

    Ages would not do: a run takes some minutes, so that the next point always comes a little less than a period after the
    decision that the last one has led to, and every second point would be missed.
    """
    point: datetime = croniter(schedule, now + timedelta(seconds=1)).get_prev(datetime)
    return point if decided >= point else None
