"""Places on a basketball court: the features of a shot from there, and how a model does in each part of the court.

Places are in feet from the basket: x to its right, y away from the baseline.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pandas import DataFrame

from shotclock.judging.intervals import wilson

from . import Axis, Court

Floats = NDArray[np.float64]

_DIGITS = 6  # of a coordinate: a millionth of a degree is less than a foot by far, and rounding noise is less still


@dataclass(frozen=True)
class Cell:
    """A square of the court: where its middle is, and what was predicted and observed there, as shares of the rows."""

    x: float
    y: float
    rows: int
    predicted: float
    observed: float
    low: float
    """Of the 95 % interval around `observed`."""
    high: float


def features_at(court: Court, x: ArrayLike, y: ArrayLike) -> dict[str, Floats]:
    """What places say about the rows there, one value a place, feature by feature."""
    right, away = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    found = {axis.feature: _value(axis, feet) for axis, feet in ((court.x, right), (court.y, away))}
    if court.distance:
        found[court.distance] = np.floor(np.hypot(right, away))
    return found


def places(court: Court, rows: DataFrame) -> tuple[Floats, Floats]:
    """Where rows are from: the inverse of `features_at`. Two arrays of shape (rows,), in feet."""
    return _feet(court.x, rows), _feet(court.y, rows)


def _value(axis: Axis, feet: Floats) -> Floats:
    return np.round(axis.at_basket + axis.per_foot * feet, _DIGITS)


def _feet(axis: Axis, rows: DataFrame) -> Floats:
    values = rows[axis.feature].to_numpy(dtype=float)
    return np.round((values - axis.at_basket) / axis.per_foot, 3)


def cells(x: Floats, y: Floats, probability: Floats, label: Floats, *, size: float, min_rows: int) -> list[Cell]:
    """The squares of `size` feet that hold at least `min_rows` labelled rows, each with the model's figures there.

    Args:
        x, y, probability, label: shape (rows,); the label is 0, 1, or missing, and then the row is left out.
    """
    known = ~np.isnan(label)
    squares = np.floor(np.column_stack([x, y])[known] / size).astype(int)
    if not len(squares):
        return []
    corners, square, counts = np.unique(squares, axis=0, return_inverse=True, return_counts=True)
    sums = [np.bincount(square.ravel(), weights=values[known]) for values in (probability, label)]
    found = zip(corners, counts, *sums, strict=True)
    return [_cell(corner, int(rows), p, made, size) for corner, rows, p, made in found if rows >= min_rows]


def _cell(corner: NDArray[np.int64], rows: int, probabilities: float, positives: float, size: float) -> Cell:
    x, y = ((corner + 0.5) * size).tolist()
    low, high = wilson(int(positives), rows)
    return Cell(x, y, rows, float(probabilities / rows), float(positives / rows), low, high)
