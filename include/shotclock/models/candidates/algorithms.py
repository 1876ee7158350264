"""What each algorithm is: its scikit-learn pipeline, and the settings that a search may try."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from shotclock.config import ALGORITHMS
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

Settings = dict[str, Any]
Folds = list[dict[str, float]]


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
    """What a backend is asked to search: which algorithm, over how many folds and settings, from which seed."""

    algorithm: str
    folds: int
    iterations: int
    seed: int

    @property
    def space(self) -> dict[str, list[Any]]:
        return SPACES[self.algorithm]

    @property
    def draws(self) -> int:
        """How many settings are tried: no setting twice, so a small space ends the search early."""
        return min(self.iterations, prod(len(values) for values in self.space.values()))

    @property
    def defaults(self) -> Settings:
        """The library's own values of the settings that the search varies."""
        return self.named(self.pipeline({})[MODEL].get_params())

    @property
    def splitter(self) -> StratifiedKFold:
        """The folds, the same for every algorithm and backend."""
        return StratifiedKFold(self.folds, shuffle=True, random_state=self.seed)

    def named(self, values: Mapping[str, Any], prefix: str = "") -> Settings:
        """The settings that the search varies, taken from `values`, always in the same order."""
        return {name: values[f"{prefix}{name}"] for name in self.space}

    def pipeline(self, settings: Settings) -> Pipeline:
        """The unfitted pipeline, with the library's defaults where `settings` says nothing."""
        model = Pipeline(_steps(self.algorithm, self.seed))
        return model.set_params(**{f"{MODEL}__{name}": value for name, value in settings.items()})


@dataclass(frozen=True)
class Search:
    """What a backend found.

    Attributes:
        settings: the estimator's settings with the lowest mean log loss, by name.
        folds: their metrics, a dict for each fold.
        tried: every setting with its mean log loss under `log_loss`; the library's defaults come first.
    """

    settings: Settings
    folds: Folds
    tried: list[dict[str, Any]]


def _steps(algorithm: str, seed: int) -> list[tuple[str, Any]]:
    if algorithm == "decision_tree":
        return [(MODEL, DecisionTreeClassifier(random_state=seed))]
    if algorithm == "logistic_regression":
        return [("scale", StandardScaler()), (MODEL, LogisticRegression(max_iter=1000))]
    # Early stopping would hold rows back, and by default does so on large data only.
    return [(MODEL, HistGradientBoostingClassifier(early_stopping=False, random_state=seed))]
