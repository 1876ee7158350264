"""What happened to a batch, as one line."""

from shotclock.judging.figure import Figure
from shotclock.reading.history import Arrival, Outcome

_BATCH = (("batch", 9), ("rows", 6), ("window", 24), ("drift", 6), ("log loss", 9), ("skill", 27), ("alerts", 30))
_BATCH_LEGEND = "? behind a skill: too few labelled rows for a verdict. –: not measured, or nothing happened."


def batch_header() -> str:
    """The heads of the columns of `batch`, below what its marks mean."""
    return f"{_BATCH_LEGEND}\n" + "".join(f"{head:<{width}} " for head, width in _BATCH) + "champion  decision"


def batch(told: Arrival) -> str:
    """One line about a batch. What was not measured is a dash."""
    window = told.window
    span = f"{window[0]}…{window[-1]} ({len(window)})" if len(window) > 1 else "".join(window)
    cells = (
        told.batch,
        "–" if told.rows is None else f"{told.rows:,}",
        span or "–",
        _figure(told.drift_share, 2),
        _figure(told.log_loss, 4),
        _skill(told),
        ", ".join(told.alerts) or "–",
    )
    line = "".join(f"{cell:<{width}} " for cell, (_, width) in zip(cells, _BATCH, strict=True))
    champion = f"v{told.champion}" if told.champion else "none"
    came = dict.fromkeys(map(_came_of_it, told.decisions))  # two alerts may be told the same
    return f"{line}{champion:<9} {'; '.join(came) or '–'}"


def _skill(told: Arrival) -> str:
    value, low, high = told.log_loss_skill, told.log_loss_skill_low, told.log_loss_skill_high
    if value is None or low is None or high is None:
        return "–"
    return f"{Figure(value, low, high)}{'?' if told.performance_verdict == 'insufficient data' else ''}"


def _figure(value: float | None, digits: int) -> str:
    return "–" if value is None else f"{value:.{digits}f}"


def _came_of_it(decision: Outcome) -> str:
    if decision.gate == "not enough data" or decision.outcome == "skip":
        return f"{decision.outcome}: {decision.reason.rpartition('`: ')[2]}"
    return decision.outcome
