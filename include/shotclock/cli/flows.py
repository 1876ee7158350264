"""The commands that run a flow: what the DAGs do, in this process."""

from typing import TYPE_CHECKING, Annotated

import typer

from shotclock.cli.common import ALERT, AsJson, DataFile, Project, Reason, at_work_on, named, plain, run_id, tell
from shotclock.cli.progress import Watch

if TYPE_CHECKING:
    from shotclock.handoff import Result

FailOnAlert = Annotated[bool, typer.Option("--fail-on-alert", help="end with 4 when an alert was raised")]


def train(project: Project = "", file: DataFile = None, as_json: AsJson = False) -> None:
    """Train the candidates, and promote the best one if the gate finds it better than what is in service."""
    with at_work_on(project, as_json), Watch(as_json) as watch:
        from shotclock import flows
        from shotclock.handoff import to_wire

        done = flows.train(project, run_id(), path=named(file), note=watch.note, progress=watch.progress)
    tell(to_wire(done), f"\n{ended(done)}", as_json)


def score(project: Project = "", file: DataFile = None, as_json: AsJson = False) -> None:
    """Score the production rows that are new, or one file, with the champion."""
    with at_work_on(project, as_json), Watch(as_json) as watch:
        from shotclock import flows
        from shotclock.handoff import to_wire

        done = flows.score(project, run_id(), path=named(file), note=watch.note, progress=watch.progress)
    tell(to_wire(done), f"\n{ended(done)}", as_json)


def check(project: Project = "", fail_on_alert: FailOnAlert = False, as_json: AsJson = False) -> None:
    """Judge the newest window: drift, and performance where labels have come; write alerts down."""
    with at_work_on(project, as_json), Watch(as_json) as watch:
        from shotclock import flows
        from shotclock.handoff import to_wire

        done = flows.check(project, run_id(), note=watch.note)
    fired = [name for name, sensed in done.sensors.items() if sensed.fires]
    checks = {"drift_check": to_wire(done.drift_check), "performance_check": to_wire(done.performance_check)}
    tell(
        checks | {name: to_wire(sensed) for name, sensed in done.sensors.items()},
        f"\nalerts: {', '.join(fired) or 'none'}",
        as_json,
    )
    if fired and fail_on_alert:
        raise typer.Exit(ALERT)


def retrain(project: Project = "", *, reason: Reason, as_json: AsJson = False) -> None:
    """Train challengers on recent rows; replace the champion only if one is proven better. A champion kept is no error."""
    with at_work_on(project, as_json), Watch(as_json) as watch:
        from shotclock import flows
        from shotclock.handoff import to_wire

        done = flows.retrain(project, run_id(), reason=reason, note=watch.note, progress=watch.progress)
    tell(to_wire(done), f"\n{ended(done)}", as_json)


def ended(done: "Result") -> str:
    """How a flow ended: what it decided or did, or why it did nothing."""
    return plain(done.summary or done.skip or "done")
