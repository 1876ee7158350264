"""Whether the version before is proven better, looked at again and again."""

import numpy as np
import pytest

from shotclock.config import GateRules
from shotclock.judging.gate import demotion

RULES = GateRules(min_rows=500, resamples=400)


def drawn(rows, wrong=0.0, seed=1):
    """Labels, what the champion gave (off by `wrong` in its log odds), what the shadow gave (the truth)."""
    random = np.random.default_rng(seed)
    odds = random.normal(0, 1, rows)
    truth = 1 / (1 + np.exp(-odds))
    return 1 / (1 + np.exp(-odds - wrong)), truth, (random.random(rows) < truth).astype(float)


@pytest.mark.parametrize(
    ("rows", "wrong", "status", "said"),
    [
        (499, 2.0, "insufficient data", "499 labelled rows since, 500 are needed"),
        (500, 2.0, "alert", "has done better: gain "),
        (3000, 0.0, "ok", "is not proven better: gain 0.0000 "),
        (3000, 1.0, "alert", "nats per row on the 3,000 labelled rows since"),
    ],
)
def test_it_alerts_where_the_version_before_is_proven_better(rows, wrong, status, said):
    champion, shadow, labels = drawn(rows, wrong)
    found = demotion.judge(champion, shadow, labels, RULES, 1)
    assert found.status == status and said in found.reason
    assert found.figures["rows"] == rows


def test_labels_of_one_kind_prove_nothing():
    found = demotion.judge(np.full(500, 0.9), np.full(500, 0.1), np.zeros(500), RULES, 1)
    assert (found.status, found.reason) == (
        "insufficient data",
        "is not judged yet: all 500 labels since are 0: nothing to compare by",
    )


def test_a_gain_that_is_not_worth_a_change_brings_nobody_back():
    champion, shadow, labels = drawn(3000, 1.0)
    assert demotion.judge(champion, shadow, labels, RULES.model_copy(update={"min_gain": 0.5}), 1).status == "ok"


def test_the_bar_is_that_of_the_confidence_sequence():
    """Figures of the formula in the paper, worked out by hand for t rho^2 = 1 + ... at the rows where it is tightest."""
    risk = 0.0125
    apart = -2 * np.log(2 * risk)
    times = apart + np.log(apart + 1)
    by_hand = np.sqrt(2 * (times + 1) / times * np.log(1 + np.sqrt(times + 1) / (2 * risk)))
    assert demotion.errors(500, risk, 500) == pytest.approx(by_hand)
    assert demotion.errors(500, risk, 500) == pytest.approx(3.3, abs=0.1)


@pytest.mark.parametrize("risk", (0.0125, 0.001))
def test_no_number_of_rows_has_a_shorter_interval_for_its_root_than_the_law_of_the_iterated_logarithm(risk):
    reach = [demotion.errors(rows, risk, 500) for rows in (500, 5000, 50_000, 500_000)]
    assert reach == sorted(reach), "what holds at more looks has to be wider"
    assert reach[0] > 2.24, "than at one look of this risk"


def test_what_may_be_wrong_in_a_year_adds_up_to_no_more_however_many_take_over():
    shares = [demotion.risk(RULES, number) for number in range(1, 400)]
    assert shares == sorted(shares, reverse=True)
    assert sum(shares) < 0.025


def test_of_equal_versions_looked_at_again_and_again_few_come_back():
    """26 looks, 30 years: one look of this size after the other would be wrong in a quarter of them."""
    wrong = 0
    for year in range(30):
        random = np.random.default_rng(year)
        nats = random.normal(0, 0.15, 26 * 500)
        wrong += any(demotion.proven(demotion.Gains(nats[:rows], RULES), 1) for rows in range(500, len(nats) + 1, 500))
    assert wrong <= 2
