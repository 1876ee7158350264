"""What a feature may hold, what speaks against a column as a feature, and whether it gives the target away."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from shotclock.config import Feature
from shotclock.projects.init.convert import Column, is_number, is_text

MOST_NULLS = 0.05  # share of rows: more would be set aside than a model should be trained without
TELLING = 0.8  # share of the target's uncertainty that one feature alone takes away: the world is rarely that kind
FAR = 10  # times the width in which 99 of 100 values lie
_BINS = 64
_ROWS_A_BIN = 50
_OUTSIDE = 0.5

Floats = npt.NDArray[np.float64]


def is_usable(column: Column) -> bool:
    """Whether the values are numbers at all."""
    return is_number(column.type)


def against(column: Column, training: npt.NDArray[np.bool_]) -> str:
    """Why the column had better not be a feature; empty where nothing speaks against it."""
    known = column.drop_null()
    nulls = column.null_count / len(column)
    if not len(known):
        return "no value at all"
    if not is_usable(column):
        return f"{_kind(known)}: only numbers can be features"
    if pc.count_distinct(known).as_py() == 1:
        return f"{known[0]} in every row"
    if nulls > MOST_NULLS:
        return f"no value in {nulls:.1%} of the rows, which would be set aside"
    outside = _outside(column, training)
    if outside > _OUTSIDE:
        return f"{outside:.0%} of the production rows lie outside of what training has seen: it tells when, not what"
    return ""


def _kind(column: Column) -> str:
    if not is_text(column.type):
        return str(column.type)
    return f"text, {pc.count_distinct(column).as_py():,} different ones{_mixed(column)}"


def _mixed(texts: Column) -> str:
    """Which words stand among numbers, where most of a column of text are numbers."""
    numbers = pc.match_substring_regex(texts, r"^\s*[+-]?\d+([.,]\d+)?\s*$")
    if pc.mean(numbers.cast(pa.float64())).as_py() < _OUTSIDE:
        return ""
    words = texts.filter(pc.invert(numbers)).unique().slice(0, 5).to_pylist()
    return f", mostly numbers, but for {', '.join(map(repr, words))}" if words else ", all of digits"


def _outside(column: Column, training: npt.NDArray[np.bool_]) -> float:
    values = _floats(column)
    seen, met = values[training], values[~training]
    seen, met = seen[~np.isnan(seen)], met[~np.isnan(met)]
    if not len(seen) or not len(met):
        return 0.0
    return float(np.mean((met < seen.min()) | (met > seen.max())))


def describe(column: Column) -> tuple[Feature, str]:
    """The feature's rules, and what they were read from.

    The range is as far beyond the values seen on either side as they are apart: it is to catch another unit or a code for
    "unknown", and to let drift pass. Where nothing negative was seen, nothing negative is allowed.
    """
    extremes = pc.min_max(column)
    low, high = extremes["min"].as_py(), extremes["max"].as_py()
    seen = f"{low:g} to {high:g}" + (f", {column.null_count:,} without" if column.null_count else "")
    whole = pa.types.is_integer(column.type)
    if whole and {low, high} == {0, 1}:
        return Feature(type="integer", allowed=(0, 1), drift="jensenshannon"), f"seen {seen}"
    span = high - low
    smallest = 0.0 if 0 <= low <= span else _rounded(low - span, math.floor)
    return Feature(
        type="integer" if whole else "number", min=smallest, max=_rounded(high + span, math.ceil)
    ), f"seen {seen}"


def _rounded(value: float, way: Callable[[float], int]) -> float:
    """To two digits, by `way`: math.floor or math.ceil."""
    if value == 0:
        return 0.0
    unit = 10.0 ** (math.floor(math.log10(abs(value))) - 1)
    return float(f"{way(value / unit) * unit:.12g}")


def outlier(name: str, column: Column) -> str:
    """A warning where a few values lie far away from all others: another unit, or a code for "unknown"; otherwise empty."""
    values = _floats(column.drop_null())
    low, high = np.quantile(values, [0.005, 0.995], method="nearest")
    width = high - low
    if not width or values.max() - values.min() <= FAR * width:
        return ""
    return (
        f"'{name}' goes from {values.min():g} to {values.max():g}, but 99 of 100 values lie between {low:g} and {high:g}: "
        "is there another unit, or a code for 'unknown'? If so, correct its min and max in the project file"
    )


def leak(name: str, column: Column, labels: Column) -> str:
    """A warning where the feature alone takes away nearly all uncertainty about the target; otherwise empty.

    The feature is cut into up to 64 bins of equally many rows; each bin's own rate is the prediction. Its log-loss skill,
    `1 - log loss / log loss of the base rate`, is 1 where the feature determines the target.
    """
    skill = _skill(_floats(column), _floats(labels))
    if skill < TELLING:
        return ""
    return (
        f"'{name}' alone tells the target nearly or wholly (skill {skill:.2f} of 1): is it known before the outcome? "
        f"If not, begin again with --exclude {name}"
    )


def _skill(values: Floats, labels: Floats) -> float:
    known = ~np.isnan(values) & ~np.isnan(labels)
    values, labels = values[known], labels[known]
    base = _entropy(np.array([len(labels)]), np.array([labels.sum()]))
    if not base:
        return 0.0
    edges = np.unique(np.quantile(values, np.linspace(0, 1, min(_BINS, len(values) // _ROWS_A_BIN + 1) + 1)[1:-1]))
    bins = np.searchsorted(edges, values, side="left")
    inside = _entropy(np.bincount(bins), np.bincount(bins, weights=labels))
    return 1 - inside / base


def _entropy(rows: npt.NDArray[np.int64], positive: npt.NDArray[Any]) -> float:
    """Nats of uncertainty left, summed over all rows, when each group's rate is known."""
    rate = np.divide(positive, rows, out=np.zeros(len(rows)), where=rows > 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        nats = -(rate * np.log(rate) + (1 - rate) * np.log1p(-rate))
    return float(np.sum(rows * np.nan_to_num(nats, nan=0.0)))


def _floats(column: Column) -> Floats:
    return np.asarray(column.cast(pa.float64()).to_numpy(), dtype=np.float64)
