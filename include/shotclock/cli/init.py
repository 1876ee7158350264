"""The command that makes a project from a table."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from shotclock.cli.common import AsJson, at_work, say, tell

if TYPE_CHECKING:
    from shotclock.config import Feature
    from shotclock.projects.init.make import Made

Table = Annotated[
    Path, typer.Argument(metavar="FILE", help="CSV or parquet, with a header; or a folder of parts", show_default=False)
]
Newer = Annotated[Path | None, typer.Option("--production", metavar="FILE", help="a second file: the rows to score")]
Share = Annotated[
    float | None,
    typer.Option("--split-by-time", metavar="SHARE", help="0 to 1: this share, the older rows, is for training"),
]
Encoding = Annotated[
    str | None,
    typer.Option("--encoding", metavar="NAME", help="of a file of text, such as cp850, where it is guessed wrongly"),
]
Name = Annotated[str | None, typer.Option("--name", help="of the project; by default made from the file's")]
Title = Annotated[str | None, typer.Option("--title", help="what people see")]
Target = Annotated[str | None, typer.Option("--target", metavar="COLUMN", help="what to predict")]
Positive = Annotated[
    str | None, typer.Option("--positive", metavar="VALUE", help="the target's value that counts as 1, all others as 0")
]
Id = Annotated[str | None, typer.Option("--id", metavar="COLUMN", help="different in every row")]
Time = Annotated[str | None, typer.Option("--time", metavar="COLUMN", help="when the row's case happened")]
TimeFormat = Annotated[
    str | None, typer.Option("--time-format", metavar="TEXT", help="such as %d/%m/%Y, 'epoch s' or excel, if not ISO")
]
Exclude = Annotated[
    list[str] | None, typer.Option("--exclude", "--leave-out", metavar="COLUMN", help="no feature; may be repeated")
]
Kept = Annotated[
    list[str] | None, typer.Option("--feature", metavar="COLUMN", help="a feature after all; may be repeated")
]
Categories = Annotated[
    list[str] | None, typer.Option("--category", metavar="COLUMN", help="its numbers are names; may be repeated")
]
TimeParts = Annotated[
    list[str] | None,
    typer.Option("--time-part", metavar="PART", help="month, weekday or hour: a feature of the time; may be repeated"),
]
RowOrder = Annotated[bool, typer.Option("--row-order", help="no column tells the time: the rows stand in their order")]


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
    time_part: TimeParts = None,
    row_order: RowOrder = False,
    exclude: Exclude = None,
    feature: Kept = None,
    category: Categories = None,
    encoding: Encoding = None,
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
    if row_order and time is not None:
        raise typer.BadParameter("found both --row-order and --time, expected one of them")
    if row_order and time_part:
        raise typer.BadParameter(
            "found both --row-order and --time-part, expected one of them: no column tells the time"
        )
    if encoding is not None and not _is_known(encoding):
        raise typer.BadParameter(
            f"found {encoding}, expected such as utf-8, cp1252 or mac-roman", param_hint="--encoding"
        )
    with at_work(as_json):
        from shotclock.projects.init.guess import Wishes
        from shotclock.projects.init.make import make_project

        several = (tuple(exclude or ()), tuple(feature or ()), tuple(category or ()))
        wishes = Wishes(target, positive, id_, time, time_format, *several, row_order, tuple(time_part or ()))
        done = make_project(
            file, wishes, production=production, share=split_by_time, encoding=encoding, name=name, title=title
        )
    if as_json:
        tell(done, "", as_json)
    else:
        _show(done)


def _is_known(encoding: str) -> bool:
    from shotclock.config import Reading

    try:
        return bool(Reading(encoding=encoding))
    except ValueError:
        return False


def _allowed(feature: "Feature") -> str:
    """Which values a feature may have; empty where it may have any."""
    if feature.is_text:
        return ""
    values = ", ".join(map(str, feature.allowed)) if feature.allowed else f"{feature.min:g} to {feature.max:g}"
    return f"{values}{' or none' if feature.may_be_missing else ''} allowed, "


def _show(done: "Made") -> None:
    columns = done.columns
    for role, column in (("target", columns.target), ("time", columns.time), ("id", columns.id)):
        say(f"{role:<12}", f"{column}: {done.why[column]}", "bold")
    for name, feature in columns.features.items():
        say("feature     ", f"{name}: {feature.type}, {_allowed(feature)}{done.why[name]}", "bold")
    for name, reason in done.left_out.items():
        say("left out    ", f"{name}: {reason}", "dim")
    for warning in done.warnings:
        say("look        ", warning, "bold yellow")
    for role, file in (("training", done.training), ("production", done.production)):
        say(f"{role:<12}", f"{file.rows:,} rows: {file.file}", "bold green")
    say("written     ", done.file, "bold green")
    typer.echo(f"\nRead it, put right what is wrong, then: shotclock validate {done.project}")
