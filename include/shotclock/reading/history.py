"""What happened to a project as plain values: its batches, its decisions, the champion of a day, how it stands now."""

from datetime import UTC, date, datetime
from typing import Any

from shotclock.files import storage
from shotclock.judging import alerts as triggers
from shotclock.judging.alerts import Decided
from shotclock.store import history, ledger, queries, registry

_MOST = 1000  # MLflow runs of one kind: how far back this looks

Runs = dict[str, list[Any]]  # MLflow runs by kind, newest first


def pulse(name: str) -> str:
    """What changes whenever something has happened to the project: whoever shows its past need not read it again before."""
    return queries.pulse(name)


def batches(name: str) -> list[dict[str, Any]]:
    """Each batch, oldest first: its rows, the window that it completed, what was found there, what came of it.

    What happened between the arrival of a batch and that of the next one belongs to it. Figures are those of the window as
    the champion in service at its arrival had it, by the newest check. A figure that nobody measured is None.
    """
    arrivals = ledger.arrivals(name)
    kinds = ("application", "drift", "performance", "alert", "decision")
    runs = {kind: queries.newest(name, kind, most=_MOST) for kind in kinds}
    changes = [done for done in history.decisions(name, most=_MOST) if done.outcome != "keep"]
    rows = {history.tag(run, "batch"): int(run.data.metrics["rows"]) for run in runs["application"]}
    told = []
    for place, (batch, begin) in enumerate(arrivals, start=1):
        end = arrivals[place][1] if place < len(arrivals) else datetime.now(UTC)
        about = {"number": batch.number, "batch": storage.at(batch.name).stem, "synthetic": batch.synthetic}
        found = _found(_between(runs, begin, end))
        told.append({**about, "rows": rows.get(str(batch.number)), **found, "champion": _serving(changes, end)})
    return told


def _between(runs: Runs, begin: datetime, end: datetime) -> Runs:
    return {kind: [run for run in found if begin <= history.at(run) < end] for kind, found in runs.items()}


def _serving(changes: list[Decided], end: datetime) -> str | None:
    return next((done.champion for done in changes if done.at < end), None)


def _found(runs: Runs) -> dict[str, Any]:
    drift, performance = _first_window(runs["drift"]), _first_window(runs["performance"])
    figures = {"log_loss", "log_loss_skill", "log_loss_skill_low", "log_loss_skill_high", "rows_new"}
    measured = performance.data.metrics if performance else {}
    return {
        "window": _names(history.tag(drift or performance, "batches")) if drift or performance else [],
        "drift_verdict": history.tag(drift, "verdict") if drift else None,
        "drift_share": drift.data.metrics.get("drift_share") if drift else None,
        "performance_verdict": history.tag(performance, "verdict") if performance else None,
        "labelled_rows": int(measured.get("rows", 0)),
        **{name: measured.get(name) for name in sorted(figures)},
        "alerts": sorted({history.tag(run, "trigger") for run in runs["alert"]}),
        "decisions": [_outcome(run) for run in reversed(runs["decision"])],
    }


def _first_window(runs: list[Any]) -> Any:
    """The newest check of the window, and by the champion, that was checked first."""
    if not runs:
        return None
    window, champion = (history.tag(runs[-1], name) for name in ("window", "champion"))
    return next(run for run in runs if (history.tag(run, "window"), history.tag(run, "champion")) == (window, champion))


def _names(files: str) -> list[str]:
    """The window's batches, oldest first."""
    return [storage.at(name).stem for name in reversed(files.split(", "))]


def _outcome(run: Any) -> dict[str, str]:
    names = {"outcome": "decision", "gate": "gate_outcome", "reason": "reason", "champion": "after"}
    return {key: history.tag(run, name) for key, name in names.items()}


def decisions(name: str, most: int = _MOST) -> list[dict[str, Any]]:
    """The newest decisions, newest first, each with what started its run."""
    causes = _causes(name)
    return [_told(done, causes) for done in history.decisions(name, most=most)]


def champion_on(name: str, day: date) -> dict[str, Any] | None:
    """The decision that the champion at the end of `day` (UTC) came out of, or None if there was none yet."""
    done = history.champion_on(name, day)
    return None if done is None else _told(done, _causes(name))


def _causes(name: str) -> dict[str, str]:
    """Why each retraining ran, by the flow's run."""
    runs = queries.newest(name, "retraining", most=_MOST)
    return {run.data.tags["airflow.run_id"]: history.tag(run, "why") for run in runs}


def _told(done: Decided, causes: dict[str, str]) -> dict[str, Any]:
    return {
        "at": done.at.isoformat(timespec="seconds"),
        "flow": done.flow,
        "outcome": done.outcome,
        "gate": done.gate,
        "champion": done.champion,
        "reason": done.reason,
        "decided_by": done.by,
        "started_because": causes.get(done.run, ""),
        "answered_alerts": list(done.answers),
        "window": done.window,
        "run": done.run,
        "mlflow_run_id": done.id,
    }


def standing(name: str) -> dict[str, Any]:
    """How the project stands now: champion, what is open, the newest findings about the champion, the last decision."""
    champion, previous = registry.champion(name), registry.by_alias(name, registry.PREVIOUS)
    decided, alerts = decisions(name, most=1), history.alerts(name)
    waiting = triggers.unanswered(alerts, history.decisions(name), champion.number) if champion else []
    return {
        "project": name,
        "champion": champion.number if champion else None,
        "previous": previous.number if previous else None,
        "findings": {kind: _finding(name, kind, champion.number) for kind in ("drift", "degradation")}
        if champion
        else {},
        "open_alerts": [{"kind": alert.kind, "at": alert.at.isoformat(), "reason": alert.reason} for alert in waiting],
        "last_decision": decided[0] if decided else None,
        "not_scored": [line["batch"] for line in batches(name) if line["rows"] is None],
    }


def _finding(name: str, kind: triggers.Kind, champion: str) -> dict[str, Any] | None:
    found = history.findings(name, kind, champion, 1)
    return {"verdict": found[0].verdict.status, "reason": found[0].verdict.reason} if found else None
