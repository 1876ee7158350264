"""The command that removes what nobody needs any more."""

from typing import Annotated

import typer

from shotclock.cli.common import AsJson, Project, at_work_on, tell

OlderThan = Annotated[float, typer.Option(metavar="DAYS", min=0, max=36_500, help="runs that are older may go")]
Keep = Annotated[int, typer.Option(metavar="N", min=0, help="the newest runs of each flow that stay, however old")]
Yes = Annotated[bool, typer.Option("--yes", help="remove; without it, only say what would go")]


def prune(
    project: Project = "", older_than: OlderThan = 180, keep: Keep = 50, yes: Yes = False, as_json: AsJson = False
) -> None:
    """Remove old runs that nothing cites: reports, predictions, folders, MLflow runs. Without --yes, only say which."""
    with at_work_on(project, as_json):
        from shotclock.projects import prune

        done = prune.prune(project, older_than_days=older_than, keep=keep, remove=yes)
    lines = [
        f"{run.at[:16]}  {run.flow:<11} {run.run:<44} {run.mlflow_runs:>3} MLflow run(s) {run.bytes:>14,} bytes"
        for run in done.runs
    ]
    tell(done, "\n".join([*lines, done.summary, *([] if yes else ["nothing was removed: --yes does it"])]), as_json)
