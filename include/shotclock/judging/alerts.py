"""From findings to alerts: does a finding call for a retraining now, or is it already answered?

A finding is what a check concluded about one window. It becomes an alert only when the guard lets it: the loop must come
to rest by itself. Everything here is derived from what happened, so nothing is lost when an event is.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal, get_args

from shotclock.config import Demote, DriftRules, RetrainingRules
from shotclock.judging.verdict import Status, Verdict

Kind = Literal["drift", "degradation", "new_records", "demotion"]
KINDS: tuple[Kind, ...] = get_args(Kind)
Outcome = Literal["promote", "keep", "rollback", "skip"]


@dataclass(frozen=True)
class Finding:
    """What a check concluded about one window. `window` names the predictions that it judged."""

    kind: Kind
    window: str
    champion: str
    verdict: Verdict


@dataclass(frozen=True)
class Alert:
    """A finding that asked for a retraining; or, of the kind `demotion`, for the version before."""

    id: str
    kind: Kind
    window: str
    champion: str
    reason: str
    at: datetime
    figures: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Decision:
    """The end of one training or retraining that reached a decision.

    Attributes:
        champion: the version in service after it.
        window: the predictions whose rows it used; empty for a first training.
        answers: ids of the alerts that it answered.
        gate: what the gate said; `keep` also ends a dry run, a refusal by a person, and *not enough data*.
        by: who or what decided: the gate, the mode, or a person.
        run: the id of the flow's run.
    """

    id: str
    outcome: Outcome
    reason: str
    champion: str
    at: datetime
    flow: str = "retraining"
    window: str = ""
    answers: tuple[str, ...] = ()
    gate: str = "keep"
    by: str = "gate"
    run: str = ""

    @property
    def kept(self) -> bool:
        """Whether a retraining found nothing better: the version stayed, or its own recipe was only refitted."""
        refitted = self.outcome == "promote" and self.gate != "promote"
        return self.flow == "retraining" and (self.outcome == "keep" or refitted)


@dataclass(frozen=True)
class Signal:
    """Whether a sensor fires, and the sentence that says why or why not; `stopped`: people have to look at it."""

    fires: bool
    reason: str
    stopped: bool = False


def drift_finding(windows: Sequence[Finding], rules: DriftRules) -> Verdict:
    """k of n: `alert` when `rules.windows` of the last `rules.of_windows` windows alerted.

    Args:
        windows: the champion's drift findings, newest first, at least one.
    """
    recent = windows[: rules.of_windows]
    alerting = sum(found.verdict.status == "alert" for found in recent)
    newest = windows[0].verdict
    if rules.of_windows == 1 or newest.status != "alert":
        return newest
    needed = f"{alerting} of the last {len(recent)} windows drifted, {rules.windows} of {rules.of_windows} are needed"
    status: Status = "alert" if alerting >= rules.windows else "warning"
    return Verdict(status, f"{newest.reason}; {needed}", newest.figures)


def new_records_finding(rows: int, rules: RetrainingRules) -> Verdict:
    """`alert` when enough labelled rows have come since the champion's data and the last decision.

    Args:
        rows: labelled rows that neither the champion's training nor the last decision knew.
    """
    figures = {"new_labelled_rows": rows, "every_new_records": rules.every_new_records}
    reason = f"{rows:,} new labelled rows, {rules.every_new_records:,} ask for a retraining"
    return Verdict("alert" if rows >= rules.every_new_records else "ok", reason, figures)


def demotion_signal(finding: Finding, told: Sequence[Alert], demote: Demote) -> Signal:
    """Whether the version before is to come back. It fires at each check until it has, so that no lost event keeps it away;
    where a person has to say so, once.

    Args:
        told: alerts of the kind about this champion.
    """
    if finding.verdict.status != "alert":
        return Signal(False, f"{finding.verdict.status}: {finding.verdict.reason}")
    if demote == "ask" and told:
        return Signal(False, f"asked on {told[0].at:%Y-%m-%d %H:%M}, and not answered yet: {told[0].reason}")
    follows = "it comes back" if demote == "on" else "a person has to put it back into service"
    return Signal(True, f"{finding.verdict.reason}: {follows}")


def guard(
    finding: Finding,
    decisions: Sequence[Decision],
    *,
    new_rows: int,
    now: datetime,
    rules: RetrainingRules,
    broken: str = "",
) -> Signal:
    """Let an alerting finding through, unless it is answered already, or speaks of a broken feed's rows.

    Args:
        decisions: of the project, newest first, without skips.
        new_rows: labelled rows that have come since the last decision.
        broken: the features whose feed looks broken in the finding's window: no retraining learns from its rows, and
            only falling quality asks for one all the same.
    """
    verdict = finding.verdict
    if verdict.status != "alert":
        return Signal(False, f"{verdict.status}: {verdict.reason}")
    if broken and finding.kind != "degradation":
        return Signal(
            False,
            f"BROKEN FEED: {broken} stood still in this window, and no model should learn from that: correct the feed and "
            f"score the rows again. The finding: {verdict.reason}",
            stopped=True,
        )
    fruitless, enough = fruitless_in_a_row(decisions), max(rules.every_new_records, rules.min_new_labels)
    if fruitless >= rules.max_fruitless and new_rows < enough:
        return Signal(
            False,
            f"STOPPED: the last {fruitless} retrainings changed nothing, so alerts start none until {enough:,} new labelled "
            f"rows have come ({new_rows:,} so far; schedule and manual runs still do): look at data, features or thresholds. "
            f"The finding: {verdict.reason}",
            stopped=True,
        )
    last = next((done for done in decisions if done.flow != "training"), None)
    if last is not None and last.champion == finding.champion:
        if last.window == finding.window and new_rows < rules.min_new_labels:
            return Signal(
                False, f"answered for this window on {last.at:%Y-%m-%d %H:%M} ({last.outcome}): {last.reason}"
            )
        if last.kept or last.outcome in ("keep", "rollback"):
            return _cooling_down(verdict, last, new_rows, now, rules)
    return Signal(True, verdict.reason)


def _cooling_down(verdict: Verdict, last: Decision, new_rows: int, now: datetime, rules: RetrainingRules) -> Signal:
    over = last.at + timedelta(days=rules.cool_down_days)
    done = "refit" if last.kept and last.outcome == "promote" else last.outcome
    if now >= over:
        return Signal(True, f"{verdict.reason}; the cool-down after '{done}' ended on {over:%Y-%m-%d}")
    if new_rows >= rules.min_new_labels:
        return Signal(True, f"{verdict.reason}; {new_rows:,} labelled rows have come since '{done}'")
    return Signal(
        False,
        f"cool-down after '{done}' on {last.at:%Y-%m-%d}: silent until {over:%Y-%m-%d} or until "
        f"{rules.min_new_labels:,} new labelled rows have come ({new_rows:,} so far). The finding: {verdict.reason}",
    )


def fruitless_in_a_row(decisions: Sequence[Decision]) -> int:
    """How many of the newest retrainings in a row found nothing better. One that had too little data found nothing out."""
    count = 0
    for done in decisions:
        if not done.kept:
            break
        count += done.gate == "keep"
    return count


def unanswered(alerts: Sequence[Alert], decisions: Sequence[Decision], champion: str) -> list[Alert]:
    """The alerts about the champion in service that no decision has answered: by id, or later on the same window."""
    return [alert for alert in alerts if alert.champion == champion and answer(alert, decisions) is None]


def answer(alert: Alert, decisions: Sequence[Decision]) -> Decision | None:
    """The newest decision that answered the alert, or None while it is open.

    Args:
        decisions: newest first.
    """
    return next((done for done in decisions if alert.id in done.answers or _used_its_window(done, alert)), None)


def _used_its_window(done: Decision, alert: Alert) -> bool:
    """An alert that came after the decision speaks of labels that the decision did not have: the guard has seen to that.
    One of a demotion asks for no retraining, so none has answered it."""
    same = done.champion == alert.champion and done.window == alert.window
    return alert.kind != "demotion" and same and done.at >= alert.at
