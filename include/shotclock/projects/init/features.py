"""What a feature may hold, what speaks against a column as a feature, and whether it gives the target away."""

import math
import sys
from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from shotclock.config import Feature
from shotclock.kinds import is_number, is_text
from shotclock.projects.init.columns import Column
from shotclock.projects.init.convert import few

FEW = 10  # rows: of a level with fewer, a model learns nothing of its own
TELLING = 0.8  # share of the target's uncertainty that one feature alone takes away: the world is rarely that kind
APART = 3  # times the width of all others, from them to a code
WORTH = 0.01  # share of it that makes a part of the time worth a word
FAR = 10  # times the width in which 99 of 100 values lie
_BINS = 64
_ROWS_A_BIN = 50
_HALF = 0.5
_SURE = 4  # spreads beyond what chance does
_SHOWN = 3
_LONG, _SHORT = 24, 60
_SOME, _LETTERS = 4, 64
_PLACES = 4
_HUGE = 1e307

Floats = npt.NDArray[np.float64]
Bins = npt.NDArray[np.int64]


def is_usable(column: Column) -> bool:
    """Whether there are values, and whether these are numbers or text."""
    return column.null_count < len(column) and (is_number(column.type) or is_text(column.type))


def against(column: Column, training: npt.NDArray[np.bool_]) -> str:
    """Why the column had better not be a feature; empty where nothing speaks against it."""
    known = column.drop_null() if column.null_count else column
    seen = known.filter(pa.array(training)) if known is column else column.filter(pa.array(training)).drop_null()
    if not len(seen):
        return "no value in the training rows" if len(known) else "no value at all"
    if not is_usable(column):
        return f"{column.type}: neither numbers nor text"
    if len(few(known, 1)) == 1 and not column.null_count:
        return f"{str(known[0])[:_SHORT]} in every row"
    if is_text(column.type) and (kept := _in_levels(seen)) < _HALF:
        return (
            f"text, {len(_rows_of_levels(known)):,} different ones such as '{known[0].as_py()[:_LONG]}'{_mixed(known)}: only "
            f"{kept:.0%} of the training rows have one that stands in {FEW} of them"
        )
    outside = _outside(column, training)
    if outside > _HALF:
        return f"{outside:.0%} of the production rows lie outside of what training has seen: it tells when, not what"
    return ""


def _in_levels(texts: Column) -> float:
    """The share of rows whose text is no rare one."""
    rows = _rows_of_levels(texts)
    return float(rows[rows >= FEW].sum() / rows.sum())


def _rows_of_levels(texts: Column) -> npt.NDArray[np.int64]:
    """How many rows each level has. Counted by one of their last letters: a table of all texts would be larger than these."""
    lasts = (pc.utf8_slice_codeunits(texts, -place, -place + 1 or None) for place in range(1, _PLACES))
    telling = ((last, few(last, _LETTERS)) for last in lasts)
    last, letters = next(((last, found) for last, found in telling if _SOME < len(found) <= _LETTERS), (texts, []))
    parts = (texts.filter(pc.equal(last, letter)) for letter in letters) if letters else iter([texts])
    encoded = (part.combine_chunks().dictionary_encode() for part in parts)
    return np.concatenate([np.bincount(part.indices.to_numpy(), minlength=1) for part in encoded])


def _mixed(texts: Column) -> str:
    """Which words stand among numbers, where most of a column of text are numbers."""
    numbers = pc.match_substring_regex(texts, r"^\s*[+-]?\d+([.,]\d+)?\s*$")
    if pc.mean(numbers.cast(pa.float64())).as_py() < _HALF:
        return ""
    words = texts.filter(pc.invert(numbers)).unique().slice(0, 5).to_pylist()
    return f", mostly numbers, but for {', '.join(map(repr, words))}" if words else ", all of digits"


def _outside(column: Column, training: npt.NDArray[np.bool_]) -> float:
    """The share of the production rows that are beyond the range, or none of the levels, of training."""
    seen, met = (column.filter(pa.array(side)).drop_null() for side in (training, ~training))
    if not len(seen) or not len(met):
        return 0.0
    if is_text(column.type):
        known = pc.is_in(met, pc.unique(seen))
        return 1 - float(pc.mean(known.cast(pa.float64())).as_py())
    before, after = _floats(seen), _floats(met)
    return float(np.mean((after < before.min()) | (after > before.max())))


def describe(column: Column) -> tuple[Feature, str]:
    """The feature's rules, and what they were read from. A column with gaps may have some later, too.

    The range is as far beyond the values seen on either side as they are apart: it is to catch another unit or a code for
    "unknown", and to let drift pass. Where nothing negative was seen, nothing negative is allowed. A text may be any: one
    that training has never seen is scored like the rare ones.
    """
    missing: Literal["allowed", "refused"] = "allowed" if column.null_count else "refused"
    gaps = f", {column.null_count:,} without" if column.null_count else ""
    if is_text(column.type):
        return Feature(type="category", missing=missing), f"{_levels(column)}{gaps}"
    extremes = pc.min_max(column)
    low, high = extremes["min"].as_py(), extremes["max"].as_py()
    seen = f"seen {low:g} to {high:g}{gaps}"
    whole = pa.types.is_integer(column.type)
    if whole and {low, high} == {0, 1}:
        return Feature(type="integer", allowed=(0, 1), missing=missing, drift="jensenshannon"), seen
    span = high - low
    smallest = 0.0 if 0 <= low <= span else _rounded(low - span, math.floor)
    largest = _rounded(high + span, math.ceil)
    return Feature(type="integer" if whole else "number", missing=missing, min=smallest, max=largest), seen


def _levels(texts: Column) -> str:
    """How many levels there are, and the most frequent ones."""
    known = texts.drop_null()
    counts = pc.value_counts(known)
    order = np.argsort(-counts.field("counts").to_numpy(), kind="stable")[:_SHOWN]
    names = ", ".join(str(counts.field("values")[int(place)])[:_LONG] for place in order)
    more = ", …" if len(counts) > _SHOWN else ""
    return f"{len(counts):,} different ones{_mixed(known)}: {names}{more}"


def _rounded(value: float, way: Callable[[float], int]) -> float:
    """To two digits, by `way`: math.floor or math.ceil; what is nearly too large for a number as it is."""
    if not 0 < abs(value) < _HUGE:
        return max(-sys.float_info.max, min(value, sys.float_info.max))
    unit = 10.0 ** (math.floor(math.log10(abs(value))) - 1)
    return float(f"{way(value / unit) * unit:.12g}")


@np.errstate(over="ignore")  # between the largest numbers lies more than a number holds
def outlier(name: str, column: Column) -> str:
    """A warning where numbers lie far away from all others: another unit, or a code for "unknown"; otherwise empty."""
    if is_text(column.type):
        return ""
    values = _floats(column.drop_null())
    return _code(name, values) or _rare(name, values)


def _code(name: str, values: Floats) -> str:
    """That the least or greatest number, which stands in many rows, is far from all others, as 999 and -1 are among ages."""
    for end in (values.min(), values.max()):
        others = values[values != end]
        if len(values) - len(others) < FEW or not len(others):
            continue
        low, high = np.quantile(others, [0.005, 0.995], method="nearest")
        away = others.min() - end if end < others.min() else end - others.max()
        if low < high and away > APART * (high - low):
            return (
                f"'{name}' is {end:g} in {len(values) - len(others):,} rows, and {others.min():g} to {others.max():g} in all "
                "others: is that a code for 'unknown'? If so, leave these values empty, or correct its min and max in the "
                "project file"
            )
    return ""


def _rare(name: str, values: Floats) -> str:
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

    A number is cut into up to 64 bins of equally many rows, a text into its levels, of which the rare ones share a bin;
    what is missing has a bin of its own. Each bin's own rate is the prediction. Its log-loss skill,
    `1 - log loss / log loss of the base rate`, is 1 where the feature determines the target.
    """
    skill = _skill(_levels_as_bins(column) if is_text(column.type) else _ranges_as_bins(column), _floats(labels))
    if skill < TELLING:
        return ""
    return (
        f"'{name}' alone tells the target nearly or wholly (skill {skill:.2f} of 1): is it known before the outcome? "
        f"If not, begin again with --exclude {name}"
    )


def tells(part: Column, labels: Column) -> float:
    """The share of the uncertainty about the target that a part of the time alone takes away; 0 where it is next to nothing.

    Rates of as many bins, drawn by chance, take away half a nat for each bin but one, with a spread of that number's root.
    """
    bins, known = np.asarray(part.to_numpy(), dtype=np.int64), _floats(labels.drop_null())
    skill, by_chance = _skill(bins, _floats(labels)), (len(np.unique(bins)) - 1) / 2
    nats = skill * _entropy(np.array([len(known)]), np.array([known.sum()]))
    return skill if skill >= WORTH and nats > by_chance + _SURE * math.sqrt(by_chance) else 0.0


def _levels_as_bins(texts: Column) -> Bins:
    encoded = texts.combine_chunks().dictionary_encode(null_encoding="encode")
    codes = np.asarray(encoded.indices.to_numpy(zero_copy_only=False), dtype=np.int64)
    rare = np.bincount(codes, minlength=len(encoded.dictionary)) < _ROWS_A_BIN
    return np.where(rare[codes], len(rare), codes)


def _ranges_as_bins(numbers: Column) -> Bins:
    values = _floats(numbers)
    known = values[~np.isnan(values)]
    edges = np.unique(np.quantile(known, np.linspace(0, 1, min(_BINS, len(known) // _ROWS_A_BIN + 1) + 1)[1:-1]))
    return np.where(np.isnan(values), len(edges) + 1, np.searchsorted(edges, values, side="left"))


def _skill(bins: Bins, labels: Floats) -> float:
    known = ~np.isnan(labels)
    bins, labels = bins[known], labels[known]
    base = _entropy(np.array([len(labels)]), np.array([labels.sum()]))
    if not base:
        return 0.0
    inside = _entropy(np.bincount(bins), np.bincount(bins, weights=labels))
    return 1 - inside / base


def _entropy(rows: npt.NDArray[np.int64], positive: npt.NDArray[Any]) -> float:
    """Nats of uncertainty left, summed over all rows, when each group's rate is known."""
    rate = np.divide(positive, rows, out=np.zeros(len(rows)), where=rows > 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        nats = -(rate * np.log(rate) + (1 - rate) * np.log1p(-rate))
    return float(np.sum(rows * np.nan_to_num(nats, nan=0.0)))


def _floats(column: Column) -> Floats:
    return np.asarray(column.cast(pa.float64(), safe=False).to_numpy(), dtype=np.float64)
