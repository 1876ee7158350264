"""`<project>.policies`: compare ways to decide when to retrain, by hand. One DAG for each file in include/projects."""

from airflow.sdk import DAG

from shotclock.config import Project
from shotclock_airflow.notifiers import tell_failures
from shotclock_dags.competition import SHARED
from shotclock_dags.tasks import DOCS, my_projects, ranked, step


def policies(project: Project) -> DAG:
    """cut -> tune -> fit[before each block] -> replay."""
    name = project.name
    with DAG(
        f"{name}.policies",
        dag_display_name=f"{project.title}: policies",
        description="Replay the labelled past under each way to decide when to retrain; nothing that serves changes",
        doc_md=DOCS["policies"],
        schedule=None,
        max_active_runs=1,
        render_template_as_native_obj=True,
        tags=[name],
        **ranked("policies", tell_failures(name)),
    ) as dag:
        past = step(name, "policies.cut")()
        moments = step(name, "policies.tune", **SHARED)(past=past)
        fitted = (
            step(name, "policies.fit", map_index_template="{{ moment }}", **SHARED)
            .partial(past=past)
            .expand(moment=moments)
        )
        step(name, "policies.replay")(past=past, fitted=fitted)
    return dag


for project in my_projects():
    globals()[f"{project.name}_policies"] = policies(project)
