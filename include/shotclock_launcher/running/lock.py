"""One stack a checkout: a lock that the operating system takes back when its holder dies, however that happens."""

from __future__ import annotations  # `make clean` may have an older Python

import fcntl
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from shotclock_launcher.errors import LaunchError


@contextmanager
def only_one(path: Path, stack: str) -> Iterator[str | None]:
    """Hold the lock and note the stack's id in it. Yields the id of the stack that held it before, if there was one.

    Raises:
        LaunchError: another launcher holds it; the message says which.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+", encoding="utf-8") as file:
        _take(file, path)
        before = _content(file).get("stack")
        file.seek(0)
        file.truncate()
        json.dump({"pid": os.getpid(), "stack": stack}, file)
        file.flush()
        yield str(before) if before else None


def check_stopped(path: Path) -> None:
    """Make sure that no launcher holds the lock.

    Raises:
        LaunchError: one does; the message says which.
    """
    if path.exists():
        with path.open("a+", encoding="utf-8") as file:
            _take(file, path)


@dataclass(frozen=True)
class Holder:
    """Who holds the lock, or held it last: the launcher's process and its stack's id, where they are known."""

    running: bool
    pid: object
    stack: str | None


def holder(path: Path) -> Holder:
    """Who holds the lock. Nothing is changed, and a lock that is free stays so."""
    if not path.exists():
        return Holder(False, None, None)
    with path.open("r", encoding="utf-8") as file:
        content = _content(file)
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            running = True
        else:
            running = False
    stack = content.get("stack")
    return Holder(running, content.get("pid"), str(stack) if stack else None)


def _take(file: IO[str], path: Path) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        pid = _content(file).get("pid", "unknown")
        raise LaunchError(
            f"{path}: Shotclock is already running in this folder (pid {pid}); stop it with Ctrl-C or `kill {pid}`"
        ) from None


def _content(file: IO[str]) -> dict[str, object]:
    file.seek(0)
    try:
        content = json.load(file)
    except json.JSONDecodeError:
        return {}
    return content if isinstance(content, dict) else {}


if __name__ == "__main__":  # for `make clean`, which may have no environment: the standard library is enough
    try:
        check_stopped(Path(sys.argv[1]))
    except LaunchError as error:
        sys.exit(str(error))
