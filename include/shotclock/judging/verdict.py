"""What a check concludes, as a value."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Status = Literal["ok", "warning", "alert", "insufficient data"]


@dataclass(frozen=True)
class Verdict:
    """A check's conclusion, the sentence that says why, and the figures behind it (plain JSON values).

    `alert` fires sensors; `warning` is for people only; `insufficient data` says neither good nor bad.
    """

    status: Status
    reason: str
    figures: Mapping[str, Any] = field(default_factory=dict)
