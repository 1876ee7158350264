"""Moments as people read them: when, and how long ago."""

from datetime import UTC, datetime


def moment(at: datetime) -> str:
    """To the minute, in UTC, where what stands around it says so."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M}"


def when(at: datetime) -> str:
    """To the minute, with its time zone."""
    return f"{moment(at)} UTC"


def age(since: datetime, now: datetime) -> str:
    """Whole days, hours or minutes that have passed, in the largest unit that there is one of."""
    seconds = max(0, int((now - since).total_seconds()))
    for name, unit in (("day", 86_400), ("hour", 3600), ("minute", 60)):
        if seconds >= unit:
            count = seconds // unit
            return f"{count} {name}{'s' if count > 1 else ''}"
    return "less than a minute"
