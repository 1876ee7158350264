"""What a task wrote: Airflow keeps it as one JSON object a line."""

import json
from pathlib import Path
from typing import Any

from shotclock_launcher.following.follow import Task
from shotclock_launcher.layout import Layout

LINES = 25


def path(layout: Layout, task: Task) -> Path:
    """Where Airflow wrote the log of this try."""
    folder = layout.task_logs / f"dag_id={task.dag}" / f"run_id={task.run}" / f"task_id={task.task}"
    if task.map_index >= 0:
        folder /= f"map_index={task.map_index}"
    return folder / f"attempt={task.tries}.log"


def tail(layout: Layout, task: Task, lines: int = LINES) -> str:
    """The last lines of a task's log as text, and where all of it is."""
    log = path(layout, task)
    if not log.is_file():
        return f"it left no log at {log}"
    text = [line for raw in log.read_text("utf-8", errors="replace").splitlines() for line in _plain(raw)]
    return "\n".join([*text[-lines:], f"all of it: {log}"])


def _plain(raw: str) -> list[str]:
    try:
        entry = json.loads(raw)
    except json.JSONDecodeError:
        return [raw]
    if not isinstance(entry, dict):
        return [raw]
    message = f"[{entry.get('level', 'info')}] {entry.get('event', '')}"
    return [*message.splitlines(), *(line for detail in entry.get("error_detail") or [] for line in _error(detail))]


def _error(detail: Any) -> list[str]:
    """An exception as Python would print it."""
    frames = detail.get("frames") or []
    where = [f"  {frame.get('filename')}:{frame.get('lineno')} in {frame.get('name')}" for frame in frames]
    return [*where, *f"{detail.get('exc_type')}: {detail.get('exc_value')}".splitlines()]
