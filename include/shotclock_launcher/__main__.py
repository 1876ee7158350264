"""The command line: `python -m shotclock_launcher up|serve|demo|demo-history|data|screenshots`."""

import argparse
import os
import sys
from pathlib import Path

from dotenv import load_dotenv

from shotclock.config import projects
from shotclock.errors import ShotclockError
from shotclock.sources import find
from shotclock_launcher.console import say, show
from shotclock_launcher.demo import PATIENCE, demo
from shotclock_launcher.demo_history import demo_history
from shotclock_launcher.layout import CHECKOUT, LOOPBACK, Layout
from shotclock_launcher.serve import serve
from shotclock_launcher.signals import Stopped, stop_on_signals
from shotclock_launcher.up import up

_INTERRUPTED = 130  # what a shell reports after Ctrl-C


def main() -> int:
    load_dotenv(CHECKOUT / ".env")  # what stands in the environment already goes first
    arguments = _arguments()
    try:
        with stop_on_signals():
            return _run(arguments)
    except Stopped as stopped:
        say(f"stopped ({stopped})")
        return 0 if arguments.command == "up" else _INTERRUPTED
    except ShotclockError as error:
        show(f"\n{error}")
        return 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="shotclock_launcher", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("data", help="get every project's raw files")
    up_ = commands.add_parser("up", help="Airflow and MLflow with their web pages, and the endpoint, until Ctrl-C")
    serve_ = commands.add_parser("serve", help="the endpoint alone, until Ctrl-C")
    serve_.add_argument("--project", help="the one that /invocations is about; the first one if left out")
    serve_.add_argument("--host", default=LOOPBACK, help="the address to listen on (%(default)s)")
    demo_ = commands.add_parser("demo", help="the whole chain of one project, once")
    history_ = commands.add_parser("demo-history", help="the production rows batch by batch, a line for each")
    history_.add_argument("--batches", type=int, metavar="N", help="only the first N batches")
    screenshots_ = commands.add_parser("screenshots", help="pictures of the running system for docs/images")
    screenshots_.add_argument("--project", help="its name; the first one if left out")
    for command in (demo_, history_):
        command.add_argument("--project", help="its name; the first one if left out")
        command.add_argument(
            "--patience",
            type=float,
            default=float(os.environ.get("SHOTCLOCK_PATIENCE") or PATIENCE),
            help="seconds without progress before it gives up (%(default).0f)",
        )
    for command in (up_, demo_):
        command.add_argument("--dags", type=Path, help="the DAG folder, if not the checkout's")
    return parser.parse_args()


def _run(arguments: argparse.Namespace) -> int:
    if arguments.command == "data":
        return find.main([])
    if arguments.command == "demo-history":
        project = arguments.project or projects()[0].name
        return 0 if demo_history(project, arguments.batches, arguments.patience) else 1
    if arguments.command == "screenshots":
        from shotclock_launcher.screenshots import screenshots

        screenshots(Layout.of(), arguments.project or projects()[0].name)
        return 0
    if arguments.command == "serve":
        serve(Layout.of(), arguments.project or projects()[0].name, arguments.host)
    layout = Layout.of(dags=arguments.dags)
    if arguments.command == "up":
        up(layout)
        return 0
    return 0 if demo(layout, arguments.project or projects()[0].name, arguments.patience) else 1


if __name__ == "__main__":
    sys.exit(main())
