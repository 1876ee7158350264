"""What an alert means to a person, and what can be done about it: sentences without jargon, and one recommendation."""

from dataclasses import dataclass
from typing import Literal

from shotclock.config import Demote
from shotclock.judging.alerts import Alert, Decision
from shotclock.judging.figure import Figure
from shotclock.judging.fitness import Activity, WindowHealth
from shotclock.judging.verdict import UNLIKE, against_base_rate, below_base_rate

Act = Literal["wait", "retrain", "roll back", "mend the feed", "approve"]


@dataclass(frozen=True)
class Advice:
    """What a person reads of an alert first.

    Attributes:
        meaning: what it means, in one sentence.
        sure: how sure that is: the rows and the interval behind it.
        act: what is recommended; `because`: why.
    """

    meaning: str
    sure: str
    act: Act
    because: str


_MEANINGS = {
    "new_records": "Enough rows with known outcomes have come to learn from. Nothing is wrong with the model.",
    "drift": f"{UNLIKE[:1].upper()}{UNLIKE[1:]}. Whether the model does worse on them only their outcomes can say.",
    "demotion": "The version before does better than the one that took its place, on the rows that have come since.",
}


def advise(  # noqa: PLR0913 (all that is known, by name)
    alert: Alert,
    *,
    window: WindowHealth | None,
    answer: Decision | None,
    champion: str | None,
    confidence: float,
    stopped: str = "",
    activity: Activity | None = None,
    demote: Demote = "on",
) -> Advice:
    """What the alert means, and what to do now.

    Args:
        window: the one that alerted, or None where it is out of sight.
        answer: the decision that has answered the alert, or None while it is open.
        champion: the version in service now.
        confidence: of the intervals, 0 to 1.
        stopped: why alerts start no retraining any more, or an empty string.
        activity: what the orchestrator is at, where it is known.
        demote: whether the version before comes back by itself.
    """
    act, because = _act(alert, window, answer, champion, stopped, activity, demote)
    return Advice(_meaning(alert), _sure(alert, confidence), act, because)


def _meaning(alert: Alert) -> str:
    if alert.kind in _MEANINGS:
        return _MEANINGS[alert.kind]
    skill = Figure.among(alert.figures, "log_loss_skill")
    if skill is None:
        return "The model does worse than it should on the newest rows whose outcome is known."
    if below_base_rate(skill):
        return f"The model is {against_base_rate(skill)}."
    return f"The model does much worse than on the rows that it was judged on, and is {against_base_rate(skill)}."


def _sure(alert: Alert, confidence: float) -> str:
    rows = alert.figures.get("rows", alert.figures.get("drift_rows_current"))
    measured = f"on {rows:,.0f} rows" if rows else "on the rows of its window"
    if alert.kind == "degradation":
        return f"Measured {measured}; the true figure lies in that range with {confidence:.0%} confidence."
    if alert.kind == "demotion":
        return f"Measured {measured}, with an interval that holds however often it is looked at."
    if alert.kind == "drift":
        share = alert.figures.get("drift_share")
        return f"{share:.0%} of the columns drifted, {measured}." if share is not None else f"Measured {measured}."
    return "It is a count: there is nothing to doubt."


def _act(
    alert: Alert,
    window: WindowHealth | None,
    answer: Decision | None,
    champion: str | None,
    stopped: str,
    activity: Activity | None,
    demote: Demote,
) -> tuple[Act, str]:
    broken = window.drift.broken if window and window.drift else ""
    answered = f"it was answered ({answer.outcome}): {answer.reason}" if answer else ""
    told: list[tuple[bool, Act, str]] = [  # the first that holds
        (answer is not None, "wait", answered),
        (
            champion != alert.champion,
            "wait",
            f"v{alert.champion} is out of service and v{champion} has taken its place",
        ),
        (activity == "approval", "approve", "a new version is there and waits for a person"),
        (activity in ("retraining", "training", "rollback"), "wait", f"a {activity} is under way"),
        (alert.kind == "demotion" and demote == "on", "wait", "it comes back by itself"),
        (alert.kind == "demotion", "roll back", "it is proven better, and the project leaves it to a person"),
        (bool(broken), "mend the feed", f"{broken} stood still in this window, and no model should learn from that"),
        (bool(stopped), "mend the feed", f"more of the same will not help: {stopped}"),
        (activity == "paused", "retrain", "the retraining's DAG is paused, so nothing answers the alert by itself"),
    ]
    by_itself = "a retraining starts by itself, and replaces the model only by one that is proven better"
    return next(((act, because) for holds, act, because in told if holds), ("wait", by_itself))
