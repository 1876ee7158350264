"""Bad requests and bad rows: the message names the setting or column, what was found and what is allowed."""

import numpy as np
import pytest
from pandas import DataFrame, Series

from shotclock.errors import ConfigError, ContractError

GOOD = {"folds": 3, "iterations": 1, "seed": 1}


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"algorithm": "dt"}, r"training\.candidates: found 'dt', expected one of decision_tree, logistic_regression"),
        ({"folds": 1}, r"training\.folds: found 1, expected at least 2"),
        ({"iterations": 0}, r"training\.iterations: found 0, expected at least 1"),
        ({"seed": -1}, r"training\.seed: found -1, expected 0 to 4294967295"),
        ({"seed": 2**32}, r"training\.seed: found 4294967296, expected 0 to 4294967295"),
    ],
)
def test_a_setting_outside_its_range_is_refused(train, shots, changed, message):
    with pytest.raises(ConfigError, match=message):
        train(*shots, **{"algorithm": "decision_tree", **GOOD, **changed})


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e39])
def test_a_feature_that_is_null_infinite_or_too_large_is_refused(train, shots, bad):
    features, target = shots
    features.loc[[3, 5], "near"] = bad
    with pytest.raises(ContractError, match=r"column 'near': 2 of 600 values are null, infinite or beyond"):
        train(features, target, "decision_tree", **GOOD)


def test_a_null_in_a_nullable_integer_column_is_refused(train, shots):
    features, target = shots
    features["noise"] = features["noise"].astype("Int64")
    features.loc[0, "noise"] = None
    with pytest.raises(ContractError, match=r"column 'noise': 1 of 600 values are null, infinite or beyond"):
        train(features, target, "decision_tree", **GOOD)


def test_a_feature_that_is_not_a_number_is_refused(train, shots):
    features, target = shots
    with pytest.raises(ContractError, match=r"column 'side': found type object, expected numbers"):
        train(features.assign(side="left"), target, "decision_tree", **GOOD)


def test_no_feature_at_all_is_refused(train, shots):
    features, target = shots
    with pytest.raises(ContractError, match=r"features: found no column"):
        train(features[[]], target, "decision_tree", **GOOD)


@pytest.mark.parametrize(("label", "shown"), [(2, "2"), (-1, "-1"), (0.5, "0.5"), (np.nan, "nan"), ("yes", "yes")])
def test_a_label_other_than_0_and_1_is_refused(train, shots, label, shown):
    features, target = shots
    target = target.astype(object)
    target[0] = label
    with pytest.raises(ContractError, match=rf"column 'made': found {shown}, expected 0 or 1"):
        train(features, target, "decision_tree", **GOOD)


def test_one_class_alone_is_refused(train, shots):
    features, target = shots
    with pytest.raises(ContractError, match=r"column 'made': 0 of 600 rows have the label 0, expected at least 3"):
        train(features, target * 0 + 1, "decision_tree", **GOOD)


def test_fewer_rows_of_a_class_than_folds_are_refused(train, shots):
    features, _ = shots
    target = Series([1, 1] + [0] * 598, name="made")
    with pytest.raises(ContractError, match=r"2 of 600 rows have the label 1, expected at least 3, one a fold"):
        train(features, target, "decision_tree", **GOOD)


def test_as_many_rows_of_a_class_as_folds_are_enough(train, shots):
    features, _ = shots
    target = Series([1, 1, 1] + [0] * 597, name="made")
    assert len(train(features, target, "decision_tree", **GOOD).folds) == 3


def test_no_rows_are_refused(train):
    with pytest.raises(ContractError, match=r"0 of 0 rows have the label 0"):
        train(DataFrame({"near": []}), Series([], dtype=int, name="made"), "decision_tree", **GOOD)


def test_labels_for_another_number_of_rows_are_refused(train, shots):
    features, target = shots
    with pytest.raises(ContractError, match=r"column 'made': found 599 labels for 600 rows"):
        train(features, target[:-1], "decision_tree", **GOOD)
