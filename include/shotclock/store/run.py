"""Which run of which flow is at work: the identity that folders, MLflow runs and messages carry."""

from dataclasses import dataclass
from datetime import datetime

from shotclock.config import settings
from shotclock.files import storage


@dataclass(frozen=True)
class Run:
    """One run of one flow.

    Attributes:
        project: the project's name.
        flow: `training`, `inference`, `monitoring`, `retraining`, `rollback` or `policies`.
        id: the orchestrator's id of the run; the same id means the same run, also when a task is tried again.
        cause: why it runs: `manual`, `scheduled`, who asked for it, or the event that triggered it.
        asked: when it was asked for, which may be long before its turn came; None where nobody can say.
    """

    project: str
    flow: str
    id: str
    cause: str = "manual"
    asked: datetime | None = None

    def key(self, step: str) -> str:
        """What names this run's `step` in the store, so that a second try finds what the first one left."""
        return f"{self.project}/{self.flow}/{self.id}/{step}"


def folder_of(run: Run) -> storage.Address:
    """Where this run writes its files."""
    return storage.run_folder(settings().data, run.project, run.flow, run.id)
