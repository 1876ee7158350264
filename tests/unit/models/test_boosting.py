"""Boosting by tables: whatever scikit-learn's own `predict_proba` says, of every kind of row."""

import logging
from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import sklearn
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from shotclock.config import Feature
from shotclock.models import boosting
from shotclock.models.boosting import by_tables
from shotclock.models.candidates.algorithms import Inputs, Plan, Rows
from shotclock.models.candidates.recalibration import recalibrate

COLUMNS = {
    "size": Feature(type="number", missing="allowed"),
    "town": Feature(type="category", missing="allowed"),
    "count": Feature(type="integer"),
    "code": Feature(type="category"),
    "flag": Feature(type="boolean", missing="allowed"),
}
NUMBERS = ["size", "count", "flag"]
SCHEMA = pa.schema(
    [("size", pa.float64()), ("town", pa.string()), ("count", pa.int64()), ("code", pa.string()), ("flag", pa.int8())]
)
ROWS = 3000


def drawn(rows=ROWS, seed=0, codes=400):
    """Rows as scoring has them: gaps are null. `codes` are more levels than boosting tells apart."""
    random = np.random.default_rng(seed)

    def gaps(values):
        return pa.array(values, mask=random.random(rows) < 0.1)

    columns = {
        "size": gaps(random.normal(size=rows)),
        "town": gaps(random.choice(["Oslo", "Bergen", "", "Ålesund"], rows).astype(object)),
        "count": pa.array(random.integers(-5, 60, rows)),
        "code": pa.array([f"c{int(number)}" for number in codes * random.random(rows) ** 3]),
        "flag": gaps(random.integers(0, 2, rows).astype(np.int8)),
    }
    return pa.RecordBatch.from_pydict(columns, SCHEMA)


def fitted(names=tuple(COLUMNS), *, rows=None, **settings):
    frame = (rows or drawn()).select(list(names)).to_pandas()
    random = np.random.default_rng(1)
    score = frame["size"].fillna(0) * (1 + frame["flag"].fillna(3)) + (frame["count"] % 7 > 3)
    if "code" in frame:
        score += 1.0 * frame["town"].isna() + (frame["code"].str[-1] > "5") - 1.0 * (frame["town"] == "Oslo")
    labels = (score + random.normal(size=len(frame)) > 0.5).astype(int).to_numpy()
    plan = Plan("gradient_boosting", 2, 1, 0, Inputs.of({name: COLUMNS[name] for name in names}))
    return plan.pipeline({"max_iter": 20, "min_samples_leaf": 5, **settings}).fit(frame, labels), Rows(frame, labels)


MODELS = {
    "31 leaves": {},
    "a leaf more than a word has": {"max_leaf_nodes": 32},
    "many leaves": {"max_leaf_nodes": 127, "min_samples_leaf": 2},
    "stumps": {"max_leaf_nodes": 2},
    "one tree, which has no other to be looked up with": {"max_iter": 1},
    "trees without a question": {"min_samples_leaf": 2000},
    "more trees than are worked on at once": {"max_iter": 300, "max_leaf_nodes": 4},
}


@pytest.mark.parametrize("names", [list(COLUMNS), NUMBERS], ids=["text among them", "numbers alone"])
@pytest.mark.parametrize("settings", MODELS.values(), ids=MODELS)
def test_probabilities_are_those_of_scikit_learn_whatever_is_in_a_row(names, settings, monkeypatch):
    monkeypatch.setattr(boosting, "WORDS", 1000)
    model, _ = fitted(names, **settings)
    predict = by_tables(model, names)
    assert predict
    for rows in (drawn(seed=2), drawn(500, seed=3, codes=900)):  # texts that training has seen, and others
        expected = model.predict_proba(rows.select(names).to_pandas())[:, 1]
        np.testing.assert_allclose(predict(rows), expected, rtol=0, atol=1e-12)
        assert len(np.unique(expected)) > 1 or settings.get("min_samples_leaf") == 2000


def test_rows_at_a_threshold_and_beside_it_go_where_the_tree_sends_them():
    model, _ = fitted(NUMBERS)
    thresholds = np.unique([node["num_threshold"] for tree in model[-1]._predictors for node in tree[0].nodes])
    values = np.concatenate([thresholds, np.nextafter(thresholds, np.inf), np.nextafter(thresholds, -np.inf)])
    frame = pd.DataFrame({"size": values, "count": 3, "flag": 1.0})
    found = by_tables(model, NUMBERS)(pa.RecordBatch.from_pandas(frame))
    np.testing.assert_allclose(found, model.predict_proba(frame)[:, 1], rtol=0, atol=1e-12)


def test_a_column_without_one_value_and_no_row_at_all_are_scored():
    model, _ = fitted()
    empty = drawn(4).set_column(1, "town", pa.nulls(4, pa.string())).set_column(0, "size", pa.nulls(4, pa.float64()))
    predict = by_tables(model, list(COLUMNS))
    np.testing.assert_allclose(predict(empty), model.predict_proba(empty.to_pandas())[:, 1], rtol=0, atol=1e-12)
    assert predict(empty.slice(0, 0)).shape == (0,)


@pytest.mark.parametrize("names", [list(COLUMNS), NUMBERS], ids=["text among them", "numbers alone"])
def test_a_recalibrated_champion_is_as_fast(names):
    model, rows = fitted(names)
    again = recalibrate(model, rows, folds=2, seed=0).model
    predict, new = by_tables(again, names), drawn(seed=4)
    expected = again.predict_proba(new.select(names).to_pandas())[:, 1]
    np.testing.assert_allclose(predict(new), expected, rtol=0, atol=1e-12)
    assert np.abs(expected - model.predict_proba(new.select(names).to_pandas())[:, 1]).max() > 0.001


@pytest.mark.parametrize(
    "steps", [(StandardScaler(), HistGradientBoostingClassifier(max_iter=3)), (DecisionTreeClassifier(max_depth=3),)]
)
def test_of_any_other_model_nothing_is_known(steps):
    frame = drawn().select(NUMBERS).to_pandas()
    assert by_tables(make_pipeline(*steps).fit(frame, frame["size"] > 0), NUMBERS) is None


def test_scikit_learn_scores_by_itself_in_another_release_and_where_tables_would_be_too_large(monkeypatch):
    model, _ = fitted(NUMBERS)
    with monkeypatch.context() as patched:
        patched.setattr(sklearn, "__version__", "2.0.0")
        assert by_tables(model, NUMBERS) is None
    monkeypatch.setattr(boosting, "MOST_BYTES", 1000)
    assert by_tables(model, NUMBERS) is None


def test_tables_that_do_not_say_what_the_model_says_are_not_used(monkeypatch, caplog):
    model, read = fitted(NUMBERS)[0], boosting.ensemble
    monkeypatch.setattr(boosting, "ensemble", lambda model: replace(read(model), start=read(model).start + 1e-6))
    with caplog.at_level(logging.WARNING):
        assert by_tables(model, NUMBERS) is None
    assert "off from scikit-learn" in caplog.text
