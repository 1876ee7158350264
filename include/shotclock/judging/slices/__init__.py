"""A model's figures by slices of its rows: by a feature's values, or by bands of them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from statistics import NormalDist
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from shotclock.config import Feature, Slice
from shotclock.judging.figure import Figure
from shotclock.judging.performance import losses
from shotclock.rows.values import in_order

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

MIN_ROWS = 200
"""Fewer rows in a slice tell nothing: the interval of its skill would be wider than what models differ by."""
_BY_DEFAULT = 8  # an integer feature with at most so many values is cut by them, where the project names no slices
_MOST = 12  # values of one feature; the rarest share a slice


@dataclass(frozen=True)
class SliceFigures:
    """One slice. `gap` says why there are no figures.

    Attributes:
        observed, predicted: the share of the label 1, and the mean probability of it.
        log_loss, skill: as in `performance`, with normal intervals.
    """

    label: str
    rows: int
    observed: float | None = None
    predicted: float | None = None
    log_loss: Figure | None = None
    skill: Figure | None = None
    gap: str | None = None


def by_slice(
    rows: pd.DataFrame,
    labels: Floats,
    probability: Floats,
    slices: Mapping[str, Slice],
    *,
    confidence: float = 0.95,
) -> dict[str, list[SliceFigures]]:
    """The figures of each slice, by the slices' name, in the order of the values.

    Args:
        rows: features, shape (rows, features).
        labels: 0 or 1, shape (rows,).
        probability: of the label 1, shape (rows,).
    """
    return {
        name: [
            figures(label, labels[mask], probability[mask], confidence) for label, mask in parts(rows[cut.column], cut)
        ]
        for name, cut in slices.items()
    }


def default_slices(features: Mapping[str, Feature], rows: pd.DataFrame) -> dict[str, Slice]:
    """By the values of each feature, other than of numbers, that has few of them in these rows."""
    few = [name for name, feature in features.items() if feature.type != "number"]
    return {name: Slice(column=name) for name in few if 1 < rows[name].nunique() <= _BY_DEFAULT}


def parts(values: "pd.Series[Any]", cut: Slice) -> Iterator[tuple[str, Mask]]:
    """What each slice is called, in the order of the values, and its rows: a mask of shape (rows,)."""
    missing = values.isna().to_numpy()
    if cut.edges:
        place = np.searchsorted(cut.edges, values.to_numpy(dtype=np.float64), side="right")
        for band, label in enumerate(_bands(cut.edges)):
            yield label, (place == band) & ~missing
    else:
        yield from _by_value(values, missing)
    if missing.any():
        yield "missing", missing


def _by_value(values: "pd.Series[Any]", missing: Mask) -> Iterator[tuple[str, Mask]]:
    counts = values.value_counts().sort_index(kind="stable").sort_values(ascending=False, kind="stable")
    shown = list(counts.index if len(counts) <= _MOST else counts.index[: _MOST - 1])
    for value in in_order(shown):
        yield value if isinstance(value, str) else f"{value:g}", (values == value).to_numpy(dtype=bool)
    if len(shown) < len(counts):
        yield f"{len(counts) - len(shown)} other values", ~values.isin(shown).to_numpy() & ~missing


def _bands(edges: tuple[float, ...]) -> list[str]:
    between = [f"{low:g} to below {high:g}" for low, high in pairwise(edges)]
    return [f"below {edges[0]:g}", *between, f"{edges[-1]:g} and more"]


def figures(label: str, y: Floats, p: Floats, confidence: float) -> SliceFigures:
    """Of the rows of one slice: labels 0 or 1 and probabilities of 1, each of shape (rows,)."""
    rows = len(y)
    if rows < MIN_ROWS:
        return SliceFigures(label, rows, gap=f"too few rows for figures: {MIN_ROWS} are needed")
    rate = float(y.mean())
    if rate in (0.0, 1.0):
        return SliceFigures(label, rows, gap=f"all labels are {int(rate)}: nothing to compare by")
    lost = losses(y, p)
    loss, entropy = float(lost.mean()), constant_loss(rate)
    influence = -(lost - loss) / entropy + loss / entropy**2 * np.log((1 - rate) / rate) * (y - rate)
    z = NormalDist().inv_cdf((1 + confidence) / 2) / rows**0.5
    return SliceFigures(
        label,
        rows,
        rate,
        float(p.mean()),
        _interval(loss, z * float(lost.std())),
        _interval(1 - loss / entropy, z * float(influence.std())),
    )


def constant_loss(rate: float) -> float:
    """Log loss of giving every row the positive rate, which lies between 0 and 1: in nats per row."""
    return float(-(rate * np.log(rate) + (1 - rate) * np.log1p(-rate)))


def _interval(value: float, half: float) -> Figure:
    """Mean ± z standard errors. The skill's come by the delta method: it is a function of two means."""
    return Figure.around(value, half)
