"""What tests of the store share: an empty one, and the runs of it as MLflow has them."""

import time

import pytest
from mlflow import MlflowClient

from shotclock.config import settings
from shotclock.store import records, tracking
from shotclock.store.run import Run


@pytest.fixture
def store(at):
    """An empty store, through MLflow's own client."""
    at("empty")
    return MlflowClient(settings().tracking_uri)


@pytest.fixture
def runs(store):
    """`runs()`: the MLflow runs of the project that are not deleted."""

    def look(project="shots"):
        found = store.get_experiment_by_name(project)
        return [] if found is None else list(store.search_runs([found.experiment_id]))

    return look


@pytest.fixture
def checked(store):
    """`checked("shots", 1)`: what monitoring number 1 found, of drift or of the kind given, about `w1`; gives the run's id."""

    def write(project, number, kind=records.Drift, *, window="", verdict="ok", champion="1", figures=None):
        given = {"threshold_share": 0.6} if kind is records.Drift else {}
        record = kind(
            batch_count=1,
            figures=figures or {},
            verdict=verdict,
            reason="so",
            window=window or f"w{number}",
            champion=champion,
            batches=(f"{number}.parquet",),
            synthetic=False,
            **given,
        )
        with tracking.tracked(Run(project, "monitoring", f"m{number}"), kind.kind, kind) as opened:
            opened.write(record)
        time.sleep(0.002)  # MLflow knows milliseconds
        return opened.id

    return write
