"""A window in words."""

from shotclock.judging.fitness import WindowHealth
from shotclock.words.moments import when


def about(window: WindowHealth) -> str:
    """One line that says which window a figure is of."""
    rows = f"{window.judged_rows:,} labelled rows" if window.judged_rows else "no labelled rows"
    return f"window {window.name}, checked {when(window.at)}, scored by v{window.champion}, {rows}"
