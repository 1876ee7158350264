"""Tuning with scikit-learn alone."""

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import ParameterSampler, cross_validate

from shotclock.models.candidates.algorithms import Folds, Plan, Search, Settings

_SCORERS = {"log_loss": "neg_log_loss", "roc_auc": "roc_auc", "accuracy": "accuracy", "f1": "f1"}


def search(rows: NDArray[np.float64], labels: NDArray[np.int64], plan: Plan) -> Search:
    """Cross-validate the library's defaults and up to `plan.iterations` random settings.

    Args:
        rows: features, shape (rows, features).
        labels: 0 or 1, shape (rows,).
    """
    sampled = ParameterSampler(plan.space, plan.draws, random_state=plan.seed)
    settings = [plan.defaults, *(plan.named(one) for one in sampled)]
    metrics = [_cross_validate(rows, labels, plan, one) for one in settings]
    means = [float(np.mean([fold["log_loss"] for fold in folds])) for folds in metrics]
    best = int(np.argmin(means))
    tried = [{**one, "log_loss": mean} for one, mean in zip(settings, means, strict=True)]
    return Search(settings[best], metrics[best], tried)


def _cross_validate(rows: NDArray[np.float64], labels: NDArray[np.int64], plan: Plan, settings: Settings) -> Folds:
    model = plan.pipeline(settings)
    scores = cross_validate(model, rows, labels, cv=plan.splitter, scoring=_SCORERS, error_score="raise")
    figures = {name: scores[f"test_{name}"] for name in _SCORERS}
    figures["log_loss"] = -figures["log_loss"]
    return [{name: float(values[fold]) for name, values in figures.items()} for fold in range(plan.folds)]
