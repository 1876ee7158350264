"""What stands still because its feed is broken is told from what stands still now and then."""

from itertools import groupby

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shotclock.judging.drift.stillness import longest_run, stands_still_like

NAN = float("nan")


@pytest.mark.parametrize(
    ("values", "run"),
    [
        ([], 0),
        ([NAN], 0),
        ([1], 1),
        ([1, 1, 2], 2),
        ([2, 1, 1], 2),
        ([1, 2, 1], 1),
        ([3, 3, 3], 3),
        ([3, NAN, 3, 4], 2),
    ],
)
def test_the_longest_run_of_one_value(values, run):
    assert longest_run(values) == run


@given(st.lists(st.integers(0, 2), min_size=1, max_size=40))
def test_it_is_what_counting_gives(values):
    assert longest_run(values) == max(len(list(group)) for _, group in groupby(values))


def test_a_column_that_rests_for_a_season_may_rest_as_long_again_and_no_longer():
    snow = np.concatenate([np.arange(1, 501), np.zeros(1200), np.arange(1, 301)])
    assert stands_still_like(snow, 1200)
    assert not stands_still_like(snow, 1201)


def test_a_sample_of_the_reference_stands_for_all_of_it():
    snow = np.concatenate([np.arange(1, 501), np.zeros(1200), np.arange(1, 301)])
    assert stands_still_like(snow[::4], 1100, reference_rows=2000)
    assert not stands_still_like(snow[::4], 1300, reference_rows=2000)
    assert not stands_still_like([], 1)
