"""The command line `shotclock`: the flows without Airflow, and what happened to a project.

Exit codes: 0 done; 1 refused or failed, with one message on standard error; 2 the command was not understood.
"""

import getpass
import json
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from shotclock.errors import ShotclockError

if TYPE_CHECKING:
    from rich.console import Console

    from shotclock.flows import Note

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Keep a project's model fit: run its flows, read its history, go back. Airflow runs the same flows by itself.",
)

Project = Annotated[str, typer.Argument(help="the project's name: its file is <name>.yaml")]
AsJson = Annotated[bool, typer.Option("--json", help="one JSON document on standard output, and nothing else there")]
DataFile = Annotated[str | None, typer.Option("--file", metavar="NAME", help="under data/raw, or absolute")]
Reason = Annotated[str, typer.Option("--reason", help="a sentence: it is written down with the decision")]


@contextmanager
def _at_work_on(project: str) -> Iterator[None]:
    """Make sure that there is such a project. An error raised on purpose is one message, no traceback, and exit code 1."""
    from shotclock import config

    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(message)s")
    logging.getLogger("mlflow").setLevel(logging.WARNING)
    try:
        config.project(project)
        yield
    except ShotclockError as error:
        _say("error:", str(error), "bold red", err=True)
        raise typer.Exit(1) from error


def _run_id() -> str:
    return f"cli__{datetime.now(UTC).isoformat()}"


def _steps(as_json: bool) -> "Note":
    """A line for each step as it ends; on standard error where standard output is for JSON."""

    def note(step: str, result: dict[str, Any]) -> None:
        said = _plain(result.get("summary") or result.get("skip") or result.get("reason") or "done")
        _say(
            f"{step:<32}",
            said,
            "red" if result.get("verdict") == "alert" or result.get("fires") else "bold",
            err=as_json,
        )

    return note


def _say(head: str, text: str, style: str, *, err: bool) -> None:
    """A line with a coloured head on a terminal; the same line without colours in a pipe. Square brackets are just text."""
    from rich.text import Text

    _console(err).print(Text.assemble((head, style), " ", text), soft_wrap=True)


def _console(err: bool) -> "Console":
    from rich.console import Console

    return Console(stderr=err, highlight=False)


def _plain(markdown: str) -> str:
    """The first line of a summary, without its marks."""
    return markdown.strip().splitlines()[0].replace("**", "").replace("`", "")


def _tell(result: Any, text: str, as_json: bool) -> None:
    typer.echo(json.dumps(result, indent=2, default=str) if as_json else text)


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise typer.BadParameter(f"found '{text}', expected a day such as 2026-04-13") from error


@app.command("split-history")
def split_history(
    project: Project,
    by: Annotated[str, typer.Option(help="season (July to June) or month, of the project's time column")] = "season",
    into: Annotated[str | None, typer.Option(metavar="FOLDER", help="under data/raw, or absolute")] = None,
    file: DataFile = None,
    as_json: AsJson = False,
) -> None:
    """Cut the production file into batches by season or month: files whose names sort as time does."""
    from shotclock import cutting
    from shotclock.steps import splitting

    if by not in cutting.PERIODS:
        raise typer.BadParameter(f"found '{by}', expected {' or '.join(cutting.PERIODS)}", param_hint="--by")
    period = next(known for known in cutting.PERIODS if known == by)
    with _at_work_on(project):
        done = splitting.split_history(project, period, into, file)
    lines = [f"{part['file']:<20} {part['rows']:>9,} rows" for part in done["files"]]
    _tell(done, "\n".join([*lines, _plain(done["summary"])]), as_json)


@app.command()
def train(project: Project, file: DataFile = None, as_json: AsJson = False) -> None:
    """Train the candidates, and promote the best one if the gate finds it better than what is in service."""
    with _at_work_on(project):
        from shotclock import flows

        done = flows.train(project, _run_id(), path=file, note=_steps(as_json))
    _tell(done, f"\n{_ended(done)}", as_json)


@app.command()
def score(project: Project, file: DataFile = None, as_json: AsJson = False) -> None:
    """Score the production rows that are new, or one file, with the champion."""
    with _at_work_on(project):
        from shotclock import flows

        done = flows.score(project, _run_id(), path=file, note=_steps(as_json))
    _tell(done, f"\n{_ended(done)}", as_json)


@app.command()
def check(project: Project, as_json: AsJson = False) -> None:
    """Judge the newest window: drift, and performance where labels have come; write alerts down."""
    with _at_work_on(project):
        from shotclock import flows

        done = flows.check(project, _run_id(), note=_steps(as_json))
    fired = [name for name, found in done.items() if found.get("fires")]
    _tell(done, f"\nalerts: {', '.join(fired) or 'none'}", as_json)


@app.command()
def retrain(project: Project, reason: Reason, as_json: AsJson = False) -> None:
    """Train challengers on recent rows; replace the champion only if one is proven better. A champion kept is no error."""
    with _at_work_on(project):
        from shotclock import flows

        done = flows.retrain(project, _run_id(), reason=reason, note=_steps(as_json))
    _tell(done, f"\n{_ended(done)}", as_json)


@app.command()
def rollback(
    project: Project,
    reason: Reason,
    version: Annotated[
        int | None, typer.Option(min=1, help="the version to go back to; by default the previous one")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Put an earlier version back into service, and write down why. Then score with it: `shotclock score`."""
    with _at_work_on(project):
        from shotclock.runs import Run
        from shotclock.steps.rollback import rollback as go_back

        done = go_back(Run(project, "rollback", _run_id()), reason, version, by=getpass.getuser())
    _tell(done, _ended(done), as_json)


@app.command()
def history(
    project: Project,
    on: Annotated[
        str | None, typer.Option("--on", metavar="DAY", help="the champion at the end of that day, UTC")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """The decisions, newest first; or who was champion at the end of a day, why, and who or what decided."""
    day = None if on is None else _day(on)
    with _at_work_on(project):
        from shotclock.steps import chronicle

        if day is None:
            found = chronicle.decisions(project)
            _tell(found, "\n\n".join(map(_decision, found)) or f"{project}: nothing was decided yet", as_json)
            return
        done = chronicle.champion_on(project, day)
    nobody = f"{project}: no champion yet at the end of {day}"
    serving = f"champion at the end of {day} (UTC): v{done['champion']}\n\n{_decision(done)}" if done else nobody
    _tell(done, serving, as_json)


@app.command()
def batches(project: Project, as_json: AsJson = False) -> None:
    """A line for each batch that was taken in: its window, drift, quality, alerts, decisions, champion."""
    with _at_work_on(project):
        from shotclock.steps import chronicle, text

        found = chronicle.batches(project)
    lines = [text.batch_header(), *map(text.batch, found)] if found else [f"{project}: no batch was taken in yet"]
    _tell(found, "\n".join(lines), as_json)


@app.command()
def status(project: Project, as_json: AsJson = False) -> None:
    """What happened lately and how the project stands: champion, findings, open alerts, where everything lies."""
    with _at_work_on(project):
        from shotclock.steps import chronicle, overview

        if as_json:
            _tell(chronicle.standing(project), "", as_json)
        else:
            typer.echo(overview.summarise(project))


@app.command()
def prune(
    project: Project,
    older_than: Annotated[float, typer.Option(metavar="DAYS", min=0, help="runs that are older may go")] = 180,
    keep: Annotated[
        int, typer.Option(metavar="N", min=0, help="the newest runs of each flow that stay, however old")
    ] = 50,
    yes: Annotated[bool, typer.Option("--yes", help="remove; without it, only say what would go")] = False,
    as_json: AsJson = False,
) -> None:
    """Remove old runs that nothing cites: reports, predictions, folders, MLflow runs. Without --yes, only say which."""
    with _at_work_on(project):
        from shotclock.steps import pruning

        done = pruning.prune(project, older_than_days=older_than, keep=keep, remove=yes)
    lines = [
        f"{run['at'][:16]}  {run['flow']:<11} {run['run']:<44} {run['mlflow_runs']:>3} MLflow run(s) {run['bytes']:>14,} bytes"
        for run in done["runs"]
    ]
    _tell(done, "\n".join([*lines, done["summary"], *([] if yes else ["nothing was removed: --yes does it"])]), as_json)


def _ended(done: dict[str, Any]) -> str:
    """How a flow ended: what it decided or did, or why it did nothing."""
    return _plain(done.get("summary") or done.get("skip") or "done")


def _decision(done: dict[str, Any]) -> str:
    gate = f" (the gate: {done['gate']})" if done["gate"] not in (done["outcome"], "") else ""
    champion = f"champion v{done['champion']}" if done["champion"] else "no champion"
    lines = [
        f"{done['at'].replace('T', ' ')}  {done['flow']}: {done['outcome'].upper()}{gate}, {champion}",
        f"  why:        {done['reason']}",
        f"  decided by: {done['decided_by']}",
    ]
    started = f"  started by: {done['started_because']}"
    return "\n".join([*lines, started] if done["started_because"] else lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """For `python -m shotclock.cli`."""
    app(args=arguments)


if __name__ == "__main__":
    main()
