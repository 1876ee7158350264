"""The most memory that monitoring and a retraining's collecting take when the window is very large.

    python -m benchmarks.monitoring --rows 50000000

Trains a champion on the real rows with scikit-learn, scores a jittered production file of that many rows (see scale.py),
and then runs the drift check, the performance check and a retraining's collecting, each in a fresh process. The
files are removed afterwards.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml

from benchmarks.scale import _make_rows, _peak_megabytes
from shotclock.config import Project, project, settings

STEPS = ("drift_check", "performance_check", "collect")
NAME = "large"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=50_000_000)
    parser.add_argument("--folder", help="where the temporary folder is made")
    parser.add_argument("--step", choices=STEPS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.step:
        print(json.dumps(one(options.step)))
        return
    with tempfile.TemporaryDirectory(prefix="monitoring-", dir=options.folder) as folder:
        prepare(Path(folder), options)
        print(f"{options.rows:,} rows in the window\n\n{'step':20} {'seconds':>8} {'peak MB':>8}  verdict")
        for step in STEPS:
            command = [sys.executable, "-m", "benchmarks.monitoring", "--step", step]
            done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
            found = json.loads(done.stdout.splitlines()[-1])
            print(f"{step:20} {found['seconds']:8.1f} {found['peak']:8.0f}  {found['said']}", flush=True)


def prepare(folder: Path, options: argparse.Namespace) -> None:
    """A home with a champion, and its window scored; the environment names it for this process and those it starts."""
    rules = project("kobe_shots")
    _make_project(folder, rules)
    os.environ |= {
        "SHOTCLOCK_PROJECTS": str(folder / "projects"),
        "SHOTCLOCK_DATA_DIR": str(settings().data_source or settings().data / "raw"),
        "SHOTCLOCK_DATA": str(folder / "data"),
        "SHOTCLOCK_ARTIFACTS": str(folder / "artifacts"),
        "MLFLOW_TRACKING_URI": f"sqlite:///{folder}/mlflow.db",
    }
    from shotclock import flows
    from shotclock.store.server import database

    database.prepare_store()
    flows.train(NAME, "benchmark")
    large = folder / "data" / "raw" / "large.parquet"
    _make_rows(rules, large, options.rows)
    flows.score(NAME, "benchmark", path=large.name)


def _make_project(folder: Path, rules: Project) -> None:
    content = rules.model_dump(mode="json")
    content |= {
        "name": NAME,
        "demonstration": None,
        "training": {**content["training"], "backend": "scikit-learn", "iterations": 1},
    }
    (folder / "projects").mkdir()
    (folder / "projects" / f"{NAME}.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")


def one(step: str) -> dict[str, float | str]:
    from shotclock.handoff import Cause, Checked, Plan
    from shotclock.steps import monitoring, retraining
    from shotclock.store.run import Run

    run, start = Run(NAME, "monitoring", "benchmark"), time.perf_counter()
    plan = Plan(cause=Cause(by="manual", why="", alerts=()))
    found = retraining.collect(run, plan) if step == "collect" else getattr(monitoring, step)(run)
    said = (found.reason if isinstance(found, Checked) else found.summary)[:60]
    return {"seconds": time.perf_counter() - start, "peak": _peak_megabytes(), "said": said}


if __name__ == "__main__":
    main()
