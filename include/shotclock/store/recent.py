"""The newest MLflow runs of many projects, kept between two looks: only what has ended since is read again.

A page that stays open asks every few seconds, and reading a run costs a millisecond. What is kept here is a copy; the store
alone says what is true. A run that takes another's place has the same key and replaces it; one that somebody deleted by
hand stays until the copy is made anew.
"""

import threading
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from shotclock.store import history, queries

_OVERLAP = timedelta(minutes=2)  # clocks of several machines differ, and a run is written a moment after it ended
_LONGEST = timedelta(minutes=10)  # then a kind is read again as a whole, one at a look

Runs = dict[str, list[Any]]  # newest first, by project


class Recent:
    """The newest runs of each kind. Safe to be shared by threads.

    Args:
        kinds: how many runs of each kind are kept for every project.
    """

    def __init__(self, kinds: Mapping[str, int]) -> None:
        self._kinds, self._lock = kinds, threading.Lock()
        self._projects: frozenset[str] | None = None  # not asked yet
        self._seen = datetime.min.replace(tzinfo=UTC)
        self._kept: dict[str, Runs] = {}
        self._made: dict[str, datetime] = {}

    def of(self, projects: Sequence[str]) -> dict[str, Runs]:
        """By kind and project, as the store has them now. A decision that was skipped is none."""
        with self._lock:
            now = datetime.now(UTC)
            if frozenset(projects) != self._projects:
                self._read(projects, list(self._kinds), now)
                self._projects = frozenset(projects)
            else:
                self._update(queries.finished_since(projects, self._seen - _OVERLAP))
                oldest = min(self._made, key=self._made.__getitem__)
                self._read(projects, [oldest] if now - self._made[oldest] > _LONGEST else [], now)
            self._seen = now
            return {kind: {name: list(runs) for name, runs in found.items()} for kind, found in self._kept.items()}

    def _read(self, projects: Sequence[str], kinds: Sequence[str], now: datetime) -> None:
        for kind in kinds:
            unless = {"decision": "skip"} if kind == "decision" else {}
            self._kept[kind] = queries.newest_of(projects, kind, each=self._kinds[kind], unless=unless)
            self._made[kind] = now

    def _update(self, changed: Runs) -> None:
        for project, runs in changed.items():
            for kind, most in self._kinds.items():
                new = [run for run in runs if history.tag(run, "kind") == kind and not _is_skip(run)]
                if new:
                    self._kept[kind][project] = _merged(self._kept[kind][project], new)[:most]


def _merged(old: Sequence[Any], new: Sequence[Any]) -> list[Any]:
    by_key = {history.tag(run, "key"): run for run in (*old, *new)}
    return sorted(by_key.values(), key=lambda run: int(run.info.start_time), reverse=True)


def _is_skip(run: Any) -> bool:
    return history.tag(run, "decision") == "skip"
