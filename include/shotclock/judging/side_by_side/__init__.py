"""Two models on the same rows: what the new one gains over the old one, and on which slices."""

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from shotclock.config import Slice
from shotclock.judging.figure import Figure
from shotclock.judging.performance import losses
from shotclock.judging.slices import constant_loss, figures, parts

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Given:
    """Labels, 0 or 1, and the probability of 1 that two models give to the same rows: each of shape (rows,)."""

    labels: Floats
    old: Floats
    new: Floats

    def of(self, mask: NDArray[np.bool_]) -> "Given":
        """Those rows alone."""
        return Given(self.labels[mask], self.old[mask], self.new[mask])

    def saved(self, confidence: float) -> Figure | None:
        """How much less the new model loses than the old one, as a share of what the rows' own positive rate loses; paired
        by row, with a normal interval. None where all labels are the same."""
        rate = float(self.labels.mean()) if len(self.labels) else 0.0
        if rate in (0.0, 1.0):
            return None
        shares = (losses(self.labels, self.old) - losses(self.labels, self.new)) / constant_loss(rate)
        half = NormalDist().inv_cdf((1 + confidence) / 2) * float(shares.std()) / len(shares) ** 0.5
        return Figure.around(float(shares.mean()), half)


def as_share(gain: Figure, labels: Floats) -> Figure | None:
    """A gain in nats per row as a share of what the rows' own positive rate loses; None where all labels are the same."""
    rate = float(labels.mean()) if len(labels) else 0.0
    return None if rate in (0.0, 1.0) else gain.scaled(1 / constant_loss(rate))


@dataclass(frozen=True)
class Pair:
    """One slice: the skill of both models, and what the new one saves. `gap` says why there are no figures."""

    feature: str
    label: str
    rows: int
    old: Figure | None = None
    new: Figure | None = None
    saved: Figure | None = None
    gap: str | None = None


def pairs(rows: pd.DataFrame, given: Given, slices: Mapping[str, Slice], confidence: float) -> list[Pair]:
    """Each slice, the one on which the new model does worst against the old one first; those without figures last.

    Args:
        rows: features, shape (rows, features).
    """
    found = [
        _pair(name, label, given.of(mask), confidence)
        for name, cut in slices.items()
        for label, mask in parts(rows[cut.column], cut)
        if mask.any()
    ]
    return sorted(found, key=lambda one: one.saved.value if one.saved else np.inf)


def _pair(feature: str, label: str, given: Given, confidence: float) -> Pair:
    old, new = (figures(label, given.labels, p, confidence) for p in (given.old, given.new))
    if new.gap:
        return Pair(feature, label, new.rows, gap=new.gap)
    return Pair(feature, label, new.rows, old.skill, new.skill, given.saved(confidence))
