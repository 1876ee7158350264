"""What is kept of services that ended by themselves, for `shotclock doctor` and for whoever asks a day later: one line each."""

import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from shotclock_launcher.console import say

PAUSES = (1.0, 3.0, 10.0)  # seconds until a service is started again, for the first time, the second, …; then no more
STEADY = 300.0  # seconds after which a service that was started again counts as sound


@dataclass(frozen=True)
class Fall:
    """The end of one service of one stack. `again`: the seconds until it is started again; None where all is ended for it."""

    at: str
    stack: str
    service: str
    how: str
    again: float | None


def note(file: Path, stack: str, service: str, how: str, again: float | None) -> None:
    fall = Fall(datetime.now(UTC).isoformat(timespec="seconds"), stack, service, how, again)
    try:
        with file.open("a", encoding="utf-8") as opened:
            opened.write(json.dumps(asdict(fall)) + "\n")
    except OSError as error:  # a full disk may be why it ended; the others go on
        say(f"{file}: not written ({error.strerror}): {json.dumps(asdict(fall))}")


def noted(file: Path, stack: str | None) -> list[Fall]:
    """What ended in this stack, in the order of time."""
    lines = file.read_text("utf-8").splitlines() if stack and file.exists() else []
    return [fall for fall in (Fall(**json.loads(line)) for line in lines) if fall.stack == stack]
