"""What `training` and `retraining` share: compare, train candidates, select, gate, verify, ask if that is wanted, promote."""

from typing import Any

from shotclock_airflow.approval import FORM, PromotionApproval
from shotclock_airflow.notifiers import Approval, tell_decisions
from shotclock_airflow.pools import CANDIDATES_AT_ONCE, TRAINING
from shotclock_dags.assets import champion
from shotclock_dags.tasks import DOCS, step

SHARED = {"pool": TRAINING, "max_active_tis_per_dagrun": CANDIDATES_AT_ONCE}  # with the other projects
MODE = "{{ params.mode }}"


def compete(project: str, candidates: Any, data: Any, seed: Any = None) -> Any:
    """Add the tasks to the DAG at hand; gives the last one."""
    compared = step(project, "training.compare", **SHARED)(candidates=candidates, data=data, seed=seed)
    trained = (
        step(project, "training.train", map_index_template="{{ candidate }}", **SHARED)
        .partial(data=data)
        .expand(candidate=compared)
    )
    selection = step(project, "training.select")(trained=trained)
    decision = step(project, "training.gate")(selection=selection, data=data)
    verified = step(project, "training.verify")(decision=decision)
    approval = PromotionApproval(
        task_id="approve",
        doc_md=DOCS["approve"],
        mode=MODE,
        decision=decision,
        subject=f"{project}: promote the challenger?",
        body="{{ ti.xcom_pull(task_ids='gate', key='summary') }}",
        params=FORM,
        notifiers=Approval(project),
    )
    verified >> approval
    promoted = step(project, "training.promote", outlets=[champion(project)], **tell_decisions(project))
    return promoted(selection=selection, decision=decision, verified=verified, data=data, approval=approval.output)
