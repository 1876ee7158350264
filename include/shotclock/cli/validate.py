"""The command that holds a project against its rules and its data."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import typer

from shotclock.cli.common import REFUSED, AsJson, ProjectOrAll, at_work, project_names, say, tell

if TYPE_CHECKING:
    from shotclock.projects.validate import Validated


def validate(project: ProjectOrAll = "", as_json: AsJson = False) -> None:
    """Hold a project's file against its rules and its raw files against the contract; list every fault."""
    with at_work(as_json):
        from shotclock.projects import validate

        found = [validate.validate(name) for name in ([project] if project else project_names())]
    if as_json:
        tell(found, "", as_json)
    else:
        _list_faults(found)
    if any(checked.faults for checked in found):
        raise typer.Exit(REFUSED)


def _list_faults(found: "Sequence[Validated]") -> None:
    for checked in found:
        for file in checked.files:
            if file.faults:
                continue
            if file.rows is None:
                remedy = "not under data/raw yet: `make data`, or the first run, brings it"
                say(checked.project, f"{file.role}: {remedy}", "bold yellow")
            else:
                kept = f"{file.bad:,} of them will be set aside" if file.bad else "all of them keep the contract"
                say(checked.project, f"{file.role}: {file.path}: {file.rows:,} rows, {kept}", "bold green")
        for fault in checked.faults:
            say(checked.project, fault, "bold red")
