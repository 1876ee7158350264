"""`<project>.training`: from the raw file to a champion. One DAG for each file in include/projects."""

from airflow.sdk import DAG

from shotclock.config import Project
from shotclock_airflow.notifiers import tell_failures
from shotclock_dags.competition import compete
from shotclock_dags.tasks import DOCS, candidates_param, mode_param, my_projects, path_param, ranked, seed_param, step


def training(project: Project) -> DAG:
    """ingest -> validate -> filter -> split, candidates -> compare -> train -> select -> gate -> verify, approve -> promote."""
    name = project.name
    with DAG(
        f"{name}.training",
        dag_display_name=f"{project.title}: training",
        description="Train the candidates, compare them, and promote the best one if it is proven better",
        doc_md=DOCS["training"],
        schedule=None,
        max_active_runs=1,
        render_template_as_native_obj=True,
        tags=[name],
        **ranked("training", tell_failures(name)),
        params={
            "data_path": path_param(project.data.training),
            "seed": seed_param(project),
            "candidates": candidates_param(project),
            "mode": mode_param(project),
        },
    ) as dag:
        seed = "{{ params.seed }}"
        source = step(name, "intake.ingest")(role="training")
        valid = step(name, "intake.validate")(source=source)
        filtered = step(name, "training.filter_rows", task_id="filter")(source=valid)
        data = step(name, "training.split")(filtered=filtered, seed=seed)
        chosen = step(name, "training.candidates")(names="{{ params.candidates }}")
        filtered >> chosen
        compete(name, chosen, data, seed=seed)
    return dag


for project in my_projects():
    globals()[f"{project.name}_training"] = training(project)
