"""What the user sees: one line per event, with the seconds since the start in front."""

import time

_STARTED = time.monotonic()


def elapsed() -> float:
    """Seconds since the launcher started."""
    return time.monotonic() - _STARTED


def say(text: str) -> None:
    """A line with the seconds in front, written at once even into a pipe."""
    print(f"{elapsed():7.1f} s  {text}", flush=True)


def show(text: str) -> None:
    """A block of text as it is."""
    print(text, flush=True)
