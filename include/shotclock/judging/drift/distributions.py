"""How a column's values spread over a window and over its reference, as shares of a few bins: small enough to be drawn."""

from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from shotclock.rows.values import in_order

BINS = 24
_MOST_VALUES = 24  # distinct whole numbers that get a bar each
_TAIL = 0.005  # of the values on either side, that must not stretch the axis: they count in the outermost bins

Floats = NDArray[np.float64]
Values: TypeAlias = "Sequence[float] | Floats | pd.Series[Any]"


@dataclass(frozen=True)
class Distribution:
    """Two sides of one column. Each side's shares add up to 1, or are all 0 where it has no value.

    Attributes:
        labels: what each bin holds: a value, or a span of values.
        middles: where each bin stands on the axis.
        current, reference: the bins' shares of each side's values.
        rows_current, rows_reference: values that each side has; missing ones do not count.
        mean_current, mean_reference: None where a side has no value, or values that are text.
        missing_current, missing_reference: shares of each side's rows that have no value.
    """

    labels: tuple[str, ...]
    middles: tuple[float, ...]
    current: tuple[float, ...]
    reference: tuple[float, ...]
    rows_current: int
    rows_reference: int
    mean_current: float | None
    mean_reference: float | None
    missing_current: float = 0.0
    missing_reference: float = 0.0


def of_columns(
    current: pd.DataFrame, reference: pd.DataFrame, columns: Iterable[str], texts: Container[str]
) -> dict[str, Distribution]:
    """How each of the columns spreads over two sides; `texts`: those that hold text."""
    return {name: (compare_levels if name in texts else compare)(current[name], reference[name]) for name in columns}


def compare(current: Values, reference: Values) -> Distribution:
    """Put both sides' values into the same bins: one for each value where they are few whole numbers, else equal spans.

    Args:
        current, reference: numbers, shape (rows,); NaN counts as missing.
    """
    now, then = (_known(side) for side in (current, reference))
    both = np.concatenate([now, then])
    values, whole = np.unique(both), bool(np.array_equal(both, np.trunc(both)))
    if whole and len(values) <= _MOST_VALUES:
        labels, middles = tuple(f"{value:g}" for value in values), values
        places = [np.searchsorted(values, side) for side in (now, then)]
    else:
        edges = _edges(both, whole)
        labels, middles = _spans(edges, whole), (edges[:-1] + edges[1:] - whole) / 2
        last = len(labels) - 1
        places = [np.clip(np.searchsorted(edges, side, side="right") - 1, 0, last) for side in (now, then)]
    shares = [_shares(place, len(middles)) for place in places]
    means = [float(side.mean()) if len(side) else None for side in (now, then)]
    lacking = [_lacking(len(side), len(given)) for side, given in ((now, current), (then, reference))]
    return Distribution(
        labels, tuple(middles.tolist()), shares[0], shares[1], len(now), len(then), means[0], means[1], *lacking
    )


def compare_levels(current: "pd.Series[Any]", reference: "pd.Series[Any]") -> Distribution:
    """A category's levels, the most frequent ones of both sides together, in their order (`values.in_order`); then all others.

    Args:
        current, reference: texts, or None where one is missing.
    """
    now, then = current.dropna(), reference.dropna()
    counts = pd.concat([now, then]).value_counts().sort_index().sort_values(ascending=False, kind="stable")
    few = len(counts) <= _MOST_VALUES
    shown = in_order(map(str, counts.index if few else counts.index[: _MOST_VALUES - 1]))
    number = {level: place for place, level in enumerate(shown)}
    labels = tuple(shown) if few else (*shown, f"{len(counts) - len(shown):,} others")
    places = [side.map(number).fillna(len(shown)).to_numpy(dtype=np.int64) for side in (now, then)]
    shares = [_shares(place, len(labels)) for place in places]
    lacking = [_lacking(len(side), len(given)) for side, given in ((now, current), (then, reference))]
    middles = tuple(map(float, range(len(labels))))
    return Distribution(labels, middles, shares[0], shares[1], len(now), len(then), None, None, *lacking)


def _lacking(known: int, rows: int) -> float:
    return (rows - known) / max(1, rows)


def _known(values: ArrayLike) -> Floats:
    given = np.asarray(values, dtype=float)
    found: Floats = given[~np.isnan(given)]
    return found


def _edges(values: Floats, whole: bool) -> Floats:
    """The bounds of at most `BINS` equal spans between the tails of both sides together.

    Spans of whole numbers hold the same count of them each, or a bar would be high for holding one more.
    """
    low, high = np.quantile(values, [_TAIL, 1 - _TAIL])
    if low == high:  # nearly everything is one value: the tails are all there is to see
        low, high = values.min(), values.max()
    if not whole:
        edges: Floats = np.linspace(low, high, BINS + 1)
        return edges
    low, high = np.floor(low), np.floor(high) + 1
    step = np.ceil((high - low) / BINS)
    steps: Floats = low + step * np.arange(np.ceil((high - low) / step) + 1)
    return steps


def _spans(edges: Floats, whole: bool) -> tuple[str, ...]:
    """The bins in words. The outermost ones hold what lies beyond too."""
    inner = [_span(low, high, whole) for low, high in pairwise(edges[1:-1])]
    return (f"below {edges[1]:.6g}", *inner, f"{edges[-2]:.6g} or more")


def _span(low: float, high: float, whole: bool) -> str:
    if whole and high == low + 1:
        return f"{low:.6g}"
    return f"{low:.6g} to {high - whole:.6g}"


def _shares(places: NDArray[np.integer[Any]], bins: int) -> tuple[float, ...]:
    counts = np.bincount(places, minlength=bins)
    return tuple((counts / max(1, len(places))).tolist())
