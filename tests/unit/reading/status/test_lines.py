"""A batch in a few lines: each version that was judged on its window has its own."""

import pytest

from shotclock.judging.figure import Figure
from shotclock.reading.history import Arrival, Judged, Outcome
from shotclock.reading.status.lines import batch

FIRST = Judged("1", "unfit", 5412, 5 / 6, Figure(0.6503, 0.6457, 0.655), Figure(-0.0263, -0.0347, -0.0192))
SECOND = Judged("2", "watch", 1624, 0.0, Figure(0.6114, 0.5971, 0.626), Figure(-0.0063, -0.0222, 0.0062))


def arrival(**told):
    usual = {
        "number": 1,
        "batch": "1999-00",
        "synthetic": False,
        "rows": 6426,
        "window": ("1996-97", "1997-98", "1999-00"),
        "drift_verdict": "alert",
        "drift_share": 5 / 6,
        "performance_verdict": "alert",
        "labelled_rows": 5412,
        "log_loss": 0.6503,
        "log_loss_skill": -0.0263,
        "log_loss_skill_high": -0.0192,
        "log_loss_skill_low": -0.0347,
        "rows_new": 5412.0,
        "judged": (FIRST, SECOND),
        "alerts": ("degradation", "new_records"),
        "decisions": (Outcome("promote", "promote", "a gain", "2"),),
        "champion": "2",
    }
    return Arrival(**(usual | told))


def test_each_version_has_its_own_figures_and_what_came_of_the_batch_stands_below():
    assert batch(arrival()).splitlines() == [
        "1999-00: 6,426 rows, window 1996-97 … 1999-00 (3 batches)",
        "  v1  ✖ Not fit     skill -0.0263 [-0.0347, -0.0192]  drift  83%",
        "  v2  ▲ Not proven  skill -0.0063 [-0.0222, 0.0062]   drift   0%",
        "  alerts: degradation, new records; promote; v2 in service afterwards",
    ]


def test_what_was_not_measured_is_said():
    nothing = Judged("1", "unknown", 0, None, None, None)
    told = batch(arrival(rows=None, window=("1999-00",), judged=(nothing,), alerts=(), decisions=(), champion=None))
    assert told.splitlines() == [
        "1999-00: not scored",
        "  v1  ○ Unknown     skill not measured                drift   –",
        "  no champion",
    ]


@pytest.mark.parametrize("longest", [12, 200])
def test_it_fits_a_terminal_of_80_columns(longest):
    skipped = Outcome("skip", "skip", "`x`: " + "word " * longest, "1")
    names = tuple(f"batch_{number}" for number in range(20))
    told = batch(arrival(batch="b" * 40, window=names, decisions=(skipped,)))
    assert max(map(len, told.splitlines())) <= 80
