"""Has the data moved away from what the champion was judged on?

Each column has one pinned test (`Feature.drift`, `Feature.drift_threshold`). Left to itself, Evidently changes the test
with the reference's size and takes numbers with few values for categories: verdicts would then depend on how many rows
came, and not on what they hold.

`wasserstein` is the first Wasserstein distance divided by the reference's standard deviation; `jensenshannon` is the
Jensen-Shannon distance (natural logarithm, square root taken). Both are distances: at or above the threshold is drift.
Of a category the reference's most frequent levels are compared, all others as one: among many levels chance alone moves
their shares by more than any threshold. A missing value is a level.
"""

import logging
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas import DataFrame
from scipy.special import rel_entr

from shotclock.config import DriftMethod, DriftRules, Feature
from shotclock.errors import ContractError
from shotclock.judging.drift.stillness import stands_still_like
from shotclock.judging.verdict import UNLIKE, Status, Verdict

log = logging.getLogger(__name__)

PREDICTION = Feature(type="number", drift="wasserstein", drift_threshold=0.1)
LABEL = Feature(type="integer", allowed=(0, 1), drift="jensenshannon", drift_threshold=0.1)

_NUMBERS = ("integer", "floating", "mixed-integer-float", "decimal", "boolean", "empty")
_MOST_LEVELS, _RARE = 10, 0.02  # of a category that are told apart, and the share below which none is
_OTHERS, _MISSING = "(all others)", "(missing)"
MISSING_THRESHOLD = 0.1  # of two shares of missing values: 3 % where none were, a third where a fifth were
_BROKEN = "is the feed broken?"
_OFFLINE = (  # what the page may load: nothing but itself
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
    "font-src data:; img-src data: blob:; base-uri 'none'; form-action 'none'"
)


@dataclass(frozen=True)
class ColumnDrift:
    """One column's distance between the windows, or the reason (`gap`) why there is none."""

    column: str
    method: DriftMethod
    threshold: float
    score: float | None = None
    gap: str | None = None
    broken: bool = False
    """Whether it stands still where the reference moves: a broken feed rather than drift."""
    missing: float | None = None
    """The distance between the shares of missing values, of a number that may be missing."""
    sparse: bool = False
    """Whether a window holds too few values of a number that may be missing: what is missing is then all there is to judge."""

    @property
    def judged(self) -> bool:
        return self.score is not None or self.sparse

    @property
    def drifted(self) -> bool:
        return (self.score is not None and self.score >= self.threshold) or self.missing_drifted

    @property
    def missing_drifted(self) -> bool:
        return self.missing is not None and self.missing >= MISSING_THRESHOLD

    @property
    def told(self) -> str:
        """The distance, or both of them, as a verdict shows it."""
        apart = f"{self.missing:.3f} in what is missing" if self.missing_drifted else ""
        return " and ".join(filter(None, ["" if self.score is None else f"{self.score:.3f}", apart]))

    def to_dict(self) -> dict[str, Any]:
        return asdict(self) | {"drifted": self.drifted}


@dataclass(frozen=True)
class Rows:
    """Rows that were compared, and rows that the window holds."""

    used: int
    there: int

    def __str__(self) -> str:
        return f"{self.used:,}" if self.used == self.there else f"a seeded sample of {self.used:,} of {self.there:,}"


@dataclass(frozen=True)
class Drift:
    """Feature drift, prediction drift and label drift, apart from each other, and the verdict on the features."""

    verdict: Verdict
    current: Rows
    reference: Rows
    columns: tuple[ColumnDrift, ...] = ()
    """The features, in the project's order."""
    share: float | None = None
    """Of the features, how many drifted; None unless every one could be judged."""
    prediction: ColumnDrift | None = None
    label: ColumnDrift | None = None
    html: str = field(default="", repr=False)
    """Evidently's report: one page that loads nothing from outside."""

    @property
    def broken(self) -> list[str]:
        """The features whose feed looks broken."""
        return [column.column for column in self.columns if column.broken]

    def metrics(self) -> dict[str, float]:
        """Flat and finite, for a metric store: `drift_share`, `drift_score_<column>`, `drift_missing_<column>`, rows."""
        judged = [column for column in (*self.columns, self.prediction, self.label) if column]
        flat = {f"drift_score_{c.column}": c.score for c in judged if c.score is not None}
        flat |= {f"drift_missing_{c.column}": c.missing for c in judged if c.missing is not None}
        flat |= {"drift_rows_current": float(self.current.used), "drift_rows_reference": float(self.reference.used)}
        return flat if self.share is None else flat | {"drift_share": self.share}

    def to_dict(self) -> dict[str, Any]:
        """Everything but the page."""
        return {
            "verdict": asdict(self.verdict),
            "share": self.share,
            "columns": [column.to_dict() for column in self.columns],
            "prediction": self.prediction.to_dict() if self.prediction else None,
            "label": self.label.to_dict() if self.label else None,
            "rows": {"current": asdict(self.current), "reference": asdict(self.reference)},
        }


def draw(rows: int, at_most: int, seed: int) -> NDArray[np.int64]:
    """Row numbers of a seeded sample, in ascending order: all of them when there are not more than `at_most`.

    Memory goes with the sample and not with `rows`, so a reader that streams can pick its rows before it reads them.
    """
    if rows <= at_most:
        return np.arange(rows, dtype=np.int64)
    return np.sort(np.random.default_rng(seed).choice(rows, at_most, replace=False, shuffle=False))


def check(  # noqa: PLR0913 (two windows, their columns and their true sizes, by name)
    current: DataFrame,
    reference: DataFrame,
    columns: Mapping[str, Feature],
    rules: DriftRules,
    *,
    prediction: str | None = None,
    target: str | None = None,
    current_rows: int | None = None,
    reference_rows: int | None = None,
) -> Drift:
    """Compare two windows column by column.

    `alert`: the share of drifted features reaches `rules.share`. `warning`: some feature, the predictions or the labels
    drifted, but not enough features. `insufficient data`: a side holds fewer than `rules.min_rows` rows, or a feature
    cannot be judged: too few values (where none may be missing), constant now but over no stretch of the reference that
    is as long (a broken feed rather than drift; rows stand in the order of time), or constant in the reference (no scale
    to measure by). A column of categories may well be constant.

    Args:
        columns: the features, and how each is measured.
        prediction: the column that holds the predicted probability, on both sides.
        target: the column that holds the label, on both sides; rows without one are left out of label drift only.
        current_rows: rows of the window, when the caller has drawn `current` from it already; the same for reference.

    Raises:
        ContractError: a column is missing, or holds something other than numbers and is no category.
    """
    measured = dict(columns)
    measured |= {prediction: PREDICTION} if prediction else {}
    measured |= {target: LABEL} if target else {}
    now, now_rows = _sample(current, "current", measured, rules, current_rows)
    then, then_rows = _sample(reference, "reference", measured, rules, reference_rows)
    _few_levels(now, then, measured)
    floor = min(rules.min_rows, rules.max_rows)
    if min(now_rows.used, then_rows.used) < floor:
        return _too_small(now_rows, then_rows, floor)
    gaps = _gaps((now, now_rows), (then, then_rows), measured, target, floor)
    judged = {name: feature for name, feature in measured.items() if name not in gaps}
    scores, page = _measured(now, then, judged)
    results = {name: _column(name, feature, scores.get(name), gaps.get(name)) for name, feature in measured.items()}
    gappy = [name for name, feature in measured.items() if feature.may_be_missing and not feature.is_text]
    results |= {name: _with_missing(results[name], now[name], then[name], floor) for name in gappy}
    features = tuple(results[name] for name in columns)
    predictions, labels = results[prediction] if prediction else None, results[target] if target else None
    verdict = _verdict(features, predictions, labels, (now_rows, then_rows), rules)
    found = Drift(verdict, now_rows, then_rows, features, _share(features), predictions, labels)
    log.info("drift: %s: %s", found.verdict.status, found.verdict.reason)
    return replace(found, html=_page(page))


def _sample(
    frame: DataFrame, side: str, columns: Mapping[str, Feature], rules: DriftRules, there: int | None
) -> tuple[DataFrame, Rows]:
    """The columns as float64, categories as text, of at most `max_rows` rows."""
    missing = [name for name in columns if name not in frame.columns]
    if missing:
        raise ContractError(
            f"column '{missing[0]}' is not in the {side} window; found {', '.join(map(str, frame.columns))}; "
            "drift compares the same columns on both sides"
        )
    rows = draw(len(frame), rules.max_rows, rules.seed)
    wanted = frame[list(columns)]
    part = wanted if len(rows) == len(frame) else wanted.iloc[rows]
    values = {
        name: _levels(part[name]) if feature.is_text else _numbers(part[name], name, side)
        for name, feature in columns.items()
    }
    return DataFrame(values), Rows(len(part), max(there or 0, len(frame)))


def _levels(values: "pd.Series[Any]") -> NDArray[Any]:
    return values.astype(object).where(values.notna(), _MISSING).to_numpy(dtype=object)


def _few_levels(now: DataFrame, then: DataFrame, columns: Mapping[str, Feature]) -> None:
    """In both windows, let all but the reference's most frequent levels of a category be one."""
    for name in (name for name, feature in columns.items() if feature.is_text):
        now[name], then[name] = frequent_levels(now[name], then[name])


def frequent_levels(now: "pd.Series[Any]", then: "pd.Series[Any]") -> tuple["pd.Series[Any]", "pd.Series[Any]"]:
    """A category's values on both sides; all levels but the most frequent ones of `then`, the reference, are one."""
    counts = then.value_counts().sort_index().sort_values(ascending=False, kind="stable")
    most = counts.head(_MOST_LEVELS)
    frequent = set(most.index[most.to_numpy() >= _RARE * len(then)])
    return now.where(now.isin(frequent), _OTHERS), then.where(then.isin(frequent), _OTHERS)


def _numbers(values: "pd.Series[Any]", name: str, side: str) -> NDArray[np.float64]:
    """The values as float64; what is missing or infinite becomes NaN."""
    kind = pd.api.types.infer_dtype(values, skipna=True)
    if kind not in _NUMBERS:
        raise ContractError(
            f"column '{name}' of the {side} window holds {kind} ({values.dtype}), expected numbers; "
            "check what was read, and its type in the project file"
        )
    found = values.to_numpy(dtype=np.float64, na_value=np.nan)
    return np.where(np.isfinite(found), found, np.nan)


def _gaps(
    current: tuple[DataFrame, Rows],
    reference: tuple[DataFrame, Rows],
    measured: Mapping[str, Feature],
    target: str | None,
    min_rows: int,
) -> dict[str, str]:
    """Which columns cannot be judged, and why."""
    (now, now_rows), (then, then_rows) = current, reference
    gaps = {name: _gap(now[name], then[name], feature, min_rows) for name, feature in measured.items()}
    usual = [
        name
        for name, gap in gaps.items()
        if gap and gap.endswith(_BROKEN) and stands_still_like(then[name], now_rows.there, then_rows.there)
    ]
    gaps |= dict.fromkeys(usual)
    if target and (now[target].nunique() == 1 or then[target].nunique() == 1):
        gaps[target] = gaps[target] or "all labels of one window are the same"
    return {name: gap for name, gap in gaps.items() if gap}


def _gap(now: "pd.Series[float]", then: "pd.Series[float]", feature: Feature, min_rows: int) -> str | None:
    """Why this column cannot be judged, if so."""
    for side, values in (("current", now), ("reference", then)):
        usable = int(values.count())
        if usable < min_rows:
            return f"{usable:,} values in the {side} window, {min_rows:,} are needed"
    if feature.is_category:
        return None
    if then.min() == then.max():
        constant = now.min() == now.max() == then.min()
        return None if constant else f"constant ({then.min():g}) in the reference: no scale to measure by"
    if now.min() == now.max():
        return f"constant ({now.min():g}) in the current window, but not in the reference: {_BROKEN}"
    return None


def _measured(now: DataFrame, then: DataFrame, judged: Mapping[str, Feature]) -> tuple[dict[str, float], str]:
    """Each column's score, and Evidently's page about them."""
    if not judged:
        return {}, ""
    from shotclock.judging.drift import evidently_backend

    return evidently_backend.measure(now, then, judged)


def _column(name: str, feature: Feature, score: float | None, gap: str | None) -> ColumnDrift:
    if score is not None and not math.isfinite(score):
        # Rounding can take the Jensen-Shannon divergence of equal windows below 0, and its root is then not a number.
        score, gap = (0.0, None) if feature.drift == "jensenshannon" else (None, "too large to measure")
    broken = gap is not None and gap.endswith(_BROKEN)
    return ColumnDrift(name, feature.drift, feature.drift_threshold, score, gap, broken)


def _with_missing(column: ColumnDrift, now: "pd.Series[float]", then: "pd.Series[float]", min_rows: int) -> ColumnDrift:
    """The column with the distance between its shares of missing values, and whether there is more to judge."""
    sparse = min(now.count(), then.count()) < min_rows
    return replace(column, missing=missing_distance(now, then), sparse=bool(sparse))


def missing_distance(now: "pd.Series[Any]", then: "pd.Series[Any]") -> float:
    """The Jensen-Shannon distance between the two sides' shares of missing values, 0 to 0.83."""
    shares = np.array([[share := side.isna().mean(), 1 - share] for side in (now, then)])
    divergence = float(rel_entr(shares, shares.mean(axis=0)).sum()) / 2
    return math.sqrt(max(divergence, 0.0))


def _share(features: tuple[ColumnDrift, ...]) -> float | None:
    if not all(column.judged for column in features):
        return None
    return sum(column.drifted for column in features) / len(features)


def _too_small(current: Rows, reference: Rows, floor: int) -> Drift:
    reason = f"{current} current and {reference} reference rows, {floor:,} are needed on each side"
    figures = {"rows": {"current": asdict(current), "reference": asdict(reference)}}
    return Drift(Verdict("insufficient data", reason, figures), current, reference, html=_page(""))


def _verdict(
    features: tuple[ColumnDrift, ...],
    prediction: ColumnDrift | None,
    label: ColumnDrift | None,
    rows: tuple[Rows, Rows],
    rules: DriftRules,
) -> Verdict:
    drifted, share = [column for column in features if column.drifted], _share(features)
    named = f" ({', '.join(f'{c.column} {c.told}' for c in drifted)})" if drifted else ""
    said = f"{len(drifted)} of {len(features)} columns drifted{named}"
    others = [(kind, column) for kind, column in (("predictions", prediction), ("labels", label)) if column]
    apart = [f"{kind} drifted ({column.score:.3f})" for kind, column in others if column.drifted]
    apart += [f"{kind} not judged: {column.gap}" for kind, column in others if column.gap]
    status: Status = "warning" if drifted or any(column.drifted for _, column in others) else "ok"
    if share is None:
        status = "insufficient data"
        said = "; ".join([*(f"{c.column}: {c.gap}" for c in features if not c.judged), said])
    elif share >= rules.share:
        status, said = "alert", f"{UNLIKE}: {said}, {share:.0%} where {100 * rules.share:g}% raise an alert"
    else:
        said = f"{said}, {share:.0%} where {100 * rules.share:g}% raise an alert"
    where = f"{rows[0]} current against {rows[1]} reference rows"
    figures = {
        "share": share,
        "drifted": [column.column for column in drifted],
        "scores": {column.column: column.score for column in features},
        "prediction": prediction.score if prediction else None,
        "label": label.score if label else None,
        "rows": {"current": asdict(rows[0]), "reference": asdict(rows[1])},
    }
    return Verdict(status, "; ".join([said, *apart, where]), figures)


def _page(report: str) -> str:
    """Evidently's report as a page that loads nothing and is the same for the same figures."""
    page = report or "<!DOCTYPE html><html lang='en'><head></head><body></body></html>"
    policy = f'<meta http-equiv="Content-Security-Policy" content="{_OFFLINE}">'
    return page.lstrip().replace("<head>", f'<head>\n<meta charset="UTF-8">\n{policy}\n<title>Drift</title>', 1)
