"""Histogram boosting as tables: the probabilities of scikit-learn's own `predict_proba`, several times as fast.

Walking down a tree costs a wrong guess of the processor at every second node. Instead, each value of a column has a set of bits
for each tree: the leaves that a row with this value may still end in. The bits of all columns together leave one leaf
(QuickScorer: Lucchese et al., SIGIR 2015). NumPy does that for all trees of many rows at once, without a branch.
"""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from scipy.special import expit
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer, OrdinalEncoder

from shotclock.models.cuts import Cuts
from shotclock.models.internals import Bools, Ensemble, Floats, Tree, Whole, ensemble

log = logging.getLogger(__name__)

Words = npt.NDArray[np.uint32]

LEAVES = 31  # of a tree in one word of 32 bits; the lowest bit stays free, so that a word without a leaf has a place of its own
MOST_BYTES = 1 << 27  # of tables: a model with more trees and values is left to scikit-learn
TOGETHER = 512  # bins of columns that share a table: a table of two columns is read as fast as that of one
ROWS = 32_768  # whose values are looked up at once
WORDS = 1 << 15  # that are worked on at once: they stay in the processor's cache
EQUAL = 1e-9  # what probabilities may differ by, which are added up in another order
_PROBES = 500
# Arrays without an axis: NumPy takes longer to make something of a Python number than of these.
# times a single bit: another number for each bit in the highest five (Leiserson et al. 1998)
_PLACE, _HIGHEST_FIVE = np.array(0x077CB531, np.uint32), np.array(27, np.uint32)
# times a + b * 2**32, both below 32: a * 32 + b in the highest ten bits
_TWO, _HIGHEST_TEN = np.array((1 << 59) + (1 << 22), np.uint64), np.array(54, np.uint64)


def by_tables(model: Any, features: list[str]) -> Callable[[pa.RecordBatch], Floats] | None:
    """P(target = 1) of rows, float64, as `model.predict_proba` gives it to within 1e-9; None where it must do that itself.

    Args:
        model: a fitted pipeline that ends in histogram boosting, after nothing but numbers for text, or such a pipeline
            recalibrated; of any other nothing is known here.
        features: the columns that it was fitted on.
    """
    curve, pipeline = _recalibrated(model)
    places = _places(pipeline[:-1]) if isinstance(pipeline, Pipeline) else None
    if places is None or not isinstance(pipeline[-1], HistGradientBoostingClassifier):
        return None
    found = ensemble(pipeline[-1])
    tables = Tables.of(found, places or [(place, None) for place in range(len(features))]) if found else None
    if tables is None:
        return None
    predict = partial(_predicted, tables, curve, features)
    probe = tables.probe(features)
    apart = np.abs(predict(probe) - model.predict_proba(probe.to_pandas())[:, 1]).max()
    if apart > EQUAL:
        log.warning("boosting by tables is %.2g off from scikit-learn, which scores by itself then", apart)
        return None
    return predict


def _predicted(tables: "Tables", curve: tuple[float, float], features: list[str], rows: pa.RecordBatch) -> Floats:
    slope, intercept = curve
    odds = [tables.log_odds(rows.slice(start, ROWS).select(features)) for start in range(0, rows.num_rows, ROWS)]
    found: Floats = expit(slope * np.concatenate(odds or [np.empty(0)]) + intercept)
    return found


def _recalibrated(model: Any) -> tuple[tuple[float, float], Any]:
    """Slope and intercept of the curve over the log odds, and the pipeline below it."""
    last = model[-1] if isinstance(model, Pipeline) else model
    if (
        not isinstance(last, CalibratedClassifierCV)
        or last.method != "sigmoid"
        or len(last.calibrated_classifiers_) != 1
    ):
        return (1.0, 0.0), model
    (one,) = last.calibrated_classifiers_
    if not isinstance(one.estimator, FrozenEstimator):
        return (1.0, 0.0), model
    return (-one.calibrators[0].a_, -one.calibrators[0].b_), one.estimator.estimator


Encoding = tuple[OrdinalEncoder, int]
"""An encoder of several columns, and which of them."""


def _places(steps: Pipeline) -> list[tuple[int, Encoding | None]] | None:
    """For each column that the model gets its place among the features, and what makes numbers of its text.

    Empty where it gets all features as they are; None where something else is done to them.
    """
    if len(steps) == 0:
        return []
    if len(steps) > 1 or not isinstance(steps[0], ColumnTransformer):
        return None
    places: list[tuple[int, Encoding | None]] = []
    for _, step, columns in steps[0].transformers_:
        if isinstance(step, OrdinalEncoder):
            places += [(place, (step, number)) for number, place in enumerate(columns)]
        elif isinstance(step, FunctionTransformer) and step.func is None:
            places += [(place, None) for place in columns]
        else:
            return None
    return places


@dataclass(frozen=True, eq=False)
class Column:
    """One column of the model: which values are one and the same to all of its trees. The last such bin is what is missing.

    Attributes:
        place: among the features.
        cuts: a bin reaches up to one of them, and that one is in it.
        texts: those of a category; `bins` of each of them, of all others, and of none.
    """

    place: int
    cuts: Cuts
    size: int
    texts: pa.Array | None = None
    bins: Whole | None = None

    def of(self, values: pa.Array) -> Whole:
        """In which bin each value lies."""
        if self.texts is not None and self.bins is not None:
            known = pc.index_in(values, self.texts).fill_null(len(self.texts)).to_numpy(zero_copy_only=False)
            places: Whole = self.bins[known + values.is_null().to_numpy(zero_copy_only=False)]
            return places
        numbers = values.to_numpy(zero_copy_only=False).astype(np.float64, copy=False)
        found = self.cuts.below(numbers)
        missing = np.isnan(numbers)
        if missing.any():
            found[missing] = self.size - 1
        return found


@dataclass(frozen=True, eq=False)
class Tables:
    """The model: for each group of columns a table, shape (bins, words), of the leaves that are left; what each leaf adds.

    Attributes:
        groups: columns with few bins share a table, of each combination of theirs.
        values: of two words at a time, whose number is even: what a leaf of the one and a leaf of the other add together,
            shape (words / 2 * 32 * 32).
    """

    start: float
    groups: tuple[tuple[Column, ...], ...]
    left: tuple[Words, ...]
    values: Floats

    @classmethod
    def of(cls, model: Ensemble, places: list[tuple[int, Encoding | None]]) -> Self | None:
        """None where they would be larger than `MOST_BYTES`, or a category is not text."""
        columns = tuple(_columns(model, places))
        words = sum(_words(tree) for tree in model.trees)
        words += words % 2
        text = {number for number, column in enumerate(columns) if column.texts is not None}
        if text != set(model.levels) or _bytes(words, columns) > MOST_BYTES:
            return None
        left = tuple(np.full((column.size, words), ~np.uint32(0)) for column in columns)
        values = np.zeros((words, 32))
        first = 0
        for tree in model.trees:
            _fill(tree, columns, [table[:, first : first + _words(tree)] for table in left], values[first:])
            first += _words(tree)
        together = values[::2, :, None] + values[1::2, None, :]
        groups = _grouped([column.size for column in columns])
        return cls(
            model.start,
            tuple(tuple(columns[number] for number in group) for group in groups),
            tuple(_combined([left[number] for number in group]) for group in groups),
            together.reshape(-1),
        )

    def log_odds(self, rows: pa.RecordBatch) -> Floats:
        bins = [_bins(group, rows) for group in self.groups]
        words = self.left[0].shape[1]
        block = max(1, WORDS // words)
        room = np.empty((2, block, words), np.uint32)
        first = np.tile(np.arange(words // 2, dtype=np.uint64) << np.uint64(10), (block, 1))
        found = np.empty(rows.num_rows)
        for start in range(0, rows.num_rows, block):
            size = min(block, rows.num_rows - start)
            places = [column[start : start + size] for column in bins]
            self._sum(places, room[:, :size], first[:size], found[start : start + size])
        found += self.start
        return found

    def _sum(self, bins: list[Whole], room: Words, first: Whole, found: Floats) -> None:
        """What the leaves of all trees add together, into `found`; `first`: where the sums of each two words begin."""
        left, other = room  # below no names of arguments: they would take a tenth of the time
        self.left[0].take(bins[0], 0, left, "clip")
        for table, places in zip(self.left[1:], bins[1:], strict=True):
            table.take(places, 0, other, "clip")
            np.bitwise_and(left, other, left)
        np.multiply(left, _PLACE, left)
        np.right_shift(left, _HIGHEST_FIVE, left)
        two = left.view(np.uint64)
        np.multiply(two, _TWO, two)
        np.right_shift(two, _HIGHEST_TEN, two)
        np.add(two, first, two)
        added = other.view(np.float64)
        self.values.take(two.view(np.intp), None, added, "clip")
        np.einsum("ij->i", added, out=found)  # a row's in the same order wherever it stands

    def probe(self, features: list[str]) -> pa.RecordBatch:
        """Rows by which these tables can be compared with the model: values at and beside each cut, texts, what is missing."""
        random = np.random.default_rng(0)
        values: dict[str, pa.Array] = {}
        for column in chain.from_iterable(self.groups):
            known = [*column.texts.to_pylist(), ""] if column.texts is not None else _beside(column.cuts.values)
            kind = pa.string() if column.texts is not None else pa.float64()
            drawn = pa.array([*known, None], kind).take(pa.array(random.integers(0, len(known) + 1, _PROBES)))
            values[features[column.place]] = drawn
        return pa.RecordBatch.from_pydict({name: values[name] for name in features})


def _grouped(sizes: list[int]) -> list[list[int]]:
    """Which columns share a table, by their numbers: the smallest ones, as long as it has no more bins than `TOGETHER`."""
    groups: list[list[int]] = []
    bins = TOGETHER
    for number in sorted(range(len(sizes)), key=lambda number: sizes[number]):
        bins *= sizes[number]
        if bins > TOGETHER:
            groups.append([])
            bins = sizes[number]
        groups[-1].append(number)
    return groups


def _combined(left: list[Words]) -> Words:
    """The table of all combinations of the bins of these tables."""
    found = left[0]
    for other in left[1:]:
        found = (found[:, None] & other[None]).reshape(-1, found.shape[1])
    return found


def _bins(group: tuple[Column, ...], rows: pa.RecordBatch) -> Whole:
    """In which combination of bins each row lies."""
    first, *others = group
    found = first.of(rows.column(first.place))
    for column in others:
        found = found * column.size + column.of(rows.column(column.place))
    return found


def _bytes(words: int, columns: tuple[Column, ...]) -> int:
    return (
        4 * words * (sum(column.size for column in columns) + 32 * 32)
    )  # of two words 8 for each pair of their leaves


def _beside(cuts: Floats) -> list[float]:
    return [0.0, *cuts, *np.nextafter(cuts, np.inf)]


def _columns(model: Ensemble, places: list[tuple[int, Encoding | None]]) -> Iterator[Column]:
    for number, (place, encoding) in enumerate(places):
        if encoding is None:
            asked = [tree.threshold[~tree.leaf & (tree.column == number)] for tree in model.trees]
            cuts = np.unique(np.concatenate([*asked, np.empty(0)]))
            cuts = cuts[np.isfinite(cuts)]
            yield Column(place, Cuts(cuts), len(cuts) + 2)
        else:
            levels = model.levels.get(number, np.empty(0))
            yield Column(place, Cuts(np.empty(0)), len(levels) + 1, *_texts(encoding, levels))


def _texts(encoding: Encoding, levels: Floats) -> tuple[pa.Array, Whole]:
    """Every text that the encoder knows, and in which bin each of them lies, any other, and none."""
    encoder, number = encoding
    texts = [text for text in encoder.categories_[number] if isinstance(text, str)]
    other = max(texts, key=len, default="") + "."  # longer than all of them
    rows = pd.DataFrame(None, index=range(len(texts) + 2), columns=encoder.feature_names_in_, dtype=object)
    rows.isetitem(number, np.array([*texts, other, None], dtype=object))
    bins = {code: place for place, code in enumerate(levels)}
    found = [bins.get(code, len(levels)) for code in encoder.transform(rows)[:, number]]
    return pa.array(texts, pa.string()), np.array(found, dtype=np.intp)


def _words(tree: Tree) -> int:
    return -(-int(tree.leaf.sum()) // LEAVES)


def _fill(tree: Tree, columns: tuple[Column, ...], left: list[Words], values: Floats) -> None:
    """Write one tree: in its words all but the leaves beyond the side that a value takes; what its leaves add."""
    leaves, spans = _in_order(tree)
    for number, leaf in enumerate(leaves):
        bit = 1 << (number % LEAVES + 1)
        values[number // LEAVES, (bit * int(_PLACE) & 0xFFFFFFFF) >> int(_HIGHEST_FIVE)] = tree.value[leaf]
    for table in left:
        np.bitwise_and(table, _bits(0, len(leaves), table.shape[1]), out=table)
    for node, (first, middle, end) in spans.items():
        column = columns[tree.column[node]]
        goes_left = _left(tree, node, column)
        table, words = left[tree.column[node]], left[0].shape[1]
        table[goes_left] &= ~_bits(middle, end, words)
        table[~goes_left] &= ~_bits(first, middle, words)


def _left(tree: Tree, node: int, column: Column) -> Bools:
    """Which bins of the column go left at this node."""
    if column.texts is not None:
        goes: Bools = np.append(tree.levels[node, : column.size - 1], tree.missing_left[node])
        return goes
    goes = np.arange(column.size) <= np.searchsorted(column.cuts.values, tree.threshold[node])
    goes[-1] = tree.missing_left[node]
    return goes


def _in_order(tree: Tree) -> tuple[list[int], dict[int, tuple[int, int, int]]]:
    """The leaves from left to right; for every other node where its left leaves begin, its right ones, and where these end."""
    leaves: list[int] = []
    spans: dict[int, tuple[int, int, int]] = {}

    def walk(node: int) -> None:
        if tree.leaf[node]:
            leaves.append(node)
            return
        first = len(leaves)
        walk(tree.left[node])
        middle = len(leaves)
        walk(tree.right[node])
        spans[node] = first, middle, len(leaves)

    walk(0)
    return leaves, spans


def _bits(first: int, end: int, words: int) -> Words:
    """The bits of the leaves from `first` up to `end`, which is not among them, in the words of one tree."""
    all_of_them = (1 << end) - (1 << first)
    of_each = [(all_of_them >> LEAVES * word & (1 << LEAVES) - 1) << 1 for word in range(words)]
    return np.array(of_each, dtype=np.uint32)
