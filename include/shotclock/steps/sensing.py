"""The step behind each sensor: does what the checks concluded ask for a retraining now?"""

import logging
from datetime import UTC, datetime
from typing import Any

from shotclock.config import project, settings
from shotclock.errors import StoreError
from shotclock.files import storage
from shotclock.judging import alerts
from shotclock.judging.alerts import Finding, Kind, Signal
from shotclock.store import history, queries, registry, tracking
from shotclock.store.run import Run

log = logging.getLogger(__name__)


def sense(run: Run, kind: Kind) -> dict[str, Any]:
    """Judge the champion's newest window; when it asks for a retraining, write the alert down (MLflow run `Alert`).

    Returns:
        `fires`, `reason`, and for an alert its figures, window, champion and id. `skip` says why nothing fires; where that
        is for people to look at, `stopped` is there, and `news`: whether nobody was told about this window yet.

    Raises:
        StoreError: no champion, or no window of it was checked yet.
    """
    finding, signal = judged(run.project, kind)
    told = {"trigger": kind, "reason": signal.reason, "window": finding.window, "champion": finding.champion}
    if not signal.fires:
        log.log(logging.WARNING if signal.stopped else logging.INFO, "%s, %s: %s", run.project, kind, signal.reason)
        stopped = {"stopped": True, "news": _is_news(run, kind, told)} if signal.stopped else {}
        return {**told, **stopped, "fires": False, "skip": signal.reason}
    with tracking.tracked(run, f"alert/{kind}", f"Alert: {kind}", kind="alert") as record:
        record.record(
            metrics={key: value for key, value in finding.verdict.figures.items() if isinstance(value, int | float)},
            tags=told,
        )
    figures = dict(finding.verdict.figures)
    summary = f"**Alert**: {signal.reason}"
    return {
        **told,
        "fires": True,
        "alert": record.id,
        "figures": figures,
        "mlflow_run_id": record.id,
        "summary": summary,
    }


def _is_news(run: Run, kind: Kind, told: dict[str, Any]) -> bool:
    """Whether people are to be told now: once for each window, whichever sensor comes first; a second try says it again."""
    step = f"stopped/{kind}"
    about = {"window": told["window"], "champion": told["champion"]}
    with storage.locked(settings().data / run.project / ".stopped.lock"):
        said = queries.newest(run.project, "stopped", tags=about)
        if not said:
            with tracking.tracked(run, step, f"Stopped: {kind}", kind="stopped") as record:
                record.record(tags=told)
    return not said or history.tag(said[0], "key") == run.key(step)


def judged(name: str, kind: Kind) -> tuple[Finding, Signal]:
    """The finding about the champion's newest window, and whether it fires now. Writes nothing."""
    rules, champion = project(name), registry.require_champion(name)
    decided = history.decisions(name)
    newest = history.findings(name, "degradation", champion.number, 1)
    if not newest:
        raise StoreError(f"project '{name}': no window of champion v{champion.number} was checked yet")
    new_rows = int(newest[0].verdict.figures.get("rows_new", 0))
    finding = _finding(name, kind, newest[0], new_rows)
    signal = alerts.guard(
        finding,
        decided,
        new_rows=new_rows,
        now=datetime.now(UTC),
        rules=rules.retraining,
        broken=history.broken_feed(name, finding.champion, finding.window),
    )
    return finding, signal


def _finding(name: str, kind: Kind, newest: Finding, new_rows: int) -> Finding:
    rules = project(name)
    if kind == "degradation":
        return newest
    if kind == "new_records":
        verdict = alerts.new_records_finding(new_rows, rules.retraining)
        return Finding(kind, newest.window, newest.champion, verdict)
    windows = history.findings(name, "drift", newest.champion, rules.drift.of_windows)
    if not windows:
        raise StoreError(f"project '{name}': the drift of champion v{newest.champion}'s windows was not checked yet")
    return Finding(kind, windows[0].window, newest.champion, alerts.drift_finding(windows, rules.drift))
