"""The command line: `python -m shotclock_launcher up|serve|notebook|demo|demo-history|data|screenshots`."""

# Each command imports what it needs when it runs, so that asking for help takes no time.

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from dotenv import load_dotenv

from shotclock.config import projects, settings
from shotclock.errors import ShotclockError
from shotclock_launcher.console import say, show
from shotclock_launcher.errors import LaunchError
from shotclock_launcher.layout import CHECKOUT, LOOPBACK, PATIENCE, Layout
from shotclock_launcher.running.signals import Stopped, stop_on_signals

_INTERRUPTED = 130  # what a shell reports after Ctrl-C

Project = Annotated[str | None, typer.Option(metavar="NAME", help="its name; the first one if left out")]
Served = Annotated[str | None, typer.Option(help="the one that /invocations is about; the first one if left out")]
Host = Annotated[str, typer.Option(help="the address to listen on")]
Batches = Annotated[
    int | None, typer.Option(min=1, metavar="N", help="the first N batches, or the rows in N parts if there are fewer")
]
By = Annotated[str | None, typer.Option(metavar="PERIOD", help="day, week, month, quarter, year, or the project's own")]
Dags = Annotated[Path | None, typer.Option(metavar="FOLDER", help="the DAG folder, if not the checkout's")]
Patience = Annotated[
    float, typer.Option(envvar="SHOTCLOCK_PATIENCE", help="seconds without progress before it gives up")
]

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, help=__doc__)


@contextmanager
def _at_work(interrupted: int = _INTERRUPTED) -> Iterator[None]:
    """How a command ends that does not end by itself: stopped by a signal, or by an error that is raised on purpose."""
    try:
        with stop_on_signals():
            yield
    except Stopped as stopped:
        say(f"stopped ({stopped})")
        raise typer.Exit(interrupted) from None
    except ShotclockError as error:
        show(f"\n{error}")
        raise typer.Exit(1) from error


@app.command()
@_at_work()
def data() -> None:
    """get every project's raw files"""
    from shotclock.sources.fetch import fetch

    _end(fetch())


@app.command()
@_at_work(interrupted=0)
def up(dags: Dags = None) -> None:
    """Airflow and MLflow with their web pages, and the endpoint, until Ctrl-C"""
    from shotclock_launcher.commands.up import up

    up(Layout.of(dags=dags))


@app.command()
@_at_work()
def serve(project: Served = None, host: Host = LOOPBACK) -> None:
    """the endpoint alone, until Ctrl-C"""
    from shotclock_launcher.commands.serve import serve

    serve(Layout.of(), project or _first(), host)


@app.command()
@_at_work()
def notebook() -> None:
    """JupyterLab on the example notebook, until Ctrl-C"""
    from shotclock_launcher.commands.notebook import notebook

    notebook(Layout.of())


@app.command()
@_at_work()
def demo(project: Project = None, patience: Patience = PATIENCE, dags: Dags = None) -> None:
    """the whole chain of one project, once"""
    from shotclock_launcher.commands.demo import demo

    _end(demo(Layout.of(dags=dags), project or _first(), patience))


@app.command()
@_at_work()
def demo_history(
    batches: Batches = None, project: Project = None, patience: Patience = PATIENCE, by: By = None
) -> None:
    """the production rows batch by batch, a line for each"""
    from shotclock_launcher.commands.demo_history import demo_history

    _end(demo_history(project or _first(), batches, patience, by))


@app.command()
@_at_work()
def screenshots(project: Project = None) -> None:
    """pictures of the running system for docs/images"""
    from shotclock_launcher.commands.screenshots import screenshots

    screenshots(Layout.of(), project or _first())


def _first() -> str:
    names = [one.name for one in projects()]
    if not names:
        raise LaunchError(f"{settings().projects}: found no project file, expected *.yaml; make one: shotclock init")
    return names[0]


def _end(good: bool) -> None:
    raise typer.Exit(0 if good else 1)


if __name__ == "__main__":
    load_dotenv(CHECKOUT / ".env")  # what stands in the environment already goes first
    app(prog_name="shotclock_launcher")
