"""The blend: the weighed mean of several models' probabilities, as one pipeline that takes the raw row."""

from collections.abc import Mapping

import numpy as np
from pandas import DataFrame
from sklearn.ensemble import VotingClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline

from shotclock.config import BLEND


def blended(parts: Mapping[str, tuple[float, Pipeline]], features: DataFrame) -> Pipeline:
    """A pipeline of fitted ones, which stay as they are.

    Args:
        parts: each model by its name, with its weight.
        features: some rows as the models take them: their columns are the pipeline's.
    """
    frozen = [(name, FrozenEstimator(model)) for name, (_, model) in parts.items()]
    mean = VotingClassifier(frozen, voting="soft", weights=[weight for weight, _ in parts.values()])
    shown = features.head(2)
    made = Pipeline([(BLEND, mean)]).fit(shown, np.arange(len(shown)) % 2)  # it learns only that there are 0 and 1
    mean.named_estimators_ = dict(mean.named_estimators_)  # or scikit-learn's kind must be trusted in stored files, too
    return made
