"""Terms that are not common, explained where they are shown; signs that mean the same without colour; texts made harmless."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime

from shotclock.judging.fitness import Level, Window
from shotclock.judging.performance import Figure
from shotclock.judging.verdict import Status

NAMES = {
    "log_loss_skill": "Log-loss skill",
    "log_loss": "Log loss",
    "accuracy": "Accuracy",
    "f1": "F1",
}

HELP = {
    "log_loss_skill": "1 − log loss ÷ log loss of always predicting the window's own positive rate. Above 0 the model "
    "tells more than that rate does; below 0 it tells less. This figure decides whether a model is fit.",
    "log_loss": "Mean of −log(probability that was given to what came), in nats per row; lower is better. It also moves "
    "with the positive rate, so it can fall while a model gets worse: compare it with the dash, the rate alone.",
    "accuracy": "Share of rows where probability ≥ 0.5 matches what came. Where one outcome is rare, always saying the other "
    "looks good: compare it with the dash, which does just that.",
    "f1": "Harmonic mean of precision and recall at probability ≥ 0.5. It is 0 where no positive is ever predicted, which is "
    "right where all probabilities lie below 0.5. Nothing is decided by it.",
    "fitness": "Fit: its newest window shows no sign against it. Watch: signs without proof. Not fit: the skill's interval "
    "lies below 0, or the skill fell too far, or the feed is broken. Unknown: not judged yet, or too few labels.",
    "since": "The first of the newest windows in a row that were judged like the newest one.",
    "doing": "Alerts start a retraining. It replaces the champion only with a model that is proven better on rows that "
    "neither has seen.",
    "champion": "The version in service, with the registry alias *champion*. *Previous* is the one before it.",
    "window": "The newest batches that the champion scored, as many as hold the project's minimum of rows.",
    "reference": "The rows that the champion's last decision was about: what it was judged on.",
    "drift": "Distance between window and reference, column by column. At or above its threshold a column counts as drifted.",
    "label": "How often the target was 1. When this changes, the probabilities are wrong on average, even if the "
    "relation between features and target is the same.",
    "gain": "Champion's minus challenger's log loss, row by row on the same rows that neither was trained on, in nats per row. "
    "Above 0 the challenger is better.",
    "candidate": "A model that took part in a training. The one with the lowest log loss (on the recent validation rows, where "
    "there are any) meets the champion at the gate.",
}

LEVELS: dict[Level, tuple[str, str, str]] = {  # sign, word, Streamlit's colour
    "fit": (":material/check_circle:", "Fit", "green"),
    "watch": (":material/warning:", "Watch", "orange"),
    "unfit": (":material/cancel:", "Not fit", "red"),
    "unknown": (":material/help:", "Unknown", "gray"),
}

SYMBOLS: dict[Status, tuple[str, str]] = {  # Plotly's symbol, and the letter that looks like it
    "ok": ("circle", "●"),
    "warning": ("triangle-up", "▲"),
    "alert": ("x", "✖"),
    "insufficient data": ("circle-open", "○"),
}

_MARKDOWN = re.compile(r"([\\`*_{}\[\]()<>#+\-!|~$:&.=])")


def plain(text: str) -> str:
    """A text from the store as Markdown that shows it letter by letter: no link, image, formula or tag comes of it."""
    return _MARKDOWN.sub(r"\\\1", " ".join(text.split()))


def harmless(text: str) -> str:
    """A text from the store for Plotly, which understands a few tags."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def when(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def age(moment: datetime, now: datetime) -> str:
    """Whole days, hours or minutes that have passed."""
    seconds = max(0, int((now - moment).total_seconds()))
    for name, unit in (("day", 86_400), ("hour", 3600), ("minute", 60)):
        if seconds >= unit:
            count = seconds // unit
            return f"{count} {name}{'s' if count > 1 else ''}"
    return "less than a minute"


def figure(found: Figure | None, digits: int = 4) -> str:
    """A value with its interval."""
    if found is None:
        return "not measured"
    return f"{found.value:.{digits}f} [{found.low:.{digits}f}, {found.high:.{digits}f}]"


def span(batches: Sequence[str]) -> str:
    """Which batches a window holds."""
    if not batches:
        return "–"
    return batches[0] if len(batches) == 1 else f"{batches[0]} … {batches[-1]} ({len(batches)} batches)"


def about(window: Window) -> str:
    """One line that says which window a figure is of."""
    rows = f"{window.judged_rows:,} labelled rows" if window.judged_rows else "no labelled rows"
    return f"window {span(window.batches)}, checked {when(window.at)}, scored by v{window.champion}, {rows}"
