"""`<project>.inference`: score a batch with the champion. One DAG for each file in include/projects."""

from typing import Any

from airflow.sdk import DAG, AssetOrTimeSchedule, CronTriggerTimetable

from shotclock.config import Project
from shotclock_airflow.notifiers import tell_failures
from shotclock_dags.assets import batch, champion, predictions
from shotclock_dags.tasks import DOCS, START, my_projects, path_param, ranked, step


def when(project: Project) -> Any:
    """After a new champion, after a new batch, and, where batches lie in a folder, each time that it is looked at."""
    events = champion(project.name) | batch(project.name)
    if project.data.batches is None:
        return events
    cron = CronTriggerTimetable(project.data.batches_schedule, timezone="UTC")
    return AssetOrTimeSchedule(timetable=cron, assets=events)


def inference(project: Project) -> DAG:
    """ingest -> validate -> score[each file, or partition of a large one] -> publish."""
    name = project.name
    with DAG(
        f"{name}.inference",
        dag_display_name=f"{project.title}: inference",
        description="Score the production rows with the champion",
        doc_md=DOCS["inference"],
        schedule=when(project),
        start_date=START,
        catchup=False,
        max_active_runs=1,
        render_template_as_native_obj=True,
        tags=[name],
        **ranked("inference", tell_failures(name)),
        params={"data_path": path_param(project.data.batches or project.data.production)},
    ) as dag:
        files = step(name, "intake.ingest_batches", task_id="ingest")()
        parts = step(name, "intake.validate_batches", task_id="validate")(batches=files)
        scored = step(name, "inference.score", map_index_template="{{ batch }}").expand(batch=parts)
        step(name, "inference.publish", outlets=[predictions(name)], trigger_rule="none_failed")(scored=scored)
    return dag


for project in my_projects():
    globals()[f"{project.name}_inference"] = inference(project)
