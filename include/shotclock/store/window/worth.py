"""What each feature is worth to a version, on rows that it had not learnt from."""

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from shotclock.config import Project
from shotclock.judging.figure import Figure
from shotclock.judging.slices.worsening import Labelled, Predict
from shotclock.judging.slices.worsening import worth as by_shuffling
from shotclock.models.predictor import predictor
from shotclock.store.versions import registry

MOST_SHUFFLED = 10_000
"""Rows by which a feature's worth is measured, at the most: a sample of more."""


def worth(rules: Project, version: registry.Version, *sides: Labelled) -> list[dict[str, Figure]]:
    """Of each side what every feature is worth, the dearest first; none where all labels are the same, or there are none.

    Raises:
        StoreError: the stored model is missing, or is not the one that was registered.
    """
    features = list(rules.columns.features)
    predict, confidence, seed = _predict(version, features), rules.degradation.confidence, rules.drift.seed
    return [by_shuffling(predict, _some(rules, side), features, confidence=confidence, seed=seed) for side in sides]


def labelled(rules: Project, rows: pd.DataFrame) -> Labelled:
    """The rows whose labels are known."""
    columns = rules.columns
    known = rows[rows[columns.target].notna()].reset_index(drop=True)
    labels, given = (known[name].to_numpy(dtype=np.float64) for name in (columns.target, columns.probability))
    return Labelled(known[list(columns.features)], labels, given)


def _some(rules: Project, side: Labelled) -> Labelled:
    if len(side.labels) <= MOST_SHUFFLED:
        return side
    chosen = np.sort(np.random.default_rng(rules.drift.seed).choice(len(side.labels), MOST_SHUFFLED, replace=False))
    return Labelled(side.rows.iloc[chosen].reset_index(drop=True), side.labels[chosen], side.probability[chosen])


def _predict(version: registry.Version, features: list[str]) -> Predict:
    given = predictor(version.load(), features, version.number)

    def predict(rows: pd.DataFrame) -> NDArray[Any]:
        return given(pa.RecordBatch.from_pandas(rows[features], preserve_index=False))

    return predict
