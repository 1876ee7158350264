"""Is the model fit for use, since when not, and what is being done about it? Three answers, from what happened."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import takewhile
from typing import Literal, get_args

from shotclock.config import RetrainingRules
from shotclock.judging import alerts
from shotclock.judging.alerts import Alert, Decision, Finding, Kind
from shotclock.judging.figure import Figure
from shotclock.judging.verdict import BASE_RATE_ALONE, UNLIKE, Status, Verdict, below_base_rate

Level = Literal["fit", "watch", "unfit", "unknown"]
LEVELS: tuple[Level, ...] = get_args(Level)
LEVEL_OF: dict[Status, Level] = {"ok": "fit", "warning": "watch", "alert": "unfit", "insufficient data": "unknown"}
"""How fit a model is where nothing is known of it but a check's verdict."""


def level_of(skill: Figure) -> Level:
    """How fit a log-loss skill says that a model is: never fit where its interval holds 0."""
    return "unfit" if below_base_rate(skill) else "fit" if skill.low > 0 else "watch"


Activity = Literal["approval", "retraining", "training", "rollback", "paused"]


@dataclass(frozen=True)
class Check:
    """What the newest drift or performance check of a window concluded, and which runs did it."""

    status: Status
    reason: str
    at: datetime
    mlflow_run_id: str
    dag_id: str
    run_id: str
    metrics: dict[str, float]
    broken: str = ""
    """The features that stood still: a broken feed rather than drift."""
    has_report: bool = False


@dataclass(frozen=True)
class WindowHealth:
    """One window as one champion's checks left it."""

    id: str
    champion: str
    at: datetime
    """When it was checked first, UTC."""
    batches: tuple[str, ...]
    """Oldest first."""
    synthetic: bool
    drift: Check | None = None
    performance: Check | None = None

    @property
    def name(self) -> str:
        """Its batches: the first, the last, and how many there are."""
        if len(self.batches) < 2:
            return self.batches[0] if self.batches else self.id
        return f"{self.batches[0]} … {self.batches[-1]} ({len(self.batches)} batches)"

    @property
    def drift_share(self) -> float | None:
        """Of the features, how many drifted, 0 to 1."""
        return self.drift.metrics.get("drift_share") if self.drift else None

    @property
    def scores(self) -> dict[str, float]:
        """Drift score by column; the predictions are called `probability`, the labels as the project's target."""
        return self._by_column("drift_score_")

    @property
    def missing(self) -> dict[str, float]:
        """Distance between the shares of missing values, of each number that may be missing."""
        return self._by_column("drift_missing_")

    def drifted(self, limits: Mapping[str, float], missing_limit: float) -> tuple[str, ...]:
        """The columns that drifted, in the order of `limits`: by their values, or by how many are missing."""
        scores, missing = self.scores, self.missing
        return tuple(
            name
            for name, limit in limits.items()
            if scores.get(name, 0.0) >= limit or missing.get(name, 0.0) >= missing_limit
        )

    def _by_column(self, prefix: str) -> dict[str, float]:
        metrics = self.drift.metrics if self.drift else {}
        return {name.removeprefix(prefix): value for name, value in metrics.items() if name.startswith(prefix)}

    def figure(self, name: str) -> Figure | None:
        """A performance figure (`log_loss_skill`, `log_loss`, `f1`, …) with its interval, or None if it was not measured."""
        return Figure.among(self.performance.metrics, name) if self.performance else None

    @property
    def judged_rows(self) -> int:
        """The labelled rows that the performance figures are about."""
        return int(self.performance.metrics.get("rows", 0)) if self.performance else 0

    @property
    def new_rows(self) -> int:
        """Labelled rows, at the time of the check, that neither the champion nor the last decision knew."""
        return int(self.performance.metrics.get("rows_new", 0)) if self.performance else 0

    @property
    def level(self) -> Level:
        """How fit the champion was in this window: as its quality says; drift alone is a warning, a broken feed never fit."""
        if self.drift and self.drift.broken:
            return "unfit"
        return "watch" if self.quality == "fit" and self.drift and self.drift.status == "alert" else self.quality

    @property
    def quality(self) -> Level:
        """How fit its performance check says that the champion was."""
        level = LEVEL_OF[self.performance.status if self.performance else "insufficient data"]
        skill = self.figure("log_loss_skill")
        return level_of(skill) if level == "fit" and skill else level  # `ok` once meant: not proven worse


@dataclass(frozen=True)
class Fitness:
    """The three answers.

    Attributes:
        verdict: one sentence: fit or not, and why.
        since: when the level began, UTC; None while there is nothing to tell.
        from_start: whether it began with the champion's first window that is known.
        doing: one sentence: what is being done about it.
    """

    level: Level
    verdict: str
    since: datetime | None
    from_start: bool
    doing: str


def judge(  # noqa: PLR0913 (all that happened, by name)
    windows: Sequence[WindowHealth],
    *,
    champion: str | None,
    decisions: Sequence[Decision],
    open_alerts: Sequence[Alert],
    rules: RetrainingRules,
    now: datetime,
    next_retraining: datetime,
    activity: Activity | None = None,
    lost: str = "",
    base_rate: bool = False,
) -> Fitness:
    """Answer from the champion's own windows.

    Args:
        windows: the champion's, oldest first.
        champion: the version in service, or None.
        decisions: newest first, without skips.
        activity: what the orchestrator is at, where it is known.
        lost: where the store does not know a version whose files are published: what is to be done.
        base_rate: whether the version in service says the same of every row.
    """
    if champion is None and lost:
        return Fitness(
            "unknown", "MLflow's store does not know the model whose predictions are published", None, False, lost
        )
    if champion is None:
        return Fitness("unknown", "No model is in service yet", None, False, _without_champion(activity))
    if not windows:
        waits = _under_way(activity) or "Nothing yet: the next batch that it scores is checked"
        return Fitness("unknown", f"{_alone(base_rate)}v{champion} has not been judged yet", None, False, waits)
    newest = windows[-1]
    stretch = _stretch(windows)
    doing = _doing(newest, decisions, open_alerts, rules, now, next_retraining, activity)
    since = None if newest.level == "fit" else stretch[0].at
    return Fitness(newest.level, _alone(base_rate) + _verdict(newest), since, len(stretch) == len(windows), doing)


def _alone(base_rate: bool) -> str:
    return f"{BASE_RATE_ALONE}. " if base_rate else ""


def _stretch(windows: Sequence[WindowHealth]) -> list[WindowHealth]:
    """The newest windows in a row that have the same level, oldest first."""
    return [*takewhile(lambda window: window.level == windows[-1].level, reversed(windows))][::-1]


def _verdict(window: WindowHealth) -> str:
    drift, quality = window.drift, window.performance
    if drift and drift.broken:
        return f"The feed looks broken: {drift.broken} stood still"
    drifted = f"; {UNLIKE}" if drift and drift.status == "alert" else ""
    if quality is None or quality.status == "insufficient data":
        why = quality.reason if quality else "no performance check yet"
        return f"Nobody can tell yet: {why}{drifted}"
    if window.quality == "fit" and drifted:
        return f"Good where it can be measured, but {UNLIKE}: {quality.reason}"
    return f"{quality.reason[:1].upper()}{quality.reason[1:]}{drifted}"


def _doing(
    newest: WindowHealth,
    decisions: Sequence[Decision],
    open_alerts: Sequence[Alert],
    rules: RetrainingRules,
    now: datetime,
    next_retraining: datetime,
    activity: Activity | None,
) -> str:
    if waits := _under_way(activity) or _answers(open_alerts, activity):
        return waits
    scheduled = f"the next scheduled retraining is on {next_retraining:%Y-%m-%d}"
    finding = _alerting(newest)
    if finding is None:
        return f"Nothing is needed: {scheduled}" if newest.level == "fit" else f"No alert, so nothing now: {scheduled}"
    broken = newest.drift.broken if newest.drift else ""
    signal = alerts.guard(finding, decisions, new_rows=newest.new_rows, now=now, rules=rules, broken=broken)
    if signal.fires:
        return "The next monitoring raises an alert, and that starts a retraining"
    return signal.reason.partition(". The finding: ")[0]


def _answers(open_alerts: Sequence[Alert], activity: Activity | None) -> str:
    """What answers the open alerts, or an empty string; that the version before comes back needs no retraining."""
    kinds = " and ".join(sorted({alert.kind.replace("_", " ") for alert in open_alerts if alert.kind != "demotion"}))
    if back := next((alert for alert in open_alerts if alert.kind == "demotion"), None):
        return back.reason
    if kinds and activity == "paused":
        return f"Nothing: alerts ({kinds}) are open, but the retraining's DAG is paused"
    return f"A retraining has to answer: {kinds}" if kinds else ""


def _alerting(window: WindowHealth) -> Finding | None:
    """The finding that would start a retraining, quality first."""
    checks: list[tuple[Kind, Check | None]] = [("degradation", window.performance), ("drift", window.drift)]
    for kind, check in checks:
        broken = kind == "drift" and check is not None and bool(check.broken)
        if check and (check.status == "alert" or broken):
            return Finding(kind, window.id, window.champion, Verdict("alert", check.reason))
    return None


def _under_way(activity: Activity | None) -> str:
    return {
        "approval": "A new version waits for a person's approval",
        "retraining": "A retraining is under way",
        "training": "A training is under way",
        "rollback": "A rollback is under way",
    }.get(activity or "", "")


def _without_champion(activity: Activity | None) -> str:
    return _under_way(activity) or "Nothing: trigger the training"
