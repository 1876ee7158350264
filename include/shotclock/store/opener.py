"""Which process opened an MLflow run: where it is still at work, nobody takes for dead what it has left open."""

import os
import socket

import psutil

from shotclock.store.server.client import TAG

OPENED_BY = f"{TAG}opened_by"
"""The tag that names the process: host, process id, and when it started (seconds since 1970)."""


def this_process() -> str:
    """What the tag says of runs that this process opens."""
    return _name(psutil.Process())


def is_at_work(opened_by: str) -> bool:
    """Whether the process is another one of this host that is still alive.

    Of another host nothing is known. Of what this very process left open nothing is at work: it runs one flow after another.
    """
    host, _, pid = opened_by.partition(" ")
    number = pid.split(" ")[0]
    if host != socket.gethostname() or not number.isdigit() or int(number) == os.getpid():
        return False
    try:
        return _name(psutil.Process(int(number))) == opened_by  # the id may be another process's by now
    except psutil.Error:
        return False


def _name(process: psutil.Process) -> str:
    return f"{socket.gethostname()} {process.pid} {process.create_time():.2f}"
