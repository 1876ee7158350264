"""The command that looks for what may keep Shotclock from running here."""

import typer

from shotclock.cli.common import BROKEN, AsJson, at_work, say, tell

_STYLES = {"ok": "green", "warning": "bold yellow", "broken": "bold red"}


def doctor(as_json: AsJson = False) -> None:
    """Look at environment, packages, ports, files, data and store; say what to do about each finding. Changes nothing."""
    from dataclasses import asdict

    with at_work(as_json):
        from shotclock.projects.doctor import examine

        found = examine()
    if as_json:
        tell([asdict(finding) for finding in found], "", as_json)
    else:
        for finding in found:
            say(f"{finding.state:<8}", f"{finding.what}: {finding.found}", _STYLES[finding.state])
            if finding.remedy:
                say(" " * 8, f"→ {finding.remedy}", "")
    if any(finding.state == "broken" for finding in found):
        raise typer.Exit(BROKEN)
