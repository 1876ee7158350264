"""How differently two versions decide on the same rows: what a promotion changes for those who act on predictions."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from shotclock.config import GateRules
from shotclock.judging.figure import Figure
from shotclock.judging.gate import resampled_means
from shotclock.judging.performance import THRESHOLD


@dataclass(frozen=True)
class Churn:
    """Over `rows` rows, with the intervals of a stationary bootstrap: see `judging.gate.resampled_means`.

    Attributes:
        flipped: share of rows that are predicted 1 by one version and 0 by the other (Milani Fard and others 2016).
        moved: mean absolute difference between the two probabilities.
    """

    rows: int
    flipped: Figure
    moved: Figure

    @classmethod
    def among(cls, numbers: Mapping[str, float]) -> "Churn | None":
        """The inverse of `flat`; None where it was not measured."""
        flipped, moved = Figure.among(numbers, "flipped"), Figure.among(numbers, "moved")
        return cls(int(numbers["rows"]), flipped, moved) if flipped and moved else None

    def flat(self) -> dict[str, float]:
        """For a metric store: `rows`, and both figures with their ends."""
        return {"rows": float(self.rows)} | Figure.flat({"flipped": self.flipped, "moved": self.moved})

    def told(self, champion: str) -> str:
        """In a sentence, against the version in service."""
        return (
            f"Of {self.rows:,} rows {self.flipped:.1%} are predicted otherwise than by v{champion}, at a probability of "
            f"{THRESHOLD:g}; a probability moves by {self.moved:.3f} on average."
        )

    def held(self, rules: GateRules) -> str:
        """Why a person has to approve of it first; empty where nobody has.

        Both figures are held against `max_churn`: where one outcome is rare, probabilities may double and none passes one half.
        """
        if rules.max_churn is None or max(self.flipped.value, self.moved.value) <= rules.max_churn:
            return ""
        return (
            f"of {self.rows:,} rows {self.flipped:.1%} would be predicted otherwise than now, and a probability would move "
            f"by {self.moved:.3f} on average; more than gate.max_churn, {rules.max_churn:g}, lets pass without a person's "
            "approval in Airflow"
        )


def churn(before: ArrayLike, after: ArrayLike, rules: GateRules) -> Churn | None:
    """What changes where `after` takes over from `before`; None without rows. No label is needed for it.

    Args:
        before, after: probabilities of label 1 for the same rows in the order of time, each of shape (rows,).
    """
    old, new = np.asarray(before, dtype=np.float64), np.asarray(after, dtype=np.float64)
    if not len(old):
        return None
    flips = ((old >= THRESHOLD) != (new >= THRESHOLD)).astype(np.float64)
    return Churn(len(old), _figure(flips, rules), _figure(np.abs(new - old), rules))


def _figure(values: NDArray[np.float64], rules: GateRules) -> Figure:
    mean, tail = float(values.mean()), (1 - rules.confidence) / 2
    low, high = np.quantile(resampled_means(values, rules.resamples, rules.seed), [tail, 1 - tail])
    return Figure(mean, max(0.0, min(float(low), mean)), max(float(high), mean))
