"""`make demo-history` with a real Airflow: seasons handed in one by one, then labels that come later."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from yaml import safe_dump, safe_load

from shotclock.config import load_project, settings
from shotclock_launcher.commands.demo_history import announce, lay_out, surroundings
from shotclock_launcher.errors import LaunchError
from shotclock_launcher.following.api import Api
from shotclock_launcher.following.readiness import wait_for_airflow, wait_for_dags
from shotclock_launcher.layout import Layout
from shotclock_launcher.running import processes
from shotclock_launcher.running.stack import running

ROOT = Path(__file__).parents[2]
SHIPPED = ROOT / "include" / "projects" / "kobe_shots.yaml"
NAME = "small_history"


@pytest.fixture
def environment(tmp_path: Path, prod_path: Path, free_tcp_port: int) -> dict[str, str]:
    """A home of its own with a project `small`: that of the shots, trained quickly."""
    rules = safe_load(SHIPPED.read_text("utf-8"))
    rules |= {
        "name": "small",
        "training": {"backend": "scikit-learn", "candidates": ["decision_tree"], "iterations": 2},
    }
    (tmp_path / "projects").mkdir()
    (tmp_path / "projects" / "court").symlink_to(SHIPPED.parent / "court")
    (tmp_path / "projects" / "small.yaml").write_text(safe_dump(rules, sort_keys=False), "utf-8")
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "LC_ALL") if name in os.environ}
    return kept | {
        "HOME": str(tmp_path),
        "XDG_CACHE_HOME": os.environ.get("XDG_CACHE_HOME", str(Path.home() / ".cache")),  # Airflow's empty tables
        "SHOTCLOCK_HOME": str(tmp_path),
        "SHOTCLOCK_PROJECTS": "projects",
        "SHOTCLOCK_DATA_DIR": str(prod_path.parent),
        "SHOTCLOCK_PORT": str(free_tcp_port),
    }


def demo_history(environment: dict[str, str], *arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "shotclock_launcher", "demo-history", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=600, check=False)


def test_seasons_are_handed_in_one_by_one_and_labels_have_the_window_judged_again(environment, tmp_path: Path) -> None:
    own = (tmp_path / "projects" / "small.yaml").read_bytes()
    done = demo_history(environment, "--batches", "2")
    assert done.returncode == 0, done.stdout + done.stderr
    lines = [line for line in done.stdout.splitlines() if re.match(r"\d{4}-\d\d: ", line)]
    assert lines == ["1996-97: 159 rows", "1997-98: 234 rows, window 1996-97 … 1997-98 (2 batches)"]
    assert "2 batches; at rest" in done.stdout
    assert (tmp_path / "projects" / "small.yaml").read_bytes() == own
    assert not (tmp_path / "data").exists()  # the demo's home is its own

    home = tmp_path / "var" / "demo-history"
    layout = Layout.of(surroundings(home, settings(environment)) | environment | {"SHOTCLOCK_HOME": str(home)})
    with running(layout) as stack:
        wait_for_airflow(stack, api := Api(layout.address, stack.login))
        wait_for_dags(stack, api, NAME)
        outcome = announce(stack, f"{NAME}/labels", {})
        with pytest.raises(LaunchError, match=f"there is no asset '{NAME}/nothing' in Airflow"):
            announce(stack, f"{NAME}/nothing", {})
    assert outcome.good
    assert [dag for dag, _ in outcome.runs] == [f"{NAME}.monitoring"]
    assert processes.members(stack.id) == []


def test_a_fresh_home_has_no_past_and_a_project_that_takes_batches_in(tmp_path: Path) -> None:
    for old in ("data/raw/x", "var/mlflow/x", "var/airflow/x", "var/log/x"):
        (tmp_path / old).mkdir(parents=True)
    lay_out(SHIPPED, "kobe_shots_history", tmp_path)
    assert not any((tmp_path / old).exists() for old in ("data", "var/mlflow", "var/airflow", "var/log"))
    made, original = load_project(tmp_path / "projects" / "kobe_shots_history.yaml"), load_project(SHIPPED)
    assert made.data.batches == "kobe_shots_history"
    own = {"name", "title", "data"}
    assert made.model_dump(exclude=own) == original.model_dump(exclude=own)
    assert made.title == "Kobe Bryant's shots, season by season"
    assert (tmp_path / "synthetic" / "kobe_shots.yaml").is_file()


def test_a_project_that_is_not_there_is_refused_before_anything_is_written(environment, tmp_path: Path) -> None:
    done = demo_history(environment, "--project", "nobody")
    assert done.returncode == 1
    assert "nobody.yaml: cannot be read" in done.stdout
    assert not (tmp_path / "var" / "demo-history" / "projects").exists()
