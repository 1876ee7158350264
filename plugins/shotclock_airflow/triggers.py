"""The trigger that waits for an alert in the triggerer: no worker slot is held meanwhile."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent


class AlertTrigger(BaseTrigger):
    """Fires once a finding of `kind` about the champion's newest window asks for a retraining.

    Args:
        seconds: between two looks at the store.
    """

    def __init__(self, project: str, kind: Any, seconds: float) -> None:
        super().__init__()
        self.project = project
        self.kind = kind
        self.seconds = seconds

    def serialize(self) -> tuple[str, dict[str, Any]]:
        arguments = {"project": self.project, "kind": self.kind, "seconds": self.seconds}
        return "shotclock_airflow.triggers.AlertTrigger", arguments

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """The sensor has just looked, so this sleeps first; a task resumed in its first moment may be taken for lost."""
        while True:
            await asyncio.sleep(self.seconds)
            reason = await asyncio.to_thread(self._reason)
            if reason:
                yield TriggerEvent({"reason": reason})
                return

    def _reason(self) -> str | None:
        from shotclock.errors import StoreError
        from shotclock.reading import findings

        try:
            _, signal = findings.newest(self.project, self.kind)
        except StoreError as error:  # nothing was promoted or checked yet: that is what this waits for
            self.log.info("not yet: %s", error)
            return None
        return signal.reason if signal.fires else None
