"""A person approves a promotion in Airflow's UI, with the gate's figures and its churn in front of them."""

from collections.abc import Mapping
from typing import Any

from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk import Param

from shotclock_airflow import internals

_REASON = "why"  # not `reason`: a field would take the value of the run's parameter of the same name


def form() -> dict[str, Param]:
    """What the person who answers is asked besides: the operator's `params`, which must hold before anybody has answered.

    Airflow's page insists on the reason: it takes no empty text for what may not be null. Its API does.
    """
    return {_REASON: Param("", type="string", maxLength=500, title="Reason")}


class PromotionApproval(ApprovalOperator):
    """Asks in the mode `approval`, and where `verify` holds it; only when something may take over. Else it answers at once.

    A rejection does not skip what follows, as it does in the base class: the next task writes the decision down. An answer
    without a reason is none: it asks again.

    Args:
        mode: `on`, `dry_run` or `approval`.
        decision: what the gate returned.
        verified: what was read back, and whether it is held; it has no model where the champion stays as it is.
    """

    template_fields = (*ApprovalOperator.template_fields, "mode", "decision", "verified")

    def __init__(self, *, mode: str, decision: Any, verified: Any, **options: Any) -> None:
        super().__init__(**options)
        self.mode = mode
        self.decision = decision
        self.verified = verified

    def execute(self, context: Any) -> Any:
        from shotclock.handoff import Approval, Verified, from_wire, to_wire

        verified = from_wire(Verified, self.verified)
        if verified.model is None or (self.mode == "on" and not verified.held):
            return to_wire(Approval(approved=True))
        if self.mode == "dry_run":
            return to_wire(Approval(approved=False, because="dry run"))
        return super().execute(context)  # it raises: the task waits for a person

    def execute_complete(self, context: Any, event: Mapping[str, Any]) -> Any:
        from shotclock.handoff import Approval, to_wire

        reason = str((event["params_input"] or {}).get(_REASON) or "").strip()
        if event["responded_by_user"] and not reason:
            self.log.warning("Answered without a reason, which the decision has to tell: asked again")
            return super().execute(context)
        answer = internals.answer(self, context, event)
        name = answer.by or "nobody in time"
        because = f"{'approved' if answer.approved else 'rejected'} by {name}" + (f" ({reason})" if reason else "")
        return to_wire(Approval(answer.approved, name, because))
