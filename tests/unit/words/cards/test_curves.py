"""The picture of a model's curves: a well-formed file with the three of them, small however many rows there are."""

import itertools
from xml.etree import ElementTree

import numpy as np
import pytest

from shotclock.words.cards.curves import curves

SVG = "{http://www.w3.org/2000/svg}"


def drawn(y, p):
    root = ElementTree.fromstring(curves(np.array(y, dtype=float), np.array(p, dtype=float)))
    roc, recall = (
        [tuple(map(float, point.split(","))) for point in line.get("points").split()]
        for line in root.iter(SVG + "polyline")
    )
    return root, roc, recall


def test_a_model_that_knows_everything_is_drawn_along_the_edges():
    root, roc, recall = drawn([0, 0, 1, 1], [0.1, 0.2, 0.8, 0.9])
    assert roc == [(0, 300), (0, 150), (0, 0), (300, 0)]
    assert recall[0] == (360 + 300, 150) and recall[-1] == (360, 0) and {y for x, y in recall if x < 660} == {0}
    assert [text.text for text in root.iter(SVG + "text") if text.get("class") == "title"] == [
        "ROC",
        "Precision and recall",
        "Reliability",
    ]


@pytest.mark.parametrize("levels", [1, 2, 1_000_000])
@pytest.mark.parametrize("rows", [20, 20_000])
def test_every_curve_lies_within_its_axes_and_the_file_is_small(levels, rows):
    random = np.random.default_rng(3)
    p = random.integers(1, levels + 1, rows) / (levels + 1)
    y = random.uniform(size=rows) < p
    root, roc, recall = drawn(y, p)
    assert len(roc) <= 400 and len(recall) <= 400
    assert roc[0] == (0, 300) and roc[-1] == (300, 0) and recall[-1][0] == 360
    assert all(0 <= x <= 300 and 0 <= up <= 300 for x, up in roc)
    assert all(360 <= x <= 660 and 0 <= up <= 300 for x, up in recall)
    assert all(a <= b and c >= d for (a, c), (b, d) in itertools.pairwise(roc))
    circles = list(root.iter(SVG + "circle"))
    assert 1 <= len(circles) <= 10 and all(720 <= float(one.get("cx")) <= 1020 for one in circles)
    assert len(ElementTree.tostring(root)) < 40_000
