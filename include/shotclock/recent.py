"""The newest MLflow runs of many projects, kept between two looks: only what has ended since is read again.

A page that stays open asks every few seconds, and reading a run costs a millisecond. What is kept here is a copy; the store
alone says what is true. A run that takes another's place has the same key and replaces it; one that somebody deleted by
hand stays until the copy is made anew.
"""

import threading
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from shotclock import history, registry

_OVERLAP = timedelta(minutes=2)  # clocks of several machines differ, and a run is written a moment after it ended
_LONGEST = timedelta(minutes=10)  # then everything is read again

Runs = dict[str, list[Any]]  # newest first, by project


class Recent:
    """The newest runs of each kind. Safe to be shared by threads.

    Args:
        kinds: how many runs of each kind are kept for every project.
    """

    def __init__(self, kinds: Mapping[str, int]) -> None:
        self._kinds, self._lock = kinds, threading.Lock()
        self._projects: frozenset[str] = frozenset()
        self._made = self._seen = datetime.min.replace(tzinfo=UTC)
        self._kept: dict[str, Runs] = {}

    def of(self, projects: Sequence[str]) -> dict[str, Runs]:
        """By kind and project, as the store has them now. A decision that was skipped is none."""
        with self._lock:
            now = datetime.now(UTC)
            if frozenset(projects) != self._projects or now - self._made > _LONGEST:
                self._kept = {kind: _read(projects, kind, most) for kind, most in self._kinds.items()}
                self._projects, self._made = frozenset(projects), now
            else:
                self._update(registry.finished_since(projects, self._seen - _OVERLAP))
            self._seen = now
            return {kind: {name: list(runs) for name, runs in found.items()} for kind, found in self._kept.items()}

    def _update(self, changed: Runs) -> None:
        for project, runs in changed.items():
            for kind, most in self._kinds.items():
                new = [run for run in runs if history.tag(run, "kind") == kind and not _is_skip(run)]
                if new:
                    self._kept[kind][project] = _merged(self._kept[kind][project], new)[:most]


def _read(projects: Sequence[str], kind: str, most: int) -> Runs:
    unless = {"decision": "skip"} if kind == "decision" else {}
    return registry.newest_of(projects, kind, each=most, unless=unless)


def _merged(old: Sequence[Any], new: Sequence[Any]) -> list[Any]:
    by_key = {history.tag(run, "key"): run for run in (*old, *new)}
    return sorted(by_key.values(), key=lambda run: int(run.info.start_time), reverse=True)


def _is_skip(run: Any) -> bool:
    return history.tag(run, "decision") == "skip"
