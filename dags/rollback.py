"""`<project>.rollback`: put an earlier version back into service: by hand, or by a demotion. One DAG for each project file."""

from airflow.sdk import DAG

from shotclock.config import Project
from shotclock_airflow.notifiers import tell_decisions, tell_failures
from shotclock_dags.assets import champion, demotion_alert
from shotclock_dags.tasks import DOCS, my_projects, ranked, reason_param, step, version_param

WHY = "why the version in service is taken out of it"
WHICH = "empty: the version before; Model health offers all that have served, with their figures"


def rollback(project: Project) -> DAG:
    """One task: move the alias back, with a reason."""
    name = project.name
    with DAG(
        f"{name}.rollback",
        dag_display_name=f"{project.title}: rollback",
        description="Put the previous version, or the one named, back into service: by hand, or when it is proven better",
        doc_md=DOCS["rollback"],
        schedule=[demotion_alert(name)] if project.retraining.demote == "on" else None,
        max_active_runs=1,
        render_template_as_native_obj=True,
        tags=[name],
        **ranked("rollback", tell_failures(name)),
        params={"reason": reason_param(WHY), "version": version_param(WHICH)},
    ) as dag:
        undo = step(name, "rollback.rollback", outlets=[champion(name)], **tell_decisions(name))
        undo(version="{{ params.version }}")
    return dag


for project in my_projects():
    globals()[f"{project.name}_rollback"] = rollback(project)
