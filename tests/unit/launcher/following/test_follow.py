"""Following runs: what is told, when it is at rest, when it gives up. Airflow is a small fake."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from shotclock_launcher.errors import LaunchError
from shotclock_launcher.following import follow as module
from shotclock_launcher.following.api import ApiError
from shotclock_launcher.following.follow import Follower, Outcome, Task, follow

TRAINING, AFTER = "toy.training", "toy.after"
AT = "2026-01-01T00:00:{:06.3f}+00:00"


class FakeApi:
    """Runs, task instances and queued events, newest run first; `on_look` changes them between two requests."""

    def __init__(self) -> None:
        self.runs: list[dict[str, Any]] = []
        self.tasks: list[dict[str, Any]] = []
        self.events: dict[str, int] = {}
        self.on_look: Callable[[str], None] = lambda _: None

    def run(self, dag: str, run: str, state: str, *, queued: float = 0, ended: float | None = None) -> dict[str, Any]:
        entry = {"dag_id": dag, "dag_run_id": run, "state": state, "start_date": None}
        entry |= {"queued_at": AT.format(queued), "end_date": None if ended is None else AT.format(ended)}
        self.runs.insert(0, entry)
        return entry

    def task(self, dag: str, run: str, task: str, state: str | None, **more: Any) -> dict[str, Any]:
        entry = {"dag_id": dag, "dag_run_id": run, "task_id": task, "state": state, "map_index": -1, "try_number": 1}
        entry |= {"rendered_map_index": None, "duration": 1.5, "end_date": AT.format(len(self.tasks))} | more
        self.tasks.append(entry)
        return entry

    def found(self, path: str, key: str, body: dict[str, Any], size: int = 100) -> Iterator[dict[str, Any]]:
        self.on_look(key)
        mine = [entry for entry in self.runs if entry["dag_id"] in body["dag_ids"]]
        yield from [dict(entry) for entry in mine if "states" not in body or entry["state"] in body["states"]]

    def listed(self, path: str, key: str, **query: object) -> Iterator[dict[str, Any]]:
        self.on_look(key)
        _, _, dag, _, run, _ = path.split("/")
        yield from [dict(task) for task in self.tasks if (task["dag_id"], task["dag_run_id"]) == (dag, run)]

    def get(self, path: str, **query: object) -> dict[str, Any]:
        self.on_look("events")
        return {"total_entries": self.events.get(path.split("/")[2], 0)}


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> FakeApi:
    monkeypatch.setattr(module, "_POLL", 0)
    return FakeApi()


def follower_of(api: FakeApi) -> Follower:
    return Follower(api, [TRAINING, AFTER])  # type: ignore[arg-type]


def followed(api: FakeApi, follower: Follower, patience: float = 5) -> tuple[Outcome, list[Task]]:
    told: list[Task] = []
    return follow(follower, check=lambda: None, tell=told.append, patience=patience), told


def test_each_ended_task_is_told_once_in_the_order_of_its_end(api: FakeApi) -> None:
    follower = follower_of(api)
    api.run(TRAINING, "r1", "success", queued=1, ended=9.5)
    for name in ("ingest", "validate", "filter"):
        api.task(TRAINING, "r1", name, "success")
    outcome, told = followed(api, follower)
    assert [task.task for task in told] == ["ingest", "validate", "filter"]
    assert outcome.good
    assert outcome.seconds == 8.5


def test_runs_that_were_over_before_the_trigger_are_not_followed(api: FakeApi) -> None:
    api.run(TRAINING, "old", "failed", ended=1)
    api.task(TRAINING, "old", "ingest", "failed")
    follower = follower_of(api)
    api.run(TRAINING, "new", "success", ended=2)
    outcome, told = followed(api, follower)
    assert list(outcome.runs) == [(TRAINING, "new")]
    assert told == []


def test_a_run_that_was_active_before_is_waited_for_but_not_shown(api: FakeApi) -> None:
    old = api.run(AFTER, "old", "running")
    follower = follower_of(api)
    assert follower.before == {(AFTER, "old")}
    api.run(TRAINING, "new", "success", ended=2)
    assert not follower.at_rest()
    old["state"] = "failed"
    assert follower.at_rest()
    assert list(followed(api, follower)[0].runs) == [(TRAINING, "new")]


@pytest.mark.parametrize("state", ["success", "skipped", "failed", "upstream_failed", "removed"])
def test_only_success_and_skipped_are_good(api: FakeApi, state: str) -> None:
    follower = follower_of(api)
    api.run(TRAINING, "r", "success", ended=1)
    api.task(TRAINING, "r", "sensor", state)
    assert followed(api, follower)[0].good == (state in ("success", "skipped"))


def test_a_failed_run_is_not_good_even_if_no_task_failed(api: FakeApi) -> None:
    follower = follower_of(api)
    api.run(TRAINING, "r", "failed", ended=1)
    assert not followed(api, follower)[0].good


def test_a_try_that_is_repeated_is_told_and_only_the_last_one_counts(api: FakeApi) -> None:
    follower = follower_of(api)
    run = api.run(TRAINING, "r", "running")
    task = api.task(TRAINING, "r", "train", "up_for_retry", map_index=1, rendered_map_index="logistic_regression")

    def second_try(what: str) -> None:
        if what == "dag_runs" and looks.pop():
            task.update(state="success", try_number=2)
            run.update(state="success", end_date=AT.format(5))

    looks = [False] * 9 + [True, False]
    api.on_look = second_try
    outcome, told = followed(api, follower)
    assert [(t.label, t.state, t.tries) for t in told] == [
        ("train[logistic_regression]", "up_for_retry", 1),
        ("train[logistic_regression]", "success", 2),
    ]
    assert outcome.good
    assert len(outcome.tasks) == 1


def test_an_event_that_waits_for_its_run_is_not_rest(api: FakeApi) -> None:
    follower = follower_of(api)
    api.run(TRAINING, "r", "success", ended=1)
    api.events[AFTER] = 1
    assert not follower.at_rest()
    api.events[AFTER] = 0
    assert follower.at_rest()


def test_a_run_that_comes_and_goes_between_two_looks_is_not_missed(api: FakeApi) -> None:
    follower = follower_of(api)
    api.run(TRAINING, "r1", "success", ended=1)

    def a_whole_run_happens(what: str) -> None:
        if what == "events" and len(api.runs) == 1:
            api.run(AFTER, "r2", "success", ended=2)
            api.task(AFTER, "r2", "score", "success")

    api.on_look = a_whole_run_happens
    assert not follower.at_rest()
    outcome, told = followed(api, follower)
    assert set(outcome.runs) == {(TRAINING, "r1"), (AFTER, "r2")}
    assert [task.task for task in told] == ["score"]


def test_an_event_that_stays_alone_does_not_hold_up_the_end(api: FakeApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_LONE_EVENT", 0.0)
    follower = follower_of(api)
    api.run(TRAINING, "r", "success", ended=1)
    api.events[AFTER] = 1
    assert followed(api, follower)[0].good


def test_standstill_ends_with_what_is_still_open(api: FakeApi) -> None:
    follower = follower_of(api)
    api.run(TRAINING, "r1", "running")
    with pytest.raises(LaunchError, match=r"nothing has happened for 0 s; still open: toy.training \(r1\) is running"):
        followed(api, follower, patience=0)


def test_a_dead_service_ends_the_following(api: FakeApi) -> None:
    def dead() -> None:
        raise LaunchError("scheduler ended by itself, exit status 1")

    follower = follower_of(api)
    api.run(TRAINING, "r1", "running")
    with pytest.raises(LaunchError, match="scheduler ended by itself"):
        follow(follower, check=dead, tell=lambda _: None, patience=5)


@pytest.mark.parametrize("status", [None, 500, 503])
def test_while_airflow_is_away_nothing_is_told_and_then_it_goes_on(api: FakeApi, status: int | None) -> None:
    follower, answers = follower_of(api), [True, False, False, True, False, True, True]

    def away(_: str) -> None:
        if answers and not answers.pop():
            raise ApiError("no answer", status)

    api.run(TRAINING, "r", "success", ended=1)
    api.task(TRAINING, "r", "train", "success")
    api.on_look = away
    outcome, told = followed(api, follower)
    assert outcome.good
    assert [task.task for task in told] == ["train"]
    assert answers == []


def test_what_airflow_refuses_ends_the_following_at_once(api: FakeApi) -> None:
    def refuse(_: str) -> None:
        raise ApiError("no", 403)

    follower = follower_of(api)
    api.on_look = refuse
    with pytest.raises(ApiError):
        followed(api, follower)
