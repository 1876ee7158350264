"""A loop on a machine whose clock is moved by a day, on or back, amid its flows: it ends as one whose clock was left alone.

Each flow is a process that libfaketime tells the time; `make test-chaos` asks for it.
"""

import json
import os
import shutil
import subprocess
import sys
from collections import Counter

import pandas as pd
import pytest

from shotclock.config import settings
from shotclock.files import storage
from shotclock.store import history
from shotclock.store.versions import registry

pytestmark = [
    pytest.mark.skipif("CLOCK" not in os.environ, reason="CLOCK=1 asks for it, as `make test-chaos` does"),
    pytest.mark.skipif(
        not shutil.which("faketime"), reason="no faketime on this machine (Debian: apt-get install faketime)"
    ),
]

LOOP = (
    ("train",),
    ("score",),
    ("check",),
    ("retrain", "--reason", "the clock"),
    ("score",),
    ("check",),
    ("rollback", "--reason", "complaints"),
    ("score",),
    ("check",),
)
MOVES = [(place, by) for place in (1, 3, 4, 6) for by in ("+1d", "-1d")]


def called(moved, name, *options):
    """A flow by the command line, on a clock that is moved; what it says as JSON."""
    command = ["faketime", "-f", moved, sys.executable, "-m", "shotclock.cli", name, "shots", *options, "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{name} at {moved}: {done.stderr}"
    return json.loads(done.stdout)


def alerts():
    return Counter(alert.kind for alert in history.alerts("shots"))


def what_is_left():
    predictions = storage.published(settings().data, "shots", "predictions") / "resultado_pipeline.parquet"
    return (
        [registry.by_alias("shots", alias).number for alias in (registry.CHAMPION, registry.PREVIOUS)],
        storage.digest(settings().data / "shots" / "champion" / registry.MODEL_FILE),
        Counter((done.flow, done.outcome) for done in history.decisions("shots")),
        pd.read_parquet(predictions).to_csv(),
    )


def test_a_loop_whose_clock_is_moved_ends_as_one_whose_clock_was_left_alone(small):
    small()
    for flow in LOOP:
        called("+0", *flow)
    in_peace, told = what_is_left(), alerts()
    assert in_peace[0] == ["1", "2"]
    for place, by in MOVES:
        small()
        for number, flow in enumerate(LOOP):
            called(by if number >= place else "+0", *flow)
        where = f"moved {by} before {' '.join(LOOP[place])}, flow {place}"
        for found, expected in zip(what_is_left(), in_peace, strict=True):
            assert found == expected, where
        # which decision is the newest, their times say: after the clock went back, an answered alert may be told once more
        assert alerts() == told or (by == "-1d" and alerts().keys() == told.keys()), where
