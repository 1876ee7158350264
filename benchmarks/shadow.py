"""What a shadow costs a batch: `python -m benchmarks.shadow [--rows 1000000] [--times 5] [--data data/raw]`.

Processor seconds (user and system, all threads) of scoring with a shadow and without, alternating; medians. First the pass
over a large file, models in memory, for pairs of the kinds of models that there are; its rows are the production shots of
`kobe_shots` over and over, each with an id of its own. Then whole batches through `flows.score`, with MLflow and the
loading of both models, after a retraining as in `histories`.
"""

import argparse
import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier
from yaml import safe_load

from benchmarks.histories import PROJECTS, ROOT, settle, write
from shotclock.config import Project, load_project
from shotclock.models import scoring
from shotclock.steps.shadow import MOST_ROWS

PROJECT = "kobe_shots"
MODELS = {
    "tree": lambda: make_pipeline(DecisionTreeClassifier(max_depth=5, min_samples_leaf=100, random_state=0)),
    "logistic regression": lambda: make_pipeline(StandardScaler(), LogisticRegression()),
    "boosting": lambda: make_pipeline(HistGradientBoostingClassifier(random_state=0)),
}
PAIRS = [
    ("tree", "tree"),
    ("logistic regression", "tree"),
    ("boosting", "tree"),
    ("boosting", "boosting"),
    ("tree", "boosting"),
]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--times", type=int, default=5)
    parser.add_argument("--data", type=Path, default=ROOT / "data" / "raw", help="the folder of the two raw files")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        passes(Path(home), asked.data, asked.rows, asked.times)
    with tempfile.TemporaryDirectory() as home:
        whole(Path(home), asked.data, asked.times)


def passes(home: Path, data: Path, rows: int, times: int) -> None:
    """Of a large file, models in memory."""
    project = load_project(PROJECTS / f"{PROJECT}.yaml")
    columns, features = project.columns, list(project.columns.features)
    train = pd.read_parquet(data / project.data.training).dropna()
    models = {name: make().fit(train[features], train[columns.target].astype(int)) for name, make in MODELS.items()}
    source = large(project, data, home, rows)
    for champion, beside in PAIRS:
        share = min(1.0, MOST_ROWS / rows)
        shadow = scoring.Shadow.of(models[beside], columns, "1", home / "shadow.parquet", share=share, seed=42)
        found = compared(_pass(project, models[champion], source, shadow), times)
        print(f"{rows:,} rows, champion {champion}, shadow {beside}: {found}", flush=True)


def _pass(project: Project, model: object, source: Path, shadow: scoring.Shadow) -> Callable[[bool], None]:
    def score(with_shadow: bool) -> None:
        out = source.parent
        scoring.score_file(
            model,
            project.columns,
            source,
            out / "result.parquet",
            out / "quarantine.parquet",
            version="2",
            max_bad_share=0.01,
            shadow=shadow if with_shadow else None,
        )

    return score


def large(project: Project, data: Path, home: Path, rows: int) -> Path:
    """The production rows over and over, with ids of their own."""
    once, path = pq.read_table(data / project.data.production), home / "large.parquet"
    table = once.take(pa.array(np.arange(rows) % once.num_rows))
    place = table.schema.get_field_index(project.columns.id)
    pq.write_table(
        table.set_column(place, table.schema.field(place), pa.array(np.arange(rows), table.schema.field(place).type)),
        path,
    )
    return path


def whole(home: Path, data: Path, times: int) -> None:
    """Of batches through the flow: champion and shadow are those of a retraining."""
    from shotclock import config, flows
    from shotclock.store import queries
    from shotclock.store.records import Application

    os.environ["SHOTCLOCK_DATA_DIR"] = str(data.resolve())
    settle(home)
    file, count = write(home, safe_load((PROJECTS / f"{PROJECT}.yaml").read_text("utf-8"))), iter(range(10_000))
    flows.train(PROJECT, "first")
    shutil.copy(data / "dataset_kobe_prod.parquet", home / "data" / "raw" / "arrivals" / "first.parquet")
    flows.score(PROJECT, "first")
    flows.retrain(PROJECT, "second", reason="for a shadow")
    rules = file.read_text("utf-8")

    def score(path: Path, with_shadow: bool) -> None:
        file.write_text(
            rules if with_shadow else rules.replace("retraining:\n", "retraining:\n  demote: off\n"), "utf-8"
        )
        config.project.cache_clear()
        flows.score(PROJECT, f"s{next(count)}", path=path)
        assert (queries.newest(PROJECT, Application)[0].record.shadow is not None) == with_shadow

    project = load_project(file)
    for rows in (6_426, 100_000):
        found = compared(partial(score, large(project, data, home, rows)), times)
        print(f"{rows:,} rows through flows.score: {found}", flush=True)


def compared(score: Callable[[bool], None], times: int) -> str:
    spent: dict[bool, list[float]] = {True: [], False: []}
    for number in range(times + 1):
        for with_shadow in (False, True):
            begun = time.process_time()
            score(with_shadow)
            if number:  # the first warms up
                spent[with_shadow].append(time.process_time() - begun)
    alone, both = (statistics.median(spent[which]) for which in (False, True))
    return f"{alone:.2f} s of processor alone, {both:.2f} s with the shadow, {both / alone - 1:+.0%}"


if __name__ == "__main__":
    main()
