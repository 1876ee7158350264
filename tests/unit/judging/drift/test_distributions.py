"""Two sides of a column in the same few bins."""

import numpy as np
import pandas as pd
import pytest

from shotclock.judging.drift import distributions
from shotclock.judging.drift.distributions import BINS, compare, compare_levels


def test_few_whole_numbers_get_a_bin_each():
    found = compare([0, 0, 1], [1, 3])
    assert found.labels == ("0", "1", "3")
    assert found.middles == (0, 1, 3)
    assert found.current == pytest.approx((2 / 3, 1 / 3, 0))
    assert found.reference == pytest.approx((0, 1 / 2, 1 / 2))
    assert (found.mean_current, found.mean_reference) == pytest.approx((1 / 3, 2))


@pytest.mark.parametrize("column", ["lat", "lon", "minutes_remaining", "period", "playoffs", "shot_distance"])
def test_no_value_of_the_real_data_is_lost(dev, prod, column):
    found = compare(prod[column], dev[column])
    assert sum(found.current) == pytest.approx(1)
    assert sum(found.reference) == pytest.approx(1)
    assert (found.rows_current, found.rows_reference) == (6426, 24_271)
    assert len(found.labels) == len(found.middles) == len(found.current) == len(found.reference)
    assert list(found.middles) == sorted(found.middles)
    assert found.mean_current == pytest.approx(prod[column].mean())


def test_both_sides_stand_in_the_same_bins_whichever_is_called_current(dev, prod):
    there, back = compare(prod.lat, dev.lat), compare(dev.lat, prod.lat)
    assert (there.labels, there.current, there.reference) == (back.labels, back.reference, back.current)


def test_three_point_shots_come_from_farther_away(dev, prod):
    found = compare(prod.shot_distance, dev.shot_distance)
    beyond = np.array(found.middles) >= 22
    assert np.array(found.current)[beyond].sum() == pytest.approx((prod.shot_distance >= 22).mean())
    assert np.array(found.reference)[beyond].sum() == pytest.approx((dev.shot_distance >= 22).mean())


def test_spans_of_whole_numbers_hold_equally_many_of_them():
    values = np.arange(100)
    found = compare(values, values)
    assert set(found.current[:-1]) == {0.05}
    assert (found.labels[0], found.labels[1], found.labels[-1]) == ("below 5", "5 to 9", "95 or more")
    assert found.middles[1] == 7


def test_an_extreme_value_counts_in_the_last_bin_and_does_not_stretch_the_axis():
    values = np.linspace(0, 1, 1000)
    found = compare(np.append(values, 1e9), values)
    assert len(found.labels) == BINS
    assert found.middles[-1] < 1
    assert sum(found.current) == pytest.approx(1)
    assert (found.labels[0][:5], found.labels[-1][-7:]) == ("below", "or more")


def test_a_column_of_nearly_one_value_still_shows_the_others():
    found = compare([0.5] * 1000, [0.5] * 999 + [9.5])
    assert found.reference[-1] == pytest.approx(0.001)
    assert found.current[0] == 1


def test_missing_values_count_nowhere_and_a_side_may_be_empty():
    found = compare([np.nan, np.nan], [1, np.nan, 2])
    assert found.current == (0, 0)
    assert found.reference == (0.5, 0.5)
    assert (found.rows_current, found.rows_reference, found.mean_current) == (0, 2, None)


def test_two_empty_sides_have_no_bins():
    assert distributions.compare([], []).labels == ()


def test_the_hours_of_a_day_stand_in_their_order():
    hours = pd.Series([str(hour) for hour in range(24)])
    found = compare_levels(hours, hours[::-1])
    assert found.labels == tuple(hours)
    assert found.current == found.reference == (1 / 24,) * 24
