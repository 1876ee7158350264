"""`<project>.retraining`: on schedule, on an alert or by hand. One DAG for each file in include/projects."""

from airflow.sdk import DAG, AssetOrTimeSchedule, CronTriggerTimetable

from shotclock.config import Project
from shotclock_airflow.notifiers import tell_decisions, tell_failures
from shotclock_dags.assets import degradation_alert, drift_alert, new_records_alert
from shotclock_dags.competition import compete
from shotclock_dags.tasks import DOCS, START, candidates_param, mode_param, my_projects, ranked, reason_param, step

WHY = "why now, and not by schedule or alert"


def retraining(project: Project) -> DAG:
    """decide -> collect -> split -> candidates -> compare -> train -> select -> gate -> refit -> verify -> approve, promote."""
    name = project.name
    with DAG(
        f"{name}.retraining",
        dag_display_name=f"{project.title}: retraining",
        description="Judge recipes by their track record; fit the one that serves on everything, or the one proven better",
        doc_md=DOCS["retraining"],
        schedule=AssetOrTimeSchedule(
            timetable=CronTriggerTimetable(project.retraining.schedule, timezone="UTC"),
            assets=(drift_alert(name) | degradation_alert(name) | new_records_alert(name)),
        ),
        start_date=START,
        catchup=False,
        max_active_runs=1,
        render_template_as_native_obj=True,
        tags=[name],
        **ranked("retraining", tell_failures(name)),
        params={
            "reason": reason_param(WHY),
            "candidates": candidates_param(project),
            "mode": mode_param(project),
        },
    ) as dag:
        plan = step(name, "retraining.decide", **tell_decisions(name))()
        recent = step(name, "retraining.collect", **tell_decisions(name))(plan=plan)
        data = step(name, "retraining.split_recent", task_id="split")(collected=recent)
        chosen = step(name, "retraining.candidates")(plan=plan, data=data, names="{{ params.candidates }}")
        compete(name, chosen, data, refits=True)
    return dag


for project in my_projects():
    globals()[f"{project.name}_retraining"] = retraining(project)
