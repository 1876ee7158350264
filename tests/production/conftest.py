"""One stack of all services for the whole folder, with the project as it ships and copies of it to be shaken."""

import shutil
import sys
from pathlib import Path

import pytest
from dotenv import dotenv_values

from shotclock_deployment.keys import complete

sys.path.append(str(Path(__file__).parent))  # for compose, engine and loop beside this file

import compose
import engine
from loop import Loop, Outcome, copies

PASSWORD = "trial-password"


@pytest.fixture(scope="session")
def settings(tmp_path_factory) -> dict[str, str]:
    """An .env as `make secrets` writes it, what a test machine adds, and Airflow behind a path, which is the harder way."""
    folder = tmp_path_factory.mktemp("settings")
    complete(folder / ".env")
    return dotenv_values(folder / ".env", interpolate=False) | {
        "WORKER_SLOTS": "2",
        "AIRFLOW_URL": "https://somewhere.example/airflow",
    }


@pytest.fixture(scope="session")
def stack(request, settings, tmp_path_factory, dev_path, prod_path):
    """Every service of docker-compose.yaml, with two workers, healthy."""
    folder = tmp_path_factory.mktemp("stack")
    chaos = [item for item in request.session.items if item.path.name == "chaos.py" and hasattr(item, "callspec")]
    rounds = [item.callspec.params["name"] for item in chaos if "name" in item.callspec.params]
    rounds += [f"without_{store}" for store in ("mlflow", "s3") if chaos]
    projects = copies(folder, ("shaken", "raced", *rounds))
    raw = folder / "raw"
    raw.mkdir()
    for path in (dev_path, prod_path):
        shutil.copy(path, raw)
    services = compose.load(compose.TEXT, settings | {"PROJECT_FILES": str(projects), "RAW_FILES": str(raw)})
    with engine.running(folder, services, {"worker": 2}) as running, pytest.MonkeyPatch.context() as patch:
        running.start()
        yield Loop(running, settings, patch)


@pytest.fixture(scope="session")
def undisturbed(stack: Loop) -> Outcome:
    """One training of the project as it ships, triggered by the first user, until the loop is at rest."""
    stack.parsed("kobe_shots")
    follower = stack.follower("kobe_shots")
    stack.trigger("kobe_shots.training")
    stack.rest(follower)
    return stack.outcome("kobe_shots")


@pytest.fixture(scope="session")
def users(stack: Loop) -> dict[str, str]:
    """A user of each role but the first one's, with a password each."""
    for role in ("Viewer", "User", "Op"):
        name = role.lower()
        about = ["--firstname", name, "--lastname", name, "--email", f"{name}@localhost", "--password", PASSWORD]
        made = stack.engine.execute(
            "api-server-1", "airflow", "users", "create", "--username", name, "--role", role, *about
        )
        assert made.returncode == 0, made.stderr
    return dict.fromkeys(("viewer", "user", "op"), PASSWORD) | {"admin": stack.settings["AIRFLOW_ADMIN_PASSWORD"]}
