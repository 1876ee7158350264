"""Two models on the same rows: what is saved, by whom, where, and that it is the gate's gain in another measure."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import log_loss

from shotclock.config import Slice
from shotclock.judging.figure import Figure
from shotclock.judging.side_by_side import Given, as_share, pairs
from shotclock.judging.verdict import against_each_other


@pytest.fixture(scope="module")
def given():
    random = np.random.default_rng(3)
    truth = random.uniform(0.05, 0.95, 3000)
    labels = (random.uniform(size=3000) < truth).astype(float)
    side = np.arange(3000) % 2
    worse = np.where(side == 1, 0.5 + (truth - 0.5) / 4, truth)
    return pd.DataFrame({"side": side}), Given(labels, worse, truth)


def test_what_is_saved_is_the_difference_of_the_losses_over_that_of_the_base_rate(given):
    _, both = given
    constant = log_loss(both.labels, np.full(3000, both.labels.mean()))
    saved = both.saved(0.95)
    expected = (log_loss(both.labels, both.old) - log_loss(both.labels, both.new)) / constant
    assert saved.value == pytest.approx(expected)
    assert saved.low < saved.value < saved.high
    assert as_share(Figure(constant, 0.0, 2 * constant), both.labels) == Figure(
        pytest.approx(1.0), 0.0, pytest.approx(2.0)
    )


def test_a_slice_on_which_both_say_the_same_saves_nothing_and_stands_first_when_the_other_gains(given):
    rows, both = given
    first, second = pairs(rows, both, {"side": Slice(column="side")}, 0.95)
    assert (first.label, second.label) == ("0", "1")
    assert (first.saved.low, first.saved.high) == (0.0, 0.0)
    assert second.saved.low > 0
    assert second.rows == first.rows == 1500


def test_labels_of_one_kind_save_nothing_that_anybody_could_tell():
    same = Given(np.ones(5), np.full(5, 0.5), np.full(5, 0.6))
    assert same.saved(0.95) is None
    assert as_share(Figure(1, 0, 2), same.labels) is None


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (0.01, 0.03, "b predicts better than a, by 1.0% to 3.0% of what guessing the base rate loses"),
        (-0.03, -0.01, "b predicts worse than a, by 1.0% to 3.0% of what guessing the base rate loses"),
        (
            -0.02,
            0.01,
            "b is not proven better than a: between 2.0% worse and 1.0% better, of what guessing the base rate loses",
        ),
    ],
)
def test_the_sentence_says_what_the_interval_proves(low, high, said):
    assert against_each_other(Figure((low + high) / 2, low, high), "b", "a") == said
