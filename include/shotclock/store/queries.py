"""What happened, asked from MLflow: the newest records of a kind, all that has ended since a moment, every run there is."""

import sys
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime

from shotclock.errors import StoreError
from shotclock.store.fields import Values, read, tag_name
from shotclock.store.records import KINDS, R, Record, Stored, Trace
from shotclock.store.server import tables
from shotclock.store.server.client import NOT_THERE, PARENT, TAG, connect, experiments, find_experiment
from shotclock.store.server.tables import Run, Wanted

_PAGE = 1000
_MOST_CHANGES = 10_000
_BY_NAME = {kind.kind: kind for kind in KINDS}

Where = Mapping[str, object]
"""Fields of a record that are kept as tags, and the value that each has."""


def newest(
    project: str,
    kind: type[R],
    *,
    where: Where | None = None,
    unless: Where | None = None,
    parent: str = "",
    most: int = 1,
) -> list[Stored[R]]:
    """The newest finished runs of one kind, newest first.

    Args:
        where: fields with the value that they have.
        unless: fields with a value whose runs are left out.
        parent: the id of the run that they stand below.

    Raises:
        StoreError: a run lacks what its kind must have.
        KeyError: a field that the kind has not, or does not keep as a tag.
    """
    wanted = _finished(kind, where or {}, unless or {}, parent)
    experiment = find_experiment(project)
    return [stored(run, kind) for run in _found([experiment], wanted, most)] if experiment else []


def newest_of(
    projects: Iterable[str], kind: type[R], *, each: int, unless: Where | None = None
) -> dict[str, list[Stored[R]]]:
    """The same for several projects, at the most `each` of every one.

    One question for all; a project that busier ones have crowded out of the answer is asked about by itself.
    """
    names = list(projects)
    ids = experiments(names)
    wanted = _finished(kind, {}, unless or {})
    answer = _found(ids.values(), wanted, each * len(ids)) if ids else []
    found: dict[str, list[Run]] = {experiment: [] for experiment in ids.values()}
    for run in answer:
        found[run.info.experiment_id].append(run)
    if len(ids) > 1 and len(answer) == each * len(ids):
        short = [experiment for experiment, runs in found.items() if len(runs) < each]
        found |= {experiment: _found([experiment], wanted, each) for experiment in short}
    kept = {name: found[ids[name]][:each] if name in ids else [] for name in names}
    return {name: [stored(run, kind) for run in runs] for name, runs in kept.items()}


def ended_since(projects: Iterable[str], moment: datetime) -> dict[str, list[Stored[Record]]]:
    """Every record of these projects whose run has finished since `moment`, newest first; whoever has none is left out."""
    names = {experiment: name for name, experiment in experiments(projects).items()}
    wanted = Wanted(unfinished=False, ended_since=int(moment.timestamp() * 1000))
    found: dict[str, list[Stored[Record]]] = {}
    for run in _found(names, wanted, _MOST_CHANGES) if names else []:
        kind = _BY_NAME.get(run.data.tags.get(f"{TAG}kind", ""))
        if kind is not None:
            found.setdefault(names[run.info.experiment_id], []).append(stored(run, kind))
    return found


def traces(project: str) -> Iterator[tuple[Trace, Record | None]]:
    """Every run of the project that is not deleted, newest first; with its record, where it has finished with a whole one."""
    ids = experiments([project]).values()
    for run in _found(ids, Wanted(), sys.maxsize) if ids else []:
        kind = _BY_NAME.get(run.data.tags.get(f"{TAG}kind", ""))
        whole = kind is not None and run.info.status == "FINISHED"
        yield trace(run), stored(run, kind).record if kind is not None and whole else None


def series(run_id: str, name: str) -> list[float]:
    """The values that a run wrote as steps 0, 1, 2, … of a metric; of a step that was written twice, the newer one."""
    written = sorted(connect().get_metric_history(run_id, name), key=lambda metric: (metric.step, metric.timestamp))
    return list({metric.step: float(metric.value) for metric in written}.values())


def unfinished(project: str, flow: str) -> list[Run]:
    """Every run of a flow that is at work, has failed or was killed, newest first."""
    wanted = Wanted({"airflow.dag_id": f"{project}.{flow}"}, unfinished=True)
    experiment = find_experiment(project)
    return _found([experiment], wanted, _MOST_CHANGES) if experiment else []


def pulse(project: str) -> str:
    """What changes whenever a run of the project ends, so that readers know when to look again. Asks for one row."""
    known = experiments([project]).values()
    found = _found(known, Wanted(by="end_time"), 1) if known else []
    return f"{found[0].info.run_id}/{found[0].info.end_time}" if found else ""


def look_up(project: str, run_id: str) -> Trace | None:
    """The run of that id, or None where the project has none."""
    with tables.opened() as direct:
        found = direct.run(run_id) if direct else _ask_for(run_id)
    return trace(found) if found and found.data.tags.get(f"{TAG}project") == project else None


def _ask_for(run_id: str) -> Run | None:
    from mlflow.exceptions import MlflowException

    try:
        found: Run = connect().get_run(run_id)
    except MlflowException as error:
        if error.error_code in NOT_THERE:
            return None
        raise
    return found


def trace(run: Run) -> Trace:
    tags, ended = run.data.tags, run.info.end_time
    return Trace(
        id=run.info.run_id,
        name=run.info.run_name,
        kind=tags.get(f"{TAG}kind", ""),
        key=tags.get(f"{TAG}key", ""),
        at=datetime.fromtimestamp(run.info.start_time / 1000, UTC),
        ended=datetime.fromtimestamp(ended / 1000, UTC) if ended else None,
        dag_id=tags.get("airflow.dag_id", ""),
        run_id=tags.get("airflow.run_id", ""),
        parent=tags.get(PARENT, ""),
    )


def stored(run: Run, kind: type[R]) -> Stored[R]:
    """The record that a run of this kind holds.

    Raises:
        StoreError: the run lacks what its kind must have, or holds it in another type.
    """
    try:
        record = read(kind, Values(run.data.params, run.data.metrics, _own(run)))
    except ValueError as error:
        raise StoreError(
            f"MLflow run {run.info.run_id} ({run.info.run_name}) of the kind '{kind.kind}': {error}; it was changed or "
            "written by another version of Shotclock: delete that run, or restore it"
        ) from error
    return Stored(**vars(trace(run)), record=record)


def _own(run: Run) -> dict[str, str]:
    return {name.removeprefix(TAG): value for name, value in run.data.tags.items() if name.startswith(TAG)}


def _finished(kind: type[Record], where: Where, unless: Where, parent: str = "") -> Wanted:
    tags = {tag_name(kind, name): str(value) for name, value in where.items()}
    others = {tag_name(kind, name): str(value) for name, value in unless.items()}
    below = {PARENT: parent} if parent else {}
    return Wanted({f"{TAG}kind": kind.kind, **tags, **below}, others, unfinished=False)


def _found(experiments: Iterable[str], wanted: Wanted, most: int) -> list[Run]:
    """The newest of these runs, up to `most`."""
    with tables.opened() as direct:
        return direct.runs(experiments, wanted, most) if direct else _pages(experiments, wanted, most)


def _pages(experiments: Iterable[str], wanted: Wanted, most: int) -> list[Run]:
    """The same from MLflow's client, page by page."""
    token, found = None, list[Run]()
    ids, where, order = [*experiments], _filter(wanted), [f"attributes.{wanted.by} DESC"]
    while len(found) < most:
        size = min(_PAGE, most - len(found))
        page = connect().search_runs(ids, where, order_by=order, max_results=size, page_token=token)
        found += page
        token = page.token
        if not token:
            break
    return found


def _filter(wanted: Wanted) -> str:
    """The condition in MLflow's words."""
    parts = [f"tags.`{name}` = '{value}'" for name, value in wanted.tags.items()]
    parts += [f"tags.`{name}` != '{value}'" for name, value in wanted.others.items()]
    if wanted.unfinished is not None:
        parts.append(f"attributes.status {'!=' if wanted.unfinished else '='} 'FINISHED'")
    if wanted.ended_since is not None:
        parts.append(f"attributes.end_time >= {wanted.ended_since}")
    return " and ".join(parts)
