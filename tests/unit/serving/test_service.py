"""When the endpoint looks for a new champion."""

import time

import pytest

from shotclock.serving import service


def pauses(monkeypatch: pytest.MonkeyPatch, *seconds: float) -> list[float]:
    """How long the service waits after each look, of which each takes so many seconds of a processor."""
    watched, waited, spent = service.Service(), [], [0.0]
    looks = iter(seconds)

    def look() -> None:
        spent[0] += next(looks)

    def wait(pause: float) -> bool:
        waited.append(pause)
        return len(waited) == len(seconds)

    monkeypatch.setattr(watched, "look", look)
    monkeypatch.setattr(watched._ended, "wait", wait)
    monkeypatch.setattr(time, "thread_time", lambda: spent[0])
    watched._watch()
    return waited


@pytest.mark.parametrize(
    ("looks", "expected"),
    [
        ((0.001, 0.001, 0.001), [1, 1, 1]),
        ((5.0, 0.001, 0.001), [1, 1, 1]),  # the first one imports MLflow
        ((0.001, 0.2, 0.001), [1, 4, 1]),  # many projects keep no core busy
        ((0.001, 3.0, 0.001), [1, 10, 1]),  # a look that takes versions over does not put the next one off for a minute
    ],
)
def test_a_promotion_is_seen_soon_whatever_the_look_before_it_cost(monkeypatch, looks, expected) -> None:
    assert pauses(monkeypatch, *looks) == pytest.approx(expected)
