"""The flows as plain function calls, in one process: what the DAGs wire, for the command line, tests and benchmarks."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from shotclock.judging.alerts import KINDS
from shotclock.steps import inference, intake, monitoring, retraining, sensing, training
from shotclock.store.run import Run

Note = Callable[[str, dict[str, Any]], None]
"""Called after each step with its name and result."""
Progress = Callable[[str, int, int], None]
"""Called while a long step is at work: its name, how much of it is done, and how much there is."""


def _silent(step: str, result: dict[str, Any]) -> None:
    pass


def _unseen(step: str, done: int, total: int) -> None:
    pass


def train(
    project: str, run_id: str, *, path: str | None = None, note: Note = _silent, progress: Progress = _unseen
) -> dict[str, Any]:
    """Ingest, validate, filter, split, train each candidate, select, gate, promote or keep."""
    run = Run(project, "training", run_id, asked=datetime.now(UTC))

    def told(step: str, result: dict[str, Any]) -> dict[str, Any]:
        note(step, result)
        return result

    source = told("ingest", intake.ingest(run, "training", path))
    valid = told("validate", intake.validate(run, source))
    filtered = told("filter", training.filter_rows(run, valid))
    data = told("split", training.split(run, filtered))
    trained = _trained(run, training.candidates(run), data, told, progress)
    return told("promote", _finish(run, trained, data, told))


def score(
    project: str, run_id: str, *, path: str | None = None, note: Note = _silent, progress: Progress = _unseen
) -> dict[str, Any]:
    """Take the production files in that are new, or the one at `path`, and score them with the champion."""
    run = Run(project, "inference", run_id)
    scored = []
    for part in intake.validate_batches(run, intake.ingest_batches(run, path)):
        note("validate", part)
        scored.append(_score(run, part, progress))
        note("score", scored[-1])
    published = inference.publish(run, scored)
    note("publish", published)
    return published


def check(project: str, run_id: str, *, note: Note = _silent) -> dict[str, Any]:
    """Judge the champion's newest window: drift, and performance where labels have come."""
    run = Run(project, "monitoring", run_id)
    found = {"drift_check": monitoring.drift_check(run)}
    note("drift_check", found["drift_check"])
    found["performance_check"] = monitoring.performance_check(run)
    note("performance_check", found["performance_check"])
    for kind in KINDS:
        found[kind] = sensing.sense(run, kind)
        note(f"{kind}_sensor", found[kind])
    return found


def retrain(
    project: str,
    run_id: str,
    *,
    by: str = "manual",
    reason: str | None = None,
    note: Note = _silent,
    progress: Progress = _unseen,
) -> dict[str, Any]:
    """Decide, collect the recent rows, split them, train each candidate, select, gate, promote or keep."""
    run = Run(project, "retraining", run_id, asked=datetime.now(UTC))

    def told(step: str, result: dict[str, Any]) -> dict[str, Any]:
        note(step, result)
        return result

    plan = told("decide", retraining.decide(run, by, reason))
    if "skip" in plan:
        return plan
    collected = told("collect", retraining.collect(run, plan))
    if "skip" in collected:
        return collected
    data = told("split", retraining.split_recent(run, collected))
    trained = _trained(run, retraining.candidates(run, plan), data, told, progress)
    return told("promote", _finish(run, trained, data, told))


def _score(run: Run, valid: dict[str, Any], progress: Progress) -> dict[str, Any]:
    step, total = f"score {valid.get('shown', valid['name'])}", int(valid.get("partition", valid)["rows"])
    return inference.score(run, valid, lambda rows: progress(step, rows, total))


def _trained(
    run: Run,
    chosen: list[dict[str, str]],
    data: dict[str, Any],
    told: Callable[..., dict[str, Any]],
    progress: Progress,
) -> list[dict[str, Any]]:
    trained = []
    for number, item in enumerate(chosen):
        step = f"train {item['name']}"
        progress(step, number, len(chosen))
        trained.append(told(step, training.train(run, item, data)))
    progress("train", len(chosen), len(chosen))
    return trained


def _finish(
    run: Run, trained: list[dict[str, Any]], data: dict[str, Any], told: Callable[..., dict[str, Any]]
) -> dict[str, Any]:
    selection = told("select", training.select(run, trained))
    decision = told("gate", training.gate(run, selection, data))
    return training.promote(run, selection, decision, data)
