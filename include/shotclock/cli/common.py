"""What the commands share: their arguments, what they print, and how they end."""

import json
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from shotclock.errors import ShotclockError

if TYPE_CHECKING:
    from rich.console import Console

    from shotclock.files.storage import Address

_RAISED_TOO = ("mlflow.store.db.utils", "sqlalchemy.pool")  # what these log, with a traceback, is raised as well
_LONGEST_REASON = 2000  # characters, as of a trigger
BROKEN = 1
REFUSED = 3
ALERT = 4
EXIT_CODES = (
    "0: done, also when a champion is kept; 1: failed, or the doctor found something broken; 2: not understood; "
    "3: refused, with the reason; 4: `check --fail-on-alert` found an alert; 130: stopped by Ctrl-C"
)


def project_names(begun: str = "") -> list[str]:
    """The names of the project files, also of those that are wrong."""
    from shotclock.config import settings

    return sorted(path.stem for path in settings().projects.glob(f"{begun}*.yaml"))


def _known(context: typer.Context, name: str) -> str:
    try:
        if context.resilient_parsing or name in project_names():
            return name
        from shotclock.config import unknown_project

        raise typer.BadParameter(unknown_project(name))
    except ShotclockError as error:  # a setting that is wrong
        raise typer.BadParameter(str(error)) from error


def _known_or_all(context: typer.Context, name: str) -> str:
    return _known(context, name) if name else name


def _short(reason: str) -> str:
    if len(reason) > _LONGEST_REASON:
        raise typer.BadParameter(f"--reason: found {len(reason):,} characters, expected at most {_LONGEST_REASON:,}")
    return reason


# Every command takes its project so that a missing name can be answered with the names that there are
Project = Annotated[
    str,
    typer.Argument(
        metavar="PROJECT",
        help="the project's name: its file is <name>.yaml",
        callback=_known,
        autocompletion=project_names,
        show_default=False,
    ),
]
ProjectOrAll = Annotated[
    str,
    typer.Argument(
        metavar="[PROJECT]",
        help="the project's name; all of them if left out",
        callback=_known_or_all,
        autocompletion=project_names,
        show_default=False,
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="one JSON document on standard output, and nothing else there")]
DataFile = Annotated[str | None, typer.Option("--file", metavar="NAME", help="under data/raw, or absolute")]
Reason = Annotated[
    str, typer.Option("--reason", callback=_short, help="a sentence: it is written down with the decision")
]


@contextmanager
def at_work(as_json: bool) -> Iterator[None]:
    """An error raised on purpose is one message on standard error, no traceback, and an exit code of its own; so is a disk or a
    store that fails. With `--json` it is the document on standard output, too.
    """
    os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(message)s")
    for name in _RAISED_TOO:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    try:
        yield
    except ShotclockError as error:
        raise _refused(str(error), error, as_json) from error
    except typer.Exit:
        raise
    except Exception as error:
        from shotclock.cli.failures import explained

        told = explained(error)
        if told is None:
            raise
        raise _refused(told, error, as_json) from error


def _refused(told: str, error: Exception, as_json: bool) -> typer.Exit:
    say("error:", told, "bold red", err=True)
    if as_json:
        tell({"error": told, "kind": type(error).__name__}, "", as_json)
    return typer.Exit(REFUSED)


@contextmanager
def at_work_on(project: str, as_json: bool, *, needs_store: bool = True) -> Iterator[None]:
    """As `at_work`, with a project whose file is in order, and the store made where it is not there yet."""
    from shotclock import config

    with at_work(as_json):
        config.project(project)
        if needs_store:
            from shotclock.store.server import database

            database.prepare_store()
        yield


def named(file: str | None) -> "Address | None":
    """The address that `--file` says. Who has the command line reads with the owner's rights anyway: any is taken.

    Raises:
        typer.BadParameter: it says nothing, as an empty variable of a shell does; that would be the whole of data/raw.
    """
    if file is not None and not file.strip():
        raise typer.BadParameter(
            "--file: found nothing, expected the name of a file; leave --file out for the project's own"
        )
    from shotclock.config import settings
    from shotclock.files import storage

    return None if file is None else storage.at(file, settings().data / "raw")


def run_id() -> str:
    return f"cli__{datetime.now(UTC).isoformat()}"


def say(head: str, text: str, style: str, *, err: bool = False) -> None:
    """A line with a coloured head on a terminal; the same line without colours in a pipe. Square brackets are just text."""
    line(console(err), head, text, style)


def line(where: "Console", head: str, text: str, style: str) -> None:
    from rich.text import Text

    where.print(Text.assemble((head, style), " ", text), soft_wrap=True)


def console(err: bool = False) -> "Console":
    from rich.console import Console

    return Console(stderr=err, highlight=False)


def plain(markdown: str) -> str:
    """The first line of a summary, or the rows of a table, without marks."""
    lines = markdown.strip().splitlines()
    if lines[0].startswith("|"):
        return " · ".join(" ".join(row.strip("|").replace("|", " ").split()) for row in lines[2:] if row)
    return lines[0].replace("**", "").replace("`", "")


def tell(result: Any, text: str, as_json: bool) -> None:
    typer.echo(json.dumps(result, indent=2, default=_plain) if as_json else text)


def _plain(value: Any) -> Any:
    """What JSON has no form for: values of ours as objects, all else as text."""
    from pydantic import BaseModel

    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in fields(value)}
    return value.model_dump() if isinstance(value, BaseModel) else str(value)
