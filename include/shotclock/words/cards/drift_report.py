"""The drift report: what the check concluded, of which rows, column by column, above Evidently's own page about them."""

from collections.abc import Mapping
from dataclasses import dataclass

from shotclock.judging.drift import ColumnDrift, Drift
from shotclock.judging.drift.distributions import Distribution
from shotclock.judging.figure import Figure
from shotclock.judging.verdict import UNLIKE, Status
from shotclock.words import signs
from shotclock.words.cards import pages

_VERDICTS: dict[Status, str] = {
    "ok": "the rows are like those that it was judged on",
    "warning": "single columns are no longer like those that it was judged on: too few for an alert",
    "alert": UNLIKE,
    "insufficient data": "nobody can tell whether the rows are still like those that it was judged on",
}


@dataclass(frozen=True)
class About:
    """What was compared.

    Attributes:
        window: the names of its batches, newest first; `period` and `reference_period`: first and last day of either side.
        spreads: how each column spreads over both sides.
        worth: skill that the model loses without a feature; `worth_unknown` says why there is none.
    """

    project: str
    title: str
    version: str
    window: tuple[str, ...]
    period: tuple[str, str]
    reference_period: tuple[str, str]
    spreads: Mapping[str, Distribution]
    worth: Mapping[str, Figure]
    worth_unknown: str = ""
    synthetic: bool = False


def page(found: Drift, about: About) -> str:
    """One page that loads nothing and is the same for the same figures."""
    told = pages.drift_report(
        {
            "about": about,
            "drift": found,
            "sign": signs.sign(found.verdict.status),
            "word": signs.DRIFT[found.verdict.status],
            "verdict": _VERDICTS[found.verdict.status],
            "figures": found.verdict.reason.removeprefix(f"{UNLIKE}: "),
            "columns": _worst_first(found, about.worth),
        }
    )
    head, _, part = told.partition("<body>\n")
    return found.html.replace("<body>", f"<body>\n{part}", 1).replace("<title>Drift</title>", head, 1)


def _worst_first(found: Drift, worth: Mapping[str, Figure]) -> list[tuple[str, ColumnDrift]]:
    """The features, and then what is apart from them: predictions and labels."""
    others = [(kind, one) for kind, one in (("predictions", found.prediction), ("labels", found.label)) if one]
    features = sorted(found.columns, key=lambda column: _place(column, worth))
    return [*(("feature", one) for one in features), *others]


def _place(column: ColumnDrift, worth: Mapping[str, Figure]) -> tuple[bool, bool, float, float]:
    """By what is wrong with a column, then by how far it has moved, in its own thresholds, times what it is worth."""
    moved = (column.score or 0.0) / column.threshold
    weight = max(0.0, worth[column.column].value) if column.column in worth else 0.0
    return not column.broken, not column.drifted, -moved * weight, -moved
