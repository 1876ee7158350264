"""`demo`: trigger a project's training once, follow all that comes of it, stop everything, print the summary."""

from shotclock_launcher.console import elapsed, say, show
from shotclock_launcher.errors import LaunchError
from shotclock_launcher.following import task_log
from shotclock_launcher.following.api import Api
from shotclock_launcher.following.follow import Follower, Outcome, Task, follow
from shotclock_launcher.following.readiness import wait_for_airflow, wait_for_dags
from shotclock_launcher.layout import PATIENCE, Layout
from shotclock_launcher.running.stack import Stack, running


def demo(layout: Layout, project: str, patience: float = PATIENCE) -> bool:
    """Run the whole chain of one project. Returns whether every step of it succeeded.

    Raises:
        LaunchError: Airflow did not start, the project has no training DAG, or nothing moved for `patience` seconds.
    """
    with running(layout, only=project) as stack:
        outcome, ready = chain(stack, project, patience)
    if outcome.good:
        print_summary(layout, project)
    else:
        _print_failures(outcome)
    say(f"Airflow was up after {ready:.1f} s, the chain took {outcome.seconds:.1f} s, all of it {elapsed():.1f} s")
    return outcome.good


def chain(stack: Stack, project: str, patience: float = PATIENCE) -> tuple[Outcome, float]:
    """Trigger `<project>.training` in a running stack, follow it. Returns what came of it, and when Airflow was up."""
    api = Api(stack.layout.address, stack.login)
    wait_for_airflow(stack, api)
    dags = wait_for_dags(stack, api, project)
    ready = elapsed()
    say(f"Airflow is up with {', '.join(dags)}")
    follower = Follower(api, dags)
    if follower.before:
        say(f"still active from before, and not shown: {', '.join(f'{dag} ({run})' for dag, run in follower.before)}")
    _trigger(api, f"{project}.training", dags)
    outcome = follow(follower, check=stack.check, tell=lambda task: tell(stack.layout, task), patience=patience)
    return outcome, ready


def _trigger(api: Api, dag: str, dags: list[str]) -> None:
    if dag not in dags:
        raise LaunchError(f"there is no DAG '{dag}' to trigger; found {', '.join(dags)}")
    for name in dags:
        if api.get(f"/dags/{name}")["is_paused"]:
            raise LaunchError(f"DAG '{name}' is paused; start `make up` and switch it on in the UI")
    say(f"triggered {dag} ({api.trigger(dag)})")
    show(f"\n{'':>10}  {'DAG':<26} {'task':<36} {'state':<16} {'seconds':>7}")


def tell(layout: Layout, task: Task) -> None:
    say(f"{task.dag:<26} {task.label:<36} {task.state:<16} {task.seconds:>7.1f}")
    if task.state in ("failed", "up_for_retry"):
        show(task_log.tail(layout, task) + "\n")


def print_summary(layout: Layout, project: str) -> None:
    """What has come of it, and where to look next."""
    from shotclock.reading.status import status
    from shotclock.reading.status.summary import summarise

    show(f"\n{summarise(status(project))}\n")
    show(f"To look around: make up, then {layout.address}/plugin/model-health\n")


def _print_failures(outcome: Outcome) -> None:
    runs = [f"{dag} ({run}): {state}" for (dag, run), state in outcome.runs.items() if state != "success"]
    tasks = [f"{task.dag} {task.label}: {task.state}" for task in outcome.tasks if not task.good]
    show("\nnot every step succeeded:\n" + "\n".join(f"  {line}" for line in [*runs, *tasks]) + "\n")
