"""What the checks concluded about the champion's newest window, and whether that asks for a retraining now."""

from datetime import UTC, datetime

from shotclock.config import project
from shotclock.errors import StoreError
from shotclock.judging import alerts
from shotclock.judging.alerts import Finding, Kind, Signal
from shotclock.judging.verdict import Verdict
from shotclock.store import history
from shotclock.store.versions import registry


def newest(name: str, kind: Kind) -> tuple[Finding, Signal]:
    """The finding about the champion's newest window, and whether it fires now. Writes nothing.

    Raises:
        StoreError: no champion, or no window of it was checked yet.
    """
    rules, champion = project(name), registry.require_champion(name)
    decided = history.decisions(name)
    newest = history.findings(name, "degradation", champion.number, 1)
    if not newest:
        raise StoreError(f"project '{name}': no window of champion v{champion.number} was checked yet")
    if kind == "demotion":
        return _demotion(name, newest[0])
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


def _demotion(name: str, judged: Finding) -> tuple[Finding, Signal]:
    """What was found of the version before when this window was judged."""
    demote, champion = project(name).retraining.demote, judged.champion
    found = history.findings(name, "demotion", champion, 1) if demote != "off" else []
    if not found or found[0].window != judged.window:
        why = "retraining.demote is off" if demote == "off" else f"no version before stands behind v{champion}"
        found = [Finding("demotion", judged.window, champion, Verdict("insufficient data", why))]
    return found[0], alerts.demotion_signal(found[0], history.demotions(name, champion), demote)


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
