"""Cuts below a number are counted as NumPy counts them, whatever the cuts are."""

import warnings

import numpy as np
import pytest

from shotclock.models.cuts import CELLS, Cuts

RANDOM = np.random.default_rng(0)
SOME = RANDOM.normal(size=255)
CUTS = {
    "none": [],
    "one": [3.0],
    "of a flag": [0.0, 1.0],
    "255": SOME,
    "of money": np.exp(3 * SOME),
    "more than cells": np.arange(3.0 * CELLS),
    "one far away": [*SOME, 1e300],
    "neighbours far from 0": 1.7e9 + 1e-6 * np.arange(50),
    "neighbours": [1.0, np.nextafter(1.0, 2)],
    "the smallest that there are": [0.0, 5e-324, 1e-323],
    "a span that is no number": [-1.7e308, 0.0, 1.7e308],
}


@pytest.mark.parametrize("cuts", CUTS.values(), ids=CUTS)
def test_cuts_below_a_number_are_counted_as_numpy_counts_them_and_nothing_warns(cuts):
    cuts = np.unique(np.array(cuts, dtype=np.float64))
    beside = [cuts, np.nextafter(cuts, np.inf), np.nextafter(cuts, -np.inf)]
    sizes = 10.0 ** RANDOM.integers(-300, 300, 200)
    numbers = np.concatenate([*beside, SOME, sizes, -sizes, [0.0, -0.0, np.inf, -np.inf, 5e-324, 1.7e308, -1.7e308]])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_array_equal(Cuts(cuts).below(numbers), np.searchsorted(cuts, numbers))


@pytest.mark.parametrize("cuts", CUTS.values(), ids=CUTS)
def test_no_number_at_all_has_a_place_among_them(cuts):
    cuts = np.unique(np.array(cuts, dtype=np.float64))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        (found,) = Cuts(cuts).below(np.array([np.nan]))
    assert 0 <= found <= len(cuts)


def test_no_number_has_none():
    assert Cuts(np.array([1.0, 2.0])).below(np.empty(0)).shape == (0,)
