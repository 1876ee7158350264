"""The commands for data that are new: a project file made from a table, a project held against its data, batches cut."""

from pathlib import Path
from typing import Annotated, Any

import typer

from shotclock.cli.common import (
    REFUSED,
    AsJson,
    DataFile,
    Project,
    ProjectOrAll,
    at_work,
    at_work_on,
    plain,
    project_names,
    say,
    tell,
)

Table = Annotated[Path, typer.Argument(metavar="FILE", help="CSV or parquet, with a header", show_default=False)]
Newer = Annotated[Path | None, typer.Option("--production", metavar="FILE", help="a second file: the rows to score")]
Share = Annotated[
    float | None,
    typer.Option("--split-by-time", metavar="SHARE", help="0 to 1: this share, the older rows, is for training"),
]
Name = Annotated[str | None, typer.Option("--name", help="of the project; by default made from the file's")]
Title = Annotated[str | None, typer.Option("--title", help="what people see")]
Target = Annotated[str | None, typer.Option("--target", metavar="COLUMN", help="what to predict")]
Positive = Annotated[
    str | None, typer.Option("--positive", metavar="VALUE", help="the target's value that counts as 1, all others as 0")
]
Id = Annotated[str | None, typer.Option("--id", metavar="COLUMN", help="different in every row")]
Time = Annotated[str | None, typer.Option("--time", metavar="COLUMN", help="when the row's case happened")]
TimeFormat = Annotated[str | None, typer.Option("--time-format", metavar="TEXT", help="such as %d/%m/%Y, if not ISO")]
Exclude = Annotated[list[str] | None, typer.Option("--exclude", metavar="COLUMN", help="no feature; may be repeated")]
Kept = Annotated[
    list[str] | None, typer.Option("--feature", metavar="COLUMN", help="a feature after all; may be repeated")
]


def init(  # noqa: PLR0913  (one option for each guess)
    file: Table,
    *,
    production: Newer = None,
    split_by_time: Share = None,
    target: Target = None,
    positive: Positive = None,
    id_: Id = None,
    time: Time = None,
    time_format: TimeFormat = None,
    exclude: Exclude = None,
    feature: Kept = None,
    name: Name = None,
    title: Title = None,
    as_json: AsJson = False,
) -> None:
    """Make a project from a CSV or parquet file: guess what each column is, say why, write the project file.

    The rows become two parquet files under data/raw. Nothing is overwritten.
    """
    if (production is None) == (split_by_time is None):
        raise typer.BadParameter(
            "say which rows are production: --production FILE, or --split-by-time 0.7 to train on the older 70 %"
        )
    if split_by_time is not None and not 0 < split_by_time < 1:
        raise typer.BadParameter(f"found {split_by_time:g}, expected between 0 and 1", param_hint="--split-by-time")
    for helper, helped in ((positive, target), (time_format, time)):
        if helper is not None and helped is None:
            raise typer.BadParameter(
                "--positive goes with --target, and --time-format with --time: name the column, too"
            )
    with at_work(as_json):
        from shotclock.projects.init import begin
        from shotclock.projects.init.guess import Wishes

        wishes = Wishes(target, positive, id_, time, time_format, tuple(exclude or ()), tuple(feature or ()))
        done = begin.begin(file, wishes, production=production, share=split_by_time, name=name, title=title)
    if as_json:
        tell(done, "", as_json)
    else:
        _show(done)


def _show(done: dict[str, Any]) -> None:
    columns = done["columns"]
    for role in ("target", "time", "id"):
        say(f"{role:<12}", f"{columns[role]}: {done['why'][columns[role]]}", "bold")
    for name, rule in columns["features"].items():
        allowed = ", ".join(map(str, rule["allowed"])) if rule["allowed"] else f"{rule['min']:g} to {rule['max']:g}"
        say("feature     ", f"{name}: {rule['type']}, {allowed} allowed, {done['why'][name]}", "bold")
    for name, reason in done["left_out"].items():
        say("left out    ", f"{name}: {reason}", "dim")
    for warning in done["warnings"]:
        say("look        ", warning, "bold yellow")
    for role in ("training", "production"):
        say(f"{role:<12}", f"{done[role]['rows']:,} rows: {done[role]['file']}", "bold green")
    say("written     ", done["file"], "bold green")
    typer.echo(f"\nRead it, put right what is wrong, then: shotclock validate {done['project']}")


def validate(project: ProjectOrAll = "", as_json: AsJson = False) -> None:
    """Hold a project's file against its rules and its raw files against the contract; list every fault."""
    with at_work(as_json):
        from shotclock.projects.init import begin

        results = [begin.validate(name) for name in ([project] if project else project_names())]
    if as_json:
        tell(results, "", as_json)
    else:
        _list_faults(results)
    if any(checked["faults"] for checked in results):
        raise typer.Exit(REFUSED)


def _list_faults(results: list[dict[str, Any]]) -> None:
    for checked in results:
        name = checked["project"]
        for file in checked["files"]:
            if "rows" in file and not file["faults"]:
                aside = (
                    f", {file['bad']:,} of them will be set aside" if file["bad"] else ", all of them keep the contract"
                )
                say(name, f"{file['role']}: {file['path']}: {file['rows']:,} rows{aside}", "bold green")
            elif not file["faults"]:
                say(
                    name,
                    f"{file['role']}: not under data/raw yet: `make data`, or the first run, brings it",
                    "bold yellow",
                )
        for fault in checked["faults"]:
            say(name, fault, "bold red")


def split_history(
    project: Project = "",
    by: Annotated[
        str | None, typer.Option(help="month of the time column, or what the project's extension adds")
    ] = None,
    into: Annotated[str | None, typer.Option(metavar="FOLDER", help="under data/raw, or absolute")] = None,
    file: DataFile = None,
    as_json: AsJson = False,
) -> None:
    """Cut the production file into batches by their time, such as by month: files whose names sort as time does."""
    with at_work_on(project, as_json, needs_store=False):
        from shotclock import config
        from shotclock.projects import split_history as splitting

        periods = config.project(project).periods
        if by is not None and by not in periods:
            raise typer.BadParameter(f"found '{by}', expected {' or '.join(periods)}", param_hint="--by")
        done = splitting.split_history(project, by, into, file)
    lines = [f"{part['file']:<20} {part['rows']:>9,} rows" for part in done["files"]]
    tell(done, "\n".join([*lines, plain(done["summary"])]), as_json)
