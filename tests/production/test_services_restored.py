"""A backup of the running services, restored into an empty place, goes on with the same champion."""

import json

import compose
import engine
import pytest
from compose import TEXT
from loop import Loop, Outcome

BACKUP = ("python", "-m", "shotclock_deployment.backup")


@pytest.fixture(scope="module")
def saved(stack: Loop, undisturbed: Outcome, tmp_path_factory):
    folder = tmp_path_factory.mktemp("backup")
    folder.chmod(0o777)
    done = stack.engine.run("init", *BACKUP, "save", str(folder / "first"))
    assert done.returncode == 0, done.stdout
    return folder / "first"


def test_a_backup_goes_into_an_empty_folder_only(stack: Loop, saved) -> None:
    again = stack.engine.run("init", *BACKUP, "save", str(saved))
    assert (again.returncode, "expected an empty folder" in again.stdout) == (1, True)


def test_nothing_is_restored_over_what_is_there(stack: Loop, saved) -> None:
    done = stack.engine.run("init", *BACKUP, "restore", str(saved))
    assert done.returncode == 1
    assert "found something in database airflow, database mlflow, bucket shotclock, /opt/shotclock/data" in done.stdout


def test_restored_into_an_empty_place_the_same_champion_scores_to_the_same_bytes(
    stack: Loop, undisturbed: Outcome, saved, tmp_path
) -> None:
    before = stack.engine.services
    files = {target: source for source, target, _ in before["worker"].volumes}
    other = stack.settings | {
        "PROJECT_FILES": files["/opt/shotclock/include/projects"],
        "RAW_FILES": files["/opt/shotclock/source"],
    }
    with engine.running(tmp_path, compose.load(TEXT, other)) as place:
        place.start("postgres", "redis", "s3")
        done = place.run("init", *BACKUP, "restore", str(saved))
        assert done.returncode == 0, done.stdout
        place.start("mlflow")
        writing = {
            name: value for name, value in before["worker"].environment.items() if name.startswith("MLFLOW_TRACKING")
        }
        login = ["env", *(f"{name}={value}" for name, value in writing.items())]
        told = place.execute("mlflow-1", *login, "shotclock", "status", "kobe_shots", "--json")
        assert json.loads(told.stdout).get("champion") == undisturbed.champion, told.stdout + told.stderr
        scored = place.execute("mlflow-1", *login, "shotclock", "score", "kobe_shots")
        assert scored.returncode == 0, scored.stderr
        assert Loop.sha256(place.volume("data") / "kobe_shots" / "predictions") == undisturbed.predictions
        runs = place.run("init", "airflow", "dags", "list-runs", "kobe_shots.training", "--output", "json")
        assert '"state": "success"' in runs.stdout
    damaged = saved / "mlflow.dump"
    damaged.write_bytes(damaged.read_bytes()[:-1])
    refused = stack.engine.run("init", *BACKUP, "restore", str(saved))
    assert (refused.returncode, "missing or damaged: mlflow.dump" in refused.stdout) == (1, True)
