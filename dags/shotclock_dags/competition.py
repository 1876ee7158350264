"""What `training` and `retraining` share: compare, train candidates, select, gate, refit, verify, ask if wanted, promote."""

from typing import Any

from shotclock_airflow.approval import PromotionApproval, form
from shotclock_airflow.notifiers import Approval, tell_decisions
from shotclock_airflow.paths import address, gate_path
from shotclock_airflow.pools import CANDIDATES_AT_ONCE, TRAINING
from shotclock_dags.assets import champion
from shotclock_dags.tasks import DOCS, step

SHARED = {"pool": TRAINING, "max_active_tis_per_dagrun": CANDIDATES_AT_ONCE}  # with the other projects
MODE = "{{ params.mode }}"


def _asked(project: str) -> str:
    """What the person who approves reads: where both stand side by side; then what gate, refit and verify say."""
    page = address(gate_path(project, "")) + "{{ ti.xcom_pull(task_ids='gate')['mlflow_run_id'] }}"
    said = "{{ ti.xcom_pull(task_ids='gate', key='summary') }}\n\n{{ ti.xcom_pull(task_ids='refit', key='summary') or '' }}"
    verified = "{{ ti.xcom_pull(task_ids='verify', key='summary') }}"
    return f"[Both side by side, and your answer]({page})\n\n{said}\n\n{verified}"


def compete(project: str, candidates: Any, data: Any, *, seed: Any = None, refits: bool = False) -> Any:
    """Add the tasks to the DAG at hand; gives the last one. `refits`: what ships may be fitted on everything first."""
    compared = step(project, "training.compare", **SHARED)(candidates=candidates, data=data, seed=seed)
    trained = (
        step(project, "training.train", map_index_template="{{ candidate }}", **SHARED)
        .partial(data=data)
        .expand(candidate=compared)
    )
    selection = step(project, "training.select")(trained=trained, data=data)
    decision = step(project, "training.gate")(selection=selection, data=data)
    refitted = None
    if refits:
        refitted = step(project, "refitting.refit")(
            candidates=compared, selection=selection, decision=decision, data=data
        )
    verified = step(project, "training.verify")(decision=decision, refitted=refitted)
    approval = PromotionApproval(
        task_id="approve",
        doc_md=DOCS["approve"],
        mode=MODE,
        decision=decision,
        verified=verified,
        subject=f"{project}: may the new version take over?",
        body=_asked(project),
        params=form(),
        notifiers=Approval(project),
    )
    verified >> approval
    promoted = step(project, "training.promote", outlets=[champion(project)], **tell_decisions(project))
    return promoted(
        selection=selection,
        decision=decision,
        verified=verified,
        data=data,
        refitted=refitted,
        approval=approval.output,
    )
