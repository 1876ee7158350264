"""The small charts: bins that hold every row, well-formed SVG."""

from xml.etree import ElementTree

import numpy as np
import pytest
from scipy.stats import binomtest

from shotclock.judging.figure import Figure
from shotclock.words.cards import plots


@pytest.mark.parametrize("levels", [1, 2, 3, 1000])
def test_the_bins_hold_every_row_and_equal_probabilities_share_one(levels):
    random = np.random.default_rng(1)
    p = random.integers(1, levels + 1, 1234) / (levels + 1)
    y = (random.uniform(size=1234) < p).astype(float)
    found = plots.bins(y, p)
    assert sum(part.rows for part in found) == 1234 and len(found) <= min(levels, 10)
    assert [part.predicted for part in found] == sorted({part.predicted for part in found})
    assert sum(part.rows * part.observed.value for part in found) == pytest.approx(y.sum())
    assert all(0 <= part.observed.low <= part.observed.value <= part.observed.high <= 1 for part in found)


def test_the_interval_of_a_bin_is_wilsons():
    (found,) = plots.bins(np.array([1.0] * 15 + [0.0] * 35), np.full(50, 0.3))
    wilson = binomtest(15, 50).proportion_ci(method="wilson")
    assert (found.observed.low, found.observed.high) == pytest.approx((wilson.low, wilson.high), abs=1e-12)


def test_the_charts_are_well_formed_and_say_their_figures():
    figure = Figure(0.02, 0.01, 0.03)
    random = np.random.default_rng(2)
    p = random.uniform(0, 1, 500)
    drawn = (
        plots.bar(figure, plots.scale([figure])),
        plots.gain(figure, 0.001),
        plots.reliability(plots.bins((random.uniform(size=500) < p).astype(float), p)),
    )
    for svg in drawn:
        assert ElementTree.fromstring(svg).tag == "svg"
    assert plots.scale([]) is None
    assert all(str(figure) in svg for svg in drawn[:2])
    assert drawn[2].count("<circle") == 10
