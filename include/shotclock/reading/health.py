"""How fit for use each project's model is, as plain values: what the pages and the dashboard show.

Read from MLflow alone. What the orchestrator is at right now (a run under way, a question to a person) it cannot know, so
whoever can tell says so (`activity`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from croniter import croniter

from shotclock.config import Project, project, usable_projects
from shotclock.files import storage
from shotclock.judging import drift, fitness
from shotclock.judging.alerts import Alert, Decision, Outcome, unanswered
from shotclock.judging.figure import Figure
from shotclock.judging.fitness import Activity, Check, Fitness, WindowHealth
from shotclock.judging.gate.churn import Churn
from shotclock.reading import comparisons
from shotclock.reading.comparisons import Compared
from shotclock.store import history, queries, records
from shotclock.store.intake import passed_over
from shotclock.store.recent import Recent
from shotclock.store.records import Drift, Performance, Record, Stored
from shotclock.store.server import database
from shotclock.store.versions import registry

OVERVIEW_WINDOWS = 10
WINDOWS = 60
_DECISIONS, _ALERTS, _TRAININGS, _CANDIDATES = 20, 40, 5, 40
_FEW_DECISIONS = 6
_KINDS: dict[type[Record], int] = {  # of each project, in the overview
    Performance: OVERVIEW_WINDOWS,
    Drift: 3,
    records.Decision: _FEW_DECISIONS,
    records.Alert: 6,
    records.PassedOver: 100,
}

Activities = Mapping[str, Activity]
Checking = Stored[Performance] | Stored[Drift]


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
        passed_over: files of the folders of batches and labels that were not taken in, or not scored, and why.
    """

    name: str
    title: str
    rules: Project = field(repr=False)
    fitness: Fitness
    champion: str | None
    champion_since: datetime | None
    windows: tuple[WindowHealth, ...]
    newest: WindowHealth | None
    drifted: tuple[str, ...]
    open_alerts: tuple[Alert, ...]
    decision: Decision | None
    next_retraining: datetime
    new_rows: int
    passed_over: tuple[records.PassedOver, ...] = ()

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
    champion_log_loss: float | None = None
    """Of who the challenger met, on these rows."""
    churn: str = ""
    """How much would change against the champion, in a sentence, once what may take over was verified."""


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
    decision: Decision | None
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
    windows: tuple[WindowHealth, ...]
    alerts: tuple[Alert, ...]
    decisions: tuple[Decision, ...]
    tenures: tuple[Tenure, ...]
    competitions: tuple[Competition, ...]
    versions: tuple[str, ...]
    """Every registered version, newest first."""
    compared: Compared | None = None
    """The newest comparison of policies of retraining."""


def is_ready() -> bool:
    """Whether there is a store that is read at once."""
    return database.is_ready()


class Projects:
    """Every project's row, kept up to date with little reading: to be made once and asked again and again."""

    def __init__(self) -> None:
        self._recent = Recent(_KINDS)
        self._base_rates: dict[tuple[str, str], bool] = {}  # of a version that never changes

    def overview(self, activities: Activities | None = None, only: set[str] | None = None) -> Overview:
        """Args:
        activities: what the orchestrator is at, by project.
        only: the projects to be shown; by default all of them.
        """
        usable, faults = usable_projects()
        found = sorted(usable, key=lambda rules: (rules.title.lower(), rules.name))
        shown = [rules for rules in found if only is None or rules.name in only]
        names = [rules.name for rules in found]  # of all, whoever asks, so that all who ask share one copy
        champions, copy, now = registry.champions(names), self._recent.look(names), datetime.now(UTC)
        rows = [
            _summary(
                rules,
                _Happened(
                    copy.of(Performance, rules.name),
                    copy.of(Drift, rules.name),
                    copy.of(records.Alert, rules.name),
                    copy.of(records.Decision, rules.name),
                    copy.of(records.PassedOver, rules.name),
                ),
                champions.get(rules.name),
                (activities or {}).get(rules.name),
                now,
                self._is_base_rate(rules.name, champions.get(rules.name)),
            )
            for rules in shown
        ]
        return Overview(tuple(rows), tuple(map(str, faults)), now)

    def _is_base_rate(self, name: str, champion: str | None) -> bool:
        if champion is None:
            return False
        if (name, champion) not in self._base_rates:
            self._base_rates[name, champion] = registry.version(name, champion).origin.is_base_rate
        return self._base_rates[name, champion]


def details(name: str, activity: Activity | None = None) -> Details:
    """One project, back to its newest 60 windows.

    Raises:
        ConfigError: there is no such project, or its file is wrong.
    """
    usable, _ = usable_projects(name)
    rules = usable[0] if usable else project(name)  # which says what is wrong
    happened = _Happened(
        queries.newest_of([name], Performance, each=WINDOWS)[name],
        queries.newest_of([name], Drift, each=WINDOWS)[name],
        queries.newest_of([name], records.Alert, each=_ALERTS)[name],
        queries.newest_of([name], records.Decision, each=_DECISIONS, unless={"decision": "skip"})[name],
        queries.newest_of([name], records.PassedOver, each=_KINDS[records.PassedOver])[name],
    )
    champion = registry.champions([name]).get(name)
    versions = registry.versions(name)
    base_rate = any(version.number == champion and version.origin.is_base_rate for version in versions)
    summary = _summary(rules, happened, champion, activity, datetime.now(UTC), base_rate)
    decisions = tuple(map(history.decision, happened.decisions))
    return Details(
        summary=summary,
        windows=summary.windows,
        alerts=tuple(map(history.alert, happened.alerts)),
        decisions=decisions,
        tenures=_tenures(decisions, versions),
        competitions=_competitions(name, decisions),
        versions=tuple(version.number for version in versions),
        compared=comparisons.newest(name),
    )


def thresholds(project: Project) -> dict[str, float]:
    """Above which score each column counts as drifted: features in the project's order, then predictions and labels."""
    features = {column: feature.drift_threshold for column, feature in project.columns.given.items()}
    columns = project.columns
    others = {columns.probability: drift.PREDICTION.drift_threshold, columns.target: drift.LABEL.drift_threshold}
    return features | others


@dataclass(frozen=True)
class _Happened:
    """What a project's row is made of, newest first."""

    performance: list[Stored[Performance]]
    drift: list[Stored[Drift]]
    alerts: list[Stored[records.Alert]]
    decisions: list[Stored[records.Decision]]
    passed_over: list[Stored[records.PassedOver]]


def _summary(
    project: Project,
    happened: _Happened,
    champion: str | None,
    activity: Activity | None,
    now: datetime,
    base_rate: bool,
) -> Summary:
    windows = windows_of([*happened.performance, *happened.drift])
    own = [window for window in windows if window.champion == champion]
    decisions = [history.decision(stored) for stored in happened.decisions]
    waiting = _open(happened, decisions, champion)
    upcoming = croniter(project.retraining.schedule, now).get_next(datetime)
    newest = own[-1] if own else None
    return Summary(
        name=project.name,
        title=project.title,
        rules=project,
        fitness=fitness.judge(
            own,
            champion=champion,
            decisions=decisions,
            open_alerts=waiting,
            rules=project.retraining,
            now=now,
            next_retraining=upcoming,
            activity=activity,
            lost=registry.nobody(project.name) if champion is None and registry.is_lost(project.name) else "",
            base_rate=base_rate,
        ),
        champion=champion,
        champion_since=_since(decisions, champion),
        windows=tuple(windows),
        newest=newest,
        drifted=newest.drifted(thresholds(project), drift.MISSING_THRESHOLD) if newest else (),
        open_alerts=tuple(waiting),
        decision=decisions[0] if decisions else None,
        next_retraining=upcoming,
        new_rows=newest.new_rows if newest else 0,
        passed_over=tuple(passed_over.still(happened.passed_over)),
    )


def _open(happened: _Happened, decisions: Sequence[Decision], champion: str | None) -> list[Alert]:
    """The alerts that wait. One that is older than every decision in sight was answered by one that is not."""
    if champion is None:
        return []
    begin = decisions[-1].at if len(decisions) >= _FEW_DECISIONS else datetime.min.replace(tzinfo=UTC)
    alerts = [alert for alert in map(history.alert, happened.alerts) if alert.at >= begin]
    return unanswered(alerts, decisions, champion)


def _since(decisions: Sequence[Decision], champion: str | None) -> datetime | None:
    changes = (done for done in decisions if done.outcome != "keep" and done.champion == champion)
    return next((done.at for done in changes), None)


def windows_of(checks: Sequence[Checking]) -> list[WindowHealth]:
    """The windows that were checked, each as one champion's checks left it, in the order of their first check."""
    found: dict[tuple[str, str], list[Checking]] = {}
    for check in sorted(checks, key=lambda stored: stored.at):
        found.setdefault((check.record.champion, check.record.window), []).append(check)
    return [_window(checks) for checks in found.values()]


def _window(checks: Sequence[Checking]) -> WindowHealth:
    """One window, from its checks, oldest first: the newest of each kind counts."""
    first = checks[0].record
    newest = {check.kind: check for check in checks}
    return WindowHealth(
        id=first.window,
        champion=first.champion,
        at=checks[0].at,
        batches=tuple(storage.at(name).stem for name in reversed(first.batches)),
        synthetic=first.synthetic,
        drift=_check(newest[Drift.kind]) if Drift.kind in newest else None,
        performance=_check(newest[Performance.kind]) if Performance.kind in newest else None,
    )


def _check(stored: Checking) -> Check:
    told = stored.record
    return Check(
        status=told.verdict,
        reason=told.reason,
        at=stored.at,
        mlflow_run_id=stored.id,
        dag_id=stored.dag_id,
        run_id=stored.run_id,
        metrics=told.figures,
        broken=told.broken if isinstance(told, Drift) else "",
        has_report=isinstance(told, Drift) and bool(told.report),
    )


def _tenures(decisions: Sequence[Decision], versions: Sequence[registry.Version]) -> tuple[Tenure, ...]:
    """Who was in service when, newest first."""
    algorithms = {version.number: version.origin.algorithm for version in versions}
    found: list[Tenure] = []
    until: datetime | None = None
    for done in (done for done in decisions if done.outcome != "keep"):
        told = (done.at, until, done.outcome, done.reason, done.by, done.id)
        found.append(Tenure(done.champion, algorithms.get(done.champion, ""), *told))
        until = done.at
    return tuple(found)


def _competitions(name: str, decisions: Sequence[Decision]) -> tuple[Competition, ...]:
    """The newest gates, newest first, each with its candidates; candidates of the newest trainings only."""
    gates = queries.newest_of([name], records.Gate, each=_DECISIONS)[name]
    whys = queries.newest_of([name], records.Retraining, each=_DECISIONS)[name]
    trainings = queries.newest_of([name], records.Training, each=_TRAININGS)[name]
    candidates = queries.newest_of([name], records.Candidate, each=_CANDIDATES)[name]
    why = {stored.place: stored.record.why for stored in whys}
    winners = {stored.id: stored.record.winner for stored in trainings}
    decided = {(f"{name}.{done.flow}", done.run): done for done in decisions}
    competed = [
        Competition(
            at=stored.at,
            dag_id=stored.dag_id,
            run_id=stored.run_id,
            why=why.get(stored.place, ""),
            gate=_gate(stored),
            decision=decided.get(stored.place),
            candidates=_candidates(stored.record.training_run, winners, candidates),
        )
        for stored in gates
    ]
    rolled_back = [
        Competition(done.at, f"{name}.{done.flow}", done.run, "", None, done, ())
        for done in decisions
        if done.outcome == "rollback"
    ]
    return tuple(sorted([*competed, *rolled_back], key=lambda one: one.at, reverse=True))


def _gate(stored: Stored[records.Gate]) -> Gate:
    told, gain = stored.record, None
    changes = Churn.among(told.churn)
    if told.gain is not None and told.gain_low is not None and told.gain_high is not None:
        gain = Figure(told.gain, told.gain_low, told.gain_high)
    return Gate(
        outcome=told.outcome,
        reason=told.reason,
        challenger=told.challenger,
        champion=told.champion,
        rows=told.rows,
        gain=gain,
        min_gain=told.min_gain,
        mlflow_run_id=stored.id,
        champion_log_loss=told.champion_log_loss,
        churn=changes.told(told.champion) if changes and told.champion else "",
    )


def _candidates(
    training: str, winners: dict[str, str], candidates: Sequence[Stored[records.Candidate]]
) -> tuple[Candidate, ...]:
    """The candidates of one training, best first."""
    found = [
        Candidate(
            name=stored.name,
            algorithm=stored.record.algorithm,
            cv_log_loss=stored.record.cv.get("log_loss"),
            cv_log_loss_std=stored.record.cv.get("log_loss_std"),
            validation_log_loss=stored.record.validation_log_loss,
            holdout=stored.record.holdout,
            won=stored.name == winners.get(training),
            mlflow_run_id=stored.id,
        )
        for stored in candidates
        if stored.parent == training
    ]
    return tuple(sorted(found, key=lambda one: (not one.won, one.validation_log_loss or one.cv_log_loss or 0)))
