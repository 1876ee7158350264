"""The command line as a whole: help, completion, exit codes, and what is said to whoever mistypes."""

import json
import os
import subprocess
import sys
from importlib.metadata import version

import pytest

from shotclock.config import settings

ON_A_PROJECT = (
    "split-history",
    "train",
    "score",
    "check",
    "retrain",
    "rollback",
    "history",
    "batches",
    "status",
    "policies",
    "prune",
)
COMMANDS = (*ON_A_PROJECT, "init", "validate", "doctor")
HEAVY = {"pandas", "numpy", "pyarrow", "sklearn", "scipy", "skops", "mlflow", "evidently", "pycaret", "airflow"}
HEAVY |= {"matplotlib", "sqlalchemy", "alembic", "httpx", "yaml"}


def test_help_names_every_command(shotclock):
    found = shotclock("--help")
    assert found.exit_code == 0
    assert all(command in found.stdout for command in COMMANDS)


def test_asked_for_its_version_it_says_that_of_the_installed_package_and_does_nothing_else(shotclock):
    found = shotclock("--version", "train", "no-such-project")
    assert (found.exit_code, found.stdout) == (0, f"shotclock {version('shotclock')}\n")


def loaded(*arguments):
    """The top-level modules that a process has loaded after it was `shotclock` with these arguments."""
    code = (
        "import sys\nfrom shotclock.cli import app\n"
        f"try: app({list(arguments)!r})\nexcept SystemExit: pass\n"
        "print(*{name.partition('.')[0] for name in sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines()[-1].split())


@pytest.mark.parametrize("arguments", [("--help",), ("retrain", "--help"), ("status", "--help"), ()])
def test_asking_for_help_loads_nothing_that_takes_its_time(arguments):
    brought = loaded(*arguments)
    assert brought & HEAVY == set()
    assert len(arguments) == 2 or "pydantic" not in brought  # Typer asks it itself, for a command's options


def test_the_package_itself_loads_nothing_until_a_project_is_opened():
    code = (
        "import sys, shotclock\nassert shotclock.open.__doc__\nprint(*{name.partition('.')[0] for name in sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) & (HEAVY | {"pydantic", "typer"}) == set()


@pytest.mark.parametrize("command", ["status", "history", "batches"])
def test_looking_loads_no_model_no_mlflow_and_nothing_that_trains_or_draws(at, command):
    at("trained")
    brought = loaded(command, "shots")
    assert "sqlite3" in brought
    assert brought & {"mlflow", "sklearn", "skops", "matplotlib", "evidently", "pycaret", "airflow", "httpx"} == set()


@pytest.mark.parametrize(
    "arguments",
    [
        ("train",),
        ("nonsense",),
        ("retrain", "shots"),
        ("rollback", "shots", "--reason", "why", "--version", "0"),
        ("split-history", "shots", "--by", "fortnight"),
        ("history", "shots", "--on", "yesterday"),
    ],
)
def test_a_command_that_is_not_understood_ends_with_2_and_changes_nothing(at, shotclock, arguments, mlflow_runs):
    at("empty")
    before = mlflow_runs()
    found = shotclock(*arguments)
    assert found.exit_code == 2
    assert found.stdout == ""
    assert mlflow_runs() == before


def mistyped(shotclock, command, *names):
    reason = ("--reason", "why") if command in ("retrain", "rollback") else ()
    found = shotclock(command, *names, *reason)
    assert (found.exit_code, found.stdout) == (2, "")
    return " ".join(found.stderr.replace("│", " ").split())


@pytest.mark.parametrize("command", ON_A_PROJECT)
def test_without_a_project_the_command_lists_those_that_there_are(at, shotclock, command):
    at("empty")
    assert "name one of shots" in mistyped(shotclock, command)


@pytest.mark.parametrize("command", [*ON_A_PROJECT, "validate"])
def test_a_misspelt_project_is_answered_with_those_that_there_are(at, shotclock, command):
    at("empty")
    message = mistyped(shotclock, command, "shot")
    assert "found 'shot', expected one of shots; did you mean 'shots'?" in message


def test_where_there_is_no_project_yet_the_way_to_one_is_named(shotclock, tmp_path, monkeypatch):
    monkeypatch.setenv("SHOTCLOCK_PROJECTS", str(tmp_path))
    assert "there is none yet: make one with `shotclock init`" in mistyped(shotclock, "train")


def test_a_wrong_project_file_is_refused_with_3_and_as_json_where_that_was_asked_for(at, shotclock):
    at("empty")
    (settings().projects / "wrong.yaml").write_text("name: wrong\n", "utf-8")
    found = shotclock("train", "wrong", "--json")
    assert found.exit_code == 3
    assert json.loads(found.stdout)["kind"] == "ConfigError"
    assert "field 'title': missing" in json.loads(found.stdout)["error"]
    assert "field 'title': missing" in found.stderr
    assert "Traceback" not in found.stderr


def test_the_shell_completes_the_names_of_projects(at):
    at("empty")
    (settings().projects / "shirts.yaml").write_text("", "utf-8")
    asked = {"_SHOTCLOCK_COMPLETE": "complete_bash", "COMP_WORDS": "shotclock train sh", "COMP_CWORD": "2"}
    code = "from shotclock.cli import app; app(prog_name='shotclock')"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=os.environ | asked, check=True
    )
    assert done.stdout.split() == ["shirts", "shots"]


def test_the_page_of_the_command_line_names_every_exit_code(shotclock):
    epilog = " ".join(shotclock("--help").stdout.split())
    assert all(f"{code}: " in epilog for code in (0, 1, 2, 3, 4, 130))


def test_settings_are_read_from_the_checkouts_env_file_and_the_environment_goes_first(shotclock, tmp_path, monkeypatch):
    for folder in ("named", "given"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / f"{folder}.yaml").write_text("", "utf-8")
    (tmp_path / ".env").write_text(f"SHOTCLOCK_PROJECTS={tmp_path / 'named'}\n", "utf-8")
    monkeypatch.setattr("shotclock.cli._ENV", tmp_path / ".env")
    monkeypatch.setenv("SHOTCLOCK_PROJECTS", str(tmp_path / "given"))
    assert "name one of given" in mistyped(shotclock, "train")
    monkeypatch.delenv("SHOTCLOCK_PROJECTS")
    assert "name one of named" in mistyped(shotclock, "train")
