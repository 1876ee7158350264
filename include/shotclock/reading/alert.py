"""One alert as people look at it: what it means, the window that alerted, what answered it, what can be done."""

from dataclasses import dataclass

from shotclock.errors import StoreError
from shotclock.judging import alerts
from shotclock.judging.advice import Advice, advise
from shotclock.judging.alerts import Alert, Decision
from shotclock.judging.fitness import Activity, WindowHealth
from shotclock.reading.health import Details, details


@dataclass(frozen=True)
class AlertDetails:
    """One alert. `window` is None where it is out of sight; `answer` while the alert is open, or was overtaken."""

    alert: Alert
    details: Details
    window: WindowHealth | None
    answer: Decision | None
    advice: Advice

    @property
    def is_open(self) -> bool:
        return self.alert.id in {waiting.id for waiting in self.details.summary.open_alerts}

    @property
    def drifted(self) -> list[tuple[str, float]]:
        """The columns that drifted in its window and their scores, the farthest above its threshold first."""
        limits, scores = self.details.summary.thresholds, self.window.scores if self.window else {}
        found = [(name, scores[name]) for name, limit in limits.items() if scores.get(name, 0.0) >= limit]
        return sorted(found, key=lambda one: one[1] / limits[one[0]], reverse=True)


def alert(name: str, run_id: str, activity: Activity | None = None) -> AlertDetails:
    """The alert that the MLflow run holds.

    Raises:
        ConfigError: there is no such project, or its file is wrong.
        StoreError: the project has no such alert, or it is older than those that are kept in sight.
    """
    found = details(name, activity)
    told = next((one for one in found.alerts if one.id == run_id), None)
    if told is None:
        raise StoreError(f"project '{name}' has no alert {run_id} among its newest {len(found.alerts)}")
    place = (told.champion, told.window)
    window = next((one for one in found.windows if (one.champion, one.id) == place), None)
    answer = alerts.answer(told, found.decisions)
    rules = found.summary.rules
    fruitless = alerts.fruitless_in_a_row(found.decisions)
    spent = fruitless >= rules.retraining.max_fruitless
    advice = advise(
        told,
        window=window,
        answer=answer,
        champion=found.summary.champion,
        confidence=rules.degradation.confidence,
        stopped=f"the last {fruitless} retrainings changed nothing" if spent else "",
        activity=activity,
        demote=rules.retraining.demote,
    )
    return AlertDetails(told, found, window, answer, advice)
