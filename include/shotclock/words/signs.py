"""How a verdict looks, wherever it is shown: its word, and a shape and a colour that say the same. No colour stands alone."""

from dataclasses import dataclass
from typing import Literal

from shotclock.judging.fitness import LEVEL_OF, Level
from shotclock.judging.verdict import Status

Column = Literal["drifted", "stable"]
State = Level | Status | Column | Literal["broken"]
Shape = Literal["circle", "triangle", "cross", "ring"]
Colour = Literal["green", "orange", "red", "gray"]


@dataclass(frozen=True)
class Sign:
    """What stands for a level. `letter` looks like the shape; `alone` is the word where no question stands beside it."""

    level: Level
    word: str
    alone: str
    shape: Shape
    letter: str
    colour: Colour


SIGNS: dict[Level, Sign] = {
    "fit": Sign("fit", "Fit", "Fit for use", "circle", "●", "green"),
    "watch": Sign("watch", "Not proven", "Not proven", "triangle", "▲", "orange"),
    "unfit": Sign("unfit", "Not fit", "Not fit for use", "cross", "✖", "red"),
    "unknown": Sign("unknown", "Unknown", "Unknown", "ring", "○", "gray"),
}
DRIFT: dict[Status, str] = {
    "ok": "stable",
    "warning": "single columns drifted",
    "alert": "drifted",
    "insufficient data": "too few rows",
}
"""What a drift check of a whole window is called. What a performance check is called follows from the level."""
WORST_FIRST: tuple[Level, ...] = ("unfit", "watch", "unknown", "fit")

_LEVELS: dict[State, Level] = {"drifted": "unfit", "stable": "fit", "broken": "unfit"}
_LEVELS.update(LEVEL_OF.items())
_LEVELS.update((level, level) for level in SIGNS)


def sign(state: State) -> Sign:
    """The sign of a level, of a check's status, or of what a column or a part of the installation was found to be."""
    return SIGNS[_LEVELS[state]]


def column(score: float, threshold: float) -> Column:
    """What a column's drift score says of it: from the threshold on it has drifted."""
    return "drifted" if score >= threshold else "stable"
