"""What happened to a project, read from the store as values: decisions, alerts, findings. Nothing is kept elsewhere."""

from datetime import UTC, date, datetime
from typing import Any

from shotclock.errors import StoreError
from shotclock.files import storage
from shotclock.judging.alerts import Alert, Decided, Finding, Kind
from shotclock.judging.verdict import Status, Verdict
from shotclock.store import artifacts, queries, registry

REFERENCE, TRAINING_IDS = (
    "reference.parquet",
    "training_ids.parquet",
)  # as they are called in MLflow and in a run's folder

_CHECKS = {"drift": "drift", "degradation": "performance"}
_REPEATS = 20  # how often one window may be checked again before older windows drop out of sight


def decisions(project: str, most: int = 50) -> list[Decided]:
    """The newest decisions, newest first, without skips."""
    return [decided(run) for run in queries.newest(project, "decision", unless={"decision": "skip"}, most=most)]


def champion_on(project: str, day: date) -> Decided | None:
    """The decision that the champion at the end of `day` (UTC) came out of, or None if there was none yet."""
    changes = (done for done in decisions(project, most=1000) if done.outcome in ("promote", "rollback"))
    return next((done for done in changes if done.at.date() <= day), None)


def replaced_since(project: str, moment: datetime | None) -> Decided | None:
    """The newest decision that has put another version into service since `moment`, or None; always None without a moment."""
    if moment is None:
        return None
    changes = [queries.newest(project, "decision", tags={"decision": outcome}) for outcome in ("promote", "rollback")]
    since = [run for page in changes for run in page if run.info.end_time >= int(moment.timestamp() * 1000)]
    return decided(max(since, key=_started)) if since else None


def alerts(project: str, most: int = 100) -> list[Alert]:
    """The newest alerts, newest first."""
    return [alert(run) for run in queries.newest(project, "alert", most=most)]


def findings(project: str, kind: Kind, champion: str, most: int) -> list[Finding]:
    """What drift or performance checks concluded about the champion's newest windows, newest first, one a window."""
    runs = queries.newest(project, _CHECKS[kind], tags={"champion": champion}, most=_REPEATS * most)
    by_window = {tag(run, "window"): run for run in reversed(runs)}
    newest = sorted(by_window.values(), key=_started, reverse=True)[:most]
    return [Finding(kind, tag(run, "window"), champion, verdict(run)) for run in newest]


def broken_feed(project: str, champion: str, window: str) -> str:
    """The features that stood still in this window when it was last checked for drift, or an empty string."""
    newest = queries.newest(project, "drift", tags={"champion": champion, "window": window})
    return tag(newest[0], "broken") if newest else ""


def reference(project: str, version: registry.Version) -> storage.Address:
    """The file of the rows that the decision which this version came out of was about, with its probabilities.

    Raises:
        StoreError: no decision left one.
    """
    decided = queries.newest(project, "decision", tags={"after": version.number, "reference": "True"})
    if not decided:
        raise StoreError(f"{version.uri}: no decision left a reference for it; run {project}.training again")
    return artifacts.artifact(decided[0].info.run_id, REFERENCE)


def tag(run: Any, name: str) -> str:
    return str(run.data.tags.get(f"shotclock.{name}", ""))


def _started(run: Any) -> int:
    return int(run.info.start_time)


def at(run: Any) -> datetime:
    """When the MLflow run began, UTC."""
    return datetime.fromtimestamp(run.info.start_time / 1000, UTC)


def verdict(run: Any) -> Verdict:
    """What the MLflow run of a check concluded."""
    status: Status = tag(run, "verdict")  # type: ignore[assignment]  # written by a check, from a Verdict
    return Verdict(status, tag(run, "reason"), dict(run.data.metrics))


def alert(run: Any) -> Alert:
    """The alert that a sensor's MLflow run wrote down."""
    kind: Kind = tag(run, "trigger")  # type: ignore[assignment]  # written by a sensor, from a Finding
    reason, figures = tag(run, "reason"), dict(run.data.metrics)
    return Alert(run.info.run_id, kind, tag(run, "window"), tag(run, "champion"), reason, at(run), figures)


def decided(run: Any) -> Decided:
    """The decision that an MLflow run wrote down."""
    answers = tuple(alert for alert in tag(run, "answers").split(",") if alert)
    outcome: Any = tag(run, "decision")
    flow, window = tag(run, "flow"), tag(run, "window")
    gate: Any = tag(run, "gate_outcome") or outcome
    return Decided(
        run.info.run_id,
        outcome,
        tag(run, "reason"),
        tag(run, "after"),
        at(run),
        flow,
        window,
        answers,
        gate,
        by=tag(run, "by") or "gate",
        run=run.data.tags.get("airflow.run_id", ""),
    )
