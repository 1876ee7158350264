"""The command that cuts a file of the past into batches."""

from typing import Annotated

import typer

from shotclock.cli.common import AsJson, DataFile, Project, at_work_on, plain, tell


def split_history(
    project: Project = "",
    by: Annotated[
        str | None, typer.Option(help="day, week, month, quarter or year, or what the project's extension adds")
    ] = None,
    rows: Annotated[int | None, typer.Option(min=1, metavar="N", help="instead, so many rows in each file")] = None,
    into: Annotated[str | None, typer.Option(metavar="FOLDER", help="under data/raw, or absolute")] = None,
    file: DataFile = None,
    as_json: AsJson = False,
) -> None:
    """Cut the production file into batches by their time, such as by month: files whose names sort as time does."""
    with at_work_on(project, as_json, needs_store=False):
        from shotclock import config
        from shotclock.projects import split_history

        periods = split_history.periods_of(config.project(project))
        if by is not None and rows is not None:
            raise typer.BadParameter("found both --by and --rows, expected one of them")
        if by is not None and by not in periods:
            raise typer.BadParameter(f"found '{by}', expected {' or '.join(periods)}", param_hint="--by")
        done = split_history.split_history(project, by, into, file, rows)
    lines = [f"{part.file:<20} {part.rows:>9,} rows" for part in done.files]
    tell(done, "\n".join([*lines, plain(done.summary)]), as_json)
