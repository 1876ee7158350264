"""What a run that died left open in the store: taken up by the next run of its flow, of which Airflow runs one at a time."""

import logging

from shotclock.errors import StoreError
from shotclock.store import opener
from shotclock.store.queries import stored, unfinished
from shotclock.store.records import Decision
from shotclock.store.run import Run
from shotclock.store.server import tables
from shotclock.store.server.client import TAG, connect
from shotclock.store.tracking import close_run
from shotclock.store.versions import registry

log = logging.getLogger(__name__)
CLOSED_BY = f"{TAG}closed_by"
"""The tag that names the run which closed another one's."""


def take_up(run: Run) -> None:
    """Close what earlier runs of this flow left RUNNING: they were killed, and nobody has tried them again.

    A decision that was written down whole, and whose version is in service, was all but ended: it is finished, and
    `data/<project>/champion` shows it. Anything else is KILLED, says who closed it, and counts as nothing that happened. A
    run that is tried again after all goes on with its own and finishes it. What a process of this host is at work on, which
    the command line may be beside a DAG or beside another command line, is left to it.
    """
    for found in unfinished(run.project, run.flow):
        tags = found.data.tags
        if found.info.status != "RUNNING" or tags.get("airflow.run_id") == run.id:
            continue
        if not opener.is_at_work(tags.get(opener.OPENED_BY, "")):
            _close(run, found)


def _close(run: Run, left: tables.Run) -> None:
    kept = _is_in_service(run.project, left)
    if kept:
        registry.show_champion(run.project)
    connect().set_tag(left.info.run_id, CLOSED_BY, run.key("").rstrip("/"))
    close_run(left.info.run_id, "FINISHED" if kept else "KILLED")
    log.warning(
        "MLflow run %s (%s) was left open by the run %s, which has died: closed as %s",
        left.info.run_id,
        left.info.run_name,
        left.data.tags.get("airflow.run_id"),
        "what it has done stands" if kept else "KILLED",
    )


def _is_in_service(project: str, left: tables.Run) -> bool:
    """Whether it is a decision that has moved the alias."""
    if left.data.tags.get(f"{TAG}kind") != Decision.kind:
        return False
    try:
        told = stored(left, Decision).record
    except StoreError:  # it says not yet what was decided
        return False
    champion = registry.champion(project)
    moved = told.decision in ("promote", "rollback")
    return moved and champion is not None and champion.number == told.after
