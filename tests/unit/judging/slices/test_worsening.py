"""Where a model fell and what a feature is worth to it, on rows of which both are known."""

import numpy as np
import pandas as pd
import pytest

from shotclock.config import Feature, Slice
from shotclock.judging.slices.worsening import Labelled, cuts, falls, worth


def side(count, broken, seed):
    """Label 1 is likelier where x is large; where `broken`, the model is wrong about places called b."""
    random = np.random.default_rng(seed)
    rows = pd.DataFrame({"x": random.uniform(0, 1, count), "place": random.choice(["a", "b"], count), "self": 1.0})
    truth = 0.1 + 0.8 * rows["x"].to_numpy()
    labels = (random.uniform(size=count) < truth).astype(float)
    wrong = broken & (rows["place"] == "b").to_numpy()
    return Labelled(rows, labels, np.where(wrong, 1 - truth, truth))


def predict(rows):
    return 0.1 + 0.8 * rows["x"].to_numpy()


FEATURES = {"x": Feature(type="number"), "place": Feature(type="category"), "self": Feature(type="number")}


def test_the_slice_that_fell_stands_first_and_its_interval_excludes_nothing_happened():
    now, before = side(4000, True, 1), side(4000, False, 2)
    found = falls(now, before, {"place": Slice(column="place")}, 0.95)
    assert [one.now.label for one in found] == ["b", "a"]
    assert found[0].change.high < 0 < found[1].change.high
    assert found[0].change.value == pytest.approx(found[0].now.skill.value - found[0].before.skill.value)
    assert not found[0].against_all


def test_a_slice_that_the_reference_does_not_hold_is_compared_with_all_of_it_and_one_with_few_rows_stands_last():
    now, before = side(3000, False, 1), side(3000, False, 2)
    before = Labelled(before.rows.assign(place="a"), before.labels, before.probability)
    now.rows.loc[:99, "place"] = "rare"
    *_, last = found = falls(now, before, {"place": Slice(column="place")}, 0.95)
    assert (last.now.label, last.change) == ("rare", None)
    assert {one.now.label: one.against_all for one in found} == {"a": False, "b": True, "rare": True}


def test_a_feature_is_worth_what_shuffling_it_costs_and_one_that_is_not_looked_at_is_worth_nothing():
    rows = side(4000, False, 1)
    found = worth(predict, rows, list(FEATURES), confidence=0.95, seed=5)
    assert next(iter(found)) == "x"
    assert found["x"].low > 0.2
    assert (found["place"].value, found["self"].value) == (0.0, 0.0)
    assert worth(predict, rows, list(FEATURES), confidence=0.95, seed=5) == found
    assert worth(predict, Labelled(rows.rows, np.ones(4000), rows.probability), ["x"], confidence=0.95, seed=5) == {}


def test_features_are_cut_as_the_project_says_else_by_values_or_at_the_quartiles_of_all_rows():
    older, newer = (
        pd.DataFrame({"x": np.arange(6.0), "place": "a"}),
        pd.DataFrame({"x": np.arange(6.0, 11), "place": "b"}),
    )
    features = {name: FEATURES[name] for name in ("x", "place")}
    found = cuts(features, {}, older, newer)
    assert found["x"].edges == (2.5, 5.0, 7.5)
    assert found["place"].edges == ()
    own = Slice(column="x", edges=(3.0,))
    assert cuts(features, {"mine": own}, older, newer)["x"] == own
