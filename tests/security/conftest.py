"""The running system of `make up`, with a user of each role."""

import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from types import MappingProxyType

import httpx
import pytest

from shotclock_launcher.following.api import Api
from shotclock_launcher.following.readiness import (
    wait_for_airflow,
    wait_for_dags,
    wait_for_dashboard,
    wait_for_endpoint,
    wait_for_mlflow,
)
from shotclock_launcher.layout import Layout
from shotclock_launcher.running.environment import RESTING_PAUSE, airflow_environment
from shotclock_launcher.running.stack import Stack, running

sys.path.append(str(Path(__file__).parent))  # for attempts and doors beside this file

from attempts import ROLES
from doors import PROJECT, Doors

ROOT = Path(__file__).parents[2]
PORTS = ("SHOTCLOCK_PORT", "SHOTCLOCK_MLFLOW_PORT", "SHOTCLOCK_SERVING_PORT", "SHOTCLOCK_DASHBOARD_PORT")
DROPPED = ("AIRFLOW_", "MLFLOW_", "SHOTCLOCK_")  # of the tests' own surroundings


@pytest.fixture(scope="session")
def doors(free_tcp_port_factory) -> Iterator[Doors]:
    """Under a folder that everybody may enter, unlike the tests' own: so what keeps others out is Shotclock's doing."""
    with tempfile.TemporaryDirectory(prefix="shotclock-of-tests-") as folder:
        home = Path(folder)
        home.chmod(0o755)
        yield from _opened_in(home, free_tcp_port_factory)


def _opened_in(home: Path, free_tcp_port_factory: Callable[[], int]) -> Iterator[Doors]:
    (home / "projects").mkdir()
    text = (ROOT / "include" / "projects" / "kobe_shots.yaml").read_text("utf-8")
    (home / "projects" / f"{PROJECT}.yaml").write_text(
        text.replace("name: kobe_shots\n", f"name: {PROJECT}\n"), "utf-8"
    )
    (home / "projects" / "court").symlink_to(ROOT / "include" / "projects" / "court")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(DROPPED)}
    environment |= {name: str(free_tcp_port_factory()) for name in PORTS}
    environment |= {"SHOTCLOCK_HOME": str(home), "SHOTCLOCK_PROJECTS": str(home / "projects")}
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith(DROPPED)]:
            patch.delenv(name)
        patch.setattr("shotclock_launcher.running.stack.airflow_environment", _with_every_role)
        whole = {"mlflow": True, "serving": True, "dashboard": True, "pause": RESTING_PAUSE}  # as `make up`
        with running(Layout.of(environment), **whole) as stack:
            yield _opened(stack)


def _with_every_role(*arguments: object, **options: object) -> dict[str, str]:
    users = ",".join(f"{role}:{role}" for role in ROLES)
    return airflow_environment(*arguments, **options) | {"AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": users}


def _opened(stack: Stack) -> Doors:
    api = Api(stack.layout.address, stack.login)
    wait_for_airflow(stack, api)
    wait_for_dags(stack, api, PROJECT)
    wait_for_mlflow(stack)
    wait_for_dashboard(stack)
    wait_for_endpoint(stack)
    passwords = json.loads((stack.layout.airflow / "passwords.json").read_text("utf-8"))
    return Doors(stack, api, MappingProxyType(passwords), MappingProxyType(_tokens(stack.layout.address, passwords)))


def _tokens(address: str, passwords: dict[str, str]) -> dict[str, str]:
    with httpx.Client(base_url=address, timeout=60, trust_env=False) as client:
        logins = {role: {"username": role, "password": passwords[role]} for role in ROLES}
        return {role: client.post("/auth/token", json=login).json()["access_token"] for role, login in logins.items()}


@pytest.fixture(scope="module")
def nothing_changed(doors: Doors) -> Iterator[None]:
    """Whatever the tests of a file try, Airflow's own state is the same afterwards: asked once, since it takes ten requests."""
    before = doors.state()
    yield
    assert doors.state() == before
