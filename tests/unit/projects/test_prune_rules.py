"""Which runs may go: the rules alone."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from shotclock.projects.prune_rules import Going, Past, going

NOW = datetime(2026, 6, 30, 12, tzinfo=UTC)


def past(flow, days, *runs, folder=True):
    return Past((flow, f"{flow}-{days}"), NOW - timedelta(days=days), folder, runs)


def names(found):
    return [item.past.place[1] for item in found]


def choose(pasts, *, whole=(), records=(), older_than=30, keep=0):
    reasons = {one.place: "cited" for one in whole}
    limits = {"now": NOW, "older_than": timedelta(days=older_than), "keep": keep}
    return going(pasts, whole=reasons, records=frozenset(records), **limits)


MANY = [past("training", days) for days in (5, 40, 31, 29, 400)] + [past("monitoring", days) for days in (35, 60)]


def test_what_is_older_goes_oldest_first():
    assert names(choose(MANY)) == ["training-400", "monitoring-60", "training-40", "monitoring-35", "training-31"]


@pytest.mark.parametrize("keep", [1, 3, 4, 5])
def test_the_newest_of_each_flow_stay_however_old_they_are(keep):
    found = names(choose(MANY, older_than=0, keep=keep))
    assert sum(name.startswith("training") for name in found) == max(0, 5 - keep)
    assert sum(name.startswith("monitoring") for name in found) == max(0, 2 - keep)
    assert "training-5" not in found


def test_keeping_more_or_longer_never_removes_more():
    by_keep = [set(names(choose(MANY, keep=keep))) for keep in range(6)]
    by_age = [set(names(choose(MANY, older_than=days))) for days in (0, 10, 30, 50, 100, 500)]
    for sets in (by_keep, by_age):
        assert all(later <= earlier for earlier, later in pairwise(sets))
        assert sets[-1] == set()


def test_nothing_goes_that_may_still_be_running():
    assert choose([past("training", 0), past("training", 0.9)], older_than=0) == []
    assert names(choose([past("training", 1.1)], older_than=0)) == ["training-1.1"]


def test_what_is_cited_stays_whole_and_counts_among_the_newest():
    cited = past("training", 40, "m1")
    assert choose([cited], whole=[cited]) == []
    assert names(choose([cited, past("training", 50), past("training", 60)], whole=[cited], keep=1)) == [
        "training-60",
        "training-50",
    ]


def test_of_a_run_with_records_only_the_rest_goes():
    old = past("inference", 40, "batch", "application")
    assert choose([old], records=["batch"]) == [Going(old, True, ("application",))]
    bare = past("inference", 40, "batch", folder=False)
    assert choose([bare], records=["batch"]) == []
