"""What happened to a project as plain values: its batches, its decisions, the champion of a day."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TypeVar

from shotclock.files import storage
from shotclock.judging.alerts import Decision
from shotclock.judging.figure import Figure
from shotclock.judging.fitness import Level
from shotclock.judging.verdict import Status
from shotclock.reading.health import windows_of
from shotclock.store import history, queries, records
from shotclock.store.intake import ledger
from shotclock.store.intake import passed_over as notes
from shotclock.store.records import R, Stored

C = TypeVar("C", bound=records.Check)
_MOST = 1000  # records of one kind: how far back this looks


@dataclass(frozen=True)
class Outcome:
    """What a decision came to. `champion` is the version in service after it."""

    outcome: str
    gate: str
    reason: str
    champion: str


@dataclass(frozen=True)
class Judged:
    """What the newest checks of one version said of the window that a batch completed."""

    version: str
    level: Level
    labelled_rows: int
    drift_share: float | None
    log_loss: Figure | None
    log_loss_skill: Figure | None


@dataclass(frozen=True)
class Arrival:
    """One batch: its rows, the window that it completed, what was found there, what came of it.

    What was not measured is None.

    Attributes:
        window: the window's batches, oldest first.
        labelled_rows: that the figures are about; `rows_new`: that neither the champion nor the last decision knew.
        log_loss: in nats per row.
        judged: by version, in the order of their first checks: the one in service at its arrival, and whatever came of it.
        champion: the version in service when the next batch came.
    """

    number: int
    batch: str
    synthetic: bool
    rows: int | None
    window: tuple[str, ...]
    drift_verdict: Status | None
    drift_share: float | None
    performance_verdict: Status | None
    labelled_rows: int
    log_loss: float | None
    log_loss_skill: float | None
    log_loss_skill_high: float | None
    log_loss_skill_low: float | None
    rows_new: float | None
    judged: tuple[Judged, ...]
    alerts: tuple[str, ...]
    decisions: tuple[Outcome, ...]
    champion: str | None


@dataclass(frozen=True)
class Told:
    """A decision, with what started its run."""

    at: str
    flow: str
    outcome: str
    gate: str
    champion: str
    reason: str
    decided_by: str
    started_because: str
    answered_alerts: tuple[str, ...]
    window: str
    run: str
    mlflow_run_id: str


@dataclass(frozen=True)
class _Happened:
    """What belongs to one batch: everything between its arrival and that of the next. Newest first."""

    drift: Sequence[Stored[records.Drift]]
    performance: Sequence[Stored[records.Performance]]
    alerts: Sequence[Stored[records.Alert]]
    decisions: Sequence[Stored[records.Decision]]

    def between(self, begin: datetime, end: datetime) -> "_Happened":
        def those(found: Sequence[Stored[R]]) -> list[Stored[R]]:
            return [stored for stored in found if begin <= stored.at < end]

        return _Happened(*(those(self.drift), those(self.performance), those(self.alerts), those(self.decisions)))


def pulse(name: str) -> str:
    """What changes whenever something has happened to the project: whoever shows its past need not read it again before."""
    return queries.pulse(name)


def batches(name: str) -> list[Arrival]:
    """Each batch, oldest first.

    Figures are those of the window as the champion in service at its arrival had it, by the newest check.
    """
    arrivals = ledger.arrivals(name)
    happened = _Happened(
        queries.newest(name, records.Drift, most=_MOST),
        queries.newest(name, records.Performance, most=_MOST),
        queries.newest(name, records.Alert, most=_MOST),
        queries.newest(name, records.Decision, most=_MOST),
    )
    scored = {
        stored.record.batch: stored.record.rows for stored in queries.newest(name, records.Application, most=_MOST)
    }
    changes = [done for done in history.decisions(name, most=_MOST) if done.outcome != "keep"]
    ends = [at for _, at in arrivals[1:]] + [datetime.now(UTC)]
    return [
        _arrival(
            batch.number,
            storage.at(batch.name).stem,
            batch.synthetic,
            scored.get(batch.number),
            happened.between(begin, end),
            next((done.champion for done in changes if done.at < end), None),
        )
        for (batch, begin), end in zip(arrivals, ends, strict=bool(arrivals))
    ]


def passed_over(name: str) -> list[records.PassedOver]:
    """The files of the folders of batches and labels that were not taken in, or not scored, and why."""
    return notes.standing(name)


def _arrival(
    number: int, batch: str, synthetic: bool, rows: int | None, found: _Happened, champion: str | None
) -> Arrival:
    drift, performance = _first_window(found.drift), _first_window(found.performance)
    checked = drift or performance
    measured = performance.figures if performance else {}
    return Arrival(
        number=number,
        batch=batch,
        synthetic=synthetic,
        rows=rows,
        window=tuple(storage.at(name).stem for name in reversed(checked.batches)) if checked else (),
        drift_verdict=drift.verdict if drift else None,
        drift_share=drift.figures.get("drift_share") if drift else None,
        performance_verdict=performance.verdict if performance else None,
        labelled_rows=int(measured.get("rows", 0)),
        log_loss=measured.get("log_loss"),
        log_loss_skill=measured.get("log_loss_skill"),
        log_loss_skill_high=measured.get("log_loss_skill_high"),
        log_loss_skill_low=measured.get("log_loss_skill_low"),
        rows_new=measured.get("rows_new"),
        judged=_judged(found, checked.window) if checked else (),
        alerts=tuple(sorted({stored.record.trigger for stored in found.alerts})),
        decisions=tuple(_outcome(stored.record) for stored in reversed(found.decisions)),
        champion=champion,
    )


def _judged(found: _Happened, window: str) -> tuple[Judged, ...]:
    checked = windows_of([*found.performance, *found.drift])
    return tuple(
        Judged(
            version=judged.champion,
            level=judged.level,
            labelled_rows=judged.judged_rows,
            drift_share=judged.drift_share,
            log_loss=judged.figure("log_loss"),
            log_loss_skill=judged.figure("log_loss_skill"),
        )
        for judged in checked
        if judged.id == window
    )


def _first_window(checks: Sequence[Stored[C]]) -> C | None:
    """The newest check of the window, and by the champion, that was checked first."""
    if not checks:
        return None
    first = checks[-1].record
    same = (check.record for check in checks if check.record.window == first.window)
    return next(check for check in same if check.champion == first.champion)


def _outcome(told: records.Decision) -> Outcome:
    return Outcome(told.decision, told.gate_outcome or "", told.reason, told.after or "")


def decisions(name: str, most: int = _MOST) -> list[Told]:
    """The newest decisions, newest first."""
    causes = _causes(name)
    return [_told(done, causes) for done in history.decisions(name, most=most)]


def champion_on(name: str, day: date) -> Told | None:
    """The decision that the champion at the end of `day` (UTC) came out of, or None if there was none yet."""
    done = history.champion_on(name, day)
    return None if done is None else _told(done, _causes(name))


def _causes(name: str) -> dict[str, str]:
    """Why each retraining ran, by the flow's run."""
    return {stored.run_id: stored.record.why for stored in queries.newest(name, records.Retraining, most=_MOST)}


def _told(done: Decision, causes: dict[str, str]) -> Told:
    return Told(
        at=done.at.isoformat(timespec="seconds"),
        flow=done.flow,
        outcome=done.outcome,
        gate=done.gate,
        champion=done.champion,
        reason=done.reason,
        decided_by=done.by,
        started_because=causes.get(done.run, ""),
        answered_alerts=done.answers,
        window=done.window,
        run=done.run,
        mlflow_run_id=done.id,
    )
