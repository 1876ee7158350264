"""The newest comparison of policies of retraining, as pages show it."""

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from pydantic import TypeAdapter, ValidationError

from shotclock.errors import StoreError
from shotclock.judging.policies import Comparison
from shotclock.store import queries, records
from shotclock.store.server import artifacts

_table = TypeAdapter(Comparison)


@dataclass(frozen=True)
class Compared:
    """What policies would have cost, when that was asked, and the MLflow run that holds it.

    Attributes:
        comparison: None where the run's table cannot be read; `fault` says why.
        synthetic: whether rows of it were made up.
    """

    at: datetime
    dag_id: str
    run_id: str
    mlflow_run_id: str
    synthetic: bool
    comparison: Comparison | None
    fault: str = ""


def newest(name: str) -> Compared | None:
    """The newest one, or None where nobody has asked yet. One question to the store; a run's table is read once."""
    for stored in queries.newest(name, records.Policies):
        place = stored.at, stored.dag_id, stored.run_id, stored.id, stored.record.synthetic
        try:
            return Compared(*place, _read(stored.id))
        except StoreError as error:
            return Compared(*place, None, str(error))
    return None


@lru_cache(maxsize=64)
def _read(mlflow_run_id: str) -> Comparison:
    try:
        return _table.validate_json(artifacts.text(mlflow_run_id, records.COMPARISON))
    except ValidationError as error:
        raise StoreError(
            f"MLflow run {mlflow_run_id}, {records.COMPARISON}: {error.errors()[0]['msg']}; another version of Shotclock wrote "
            "it: compare again"
        ) from error
