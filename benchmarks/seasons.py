"""The years go by: mean log loss over the production rows of `kobe_shots`, season by season, through the product's own flows.

Each season is scored by who is in service, then its labels are known and a retraining runs, as on the schedule. What the
retrainings cost is told in CPU seconds, all at once and of the last five; `--anew` lets them keep nothing of one another.

    .venv/bin/python -m benchmarks.seasons --data data/raw
"""

import argparse
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[1]
PROJECT = "kobe_shots"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=ROOT / "data" / "raw", help="the folder of the two raw files")
    parser.add_argument("--ships", choices=["refit", "measured"], default="refit")
    parser.add_argument("--anew", action="store_true", help="search settings and make the record anew each time")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        lay_out(Path(home), asked.data, asked.ships)
        if asked.anew:
            keep_nothing()
        found = [*seasons(Path(home))]
    lost, spent = np.concatenate([losses for losses, _ in found]), [seconds for _, seconds in found]
    print(f"mean log loss over {len(lost):,} rows: {lost.mean():.4f}")
    print(f"CPU seconds of the retrainings: {sum(spent):.0f}; of the last five: {np.mean(spent[-5:]):.2f} each")


def keep_nothing() -> None:
    """Retrainings find no earlier ones."""
    from shotclock.steps import kept

    kept._earlier = lambda *_: None


def lay_out(home: Path, data: Path, ships: str) -> None:
    """A home of its own, with the project and both raw files, and a folder for the seasons."""
    for name in ("projects", "data/raw/arrivals"):
        (home / name).mkdir(parents=True)
    source = ROOT / "include" / "projects"
    (home / "projects" / "court").symlink_to(source / "court")
    rules = (source / f"{PROJECT}.yaml").read_text("utf-8")
    for old, new in (
        ("pycaret ", "scikit-learn "),
        ("ships: refit", f"ships: {ships}"),
        ("data:\n", "data:\n  batches: arrivals\n"),
    ):
        rules = rules.replace(old, new, 1)
    (home / "projects" / f"{PROJECT}.yaml").write_text(rules, "utf-8")
    for name in ("dev", "prod"):
        shutil.copy(data / f"dataset_kobe_{name}.parquet", home / "data" / "raw")
    os.environ |= {"SHOTCLOCK_HOME": str(home), "SHOTCLOCK_PROJECTS": "projects"}
    os.environ |= {"MLFLOW_TRACKING_URI": f"sqlite:///{home}/mlflow.db", "SHOTCLOCK_ARTIFACTS": str(home / "artifacts")}


def seasons(home: Path) -> Iterator[tuple[np.ndarray, float]]:
    """Of each season the losses of its labelled rows, in nats, and the CPU seconds of the retraining after it."""
    from shotclock import flows
    from shotclock.projects.split_history import split_history
    from shotclock.store import history
    from shotclock.store.server import database
    from shotclock.store.versions import registry, verify

    verify.verify_apart = verify.verify  # a process of its own takes seconds
    database.prepare_store()
    flows.train(PROJECT, "first")
    for part in split_history(PROJECT, "season", into="seasons").files:
        season = home / "data" / "raw" / "seasons" / part.file
        shutil.copy(season, home / "data" / "raw" / "arrivals")
        flows.score(PROJECT, f"{part.file} arrives")
        lost = losses(season)
        if flows.check(PROJECT, f"{part.file} arrives").sensors["demotion"].fires:
            print(flows.demote(PROJECT, part.file).summary)
        began = time.process_time()
        flows.retrain(PROJECT, part.file, reason="the schedule")
        spent = time.process_time() - began
        flows.score(PROJECT, f"{part.file} again")
        told, champion = history.decisions(PROJECT, 1)[0], registry.require_champion(PROJECT)
        serves = f"v{champion.number} {champion.origin.algorithm}"
        print(
            f"{part.file[:7]}  {len(lost):4}  {lost.mean():.4f}  {spent:5.1f} s  {serves}: {told.reason[:80]}",
            flush=True,
        )
        yield lost, spent


def losses(season: Path) -> np.ndarray:
    """Of the labelled rows of a season, by what was published last."""
    import pyarrow.parquet as pq

    from shotclock.judging import performance
    from shotclock.store import queries
    from shotclock.store.records import Application

    newest = queries.newest(PROJECT, Application)[0].record
    given = pq.read_table(newest.predictions, columns=["shot_id", "probability"]).to_pandas()
    known = pq.read_table(season, columns=["shot_id", "shot_made_flag"]).to_pandas().dropna()
    rows = known.merge(given, on="shot_id", validate="one_to_one")
    assert len(rows) == len(known)
    return performance.losses(rows["shot_made_flag"].to_numpy(), rows["probability"].to_numpy())


if __name__ == "__main__":
    main()
