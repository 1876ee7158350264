"""What a command of `shotclock` costs, each run in a fresh process, and what a promotion costs in a process that is warm.

    python -m benchmarks.commands [--project kobe_shots] [--runs 7]

The commands are asked about the store that is there: `make demo` makes one. CPU seconds are user and system together, which
other work on the machine changes little; of both times the best run and the median are told. The promotion is that of a
training in a home of its own.
"""

import argparse
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

from benchmarks.chain import home

COMMANDS = (["--help"], ["status"], ["history"], ["batches"], ["doctor"])
_PLAIN = ("--help", "doctor")  # these take no project


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--project", default="kobe_shots")
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--part", choices=("promotion",), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.part:
        promotion(given.project)
        return
    print(f"{'':<12} {'CPU s, best':>12} {'median':>8} {'s, best':>8} {'median':>8}")
    for command in COMMANDS:
        asked = command if command[0] in _PLAIN else [*command, given.project]
        show(command[0], [in_fresh_process(asked) for _ in range(given.runs)])
    with home() as environment:
        own = {
            name: value
            for name, value in environment.items()
            if name not in ("MLFLOW_TRACKING_URI", "SHOTCLOCK_ARTIFACTS")
        }
        again = [sys.executable, "-m", "benchmarks.commands", "--part", "promotion", "--project", given.project]
        subprocess.run([*again, "--runs", str(given.runs)], env=own, check=True)


def in_fresh_process(command: list[str]) -> tuple[float, float]:
    """CPU seconds and seconds of one run."""
    before = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-m", "shotclock.cli", *command], stdout=subprocess.DEVNULL)
    _, _, used = os.wait4(process.pid, 0)
    return used.ru_utime + used.ru_stime, time.perf_counter() - before


def promotion(project: str) -> None:
    """Train twice: the first one promotes, and imports what all that follow find imported; then what is there gives way."""
    from shotclock import flows
    from shotclock.steps import training
    from shotclock.store.server import database
    from shotclock.store.server.client import connect
    from shotclock.store.versions import registry

    database.prepare_store()
    taken: list[tuple[float, float]] = []
    training.promote = timed(training.promote, taken)
    for number in range(2):
        flows.train(project, f"t{number}")
        registry.require_champion(project)
        connect().delete_registered_model_alias(project, "champion")
    show("promote", taken[1:])


def timed(call: Callable[..., Any], taken: list[tuple[float, float]]) -> Callable[..., Any]:
    """The same call, whose CPU seconds and seconds are kept."""

    def measured(*given: Any, **named: Any) -> Any:
        used, before = time.process_time(), time.perf_counter()
        found = call(*given, **named)
        taken.append((time.process_time() - used, time.perf_counter() - before))
        return found

    return measured


def show(what: str, taken: list[tuple[float, float]]) -> None:
    used, passed = zip(*taken, strict=True)
    figures = (min(used), statistics.median(used), min(passed), statistics.median(passed))
    print(f"{what:<12} {figures[0]:>12.2f} {figures[1]:>8.2f} {figures[2]:>8.2f} {figures[3]:>8.2f}", flush=True)


if __name__ == "__main__":
    main()
