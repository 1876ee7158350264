"""What the steps that make and judge models share: a file's rows, one fit, probabilities, pickles between tasks."""

import hashlib
import pickle
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline

from shotclock.config import BASE_RATE, RECALIBRATED, project
from shotclock.errors import ContractError
from shotclock.files import storage
from shotclock.files.storage import Address
from shotclock.handoff import Compared
from shotclock.models import candidates as models
from shotclock.models.candidates.algorithms import Inputs
from shotclock.models.candidates.base_rate import base_rate, constant
from shotclock.models.candidates.recalibration import recalibrate, recalibrated
from shotclock.models.pickling import pickled
from shotclock.store.run import Run
from shotclock.store.versions import registry


def frame(path: str | Address) -> pd.DataFrame:
    """The rows of a parquet file."""
    rows: pd.DataFrame = storage.read_table(storage.at(str(path))).to_pandas()
    return rows


def plan(run: Run, algorithm: str, seed: int) -> models.Plan:
    """What is searched for an algorithm, as the project says."""
    found = project(run.project)
    rules, inputs = found.training, Inputs.of(found.columns.features)
    return models.Plan(algorithm, folds=rules.folds, iterations=rules.iterations, seed=seed, inputs=inputs)


def learnable(run: Run, rows: pd.DataFrame) -> models.Rows:
    """Rows of a project, checked, as candidates learn from them.

    Raises:
        ContractError: see `models.candidates.rows_of`.
    """
    rules = project(run.project)
    features, target = rows[list(rules.columns.features)], rows[rules.columns.target]
    return models.rows_of(features, target, rules.training.folds, Inputs.of(rules.columns.features))


def old_model(run: Run, candidate: Compared) -> Pipeline | None:
    """The champion's model, where the candidate is its recalibration."""
    return registry.require_champion(run.project).load() if candidate.algorithm == RECALIBRATED else None


def fit(run: Run, candidate: Compared, rows: pd.DataFrame, old: Pipeline | None = None) -> models.Trained:
    """Fit a candidate's chosen settings on these rows; or refit the probabilities of the `old` model."""
    asked, known = plan(run, candidate.algorithm, candidate.seed), learnable(run, rows)
    if candidate.algorithm == BASE_RATE:
        return base_rate(known, folds=asked.folds, seed=asked.seed)
    if candidate.search is None:
        base = old or registry.require_champion(run.project).load()
        return recalibrate(base, known, folds=asked.folds, seed=asked.seed)
    return models.fit(models.Entry(candidate.name, asked, known), candidate.search)


def model(run: Run, candidate: Compared, rows: pd.DataFrame, old: Pipeline | None = None) -> Pipeline:
    """What `fit` fits, without the figures of folds that only who is shown needs: a recalibration takes a tenth of the time."""
    if candidate.search is not None:
        return fit(run, candidate, rows).model
    known = learnable(run, rows)
    if candidate.algorithm == BASE_RATE:
        return constant(known)
    return recalibrated(old or registry.require_champion(run.project).load(), known)


def probability(model: Pipeline, rows: pd.DataFrame, features: list[str]) -> NDArray[Any]:
    """Of label 1, shape (rows,)."""
    return model.predict_proba(rows[features])[:, 1] if len(rows) else np.empty(0)


def write_pickle(model: Pipeline, path: Address) -> None:
    with storage.replacing(path) as partial:
        partial.write_bytes(pickled(model))


def read_pickle(path: Address, sha256: str) -> Pipeline:
    """A model that another task of this run has pickled, if the file is still the one that it wrote: a pickle may hold code.

    Raises:
        ContractError: the file was changed since.
    """
    content = storage.read(path)
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise ContractError(
            f"{path}: found sha256 {found}, expected {sha256}: somebody changed the model after it was trained, so it is "
            "not loaded; start a new run"
        )
    return pickle.loads(content)
