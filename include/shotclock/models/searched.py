"""What a search over settings found, as values: what reads them need not load what trains."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from shotclock.config import Backend

Settings = Mapping[str, int | float | None]
Folds = list[dict[str, float]]
"""Metrics by name, a dict for each fold."""


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
        cut_short: whether it had a setting left to try beyond its space when the steps that it may take there ran out.
    """

    backend: Backend
    tried: tuple[Tried, ...]
    best: int
    folds: Folds
    cut_short: bool = False

    @property
    def settings(self) -> Settings:
        """The best one."""
        return self.tried[self.best].settings


@dataclass(frozen=True)
class Tuned:
    """Settings that serve for a while.

    Attributes:
        rows: how many rows they were searched on.
        newest: the digest of the newest of these, see `steps.recipes.kept.digests`.
        by: the run of the flow that searched them.
    """

    search: Search
    rows: int
    newest: str
    by: str


@dataclass(frozen=True)
class Searched:
    """A candidate, and what the search of its settings found."""

    algorithm: str
    search: Search
