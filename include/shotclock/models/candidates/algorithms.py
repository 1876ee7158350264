"""What each algorithm is: its scikit-learn pipeline, and the settings that a search may try."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from pandas import DataFrame
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from shotclock.config import ALGORITHMS, Backend
from shotclock.errors import ConfigError

MODEL = "model"  # the name of the pipeline's last step

# Only regularised settings, so that a search of a single draw ends well too. A tree grown without bounds has pure
# leaves: it is certain where it knows nothing, and its log loss is about 14 where the constant predictor's is 0.69.
SPACES: Mapping[str, dict[str, list[Any]]] = {
    "decision_tree": {
        "max_depth": [2, 3, 4, 5],
        "min_samples_leaf": [50, 100, 150, 200, 250, 300],
    },
    "logistic_regression": {
        "C": [0.001, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0],
    },
    "gradient_boosting": {
        "learning_rate": [0.03, 0.05, 0.1],
        "max_iter": [50, 100],
        "max_leaf_nodes": [3, 4, 6, 8],
    },
}

Settings = Mapping[str, int | float | None]
Folds = list[dict[str, float]]
"""Metrics by name, a dict for each fold."""


def chosen(names: Collection[str]) -> list[str]:
    """The algorithms of these names, each once.

    Raises:
        ConfigError: an algorithm that does not exist.
    """
    unknown = sorted(set(names) - set(ALGORITHMS))
    if unknown:
        raise ConfigError(f"candidates: found {', '.join(unknown)}, allowed: {', '.join(ALGORITHMS)}")
    return list(dict.fromkeys(names))


@dataclass(frozen=True)
class Plan:
    """What is searched: which algorithm, over how many folds and settings, from which seed."""

    algorithm: str
    folds: int
    iterations: int
    seed: int

    @property
    def settings(self) -> list[Settings]:
        """What every backend tries, in this order: the library's defaults, then up to `iterations` other settings of the space.

        None is there twice. More iterations add settings and change none, and no library has a say in the draw.
        """
        every = [dict(zip(self._space, values, strict=True)) for values in product(*self._space.values())]
        others = [settings for settings in every if settings != self.defaults]
        random, drawn = np.random.RandomState(self.seed), dict[int, Settings]()
        while len(drawn) < min(self.iterations, len(others)):
            number = int(random.randint(len(others), dtype=np.uint64))
            drawn.setdefault(number, others[number])
        return [self.defaults, *drawn.values()]

    @property
    def defaults(self) -> Settings:
        """The library's own values of the settings that the search varies."""
        values = self.pipeline({})[MODEL].get_params()
        return {name: values[name] for name in self._space}

    def held_out(self, labels: NDArray[np.int64]) -> NDArray[np.int64]:
        """In which fold each row is held out, from 0, shape (rows,): stratified, shuffled, the same for every algorithm."""
        splitter, numbers = StratifiedKFold(self.folds, shuffle=True, random_state=self.seed), np.empty_like(labels)
        for number, (_, held) in enumerate(splitter.split(labels, labels)):
            numbers[held] = number
        return numbers

    def pipeline(self, settings: Settings) -> Pipeline:
        """The unfitted pipeline, with the library's defaults where `settings` says nothing."""
        return Pipeline(_steps(self.algorithm, self.seed)).set_params(**in_pipeline(settings))

    @property
    def _space(self) -> dict[str, list[Any]]:
        return SPACES[self.algorithm]


@dataclass(frozen=True, eq=False)
class Rows:
    """What candidates learn from.

    Attributes:
        features: shape (rows, features).
        labels: 0 or 1, shape (rows,).
    """

    features: DataFrame
    labels: NDArray[np.int64]


@dataclass(frozen=True)
class Entry:
    """One candidate of a comparison: what is searched, and over which rows. Candidates may share them."""

    name: str
    plan: Plan
    rows: Rows


@dataclass(frozen=True)
class Tried:
    """A setting, and its log loss in each fold, in nats per row."""

    settings: Settings
    log_losses: tuple[float, ...]

    @property
    def log_loss(self) -> float:
        return float(np.mean(self.log_losses))


@dataclass(frozen=True)
class Search:
    """What a backend found.

    Attributes:
        backend: `pycaret` or `scikit-learn`.
        tried: every setting of the plan, in its order: the library's defaults come first.
        best: the number of the one with the lowest mean log loss; between equals the first.
        folds: the metrics of that one: `log_loss` (of probabilities), `roc_auc`, `accuracy`, `f1` (the last two at a
            probability of 0.5).
    """

    backend: Backend
    tried: tuple[Tried, ...]
    best: int
    folds: Folds

    @property
    def settings(self) -> Settings:
        """The best one."""
        return self.tried[self.best].settings


class Searching(Protocol):
    """A backend: it tries every setting of each entry's plan on the folds of its rows, and makes up none of its own."""

    def search(self, entries: Sequence[Entry]) -> list[Search]:
        """What was found for each entry, in their order."""
        ...


def in_pipeline(settings: Settings) -> Settings:
    """The settings by the names that a pipeline knows them by."""
    return {f"{MODEL}__{name}": value for name, value in settings.items()}


def _steps(algorithm: str, seed: int) -> list[tuple[str, Any]]:
    if algorithm == "decision_tree":
        return [(MODEL, DecisionTreeClassifier(random_state=seed))]
    if algorithm == "logistic_regression":
        return [("scale", StandardScaler()), (MODEL, LogisticRegression(max_iter=1000))]
    # Early stopping would hold rows back, and by default does so on large data only.
    return [(MODEL, HistGradientBoostingClassifier(early_stopping=False, random_state=seed))]
