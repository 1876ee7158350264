"""A task is over when its process is: for those that skip, fail or are to be tried again, Airflow may notice a second later."""

from contextlib import suppress
from typing import Any

PATIENCE = 0.5  # seconds; memory of some hundred megabytes is given back in a few hundredths


def reap_at_once() -> None:
    """Let a task's supervisor wait for the end of a process that has hung up.

    The supervisor sleeps until one of the task's sockets stirs, at most until the next heartbeat, and then asks whether the
    process has ended. The last socket closes a moment before the process is gone, so the answer is often no, and nothing is
    left that could wake it before the heartbeat: a slot is held, and a task that was skipped seems to run, for a second more.
    To be called in the process that tasks are forked from.
    """
    from airflow.sdk.execution_time.supervisor import WatchedSubprocess

    ask = WatchedSubprocess._check_subprocess_exit

    def wait_and_ask(self: Any, *arguments: Any, **options: Any) -> Any:
        if self._exit_code is None and not self._open_sockets:
            with suppress(self._process.TimeoutExpired):
                self._process.wait(timeout=PATIENCE)
        return ask(self, *arguments, **options)

    WatchedSubprocess._check_subprocess_exit = wait_and_ask
