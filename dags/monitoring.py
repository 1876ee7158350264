"""`<project>.monitoring`: is the model still fit for use? One DAG for each file in include/projects."""

from airflow.sdk import DAG

from shotclock.config import Project
from shotclock_airflow.notifiers import tell_alerts, tell_failures
from shotclock_airflow.sensors import DemotionSensor, DriftSensor, MetricDegradationSensor, NewRecordsSensor
from shotclock_dags.assets import (
    degradation_alert,
    demotion_alert,
    drift_alert,
    labels,
    new_records_alert,
    predictions,
)
from shotclock_dags.tasks import DOCS, my_projects, ranked, step, version_param

VERSION = "whose newest window is judged; empty means the champion"


def monitoring(project: Project) -> DAG:
    """drift_check and performance_check, then the four sensors, which decide at once."""
    name = project.name
    with DAG(
        f"{name}.monitoring",
        dag_display_name=f"{project.title}: monitoring",
        description="Judge the newest window: drift, and performance where labels have come; raise alerts",
        doc_md=DOCS["monitoring"],
        schedule=predictions(name) | labels(name),
        max_active_runs=1,
        render_template_as_native_obj=True,
        tags=[name],
        **ranked("monitoring", tell_failures(name)),
        params={"version": version_param(VERSION)},
    ) as dag:
        version = "{{ params.version }}"
        checks = [
            step(name, "monitoring.drift_check")(version=version),
            step(name, "monitoring.performance_check")(version=version),
        ]
        for sensor, asset in (
            (DriftSensor, drift_alert),
            (MetricDegradationSensor, degradation_alert),
            (NewRecordsSensor, new_records_alert),
            (DemotionSensor, demotion_alert),
        ):
            task_id = f"{sensor.kind}_sensor"
            options = {"wait": False, "outlets": [asset(name)], "doc_md": DOCS[task_id], **tell_alerts(name)}
            checks >> sensor(task_id=task_id, project=name, **options)
    return dag


for project in my_projects():
    globals()[f"{project.name}_monitoring"] = monitoring(project)
