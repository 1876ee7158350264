"""`serve`: the endpoint alone, in place of this process."""

import os
import sys
from typing import NoReturn

from shotclock.config import project
from shotclock_launcher.console import say
from shotclock_launcher.layout import Layout
from shotclock_launcher.running import ports


def serve(layout: Layout, name: str, host: str) -> NoReturn:
    """Become the endpoint, so that signals and the exit code are its own. `name`: the project of `/invocations`.

    Raises:
        LaunchError: the port is in use.
        ConfigError: there is no such project.
    """
    project(name)
    ports.check_free("endpoint", layout.serving_port, "SHOTCLOCK_SERVING_PORT")
    say(f"the endpoint of {name}: http://{host}:{layout.serving_port}, until Ctrl-C")
    command = [sys.executable, "-m", "shotclock.serving", "--project", name, "--host", host]
    os.execv(sys.executable, [*command, "--port", str(layout.serving_port)])
