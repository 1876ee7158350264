"""How a task's log is shown."""

import json

from shotclock_launcher.following import task_log
from shotclock_launcher.following.follow import Task
from shotclock_launcher.layout import Layout


def failed(map_index: int = -1) -> Task:
    return Task("toy.training", "manual__1", "split", map_index, "split", "failed", 2, 1.0)


def test_a_failed_tasks_log_ends_with_its_error_and_its_address(layout: Layout) -> None:
    log = task_log.path(layout, failed(map_index=3))
    assert log.relative_to(layout.task_logs).as_posix() == (
        "dag_id=toy.training/run_id=manual__1/task_id=split/map_index=3/attempt=2.log"
    )
    log.parent.mkdir(parents=True)
    error = {"exc_type": "ContractError", "exc_value": "dev.parquet: column 'lat'\nis missing", "frames": []}
    entries = [{"level": "info", "event": f"line {i}"} for i in range(99)]
    entries.append({"level": "error", "event": "Task failed", "error_detail": [error]})
    log.write_text("\n".join([*(json.dumps(entry) for entry in entries), "not JSON"]))
    lines = task_log.tail(layout, failed(map_index=3), lines=5).splitlines()
    assert lines == [
        "[info] line 98",
        "[error] Task failed",
        "ContractError: dev.parquet: column 'lat'",
        "is missing",
        "not JSON",
        f"all of it: {log}",
    ]


def test_a_task_without_a_log_says_where_it_was_looked_for(layout: Layout) -> None:
    assert str(task_log.path(layout, failed())) in task_log.tail(layout, failed())
