"""How a step of the package becomes an Airflow task: `step(project, "training.split")(filtered=…)`."""

import inspect
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

from airflow.sdk import Context, Param, get_current_context, get_parsing_context, task
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from shotclock.config import ALGORITHMS, MODES, MOST_SEED, Project, settings, usable_projects
from shotclock_airflow import internals

DOCS = {
    name.strip(): text.strip()
    for name, _, text in (
        section.partition("\n")
        for section in Path(__file__).with_name("tasks.md").read_text("utf-8").split("\n## ")[1:]
    )
}
FOR_PEOPLE = ("summary", "report", "mlflow_run_id")
FROM_THE_RUN = (
    "by",
    "reason",
    "path",
)  # arguments that a step takes from the run of the DAG, and that no task hands over
START = datetime(2026, 1, 1)  # of every cron: fixed, so that nothing depends on when a file is parsed
MOST_VERSION = 2**31 - 1  # what MLflow's column of version numbers holds
LONGEST_REASON, LONGEST_PATH = 2000, 1000  # characters: a trigger is kept in the database, and shown
PRIORITIES = {  # greater goes first
    "rollback": 4,
    "inference": 3,
    "monitoring": 2,
    "retraining": 1,
    "training": 1,
    "policies": 0,  # changes nothing, so it can wait for all that does
}
_BY_KIND = {"scheduled": "scheduled", "asset_triggered": "alert"}


def my_projects() -> list[Project]:
    """The projects to make DAGs of. A file that cannot be used takes no other's DAGs away: see `broken_projects.py`.

    In a task it is the one that the task belongs to, so that a hundred other projects cost it nothing. Where Airflow was
    started for one project alone, it is that one.
    """
    mine = (get_parsing_context().dag_id or settings().only or "*").partition(".")[0]
    return usable_projects(mine)[0]


def ranked(flow: str, options: dict[str, Any]) -> dict[str, Any]:
    """A DAG's `options`, with the priority of its tasks: all projects' inference goes before anyone's training."""
    priority = {"priority_weight": PRIORITIES[flow], "weight_rule": "absolute"}
    return {**options, "default_args": {**options["default_args"], **priority}}


def step(project: str, address: str, **options: Any) -> Any:
    """A task that calls `shotclock.steps.<address>`, named and documented after it.

    What the step returns goes on as the task's XCom, in which the UI finds a report's address and an MLflow run; the summary
    for people is pushed beside it. A result with `skip` ends the task as skipped, with that reason, and as Airflow keeps
    nothing that such a task returns, all that people look for is pushed then. An error that no second try can mend ends the
    task at once.
    """
    module, _, name = address.partition(".")
    task_id = options.pop("task_id", name)

    @task(task_id=task_id, doc_md=DOCS[task_id], **options)
    def call(**arguments: Any) -> Any:
        from shotclock import handoff
        from shotclock.errors import ShotclockError

        function = getattr(import_module(f"shotclock.steps.{module}"), name)
        context = get_current_context()
        handed = arguments.keys() - Context.__annotations__.keys()  # Airflow adds its whole context
        given = {key: _whole(arguments[key]) for key in handed} | _from_the_run(function, context)
        try:
            result = handoff.call(function, _run(project, context), given, seen=partial(_name_mapped, context))
        except ShotclockError as error:
            if error.may_pass:
                raise
            raise AirflowFailException(str(error)) from error
        return _tell(context, result)

    return call


def _from_the_run(function: Any, context: Any) -> dict[str, object]:
    """Who started the run, and a person's texts: in a template "[1]" would become a list, and "2024" a number."""
    params = context["params"]
    found = {"by": _started_by(context), "reason": params.get("reason"), "path": params.get("data_path")}
    return {name: found[name] for name in FROM_THE_RUN if name in inspect.signature(function).parameters}


def _name_mapped(context: Any, argument: str, value: Any) -> None:
    """What `map_index_template` shows of a mapped task."""
    if argument in ("candidate", "batch", "moment"):
        context[argument] = value.shown


def _whole(value: Any) -> Any:
    """What mapped tasks returned comes lazily; as a slice it is fetched in one request, and no end is logged as an error."""
    return value[:] if isinstance(value, Sequence) else value


def _run(project: str, context: Any) -> Any:
    from shotclock.store.run import Run

    dag_run = context["dag_run"]
    events = context["triggering_asset_events"]
    kind, by = _run_type(context), _started_by(context)
    cause = ", ".join(sorted(asset.name for asset in events)) or (
        kind if by in (*_BY_KIND.values(), "manual") else f"{by}, by hand"
    )
    # a schedule's point may be long past when its run starts
    asked = dag_run.start_date if by == "scheduled" else dag_run.run_after
    return Run(project, context["dag"].dag_id.removeprefix(f"{project}."), context["run_id"], cause, asked)


def _started_by(context: Any) -> str:
    """`scheduled`, `alert`, or who asked for it; `manual` where Airflow does not know who that was."""
    user = context["dag_run"].triggering_user_name or "manual"
    named = f"user {user}" if user in ("scheduled", "alert") else user
    return _BY_KIND.get(_run_type(context), named)


def _run_type(context: Any) -> str:
    """Airflow's word for how the run was started, whatever it prints an enumeration as: `manual`, `scheduled`, …"""
    return str(context["dag_run"].run_type).rpartition(".")[2].lower()


def _tell(context: Any, result: Any) -> Any:
    from shotclock.handoff import Result, to_wire

    internals.tell(context, result)  # for notifiers
    wire = to_wire(result)
    if isinstance(result, list):
        summaries = dict.fromkeys(item.summary for item in result if isinstance(item, Result) and item.summary)
        if summaries:
            context["ti"].xcom_push(key="summary", value="\n\n".join(summaries))
        return [{key: value for key, value in item.items() if key != "summary"} for item in wire]
    for key in FOR_PEOPLE if result.skip else ("summary",):  # each push is a request to the API server
        if key in wire:
            context["ti"].xcom_push(key=key, value=wire[key])
    if result.skip:
        raise AirflowSkipException(result.skip)
    for asset in context["outlets"]:
        context["outlet_events"][asset].extra = {k: v for k, v in wire.items() if k not in FOR_PEOPLE}
    return {key: value for key, value in wire.items() if key != "summary"}


def path_param(file: str) -> Param:
    """A typed form field for a data file."""
    text = f"under data/raw, or a whole address that the operator allows; empty means {file}"
    return Param(None, type=["null", "string"], maxLength=LONGEST_PATH, title="Data file", description=text)


def reason_param(text: str) -> Param:
    """A typed form field for a reason, which Airflow's form insists on: it takes no empty text for what may not be null.

    Empty all the same where nobody was asked: Airflow starts a scheduled run, or one by an alert, with what stands here.
    """
    few = {"pattern": r"^$|^\s*\S(\s*\S){2}", "maxLength": LONGEST_REASON}
    return Param("", type="string", **few, title="Reason", description=text)


def version_param(text: str) -> Param:
    """A typed form field for a model version, which may stay empty."""
    return Param(None, type=["null", "integer"], minimum=1, maximum=MOST_VERSION, title="Version", description=text)


def seed_param(project: Project) -> Param:
    """A typed form field for a seed, by default the one of the project's split."""
    title = "Seed of the split and of the search"
    return Param(project.split.seed, type="integer", minimum=0, maximum=MOST_SEED, title=title)


def candidates_param(project: Project) -> Param:
    """A typed form field for the algorithms that compete."""
    return Param(
        list(project.training.candidates),
        type="array",
        title="Candidates",
        items={"type": "string", "enum": list(ALGORITHMS)},
        minItems=1,
        maxItems=len(ALGORITHMS),
        uniqueItems=True,
        examples=list(ALGORITHMS),
    )


def mode_param(project: Project) -> Param:
    """A typed form field for what a better challenger leads to."""
    text = "on: promote; dry_run: only say what would happen; approval: a person approves in the UI"
    return Param(project.gate.mode, enum=list(MODES), title="Mode of the gate", description=text)
