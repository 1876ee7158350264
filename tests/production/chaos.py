"""`make test-chaos`: 24 kills over all stages of the loop, three in each of eight loops; both workers with a task in their
hands that they have not begun; a message that is lost; and MLflow and the object store that stand still or are away in the
midst. It takes too long for `make test`.

One round alone: `pytest tests/production/chaos.py -k round_3`.
"""

import time
from itertools import product
from typing import Any

import pytest
from loop import Loop, Outcome, kill

STORES = {"mlflow-1": True, "s3-1": False}
"""Whether it comes back with what it held: here the object store's is in memory."""
STAGES = (
    [("training", task) for task in ("ingest", "split", "train", "promote")],
    [("inference", "score"), ("inference", "publish")]
    + [("monitoring", task) for task in ("drift_check", "performance_check", "drift_sensor")],
    [("retraining", task) for task in ("decide", "train", "promote")],
)
SERVICES = ("worker", "scheduler", "postgres", "redis")
WORKERS = ("worker-1", "worker-2")
ROUNDS = tuple(f"round_{number}" for number in range(8))


def kills(number: int) -> list[tuple[str, str, str, str]]:
    """Flow, task, service and moment: one kill in each part of the loop, at work in the first rounds, queued in the others.

    Over all rounds each stage and, at each moment, each service has its turn.
    """
    when = "running" if number < 4 else "queued"
    return [(*part[number % len(part)], SERVICES[(number + place) % 4], when) for place, part in enumerate(STAGES)]


def test_a_task_that_the_workers_took_and_never_began_begins_when_they_are_back(
    stack: Loop, undisturbed: Outcome
) -> None:
    stack.parsed("shaken")
    stack.wait("no message in a worker's hands", lambda: stack.redis("HLEN", "unacked") == 0)
    follower = stack.follower("shaken")
    for name in WORKERS:
        for process in stack.engine.containers[name].init.children(recursive=True):
            process.suspend()  # the worker takes a message and hands it to a process that does nothing with it
    stack.trigger("shaken.training")
    stack.wait("a message in a worker's hands", lambda: stack.redis("HLEN", "unacked") > 0)
    assert ingest(stack, "shaken")["state"] == "queued"
    for name in WORKERS:
        stack.engine.kill(name)
    stack.rest(follower)
    assert stack.outcome("shaken") == undisturbed
    assert ingest(stack, "shaken")["try_number"] == 1
    assert stack.requeued("shaken.training") == [], "the same message came again"


def test_a_message_that_is_lost_is_sent_anew(stack: Loop, undisturbed: Outcome) -> None:
    stack.parsed("raced")
    follower = stack.follower("raced")
    for name in WORKERS:
        stack.engine.kill(name, down=20.0)
    stack.trigger("raced.training")
    stack.wait("a message that nobody can take", lambda: stack.redis("DEL", "default") > 0)
    stack.rest(follower)
    assert (ingest(stack, "raced")["try_number"], len(stack.requeued("raced.training"))) == (1, 1)


def ingest(stack: Loop, project: str) -> dict[str, Any]:
    return next(ti for ti in stack.tasks(f"{project}.training") if ti["task_id"] == "ingest")


@pytest.mark.parametrize("name", ROUNDS)
def test_the_loop_ends_as_one_that_was_left_in_peace(stack: Loop, undisturbed: Outcome, name: str) -> None:
    stack.parsed(name)
    follower = stack.follower(name)
    stack.trigger(f"{name}.training")
    for flow, task, service, when in kills(ROUNDS.index(name)):
        state = kill(stack, f"{name}.{flow}", task, service, when)
        print(f"{name}: killed {service} while {flow}.{task} was {state}")  # noqa: T201  # what -s is for
    stack.rest(follower)
    assert stack.outcome(name) == undisturbed


@pytest.mark.parametrize("store", STORES)
def test_a_store_that_stands_still_and_one_that_is_away_only_take_time(
    stack: Loop, undisturbed: Outcome, store: str
) -> None:
    """Twenty seconds each, while models are trained, promoted, scored with and judged."""
    name = f"without_{store.partition('-')[0]}"
    stack.parsed(name)
    follower = stack.follower(name)
    stack.trigger(f"{name}.training")
    for flow, task, away in (
        ("training", "train", False),
        ("training", "promote", True),
        ("inference", "score", False),
        ("monitoring", "performance_check", True),
        ("retraining", "train", False),
        ("retraining", "promote", True),
    ):
        stack.caught(f"{name}.{flow}", task, "running")
        if away and STORES[store]:
            stack.engine.kill(store, down=20.0)
        else:
            with stack.engine.paused(store):
                time.sleep(20)
    stack.rest(follower)
    assert stack.outcome(name) == undisturbed


def test_every_stage_and_every_service_has_its_turn() -> None:
    planned = [kill for number in range(len(ROUNDS)) for kill in kills(number)]
    assert len(planned) >= 20
    assert {(flow, task) for flow, task, *_ in planned} == {stage for part in STAGES for stage in part}
    assert {(service, when) for *_, service, when in planned} == set(product(SERVICES, ("queued", "running")))
