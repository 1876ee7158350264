"""Ends a stack when its launcher goes away, for whatever reason: a pipe closes when its only writer dies."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from shotclock_launcher.running import processes


class Guardian:
    """The launcher's side: the process, and the write end of the pipe that nobody else may hold."""

    def __init__(self, stack: str, log: Path) -> None:
        read, self._write = os.pipe()  # not inheritable: services never get the write end
        with log.open("ab") as file:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "shotclock_launcher.running.guardian", stack],
                stdin=read,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        os.close(read)

    def release(self) -> None:
        """Let it see that the launcher is done, and wait until it has looked after what is left."""
        os.close(self._write)
        self.process.wait()


def main(stack: str) -> None:
    """Wait for the end of the launcher, then end everything that carries the stack's id."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    sys.stdin.buffer.read()
    processes.end(stack)


if __name__ == "__main__":
    main(sys.argv[1])
