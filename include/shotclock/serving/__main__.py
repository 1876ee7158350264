"""`python -m shotclock.serving`: the endpoint as a process. It ends on SIGTERM, once it has answered what has come."""

import argparse
import logging

import uvicorn

from shotclock.config import project, project_names
from shotclock.errors import ConfigError
from shotclock.serving.app import make
from shotclock.serving.service import Service


def main() -> None:
    parser = argparse.ArgumentParser(prog="shotclock.serving", description=__doc__)
    parser.add_argument("--project", help="the one that /invocations is about; the first one if left out")
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on (%(default)s)")
    parser.add_argument("--port", type=int, default=5001, help="(%(default)s)")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    with Service(_default(arguments.project)) as service:
        uvicorn.run(make(service), host=arguments.host, port=arguments.port, access_log=False, log_level="warning")


def _default(name: str | None) -> str:
    """The named project, or the first one.

    Raises:
        ConfigError: there is no such project.
    """
    names = project_names()
    if not names:
        raise ConfigError("there is no project file yet; docs/project-file.md says what is in one")
    return project(name).name if name else names[0]


if __name__ == "__main__":
    main()
