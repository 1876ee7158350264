"""How good a model's probabilities are on labelled rows, with intervals, and whether that has become too bad.

The intervals are percentile bootstraps (Efron and Tibshirani 1993, chapter 13). Every figure here depends on the rows
only through how many of each label stand at each probability, so a resample is a draw of those counts from a
multinomial: the same as drawing rows one by one, at a cost that does not grow with them. Where a window holds more than
`LEVELS` distinct probabilities, neighbours share a level of equal mass, for the intervals only: a figure's value always
comes from the rows themselves.

Windows that are larger than memory are counted in a `Tally`: whole numbers at fixed levels of probability. Whole numbers
add up to the same whatever the order, so its figures do not depend on how the rows were cut.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from shotclock.config import DegradationRules
from shotclock.errors import ContractError
from shotclock.judging.figure import Figure
from shotclock.judging.verdict import Verdict, against_base_rate, below_base_rate

Floats = NDArray[np.float64]
Whole = NDArray[np.int64]

LEVELS = 512
CALIBRATION_BINS = 10

THRESHOLD = 0.5  # of a prediction of 1
CHUNK = 1 << 20  # rows that a tally takes at once: so few that sums of its units are exact in float64

_UNIT = 2.0**-26  # nats, and probability: a tally's sums are whole numbers of these; 3 billion rows fit in 64 bits
_STEPS = 10  # bits: steps of a tally's levels within each halving of the odds' smaller side
_SMALLEST = 40  # halvings: below 2**-40 (and above 1 - 2**-40) all probabilities share a level
_SIDE = (_SMALLEST << _STEPS) + 1  # levels on either side of one half
_EPSILON = float(np.finfo(np.float64).eps)  # where scikit-learn clips probabilities
_FIGURES = ("log_loss", "log_loss_skill", "f1", "accuracy", "roc_auc", "calibration_error")


@dataclass(frozen=True)
class Performance:
    """One window's figures. A figure that these rows cannot give is None, and `gap` says why."""

    rows: int
    positives: int
    confidence: float
    base_rate: float | None = None
    constant_log_loss: float | None = None
    """Log loss of predicting `base_rate` for every row, in nats per row."""
    log_loss: Figure | None = None
    log_loss_skill: Figure | None = None
    """`1 - log_loss / constant_log_loss`: 1 is perfect, below 0 the base rate alone tells more."""
    f1: Figure | None = None
    accuracy: Figure | None = None
    roc_auc: Figure | None = None
    calibration_error: Figure | None = None
    gap: str | None = None

    @property
    def figures(self) -> dict[str, Figure]:
        """The figures that could be measured, by name."""
        pairs = ((name, getattr(self, name)) for name in _FIGURES)
        return {name: figure for name, figure in pairs if figure is not None}

    def metrics(self) -> dict[str, float]:
        """Flat and finite, for a metric store: `log_loss`, `log_loss_low`, `log_loss_high`, and so on."""
        flat: dict[str, float] = {"rows": float(self.rows), "positives": float(self.positives)}
        if self.base_rate is not None and self.constant_log_loss is not None:
            flat |= {"base_rate": self.base_rate, "constant_log_loss": self.constant_log_loss}
        return flat | Figure.flat(self.figures)


@dataclass(frozen=True)
class Estimate:
    """What log loss and accuracy would be *if* the probabilities were true: it needs no labels. Never act on it."""

    rows: int
    log_loss: float | None
    accuracy: float | None
    positive_rate: float | None

    def metrics(self) -> dict[str, float]:
        """Flat and finite, for a metric store: `estimate_log_loss` and so on."""
        found = {f"estimate_{name}": value for name, value in asdict(self).items()}
        return {name: float(value) for name, value in found.items() if value is not None}


def losses(y: ArrayLike, p: ArrayLike) -> Floats:
    """Log loss of each row, in nats, clipped as scikit-learn clips float64 (no row costs more than 36.04).

    Args:
        y: labels 0 or 1, shape (rows,).
        p: probability of label 1, shape (rows,).

    Raises:
        ContractError: shapes differ, a label is not 0 or 1, or a probability is missing or outside [0, 1].
    """
    labels, probabilities = checked(y, p)
    return _losses(labels, probabilities)


def measure(
    y: ArrayLike,
    p: ArrayLike,
    *,
    threshold: float = THRESHOLD,
    confidence: float = 0.95,
    resamples: int = 2000,
    seed: int = 42,
) -> Performance:
    """Every figure of one window of labelled rows, each with its interval.

    F1 and accuracy take `p >= threshold` as a prediction of 1. F1 without a true positive is 0. The calibration error
    is the expected calibration error (Naeini et al. 2015): mean distance, weighted by rows, between predicted and
    observed rate over `CALIBRATION_BINS` bins of equal mass, where equal probabilities share a bin. Resampling inflates
    that distance, so its interval is shifted back by the bootstrap's estimate of the bias. Resamples that hold one
    label only are left out. The same input gives the same figures.

    Args:
        y: labels 0 or 1, shape (rows,).
        p: probability of label 1, shape (rows,).
        confidence: coverage of the intervals, in (0, 1).

    Raises:
        ContractError: see `losses`.
    """
    labels, probabilities = checked(y, p)
    rows, positives = len(labels), int(labels.sum())
    if rows == 0:
        return Performance(0, 0, confidence, gap="no labelled rows")
    level = _levels(probabilities)
    drawn = _resampled(_Cells.of(labels, probabilities, level, threshold), resamples, seed)
    return _performance(rows, positives, _exact(labels, probabilities, threshold), drawn, confidence)


def by_rules(y: ArrayLike, p: ArrayLike, rules: DegradationRules) -> Performance:
    """`measure` as a project has it: one number has one interval, wherever it is read."""
    return measure(y, p, confidence=rules.confidence, resamples=rules.resamples, seed=rules.seed)


def _performance(
    rows: int, positives: int, values: Mapping[str, float], drawn: Mapping[str, Floats], confidence: float
) -> Performance:
    gap = None
    if positives in (0, rows):
        gap = f"all {rows:,} labels are {min(positives, 1)}: log-loss skill and ROC AUC need both"
    return Performance(
        rows,
        positives,
        confidence,
        base_rate=positives / rows,
        constant_log_loss=float(_entropy(np.float64(positives / rows))),
        gap=gap,
        **{name: _figure(name, value, drawn[name], confidence) for name, value in values.items()},
    )


def estimate(p: ArrayLike, *, threshold: float = THRESHOLD) -> Estimate:
    """Expected log loss and accuracy from the model's own probabilities, as if those were true.

    The expectation of a row's log loss under its own probability is the entropy of that probability. The estimate is
    blind to what it is most wanted for: a model whose calibration has gone.

    Raises:
        ContractError: a probability is missing or outside [0, 1].
    """
    probabilities = _probabilities(p)
    if len(probabilities) == 0:
        return Estimate(0, None, None, None)
    right = np.where(probabilities >= threshold, probabilities, 1 - probabilities)
    expected = float(_entropy(probabilities).mean())
    return Estimate(len(probabilities), expected, float(right.mean()), float(probabilities.mean()))


def judge_performance(current: Performance | None, reference: Performance | None, rules: DegradationRules) -> Verdict:
    """Has the model become too bad? Judged by log-loss skill: plain log loss also moves with the base rate.

    `alert` when the skill's interval lies below 0, or when the skill fell against the reference by more than
    `max_skill_drop` and the reference's value lies above the current interval, so that the fall is not noise.
    `warning` for the same signs without the proof, and as long as the skill's interval holds 0: a model that is not proven
    better than the base rate is not `ok`. The reason begins with a sentence without jargon.

    Args:
        current: the window under test; None when no labels have come yet.
        reference: the rows that the champion was judged on; None when none were stored.
    """
    if current is None:
        return Verdict("insufficient data", "no labelled rows in this window yet", {"rows": 0})
    figures: dict[str, object] = {"rows": current.rows, "current": asdict(current)}
    if current.rows < rules.min_rows:
        return Verdict("insufficient data", f"{current.rows:,} labelled rows, {rules.min_rows:,} are needed", figures)
    skill = current.log_loss_skill
    if skill is None:
        return Verdict("insufficient data", current.gap or "log-loss skill was not measured", figures)
    before = reference.log_loss_skill if reference else None
    if reference and before:
        figures |= {"reference": asdict(reference), "skill_drop": before.value - skill.value}
    return _degradation(skill, before, rules, figures)


def _degradation(
    skill: Figure, before: Figure | None, rules: DegradationRules, figures: Mapping[str, object]
) -> Verdict:
    said, now = against_base_rate(skill), f"log-loss skill {skill}"
    if below_base_rate(skill):
        return Verdict("alert", f"{said}; {now}", figures)
    drop = before.value - skill.value if before else 0.0
    if before and drop > rules.max_skill_drop:
        fall = f"{now} fell by {drop:.4f} from {before.value:.4f}, more than {rules.max_skill_drop:g}"
        if skill.high < before.value:
            return Verdict("alert", f"much worse than on the rows that it was judged on, and {said}; {fall}", figures)
        unsure = f"perhaps much worse than on the rows that it was judged on, and {said}"
        return Verdict("warning", f"{unsure}; {fall}, but its interval still holds the reference's value", figures)
    return Verdict("ok" if skill.low > 0 else "warning", f"{said}; {now}, {_against(before)}", figures)


def _against(before: Figure | None) -> str:
    return f"reference {before.value:.4f}" if before else "no reference to compare with"


def checked(y: ArrayLike, p: ArrayLike) -> tuple[Floats, Floats]:
    """Labels and probabilities as float64 of one length, or a `ContractError` that says what is wrong."""
    labels, probabilities = np.asarray(y, dtype=np.float64), _probabilities(p)
    if labels.shape != probabilities.shape:
        raise ContractError(
            f"labels have shape {labels.shape}, probabilities {probabilities.shape}: expected one of each a row"
        )
    wrong = labels[(labels != 0) & (labels != 1)]
    if len(wrong):
        raise ContractError(
            f"labels: found {wrong[0]} ({len(wrong)} rows in all), expected 0 or 1; leave unlabelled rows out"
        )
    return labels, probabilities


def _probabilities(p: ArrayLike) -> Floats:
    found = np.asarray(p, dtype=np.float64)
    if found.ndim != 1:
        raise ContractError(f"probabilities have shape {found.shape}, expected (rows,): the column of label 1 alone")
    wrong = found[~((found >= 0) & (found <= 1))]
    if len(wrong):
        raise ContractError(f"probabilities: found {wrong[0]} ({len(wrong)} rows in all), expected numbers in [0, 1]")
    return found


def _losses(y: Floats, p: Floats) -> Floats:
    sure = np.clip(np.where(y == 1, p, 1 - p), _EPSILON, 1 - _EPSILON)
    return np.asarray(-np.log(sure), dtype=np.float64)


def _entropy(p: Any) -> Any:
    """Expected log loss of predicting `p` where `p` is the truth, in nats; 0 at both ends."""
    inside = np.clip(p, _EPSILON, 1 - _EPSILON)
    return np.where((p > 0) & (p < 1), -inside * np.log(inside) - (1 - inside) * np.log(1 - inside), 0.0)


def _levels(p: Floats, at_most: int = LEVELS) -> Whole:
    """Number the rows' probabilities from low to high; above `at_most` distinct ones, neighbours share a number.

    Equal probabilities always get the same number; numbers have no gaps.
    """
    _, level, counts = np.unique(p, return_inverse=True, return_counts=True)
    if len(counts) <= at_most:
        return level.astype(np.int64)
    return np.asarray(_equal_mass(counts, at_most)[level], dtype=np.int64)


def _equal_mass(counts: Whole, groups: int) -> Whole:
    """The group of each of some ordered values, for groups that hold about as many rows each.

    A value goes where the middle of its rows lies, so a value with many rows is never split.
    """
    middle = np.cumsum(counts) - counts / 2
    share = np.floor(middle * groups / counts.sum()).astype(np.int64)
    _, group = np.unique(share, return_inverse=True)
    return np.asarray(group, dtype=np.int64)


def _exact(y: Floats, p: Floats, threshold: float) -> dict[str, float]:
    """Every figure from the rows themselves; skill and ROC AUC of one label are left out."""
    _, level, counts = np.unique(p, return_inverse=True, return_counts=True)
    loss, chosen = float(_losses(y, p).mean()), p >= threshold
    bin_of = _equal_mass(counts, CALIBRATION_BINS)[level]
    figures = {
        "log_loss": loss,
        "f1": float(2 * y[chosen].sum() / (chosen.sum() + y.sum())) if y[chosen].any() else 0.0,
        "accuracy": float((chosen == y).mean()),
        "calibration_error": float(np.abs(np.bincount(bin_of, weights=p - y)).sum() / len(y)),
    }
    if 0 < y.sum() < len(y):
        high = np.bincount(level, weights=y).astype(np.float64)
        pairs = float(y.sum() * (len(y) - y.sum()))
        figures["log_loss_skill"] = 1 - loss / float(_entropy(y.mean()))
        figures["roc_auc"] = float(high @ _beaten(counts - high) / pairs)
    return figures


def _beaten(low: Floats) -> Floats:
    """For a row at each level: the rows of label 0 that it outranks, ties by half. Levels run along the last axis."""
    return np.cumsum(low, axis=-1) - low / 2


@dataclass(frozen=True)
class _Cells:
    """Rows counted by probability level and label: cells 0 to k-1 hold label 0 at each level, k to 2k-1 label 1."""

    counts: Floats
    """Rows in each cell, shape (2k,)."""
    sums: Floats
    """What one row of a cell adds to (rows, positives, loss, hits, predicted 1), shape (2k, 5)."""
    expected: Floats
    """What one row of a cell adds to the sum of probabilities of each calibration bin, shape (2k, bins)."""
    observed: Floats
    """The same for the labels."""

    @classmethod
    def of(cls, y: Floats, p: Floats, level: Whole, threshold: float) -> Self:
        k = int(level.max()) + 1
        cell = level + k * y.astype(np.int64)
        counts = np.bincount(cell, minlength=2 * k)
        rows = np.maximum(counts, 1)

        def mean(of: Floats) -> Floats:
            return np.asarray(np.bincount(cell, weights=of, minlength=2 * k) / rows, dtype=np.float64)

        label = np.repeat([0.0, 1.0], k)
        chosen = (p >= threshold).astype(np.float64)
        sums = np.column_stack([np.ones(2 * k), label, mean(_losses(y, p)), mean((chosen == y) * 1.0), mean(chosen)])
        return cls(counts.astype(np.float64), sums, *_by_bin(counts, mean(p), label))

    @classmethod
    def counted(cls, tally: "Tally") -> Self:
        """The same from a tally. Its levels that hold rows are brought together until there are at most `LEVELS`."""
        there = np.flatnonzero(tally.counts.any(axis=0))
        in_level = tally.counts[:, there].sum(axis=0)
        group = _equal_mass(in_level, LEVELS) if len(there) > LEVELS else np.arange(len(there))
        k = int(group.max()) + 1

        def grouped(of: Whole) -> Floats:
            return np.concatenate([np.bincount(group, weights=side, minlength=k) for side in of[:, there]])

        counts = grouped(tally.counts)
        rows, label = np.maximum(counts, 1), np.repeat([0.0, 1.0], k)
        chosen = grouped(tally.counts * (np.arange(2 * _SIDE) >= _SIDE)) / rows
        loss, p = grouped(tally.loss) * _UNIT / rows, grouped(tally.probability) * _UNIT / rows
        sums = np.column_stack([np.ones(2 * k), label, loss, np.where(label == 1, chosen, 1 - chosen), chosen])
        return cls(counts, sums, *_by_bin(counts, p, label))

    def figures(self, drawn: Floats) -> dict[str, Floats]:
        """Each figure of each draw, from rows drawn per cell: shape (draws, 2k) to (draws,)."""
        rows, positives, loss, hits, chosen = (drawn @ self.sums).T
        negatives = rows - positives
        k = drawn.shape[1] // 2
        low, high = drawn[:, :k], drawn[:, k:]
        true_positives = high @ self.sums[k:, 4]
        gaps = np.abs(drawn @ (self.expected - self.observed))
        with np.errstate(divide="ignore", invalid="ignore"):
            return {
                "log_loss": loss / rows,
                "log_loss_skill": 1 - loss / rows / _entropy(positives / rows),
                "f1": np.where(true_positives > 0, 2 * true_positives / (chosen + positives), 0.0),
                "accuracy": hits / rows,
                "roc_auc": np.einsum("ij,ij->i", high, _beaten(low)) / (positives * negatives),
                "calibration_error": gaps.sum(axis=1) / rows,
            }


def _by_bin(counts: Any, p: Floats, label: Floats) -> tuple[Floats, Floats]:
    """What one row of each cell adds to each calibration bin: its probability, and its label; shape (2k, bins) each."""
    k = len(counts) // 2
    bin_of = np.tile(_equal_mass(counts[:k] + counts[k:], CALIBRATION_BINS), 2)
    member = (bin_of[:, None] == np.arange(bin_of.max() + 1)).astype(np.float64)
    return member * p[:, None], member * label[:, None]


@dataclass(frozen=True)
class Tally:
    """Labelled rows counted at fixed levels of probability: what every figure is made of, in 4 MB for any number of rows.

    Tallies of parts of a window add up to that of the window exactly, in any order: each sum is of whole numbers. The price
    is that rows of one level count as ties in the ROC AUC and go to one calibration bin together, and that each row's loss
    is rounded to 1.5e-8 nats. A level is at most a thousandth of the smaller of p and 1 - p wide, so the ROC AUC of a
    hundred thousand rows moves by less than 1e-5, and a calibration bin's edge by a few rows; log loss, skill, F1 and
    accuracy are those of the rows.
    """

    counts: Whole
    """Rows by label (0, 1) and level, shape (2, levels)."""
    loss: Whole
    """The sum of their losses, in units of 2**-26 nats."""
    probability: Whole
    """The sum of their probabilities, in units of 2**-26."""

    @classmethod
    def empty(cls) -> Self:
        return cls(*(np.zeros((2, 2 * _SIDE), dtype=np.int64) for _ in range(3)))

    @classmethod
    def of(cls, y: ArrayLike, p: ArrayLike) -> Self:
        """Count labelled rows.

        Args:
            y: labels 0 or 1, shape (rows,).
            p: probability of label 1, shape (rows,).

        Raises:
            ContractError: see `losses`.
        """
        labels, probabilities = checked(y, p)
        total = cls.empty()
        for start in range(0, len(labels), CHUNK):
            part = slice(start, start + CHUNK)
            total += cls._of_chunk(labels[part], probabilities[part])
        return total

    @classmethod
    def _of_chunk(cls, y: Floats, p: Floats) -> Self:
        cell, cells = _fixed_level(p) + 2 * _SIDE * y.astype(np.int64), 4 * _SIDE

        def summed(of: Floats) -> Whole:
            sums = np.bincount(cell, weights=np.rint(of / _UNIT), minlength=cells)
            return sums.astype(np.int64).reshape(2, -1)

        return cls(np.bincount(cell, minlength=cells).reshape(2, -1), summed(_losses(y, p)), summed(p))

    def __add__(self, other: Self) -> Self:
        return type(self)(self.counts + other.counts, self.loss + other.loss, self.probability + other.probability)

    @property
    def rows(self) -> int:
        return int(self.counts.sum())

    def measure(self, *, confidence: float = 0.95, resamples: int = 2000, seed: int = 42) -> Performance:
        """Every figure with its interval, as the function `measure` gives them for rows, at `THRESHOLD`."""
        if not self.rows:
            return Performance(0, 0, confidence, gap="no labelled rows")
        drawn = _resampled(_Cells.counted(self), resamples, seed)
        return _performance(self.rows, int(self.counts[1].sum()), self._exact(), drawn, confidence)

    def _exact(self) -> dict[str, float]:
        low, high = self.counts
        rows, positives = self.rows, int(high.sum())
        hits, missed = int(high[_SIDE:].sum()), int(low[_SIDE:].sum())
        loss = int(self.loss.sum()) * _UNIT / rows
        there = np.flatnonzero(low + high)
        bin_of = _equal_mass((low + high)[there], CALIBRATION_BINS)
        gaps = (self.probability.sum(axis=0) * _UNIT - high)[there]
        figures = {
            "log_loss": loss,
            "f1": 2 * hits / (hits + missed + positives) if hits else 0.0,
            "accuracy": (hits + int(low[:_SIDE].sum())) / rows,
            "calibration_error": float(np.abs(np.bincount(bin_of, weights=gaps)).sum() / rows),
        }
        if 0 < positives < rows:
            pairs = float(positives * (rows - positives))
            figures["log_loss_skill"] = 1 - loss / float(_entropy(np.float64(positives / rows)))
            figures["roc_auc"] = float(high @ _beaten(low.astype(np.float64)) / pairs)
        return figures


def _fixed_level(p: Floats) -> Whole:
    """The number of a probability's level, which rises with it; levels from `_SIDE` on hold one half and more.

    The first bits of a float64 are its exponent, the next ones the steps between two powers of 2: so read as a whole
    number, they count levels whose width goes with the number itself.
    """
    smaller = np.maximum(np.minimum(p, 1 - p), 2.0 ** -(_SMALLEST + 1))
    shift = 52 - _STEPS
    lowest = np.float64(2.0 ** -(_SMALLEST + 1)).view(np.int64) >> shift
    level = np.minimum((smaller.view(np.int64) >> shift) - lowest, _SIDE - 1)
    return np.asarray(np.where(p >= THRESHOLD, 2 * _SIDE - 1 - level, level), dtype=np.int64)


def _resampled(cells: _Cells, resamples: int, seed: int) -> dict[str, Floats]:
    """The figures of `resamples` bootstrap samples, without those that hold one label only."""
    rows = int(cells.counts.sum())
    draws = np.random.default_rng(seed).multinomial(rows, cells.counts / rows, size=resamples)
    figures = cells.figures(draws.astype(np.float64))
    both = np.isfinite(figures["log_loss_skill"]) & np.isfinite(figures["roc_auc"])
    return {name: values[both] if both.any() else values for name, values in figures.items()}


def _figure(name: str, value: float, drawn: Floats, confidence: float) -> Figure:
    tail = (1 - confidence) / 2
    low, high = np.quantile(drawn, [tail, 1 - tail])
    if name == "calibration_error":
        bias = drawn.mean() - value
        low, high = max(low - bias, 0.0), high - bias
    return Figure(value, float(min(low, value)), float(max(high, value)))
