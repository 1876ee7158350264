"""Streams with planted change, made anew for `benchmarks.histories`: files and a project as a user would have them.

Each is a training file, and then weeks of labelled rows. *SEA* (Street and Kim 2001) changes its threshold three times at a
stroke; the *hyperplane* (Hulten, Spencer and Domingos 2001) turns a little with each row; *quiet* never changes.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Stream = Callable[[np.random.Generator, int, int], tuple[Floats, Floats]]  # rows before, rows later; features and P(1)

TRAINING, WEEKS, WEEK = 5_000, 20, 1_000  # rows, weeks, rows in each
BEGIN = datetime(2025, 1, 6)  # the first week after the training file; a Monday


def sea(random: np.random.Generator, before: int, later: int) -> tuple[Floats, Floats]:
    features = random.uniform(0, 10, (before + later, 3))
    place = np.clip((np.arange(before + later) - before) / later, 0, 1)
    threshold = np.select([place < 0.25, place < 0.5, place < 0.75], [8.0, 9.0, 7.0], 9.5)
    return features, np.where(features[:, 0] + features[:, 1] <= threshold, 0.9, 0.1)


def hyperplane(random: np.random.Generator, before: int, later: int) -> tuple[Floats, Floats]:
    features = random.uniform(0, 1, (before + later, 6))
    turned = np.clip(np.arange(before + later) - before, 0, None) / later * np.pi
    weights = np.stack([np.cos(turned), np.sin(turned), *[np.full(len(turned), 0.3)] * 4], axis=1)
    return features, 1 / (1 + np.exp(-6 * ((features - 0.5) * weights).sum(axis=1)))


def quiet(random: np.random.Generator, before: int, later: int) -> tuple[Floats, Floats]:
    features = random.normal(0, 1, (before + later, 4))
    return features, 1 / (1 + np.exp(-features[:, 0] + 0.5 * features[:, 1] * features[:, 2]))


STREAMS: dict[str, Stream] = {"sea": sea, "hyperplane": hyperplane, "quiet": quiet}


def write(name: str, seed: int, raw: Path) -> dict[str, Any]:
    """Both raw files of a stream, and what its project file says."""
    random = np.random.default_rng(seed)
    features, truth = STREAMS[name](random, TRAINING, WEEKS * WEEK)
    rows = pd.DataFrame(features, columns=[f"x{number}" for number in range(features.shape[1])])
    names = {name: {"type": "number"} for name in rows}
    rows["y"] = (random.random(len(rows)) < truth).astype(int)
    rows["id"] = np.arange(len(rows))
    rows["at"] = BEGIN + (rows["id"] - TRAINING) * (timedelta(weeks=1) / WEEK)
    files = {"training": f"{name}_before.parquet", "production": f"{name}_later.parquet"}
    rows[:TRAINING].to_parquet(raw / files["training"])
    rows[TRAINING:].to_parquet(raw / files["production"])
    return {
        "name": name,
        "title": f"A stream: {name}",
        "data": files,
        "columns": {"id": "id", "time": "at", "target": "y", "features": names},
        "training": {"candidates": ["decision_tree", "logistic_regression"]},
        "retraining": {"schedule": "0 0 * * 1", "recent_rows": 10_000},
    }
