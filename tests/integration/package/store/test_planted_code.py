"""Whoever may write to the store may plant a model, with a digest of its own, and move the alias: its code never runs."""

import os
import pickle
import shutil
from pathlib import Path

import joblib
import mlflow
import numpy as np
import pandas as pd
import pytest
import skops.io
from mlflow import MlflowClient
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from yaml import safe_dump, safe_load

from shotclock.config import settings
from shotclock.errors import StoreError
from shotclock.rows.values import Input
from shotclock.store import records, tracking
from shotclock.store.run import Run
from shotclock.store.versions import registry

RUN = Run("shots", "training", "t9")
ROWS = pd.DataFrame({"near": [0.0, 1, 2, 3], "late": [1.0, 0, 1, 0]})


class Planted(Pipeline):
    """A pipeline that touches a file when it is unpickled."""

    def __reduce__(self):
        return os.mkdir, (os.environ["CANARY"],)


def sound():
    return Pipeline([("scale", StandardScaler()), ("model", LogisticRegression())]).fit(ROWS, [0, 0, 1, 1])


def planted():
    return Planted([("scale", StandardScaler()), ("model", LogisticRegression())])


@pytest.fixture
def canary(tmp_path, monkeypatch):
    monkeypatch.setenv("CANARY", str(tmp_path / "canary"))
    return tmp_path / "canary"


@pytest.fixture
def files(store):
    """The folder of the champion's files in the store, and `publish`, which makes the digest that of what is there now."""
    run = tracking.open_run(RUN, "train/first", records.Candidate, name="first")
    version = registry.register(
        RUN, run.id, registry.store(RUN, run.id, sound(), ROWS, [Input(name) for name in ROWS]), records.Origin()
    )
    registry.promote(version, expected=None)
    source = MlflowClient(settings().tracking_uri).get_model_version("shots", version.number).source
    folder = Path(_folder(source))

    def publish():
        store.set_model_version_tag("shots", version.number, "shotclock.stored_sha256", registry._digest(folder))

    return folder, publish


def _folder(source):
    from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

    return get_artifact_repository(source).repo.artifact_dir


def describe(folder, **flavor):
    """Say something else of the model in MLflow's own description."""
    file = folder / "MLmodel"
    told = safe_load(file.read_text("utf-8"))
    told["flavors"]["sklearn"] |= flavor
    told["flavors"]["python_function"]["model_path"] = told["flavors"]["sklearn"]["pickled_model"]
    file.write_text(safe_dump(told), "utf-8")


def as_a_pickle(folder):
    (folder / "model.skops").unlink()
    (folder / "model.pkl").write_bytes(pickle.dumps(planted()))
    describe(folder, pickled_model="model.pkl", serialization_format="pickle")


def as_a_pickle_of_joblib(folder):
    (folder / "model.skops").unlink()
    joblib.dump(planted(), folder / "model.joblib")
    describe(folder, pickled_model="model.joblib", serialization_format="joblib")


def as_a_pickle_called_skops(folder):
    (folder / "model.skops").write_bytes(pickle.dumps(planted()))
    describe(folder, serialization_format="pickle")


def as_a_pickle_beside_the_sound_model(folder):
    (folder / "model.pkl").write_bytes(pickle.dumps(planted()))
    describe(folder, pickled_model="model.pkl", serialization_format="cloudpickle")


def as_code_beside_the_model(folder):
    (folder / "code").mkdir()
    for name in ("sklearn_extra.py", "sitecustomize.py", "numpy.py"):
        (folder / "code" / name).write_text("import os; os.mkdir(os.environ['CANARY'])\n", "utf-8")
    describe(folder, code="code")


def as_a_function_of_the_system(folder):
    steps = [("call", FunctionTransformer(os.mkdir)), ("model", LogisticRegression())]
    skops.io.dump(Pipeline(steps), folder / "model.skops")
    describe(folder, skops_trusted_types=["posix.mkdir", "os.mkdir"])


def as_a_function_of_numpy(folder):
    steps = [("call", FunctionTransformer(np.load)), ("model", LogisticRegression())]
    skops.io.dump(Pipeline(steps), folder / "model.skops")
    describe(folder, skops_trusted_types=["numpy.load"])


def as_a_class_of_the_writers(folder):
    skops.io.dump(Pipeline([("model", Strange())]), folder / "model.skops")
    describe(folder, skops_trusted_types=[f"{Strange.__module__}.Strange"])


def as_something_else(folder):
    skops.io.dump({"model": LogisticRegression()}, folder / "model.skops")


def as_half_a_file(folder):
    file = folder / "model.skops"
    file.write_bytes(file.read_bytes()[:-200])


def as_an_empty_file(folder):
    (folder / "model.skops").write_bytes(b"")


def as_no_file(folder):
    (folder / "model.skops").unlink()


def as_a_folder(folder):
    (folder / "model.skops").unlink()
    (folder / "model.skops").mkdir()
    (folder / "model.skops" / "x").write_text("x", "utf-8")


class Strange(LogisticRegression):
    """A class that nobody here knows."""


WAYS = [
    as_a_pickle,
    as_a_pickle_of_joblib,
    as_a_pickle_called_skops,
    as_code_beside_the_model,
    as_a_function_of_the_system,
    as_a_function_of_numpy,
    as_a_class_of_the_writers,
    as_something_else,
    as_half_a_file,
    as_an_empty_file,
    as_no_file,
    as_a_folder,
]


@pytest.mark.parametrize(
    "way", [way for way in WAYS if way is not as_code_beside_the_model], ids=lambda way: way.__name__
)
def test_a_planted_model_is_refused_by_name_and_nothing_of_it_runs(files, canary, way):
    folder, publish = files
    way(folder)
    publish()
    with pytest.raises(StoreError, match=r"models:/shots/1: .*(model\.skops|files)"):
        registry.require_champion("shots").load()
    assert not canary.exists()


@pytest.mark.parametrize(
    "way", [as_code_beside_the_model, as_a_pickle_beside_the_sound_model], ids=lambda way: way.__name__
)
def test_what_is_planted_beside_a_sound_model_is_not_looked_at(files, canary, way):
    folder, publish = files
    way(folder)
    publish()
    found = registry.require_champion("shots").load()
    np.testing.assert_array_equal(found.predict_proba(ROWS), sound().predict_proba(ROWS))
    assert not canary.exists()


@pytest.mark.parametrize(
    "way", [as_a_pickle, as_a_pickle_called_skops, as_code_beside_the_model], ids=lambda way: way.__name__
)
def test_mlflows_own_loader_would_have_run_it_or_believed_it(files, canary, way, monkeypatch):
    """So these attempts are real ones: without our own reader the canary is there, or the files are taken for a model."""
    folder, _ = files
    way(folder)
    monkeypatch.setenv("MLFLOW_ALLOW_PICKLE_DESERIALIZATION", "true")
    try:
        mlflow.sklearn.load_model(str(folder))
    except Exception as error:  # noqa: BLE001 (whatever it says once the code has run)
        assert canary.exists(), error
    assert canary.exists() or way is as_code_beside_the_model


def test_one_byte_that_was_changed_is_found_before_anything_is_read(files, canary):
    folder, _ = files
    file = folder / "model.skops"
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    with pytest.raises(StoreError, match="somebody changed them, so the model is not loaded"):
        registry.require_champion("shots").load()


def test_a_stored_model_that_is_gone_is_named(files):
    shutil.rmtree(files[0])
    with pytest.raises(StoreError, match="models:/shots/1: its files"):
        registry.require_champion("shots").load()
