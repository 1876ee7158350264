"""A stretch of time: every day counted once, and what retraining brought in shares and in money."""

from datetime import date

import numpy as np
import pytest

from shotclock.config import Cost, GateRules
from shotclock.judging.side_by_side import Given
from shotclock.judging.side_by_side.year import Gained, Stretch, days, gained, parts
from shotclock.words.sentences import retrained


def stretch(begin, end, level):
    return Stretch(date(2026, 1, begin), date(2026, 1, end), level, "batch", "1")


def test_each_day_counts_once_the_later_stretch_wins_and_days_outside_or_without_rows_do_not_count():
    found = days([stretch(1, 20, "unfit"), stretch(11, 15, "fit")], date(2026, 1, 6), date(2026, 1, 31))
    assert found == {"unfit": 10, "fit": 5}
    assert days([stretch(1, 5, "fit")], date(2026, 2, 1), date(2026, 2, 28)) == {}


@pytest.fixture
def given():
    random = np.random.default_rng(4)
    truth = random.uniform(0.1, 0.9, 2600)
    return Given((random.uniform(size=2600) < truth).astype(float), np.full(2600, 0.5), truth)


def test_money_is_what_the_nats_are_worth_less_what_the_retrainings_cost(given):
    rules = GateRules()
    bare, paid = (gained(given, rules, 3, cost) for cost in (None, Cost(training=10, per_nat=2)))
    assert bare.money is None
    nats = -np.log(0.5) * 2600 + np.log(np.where(given.labels == 1, given.new, 1 - given.new)).sum()
    assert paid.money.value == pytest.approx(2 * nats - 30)
    assert paid.saved == bare.saved
    assert gained(given, rules, 3, Cost(training=10, per_nat=2), scale=4.0).money.value == pytest.approx(8 * nats - 30)
    assert gained(given.of(np.zeros(2600, dtype=bool)), rules, 0, None) is None


def test_parts_are_a_dozen_at_most_hold_all_rows_and_of_few_rows_there_are_none(given):
    times = np.datetime64("2026-01-01") + np.arange(2600).astype("timedelta64[h]")
    found = parts(times, given, 0.95)
    assert len(found) == 12
    assert sum(part.rows for part in found) == 2600
    assert all(part.served.value > part.never.value for part in found)
    few = np.arange(2600) < 150
    assert parts(times[few], given.of(few), 0.95) == []


@pytest.mark.parametrize(
    ("saved", "said"),
    [
        (
            (0.02, 0.01, 0.03),
            "2 retrainings, of which 1 brought a new version. The predictions were better, by 1.0% to 3.0%",
        ),
        ((-0.02, -0.03, -0.01), "The predictions were worse, by 1.0% to 3.0%"),
        ((0.0, -0.01, 0.01), "The predictions are not proven better: 1.0% worse to 1.0% better"),
        (
            (0.0, 0.0, 0.0),
            "nothing would have been said otherwise: v1, the first version, scored all 50 labelled rows.",
        ),
    ],
)
def test_what_a_year_has_brought_is_said_without_jargon(saved, said):
    from shotclock.judging.figure import Figure

    told = retrained(2, 1, Gained(50, Figure(*saved), None), "1")
    assert said in told
    assert "nats" not in told
    paid = retrained(1, 0, Gained(50, Figure(*saved), Figure(-20, -30, 10)), "1")
    assert paid.startswith("1 retraining, of which none brought a new version")
    assert paid.endswith("In money, less what retraining cost: -20, between -30 and 10.")
