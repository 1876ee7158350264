"""The command line `shotclock`: the flows without Airflow, what happened to a project, and the way to a new one.

Each command imports what it needs when it runs, so that asking for help takes no time.
"""

import gc
from pathlib import Path
from typing import Annotated

import typer

from shotclock.cli import doctor, flows, history, init, policies, prune, split_history, validate
from shotclock.cli.common import EXIT_CODES

_ENV = Path(__file__).parents[3] / ".env"

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    help="Keep a project's model fit: run its flows, read its history, go back. Airflow runs the same flows by itself.",
    epilog=f"Ends with {EXIT_CODES}.",
)


def _say_version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        typer.echo(f"shotclock {version('shotclock')}")
        raise typer.Exit


@app.callback()
def _read_settings(
    _: Annotated[
        bool,
        typer.Option("--version", callback=_say_version, is_eager=True, help="Say which version this is, and end."),
    ] = False,
) -> None:
    from dotenv import load_dotenv

    gc.set_threshold(50_000)  # not 700: what a command imports is no garbage, and looking for it a sixth of its time
    load_dotenv(_ENV)  # what stands in the environment already goes first


def _add(panel: str, commands: dict[str, object]) -> None:
    for name, command in commands.items():
        app.command(name, rich_help_panel=panel)(command)  # type: ignore[type-var]


_add("Begin", {"init": init.init, "validate": validate.validate, "doctor": doctor.doctor})
_add("Run a flow", {"train": flows.train, "score": flows.score, "check": flows.check, "retrain": flows.retrain})
_add("Look and steer", {"status": history.status, "history": history.history, "batches": history.batches})
_add("Look and steer", {"policies": policies.policies})
_add(
    "Look and steer", {"rollback": history.rollback, "split-history": split_history.split_history, "prune": prune.prune}
)
