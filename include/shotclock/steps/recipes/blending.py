"""The blend of a retraining's recipes: one more recipe, whose weights are learnt from their track records."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline

from shotclock.config import BLEND, RECALIBRATED, Columns, project
from shotclock.files import storage
from shotclock.handoff import Compared, RecentData, Selection, TrainedCandidate
from shotclock.judging.slices.shares import mixed, mixture
from shotclock.models import candidates as models
from shotclock.models.candidates.blend import blended
from shotclock.models.searched import Settings
from shotclock.steps.recipes import fits
from shotclock.steps.recipes import record as track
from shotclock.store import records, tracking
from shotclock.store.run import Run, folder_of
from shotclock.store.tracking import tracked
from shotclock.words import summaries

_FEWEST = 2  # recipes


def blend(run: Run, trained: Sequence[TrainedCandidate], data: RecentData) -> TrainedCandidate | None:
    """What the recipes give to each block, weighed by how well each had done before it; None where there is nothing to weigh.

    The recalibrated champion is no part of it: it hangs on who is in service, and could hold an older blend.

    Args:
        trained: the recipes with their records.
    """
    rules = project(run.project)
    parts = [item for item in trained if item.name != RECALIBRATED]
    if not rules.training.blend or len(parts) < _FEWEST:
        return None
    own, weights = _weighed(rules.columns, {item.name: fits.frame(item.record) for item in parts})
    score = track.score(rules.columns, own, data)
    fitted = {item.name: fits.read_pickle(storage.at(item.model), item.model_sha256) for item in parts}
    given = dict(zip(fitted, weights[-2].tolist(), strict=True))  # as they were before the newest block
    model = folder_of(run) / "candidates" / f"{BLEND}.pickle"
    fits.write_pickle(_pipeline(run, given, fitted, fits.frame(data.test)), model)
    params, sha256, seed = _params(given), storage.digest(model), parts[0].seed
    parent = tracking.find_run(run, "training").id
    with tracked(run, f"train/{BLEND}", records.Candidate, name=BLEND, parent=parent) as kept:
        kept.write(
            records.Candidate(
                algorithm=BLEND,
                backend="scikit-learn",
                seed=seed,
                settings=params,
                cv={},
                validation_log_loss=score.log_loss,
                synthetic=data.synthetic,
                model_sha256=sha256,
            )
        )
        path = track.keep(run, kept, BLEND, own)
    return TrainedCandidate(
        name=BLEND,
        rows="all",
        model=str(model),
        model_sha256=sha256,
        cv={},
        score=score,
        params={name: str(weight) for name, weight in params.items()},
        seed=seed,
        record=str(path),
        mlflow_run_id=kept.id,
        summary=summaries.blend(given, score),
    )


def refit(run: Run, recipes: Sequence[Compared], selection: Selection, data: RecentData) -> models.Trained:
    """Each recipe fitted on all that it may learn from, weighed by all blocks."""
    rules, everything = project(run.project), fits.frame(data.all)
    parts = [item for item in recipes if item.name != RECALIBRATED]
    record = {item.name: fits.frame(selection.candidates[item.name].record) for item in parts}
    _, weights = _weighed(rules.columns, record)
    given = dict(zip(record, weights[-1].tolist(), strict=True))
    fitted = {
        item.name: fits.model(run, item, track.known(rules, everything, data, item.rows, data.blocks.rows))
        for item in parts
    }
    return models.Trained(BLEND, "scikit-learn", _pipeline(run, given, fitted, everything), _params(given), [], {}, [])


def _weighed(columns: Columns, record: Mapping[str, pd.DataFrame]) -> tuple[pd.DataFrame, NDArray[np.float64]]:
    """The blend's own track record, and the weights before each block and after the last."""
    of_recipes = list(record.values())
    labels, block = of_recipes[0][columns.target].to_numpy(dtype=np.float64), track.blocks_of(of_recipes[0])
    given = np.array([rows[columns.probability].to_numpy() for rows in of_recipes])
    weights = mixed(given, labels, block)
    return of_recipes[0].assign(**{columns.probability: mixture(weights, given, block)}), weights


def _pipeline(run: Run, weights: Mapping[str, float], fitted: Mapping[str, Pipeline], rows: pd.DataFrame) -> Pipeline:
    features = rows[list(project(run.project).columns.features)]
    return blended({name: (weights[name], model) for name, model in fitted.items()}, features)


def _params(weights: Mapping[str, float]) -> Settings:
    return {f"weight of {name}": round(weight, 4) for name, weight in weights.items()}
