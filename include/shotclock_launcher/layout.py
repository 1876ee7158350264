"""Where things lie, which ports are used, how long to wait: only here does the launcher read the environment for itself."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any, Self

from shotclock.config import Settings, settings
from shotclock_launcher.errors import LaunchError

CHECKOUT = Path(__file__).resolve().parents[2]
LOOPBACK = "127.0.0.1"
AIRFLOW_PORT = 8080
MLFLOW_PORT = 5000
SERVING_PORT = 5001
DASHBOARD_PORT = 8501
PATIENCE = 600.0  # seconds without any progress after which the demo gives up
_PORTS = {  # by setting: the field of `Layout`, and the default
    "SHOTCLOCK_PORT": ("port", AIRFLOW_PORT),
    "SHOTCLOCK_MLFLOW_PORT": ("mlflow_port", MLFLOW_PORT),
    "SHOTCLOCK_SERVING_PORT": ("serving_port", SERVING_PORT),
    "SHOTCLOCK_DASHBOARD_PORT": ("dashboard_port", DASHBOARD_PORT),
}


@dataclass(frozen=True)
class Layout:
    """The folders and ports of one stack. `settings.home` says where `var/` lies; the code is the checkout's.

    `cache` is for what can be made again, and is shared by the stacks of a user; None where the user has no folder for it.
    """

    settings: Settings
    cache: Path | None = None
    dags: Path = CHECKOUT / "dags"
    plugins: Path = CHECKOUT / "plugins"
    config: Path = CHECKOUT / "config"
    dashboard: Path = CHECKOUT / "dashboard" / "app.py"
    port: int = AIRFLOW_PORT
    mlflow_port: int = MLFLOW_PORT
    dashboard_port: int = DASHBOARD_PORT
    serving_port: int = SERVING_PORT

    @classmethod
    def of(cls, environment: Mapping[str, str] | None = None, dags: Path | None = None) -> Self:
        """Read the ports (see `_PORTS`) and the settings of the package.

        Raises:
            LaunchError: a port is not a port number, or two are the same.
        """
        env = os.environ if environment is None else environment
        ports = {setting: _port(env, setting, default) for setting, (_, default) in _PORTS.items()}
        _refuse_shared(ports)
        named: dict[str, Any] = {field: ports[setting] for setting, (field, _) in _PORTS.items()}
        return cls(settings(env), _cache(env), (dags or CHECKOUT / "dags").resolve(), **named)

    @property
    def var(self) -> Path:
        return self.settings.home / "var"

    @property
    def airflow(self) -> Path:
        return self.var / "airflow"

    @property
    def database(self) -> Path:
        return self.airflow / "airflow.db"

    @property
    def logs(self) -> Path:
        return self.var / "log"

    @property
    def task_logs(self) -> Path:
        return self.logs / "tasks"

    @property
    def falls(self) -> Path:
        """Which services ended by themselves: see `running.falls`."""
        return self.logs / "falls.jsonl"

    @property
    def lock(self) -> Path:
        return self.var / "stack.lock"

    @property
    def address(self) -> str:
        return f"http://{LOOPBACK}:{self.port}"

    @property
    def mlflow_address(self) -> str:
        return f"http://{LOOPBACK}:{self.mlflow_port}"

    @property
    def serving_address(self) -> str:
        return f"http://{LOOPBACK}:{self.serving_port}"

    @property
    def dashboard_address(self) -> str:
        return f"http://{LOOPBACK}:{self.dashboard_port}"

    @property
    def store(self) -> Path | None:
        """The MLflow database, where it is a file of this machine."""
        uri = self.settings.tracking_uri
        return Path(uri.removeprefix("sqlite:///")) if uri.startswith("sqlite:///") else None

    def make_folders(self) -> None:
        """Make what running needs. Of `var` and of data at home nobody else sees anything: secrets, store, models, rows.

        Only the outermost folders are closed: a container that gets `data/raw` alone still reads it.
        """
        data = self.settings.data
        at_home = isinstance(data, Path) and data.resolve().parent == self.settings.home
        for folder in (self.var, data) if at_home else (self.var,):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            folder.chmod(0o700)
        for folder in (self.airflow, self.logs, self.task_logs):
            folder.mkdir(parents=True, exist_ok=True)
        self.airflow.chmod(0o700)


def _cache(environment: Mapping[str, str]) -> Path | None:
    home = environment.get("HOME")
    folder = environment.get("XDG_CACHE_HOME") or (home and f"{home}/.cache")
    return Path(folder) / "shotclock" if folder else None


def _refuse_shared(ports: Mapping[str, int]) -> None:
    for first, second in combinations(ports, 2):
        if ports[first] == ports[second]:
            raise LaunchError(f"{first} and {second}: both are {ports[first]}; give each a port of its own")


def _port(environment: Mapping[str, str], name: str, default: int) -> int:
    text = environment.get(name) or str(default)
    if not text.isdecimal() or not 1024 <= int(text) <= 65535:
        raise LaunchError(f"{name}: found '{text}', expected a port number from 1024 to 65535")
    return int(text)
