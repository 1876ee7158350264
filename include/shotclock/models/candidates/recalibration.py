"""The recalibrated champion: the old model as it is, its probabilities refitted on recent labels.

Often the cheapest remedy when only the base rate moved: the order of the scores stays, two numbers are learnt (Platt 1999:
a logistic curve from the model's score to the probability).
"""

from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray
from pandas import DataFrame
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import accuracy_score, f1_score, log_loss, roc_auc_score
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import Pipeline

from shotclock.config import RECALIBRATED
from shotclock.models.candidates import Trained
from shotclock.models.candidates.algorithms import Rows
from shotclock.models.searched import Folds

_STEP = "recalibrated"


def recalibrate(champion: Pipeline, rows: Rows, *, folds: int, seed: int) -> Trained:
    """Refit the champion's probabilities on recent rows. A champion that was recalibrated before is unwrapped first.

    Args:
        champion: a fitted pipeline.
        rows: recent ones.
    """
    metrics, cv = cross_validated(partial(recalibrated, champion), rows, folds, seed)
    model = recalibrated(champion, rows)
    curve = model.named_steps[_STEP].calibrated_classifiers_[0].calibrators[0]
    params = {"slope": -float(curve.a_), "intercept": -float(curve.b_)}
    return Trained(RECALIBRATED, "scikit-learn", model, params, metrics, cv, [{**params, "log_loss": cv["log_loss"]}])


def cross_validated(
    fitted: Callable[[Rows], Pipeline], rows: Rows, folds: int, seed: int
) -> tuple[Folds, dict[str, float]]:
    """Figures of what has no settings to search: of each fold, and their means with `log_loss_std`. See `Trained`."""
    features, labels = rows.features, rows.labels
    splitter = StratifiedKFold(folds, shuffle=True, random_state=seed)
    metrics = [
        _metrics(fitted(Rows(features.iloc[fit], labels[fit])), features.iloc[held], labels[held])
        for fit, held in splitter.split(features, labels)
    ]
    cv = {name: float(np.mean([fold[name] for fold in metrics])) for name in metrics[0]}
    return metrics, cv | {"log_loss_std": float(np.std([fold["log_loss"] for fold in metrics]))}


def _unwrapped(champion: Pipeline) -> Pipeline:
    if _STEP not in champion.named_steps:
        return champion
    held = champion.named_steps[_STEP].estimator
    return held.estimator if isinstance(held, FrozenEstimator) else held  # before scikit-learn 1.6 it was held as it is


def recalibrated(champion: Pipeline, rows: Rows) -> Pipeline:
    """The curve learnt from all rows at once; the fold that says so is not kept, since it would be stored with the model."""
    base = _unwrapped(champion)
    every = np.arange(len(rows.labels))
    refitted = CalibratedClassifierCV(FrozenEstimator(base), method="sigmoid", ensemble=False, cv=[(every, every)])
    return Pipeline([(_STEP, refitted)]).fit(rows.features, rows.labels).set_params(**{f"{_STEP}__cv": None})


def _metrics(model: Pipeline, features: DataFrame, labels: NDArray[np.int64]) -> dict[str, float]:
    probability = model.predict_proba(features)[:, 1]
    predicted = probability >= 0.5
    return {
        "log_loss": float(log_loss(labels, probability, labels=[0, 1])),
        "roc_auc": float(roc_auc_score(labels, probability)),
        "accuracy": float(accuracy_score(labels, predicted)),
        "f1": float(f1_score(labels, predicted, zero_division=0.0)),
    }
