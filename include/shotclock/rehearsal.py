"""What every task does, done once in the process that tasks are forked from, so that it is new to none of them.

What a library prepares when it is first used (statements compiled, modules loaded late, tables of what is installed) a forked
process inherits. It is less than a second here, and a twentieth of a second and more in each task otherwise.
"""

import logging
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.dummy import DummyClassifier
from sklearn.pipeline import Pipeline

from shotclock import drift, registry
from shotclock.config import DriftRules, Feature
from shotclock.runs import Run

NOBODY = "rehearsal"  # the project, which exists only meanwhile
_MOST_TAGS = 3  # that a question to the store names at once


def rehearse() -> None:
    """Register and promote a model, ask the store what steps ask, check for drift: in an empty store of its own."""
    disabled = logging.root.manager.disable
    logging.disable(logging.INFO)  # nobody shall take it for something that happened
    try:
        _check_drift()
        if not registry.is_a_file():
            registry.save_once()
            return
        with tempfile.TemporaryDirectory() as folder, registry.elsewhere(Path(folder)):
            _use_store()
    finally:
        logging.disable(disabled)


def _use_store() -> None:
    run, example = Run(NOBODY, "training", "rehearsal"), pd.DataFrame({"x": [0.0, 1.0]})
    model = Pipeline([("model", DummyClassifier())]).fit(example, [0, 1])
    with registry.tracked(run, "train", "Rehearsal", kind="decision") as record:
        for names in ("a", "bc"):  # one value is written by another statement than several
            record.record(
                params=dict.fromkeys(names, 1), metrics=dict.fromkeys(names, 1.0), tags=dict.fromkeys(names, 1)
            )
        record.json({}, "rehearsal.json")
        version = registry.register(run, record.id, model, example, tags={"of": NOBODY})
    registry.promote(version, expected=None)
    registry.champion(NOBODY)
    registry.run(record.id)
    for count in range(_MOST_TAGS):
        registry.newest(NOBODY, "decision", tags=dict.fromkeys("abc"[:count], "1"))
    registry.newest(NOBODY, "decision", unless={"a": "2"})


def _check_drift() -> None:
    rows = 200
    frame = pd.DataFrame({"number": np.arange(rows) / rows, "category": [0, 1] * (rows // 2)})
    columns = {
        "number": Feature(type="number", drift="wasserstein", drift_threshold=0.1),
        "category": Feature(type="integer", allowed=(0, 1), drift="jensenshannon", drift_threshold=0.1),
    }
    drift.check(frame, frame, columns, DriftRules(min_rows=rows))
