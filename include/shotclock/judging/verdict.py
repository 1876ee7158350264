"""What a check concludes, as a value."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from shotclock.judging.figure import Figure

Status = Literal["ok", "warning", "alert", "insufficient data"]
UNLIKE = "the rows are no longer like those that it was judged on"
"""What drift is called where nobody has to know the word."""


@dataclass(frozen=True)
class Verdict:
    """A check's conclusion, the sentence that says why, and the figures behind it (plain JSON values).

    `alert` fires sensors; `warning` is for people only; `insufficient data` says neither good nor bad.
    """

    status: Status
    reason: str
    figures: Mapping[str, Any] = field(default_factory=dict)


def against_base_rate(skill: Figure) -> str:
    """What a log-loss skill says without jargon. Where its interval holds 0 the model is not proven better."""
    if skill.high < 0:
        return f"worse than guessing the base rate, by {-skill.high:.1%} to {-skill.low:.1%}"
    if skill.low > 0:
        return f"better than guessing the base rate, by {skill.low:.1%} to {skill.high:.1%}"
    return f"not proven better than the base rate: between {abs(skill.low):.1%} worse and {skill.high:.1%} better"
