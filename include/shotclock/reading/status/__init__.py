"""How a project stands, and what happened lately: what `status` says, as text and as JSON, and `make demo` at its end."""

from dataclasses import dataclass, field
from datetime import datetime

from shotclock.config import settings
from shotclock.errors import StoreError
from shotclock.judging.alerts import Alert, Kind, unanswered
from shotclock.judging.fitness import Fitness, WindowHealth
from shotclock.judging.verdict import Status as Verdict
from shotclock.reading import findings as checks
from shotclock.reading import health
from shotclock.reading.history import Told, batches, decisions
from shotclock.store import history, queries, records
from shotclock.store.intake import passed_over
from shotclock.store.records import R, Stored
from shotclock.store.versions import registry
from shotclock.store.window import Window

_MOST = 60
STORIES = 8
REPORTS = 2


@dataclass(frozen=True)
class OpenAlert:
    """An alert that no decision has answered."""

    kind: Kind
    at: str
    reason: str


@dataclass(frozen=True)
class Finding:
    """What the newest check of the champion concluded, and about which window."""

    verdict: Verdict
    reason: str
    window: str = ""


@dataclass(frozen=True)
class Trained:
    """A training, and its candidates, best first."""

    training: records.Training
    candidates: tuple[Stored[records.Candidate], ...]


@dataclass
class Story:
    """What one run of a flow left, newest first."""

    flow: str
    preparation: list[records.Preparation] = field(default_factory=list)
    training: list[Trained] = field(default_factory=list)
    gate: list[records.Gate] = field(default_factory=list)
    decision: list[records.Decision] = field(default_factory=list)
    application: list[records.Application] = field(default_factory=list)
    drift: list[records.Drift] = field(default_factory=list)
    performance: list[records.Performance] = field(default_factory=list)
    alert: list[records.Alert] = field(default_factory=list)

    @property
    def synthetic(self) -> bool:
        """Whether any of it was made of a sample."""
        rows = [record.synthetic for record in self.preparation] + [record.synthetic for record in self.application]
        checks: list[records.Check] = [*self.drift, *self.performance]
        return any(rows) or any(check.synthetic for check in checks)


@dataclass(frozen=True)
class Status:
    """How a project stands now.

    Attributes:
        fitness: whether the model is fit, since when not, and what is being done.
        newest: the champion's newest window, with its figures, or None.
        champion, previous: versions, or None.
        nobody: why there is no champion; empty where there is one.
        findings: about the champion, by what was checked.
        unrest: why the loop is not at rest: what is wrong, what was tried, what a person can do; empty where it is.
        not_scored: batches that were taken in and not scored.
        passed_over: files of the folders of batches and labels that were not taken in, or not scored, and why.
        stories: the newest runs of its flows, oldest first.
        addresses: where things lie, by what they are.
    """

    project: str
    title: str
    fitness: Fitness
    newest: WindowHealth | None
    champion: str | None
    previous: str | None
    nobody: str
    findings: dict[Kind, Finding | None]
    open_alerts: tuple[OpenAlert, ...]
    unrest: tuple[str, ...]
    last_decision: Told | None
    not_scored: tuple[str, ...]
    passed_over: tuple[records.PassedOver, ...]
    stories: tuple[Story, ...] = field(repr=False)
    addresses: tuple[tuple[str, str], ...] = field(repr=False)

    @property
    def synthetic(self) -> bool:
        return any(story.synthetic for story in self.stories)


def status(name: str, stories: int = STORIES) -> Status:
    """How the project stands now, and its newest runs."""
    champion, previous = registry.champion(name), registry.by_alias(name, registry.PREVIOUS)
    waiting = unanswered(history.alerts(name), history.decisions(name), champion.number) if champion else []
    decided = decisions(name, most=1)
    kinds: tuple[Kind, ...] = ("drift", "degradation")
    found = {kind: _finding(name, kind, champion.number) for kind in kinds} if champion else {}
    summary = health.details(name).summary
    return Status(
        project=name,
        title=summary.title,
        fitness=summary.fitness,
        newest=summary.newest,
        champion=champion.number if champion else None,
        previous=previous.number if previous else None,
        nobody="" if champion else registry.nobody(name),
        findings=found,
        open_alerts=tuple(OpenAlert(alert.kind, alert.at.isoformat(), alert.reason) for alert in waiting),
        unrest=_unrest(name, champion, found, waiting, decided) if champion else (),
        last_decision=decided[0] if decided else None,
        not_scored=tuple(arrival.batch for arrival in batches(name) if arrival.rows is None),
        passed_over=tuple(passed_over.standing(name)),
        stories=_stories(name)[-stories:],
        addresses=_addresses(name),
    )


def _finding(name: str, kind: Kind, champion: str) -> Finding | None:
    found = history.findings(name, kind, champion, 1)
    return Finding(found[0].verdict.status, found[0].verdict.reason, found[0].window) if found else None


def _unrest(
    name: str,
    champion: registry.Version,
    findings: dict[Kind, Finding | None],
    waiting: list[Alert],
    decided: list[Told],
) -> tuple[str, ...]:
    """What keeps the loop from being at rest besides open alerts: checks that have not been made, and findings that stand."""
    try:
        window = Window.newest(name, champion).id
    except StoreError as error:
        return (str(error),)
    told = [_unchecked(name, kind) for kind, found in findings.items() if found is None or found.window != window]
    standing = [kind for kind, found in findings.items() if found and found.verdict == "alert"]
    if told or waiting or not standing:
        return tuple(told)
    last = f"Tried last: {decided[0].outcome}, {decided[0].reason}" if decided else "Nothing was tried yet"
    signals = [checks.newest(name, kind)[1] for kind in standing]
    return (
        *(f"{kind}: {found.reason}" for kind, found in findings.items() if found and kind in standing),
        *(signal.reason.partition(". The finding: ")[0] for signal in signals if not signal.fires),
        last,
        f"A person can look at data and features, start `shotclock retrain {name}`, or go back: `shotclock rollback {name}`",
    )


def _unchecked(name: str, kind: Kind) -> str:
    what = "drift" if kind == "drift" else "quality"
    return (
        f"the newest window was not checked for {what}: that failed or never ran; see {name}.monitoring, or start "
        f"`shotclock check {name}`"
    )


def _stories(name: str) -> tuple[Story, ...]:
    """Each run of a flow with what it left in MLflow, oldest first."""
    begun: dict[tuple[str, str], datetime] = {}
    found: dict[tuple[str, str], Story] = {}

    def story(stored: Stored[R]) -> Story:
        begun[stored.place] = min(stored.at, begun.get(stored.place, stored.at))
        return found.setdefault(stored.place, Story(stored.flow))

    for preparation in queries.newest(name, records.Preparation, most=_MOST):
        story(preparation).preparation.append(preparation.record)
    for training in queries.newest(name, records.Training, most=_MOST):
        story(training).training.append(_trained(name, training))
    for gate in queries.newest(name, records.Gate, most=_MOST):
        story(gate).gate.append(gate.record)
    for decision in queries.newest(name, records.Decision, most=_MOST):
        story(decision).decision.append(decision.record)
    for application in queries.newest(name, records.Application, most=_MOST):
        story(application).application.append(application.record)
    for drift in queries.newest(name, records.Drift, most=_MOST):
        story(drift).drift.append(drift.record)
    for performance in queries.newest(name, records.Performance, most=_MOST):
        story(performance).performance.append(performance.record)
    for alert in queries.newest(name, records.Alert, most=_MOST):
        story(alert).alert.append(alert.record)
    return tuple(found[place] for place in sorted(found, key=begun.__getitem__))


def _trained(name: str, training: Stored[records.Training]) -> Trained:
    """A training with its candidates, best first."""
    chosen_by = training.record.chosen_by
    found = queries.newest(name, records.Candidate, parent=training.id, most=_MOST)
    return Trained(training.record, tuple(sorted(found, key=lambda stored: stored.record.figure(chosen_by))))


def _addresses(name: str) -> tuple[tuple[str, str], ...]:
    here = settings()
    drifts = queries.newest(name, records.Drift, most=REPORTS)
    reports = [stored.record.report for stored in reversed(drifts) if stored.record.report]
    return (
        ("champion's artefacts", str(here.data / name / "champion")),
        ("predictions", str(here.data / name / "predictions")),
        *(("drift report", report) for report in reports),
        ("MLflow store", here.tracking_uri),
    )
