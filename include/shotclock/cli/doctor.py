"""The command that looks for what may keep Shotclock from running here."""

import typer

from shotclock.cli.common import BROKEN, AsJson, at_work, say, tell

_STYLES = {"green": "green", "orange": "bold yellow", "red": "bold red"}  # Rich's, by the colour of a state's sign


def doctor(as_json: AsJson = False) -> None:
    """Look at environment, packages, ports, files, data and store; say what to do about each finding. Changes nothing."""
    from dataclasses import asdict

    with at_work(as_json):
        from shotclock.projects.doctor import examine
        from shotclock.words.signs import sign

        findings = examine()
    if as_json:
        tell([asdict(finding) for finding in findings], "", as_json)
    else:
        for finding in findings:
            say(f"{finding.state:<8}", f"{finding.what}: {finding.found}", _STYLES[sign(finding.state).colour])
            if finding.remedy:
                say(" " * 8, f"→ {finding.remedy}", "")
    if any(finding.state == "broken" for finding in findings):
        raise typer.Exit(BROKEN)
