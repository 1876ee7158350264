"""The command that holds a project against its rules and its data."""

from typing import Any

import typer

from shotclock.cli.common import REFUSED, AsJson, ProjectOrAll, at_work, project_names, say, tell


def validate(project: ProjectOrAll = "", as_json: AsJson = False) -> None:
    """Hold a project's file against its rules and its raw files against the contract; list every fault."""
    with at_work(as_json):
        from shotclock.projects import validate

        found = [validate.validate(name) for name in ([project] if project else project_names())]
    if as_json:
        tell(found, "", as_json)
    else:
        _list_faults(found)
    if any(checked["faults"] for checked in found):
        raise typer.Exit(REFUSED)


def _list_faults(found: list[dict[str, Any]]) -> None:
    for checked in found:
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
