"""Tuning with scikit-learn alone, in this process."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.metrics import accuracy_score, f1_score, log_loss, roc_auc_score
from sklearn.model_selection import PredefinedSplit, cross_validate
from sklearn.pipeline import Pipeline
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from shotclock.models.candidates.algorithms import Entry
from shotclock.models.searched import Folds, Search, Settings, Tried

_METRICS = ("log_loss", "roc_auc", "accuracy", "f1")


class ScikitLearn:
    """Cross-validates each setting of each entry in turn."""

    def search(self, entries: Sequence[Entry]) -> list[Search]:
        with threadpool_limits(limits=1):  # on fits this small more threads cost time
            return [_search(entry) for entry in entries]


def _search(entry: Entry) -> Search:
    held_out = entry.plan.held_out(entry.rows.labels)
    metrics = [cross_validated(entry, settings, held_out) for settings in entry.plan.settings]
    tried = tuple(
        Tried(settings, tuple(fold["log_loss"] for fold in folds))
        for settings, folds in zip(entry.plan.settings, metrics, strict=True)
    )
    best = int(np.argmin([one.log_loss for one in tried]))
    return Search("scikit-learn", tried, best, metrics[best])


def cross_validated(entry: Entry, settings: Settings, held_out: NDArray[np.int64]) -> Folds:
    """The metrics of these settings, fold by fold; `held_out` as `Plan.held_out` gives it."""
    model, splitter = entry.plan.pipeline(settings), PredefinedSplit(held_out)
    features, labels = entry.rows.features, entry.rows.labels
    scores = cross_validate(model, features, labels, cv=splitter, scoring=_metrics, error_score="raise")
    return [{name: float(scores[f"test_{name}"][fold]) for name in _METRICS} for fold in range(entry.plan.folds)]


def _metrics(model: Pipeline, features: pd.DataFrame, labels: pd.Series) -> dict[str, float]:
    """Of one prediction: scikit-learn's own scorers make three, by which a search takes a tenth longer."""
    probabilities = model.predict_proba(features)
    told = model.classes_[probabilities.argmax(axis=1)]
    return {
        "log_loss": log_loss(labels, probabilities, labels=model.classes_),
        "roc_auc": roc_auc_score(labels, probabilities[:, 1]),
        "accuracy": accuracy_score(labels, told),
        "f1": f1_score(labels, told),
    }
