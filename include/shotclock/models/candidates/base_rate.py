"""The base rate as a model: of every row it says how often label 1 came. It serves where nothing is proven better."""

from sklearn.dummy import DummyClassifier
from sklearn.pipeline import Pipeline

from shotclock.config import BASE_RATE
from shotclock.models.candidates import Trained
from shotclock.models.candidates.algorithms import MODEL, Rows
from shotclock.models.candidates.recalibration import cross_validated


def base_rate(rows: Rows, *, folds: int, seed: int) -> Trained:
    """Learn the share of label 1 in these rows."""
    metrics, cv = cross_validated(constant, rows, folds, seed)
    params = {"positive_rate": float(rows.labels.mean())}
    tried = [{**params, "log_loss": cv["log_loss"]}]
    return Trained(BASE_RATE, "scikit-learn", constant(rows), params, metrics, cv, tried)


def constant(rows: Rows) -> Pipeline:
    """The model alone."""
    return Pipeline([(MODEL, DummyClassifier(strategy="prior"))]).fit(rows.features, rows.labels)
