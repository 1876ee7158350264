"""The newest MLflow runs of many projects, kept between two looks: only what has ended since is read again.

A page that stays open asks every few seconds, and reading a run costs a millisecond. What is kept here is a copy; the store
alone says what is true. A run that takes another's place has the same key and replaces it; one that somebody deleted by
hand stays until the copy is made anew.
"""

import threading
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import cast

from shotclock.store import queries
from shotclock.store.records import Decision, R, Record, Stored

_OVERLAP = timedelta(minutes=2)  # clocks of several machines differ, and a run is written a moment after it ended
_LONGEST = timedelta(minutes=10)  # then a kind is read again as a whole, one at a look

ByProject = dict[str, list[Stored[Record]]]  # newest first


class Copy:
    """What the store held at one look: the newest records of each kind, by project."""

    def __init__(self, kept: Mapping[type[Record], ByProject]) -> None:
        self._kept = {kind: {name: list(found) for name, found in kept[kind].items()} for kind in kept}

    def of(self, kind: type[R], project: str) -> list[Stored[R]]:
        """The newest records of a kind that is kept, newest first."""
        return cast(list[Stored[R]], self._kept[kind][project])


class Recent:
    """The newest records of each kind. Safe to be shared by threads.

    Args:
        kinds: how many records of each kind are kept for every project.
    """

    def __init__(self, kinds: Mapping[type[Record], int]) -> None:
        self._kinds, self._lock = kinds, threading.Lock()
        self._projects: frozenset[str] | None = None  # not asked yet
        self._seen = datetime.min.replace(tzinfo=UTC)
        self._kept: dict[type[Record], ByProject] = {}
        self._made: dict[type[Record], datetime] = {}

    def look(self, projects: Sequence[str]) -> Copy:
        """As the store has them now. A decision that was skipped is none."""
        with self._lock:
            now = datetime.now(UTC)
            if frozenset(projects) != self._projects:
                self._read(projects, list(self._kinds), now)
                self._projects = frozenset(projects)
            else:
                self._update(queries.ended_since(projects, self._seen - _OVERLAP))
                oldest = min(self._made, key=self._made.__getitem__)
                self._read(projects, [oldest] if now - self._made[oldest] > _LONGEST else [], now)
            self._seen = now
            return Copy(self._kept)

    def _read(self, projects: Sequence[str], kinds: Sequence[type[Record]], now: datetime) -> None:
        for kind in kinds:
            unless = {"decision": "skip"} if kind is Decision else {}
            self._kept[kind] = queries.newest_of(projects, kind, each=self._kinds[kind], unless=unless)
            self._made[kind] = now

    def _update(self, changed: ByProject) -> None:
        for project, found in changed.items():
            for kind, most in self._kinds.items():
                new = [stored for stored in found if stored.kind == kind.kind and not _is_skip(stored.record)]
                if new:
                    self._kept[kind][project] = _merged(self._kept[kind][project], new)[:most]


def _merged(old: Sequence[Stored[Record]], new: Sequence[Stored[Record]]) -> list[Stored[Record]]:
    by_key = {stored.key: stored for stored in (*old, *new)}
    return sorted(by_key.values(), key=lambda stored: stored.at, reverse=True)


def _is_skip(record: Record) -> bool:
    return isinstance(record, Decision) and record.decision == "skip"
