"""A loop whose flows are killed, each at a random write, and go on: it ends as one that was left in peace."""

import itertools
import os
import random
import signal
from pathlib import Path

import pandas as pd
import pytest
from mlflow import MlflowClient

from shotclock import flows
from shotclock.config import settings
from shotclock.files import storage
from shotclock.steps import rollback
from shotclock.store import history
from shotclock.store.intake import ledger
from shotclock.store.run import Run
from shotclock.store.server.client import experiment_id
from shotclock.store.versions import registry

KILLS = int(os.environ.get("KILLS", "6"))  # at least, each in another flow; `make test-chaos` asks for 200
WRITES = {
    MlflowClient: (
        *(
            "create_run",
            "update_run",
            "set_terminated",
            "log_batch",
            "log_inputs",
            "log_artifact",
            "log_dict",
            "set_tag",
        ),
        *("create_logged_model", "finalize_logged_model", "create_registered_model", "create_model_version"),
        *("set_logged_model_tags", "set_registered_model_alias"),
    ),
    Path: ("replace", "symlink_to", "write_bytes", "mkdir"),
}


def roll_back(project, run_id):
    return rollback.rollback(Run(project, "rollback", run_id), "complaints")


LOOP = (
    ("training", flows.train),
    ("inference", flows.score),
    ("monitoring", flows.check),
    ("retraining", lambda project, run_id: flows.retrain(project, run_id, by="alert")),
    ("inference", flows.score),
    ("monitoring", flows.check),
    ("rollback", roll_back),
)


def counted(writes, hook):
    """Call `hook` before each write."""

    def before(write):
        def call(*args, **kwargs):
            hook()
            return write(*args, **kwargs)

        return call

    for owner, names in WRITES.items():
        for name in names:
            writes.setattr(owner, name, before(getattr(owner, name)))


def killed(flow, run_id, number):
    """Run a flow in a process that is killed just before its write of that number; whether it came to that."""
    child = os.fork()
    if not child:
        try:
            written = itertools.count(1)
            hook = lambda: next(written) == number and os.kill(os.getpid(), signal.SIGKILL)  # noqa: E731
            counted(pytest.MonkeyPatch(), hook)
            flow("shots", run_id)
        finally:
            os._exit(0)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


def runs():
    return MlflowClient(settings().tracking_uri).search_runs([experiment_id("shots")], max_results=1000)


def probabilities():
    place = storage.published(settings().data, "shots", "predictions") / "resultado_pipeline.parquet"
    return pd.read_parquet(place).drop(columns="model_version")


def what_is_left():
    """What must not depend on a kill: numbers of versions do, where one was registered that never came into service."""
    serving = [registry.by_alias("shots", alias) for alias in (registry.CHAMPION, registry.PREVIOUS)]
    return (
        [version.origin.model_sha256 for version in serving],
        storage.digest(settings().data / "shots" / "champion" / registry.MODEL_FILE),
        [(done.flow, done.outcome) for done in history.decisions("shots")],
        sorted(alert.kind for alert in history.alerts("shots")),
        [batch.name for batch in ledger.entries("shots")],
        probabilities().to_csv(),
    )


def test_a_loop_killed_at_random_places_ends_as_one_that_was_left_in_peace(small):
    small()
    counts = []
    for number, (_, flow) in enumerate(LOOP):
        with pytest.MonkeyPatch.context() as patch:
            written = itertools.count()
            counted(patch, lambda: next(written))  # noqa: B023  (called within this turn)
            flow("shots", f"peace{number}")
            counts.append(next(written))
    in_peace, chance, done = what_is_left(), random.Random(7), 0
    for turn in itertools.count():
        if done >= KILLS:
            break
        small()
        for number, (name, flow) in enumerate(LOOP):
            # a rollback that is asked for anew goes back once more, so it is always the same one that is tried again
            place, again = chance.randint(1, counts[number]), name == "rollback" or chance.random() < 0.5
            done += killed(flow, f"k{turn}.{number}", place)
            flow("shots", f"k{turn}.{number}" if again else f"n{turn}.{number}")
            told = f"{name}, turn {turn}, killed at write {place} of {counts[number]}, {'tried again' if again else 'left'}"
            assert [run.info.run_name for run in runs() if run.info.status == "RUNNING"] == [], told
        for found, expected in zip(what_is_left(), in_peace, strict=True):
            assert found == expected, f"turn {turn}"
