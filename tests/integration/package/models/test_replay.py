"""What retrainings in the past would have brought, on made rows of every type of feature."""

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pandas as pd
import pytest

from shotclock.config import Project
from shotclock.judging.performance import losses
from shotclock.judging.policies import Made
from shotclock.models.replay import History, before, drifted, first, past, tune

ROWS, BLOCKS, TURN = 500, 6, 2
RULES = {
    "name": "made",
    "title": "Made",
    "data": {"training": "a.parquet", "production": "b.parquet"},
    "columns": {
        "id": "id",
        "time": "at",
        "target": "y",
        "features": {
            "colour": {"type": "category", "missing": "allowed", "drift_threshold": 0.3},
            "size": {"type": "number", "missing": "allowed", "drift_threshold": 0.3},
            "count": {"type": "integer", "min": 0, "max": 9, "drift_threshold": 0.3},
        },
    },
    "training": {"backend": "scikit-learn", "candidates": ["logistic_regression"], "folds": 2, "iterations": 1},
    "gate": {"min_rows": 200, "resamples": 100},
    "drift": {"share": 0.3},
    "retraining": {"recent_rows": 1000},
}


def rows(number, seed, turned=False):
    random = np.random.default_rng(seed)
    colour = random.choice(["red", "green", "blue"], number)
    odds = np.where(colour == "red", 1.5, -1.0) * (-1 if turned else 1)
    frame = pd.DataFrame({"id": range(number), "colour": colour, "size": random.normal(5 if turned else 0, 1, number)})
    frame["count"], frame["y"] = random.integers(0, 10, number), (random.random(number) < 1 / (1 + np.exp(-odds))) * 1
    frame.loc[::7, "size"], frame.loc[::11, "colour"] = np.nan, None
    return frame


@pytest.fixture(scope="module")
def found():
    blocks = [rows(ROWS, 10 + block, turned=block >= TURN) for block in range(BLOCKS)]
    begin = pd.Timestamp("2026-01-01").to_pydatetime()
    ends = tuple(begin + timedelta(days=31 * (block + 1)) for block in range(BLOCKS))
    later = pd.concat(blocks, ignore_index=True)
    history = History(rows(1500, 1), rows(400, 2), later, tuple(range(0, ROWS * BLOCKS + 1, ROWS)), begin, ends)
    rules = Project.model_validate(RULES)
    tuned = tune(history.training, rules)
    given = [before(history, block, tuned, rules) for block in range(BLOCKS)]
    drifts = [drifted(history, block, rules) for block in range(BLOCKS)]
    return past(history, first(history, tuned, rules), given, drifts, rules)


@pytest.mark.parametrize("preferred", [0, 1])
def test_the_first_model_is_the_one_that_a_training_chooses_by_cross_validation_and_not_by_the_test_rows(preferred):
    two = {"training": RULES["training"] | {"candidates": ["logistic_regression", "decision_tree"]}}
    rules, known, begin = Project.model_validate(RULES | two), rows(600, 1), pd.Timestamp("2026-01-01").to_pydatetime()
    history = History(known, rows(200, 2), rows(200, 3), (0, 200), begin, (begin,))
    tuned = [
        replace(one, search=replace(one.search, tried=(replace(one.search.tried[0], log_losses=(told,)),), best=0))
        for one, told in zip(tune(known, rules), (0.5, 0.6) if preferred == 0 else (0.6, 0.5), strict=True)
    ]
    assert first(history, tuned, rules).serves == 2 * preferred


def test_text_and_gaps_are_learnt_from_as_the_project_declares_them(found):
    assert found.reference.log_loss_skill.value > 0.1
    assert losses(found.labels, found.first)[found.rows(0, 1)].mean() < 0.65


def test_a_recipe_gives_nothing_to_rows_that_it_has_learnt_from(found):
    assert found.probability.shape == (2, BLOCKS, ROWS * BLOCKS)  # on everything, and on recent rows alone
    for block, cut in enumerate(found.cuts[:-1]):
        given = ~np.isnan(found.probability[:, block])
        assert not given[:, :cut].any() and given[:, cut:].all()
    assert not np.isnan(found.record).any()


def test_after_a_turn_the_newer_models_lose_less_and_the_first_ones_window_has_drifted(found):
    last = found.rows(BLOCKS - 1, BLOCKS)
    recent = found.loss(Made(1, BLOCKS - 1))[last].mean()
    assert recent < found.loss(Made(1, 0))[last].mean() - 0.4
    assert recent < found.loss(Made(0, BLOCKS - 1))[last].mean()  # who learns from everything has more to forget
    assert found.drifted[0].tolist() == [block >= TURN for block in range(BLOCKS)]
