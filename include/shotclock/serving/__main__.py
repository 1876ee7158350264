"""`python -m shotclock.serving`: the endpoint as a process. It ends on SIGTERM, once it has answered what has come."""

import argparse
import logging

import uvicorn

from shotclock.config import project
from shotclock.serving.app import make
from shotclock.serving.service import Service


def main() -> None:
    parser = argparse.ArgumentParser(prog="shotclock.serving", description=__doc__)
    parser.add_argument("--project", help="the one that /invocations is about; the first one if left out")
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on (%(default)s)")
    parser.add_argument("--port", type=int, default=5001, help="(%(default)s)")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    default = project(arguments.project).name if arguments.project else None
    with Service(default) as service:
        uvicorn.run(make(service), host=arguments.host, port=arguments.port, access_log=False, log_level="warning")


if __name__ == "__main__":
    main()
