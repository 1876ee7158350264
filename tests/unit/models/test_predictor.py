"""A fitted model as a function from Arrow rows to probabilities."""

import pickle
import warnings

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import GradientBoostingClassifier, HistGradientBoostingClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from shotclock.errors import ShotclockError, StoreError
from shotclock.models.candidates.blend import blended
from shotclock.models.predictor import BLOCK_ROWS, predictor, with_clean_trees

FEATURES = ["size", "count", "flag"]


def drawn(rows, seed=0):
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {"size": rng.normal(size=rows), "count": rng.integers(0, 9, rows), "flag": rng.integers(0, 2, rows)}
    )


TRAINING = drawn(500)
LABELS = (TRAINING["size"] + np.random.default_rng(1).normal(size=500) > 0).astype(int)


class Halving(ClassifierMixin, BaseEstimator):
    """A stranger to scikit-learn that reads its columns by name."""

    def fit(self, frame, labels):
        self.feature_names_in_ = np.array(frame.columns, dtype=object)
        self.classes_ = np.unique(labels)
        return self

    def predict_proba(self, frame):
        high = frame["flag"].to_numpy() / 2
        return np.column_stack([1 - high, high])


def calibrated():
    tree = make_pipeline(DecisionTreeClassifier(max_depth=3)).fit(TRAINING, LABELS)
    return Pipeline([("model", CalibratedClassifierCV(FrozenEstimator(tree), method="sigmoid"))])


def mixed():
    tree = make_pipeline(DecisionTreeClassifier(max_depth=3)).fit(TRAINING, LABELS)
    boosting = Pipeline([("model", HistGradientBoostingClassifier(max_iter=5))]).fit(TRAINING, LABELS)
    return blended({"tree.recent": (0.7, tree), "boosting": (0.3, boosting)}, TRAINING)


MODELS = {
    "logistic regression": make_pipeline(StandardScaler(), LogisticRegression()),
    "bare logistic regression": LogisticRegression(max_iter=1000),
    "tree": Pipeline([("model", DecisionTreeClassifier(max_depth=4))]),
    "gradient boosting": GradientBoostingClassifier(n_estimators=5),
    "histogram boosting": HistGradientBoostingClassifier(max_iter=5),
    "histogram boosting in a pipeline": Pipeline([("model", HistGradientBoostingClassifier(max_iter=5))]),
    "calibrated": calibrated(),
    "blend": mixed(),
    "columns by name": make_pipeline(
        ColumnTransformer([("scale", StandardScaler(), ["count"])], remainder="passthrough"), LogisticRegression()
    ),
    "stranger": Halving(),
}


@pytest.fixture(params=MODELS, scope="module")
def model(request):
    return MODELS[request.param].fit(TRAINING, LABELS)


def batch(frame):
    return pa.RecordBatch.from_pandas(frame, preserve_index=False)


@pytest.mark.parametrize("rows", [0, 1, 1000, BLOCK_ROWS + 3])
def test_probabilities_are_those_of_the_model_and_nothing_warns(model, rows):
    frame = drawn(rows, seed=2)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = predictor(model, FEATURES, "1")(batch(frame))
        expected = model.predict_proba(frame)[:, 1] if rows else np.empty(0)
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, expected, rtol=1e-13)


def test_a_row_has_the_same_probability_to_the_last_bit_wherever_it_stands(model):
    frame, predict = drawn(3000, seed=3), predictor(model, FEATURES, "1")
    whole = predict(batch(frame))
    for start, size in ((0, 1), (1, 1), (2, 7), (9, 333), (2999, 1)):
        np.testing.assert_array_equal(predict(batch(frame[start : start + size])), whole[start : start + size])


def test_the_model_that_was_given_is_left_as_it_was(model):
    predictor(model, FEATURES, "1")
    assert list(model.feature_names_in_) == FEATURES


def test_columns_besides_the_features_and_their_order_in_the_rows_do_not_matter(model):
    frame, predict = drawn(50), predictor(model, FEATURES, "1")
    mixed = frame.assign(id=range(50))[["flag", "id", "size", "count"]]
    np.testing.assert_array_equal(predict(batch(mixed)), predict(batch(frame)))


def test_labels_of_float_are_the_same_classes():
    model = DecisionTreeClassifier(max_depth=2).fit(TRAINING, LABELS.astype(float))
    np.testing.assert_array_equal(predictor(model, FEATURES, "1")(batch(TRAINING)), model.predict_proba(TRAINING)[:, 1])


@pytest.mark.parametrize(
    "features", [["count", "size", "flag"], ["size", "count"], [*FEATURES, "more"], ["a", "b", "c"]]
)
def test_a_model_of_other_columns_or_another_order_is_refused(features):
    model = MODELS["logistic regression"].fit(TRAINING, LABELS)
    with pytest.raises(
        StoreError, match=r"model version 7: was fitted on the columns \['size', 'count', 'flag'\]"
    ) as e:
        predictor(model, features, "7")
    assert str(features) in str(e.value)
    assert isinstance(e.value, ShotclockError)


def test_a_model_fitted_without_names_is_refused():
    model = LogisticRegression().fit(TRAINING.to_numpy(), LABELS)
    with pytest.raises(StoreError, match="without names"):
        predictor(model, FEATURES, "7")


@pytest.mark.parametrize(
    "model",
    [
        LogisticRegression(max_iter=1000).fit(TRAINING, TRAINING["count"]),
        LogisticRegression().fit(TRAINING, LABELS + 1),
        LogisticRegression().fit(TRAINING, LABELS.map({0: "missed", 1: "made"})),
        RidgeClassifier().fit(TRAINING, LABELS),
    ],
    ids=["nine classes", "1 and 2", "texts", "no probabilities"],
)
def test_a_model_that_gives_no_probability_of_1_is_refused(model):
    with pytest.raises(StoreError, match=r"model version 7: .* expected predict_proba and the classes 0 and 1"):
        predictor(model, FEATURES, "7")


@pytest.mark.parametrize("model", [DecisionTreeClassifier(max_depth=3), GradientBoostingClassifier(n_estimators=3)])
def test_what_lies_between_the_fields_of_a_trees_nodes_goes_into_no_pickle(model):
    rows = drawn(200)
    fitted = make_pipeline(model).fit(rows[FEATURES], rows["size"] > 0)
    clean, expected = pickle.dumps(fitted), fitted.predict_proba(rows[FEATURES])
    for tree in np.ravel(getattr(fitted[0], "estimators_", [fitted[0]])):
        nodes = tree.tree_.__getstate__()["nodes"]
        nodes.view(np.uint8).reshape(len(nodes), nodes.itemsize)[:, -1] = 7
    assert pickle.dumps(fitted) != clean
    assert pickle.dumps(with_clean_trees(fitted)) == clean
    assert np.array_equal(fitted.predict_proba(rows[FEATURES]), expected)
