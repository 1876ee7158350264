"""The step that removes old runs that nothing cites any more: their folders, and their MLflow runs with their files."""

import logging
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from shotclock.config import project, settings
from shotclock.files import storage
from shotclock.files.storage import Address
from shotclock.judging.alerts import unanswered
from shotclock.projects.prune_rules import Going, Past, Place, going
from shotclock.store import history, queries
from shotclock.store.records import Application, Decision, Drift, Entry, Performance, Trace
from shotclock.store.server import artifacts
from shotclock.store.versions import registry
from shotclock.store.window import MOST_FOR_LABELS, Window, recent_rows, scored_batches

log = logging.getLogger(__name__)

OLDER_THAN_DAYS = 180.0
KEEP = 50
_ALL = 10_000
_PUBLISHED = ("champion", "predictions", "monitoring")


@dataclass(frozen=True)
class Gone:
    """One run that goes, or went: its folder, how many MLflow runs, and the bytes of both."""

    flow: str
    run: str
    at: str
    folder: str | None
    mlflow_runs: int
    bytes: int


@dataclass(frozen=True)
class Pruned:
    """What goes, or went if it is `removed`, oldest first."""

    project: str
    removed: bool
    runs: tuple[Gone, ...]
    bytes: int
    summary: str


def prune(
    name: str,
    *,
    older_than_days: float = OLDER_THAN_DAYS,
    keep: int = KEEP,
    remove: bool = False,
    now: datetime | None = None,
) -> Pruned:
    """Remove the runs of each flow that are older than that and not among its newest `keep`; or only say which these are.

    Nothing goes that the champion, `previous` or any other registered version cites, nor what is published, what an open
    alert is about, what a decision answered, what the next check or retraining would read. Decisions with all that led to
    them, entries of the ledger and the newest scoring of each batch stay in MLflow in any case: only their files may go.

    A run's folder goes before its MLflow runs, so what a killed call left is found by the next one.
    """
    pasts = _pasts(name)
    chosen = going(
        pasts,
        whole=_cited(name),
        records=_records(name),
        now=now or datetime.now(UTC),
        older_than=timedelta(days=older_than_days),
        keep=keep,
    )
    goes = tuple(_weighed(name, item) for item in chosen)
    if remove:
        for item in chosen:
            _remove(name, item)
    size, files = sum(item.bytes for item in goes), sum(item.folder is not None for item in goes)
    runs = sum(item.mlflow_runs for item in goes)
    what = f"{files} folder(s) and {runs} MLflow run(s) of {len(goes)} of {len(pasts)} runs, {size:,} bytes"
    summary = f"{'removed' if remove else 'would go'}: {what}"
    return Pruned(name, remove, goes, size, summary)


def _folder(name: str, place: Place) -> Address:
    return settings().data / name / "runs" / place[0] / place[1]


def _pasts(name: str) -> list[Past]:
    """Every run of every flow that left a folder or an MLflow run."""
    runs: defaultdict[Place, list[Trace]] = defaultdict(list)
    for trace, _ in queries.traces(name):
        runs[_place(trace)].append(trace)
    folders = {
        (flow.name, folder.name): folder
        for flow in storage.folders(settings().data / name / "runs")
        for folder in storage.folders(flow)
    }
    return [_past(place, runs[place], folders.get(place)) for place in {*runs, *folders}]


def _past(place: Place, runs: list[Trace], folder: Address | None) -> Past:
    moments = [run.at for run in runs]
    if not moments and folder is not None:  # killed before it wrote anything down, or its MLflow runs are gone already
        moments = [storage.changed(folder)]
    return Past(place, max(moments), folder is not None, tuple(run.id for run in runs))


def _place(run: Trace) -> Place:
    return run.flow, storage.folder_name(run.run_id)


def _cited(name: str) -> dict[Place, str]:
    """The runs that stay with all they have, each with the reason."""
    found: dict[Place, str] = {}
    for why, place in _citations(name):
        if place is not None:
            found.setdefault(place, why)
    return found


def _citations(name: str) -> Iterator[tuple[str, Place | None]]:
    data = settings().data
    for version in registry.versions(name):
        yield f"trained {version.uri}", _placed(name, version.run_id)
        yield f"rows of {version.uri}", _of_file(name, version.origin.rows_path)
    for published in _PUBLISHED:
        folder = storage.published(data, name, published)
        yield f"published as {published}", _of_file(name, str(folder / "any")) if folder is not None else None
    champion = registry.champion(name)
    if champion is None:
        return
    for batch in _read_next(name, champion):
        yield "scored what the next check or retraining reads", _of_file(name, batch.predictions)
    for check in _findings(name, champion.number):
        yield "found what the next alert depends on", _place(check)
    yield from _alerts(name, champion.number)


def _placed(name: str, run_id: str) -> Place | None:
    found = queries.look_up(name, run_id)
    return _place(found) if found else None


def _of_file(name: str, address: str) -> Place | None:
    """The run whose folder a file lies in; None for a file elsewhere."""
    runs = f"{settings().data / name / 'runs'}/"
    parts = address.removeprefix(runs).split("/")
    return (parts[0], parts[1]) if address.startswith(runs) and len(parts) > 2 else None


def _read_next(name: str, champion: registry.Version) -> list[Application]:
    """The scorings that the next check would read, for rows or for labels, and those of the next retraining's rows."""
    scored = scored_batches(name)
    batches = scored[: len(recent_rows(name).parts)] if scored else []
    if scored_batches(name, champion):
        window = Window.newest(name, champion)
        beside = [batch for batch in window.older if batch.shadow]  # what the shadow is judged on
        batches += [*window.batches, *window.older[:MOST_FOR_LABELS], *beside]
    return batches


def _findings(name: str, champion: str) -> Iterator[Trace]:
    """The checks of the champion's newest windows, as many as the rule for alerts looks at."""
    for found in history.findings(name, "drift", champion, project(name).drift.of_windows):
        about = {"champion": champion, "window": found.window}
        yield from queries.newest(name, Drift, where=about)
        yield from queries.newest(name, Performance, where=about)


def _alerts(name: str, champion: str) -> Iterator[tuple[str, Place | None]]:
    """The checks that raised an alert which is open, or which a decision answered; and what an open one is about."""
    alerts, decisions = history.alerts(name, most=_ALL), history.decisions(name, most=_ALL)
    answered = {alert for done in decisions for alert in done.answers}
    waiting = {alert.id for alert in unanswered(alerts, decisions, champion)}
    for alert in alerts:
        if alert.id in answered | waiting:
            yield f"raised the {alert.kind} alert of {alert.at:%Y-%m-%d}", _placed(name, alert.id)
        if alert.id in waiting:
            about = {"champion": champion, "window": alert.window}
            for check in queries.newest(name, Drift, where=about, most=_ALL):
                yield "checked the window of an open alert", _place(check)
            for scoring in _scorings(name, champion, alert.window):
                yield "scored the window of an open alert", _place(scoring)


def _scorings(name: str, champion: str, window: str) -> Iterator[Trace]:
    checked = queries.newest(name, Drift, where={"champion": champion, "window": window})
    files = set(checked[0].record.batches) if checked else set()
    for scoring in queries.newest(name, Application, where={"champion": champion}, most=_ALL):
        if storage.at(scoring.record.source).name in files:
            yield scoring


def _records(name: str) -> frozenset[str]:
    """MLflow runs that stay: the ledger, each batch's newest scoring, each decision and all of the run that led to it."""
    runs = list(queries.traces(name))
    decided = {_place(run) for run, told in runs if isinstance(told, Decision) and told.decision != "skip"}
    kept = {run.id for run, _ in runs if run.kind == Entry.kind or _place(run) in decided}
    newest: dict[int, str] = {}
    for run, told in sorted(runs, key=lambda item: item[0].at):
        if isinstance(told, Application):
            newest[told.batch] = run.id
    return frozenset(kept | set(newest.values()))


def _weighed(name: str, item: Going) -> Gone:
    folder = _folder(name, item.past.place)
    size = storage.weight(folder) if item.folder else 0
    return Gone(
        flow=item.past.place[0],
        run=item.past.place[1],
        at=item.past.at.isoformat(timespec="seconds"),
        folder=str(folder) if item.folder else None,
        mlflow_runs=len(item.mlflow),
        bytes=size + sum(map(artifacts.weight, item.mlflow)),
    )


def _remove(name: str, item: Going) -> None:
    if item.folder:
        storage.discard(_folder(name, item.past.place))
    for run in item.mlflow:
        artifacts.remove(run)
    log.info("%s: removed %s/%s of %s", name, *item.past.place, item.past.at.isoformat(timespec="minutes"))
