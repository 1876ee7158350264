"""The base rate as a model: one probability for every row, of whatever types the columns are."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from shotclock.models.candidates.algorithms import Rows
from shotclock.models.candidates.base_rate import base_rate
from shotclock.models.predictor import predictor

LABELS = np.resize([0, 0, 1], 300)
NUMBERS = pd.DataFrame({"a": np.arange(300.0), "b": np.resize([1.0, np.nan], 300)})
FRAMES = {"numbers": NUMBERS, "texts": NUMBERS.assign(b=np.resize(["north", None], 300))}


@pytest.mark.parametrize("features", FRAMES.values(), ids=FRAMES)
def test_every_row_is_given_the_share_of_label_1_also_by_the_fast_way(features):
    made = base_rate(Rows(features, LABELS), folds=5, seed=1)
    assert made.params == {"positive_rate": pytest.approx(1 / 3)}
    np.testing.assert_allclose(made.model.predict_proba(features)[:, 1], 1 / 3)
    rows = pa.RecordBatch.from_pandas(features, preserve_index=False)
    found = predictor(made.model, ["a", "b"], "1")(rows)
    np.testing.assert_array_equal(found, made.model.predict_proba(features)[:, 1])


def test_its_figures_are_those_of_a_constant():
    made = base_rate(Rows(NUMBERS, LABELS), folds=5, seed=1)
    entropy = -(np.log(1 / 3) + 2 * np.log(2 / 3)) / 3
    assert made.cv["log_loss"] == pytest.approx(entropy)
    assert made.cv["roc_auc"] == 0.5
    assert len(made.folds) == 5
