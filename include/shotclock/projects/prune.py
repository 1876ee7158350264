"""The step that removes old runs that nothing cites any more: their folders, and their MLflow runs with their files."""

import logging
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from shotclock.config import project, settings
from shotclock.files import storage
from shotclock.files.storage import Address
from shotclock.judging import alerts as triggers
from shotclock.projects import prunable
from shotclock.projects.prunable import Going, Past, Place
from shotclock.store import artifacts, history, ledger, queries, registry
from shotclock.store.window import MOST_FOR_LABELS, newest_window, recent_rows, scored_batches

log = logging.getLogger(__name__)

OLDER_THAN_DAYS = 180.0
KEEP = 50
_ALL = 10_000
_PUBLISHED = ("champion", "predictions", "monitoring")


def prune(
    name: str,
    *,
    older_than_days: float = OLDER_THAN_DAYS,
    keep: int = KEEP,
    remove: bool = False,
    now: datetime | None = None,
) -> dict[str, Any]:
    """Remove the runs of each flow that are older than that and not among its newest `keep`; or only say which these are.

    Nothing goes that the champion, `previous` or any other registered version cites, nor what is published, what an open
    alert is about, what a decision answered, what the next check or retraining would read. Decisions with all that led to
    them, entries of the ledger and the newest scoring of each batch stay in MLflow in any case: only their files may go.

    A run's folder goes before its MLflow runs, so what a killed call left is found by the next one.
    """
    pasts = _pasts(name)
    chosen = prunable.going(
        pasts,
        whole=_cited(name),
        records=_records(name),
        now=now or datetime.now(UTC),
        older_than=timedelta(days=older_than_days),
        keep=keep,
    )
    goes = [_weighed(name, item) for item in chosen]
    if remove:
        for item in chosen:
            _remove(name, item)
    size, files = sum(item["bytes"] for item in goes), sum(item["folder"] is not None for item in goes)
    runs = sum(item["mlflow_runs"] for item in goes)
    what = f"{files} folder(s) and {runs} MLflow run(s) of {len(goes)} of {len(pasts)} runs, {size:,} bytes"
    summary = f"{'removed' if remove else 'would go'}: {what}"
    return {"project": name, "removed": remove, "runs": goes, "bytes": size, "summary": summary}


def _folder(name: str, place: Place) -> Address:
    return settings().data / name / "runs" / place[0] / place[1]


def _pasts(name: str) -> list[Past]:
    """Every run of every flow that left a folder or an MLflow run."""
    runs: defaultdict[Place, list[Any]] = defaultdict(list)
    for run in queries.all_runs(name):
        runs[_place(run)].append(run)
    folders = {
        (flow.name, folder.name): folder
        for flow in storage.folders(settings().data / name / "runs")
        for folder in storage.folders(flow)
    }
    return [_past(place, runs[place], folders.get(place)) for place in {*runs, *folders}]


def _past(place: Place, runs: list[Any], folder: Address | None) -> Past:
    moments = [history.at(run) for run in runs]
    if not moments and folder is not None:  # killed before it wrote anything down, or its MLflow runs are gone already
        moments = [storage.changed(folder)]
    return Past(place, max(moments), folder is not None, tuple(run.info.run_id for run in runs))


def _place(run: Any) -> Place:
    flow = run.data.tags["airflow.dag_id"].partition(".")[2]
    return flow, storage.folder_name(run.data.tags["airflow.run_id"])


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
        yield f"trained {version.uri}", _place(queries.run(version.run_id))
        yield f"rows of {version.uri}", _of_file(name, version.tags.get("shotclock.rows_path", ""))
    for published in _PUBLISHED:
        folder = storage.published(data, name, published)
        yield f"published as {published}", _of_file(name, str(folder / "any")) if folder is not None else None
    champion = registry.champion(name)
    if champion is None:
        return
    for batch in _read_next(name, champion):
        yield "scored what the next check or retraining reads", _of_file(name, batch["predictions"])
    for run in _findings(name, champion.number):
        yield "found what the next alert depends on", _place(run)
    yield from _alerts(name, champion.number)


def _of_file(name: str, address: str) -> Place | None:
    """The run whose folder a file lies in; None for a file elsewhere."""
    runs = f"{settings().data / name / 'runs'}/"
    parts = address.removeprefix(runs).split("/")
    return (parts[0], parts[1]) if address.startswith(runs) and len(parts) > 2 else None


def _read_next(name: str, champion: registry.Version) -> list[dict[str, Any]]:
    """The scorings that the next check would read, for rows or for labels, and those of the next retraining's rows."""
    scored = scored_batches(name)
    batches = scored[: recent_rows(name)[1]] if scored else []
    if scored_batches(name, champion):
        window = newest_window(name, champion)
        batches += [*window["batches"], *window["older"][:MOST_FOR_LABELS]]
    return batches


def _findings(name: str, champion: str) -> Iterator[Any]:
    """The checks of the champion's newest windows, as many as the rule for alerts looks at."""
    for found in history.findings(name, "drift", champion, project(name).drift.of_windows):
        for check in ("drift", "performance"):
            yield from queries.newest(name, check, tags={"champion": champion, "window": found.window})


def _alerts(name: str, champion: str) -> Iterator[tuple[str, Place]]:
    """The checks that raised an alert which is open, or which a decision answered; and what an open one is about."""
    alerts, decisions = history.alerts(name, most=_ALL), history.decisions(name, most=_ALL)
    answered = {alert for done in decisions for alert in done.answers}
    waiting = {alert.id for alert in triggers.unanswered(alerts, decisions, champion)}
    for alert in alerts:
        if alert.id in answered | waiting:
            yield f"raised the {alert.kind} alert of {alert.at:%Y-%m-%d}", _place(queries.run(alert.id))
        if alert.id in waiting:
            for run in queries.newest(name, "drift", tags={"champion": champion, "window": alert.window}, most=_ALL):
                yield "checked the window of an open alert", _place(run)
            for run in _scorings(name, champion, alert.window):
                yield "scored the window of an open alert", _place(run)


def _scorings(name: str, champion: str, window: str) -> Iterator[Any]:
    checked = queries.newest(name, "drift", tags={"champion": champion, "window": window})
    files = set(history.tag(checked[0], "batches").split(", ")) if checked else set()
    for run in queries.newest(name, "application", tags={"champion": champion}, most=_ALL):
        if storage.at(history.tag(run, "source")).name in files:
            yield run


def _records(name: str) -> frozenset[str]:
    """MLflow runs that stay: the ledger, each batch's newest scoring, each decision and all of the run that led to it."""
    runs = list(queries.all_runs(name))
    decided = {_place(run) for run in runs if _is_decision(run)}
    kept = {run.info.run_id for run in runs if history.tag(run, "kind") == ledger.KIND or _place(run) in decided}
    newest: dict[str, Any] = {}
    for run in sorted(runs, key=history.at):
        if history.tag(run, "kind") == "application":
            newest[history.tag(run, "batch")] = run
    return frozenset(kept | {run.info.run_id for run in newest.values()})


def _is_decision(run: Any) -> bool:
    return history.tag(run, "kind") == "decision" and history.tag(run, "decision") != "skip"


def _weighed(name: str, item: Going) -> dict[str, Any]:
    folder = _folder(name, item.past.place)
    size = storage.weight(folder) if item.folder else 0
    return {
        "flow": item.past.place[0],
        "run": item.past.place[1],
        "at": item.past.at.isoformat(timespec="seconds"),
        "folder": str(folder) if item.folder else None,
        "mlflow_runs": len(item.mlflow),
        "bytes": size + sum(map(artifacts.weight, item.mlflow)),
    }


def _remove(name: str, item: Going) -> None:
    if item.folder:
        storage.discard(_folder(name, item.past.place))
    for run in item.mlflow:
        artifacts.remove(run)
    log.info("%s: removed %s/%s of %s", name, *item.past.place, item.past.at.isoformat(timespec="minutes"))
