"""What a check concludes, as a value."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from shotclock.judging.figure import Figure

Status = Literal["ok", "warning", "alert", "insufficient data"]
UNLIKE = "the rows are no longer like those that it was judged on"
"""What drift is called where nobody has to know the word."""
BASE_RATE_ALONE = "The base rate alone is in service, because nothing was proven better"
"""How a version is labelled that says of every row how often label 1 came."""


@dataclass(frozen=True)
class Verdict:
    """A check's conclusion, the sentence that says why, and the figures behind it (plain JSON values).

    `alert` fires sensors; `warning` is for people only; `insufficient data` says neither good nor bad.
    """

    status: Status
    reason: str
    figures: Mapping[str, Any] = field(default_factory=dict)


NOTHING = 0.0005
"""A log-loss skill nearer to 0 is none, shown as 0.0 %: a window's own base rate is known afterwards, so that even a constant
that was right lies a trifle below it."""


def below_base_rate(skill: Figure) -> bool:
    """Whether a log-loss skill proves that the base rate alone tells more."""
    return skill.high < -NOTHING


def against_base_rate(skill: Figure) -> str:
    """What a log-loss skill says without jargon. Where its interval holds 0 the model is not proven better."""
    if below_base_rate(skill):
        return f"worse than guessing the base rate, by {-skill.high:.1%} to {-skill.low:.1%}"
    if skill.low > 0:
        return f"better than guessing the base rate, by {skill.low:.1%} to {skill.high:.1%}"
    return f"not proven better than the base rate: between {abs(skill.low):.1%} worse and {max(skill.high, 0.0):.1%} better"


def against_each_other(saved: Figure, new: str, old: str) -> str:
    """How two models compare, without jargon: by what the new one saves of the loss of guessing the base rate."""
    measure = "of what guessing the base rate loses"
    if saved.low > 0:
        return f"{new} predicts better than {old}, by {saved.low:.1%} to {saved.high:.1%} {measure}"
    if saved.high < 0:
        return f"{new} predicts worse than {old}, by {-saved.high:.1%} to {-saved.low:.1%} {measure}"
    return (
        f"{new} is not proven better than {old}: between {-saved.low:.1%} worse and {saved.high:.1%} better, {measure}"
    )
