"""Processes that are told nothing of MLflow: the store lies in its place below the home, and each door finds it there."""

import os
import subprocess
import sys

import pytest

DOORS = {
    "endpoint": "from shotclock.serving.service import load; load(registry.champion('shots'))",
    "notebook": "import pandas, shotclock; shotclock.open('shots').champion().score(pandas.read_parquet(sys.argv[1]).head(3))",
    "dashboard": "from shotclock.reading import demonstration; demonstration.load('shots', '1')",
    "scoring": "from shotclock import flows; flows.score('shots', 'alone')",
    "check": "from shotclock import flows; flows.check('shots', 'alone')",
    "rollback": "from shotclock.steps import rollback; from shotclock.store.run import Run; "
    "rollback.rollback(Run('shots', 'rollback', 'alone'), 'complaints')",
}


@pytest.mark.parametrize("door", DOORS)
def test_each_door_finds_it_and_makes_no_other(at, tmp_path, door):
    """MLflow's own functions ask the store that was named last in their process, or one that they make where they are."""
    live = at("rested")
    home, here = tmp_path / "home", tmp_path / "here"
    (home / "var" / "mlflow").mkdir(parents=True)
    here.mkdir()
    (home / "var" / "mlflow" / "mlflow.db").symlink_to(live / "mlflow.db")
    environment = {name: value for name, value in os.environ.items() if name != "MLFLOW_TRACKING_URI"} | {
        "SHOTCLOCK_HOME": str(home),
        "SHOTCLOCK_DATA": str(live / "data"),
        "SHOTCLOCK_PROJECTS": str(live / "projects"),
        "SHOTCLOCK_ARTIFACTS": str(live / "artifacts"),
    }
    code = f"import sys; from shotclock.store.versions import registry; {DOORS[door]}"
    rows = live / "data" / "raw" / "dataset_kobe_prod.parquet"
    done = subprocess.run(
        [sys.executable, "-c", code, rows], cwd=here, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert list(here.iterdir()) == []
