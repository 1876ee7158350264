"""The commands that show what happened to a project, and the one that goes back."""

import getpass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from shotclock.cli.common import AsJson, Project, Reason, at_work_on, run_id, tell
from shotclock.cli.flows import ended

if TYPE_CHECKING:
    from shotclock.reading.history import Told

Version = Annotated[int | None, typer.Option(min=1, help="the version to go back to; by default the previous one")]
OnDay = Annotated[str | None, typer.Option("--on", metavar="DAY", help="the champion at the end of that day, UTC")]


def rollback(project: Project = "", *, reason: Reason, version: Version = None, as_json: AsJson = False) -> None:
    """Put an earlier version back into service, and write down why. Then score with it: `shotclock score`."""
    with at_work_on(project, as_json):
        from shotclock.handoff import to_wire
        from shotclock.steps.rollback import rollback as go_back
        from shotclock.store.run import Run

        run = Run(project, "rollback", run_id(), asked=datetime.now(UTC))
        done = go_back(run, reason, version, by=getpass.getuser())
    tell(to_wire(done), ended(done), as_json)


def history(project: Project = "", on: OnDay = None, as_json: AsJson = False) -> None:
    """The decisions, newest first; or who was champion at the end of a day, why, and who or what decided."""
    day = None if on is None else _day(on)
    with at_work_on(project, as_json):
        from shotclock.reading import history

        if day is None:
            found = history.decisions(project)
            tell(found, "\n\n".join(map(_decision, found)) or f"{project}: nothing was decided yet", as_json)
            return
        done = history.champion_on(project, day)
    nobody = f"{project}: no champion yet at the end of {day}"
    serving = f"champion at the end of {day} (UTC): v{done.champion}\n\n{_decision(done)}" if done else nobody
    tell(done, serving, as_json)


def batches(project: Project = "", as_json: AsJson = False) -> None:
    """Each batch that was taken in: how each version was judged on its window, alerts, decisions; and what was not taken in."""
    with at_work_on(project, as_json):
        from shotclock.reading import history
        from shotclock.reading.status import lines

        found, aside = history.batches(project), history.passed_over(project)
        said = [*map(lines.batch, found)] or [f"{project}: no batch was taken in yet"]
        said += [f"passed over ({noted.folder}): {noted.reason}" for noted in aside]
    tell(found, "\n\n".join(said), as_json)


def status(project: Project = "", as_json: AsJson = False) -> None:
    """Whether the model is fit, since when, what is being done; then figures, what happened lately, where everything lies."""
    with at_work_on(project, as_json):
        from shotclock.reading.status import status
        from shotclock.reading.status.summary import summarise

        found = status(project)
        tell(found, summarise(found), as_json)


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise typer.BadParameter(f"found '{text}', expected a day such as 2026-04-13") from error


def _decision(done: "Told") -> str:
    from shotclock.words.moments import when
    from shotclock.words.text import wrapped

    gate = f" (the gate: {done.gate})" if done.gate not in (done.outcome, "") else ""
    champion = f"champion v{done.champion}" if done.champion else "no champion"
    lines = [
        f"{when(datetime.fromisoformat(done.at))}  {done.flow}: {done.outcome.upper()}{gate}, {champion}",
        wrapped(done.reason, "  why:        "),
        f"  decided by: {done.decided_by}",
    ]
    started = [wrapped(done.started_because, "  started by: ")] if done.started_because else []
    return "\n".join([*lines, *started])
