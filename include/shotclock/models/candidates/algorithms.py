"""What each algorithm is: its scikit-learn pipeline, and the settings that a search may try."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray
from pandas import DataFrame
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier

from shotclock.config import ALGORITHMS, Feature
from shotclock.errors import ConfigError
from shotclock.models.searched import Search, Settings

MODEL = "model"  # the name of the pipeline's last step
ENCODE = "encode"  # of the step that makes numbers of all columns, where a pipeline needs one
RARE = {"decision_tree": 10, "logistic_regression": 2}
"""A level with fewer rows has no column of its own: it shares one with all such and with those never seen. No leaf is smaller
than the tree's; a regression draws what it says of a level in few rows to 0 by itself, and long tails of such levels tell."""
MOST_LEVELS = 254  # that boosting tells apart; of scikit-learn's 255 bins one is kept for what is missing

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
        "max_iter": [50, 100, 200],
        "max_leaf_nodes": [4, 8, 16, 31],
        "min_samples_leaf": [20, 50, 100],
    },
}
LADDERS: Mapping[str, dict[str, list[Any]]] = {
    "decision_tree": {
        "max_depth": [1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 15],
        "min_samples_leaf": [10, 20, 30, 50, 100, 150, 200, 250, 300, 400, 600, 1000, 2000],
    },
    "logistic_regression": {
        "C": [1e-5, 1e-4, 0.001, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 1e3, 1e4],
    },
    "gradient_boosting": {
        "learning_rate": [0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2, 0.4],
        "max_iter": [12, 25, 50, 100, 200, 400, 800, 1600],
        "max_leaf_nodes": [2, 3, 4, 8, 16, 31, 63, 127],
        "min_samples_leaf": [5, 10, 20, 50, 100, 200, 400, 800],
    },
}
"""All values of a setting, in order: those of its space, and on either side where a search goes on that ends at its edge."""

_NO_LESS = {"max_depth": 1, "max_leaf_nodes": 2}  # no tree is smaller: such an end is none of ours


def chosen(names: Collection[str]) -> list[str]:
    """The algorithms of these names, each once.

    Raises:
        ConfigError: an algorithm that does not exist.
    """
    unknown = sorted(set(names) - set(ALGORITHMS))
    if unknown:
        raise ConfigError(f"candidates: found {', '.join(unknown)}, allowed: {', '.join(ALGORITHMS)}")
    return list(dict.fromkeys(names))


def at_edge(algorithm: str, settings: Mapping[str, object]) -> list[str]:
    """The settings whose value is the first or the last that a search would ever try: a better one may lie beyond.

    Args:
        settings: values by name, or their texts. A value that is on no ladder, such as a library's default, is at no edge.
    """
    ends = {
        name: {str(end) for end in (ladder[0], ladder[-1]) if end != _NO_LESS.get(name)}
        for name, ladder in LADDERS.get(algorithm, {}).items()
    }
    return [name for name, value in settings.items() if str(value) in ends.get(name, ())]


@dataclass(frozen=True)
class Inputs:
    """What a pipeline must know of its columns, each by its place: which hold text, and which may lack values."""

    categories: tuple[int, ...] = ()
    numbers: tuple[int, ...] = ()
    missing: tuple[int, ...] = ()

    @classmethod
    def of(cls, features: Mapping[str, Feature]) -> Self:
        rules = list(enumerate(features.values()))
        return cls(
            categories=tuple(place for place, rule in rules if rule.is_text),
            numbers=tuple(place for place, rule in rules if not rule.is_text),
            missing=tuple(place for place, rule in rules if rule.may_be_missing),
        )

    @property
    def gaps(self) -> bool:
        """Whether a number may be missing."""
        return not set(self.numbers).isdisjoint(self.missing)


@dataclass(frozen=True)
class Plan:
    """What is searched: which algorithm, over how many folds and settings, from which seed, on which kinds of columns."""

    algorithm: str
    folds: int
    iterations: int
    seed: int
    inputs: Inputs = field(default_factory=Inputs)

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

    def beyond(self, settings: Settings) -> Iterator[Settings]:
        """These settings with one value a step further out, for each value at the edge of the space or outside of it."""
        for name, value in settings.items():
            space, ladder = self._space[name], LADDERS[self.algorithm][name]
            place = ladder.index(value) if value in ladder else None
            if place is not None and 0 < place <= ladder.index(space[0]):
                yield {**settings, name: ladder[place - 1]}
            if place is not None and ladder.index(space[-1]) <= place < len(ladder) - 1:
                yield {**settings, name: ladder[place + 1]}

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
        return Pipeline(_steps(self.algorithm, self.seed, self.inputs)).set_params(**in_pipeline(settings))

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


class Searching(Protocol):
    """A backend: it tries every setting of each entry's plan on the folds of its rows, and makes up none of its own."""

    def search(self, entries: Sequence[Entry]) -> list[Search]:
        """What was found for each entry, in their order."""
        ...


def in_pipeline(settings: Settings) -> Settings:
    """The settings by the names that a pipeline knows them by."""
    return {f"{MODEL}__{name}": value for name, value in settings.items()}


def _steps(algorithm: str, seed: int, inputs: Inputs) -> list[tuple[str, Any]]:
    """A pipeline takes the rows as they are kept: numbers, and text where `inputs` says so."""
    if algorithm == "decision_tree":
        return [*_encoded(inputs, algorithm, scale=False), (MODEL, DecisionTreeClassifier(random_state=seed))]
    if algorithm == "logistic_regression":
        first = _encoded(inputs, algorithm, scale=True) or [("scale", StandardScaler())]
        return [*first, (MODEL, LogisticRegression(max_iter=1000))]
    # Early stopping would hold rows back, and by default does so on large data only.
    boosting = HistGradientBoostingClassifier(early_stopping=False, random_state=seed)
    if not inputs.categories:
        return [(MODEL, boosting)]
    boosting.set_params(categorical_features=list(range(len(inputs.categories))))
    return [(ENCODE, _ordinal(inputs)), (MODEL, boosting)]


def _encoded(inputs: Inputs, algorithm: str, *, scale: bool) -> list[tuple[str, Any]]:
    """Nothing where all columns are numbers without gaps. Else: medians for gaps, marked as such; a column for each level."""
    if not inputs.categories and not inputs.gaps:
        return []
    # A column without one value in these rows is kept: it may have some in others.
    filled = SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True)
    steps = [*([("fill", filled)] if inputs.gaps else []), *([("scale", StandardScaler())] if scale else [])]
    numbers = Pipeline(steps) if steps else "passthrough"
    levels = OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=RARE[algorithm])
    return [(ENCODE, _apart(inputs, levels, numbers))]


def _ordinal(inputs: Inputs) -> ColumnTransformer:
    """Numbers for the most frequent levels, one for all others; none for a level never seen, which is as if it were missing."""
    levels = OrdinalEncoder(
        handle_unknown="use_encoded_value",
        unknown_value=np.nan,
        encoded_missing_value=np.nan,
        max_categories=MOST_LEVELS,
    )
    return _apart(inputs, levels, "passthrough")


def _apart(inputs: Inputs, levels: Any, numbers: Any) -> ColumnTransformer:
    parts = [("levels", levels, inputs.categories), ("numbers", numbers, inputs.numbers)]
    return ColumnTransformer([(name, step, list(places)) for name, step, places in parts if places])
