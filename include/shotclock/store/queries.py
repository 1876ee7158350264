"""What happened, asked from MLflow."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from mlflow.exceptions import MlflowException

from shotclock.store.client import NOT_THERE, PARENT, TAG, connect, experiment_id, experiments

_MOST_CHANGES = 10_000


def newest(
    project: str,
    kind: str,
    *,
    tags: Mapping[str, str] | None = None,
    unless: Mapping[str, str] | None = None,
    most: int = 1,
) -> list[Any]:
    """The newest finished MLflow runs of one kind, newest first.

    Args:
        tags: tags that they carry.
        unless: tags whose runs are left out.
    """
    where, order = _finished(kind, tags, unless), ["attributes.start_time DESC"]
    return list(connect().search_runs([experiment_id(project)], where, order_by=order, max_results=most))


def _finished(kind: str, tags: Mapping[str, str] | None = None, unless: Mapping[str, str] | None = None) -> str:
    wanted = [f"tags.`{TAG}{name}` = '{value}'" for name, value in {"kind": kind, **(tags or {})}.items()]
    others = [f"tags.`{TAG}{name}` != '{value}'" for name, value in (unless or {}).items()]
    return " and ".join([*wanted, *others, "attributes.status = 'FINISHED'"])


def pulse(project: str) -> str:
    """What changes whenever a run of the project ends, so that readers know when to look again. Asks for one row."""
    known, order = list(experiments([project]).values()), ["attributes.end_time DESC"]
    found = connect().search_runs(known, order_by=order, max_results=1) if known else []
    return f"{found[0].info.run_id}/{found[0].info.end_time}" if found else ""


def newest_of(
    projects: Iterable[str], kind: str, *, each: int, unless: Mapping[str, str] | None = None
) -> dict[str, list[Any]]:
    """The newest finished MLflow runs of one kind for several projects, newest first, at the most `each` of every one.

    One question for all; a project that busier ones have crowded out of the answer is asked about by itself.

    Args:
        unless: tags whose runs are left out.
    """
    ids = experiments(projects)
    where = _finished(kind, unless=unless)

    def ask(experiments: list[str], most: int) -> list[Any]:
        order = ["attributes.start_time DESC"]
        return list(connect().search_runs(experiments, where, order_by=order, max_results=most)) if experiments else []

    answer = ask(list(ids.values()), each * len(ids))
    found: dict[str, list[Any]] = {experiment: [] for experiment in ids.values()}
    for run in answer:
        found[run.info.experiment_id].append(run)
    if len(answer) == each * len(ids):
        short = [experiment for experiment, runs in found.items() if len(runs) < each]
        found |= {experiment: ask([experiment], each) for experiment in short}
    return {project: found[ids[project]][:each] if project in ids else [] for project in projects}


def finished_since(projects: Iterable[str], moment: datetime) -> dict[str, list[Any]]:
    """Every MLflow run of these projects that has finished since `moment`, newest first; whoever has none is left out."""
    names = {experiment: name for name, experiment in experiments(projects).items()}
    where = f"attributes.end_time >= {int(moment.timestamp() * 1000)} and attributes.status = 'FINISHED'"
    found: dict[str, list[Any]] = {}
    for run in _pages(list(names), where, most=_MOST_CHANGES) if names else []:
        found.setdefault(names[run.info.experiment_id], []).append(run)
    return found


def every(project: str, kind: str, *, most: int) -> list[Any]:
    """The finished runs of one kind, newest first, page by page, up to `most`."""
    where = f"tags.`{TAG}kind` = '{kind}' and attributes.status = 'FINISHED'"
    return _pages([experiment_id(project)], where, most=most)


def _pages(experiments: list[str], where: str, *, most: int) -> list[Any]:
    client, token = connect(), None
    found: list[Any] = []
    while len(found) < most:
        page = client.search_runs(experiments, where, max_results=min(1000, most), page_token=token)
        found += page
        token = page.token
        if not token:
            break
    return found


def all_runs(project: str) -> Iterator[Any]:
    """Every run of the project that is not deleted, whatever became of it, newest first."""
    client, experiment, token = connect(), experiment_id(project), None
    while True:
        page = client.search_runs([experiment], max_results=1000, page_token=token)
        yield from page
        token = page.token
        if not token:
            return


def run(run_id: str) -> Any:
    """The MLflow run of that id."""
    return connect().get_run(run_id)


def kind(run_id: str, project: str) -> str | None:
    """What kind of run this is, or None where the project has none of this id."""
    try:
        found = connect().get_run(run_id).data.tags
    except MlflowException as error:
        if error.error_code in NOT_THERE:
            return None
        raise
    return found.get(TAG + "kind") if found.get(TAG + "project") == project else None


def children(run_id: str, experiment: str) -> list[Any]:
    """The candidate runs below a training run."""
    where = f"tags.`{PARENT}` = '{run_id}'"
    return list(connect().search_runs([experiment], filter_string=where, max_results=100))
