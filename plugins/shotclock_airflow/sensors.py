"""Sensors on the health of a project's champion, usable in any DAG.

    from shotclock_airflow.sensors import DriftSensor

    DriftSensor(task_id="until_drift", project="kobe_shots")

Each looks at what monitoring concluded about the champion's newest window, through the project's rules (thresholds, k of n
windows, minimum rows, cool-down). Its condition holds when that asks for a retraining now: then it succeeds.

- `wait=True` (the default) waits until it holds, without a worker slot: the triggerer looks every `poke_interval`.
- `wait=False` decides at once: when it does not hold, the task ends as skipped, with the reason.

With `outlets` the alert is written down in MLflow, and the assets' event carries its reason, figures, window and champion.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.sdk import BaseSensorOperator
from airflow.sdk.exceptions import AirflowSkipException

from shotclock_airflow import internals
from shotclock_airflow.triggers import AlertTrigger

if TYPE_CHECKING:
    from shotclock.handoff import Sensed
    from shotclock.judging.alerts import Kind


class _AlertSensor(BaseSensorOperator):
    """What the sensors share. `kind` is the finding that each waits for."""

    kind: ClassVar["Kind"]
    template_fields = ("project",)

    def __init__(self, *, project: str, wait: bool = True, **options: Any) -> None:
        super().__init__(**options)
        self.project = project
        self.wait = wait

    def execute(self, context: Any, until: str | None = None) -> Any:
        """Look once; `until` is when a wait that goes on ends (ISO), by default `timeout` from now."""
        from shotclock.errors import StoreError
        from shotclock.handoff import Sensed, to_wire

        try:
            told = self._told(context)
        except StoreError as error:  # nothing was promoted or checked yet: no finding asks for anything
            told = Sensed(trigger=self.kind, reason=str(error), window="", champion="", fires=False)
        internals.tell(context, told)  # for notifiers
        if told.fires:
            return to_wire(told)
        if not self.wait:
            raise AirflowSkipException(told.reason)
        self.log.info("waiting: %s", told.reason)
        now = datetime.now(UTC)
        end = datetime.fromisoformat(until) if until else now + timedelta(seconds=self.timeout)
        self.defer(
            trigger=AlertTrigger(self.project, self.kind, self.poke_interval),
            method_name="resumed",
            kwargs={"until": end.isoformat()},
            timeout=max(end - now, timedelta(0)),
        )

    def resumed(self, context: Any, event: Mapping[str, str], until: str) -> Any:
        """Called when the trigger has seen the condition hold; looks again, because the loop goes on meanwhile."""
        self.log.info("seen: %s", event["reason"])
        return self.execute(context, until)

    def _told(self, context: Any) -> "Sensed":
        from shotclock.handoff import Sensed, to_wire
        from shotclock.reading import findings
        from shotclock.steps import sensing
        from shotclock.store.run import Run

        if not self.outlets:
            finding, signal = findings.newest(self.project, self.kind)
            return Sensed(
                trigger=self.kind,
                reason=signal.reason,
                window=finding.window,
                champion=finding.champion,
                fires=signal.fires,
                figures=dict(finding.verdict.figures),
            )
        run = Run(self.project, context["dag"].dag_id.removeprefix(f"{self.project}."), context["run_id"], "sensor")
        told = sensing.sense(run, self.kind)
        if told.fires:
            carried = {key: value for key, value in to_wire(told).items() if key != "summary"}
            for asset in self.outlets:
                context["outlet_events"][asset].extra = carried
        return told


class DriftSensor(_AlertSensor):
    """Holds when the project's share of columns drifted in k of the last n windows."""

    kind = "drift"


class MetricDegradationSensor(_AlertSensor):
    """Holds when labelled rows prove the champion worse than the project allows."""

    kind = "degradation"


class NewRecordsSensor(_AlertSensor):
    """Holds when enough labelled rows have come since the champion's data and the last decision."""

    kind = "new_records"


class DemotionSensor(_AlertSensor):
    """Holds when the version before is proven better than the one in service, on the rows since that took its place."""

    kind = "demotion"
