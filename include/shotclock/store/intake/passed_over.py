"""The files of a project's folders that were not taken in, or not scored: each with the reason, until it is settled.

A file is settled once it is taken in, mended or not, or lies in its folder no more. A note is an MLflow run.
"""

import logging
from collections.abc import Mapping, Sequence

from shotclock.store import queries, tracking
from shotclock.store.records import Folder, PassedOver, Stored
from shotclock.store.run import Run

log = logging.getLogger(__name__)

_MOST = 1000
_LONGEST = 2000  # characters: a tag of MLflow's holds little more


def standing(project: str) -> list[PassedOver]:
    """What is passed over now, by folder and name."""
    return still(queries.newest(project, PassedOver, most=_MOST))


def still(noted: Sequence[Stored[PassedOver]]) -> list[PassedOver]:
    """Of these notes, newest first, those that still stand, by folder and name."""
    newest = {(stored.record.folder, stored.record.name): stored.record for stored in reversed(noted)}
    return [newest[place] for place in sorted(newest) if newest[place].reason]


def names(project: str, folder: Folder) -> set[str]:
    """The files of this folder that are passed over now."""
    return {noted.name for noted in standing(project) if noted.folder == folder}


def note(run: Run, folder: Folder, found: Mapping[str, str]) -> None:
    """Write down all that is passed over in this folder: what is new, what has another reason now, what is settled.

    Args:
        found: the reason for each file, by name.
    """
    before = {noted.name: noted.reason for noted in standing(run.project) if noted.folder == folder}
    now = {name: reason[:_LONGEST] for name, reason in found.items()}
    for name in sorted(before.keys() | now.keys()):
        if before.get(name, "") != now.get(name, ""):
            add(run, folder, name, now.get(name, ""))


def add(run: Run, folder: Folder, name: str, reason: str) -> None:
    """Write down why this one file is passed over; without a reason, that it is settled."""
    if reason:
        log.warning("%s: passed over %s: %s", run.project, name, reason)
    title = f"{'Passed over' if reason else 'Settled'}: {name}"
    with tracking.tracked(run, f"passed_over/{folder}/{name}", PassedOver, name=title) as record:
        record.write(PassedOver(folder=folder, name=name, reason=reason[:_LONGEST]))
