"""Figures by slices: every row in one slice, the figures of `performance`, and nothing said where nothing can be."""

import numpy as np
import pandas as pd
import pytest

from shotclock.config import Feature, Slice
from shotclock.judging import performance, slices


@pytest.fixture(scope="module")
def rows():
    random = np.random.default_rng(7)
    count = 4000
    p = random.uniform(0.1, 0.9, count)
    features = pd.DataFrame(
        {
            "side": random.integers(0, 2, count),
            "far": random.uniform(0, 30, count),
            "place": random.integers(0, 40, count),
        }
    )
    return features, (random.uniform(size=count) < p).astype(float), p


def by(rows, **cut):
    found = slices.by_slice(*rows, {"it": Slice(**cut)})
    return found["it"]


@pytest.mark.parametrize("cut", [{"column": "side"}, {"column": "far", "edges": (5, 20)}, {"column": "place"}])
def test_every_row_is_in_one_slice(rows, cut):
    assert sum(part.rows for part in by(rows, **cut)) == 4000


def test_a_slice_has_the_figures_that_its_rows_alone_have(rows):
    features, labels, p = rows
    for part, value in zip(by(rows, column="side"), (0, 1), strict=True):
        mask = (features["side"] == value).to_numpy()
        alone = performance.measure(labels[mask], p[mask], resamples=4000)
        assert (part.rows, part.observed, part.predicted) == (
            mask.sum(),
            pytest.approx(alone.base_rate),
            pytest.approx(p[mask].mean()),
        )
        for mine, bootstrap in ((part.log_loss, alone.log_loss), (part.skill, alone.log_loss_skill)):
            assert mine.value == pytest.approx(bootstrap.value, abs=1e-12)
            assert (mine.low, mine.high) == pytest.approx((bootstrap.low, bootstrap.high), abs=0.004)


def test_a_band_begins_at_its_lower_edge():
    features = pd.DataFrame({"far": [0.0, 4.99, 5, 19, 20, 99]})
    found = slices.by_slice(features, np.ones(6), np.full(6, 0.5), {"it": Slice(column="far", edges=(5, 20))})
    assert [(part.label, part.rows) for part in found["it"]] == [
        ("below 5", 2),
        ("5 to below 20", 2),
        ("20 and more", 2),
    ]


def test_the_rarest_of_many_values_share_a_slice(rows):
    found = by(rows, column="place")
    assert len(found) == 12 and found[-1].label == "29 other values"
    assert [float(part.label) for part in found[:-1]] == sorted(float(part.label) for part in found[:-1])


@pytest.mark.parametrize(
    ("count", "labels", "said"),
    [
        (0, [0, 1], "too few rows for figures: 200 are needed"),
        (199, [0, 1], "too few rows for figures: 200 are needed"),
        (200, [1, 1], "all labels are 1: nothing to compare by"),
        (200, [0, 0], "all labels are 0: nothing to compare by"),
        (200, [0, 1], None),
    ],
)
def test_a_slice_that_tells_nothing_says_so_instead_of_figures(count, labels, said):
    features = pd.DataFrame({"far": np.full(count, 1.0)})
    found = slices.by_slice(
        features,
        np.resize(np.array(labels, dtype=float), count),
        np.full(count, 0.4),
        {"it": Slice(column="far", edges=(5,))},
    )
    part = found["it"][0]
    assert part.gap == said
    assert (part.skill is None) == (part.observed is None) == bool(said)


def test_without_slices_in_the_project_the_integer_features_with_few_values_are_taken(rows):
    kinds = {name: Feature(type="integer") for name in ("side", "place")} | {"far": Feature(type="number")}
    assert slices.default_slices(kinds, rows[0]) == {"side": Slice(column="side")}
    assert slices.default_slices(kinds, rows[0].assign(side=1)) == {}
