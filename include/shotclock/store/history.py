"""What happened to a project, read from the store as values: decisions, alerts, findings. Nothing is kept elsewhere."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from shotclock.errors import StoreError
from shotclock.files.storage import Address
from shotclock.judging.alerts import Alert, Decision, Finding, Kind
from shotclock.judging.verdict import Verdict
from shotclock.store import queries, records
from shotclock.store.records import Stored
from shotclock.store.server.artifacts import artifact
from shotclock.store.versions import registry

REFERENCE = "reference.parquet"  # as it is called in MLflow and in a run's folder

BEFORE = "shotclock_before"
"""In a reference: the probability that the model, or its recipe, gave to a row before it learnt from it; or nothing."""

CHAMPIONS = "champion_probability"
"""In the gate's rows: what the champion gave, beside the challenger's probability."""

TRACK_RECORD = "track_record.parquet"  # as it is called in MLflow and in a run's folder
BLOCK = "shotclock_block"
"""In a track record: the number of a row's block, from 0. No column of a project: what it names is the record's own."""

_CHECKS: dict[Kind, type[records.Check]] = {"drift": records.Drift, "demotion": records.Shadow}
_SKEW = timedelta(hours=1)  # by which the clocks of machines may differ
_YEAR, _MOST_PROMOTIONS = timedelta(days=365), 1000
_REPEATS = 20  # how often one window may be checked again before older windows drop out of sight


def decisions(project: str, most: int = 50) -> list[Decision]:
    """The newest decisions, newest first, without skips."""
    found = queries.newest(project, records.Decision, unless={"decision": "skip"}, most=most)
    return [decision(stored) for stored in found]


def champion_on(project: str, day: date) -> Decision | None:
    """The decision that the champion at the end of `day` (UTC) came out of, or None if there was none yet."""
    changes = (done for done in decisions(project, most=1000) if done.outcome in ("promote", "rollback"))
    return next((done for done in changes if done.at.date() <= day), None)


def replaced_since(project: str, moment: datetime | None) -> Decision | None:
    """The newest decision that has put another version into service since `moment`, or None; always None without a moment.

    One that lies far ahead was written before the clock was set back: nobody can say that it came since.
    """
    if moment is None:
        return None
    latest = datetime.now(UTC) + _SKEW
    changes = [
        stored
        for outcome in ("promote", "rollback")
        for stored in queries.newest(project, records.Decision, where={"decision": outcome}, most=_REPEATS)
        if stored.ended and moment.replace(microsecond=moment.microsecond // 1000 * 1000) <= stored.ended <= latest
    ]
    return decision(max(changes, key=lambda stored: stored.at)) if changes else None


@dataclass(frozen=True)
class Takeover:
    """A promotion that replaced a version.

    Attributes:
        before: the number of the version that was replaced.
        number: how many of them the project has had within a year before it, itself included.
        at: when it was decided, UTC.
    """

    before: str
    number: int
    at: datetime


def takeover(project: str, version: str) -> Takeover | None:
    """The promotion that `version` is in service by; None for the first one, and for a version that came back later on."""
    about = {"after": version}
    if queries.newest(project, records.Decision, where={**about, "decision": "rollback"}):
        return None
    made = queries.newest(project, records.Decision, where={**about, "decision": "promote"})
    if not made or not made[0].record.before:
        return None
    promotions = queries.newest(project, records.Decision, where={"decision": "promote"}, most=_MOST_PROMOTIONS)
    within = [done for done in promotions if done.record.before and timedelta(0) <= made[0].at - done.at < _YEAR]
    return Takeover(made[0].record.before, len(within), made[0].at)


def alerts(project: str, most: int = 100) -> list[Alert]:
    """The newest alerts, newest first."""
    return [alert(stored) for stored in queries.newest(project, records.Alert, most=most)]


def demotions(project: str, champion: str) -> list[Alert]:
    """The alerts that the version before does better than this one, newest first."""
    return [told for told in alerts(project) if (told.kind, told.champion) == ("demotion", champion)]


def findings(project: str, kind: Kind, champion: str, most: int) -> list[Finding]:
    """What drift, performance or shadow checks concluded about the champion's newest windows, newest first, one a window."""
    found = queries.newest(
        project, _CHECKS.get(kind, records.Performance), where={"champion": champion}, most=_REPEATS * most
    )
    by_window = {stored.record.window: stored for stored in reversed(found)}
    newest = sorted(by_window.values(), key=lambda stored: stored.at, reverse=True)[:most]
    return [Finding(kind, stored.record.window, champion, verdict(stored.record)) for stored in newest]


def broken_feed(project: str, champion: str, window: str) -> str:
    """The features that stood still in this window when it was last checked for drift, or an empty string."""
    newest = queries.newest(project, records.Drift, where={"champion": champion, "window": window})
    return newest[0].record.broken if newest else ""


def broken_batches(project: str, most: int = 1000) -> frozenset[str]:
    """The names of the batches whose feed looked broken when they were last checked for drift: no model learns from them."""
    last: dict[str, bool] = {}
    for stored in queries.newest(project, records.Drift, most=most):
        last = dict.fromkeys(stored.record.batches, bool(stored.record.broken)) | last
    return frozenset(name for name, broken in last.items() if broken)


def referring(project: str, version: registry.Version | None = None) -> Stored[records.Decision] | None:
    """The newest decision that left a reference, or the one that `version` came out of; None if there is none."""
    where = {"reference": True} | ({"after": version.number} if version else {})
    found = queries.newest(project, records.Decision, where=where)
    return found[0] if found else None


def reference(project: str, version: registry.Version) -> Address:
    """The file of the rows that the decision which this version came out of was about, with its probabilities.

    Raises:
        StoreError: no decision left one.
    """
    decided = referring(project, version)
    if decided is None:
        raise StoreError(f"{version.uri}: no decision left a reference for it; run {project}.training again")
    return artifact(decided.id, REFERENCE)


def verdict(check: records.Check) -> Verdict:
    """What a check concluded."""
    return Verdict(check.verdict, check.reason, check.figures)


def alert(stored: Stored[records.Alert]) -> Alert:
    """The alert that a sensor wrote down."""
    told = stored.record
    return Alert(stored.id, told.trigger, told.window, told.champion, told.reason, stored.at, told.figures)


def decision(stored: Stored[records.Decision]) -> Decision:
    """The decision that a step wrote down."""
    told = stored.record
    return Decision(
        id=stored.id,
        outcome=told.decision,
        reason=told.reason,
        champion=told.after or "",
        at=stored.at,
        flow=told.flow,
        window=told.window or "",
        answers=told.answers or (),
        gate=told.gate_outcome or told.decision,
        by=told.by or "gate",
        run=stored.run_id,
    )
