"""The flows as plain function calls, in one process: what the DAGs wire, for the command line, tests and benchmarks."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar

from shotclock.files.storage import Address
from shotclock.handoff import (
    AnyData,
    Candidate,
    Checked,
    ComparedPolicies,
    Done,
    FittedBlock,
    Plan,
    Published,
    RecentData,
    Result,
    ScoredBatch,
    ScoredPartition,
    Sensed,
    Skipped,
    TrainedCandidate,
    ValidBatch,
)
from shotclock.judging.alerts import KINDS, Kind
from shotclock.steps import inference, intake, monitoring, policies, refitting, retraining, rollback, sensing, training
from shotclock.store.run import Run

R = TypeVar("R", bound=Result)
Note = Callable[[str, Result], None]
"""Called after each step with its name and result."""
Progress = Callable[[str, int, int], None]
"""Called while a long step is at work: its name, how much of it is done, and how much there is."""


def _silent(step: str, result: Result) -> None:
    pass


def _unseen(step: str, done: int, total: int) -> None:
    pass


@dataclass(frozen=True)
class Monitored:
    """What the checks and the sensors found about the newest window."""

    drift_check: Checked
    performance_check: Checked
    sensors: dict[Kind, Sensed]


@dataclass(frozen=True)
class _Told:
    """Who is told of what a flow does."""

    note: Note
    progress: Progress

    def of(self, step: str, result: R) -> R:
        self.note(step, result)
        return result


def train(
    project: str, run_id: str, *, path: str | Address | None = None, note: Note = _silent, progress: Progress = _unseen
) -> Done:
    """Ingest, validate, filter, split, compare, train each candidate, select, gate, verify, promote or keep."""
    run, told = Run(project, "training", run_id, asked=datetime.now(UTC)), _Told(note, progress)
    source = told.of("ingest", intake.ingest(run, "training", path))
    valid = told.of("validate", intake.validate(run, source))
    filtered = told.of("filter", training.filter_rows(run, valid))
    data = told.of("split", training.split(run, filtered))
    return _compete(run, training.candidates(run), data, told)


def score(
    project: str, run_id: str, *, path: str | Address | None = None, note: Note = _silent, progress: Progress = _unseen
) -> Published | Skipped:
    """Take the production files in that are new, or the one at `path`, and score them with the champion."""
    run, told = Run(project, "inference", run_id), _Told(note, progress)
    scored: list[ScoredBatch | ScoredPartition] = []
    for part in intake.validate_batches(run, intake.ingest_batches(run, path)):
        told.of("validate", part)
        done = told.of("score", inference.score(run, part, _tell(part, progress)))
        scored += [] if isinstance(done, Skipped) else [done]
    return told.of("publish", inference.publish(run, scored))


def check(project: str, run_id: str, *, note: Note = _silent) -> Monitored:
    """Judge the champion's newest window: drift, and performance where labels have come."""
    run, told = Run(project, "monitoring", run_id), _Told(note, _unseen)
    return Monitored(
        told.of("drift_check", monitoring.drift_check(run)),
        told.of("performance_check", monitoring.performance_check(run)),
        {kind: told.of(f"{kind}_sensor", sensing.sense(run, kind)) for kind in KINDS},
    )


def retrain(
    project: str,
    run_id: str,
    *,
    by: str = "manual",
    reason: str | None = None,
    note: Note = _silent,
    progress: Progress = _unseen,
) -> Done | Plan | Skipped:
    """Decide, collect the recent rows, cut them, compare, fit each recipe, select, gate, refit, verify, promote or keep."""
    run, told = Run(project, "retraining", run_id, asked=datetime.now(UTC)), _Told(note, progress)
    plan = told.of("decide", retraining.decide(run, by, reason))
    if plan.skip:
        return plan
    collected = told.of("collect", retraining.collect(run, plan))
    if isinstance(collected, Skipped):
        return collected
    data = told.of("split", retraining.split_recent(run, collected))
    return _compete(run, retraining.candidates(run, plan, data), data, told)


def demote(project: str, run_id: str, *, note: Note = _silent) -> Done:
    """Put the version before back into service, where an alert says that it is proven better."""
    run = Run(project, "rollback", run_id, asked=datetime.now(UTC))
    return _Told(note, _unseen).of("rollback", rollback.rollback(run, None, by="alert"))


def compare_policies(
    project: str, run_id: str, *, note: Note = _silent, progress: Progress = _unseen
) -> ComparedPolicies:
    """Cut the labelled past into blocks, tune once, fit each recipe before each block, replay the policies."""
    run, told = Run(project, "policies", run_id), _Told(note, progress)
    past = told.of("cut", policies.cut(run))
    progress("tune", 0, 1)
    moments, fitted = policies.tune(run, past), list[FittedBlock]()
    note("tune", moments[0])
    for number, moment in enumerate(moments):
        progress(f"fit {moment.shown}", number, len(moments))
        fitted.append(policies.fit(run, moment, past))
    progress("fit", len(moments), len(moments))
    return policies.replay(run, past, fitted)


def _tell(batch: ValidBatch, progress: Progress) -> Callable[[int], None]:
    total = batch.cut.partition.rows if batch.cut else batch.rows
    return lambda rows: progress(f"score {batch.shown}", rows, total)


def _compete(run: Run, candidates: list[Candidate], data: AnyData, told: _Told) -> Done:
    told.progress("compare", 0, 1)
    compared = training.compare(run, candidates, data)
    trained: list[TrainedCandidate] = []
    for number, candidate in enumerate(compared):
        told.note("compare", candidate)
        step = f"train {candidate.name}"
        told.progress(step, number, len(compared))
        trained.append(told.of(step, training.train(run, candidate, data)))
    told.progress("train", len(compared), len(compared))
    selection = told.of("select", training.select(run, trained, data))
    gated = told.of("gate", training.gate(run, selection, data))
    refitted = None
    if isinstance(data, RecentData):
        refitted = told.of("refit", refitting.refit(run, compared, selection, gated, data))
    verified = told.of("verify", training.verify(run, gated, refitted, apart=True))  # this process has trained
    return told.of("promote", training.promote(run, selection, gated, verified, data, refitted))
