"""Who is told of what: alerts, decisions, failures, and approvals that are waited for.

    from shotclock_airflow.notifiers import tell_alerts, tell_failures

    with DAG("mine", **tell_failures("kobe_shots")):
        DriftSensor(task_id="drift", project="kobe_shots", **tell_alerts("kobe_shots"))

A task's callbacks run in its own process, after its end is known: nothing that follows waits for them. They find
in the context what the task has said. A DAG's callback runs in the DAG processor: there is no task, so it asks Airflow which
tasks failed, and finds the error that each of them left as the XCom `error`.
"""

from typing import Any, TypeVar
from urllib.parse import quote

from airflow.sdk import BaseNotifier
from airflow.sdk.exceptions import AirflowFailException

from shotclock.words import messages
from shotclock_airflow import channels, internals
from shotclock_airflow.paths import address, alert_path, gate_path

T = TypeVar("T")
ERROR = "error"


def tell_failures(project: str) -> dict[str, Any]:
    """For a DAG: whose run failed, at which tasks, with which errors."""
    return {"on_failure_callback": Failure(project), "default_args": {"on_failure_callback": leave_error}}


def tell_alerts(project: str) -> dict[str, Any]:
    """For a sensor: that it fires, or that the guard has stopped."""
    return {"on_success_callback": Alert(project), "on_skipped_callback": Alert(project)}


def tell_decisions(project: str) -> dict[str, Any]:
    """For a step that decides, or that may end the run before a decision."""
    return {"on_success_callback": Decision(project), "on_skipped_callback": Decision(project)}


def leave_error(context: Any) -> None:
    """Called in the process of a task that has failed for good; one that was killed leaves nothing."""
    if context.get("exception"):
        error = context["exception"]
        own = error.__cause__ if isinstance(error, AirflowFailException) and error.__cause__ else error
        context["ti"].xcom_push(key=ERROR, value=messages.first_line(own))


class _Notifier(BaseNotifier):
    """Composes a message from the context and has it delivered; None is not worth one."""

    def __init__(self, project: str) -> None:
        super().__init__()
        self.project = project

    def notify(self, context: Any) -> None:
        message = self.message(context)
        if message is not None:
            channels.deliver(self.project, message)

    def render_template_fields(self, context: Any, jinja_env: Any = None) -> None:
        """Nothing here is a template, and `dag.test()` passes a DAG that cannot render one: goes with apache/airflow#64649."""

    def message(self, context: Any) -> messages.Message | None:
        raise NotImplementedError


class Alert(_Notifier):
    """A sensor fires; or its finding would, had the guard not stopped: that is said once for each window."""

    def message(self, context: Any) -> messages.Message | None:
        from shotclock.handoff import Sensed

        told = internals.told(context)
        if isinstance(told, Sensed) and told.fires:
            page = address(alert_path(self.project, told.alert))
            return messages.alert(self.project, told, _where(context), page)
        if isinstance(told, Sensed) and told.news:
            return messages.stopped(self.project, told, _where(context))
        return None


class Decision(_Notifier):
    """Promote, keep and rollback; and *skip*, where a run ends before it has decided."""

    def message(self, context: Any) -> messages.Message | None:
        from shotclock.handoff import Done, Gated, Plan, Result

        told, plan = internals.told(context), _left_by(context, "decide", Plan)
        why = plan.cause.why if plan else ""
        if isinstance(told, Done):
            gated = _left_by(context, "gate", Gated)
            return messages.decision(self.project, told, _where(context), gated, why)
        if isinstance(told, Result) and told.skip:
            return messages.skipped(self.project, told.skip, _where(context), why)
        return None


class Approval(_Notifier):
    """A person is asked: for `PromotionApproval(notifiers=...)`."""

    def message(self, context: Any) -> messages.Message:
        from shotclock.handoff import Gated, Verified, from_wire

        asking = context["task"]
        gated, verified = from_wire(Gated, asking.decision), from_wire(Verified, asking.verified)
        page = address(gate_path(self.project, gated.mlflow_run_id))
        return messages.approval(self.project, gated, verified, _where(context), page)


class Failure(_Notifier):
    """A run has failed: for `DAG(on_failure_callback=...)`."""

    def message(self, context: Any) -> messages.Message:
        dag, reason = context["dag"], str(context.get("reason", "failed"))
        failed = [_failed(dag, context["run_id"], *place) for place in _places(context)]
        return messages.failure(self.project, failed, reason, _where(context))


def _where(context: Any) -> messages.Where:
    dag, run = context["dag"].dag_id, context["run_id"]
    return messages.Where(dag, run, address(f"/dags/{dag}/runs/{quote(run, safe='')}"))


def _left_by(context: Any, task: str, kind: type[T]) -> T | None:
    """What a task of this run has returned, if there is such a task and it has."""
    from shotclock.handoff import from_wire

    left = context["ti"].xcom_pull(task_ids=task) if task in context["dag"].task_dict else None
    return from_wire(kind, left) if left else None


def _places(context: Any) -> list[tuple[str, int]]:
    """Task and map index of the tasks that failed; where nobody can be asked, it is the last one that did."""
    failed = internals.failed_tasks(context["dag"], context["run_id"])
    if failed is None:
        return [(context["ti"].task_id, -1)] if "ti" in context else []
    return failed


def _failed(dag: Any, run: str, task: str, index: int) -> messages.Failed:
    error = internals.left_behind(dag.dag_id, run, task, index, ERROR)
    label = task if index < 0 else f"{task}[{index}]"
    return messages.Failed(label, error or "", dag.task_dict[task].doc_md or "")
