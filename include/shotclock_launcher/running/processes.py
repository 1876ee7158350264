"""The processes of one stack. They all carry its id in their environment, forked ones included: that is how they are
found, also by a launcher that did not start them. A process without the id is never touched."""

import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import psutil

MARKER = "SHOTCLOCK_STACK"
SERVICE = "SHOTCLOCK_SERVICE"  # beside it, the service that a process belongs to
PATIENCE = 5.0  # seconds between SIGTERM and SIGKILL
_SURE = 10.0  # seconds to see the last one go after SIGKILL


def spawn(command: Sequence[str], env: Mapping[str, str], log: Path, stack: str, cwd: Path) -> subprocess.Popen[bytes]:
    """Start a process of the stack in a session of its own, so that a Ctrl-C reaches the launcher alone."""
    with log.open("ab") as file:
        return subprocess.Popen(
            command,
            env={**env, MARKER: stack},
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            cwd=cwd,
            start_new_session=True,
        )


def members(stack: str, service: str | None = None) -> list[psutil.Process]:
    """Every living process that carries the stack's id (and is one of that service), except the one that asks."""
    marks = {MARKER: stack} | ({SERVICE: service} if service else {})
    return [process for process in psutil.process_iter() if process.pid != os.getpid() and _carries(process, marks)]


def end(stack: str, patience: float = PATIENCE) -> int:
    """Ask every process of the stack to end, then make it. Returns how many there were at first."""
    found = members(stack)
    for process in found:
        _tell(process, kill=False)
    if not _gone(stack, patience, kill=False):
        _gone(stack, _SURE, kill=True)
    return len(found)


def kill(stack: str, service: str) -> None:
    """End what is left of one service, at once: a task among it shall report nothing, and be taken for what it is, cut off."""
    _gone(stack, _SURE, kill=True, service=service)


def _gone(stack: str, seconds: float, *, kill: bool, service: str | None = None) -> bool:
    """Watch until no process of the stack is left; those that fork meanwhile are met in the next round."""
    until = time.monotonic() + seconds
    while left := members(stack, service):
        if time.monotonic() > until:
            return False
        if kill:
            for process in left:
                _tell(process, kill=True)
        time.sleep(0.05)
    return True


def _tell(process: psutil.Process, *, kill: bool) -> None:
    with suppress(psutil.NoSuchProcess):  # it went by itself
        process.kill() if kill else process.terminate()


def _carries(process: psutil.Process, marks: Mapping[str, str]) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE and marks.items() <= process.environ().items()
    except (psutil.AccessDenied, psutil.NoSuchProcess, OSError):
        return False  # another user's, or gone
