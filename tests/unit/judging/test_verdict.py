"""A skill in words: better, worse, or not proven, with both ends of its interval."""

import numpy as np
import pytest

from shotclock.judging.figure import Figure
from shotclock.judging.performance import measure
from shotclock.judging.verdict import against_base_rate, below_base_rate


@pytest.mark.parametrize(
    ("skill", "said"),
    [
        (Figure(-0.0263, -0.0347, -0.0192), "worse than guessing the base rate, by 1.9% to 3.5%"),
        (Figure(0.0264, 0.0181, 0.0347), "better than guessing the base rate, by 1.8% to 3.5%"),
        (Figure(-0.0063, -0.0222, 0.0062), "not proven better than the base rate: between 2.2% worse and 0.6% better"),
        (Figure(0.0063, -0.0062, 0.0222), "not proven better than the base rate: between 0.6% worse and 2.2% better"),
        (Figure(0.01, 0.0, 0.02), "not proven better than the base rate: between 0.0% worse and 2.0% better"),
        (Figure(0.0, 0.0, 0.0), "not proven better than the base rate: between 0.0% worse and 0.0% better"),
        (Figure(-1e-5, -0.003, -1e-7), "not proven better than the base rate: between 0.3% worse and 0.0% better"),
        (Figure(-0.01, -0.02, 0.0), "not proven better than the base rate: between 2.0% worse and 0.0% better"),
    ],
)
def test_a_skill_is_told_without_jargon(skill, said):
    assert against_base_rate(skill) == said


def test_a_constant_that_was_right_is_not_proven_worse_and_one_that_was_wrong_is():
    labels = (np.random.default_rng(0).random(2000) < 1 / 3).astype(float)
    right, wrong = (measure(labels, np.full(2000, rate)).log_loss_skill for rate in (1 / 3, 0.48))
    assert right.high < 0  # the window's own rate is the best constant there is
    assert not below_base_rate(right) and below_base_rate(wrong)
