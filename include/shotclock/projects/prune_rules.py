"""What may go after a time: old runs that nothing cites. Values in, values out; nothing is removed here."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

AT_LEAST = timedelta(days=1)  # what is younger may still be running

Place = tuple[str, str]
"""The flow and the name of a run's folder, which tell a project's runs apart."""


@dataclass(frozen=True)
class Past:
    """One run of one flow: whether it has a folder, and the ids of its MLflow runs.

    Attributes:
        at: when it last began something, UTC.
    """

    place: Place
    at: datetime
    has_folder: bool
    mlflow: tuple[str, ...] = ()


@dataclass(frozen=True)
class Going:
    """What goes of one run: its folder or not, and these MLflow runs."""

    past: Past
    folder: bool
    mlflow: tuple[str, ...]


def going(
    pasts: Sequence[Past],
    *,
    whole: Mapping[Place, str],
    records: frozenset[str],
    now: datetime,
    older_than: timedelta,
    keep: int,
) -> list[Going]:
    """What may go, oldest first: of each flow the runs that are older than `older_than` and not among its newest `keep`.

    Args:
        whole: runs that stay with all they have, each with the reason.
        records: ids of MLflow runs that stay whatever becomes of the files.
    """
    limit = now - max(older_than, AT_LEAST)
    by_flow: defaultdict[str, list[Past]] = defaultdict(list)
    for past in sorted(pasts, key=lambda past: past.at, reverse=True):
        by_flow[past.place[0]].append(past)
    old = [past for flow in by_flow.values() for past in flow[keep:] if past.at < limit and past.place not in whole]
    found = [
        Going(past, past.has_folder, tuple(run for run in past.mlflow if run not in records))
        for past in sorted(old, key=lambda past: (past.at, past.place))
    ]
    return [item for item in found if item.folder or item.mlflow]
