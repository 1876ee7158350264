"""How fit for use each project's model is, as plain values: what the pages and the dashboard show.

Read from MLflow alone. What the orchestrator is at right now (a run under way, a question to a person) it cannot know, so
whoever can tell says so (`activity`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from croniter import croniter

from shotclock.config import Project, project, usable_projects
from shotclock.files import storage
from shotclock.judging import alerts as triggers
from shotclock.judging import drift, fitness
from shotclock.judging.alerts import Alert, Decided, Outcome
from shotclock.judging.fitness import Activity, Check, Fitness, Window
from shotclock.judging.performance import Figure
from shotclock.store import history, queries, registry
from shotclock.store.recent import Recent

OVERVIEW_WINDOWS = 10
WINDOWS = 60
_DECISIONS, _ALERTS, _TRAININGS, _CANDIDATES = 20, 40, 5, 40
_KINDS = {"performance": OVERVIEW_WINDOWS, "drift": 3, "decision": 6, "alert": 6}  # of each project, in the overview

Activities = Mapping[str, Activity]


@dataclass(frozen=True)
class Summary:
    """One project's row.

    Attributes:
        champion: number of the version in service, or None.
        champion_since: when it was put into service, UTC; None where that decision is out of sight.
        windows: the newest ones of any version, oldest first.
        newest: the champion's newest window, or None.
        drifted: the columns that drifted there, features first.
        open_alerts: about the champion, that no decision has answered, newest first.
        decision: the newest one that was not a skip.
        new_rows: labelled rows that came since the last decision, of `every_new_records` that ask for a retraining.
    """

    name: str
    title: str
    rules: Project = field(repr=False)
    fitness: Fitness
    champion: str | None
    champion_since: datetime | None
    windows: tuple[Window, ...]
    newest: Window | None
    drifted: tuple[str, ...]
    open_alerts: tuple[Alert, ...]
    decision: Decided | None
    next_retraining: datetime
    new_rows: int

    @property
    def every_new_records(self) -> int:
        return self.rules.retraining.every_new_records

    @property
    def thresholds(self) -> dict[str, float]:
        """Above which score a column counts as drifted: features, then predictions and labels."""
        return thresholds(self.rules)


@dataclass(frozen=True)
class Overview:
    """Every project, and what is wrong with the files of those that cannot be shown."""

    projects: tuple[Summary, ...]
    faults: tuple[str, ...]
    at: datetime


@dataclass(frozen=True)
class Candidate:
    """One trained model. Log losses are in nats per row, None where not measured; `holdout` holds the gate's figures."""

    name: str
    algorithm: str
    cv_log_loss: float | None
    cv_log_loss_std: float | None
    """Over the folds."""
    validation_log_loss: float | None
    holdout: dict[str, float]
    won: bool
    mlflow_run_id: str


@dataclass(frozen=True)
class Gate:
    """What the gate measured: the challenger's gain in log loss over its opponent, nats per row, on `rows` rows."""

    outcome: str
    reason: str
    challenger: str
    champion: str | None
    rows: int
    gain: Figure | None
    min_gain: float
    mlflow_run_id: str


@dataclass(frozen=True)
class Competition:
    """One training or retraining that reached its gate, and what came of it; or a rollback, which has no gate.

    `decision` is None while it is undecided, or where it is older than those in sight.
    """

    at: datetime
    dag_id: str
    run_id: str
    why: str
    gate: Gate | None
    decision: Decided | None
    candidates: tuple[Candidate, ...]


@dataclass(frozen=True)
class Tenure:
    """A time in service of one version. `until` is None while it lasts; `outcome` is how it began."""

    version: str
    algorithm: str
    since: datetime
    until: datetime | None
    outcome: Outcome
    reason: str
    by: str
    mlflow_run_id: str


@dataclass(frozen=True)
class Details:
    """One project: its row, and what its page shows. Everything is newest first but windows, which are oldest first."""

    summary: Summary
    windows: tuple[Window, ...]
    alerts: tuple[Alert, ...]
    decisions: tuple[Decided, ...]
    tenures: tuple[Tenure, ...]
    competitions: tuple[Competition, ...]
    versions: tuple[str, ...]
    """Every registered version, newest first."""


class Projects:
    """Every project's row, kept up to date with little reading: to be made once and asked again and again."""

    def __init__(self) -> None:
        self._recent = Recent(_KINDS)

    def overview(self, activities: Activities | None = None, only: set[str] | None = None) -> Overview:
        """Args:
        activities: what the orchestrator is at, by project.
        only: the projects to be shown; by default all of them.
        """
        usable, faults = usable_projects()
        found = sorted(usable, key=lambda rules: (rules.title.lower(), rules.name))
        shown = [rules for rules in found if only is None or rules.name in only]
        names = [rules.name for rules in found]  # of all, whoever asks, so that all who ask share one copy
        champions, runs, now = registry.champions(names), self._recent.of(names), datetime.now(UTC)
        rows = [
            _summary(
                rules,
                {kind: by_project[rules.name] for kind, by_project in runs.items()},
                champions.get(rules.name),
                (activities or {}).get(rules.name),
                now,
            )
            for rules in shown
        ]
        return Overview(tuple(rows), tuple(map(str, faults)), now)


def details(name: str, activity: Activity | None = None) -> Details:
    """One project, back to its newest 60 windows.

    Raises:
        ConfigError: there is no such project, or its file is wrong.
    """
    usable, _ = usable_projects(name)
    rules = usable[0] if usable else project(name)  # which says what is wrong
    most = {"performance": WINDOWS, "drift": WINDOWS, "alert": _ALERTS, "decision": _DECISIONS}
    unless = {"decision": {"decision": "skip"}}
    runs = {
        kind: queries.newest_of([name], kind, each=count, unless=unless.get(kind))[name] for kind, count in most.items()
    }
    champion = registry.champions([name]).get(name)
    summary = _summary(rules, runs, champion, activity, datetime.now(UTC))
    decisions = tuple(map(history.decided, runs["decision"]))
    versions = registry.versions(name)
    return Details(
        summary=summary,
        windows=summary.windows,
        alerts=tuple(map(history.alert, runs["alert"])),
        decisions=decisions,
        tenures=_tenures(decisions, versions),
        competitions=_competitions(name, decisions),
        versions=tuple(version.number for version in versions),
    )


def thresholds(rules: Project) -> dict[str, float]:
    """Above which score each column counts as drifted: features in the project's order, then predictions and labels."""
    features = {column: feature.drift_threshold for column, feature in rules.columns.features.items()}
    others = {"probability": drift.PREDICTION.drift_threshold, rules.columns.target: drift.LABEL.drift_threshold}
    return features | others


def _summary(
    rules: Project, runs: dict[str, list[Any]], champion: str | None, activity: Activity | None, now: datetime
) -> Summary:
    windows = _windows([*runs["performance"], *runs["drift"]])
    own = [window for window in windows if window.champion == champion]
    decisions = [history.decided(run) for run in runs["decision"]]
    waiting = _open(runs, decisions, champion)
    upcoming = croniter(rules.retraining.schedule, now).get_next(datetime)
    newest = own[-1] if own else None
    return Summary(
        name=rules.name,
        title=rules.title,
        rules=rules,
        fitness=fitness.judge(
            own,
            champion=champion,
            decisions=decisions,
            open_alerts=waiting,
            rules=rules.retraining,
            now=now,
            next_retraining=upcoming,
            activity=activity,
        ),
        champion=champion,
        champion_since=_since(decisions, champion),
        windows=tuple(windows),
        newest=newest,
        drifted=tuple(
            name for name, limit in thresholds(rules).items() if newest and newest.scores.get(name, 0) >= limit
        ),
        open_alerts=tuple(waiting),
        decision=decisions[0] if decisions else None,
        next_retraining=upcoming,
        new_rows=newest.new_rows if newest else 0,
    )


def _open(runs: dict[str, list[Any]], decisions: Sequence[Decided], champion: str | None) -> list[Alert]:
    """The alerts that wait. One that is older than every decision in sight was answered by one that is not."""
    if champion is None:
        return []
    begin = decisions[-1].at if len(decisions) >= _KINDS["decision"] else datetime.min.replace(tzinfo=UTC)
    alerts = [alert for alert in map(history.alert, runs["alert"]) if alert.at >= begin]
    return triggers.unanswered(alerts, decisions, champion)


def _since(decisions: Sequence[Decided], champion: str | None) -> datetime | None:
    changes = (done for done in decisions if done.outcome != "keep" and done.champion == champion)
    return next((done.at for done in changes), None)


def _windows(checks: Sequence[Any]) -> list[Window]:
    """The windows that these MLflow runs have checked, in the order of their first check."""
    found: dict[tuple[str, str], list[Any]] = {}
    for run in sorted(checks, key=history.at):
        found.setdefault((history.tag(run, "champion"), history.tag(run, "window")), []).append(run)
    return [_window(runs) for runs in found.values()]


def _window(runs: Sequence[Any]) -> Window:
    """One window, from its checks, oldest first: the newest of each kind counts."""
    first, newest = runs[0], {history.tag(run, "kind"): run for run in runs}
    files = history.tag(first, "batches")
    return Window(
        id=history.tag(first, "window"),
        champion=history.tag(first, "champion"),
        at=history.at(first),
        batches=tuple(storage.at(name).stem for name in reversed(files.split(", "))) if files else (),
        synthetic=history.tag(first, "synthetic") == "True",
        drift=_check(newest["drift"]) if "drift" in newest else None,
        performance=_check(newest["performance"]) if "performance" in newest else None,
    )


def _check(run: Any) -> Check:
    found = history.verdict(run)
    return Check(
        status=found.status,
        reason=found.reason,
        at=history.at(run),
        mlflow_run_id=run.info.run_id,
        dag_id=run.data.tags.get("airflow.dag_id", ""),
        run_id=run.data.tags.get("airflow.run_id", ""),
        metrics=dict(found.figures),
        broken=history.tag(run, "broken"),
        has_report=bool(history.tag(run, "report")),
    )


def _tenures(decisions: Sequence[Decided], versions: Sequence[registry.Version]) -> tuple[Tenure, ...]:
    """Who was in service when, newest first."""
    algorithms = {version.number: version.tags.get("shotclock.algorithm", "") for version in versions}
    found: list[Tenure] = []
    until: datetime | None = None
    for done in (done for done in decisions if done.outcome != "keep"):
        told = (done.at, until, done.outcome, done.reason, done.by, done.id)
        found.append(Tenure(done.champion, algorithms.get(done.champion, ""), *told))
        until = done.at
    return tuple(found)


def _competitions(name: str, decisions: Sequence[Decided]) -> tuple[Competition, ...]:
    """The newest gates, newest first, each with its candidates; candidates of the newest trainings only."""
    gates, whys, trainings, candidates = (
        queries.newest_of([name], kind, each=most)[name]
        for kind, most in (
            ("gate", _DECISIONS),
            ("retraining", _DECISIONS),
            ("training", _TRAININGS),
            ("candidate", _CANDIDATES),
        )
    )
    why = {_place(run): history.tag(run, "why") for run in whys}
    winners = {run.info.run_id: run.data.params.get("winner", "") for run in trainings}
    decided = {(f"{name}.{done.flow}", done.run): done for done in decisions}
    competed = [
        Competition(
            at=history.at(run),
            dag_id=_place(run)[0],
            run_id=_place(run)[1],
            why=why.get(_place(run), ""),
            gate=_gate(run),
            decision=decided.get(_place(run)),
            candidates=_candidates(history.tag(run, "training_run"), winners, candidates),
        )
        for run in gates
    ]
    rolled_back = [
        Competition(done.at, f"{name}.{done.flow}", done.run, "", None, done, ())
        for done in decisions
        if done.outcome == "rollback"
    ]
    return tuple(sorted([*competed, *rolled_back], key=lambda one: one.at, reverse=True))


def _place(run: Any) -> tuple[str, str]:
    return run.data.tags.get("airflow.dag_id", ""), run.data.tags.get("airflow.run_id", "")


def _gate(run: Any) -> Gate:
    metrics, params = run.data.metrics, run.data.params
    gain = [metrics.get(f"gate_{name}") for name in ("gain", "gain_low", "gain_high")]
    champion = params.get("champion", "None")
    return Gate(
        outcome=history.tag(run, "outcome"),
        reason=history.tag(run, "reason"),
        challenger=params.get("challenger", ""),
        champion=None if champion == "None" else champion,
        rows=int(metrics.get("gate_rows", 0)),
        gain=None if None in gain else Figure(*gain),
        min_gain=float(params.get("min_gain", 0)),
        mlflow_run_id=run.info.run_id,
    )


def _candidates(training: str, winners: dict[str, str], runs: Sequence[Any]) -> tuple[Candidate, ...]:
    """The candidates of one training, best first."""
    found = [
        Candidate(
            name=run.info.run_name,
            algorithm=run.data.params.get("algorithm", ""),
            cv_log_loss=run.data.metrics.get("cv_log_loss"),
            cv_log_loss_std=run.data.metrics.get("cv_log_loss_std"),
            validation_log_loss=run.data.metrics.get("validation_log_loss"),
            holdout={
                name.removeprefix("holdout_"): value
                for name, value in run.data.metrics.items()
                if name.startswith("holdout_")
            },
            won=run.info.run_name == winners.get(training),
            mlflow_run_id=run.info.run_id,
        )
        for run in runs
        if run.data.tags.get("mlflow.parentRunId") == training
    ]
    return tuple(sorted(found, key=lambda one: (not one.won, one.validation_log_loss or one.cv_log_loss or 0)))
