"""Follows all runs of a project's DAGs, from one trigger until nothing more comes of it."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any, TypeVar
from urllib.parse import quote

from shotclock_launcher.console import say
from shotclock_launcher.errors import LaunchError
from shotclock_launcher.following.api import Api, ApiError

GOOD = ("success", "skipped")
_ENDED = (*GOOD, "failed", "upstream_failed", "removed")
_ACTIVE = ["queued", "running"]
_POLL = 0.8  # seconds; who answers is the API server that the tasks need too, on the same cores
_SILENCE = 40.0  # seconds after which a line says what is being waited for
_RUNS = 20  # a page of runs
_LONE_EVENT = 30.0  # seconds after which an event that starts no run is taken for one half of a condition

RunKey = tuple[str, str]  # DAG id, run id


@dataclass(frozen=True)
class Task:
    """One task instance that has ended, or one try of it that is to be followed by another."""

    dag: str
    run: str
    task: str
    map_index: int
    label: str
    state: str
    tries: int
    seconds: float
    ended: str = ""

    @classmethod
    def of(cls, entry: Any) -> "Task":
        index = int(entry["map_index"])
        named = entry["rendered_map_index"] or index
        return cls(
            dag=entry["dag_id"],
            run=entry["dag_run_id"],
            task=entry["task_id"],
            map_index=index,
            label=entry["task_id"] if index < 0 else f"{entry['task_id']}[{named}]",
            state=entry["state"] or "",
            tries=int(entry["try_number"]),
            seconds=float(entry["duration"] or 0),
            ended=entry["end_date"] or "",
        )

    @property
    def good(self) -> bool:
        return self.state in GOOD


@dataclass(frozen=True)
class DagRun:
    """One run of a DAG. `asked` and `ended` are Airflow's own records, ISO; None where there is none yet."""

    dag: str
    id: str
    state: str
    asked: str | None
    ended: str | None

    @classmethod
    def of(cls, entry: Any) -> "DagRun":
        asked = entry["queued_at"] or entry["start_date"]
        return cls(entry["dag_id"], entry["dag_run_id"], str(entry["state"]), asked, entry["end_date"])

    @property
    def key(self) -> RunKey:
        return self.dag, self.id

    @property
    def active(self) -> bool:
        return self.state in _ACTIVE


Runs = dict[RunKey, DagRun]


@dataclass(frozen=True)
class Outcome:
    """What came of the trigger: how each task and each run ended, and the seconds from the first run to the last."""

    tasks: list[Task]
    runs: dict[RunKey, str]
    seconds: float

    @property
    def good(self) -> bool:
        """Every run ended in success, and every task in success or skipped."""
        states = self.runs.values()
        return bool(self.runs) and all(state == "success" for state in states) and all(t.good for t in self.tasks)


class Follower:
    """Sees every run of some DAGs that was not there before it was made."""

    def __init__(self, api: Api, dags: Sequence[str]) -> None:
        self._api = api
        self._dags = list(dags)
        self._before = {run.key for run in self._search(states=_ACTIVE)}
        self._old = {run.key for run in islice(self._search(order_by="-id"), _RUNS)} - self._before
        self._over: set[RunKey] = set()  # ended before their tasks were last read: nothing in them changes any more
        self._told: set[tuple[Any, ...]] = set()
        self._lone: tuple[int, float] = (0, 0.0)

    @property
    def before(self) -> set[RunKey]:
        """Runs that were active already; they are waited for, and not shown."""
        return self._before

    def news(self) -> tuple[Runs, list[Task]]:
        """The runs followed so far, and the tasks that have ended since the last call, in the order of their ends."""
        runs = {key: run for key, run in self._runs().items() if key not in self._before}
        return runs, [task for task in self._tasks(runs) if self._is_new(task)]

    def at_rest(self) -> bool:
        """Whether nothing is active and nothing waits to be.

        A run's events are stored before it ends, and an event becomes a run in one transaction. So if first no run is
        active, then no event waits, and then there is no run that the first look had not seen, nothing can come.
        """
        first = self._runs()
        if _any_active(first) or self._events_wait():
            return False
        again = self._runs()
        return again.keys() == first.keys() and not _any_active(again)

    def _runs(self) -> Runs:
        """The new runs and those that were active before: newest first, up to one that was over before the start."""
        found: Runs = {}
        for run in self._search(order_by="-id"):
            if run.key not in self._old:
                found[run.key] = run
            elif self._before <= found.keys():
                break
        return found

    def _search(self, **body: object) -> Iterator[DagRun]:
        return map(
            DagRun.of, self._api.found("/dags/~/dagRuns/list", "dag_runs", body | {"dag_ids": self._dags}, _RUNS)
        )

    def _tasks(self, runs: Runs) -> list[Task]:
        found = [task for dag, run in runs.keys() - self._over for task in self._instances(dag, run)]
        self._over |= {key for key, run in runs.items() if not run.active}
        ended = [task for task in found if task.state in (*_ENDED, "up_for_retry")]
        return sorted(ended, key=lambda task: (task.ended, task.task, task.map_index))

    def _instances(self, dag: str, run: str) -> Iterator[Task]:
        """One run's task instances, by GET: the search by POST is audited, and writing that record on the server's
        event loop can meet a task's heartbeat that holds SQLite's one write lock: both then wait for its time-out."""
        place = f"/dags/{dag}/dagRuns/{quote(run, safe='')}/taskInstances"
        return map(Task.of, self._api.listed(place, "task_instances"))

    def _is_new(self, task: Task) -> bool:
        key = (task.dag, task.run, task.task, task.map_index, task.tries, task.state)
        if key in self._told:
            return False
        self._told.add(key)
        return True

    def _events_wait(self) -> bool:
        """Whether an asset event is about to start a run; one that stays for long is half of a condition."""
        count = sum(self._queued_events(dag) for dag in self._dags)
        if count != self._lone[0]:
            self._lone = (count, time.monotonic())
        return count > 0 and time.monotonic() - self._lone[1] < _LONE_EVENT

    def _queued_events(self, dag: str) -> int:
        return int(self._api.get(f"/dags/{dag}/assets/queuedEvents")["total_entries"])


def follow(follower: Follower, *, check: Callable[[], None], tell: Callable[[Task], None], patience: float) -> Outcome:
    """Follow until everything is at rest. `check` is called at each look, `tell` once for each task that has ended.

    Raises:
        LaunchError: nothing happened for `patience` seconds; the message says what was still open.
    """
    tasks: dict[tuple[str, str, str, int], Task] = {}
    states: dict[RunKey, str] = {}
    runs: Runs = {}
    moved = spoken = time.monotonic()
    resting = False
    while True:
        check()
        runs, news = _unless_away(follower.news, (runs, list[Task]()))
        for task in news:
            tell(task)
            tasks[task.dag, task.run, task.task, task.map_index] = task
        if resting:
            return Outcome(list(tasks.values()), {key: run.state for key, run in runs.items()}, _span(runs))
        before, states = states, {key: run.state for key, run in runs.items()}
        if news or states != before:
            moved = spoken = time.monotonic()
        elif time.monotonic() - spoken > _SILENCE:
            say(_open(runs))
            spoken = time.monotonic()
        elif time.monotonic() - moved > patience:
            raise LaunchError(f"nothing has happened for {patience:.0f} s; {_open(runs)}")
        if runs and not _any_active(runs):
            resting = _unless_away(
                follower.at_rest, False
            )  # one more look then: what ended between the last one and the rest
        if not resting:
            time.sleep(_POLL)


T = TypeVar("T")


def _unless_away(ask: Callable[[], T], otherwise: T) -> T:
    """What Airflow answers; something else while its API server is away, which `check` starts again."""
    try:
        return ask()
    except ApiError as error:
        if not error.may_pass:
            raise
        return otherwise


def _any_active(runs: Runs) -> bool:
    return any(run.active for run in runs.values())


def _open(runs: Runs) -> str:
    left = [f"{run.dag} ({run.id}) is {run.state}" for run in runs.values() if run.active]
    return f"still open: {', '.join(left)}" if left else "earlier runs or asset events of these DAGs are still open"


def _span(runs: Runs) -> float:
    """Seconds from the moment at which the first run was asked for to the end of the last, by Airflow's own records."""
    asked = [datetime.fromisoformat(run.asked) for run in runs.values() if run.asked]
    ended = [datetime.fromisoformat(run.ended) for run in runs.values() if run.ended]
    return (max(ended) - min(asked)).total_seconds()
